"""Threads as a user meets them: whose number is obeyed, what an error says, and Ctrl-C."""

import json
import os
import signal
import subprocess
import time

import numpy as np
import pytest
import torch

import landscape as ll
from landscape.cli.main import main
from landscape.objective.sharing import Sharing
from landscape.surfaces import load_surface

NET = {"model": "net.py:build", "data": "npz:data.npz", "normalize": "digits", "batch_size": 16, "quiet": True}

WORDS = ["line", "net.pt", "--model=net.py:build", "--data=npz:data.npz", "--normalize=digits"]


@pytest.fixture
def environment(monkeypatch):
    """environment(NAME=value): the only ones of the variables that say how many threads there are."""
    for name in ("OMP_NUM_THREADS", "SLURM_CPUS_PER_TASK"):
        monkeypatch.delenv(name, raising=False)
    return lambda **given: [monkeypatch.setenv(name, value) for name, value in given.items()]


@pytest.mark.parametrize(
    ("given", "asked", "expected"),
    [
        ({"OMP_NUM_THREADS": "3"}, None, 3),
        ({"OMP_NUM_THREADS": "3"}, 2, 2),
        ({"SLURM_CPUS_PER_TASK": "1"}, None, 1),
        ({"SLURM_CPUS_PER_TASK": "1", "OMP_NUM_THREADS": "2"}, None, 2),
    ],
)
def test_the_number_of_threads_is_the_option_then_the_environment(here, environment, given, asked, expected):
    before = torch.get_num_threads()
    environment(**given)
    found = ll.line("net.pt", x="-1:1:2", threads=asked, **NET)
    assert found.provenance["run"]["threads"] == expected
    assert torch.get_num_threads() == before


def test_a_training_run_obeys_the_environment_and_records_it(here, environment):
    environment(OMP_NUM_THREADS="1")
    ll.train(model="net.py:build", data="npz:data.npz", normalize="digits", epochs=1, out="run", quiet=True)
    assert json.loads((here / "run" / "config.json").read_text())["threads"] == 1


@pytest.fixture
def most(monkeypatch):
    monkeypatch.setattr(Sharing, "_fastest", lambda self, objective: self._equal_divisions(objective)[-1])


def test_a_surface_is_the_same_with_any_number_of_threads(here, most):
    one, *others = [
        ll.surface("net.pt", x="-1:1:3", y="-1:1:2", split=("train", "test"), threads=count, **NET)
        for count in (1, 2, 3)
    ]
    for other in others:
        assert one.values.keys() == other.values.keys()
        for name, array in one.values.items():
            np.testing.assert_array_equal(other.values[name], array)
            np.testing.assert_array_equal(other.stderr[name], one.stderr[name])


def test_an_error_is_the_same_line_with_any_number_of_threads(here, most, capsys):
    (here / "bad.py").write_text(
        "def loss(outputs, targets):\n"
        "    if float(outputs.abs().amax()) > 60:\n"
        "        raise ValueError('too far out')\n"
        "    return (outputs.log_softmax(1) ** 2).mean(1)\n"
    )
    lines = []
    for count in (1, 3):
        words = [*WORDS, "--loss=bad.py:loss", "--x=0:40:5", "--batch-size=16", f"--threads={count}", "--quiet"]
        assert main([*words, "-o", f"{count}.h5"]) == 1
        lines.append(capsys.readouterr().err.replace(f"{count}.h5", "FILE"))
    assert lines[0] == lines[1]
    assert "too far out" in lines[0]
    assert lines[0].count("\n") == 1
    assert load_surface("1.h5").counts() == load_surface("3.h5").counts()


def test_ctrl_c_with_threads_is_one_line_and_keeps_the_points(here, launch):
    """The loss itself says when it runs in a thread of ours; it sleeps, so long that batches are shared untimed."""
    (here / "slow.py").write_text(
        "import threading, time\n"
        "def loss(outputs, targets):\n"
        "    if threading.current_thread().name == 'landscape-team':\n"
        "        open('shared', 'a').write('x')\n"
        "    time.sleep(0.06)\n"
        "    return (outputs.log_softmax(1) ** 2).mean(1)\n"
    )
    words = [*WORDS, "--loss=slow.py:loss", "--x=-1:1:999", "--batch-size=16", "--threads=2", "--quiet"]
    process = subprocess.Popen(
        launch(*words, "-o", "s.h5"),
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    while process.poll() is None and not (os.path.exists("shared") and os.path.getsize("shared") > 40):
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, text = process.communicate(timeout=60)
    assert process.returncode == 130, text
    assert text.count("\n") == 1
    assert "stopped by Ctrl-C" in text
    assert 0 < load_surface("s.h5").counts()["done"] < 999
