"""`--points-per-pass`: the surface of one point at a time, the same bits on any ranks and after a stop; what it is not for."""

import numpy as np
import pytest
import torch
from torch import nn

import landscape as ll
from landscape.surfaces import load_surface

PASSES = ["--points-per-pass", "4"]


@pytest.fixture
def net() -> nn.Module:
    torch.manual_seed(3)
    return nn.Sequential(nn.Flatten(), nn.Linear(16, 6), nn.Tanh(), nn.Linear(6, 3))


@pytest.fixture
def data() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(4)
    return torch.randn(50, 1, 4, 4, generator=generator), torch.randint(0, 3, (50,), generator=generator)


@pytest.fixture
def options(net, data) -> dict:
    return {"model": net, "data": data, "x": (-1, 1, 5), "y": (-1, 1, 3), "quiet": True, "threads": 1}


def test_a_surface_has_the_values_of_one_point_at_a_time(options):
    for only in (None, r"^3\."):
        wanted = ll.surface(**options, only=only)
        found = ll.surface(**options, only=only, points_per_pass=4)
        for name, values in wanted.values.items():
            np.testing.assert_allclose(found.values[name], values, rtol=1e-5)
            np.testing.assert_allclose(found.stderr[name], wanted.stderr[name], rtol=1e-5)
        assert (found.provenance["run"]["points_per_pass"], "points_per_pass" in wanted.provenance["run"]) == (4, False)


def test_order_and_a_stop_change_no_bit(options, tmp_path):
    wanted = ll.surface(**options, points_per_pass=4)
    coarse = ll.surface(**options, points_per_pass=4, order="coarse")
    np.testing.assert_array_equal(coarse.values["train_loss"], wanted.values["train_loss"])
    calls = []

    def stopping(outputs, targets):
        calls.append(1)
        if len(calls) == 26:
            raise ValueError("stop here")
        return nn.functional.cross_entropy(outputs, targets, reduction="none")

    stopped = {**options, "loss": stopping, "out": tmp_path / "a.h5", "points_per_pass": 4}
    with pytest.raises(ll.LandscapeError, match="more points of one pass: ValueError: stop here"):
        ll.surface(**stopped)
    assert 0 < ll.load_surface(tmp_path / "a.h5").counts()["done"] < 15
    np.testing.assert_array_equal(ll.surface(**stopped).values["train_loss"], wanted.values["train_loss"])


def test_ranks_change_no_bit(here, command, basic):
    grid = ["-x", "-1:1:4", "-y", "-1:1:3"]
    for ranks in (1, 2):
        done = command("surface", "net.pt", *basic, *grid, *PASSES, "-o", f"{ranks}.h5", ranks=ranks)
        assert done.returncode == 0, done.stderr
    one, two = load_surface("1.h5"), load_surface("2.h5")
    assert two.provenance["run"]["points_per_pass"] == 4
    np.testing.assert_array_equal(one.values["train_loss"], two.values["train_loss"])


def test_a_net_that_cannot_is_evaluated_point_by_point_and_one_line_says_so(options, capsys):
    def of_model(model, batch):
        return nn.functional.cross_entropy(model(batch[0]), batch[1], reduction="none")

    options = {**options, "loss": of_model, "quiet": False, "x": (-1, 1, 3)}
    wanted, found = ll.surface(**options), ll.surface(**options, points_per_pass=4)
    np.testing.assert_array_equal(found.values["train_loss"], wanted.values["train_loss"])
    assert "points_per_pass" not in found.provenance["run"]
    said = [line for line in capsys.readouterr().err.splitlines() if "points-per-pass" in line]
    assert len(said) == 1
    assert said[0].endswith("points-per-pass 4: one point after another, since the loss calls the net itself")


def test_a_tolerance_leaves_out_points_and_not_samples(options):
    wanted = ll.surface(**options, tolerance=0.05, refine=True)
    found = ll.surface(**options, tolerance=0.05, refine=True, points_per_pass=4)
    np.testing.assert_allclose(found.values["train_loss"], wanted.values["train_loss"], rtol=1e-5)
    with pytest.raises(ll.LandscapeError, match="points-per-pass 4: a tolerance draws samples .*give refine=True"):
        ll.surface(**options, tolerance=0.05, points_per_pass=4)


def test_what_memory_does_not_hold_is_refused_with_what_it_holds(options, monkeypatch):
    monkeypatch.setattr("landscape.study.evaluation.memory_budget", lambda *given: 2.5e5)
    with pytest.raises(ll.LandscapeError, match=r"points-per-pass 15: the free memory holds what \d+ points pass"):
        ll.surface(**options, points_per_pass=64)


def test_weights_that_memory_does_not_hold_are_not_stacked(options, monkeypatch):
    def stacked(*given):
        raise AssertionError("stacked")

    monkeypatch.setattr("landscape.study.evaluation.memory_budget", lambda *given: 2000.0)
    monkeypatch.setattr("landscape.study.evaluation.Together", stacked)
    with pytest.raises(ll.LandscapeError, match=r"points-per-pass 15: the free memory holds what [1-9] points pass"):
        ll.surface(**options, points_per_pass=15)


def test_a_dry_run_counts_samples_of_all_points(options, monkeypatch):
    monkeypatch.setattr("landscape.measurement.evaluate.SPEED_SECONDS", 0.02)
    options = {**options, "only": r"^3\.", "dry_run": True}
    assert ll.surface(**options).kept
    plan = ll.surface(**options, points_per_pass=4)
    assert plan.samples_per_second > 0 and plan.points == 15 and plan.kept is None
