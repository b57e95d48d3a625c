"""Training paths over a plane: losses against plain torch, resuming, ranks, and what is refused."""

from __future__ import annotations

import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from torch import nn

import landscape as ll
from landscape.callables import resolve_callable
from landscape.cli.main import main
from landscape.errors import CheckpointError, LandscapeError, UsageError
from landscape.surfaces import load_surface
from tests.recipes.conftest import OPTIONS
from tests.recipes.plain_trajectory import images, loss_of, same_trails, state, weights

SMALL = {"x": "auto:5", "y": "auto:5", **OPTIONS}
OVER = {name: value for name, value in OPTIONS.items() if name != "normalize"}  # the plane's own
STEPS = 6


@pytest.fixture
def run(here) -> Path:
    """RUN with the nets of steps 0 to 6, whose batch-norm statistics differ as their weights do."""
    inputs, labels = images()
    net = resolve_callable("net.py:build")().train()
    steps = torch.optim.SGD(net.parameters(), 0.3, momentum=0.9)
    with ll.Recorder("run", net, every=1) as recorder:
        for number in range(STEPS):
            part = slice(16 * (number % 4), 16 * (number % 4) + 16)
            loss = nn.functional.cross_entropy(net(inputs[part].float()), labels[part])
            steps.zero_grad()
            loss.backward()
            steps.step()
            recorder.step(loss=loss)
    return Path("run")


def test_losses_along_the_path_are_those_of_each_net_and_of_its_foot(run):
    surface = ll.trajectory("run", precision="fp64", **SMALL)
    trail = surface.trails["run"]
    np.testing.assert_array_equal(trail.step, np.arange(STEPS + 1))
    expected = [loss_of(state(number)) for number in range(STEPS + 1)]
    np.testing.assert_allclose(trail.metrics["train_loss"], expected, rtol=1e-9)

    final, away = (
        state(STEPS),
        np.stack([weights(state(number)) - weights(state(STEPS)) for number in range(STEPS + 1)]),
    )
    axes = np.linalg.svd(away, full_matrices=False)[2][:2]
    feet = away @ axes.T @ axes
    np.testing.assert_allclose(trail.residual, np.linalg.norm(away - feet, axis=1), atol=1e-9)
    np.testing.assert_allclose(np.hypot(trail.x, trail.y), np.linalg.norm(feet, axis=1), atol=1e-9)
    for number, foot in enumerate(feet):
        tensors, start = dict(final), 0  # the foot has the batch-norm statistics of the plane
        for name, _ in resolve_callable("net.py:build")().named_parameters():
            size = final[name].numel()
            tensors[name] = final[name].double() + torch.from_numpy(foot[start : start + size]).view(final[name].shape)
            start += size
        assert trail.metrics["foot_train_loss"][number] == pytest.approx(loss_of(tensors), rel=1e-9)
    assert trail.metrics["foot_train_loss"][0] != pytest.approx(trail.metrics["train_loss"][0], rel=1e-3)


def test_the_grid_holds_the_path_and_the_final_net_is_a_point_of_it(run):
    surface = ll.trajectory("run", **{**SMALL, "x": "auto:8", "y": "auto:7"})
    assert surface.shape == (7, 8)
    trail = surface.trails["run"]
    for axis, values in ((surface.x, trail.x), (surface.y, trail.y)):
        assert axis[0] < values.min() and values.max() < axis[-1] and (axis == 0).sum() == 1
    assert surface.at_origin("train_loss") == pytest.approx(loss_of(state(STEPS)), rel=1e-5)
    assert (trail.x[-1], trail.y[-1], trail.residual[-1]) == pytest.approx((0, 0, 0), abs=1e-6)
    known = surface.known.directions
    assert known.kind == "pca" and sum(known.shares) <= 1 and known.walk[0] == pytest.approx(0.81, abs=0.03)


def test_statistics_that_move_too_make_the_foot_of_a_net_on_the_plane_that_net(run):
    """Three nets span a plane that holds them all, when everything of them moves."""
    for number in (1, 2, 4, 5):
        Path(f"run/checkpoints/step_{number:07d}.pt").unlink()
    surface = ll.trajectory("run", state="states", precision="fp64", **SMALL)
    trail = surface.trails["run"]
    np.testing.assert_allclose(trail.residual, 0, atol=1e-6)
    np.testing.assert_allclose(trail.metrics["foot_train_loss"], trail.metrics["train_loss"], rtol=1e-6)


def test_what_is_ignored_stays_in_the_plane_and_counts_in_the_distance(run):
    surface = ll.trajectory("run", ignore="biasbn", precision="fp64", **SMALL)
    names = [name for name, value in resolve_callable("net.py:build")().named_parameters() if value.ndim > 1]
    moved, rest = [], []
    for name, _ in resolve_callable("net.py:build")().named_parameters():
        change = (state(0)[name].double() - state(STEPS)[name].double()).numpy().ravel()
        (moved if name in names else rest).append(change)
    trail = surface.trails["run"]
    whole = np.linalg.norm(np.concatenate(moved + rest))
    assert np.hypot(np.hypot(trail.x[0], trail.y[0]), trail.residual[0]) == pytest.approx(whole, rel=1e-9)
    assert trail.residual[0] >= np.linalg.norm(np.concatenate(rest)) * (1 - 1e-9)


def test_a_stopped_command_goes_on_and_ranks_make_no_difference(run, command, basic):
    words = ("trajectory", "run", *basic, "-x", "auto:4", "-y", "auto:4")
    assert main([*words, "-o", "whole.h5"]) == 0
    assert command(*words, "-o", "two.h5", ranks=2).returncode == 0
    whole, two = load_surface("whole.h5"), load_surface("two.h5")
    # stopped after the surface and half of the nets
    shutil.copy("whole.h5", "half.h5")
    shutil.copy("whole.directions.h5", "half.directions.h5")
    with h5py.File("half.h5", "r+") as file:
        file["trails/run/status"][3:] = 0
        for name in file["trails/run/metrics"]:
            file[f"trails/run/metrics/{name}"][3:] = np.nan
    assert main([*words, "-o", "half.h5"]) == 0
    for other in (two, load_surface("half.h5")):
        assert same_trails(whole, other)
        np.testing.assert_array_equal(whole.values["train_loss"], other.values["train_loss"])


def test_paths_over_another_plane_leave_its_values_alone(run, here):
    plane = {"x": "-1:1:3", "y": "-1:1:3", "out": "plane.h5", **OPTIONS}
    before = ll.surface("run/final.pt", **plane)
    after = ll.trajectory("run", over="plane.h5", **OVER)
    np.testing.assert_array_equal(before.values["train_loss"], after.values["train_loss"])
    trail = load_surface("plane.h5").trails["run"]
    away = [np.linalg.norm(weights(state(number)) - weights(state(STEPS))) for number in range(STEPS + 1)]
    assert np.all(trail.residual <= np.array(away) * (1 + 1e-6)) and trail.residual[0] > 0.9 * away[0]
    np.testing.assert_allclose(trail.metrics["train_loss"][-1], before.at_origin("train_loss"), rtol=1e-5)


def test_a_longer_run_keeps_the_losses_of_the_nets_over_the_same_plane(run):
    ll.surface("net.pt", x="-1:1:3", y="-1:1:3", out="plane.h5", **OPTIONS)
    Path("run/final.pt").unlink()
    last = Path(f"run/checkpoints/step_{STEPS:07d}.pt")
    held = last.read_bytes()
    last.unlink()
    first = ll.trajectory("run", over="plane.h5", **OVER).trails["run"]
    with h5py.File("plane.h5", "r+") as file:
        file["trails/run/metrics/train_loss"][0] = 7.0  # if it is computed again, this is gone
    last.write_bytes(held)
    grown = ll.trajectory("run", over="plane.h5", **OVER).trails["run"]
    assert len(grown.x) == len(first.x) + 1 and (grown.status == 1).all()
    assert grown.metrics["train_loss"][0] == 7.0 and np.isfinite(grown.metrics["train_loss"][-1])


def test_some_nets_of_each_run_are_evaluated_and_runs_share_a_plane(run):
    shutil.copytree("run", "second")
    for number in range(STEPS + 1):
        path = Path(f"second/checkpoints/step_{number:07d}.pt")
        kept = torch.load(path, weights_only=True)
        kept["state_dict"] = {
            name: value + 0.05 * number if value.ndim > 1 else value for name, value in kept["state_dict"].items()
        }
        torch.save(kept, path)
    surface = ll.trajectory(["run", "second"], marks=3, **SMALL)
    assert [len(trail.x) for trail in surface.trails.values()] == [7, 7]
    for trail in surface.trails.values():
        np.testing.assert_array_equal(np.flatnonzero(trail.status), [0, 3, 6])
        np.testing.assert_array_equal(np.isfinite(trail.metrics["train_loss"]), trail.status == 1)
    assert surface.known.directions.walk is None, "two runs are not one random walk"


def test_a_surface_along_pca_has_the_same_axes(run):
    made = ll.trajectory("run", out="t.h5", **SMALL)
    plane = ll.surface("run/final.pt", x="-1:1:3", y="-1:1:3", along="pca:run", out="s.h5", **OPTIONS)
    assert plane.known.directions.shares == pytest.approx(made.known.directions.shares, rel=1e-9)
    with h5py.File("t.directions.h5") as one, h5py.File("s.directions.h5") as other:
        for axis in "xy":
            np.testing.assert_array_equal(one[axis]["0.weight"][()], other[axis]["0.weight"][()])


def test_unusable_nets_are_named_and_left_out_on_demand(run):
    Path("run/checkpoints/step_0000003.pt").write_bytes(b"PK broken")
    with pytest.raises(
        CheckpointError, match=r"net 4 of 7 of the path run: checkpoint run/checkpoints/step_0000003.pt"
    ):
        ll.trajectory("run", **SMALL)
    kept = ll.trajectory("run", skip_bad=True, **SMALL).trails["run"]
    np.testing.assert_array_equal(kept.step, [0, 1, 2, 4, 5, 6])
    torch.save({"weight": torch.zeros(3)}, "run/checkpoints/step_0000003.pt")
    with pytest.raises(LandscapeError, match="all nets of a path must be readable and of one architecture"):
        ll.trajectory("run", **SMALL)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"x": "auto:1"}, "x range 'auto:1': expected a number of points from 2"),
        ({"x": "auto:many"}, "x range 'auto:many': expected auto:N"),
        ({"marks": -1}, "marks -1: expected"),
        ({"along": "uphill"}, "along 'uphill': expected one of pca, random, hessian, gradient"),
        ({"along": "random", "y": "auto:0"}, "y range 'auto:0': expected a number of points"),
        ({"out": "missing/t.h5"}, "folder missing does not exist"),
    ],
)
def test_bad_input_is_one_line_before_anything_is_computed(run, options, words):
    with pytest.raises(LandscapeError, match=words):
        ll.trajectory("run", **{**SMALL, **options})


def test_surface_names_what_along_takes(here):
    with pytest.raises(UsageError, match="along 'pca:': expected random, hessian, gradient or pca:RUN"):
        ll.surface("net.pt", along="pca:", **OPTIONS)


def test_what_over_takes_from_the_surface_cannot_be_asked_for(run):
    ll.surface("net.pt", x="-1:1:3", y="-1:1:3", out="plane.h5", **OPTIONS)
    ll.line("net.pt", x="-1:1:3", out="line.h5", **OPTIONS)
    for options, words in (
        ({"over": "plane.h5", "samples": 3}, "which excludes samples"),
        ({"over": "plane.h5", "out": "elsewhere.h5"}, "which excludes out elsewhere.h5"),
        ({"over": "line.h5"}, "line.h5: has one axis"),
        ({"over": "nothing.h5"}, "nothing.h5"),
    ):
        with pytest.raises(LandscapeError, match=words):
            ll.trajectory("run", **OVER, **options)


def test_a_damaged_last_net_is_left_out_on_demand_as_any_other(run):
    Path("run/final.pt").unlink()
    Path(f"run/checkpoints/step_{STEPS:07d}.pt").write_bytes(b"")
    with pytest.raises(CheckpointError, match=r"net 7 of 7 of the path run: .* is empty .*skip-bad leaves out"):
        ll.trajectory("run", **SMALL)
    for along in ("pca", "random"):
        trail = ll.trajectory("run", skip_bad=True, along=along, **SMALL).trails["run"]
        np.testing.assert_array_equal(trail.step, np.arange(STEPS))


def test_weights_that_are_not_finite_are_named(run):
    path = Path("run/checkpoints/step_0000002.pt")
    kept = torch.load(path, weights_only=True)
    kept["state_dict"]["0.weight"][0, 0, 0, 0] = float("nan")
    torch.save(kept, path)
    for along in ("pca", "random"):
        with pytest.raises(CheckpointError, match="net 3 of 7 of the path run: .*0.weight holds NaN or inf"):
            ll.trajectory("run", along=along, **SMALL)


def test_equal_nets_lie_at_one_place_of_another_plane(run):
    for number in range(1, STEPS + 1):
        shutil.copy("run/checkpoints/step_0000000.pt", f"run/checkpoints/step_{number:07d}.pt")
    surface = ll.trajectory("run", along="random", **SMALL)
    assert not surface.trails["run"].x.any() and surface.x[0] < 0 < surface.x[-1]
    with pytest.raises(LandscapeError, match="the nets of the path are all the same"):
        ll.trajectory("run", **SMALL)


def test_modules_in_memory_are_a_path_and_a_run_called_nets_keeps_the_named_nets(run, here):
    build = resolve_callable("net.py:build")
    modules = []
    for number in range(STEPS + 1):
        net = build()
        net.load_state_dict(state(number))
        modules.append(net.eval())
    own = {name: value for name, value in SMALL.items() if name != "model"}
    trail = ll.trajectory(modules, **own).trails["trajectory"]
    stored = ll.trajectory("run", **SMALL).trails["run"]
    np.testing.assert_allclose(trail.metrics["train_loss"], stored.metrics["train_loss"], rtol=1e-6)
    Path("run").rename("nets")
    surface = ll.trajectory("nets", to="net.pt", to_y="other.pt", batchnorm="keep", out="named.h5", **SMALL)
    assert list(load_surface("named.h5").trails) == list(surface.trails) == ["nets", "nets (run)"]
    named = surface.trails["nets"]
    assert len(named.labels) == 3 and surface.x[0] < named.x.min() and named.x.max() < surface.x[-1], (
        "the nets are seen too"
    )


def test_with_a_part_that_moves_distances_count_all_and_the_penalty_is_left_out(run):
    surface = ll.trajectory("run", only="^4", l2=0.1, precision="fp64", **SMALL)
    trail = surface.trails["run"]
    assert "train_loss_l2" in surface.values and set(trail.metrics) == {
        name for split in ("train_", "foot_train_") for name in (f"{split}loss", f"{split}accuracy")
    }
    whole = np.linalg.norm(weights(state(0)) - weights(state(STEPS)))
    assert np.hypot(np.hypot(trail.x[0], trail.y[0]), trail.residual[0]) == pytest.approx(whole, rel=1e-9)
    assert trail.metrics["train_loss"][0] == pytest.approx(loss_of(state(0)), rel=1e-9)


def test_axes_that_are_scaled_state_no_shares(run):
    surface = ll.trajectory("run", norm="filter", **SMALL)
    assert surface.known.directions.shares is None and "scaled by filter" in surface.grid.axes[0].label


def test_the_loss_is_that_of_the_training(here):
    known = {"data": "npz:data.npz", "normalize": "digits", "loss": "mse", "threads": 1, "quiet": True}
    ll.train("net.py:build", epochs=2, batch_size=32, save_every=1, out="squares", **known)
    options = {"model": "net.py:build", "threads": 1, "quiet": True, "x": "auto:3", "y": "auto:3"}
    own, other = ll.trajectory("squares", **options), ll.trajectory("squares", loss="cross_entropy", **options)
    assert (own.provenance["loss"], other.provenance["loss"]) == ("mse", "cross_entropy")
