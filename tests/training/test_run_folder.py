"""What a run leaves behind, and how it goes on: bit for bit as if it had never been stopped."""

import csv
import json
import os
import shutil
import signal
import time

import numpy as np
import pytest
import torch

import landscape as ll
from landscape.errors import Interrupted, UsageError
from tests import forked

NET = """
from torch import nn

def build():
    return nn.Sequential(nn.Conv2d(1, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Dropout(0.3), nn.AdaptiveAvgPool2d(2),
                         nn.Flatten(), nn.Linear(32, 10))
"""
# All that draws numbers or carries something from step to step.
EVERYTHING = {
    "model": "net.py:build",
    "data": "digits",
    "epochs": 3,
    "batch_size": 16,
    "optimizer": "adamw",
    "augment": "crop,flip",
    "label_noise": 0.1,
    "progressive": "6:1",
    "save_every": 20,
    "threads": 1,
}


@pytest.fixture
def here(tmp_path, monkeypatch):
    (tmp_path / "net.py").write_text(NET)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def command(out):
    words = [f"--{name.replace('_', '-')}={value}" for name, value in EVERYTHING.items()]
    return ["-m", "landscape", "train", *words, "-o", str(out), "--quiet"]


def rows(folder):
    with (folder / "log.csv").open() as stream:
        return [{name: value for name, value in row.items() if name != "seconds"} for row in csv.DictReader(stream)]


def assert_same(found, wanted):
    """All weights of all nets, and the log but for the clock."""
    names = sorted(path.name for path in (wanted / "checkpoints").iterdir())
    assert sorted(path.name for path in (found / "checkpoints").iterdir()) == names
    for name in [*(f"checkpoints/{name}" for name in names), "final.pt"]:
        here, there = (ll.load_checkpoint(folder / name) for folder in (found, wanted))
        assert all(torch.equal(tensor, there.state_dict[key]) for key, tensor in here.state_dict.items()), name
        assert here.meta["metrics"] == there.meta["metrics"]
    assert rows(found) == rows(wanted)


def stopped_at(step, folder, signal_number):
    """A run that is sent a signal once the net of that step is there, in the middle of an epoch of 89 steps."""
    run, mark = forked.Started(*command(folder)), folder / f"checkpoints/step_{step:07d}.pt"
    while not mark.exists() and not run.ended():
        time.sleep(0.002)
    return run.end(signal_number)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained")
    (folder / "net.py").write_text(NET)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        return ll.train(**EVERYTHING, out=folder / "unbroken", quiet=True).folder


@pytest.fixture
def unbroken(here, trained):
    """A copy of the run that was never stopped."""
    return shutil.copytree(trained, here / "unbroken")


def test_killed_in_mid_epoch_and_continued_twice(here, unbroken):
    for step in (40, 120):
        assert stopped_at(step, here / "killed", signal.SIGKILL)[0] == -signal.SIGKILL
        state = torch.load(here / "killed" / "state.pt", weights_only=True)
        assert state["step"] % 89 != 0 and state["step"] < 267, "the kill must fall into an epoch"
    assert ll.train(**EVERYTHING, out=here / "killed", quiet=True).metrics
    assert_same(here / "killed", unbroken)


def test_a_plateau_goes_on_with_what_it_has_seen(images, small, tmp_path, monkeypatch):
    """Stopped in the middle of a pass, after a pass without a lower loss."""
    from landscape.training.trainer import Trainer

    given = {
        "data": images(64), "epochs": 8, "batch_size": 16, "lr": 20.0, "schedule": "plateau", "patience": 0, "gamma": 0.5,
        "log_every": 1, "clip": 1.0, "quiet": True, "threads": 1,
    }  # fmt: skip
    whole = ll.train(small(), out=tmp_path / "whole", **given)
    advance = Trainer.advance

    def stopped(trainer):
        advance(trainer)
        if trainer.step == 14:
            os.kill(os.getpid(), signal.SIGTERM)

    with monkeypatch.context() as patch, pytest.raises(Interrupted):
        patch.setattr(Trainer, "advance", stopped)
        ll.train(small(), out=tmp_path / "again", **given)
    again = ll.train(small(), out=tmp_path / "again", **given)
    rates = [row["lr"] for row in whole.log]
    assert rates == [row["lr"] for row in again.log] and len(set(rates)) > 1, "the rate must have fallen"
    for name, tensor in whole.model.state_dict().items():
        assert torch.equal(tensor, again.model.state_dict()[name]), name


@pytest.mark.parametrize("number", [pytest.param(signal.SIGINT, marks=pytest.mark.slow), signal.SIGTERM])
def test_stopped_by_a_signal_and_continued(here, unbroken, number):
    status, said = stopped_at(100, here / "stopped", number)
    name = "Ctrl-C" if number == signal.SIGINT else "SIGTERM"
    assert status == 130 and said.count("\n") == 1
    assert f"stopped by {name} after step" in said and "run the same command to continue" in said
    ll.train(**EVERYTHING, out=here / "stopped", quiet=True)
    assert_same(here / "stopped", unbroken)


def test_what_lies_in_the_folder(here, unbroken):
    config = json.loads((unbroken / "config.json").read_text())
    assert config["model"] == "net.py:build" and config["steps_per_epoch"] == 89 and config["lr"] == 1e-3
    assert torch.__version__.startswith(config["versions"]["torch"])
    # the first and the last net, and those asked for
    steps = sorted(int(path.stem[5:]) for path in (unbroken / "checkpoints").iterdir())
    assert steps == [*range(0, 267, 20), 267]
    table = np.genfromtxt(unbroken / "log.csv", delimiter=",", names=True)
    assert table["step"].tolist() == [0, 89, 178, 267] and table["epoch"].tolist() == [0, 1, 2, 3]
    assert np.isnan(table["train_loss"][0]) and np.isfinite(table["test_accuracy"]).all()
    assert not list(unbroken.glob("**/.*")), "scratch files are left"


def test_info_tells_of_a_run(here, unbroken):
    facts = ll.info(unbroken)
    assert facts["kind"] == "run" and facts["finished"] and facts["rows"] == 4 and facts["nets"]["number"] == 15
    assert facts["last"]["step"] == 267 and facts["config"]["optimizer"] == "adamw"


def test_a_finished_run_is_not_trained_again(here, unbroken):
    before = {path: path.stat().st_mtime_ns for path in unbroken.glob("checkpoints/*")}
    again = ll.train(**EVERYTHING, out=unbroken, quiet=True)
    assert {path: path.stat().st_mtime_ns for path in unbroken.glob("checkpoints/*")} == before
    assert again.metrics == ll.load_checkpoint(unbroken).meta["metrics"] and len(again.log) == 4


def test_another_run_in_the_folder_is_named_and_left_alone(here, unbroken):
    before = (unbroken / "config.json").read_bytes()
    for change, text in (
        ({"epochs": 4}, r"epochs 3 there, 4\.0 here|epochs 3 there, 4 here"),
        ({"optimizer_option": ["eps=1e-6"]}, r"optimizer-options \{\} there, \{'eps': 1e-06\} here"),
        ({"seed": 1}, "seed 0 there, 1 here"),
        ({"samples": 1000}, "train-samples 1438 there, 1000 here"),
    ):
        with pytest.raises(ll.LandscapeError, match=text):
            ll.train(**{**EVERYTHING, **change}, out=unbroken, quiet=True)
    assert (unbroken / "config.json").read_bytes() == before
    short = {**EVERYTHING, "epochs": 0.5, "progressive": (), "save_every": "end"}
    ll.train(**short, out=unbroken, overwrite=True, quiet=True)
    assert sorted(path.name for path in (unbroken / "checkpoints").iterdir()) == ["step_0000000.pt", "step_0000044.pt"]


def test_a_folder_of_other_files_is_not_touched(here):
    (here / "mine").mkdir()
    (here / "mine" / "thesis.tex").write_text("x")
    for overwrite in (False, True):
        with pytest.raises(UsageError, match="mine: has files in it"):
            ll.train(**EVERYTHING, out=here / "mine", overwrite=overwrite, quiet=True)
    assert [path.name for path in (here / "mine").iterdir()] == ["thesis.tex"]


def test_checkpoints_carry_all_that_a_surface_needs(here):
    run = ll.train("resnet20", data="digits", normalize="0.4/0.3", epochs=0.3, out=here / "run", quiet=True)
    # the run folder, the last net in it, and the trained one say the same
    for source in (run.folder, run.folder / "final.pt"):
        line = ll.line(source, x=(-1, 1, 3), split=["train", "test"], quiet=True)
        assert line.provenance["data"]["normalize"] == "0.4/0.3"
        assert {name: line.at_origin(name) for name in line.values} == pytest.approx(run.metrics, rel=1e-9)
    first = ll.load_checkpoint(run.folder / "checkpoints/step_0000000.pt")
    assert first.meta["step"] == 0 and set(first.meta["metrics"]) == {"test_loss", "test_accuracy"}
    torch.load(run.folder / "final.pt", weights_only=True)


def test_under_a_launcher_it_is_refused_by_one_line(here, on_ranks):
    ended = on_ranks(2, *command(here / "run"))
    assert ended.returncode == 2 and not (here / "run").exists()
    assert [line for line in ended.stderr.splitlines() if "landscape" in line] == [
        "landscape: train runs in one process; start it without mpirun"
    ]
