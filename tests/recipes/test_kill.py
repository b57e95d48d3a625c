"""Written so that a kill at any moment leaves a valid file, and the next run continues to the very same values.

The runs are killed with SIGKILL at random moments, one process at least 4 times, two ranks at least twice (20 times each
with `./scripts/test --all`), half of them after points were saved. One process is forked from here, which spares it loading torch
each time; two ranks are started as a user would, and loading torch is most of what they take.
"""

import contextlib
import os
import random
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest

import landscape as ll
from landscape.cli.main import main
from landscape.surfaces import load_surface
from tests import forked

KILLS = 20


ARGUMENTS = {
    "model": "net.py:build",
    "data": "npz:data.npz",
    "normalize": "digits",
    "loss": "net.py:lazy",
    "threads": 1,
    "x": "-1:1:9",
    "y": "-1:1:7",
}
WORDS = ["surface", "net.pt", *(f"--{name}={value}" for name, value in ARGUMENTS.items()), "--quiet", "-o", "a.h5"]


@pytest.fixture(scope="module")
def truth(made):
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(made)
        patch.setenv("LAZY", "0")
        return ll.surface("net.pt", quiet=True, **ARGUMENTS)


def done_points(path: Path) -> int:
    """Opens the file as any reader would: it must be valid whenever it exists."""
    return load_surface(path).counts()["done"] if path.exists() else 0


def assert_same(found, truth):
    assert found.counts() == truth.counts()
    for name, array in truth.values.items():
        np.testing.assert_array_equal(found.values[name], array)
        np.testing.assert_array_equal(found.stderr[name], truth.stderr[name])


@pytest.mark.parametrize("least", [4, pytest.param(KILLS, marks=pytest.mark.slow)])
def test_one_process_survives_kills(here, truth, least, monkeypatch):
    out, chance, before, kills, inside = here / "a.h5", random.Random(0), 0, 0, 0
    while kills < least or inside < least // 2:
        child = os.fork()
        if child == 0:
            with contextlib.suppress(BaseException):
                ll.surface("net.pt", out=out, quiet=True, **ARGUMENTS)
            os._exit(0)
        ended = False
        while kills % 2 and not ended and done_points(out) == before:
            time.sleep(0.005)  # every other kill falls after points were saved, the rest at any moment
            ended = os.waitpid(child, os.WNOHANG)[0] == child
        if not ended:
            time.sleep(chance.uniform(0.02, 0.4))
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
        kills += 1
        now = done_points(out)
        assert now >= before, "a kill lost points that were on disk"
        inside += now > before
        before = now
        if now == truth.grid.size:
            out.unlink()
            before = 0
    monkeypatch.setenv("LAZY", "0")
    assert_same(ll.surface("net.pt", out=out, quiet=True, **ARGUMENTS), truth)


@pytest.mark.parametrize("least", [2, pytest.param(KILLS, marks=pytest.mark.slow)])
def test_two_ranks_survive_kills(here, truth, launch, on_ranks, least, monkeypatch):
    command = launch(*WORDS, ranks=2)
    out, chance, before, kills, inside = here / "a.h5", random.Random(1), 0, 0, 0
    while kills < least or inside < least // 2:
        process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        ranks = wait_for_ranks(process, here)
        if ranks:
            while kills % 2 and process.poll() is None and done_points(out) == before:
                time.sleep(0.01)  # every other kill falls while points are computed, the rest while it sets up
            time.sleep(chance.uniform(0.0, 0.4))
            victims = chance.choice([ranks[:1], ranks[1:], ranks])
            for pid in victims:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            kills += 1
        process.wait(timeout=60)  # a dead rank must end the job, never hang it
        now = done_points(out)
        assert now >= before, "a kill lost points that were on disk"
        inside += now > before
        before = now
        if now == truth.grid.size:
            out.unlink()
            before = 0
    monkeypatch.setenv("LAZY", "0")
    assert on_ranks(2, "-m", "landscape", *WORDS).returncode == 0
    assert_same(load_surface(out), truth)


def wait_for_ranks(process: subprocess.Popen, folder: Path) -> list[int]:
    """Process ids of both ranks once they are inside the run (torch is loaded); none if the job ended before."""
    while process.poll() is None:
        found = [pid for pid in map(int, filter(str.isdigit, os.listdir("/proc"))) if is_rank(pid, folder)]
        if len(found) == 2:
            return sorted(found)
        time.sleep(0.01)
    return []


def is_rank(pid: int, folder: Path) -> bool:
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        inside = os.readlink(f"/proc/{pid}/cwd") == str(folder) and b"landscape" in words and b"-n" not in words
        return inside and "libtorch_cpu" in Path(f"/proc/{pid}/maps").read_text()
    except OSError:
        return False


@pytest.mark.parametrize("name", [pytest.param("SIGINT", marks=pytest.mark.slow), "SIGTERM"])
def test_a_signal_saves_everything_and_says_how_to_go_on(here, truth, name, monkeypatch):
    process = forked.Started("-m", "landscape", *WORDS)
    while not process.ended() and done_points(here / "a.h5") < 3:
        time.sleep(0.01)
    status, said = process.end(getattr(signal, name))
    assert status == 130, said
    assert said.strip().startswith("landscape: stopped by")
    assert "run the same command to continue" in said
    assert 3 <= done_points(here / "a.h5") < truth.grid.size
    monkeypatch.setenv("LAZY", "0")
    assert main(WORDS) == 0
    assert_same(load_surface(here / "a.h5"), truth)
