"""What is measured while a run is trained is what `landscape dynamics` finds afterwards, also after a kill."""

from __future__ import annotations

import shutil
import signal
from pathlib import Path

import numpy as np
import pytest
import torch

import landscape as ll
from landscape.atomic import lock_of
from landscape.errors import Interrupted, LandscapeError
from landscape.measurement.dynamics import Dynamics
from landscape.surfaces import load_surface
from landscape.surfaces.keeper import Keeper
from landscape.surfaces.surface import DONE, FAILED

NET = """
import torch
from torch import nn

def build():
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 6), nn.Tanh(), nn.BatchNorm1d(6), nn.Linear(6, 10))
"""
TRAINING = {
    "model": "net.py:build", "data": "digits", "samples": 600, "epochs": 1, "batch_size": 64, "lr": 0.05, "save_every": 3,
    "log_every": 3, "out": "run", "threads": 1, "quiet": True, "track_samples": 550,
}  # fmt: skip
# Without tracking, the number of its samples stays the usual one.
PLAIN = {**TRAINING, "track_samples": 2000}
AFTER = {"model": "net.py:build", "samples": 550, "threads": 1, "quiet": True}


@pytest.fixture
def here(tmp_path, monkeypatch) -> Path:
    (tmp_path / "net.py").write_text(NET)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def assert_same(one: ll.Surface, other: ll.Surface) -> None:
    assert list(one.x) == list(other.x) and list(one.values) == list(other.values)
    for name, values in one.values.items():
        np.testing.assert_array_equal(values, other.values[name], err_msg=name)
    for name, values in one.stderr.items():
        np.testing.assert_array_equal(values, other.stderr[name], err_msg=name)


def test_what_is_tracked_is_what_is_found_afterwards(here, monkeypatch):
    """Every measure, bit for bit; the file is complete, so that nothing is computed again."""
    ll.train(**{**TRAINING, "save_every": "end"}, track="all")
    tracked = load_surface("run/dynamics.h5")
    assert list(tracked.x) == [0, 9] and tracked.counts("dynamics")["done"] == 2
    assert {"hessian_max", "batch_sharpness", "covariance_max", "stiffness_within", "distance"} <= tracked.values.keys()
    with monkeypatch.context() as patched:
        patched.setattr(Dynamics, "evaluate", lambda *_: pytest.fail("computed again"))
        assert_same(ll.dynamics("run", **AFTER), tracked)
    Path("run/dynamics.h5").unlink()
    assert_same(ll.dynamics("run", **AFTER), tracked)


def test_rates_that_follow_from_losses_are_those_found_afterwards(here):
    """Of each net, though the log has a row at few of them: the rate of a twin that is trained with a row at each step."""
    chosen = {"epochs": 3, "lr": 8.0, "schedule": "plateau", "patience": 0, "gamma": 0.5, "optimizer": "sgd", "momentum": 0.0,
              "weight_decay": 0.0, "track": "distance"}  # fmt: skip
    ll.train(**{**TRAINING, **chosen, "log_every": 10})
    twin = ll.train(**{**TRAINING, **chosen, "log_every": 1, "out": "twin", "track": (), "track_samples": 2000})
    expected = {row["step"]: row["lr"] for row in twin.log}
    tracked = load_surface("run/dynamics.h5")
    assert [expected[step] for step in tracked.x] == list(tracked.values["lr"]) and len(set(tracked.values["lr"])) > 1
    np.testing.assert_allclose(tracked.values["stability_threshold"], 2 / tracked.values["lr"], rtol=1e-12)
    Path("run/dynamics.h5").unlink()
    assert_same(ll.dynamics("run", measures="distance", **AFTER), tracked)


def test_the_rate_of_a_log_that_grows_is_not_guessed(here):
    """Two rows with one rate say nothing of the nets between them before the run is over."""
    from landscape.training.run_rates import rate_of_run

    recorder = ll.Recorder("run", torch.nn.Linear(64, 10), every=2)
    for step in range(4):
        recorder.step(loss=1.0, **({"lr": 0.5} if step != 2 else {}))
    rates = lambda: [rate_of_run(Path("run"), {})(step) for step in (0, 2, 4)]  # noqa: E731
    np.testing.assert_array_equal(rates(), [np.nan, 0.5, 0.5])
    recorder.finish()
    np.testing.assert_array_equal(rates(), [0.5, 0.5, 0.5])


def test_the_weights_are_those_without_it(here):
    ll.train(**PLAIN)
    ll.train(**{**TRAINING, "out": "other"}, track=["gradient", "distance"], track_every=2)
    one, other = (ll.load_checkpoint(f"{name}/final.pt").state_dict for name in ("run", "other"))
    assert all((one[name] == other[name]).all() for name in one)
    found = load_surface("other/dynamics.h5")
    assert np.isfinite(found.values["gradient_norm"]).tolist() == [True, False, True, False]


def test_a_killed_run_goes_on_and_measures_what_is_missing(here, monkeypatch):
    """Nets of which nothing was written are made up for, measured ones are not measured again, and those of another run are."""
    from landscape.training.trainer import Trainer

    chosen = {"track": "gradient,critical,distance"}
    ll.train(**{**TRAINING, "out": "whole"}, **chosen)
    advance, evaluate, steps = Trainer.advance, Dynamics.evaluate, []

    def killed(trainer):
        if trainer.step == 7:
            shutil.copytree("run", "left")  # what a kill leaves behind
            raise RuntimeError
        advance(trainer)

    with monkeypatch.context() as patched:
        patched.setattr(Trainer, "advance", killed)
        with pytest.raises(RuntimeError):
            ll.train(**TRAINING, **chosen)
    shutil.rmtree("run")
    shutil.move("left", "run")
    known = load_surface("run/dynamics.h5").counts("dynamics")["done"]
    monkeypatch.setattr(
        Dynamics, "evaluate", lambda self, point: (steps.append(point.coords[0]), evaluate(self, point))[1]
    )
    ll.train(**TRAINING, **chosen)
    assert steps == [0, 3, 6, 9][known:]
    assert_same(load_surface("run/dynamics.h5"), load_surface("whole/dynamics.h5"))
    ll.train(**{**TRAINING, "lr": 0.01}, **chosen, overwrite=True)
    assert not np.array_equal(
        load_surface("run/dynamics.h5").values["distance"], load_surface("whole/dynamics.h5").values["distance"]
    )


def at_step(step: float, act, steps: list | None = None):
    """`Dynamics.evaluate` that calls `act` at a step, and takes down all steps."""
    evaluate = Dynamics.evaluate

    def changed(self, point):
        if steps is not None:
            steps.append(point.coords[0])
        if point.coords[0] == step:
            act()
        return evaluate(self, point)

    return changed


def boom() -> None:
    raise RuntimeError("boom")


@pytest.mark.parametrize("trained", [False, True])
def test_a_net_that_cannot_be_measured_is_named_and_tried_again(here, monkeypatch, trained):
    """While it is trained, and among those made up for; what is measured and trained is kept."""
    ll.train(**{**TRAINING, "out": "whole"}, track="distance")
    if trained:
        ll.train(**PLAIN)
    with monkeypatch.context() as patched:
        patched.setattr(Dynamics, "evaluate", at_step(6, boom))
        with pytest.raises(
            LandscapeError, match=r"^track: the net of step 6 cannot be measured \(RuntimeError: boom\); it is kept"
        ):
            ll.train(**TRAINING, track="distance")
    known = load_surface("run/dynamics.h5")
    assert (
        list(known.status["dynamics"][:3]) == [DONE, DONE, FAILED] and Path("run/checkpoints/step_0000006.pt").exists()
    )
    steps: list = []
    monkeypatch.setattr(Dynamics, "evaluate", at_step(6, lambda: None, steps))
    ll.train(**TRAINING, track="distance")
    assert steps == [6, 9]
    assert_same(load_surface("run/dynamics.h5"), load_surface("whole/dynamics.h5"))


def test_making_up_for_nets_can_be_stopped_and_goes_on(here, monkeypatch):
    """The net in work is finished and saved, although the keeper of the file would not write yet."""
    ll.train(**PLAIN)
    steps: list = []
    with monkeypatch.context() as patched:
        patched.setattr(Keeper, "changed", Keeper.later)
        patched.setattr(Dynamics, "evaluate", at_step(3, lambda: signal.raise_signal(signal.SIGINT), steps))
        with pytest.raises(Interrupted, match="stopped by Ctrl-C after step 9 of 9"):
            ll.train(**TRAINING, track="distance")
    assert steps == [0, 3] and load_surface("run/dynamics.h5").counts("dynamics")["done"] == 2
    assert not lock_of(Path("run/dynamics.h5")).exists(), "others may write"
    monkeypatch.setattr(Dynamics, "evaluate", at_step(-1, boom, steps))
    ll.train(**TRAINING, track="distance")
    assert steps == [0, 3, 6, 9]


def test_what_the_study_notes_is_said_at_the_start(here, capsys):
    chosen = {"samples": 100, "track_samples": 5000, "save_every": "end"}
    ll.train(**{**TRAINING, **chosen, "quiet": False}, track="distance")
    said = capsys.readouterr().err
    assert said.count("samples 5,000: there are 100 train samples, and all are taken") == 1
    ll.train(**{**TRAINING, **chosen, "out": "other"}, track="distance")
    assert "5,000" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"track": "sharpness"}, "track 'sharpness': expected hessian, batch"),
        ({"track": "gradient", "track_every": 0}, "track-every 0: expected"),
        ({"track": "covariance", "track_samples": 100}, "take at least 512"),
        ({"track_every": 2}, "name the measures, as in track='gradient'"),
        ({"track": "", "track_samples": 10}, "name the measures, as in track='gradient'"),
    ],
)
def test_bad_input_is_one_line(here, options, words):
    with pytest.raises(LandscapeError, match=words):
        ll.train(**{**TRAINING, **options})
    assert not Path("run/final.pt").exists()
