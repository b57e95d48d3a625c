"""Paths between nets: losses against plain torch, curves, growing files, ranks, continued runs, and what is refused."""

from __future__ import annotations

import copy
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import landscape as ll
from landscape.callables import resolve_callable
from landscape.errors import LandscapeError, UsageError
from landscape.surfaces import load_surface
from tests.recipes.conftest import OPTIONS
from tests.recipes.test_connect_refusals import DATA, masked

CURVE = {**OPTIONS, "curve": "bezier", "epochs": 2, "train_batch": 16, "points": 5}


def split(name: str) -> tuple[torch.Tensor, torch.Tensor]:
    """As --normalize digits has them."""
    from landscape.data.normalize import parse_normalize

    stored, front = np.load("data.npz"), "" if name == "train" else "test_"
    pixels = torch.from_numpy(stored[f"{front}images"]).permute(0, 3, 1, 2)
    return parse_normalize("digits")(pixels, torch.float64), torch.from_numpy(stored[f"{front}labels"])


def state(name: str) -> dict:
    found = torch.load(name, weights_only=True)
    return found.get("state_dict", found)


def between(points: list[dict], weights: list[float], name: str, reduction: str = "mean") -> torch.Tensor:
    """Loss of a mixture in float64, with batch-norm statistics of all training samples."""
    net = resolve_callable("net.py:build")().double()
    mixed = {
        key: sum(w * point[key].double() for w, point in zip(weights, points, strict=True))
        for key in points[0] if points[0][key].is_floating_point()
    }  # fmt: skip
    net.load_state_dict(mixed, strict=False)
    net[1].momentum = 1.0
    with torch.no_grad():
        net.train()(split("train")[0])
        inputs, labels = split(name)
        return nn.functional.cross_entropy(net.eval()(inputs), labels, reduction=reduction)


def test_losses_on_the_line_are_those_of_plain_torch(here):
    found = ll.connect(["net.pt", "other.pt"], points=3, precision="fp64", **OPTIONS)
    points = [state("net.pt"), state("other.pt")]
    assert found.shape == (1, 3)
    for name in ("train", "test"):
        expected = [float(between(points, [1 - t, t], name)) for t in (0.0, 0.5, 1.0)]
        np.testing.assert_allclose(found.values[f"{name}_loss"][0], expected, rtol=1e-10)


def test_the_error_of_a_barrier_is_that_of_the_differences_of_single_samples(here):
    found = ll.connect(["net.pt", "other.pt"], points=3, precision="fp64", **OPTIONS)
    points = [state("net.pt"), state("other.pt")]
    for name in ("train", "test"):
        first, middle, last = (between(points, [1 - t, t], name, reduction="none") for t in (0.0, 0.5, 1.0))
        rise = (middle - (first + last) / 2).numpy()
        error = rise.std(ddof=1) / len(rise) ** 0.5
        (barrier,) = ll.barriers(found, f"{name}_loss")
        if barrier.at == 0.5:
            assert barrier.stderr == pytest.approx(error, rel=1e-9)
        assert found.values[f"{name}_loss_rise_stderr"][0, 1] == pytest.approx(error, rel=1e-9)
        assert found.stderr[f"{name}_loss"][0, 1] == pytest.approx(float(middle.std()) / len(rise) ** 0.5, rel=1e-9)


def test_values_and_their_errors_are_those_of_every_other_command(here):
    found = ll.connect(["net.pt", "other.pt"], points=3, **OPTIONS)
    line = ll.line("net.pt", to="other.pt", x="0:1:3", batchnorm="recompute", split=["train", "test"], **OPTIONS)
    for name in line.values:
        assert found.values[name][0, 0] == line.values[name][0]
        assert found.stderr[name][0, 0] == line.stderr[name][0]


@pytest.mark.parametrize("kind", ["bezier", "polychain"])
def test_losses_on_a_curve_are_those_of_its_bends(here, kind):
    options = {**CURVE, "curve": kind, "bends": 2, "points": 7, "precision": "fp64"}
    found = ll.connect(["net.pt", "other.pt"], out="c.h5", **options)
    points = [state("net.pt"), *(state(f"c.{kind}/bend_{k}.pt") for k in (1, 2)), state("other.pt")]
    t = 1 / 3
    chosen = [(1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t**3] if kind == "bezier" else [0, 1, 0, 0]
    assert found.values["train_loss"][1, 2] == pytest.approx(float(between(points, chosen, "train")), rel=1e-5)
    assert found.values["train_loss"][1, [0, -1]].tolist() == found.values["train_loss"][0, [0, -1]].tolist()


def test_training_lowers_the_loss_along_the_curve(here):
    found = ll.connect(["net.pt", "other.pt"], **{**CURVE, "epochs": 20, "lr": 0.05})
    line, curve = found.values["train_loss"]
    assert curve[1:-1].mean() < 0.9 * line[1:-1].mean()


def test_a_file_grows_by_further_paths_and_keeps_what_it_holds(here):
    ll.connect(["net.pt", "other.pt"], out="c.h5", points=5, **OPTIONS)
    first = load_surface("c.h5")
    grown = ll.connect(["net.pt", "other.pt"], out="c.h5", **CURVE)
    assert grown.shape == (2, 5)
    assert grown.values["train_loss"][0].tobytes() == first.values["train_loss"][0].tobytes()
    fresh = ll.connect(["net.pt", "other.pt"], **CURVE)
    for name, values in fresh.values.items():
        assert values.tobytes() == grown.values[name].tobytes()
    # the line alone again: nothing is lost, nothing computed
    again = ll.connect(["net.pt", "other.pt"], out="c.h5", points=5, **OPTIONS)
    assert again.shape == (2, 5)
    assert np.array_equal(again.values["train_loss"], grown.values["train_loss"])
    assert [path.length for path in _paths(again)] == [path.length for path in _paths(grown)]


def _paths(surface):
    from landscape.surfaces.barriers import paths_of

    return paths_of(surface)


def test_three_nets_have_three_lines_and_a_matrix(here):
    third = {name: 1.1 * value if value.ndim > 1 else value for name, value in state("net.pt").items()}
    torch.save(third, "third.pt")
    found = ll.connect(["net.pt", "other.pt", "third.pt"], points=3, **OPTIONS)
    assert [(path.first, path.last) for path in _paths(found)] == [(0, 1), (0, 2), (1, 2)]
    alone = ll.connect(["other.pt", "third.pt"], points=3, **OPTIONS)
    np.testing.assert_allclose(found.values["train_loss"][2], alone.values["train_loss"][0], rtol=1e-6)


def test_modules_in_memory_are_not_changed(here):
    nets = []
    for name in ("net.pt", "other.pt"):
        net = resolve_callable("net.py:build")()
        net.load_state_dict(state(name))
        nets.append(net.train())
    before = [copy.deepcopy(net.state_dict()) for net in nets]
    given = {name: value for name, value in CURVE.items() if name != "model"}
    found = ll.connect(nets, **given)
    same = ll.connect(["net.pt", "other.pt"], **CURVE)
    assert np.array_equal(found.values["train_loss"], same.values["train_loss"])
    for net, kept in zip(nets, before, strict=True):
        assert net.training
        assert all(torch.equal(value, kept[name]) for name, value in net.state_dict().items())


def test_a_stopped_training_goes_on_bit_for_bit_also_on_two_ranks(here, stopped, command, basic):
    options = {**OPTIONS, "curve": "polychain", "epochs": 8, "train_batch": 4, "points": 3, "plane": 3}
    ll.connect(["net.pt", "other.pt"], out="whole.h5", **options)
    words = ["connect", "net.pt", "other.pt", *basic, "--curve", "polychain", "--epochs", "8", "--train-batch", "4",
             "--points", "3", "--plane", "3", "-o", "cut.h5"]  # fmt: skip
    said = stopped(*words, once="cut.polychain/log.csv")
    assert "to continue" in said
    assert not Path("cut.polychain/final.pt").exists()
    done = command(*words, ranks=2)
    assert done.returncode == 0, done.stderr
    for suffix in ("h5", "polychain.plane.h5"):
        one, two = load_surface(f"whole.{suffix}"), load_surface(f"cut.{suffix}")
        for name, values in one.values.items():
            assert values.tobytes() == two.values[name].tobytes()


def test_the_plane_holds_both_nets_and_the_curve(here):
    ll.connect(["net.pt", "other.pt"], out="c.h5", plane=5, **{**CURVE, "epochs": 20, "lr": 0.05})
    plane, whole = load_surface("c.bezier.plane.h5"), load_surface("c.h5")
    nets, curve = plane.trails["nets"], plane.trails["bezier"]
    kept = [
        {k: v for k, v in state(name).items() if "num" not in k and "running" not in k}
        for name in ("net.pt", "other.pt")
    ]
    first, last = (torch.cat([value.flatten() for value in each.values()]) for each in kept)
    assert nets.x.tolist() == pytest.approx([0, float((last - first).norm())], rel=1e-5)
    assert curve.residual.max() < 1e-4 * nets.x[1]  # a curve with one bend lies in its plane
    assert (curve.x[-1], curve.y[-1]) == (pytest.approx(nets.x[1], rel=1e-5), pytest.approx(0, abs=1e-4))
    walked = float(np.hypot(np.diff(curve.x), np.diff(curve.y)).sum())
    assert walked == pytest.approx(_paths(whole)[1].length, rel=1e-3)


def test_a_permuted_copy_has_no_barrier_once_it_is_aligned(here):
    own, order = state("net.pt"), torch.tensor([3, 1, 0, 2, 7, 5, 4, 6])
    moved = {
        "0.weight": own["0.weight"][order], "1.num_batches_tracked": own["1.num_batches_tracked"], "4.bias": own["4.bias"],
        "4.weight": own["4.weight"].view(10, 8, 36)[:, order].reshape(10, 288),
        **{f"1.{name}": own[f"1.{name}"][order] for name in ("weight", "bias", "running_mean", "running_var")},
    }  # fmt: skip
    torch.save(moved, "moved.pt")
    before = ll.connect(["net.pt", "moved.pt"], points=3, out="c.h5", **OPTIONS)
    after = ll.connect(["net.pt", "moved.pt"], points=3, align=True, out="c.h5", **OPTIONS)
    (plain,) = ll.barriers(before, "train_loss")
    found = ll.barriers(after, "train_loss")  # the file grew by the aligned line
    assert plain.over_mean > 0.01
    assert [each.over_mean for each in found] == [plain.over_mean, 0.0]
    assert found[1].path.length == 0


def test_perplexity_has_no_parts_among_the_values():
    found = ll.connect([masked(0), masked(1)], data=DATA, points=3, metrics="perplexity", quiet=True)
    assert list(found.values) == ["train_perplexity"]


def test_names_stay_apart_in_a_file_that_grows(here):
    nets = [masked(seed) for seed in range(3)]
    for pair in ((0, 1), (0, 2), (2, 1)):
        found = ll.connect([nets[k] for k in pair], data=DATA, points=2, quiet=True, out="c.h5")
    assert len(set(found.known.connect.nets)) == 3
    assert [(path.first, path.last) for path in _paths(found)] == [(0, 1), (0, 2), (2, 1)]


def test_a_plane_that_could_not_be_continued_is_refused_before_the_curve_is_trained(here):
    ll.connect(["net.pt", "other.pt"], out="c.h5", plane=3, **CURVE)
    with pytest.raises(UsageError, match="plane 4: c.bezier.plane.h5 holds 3 x 3 points; give plane=3"):
        ll.connect(["net.pt", "other.pt"], out="c.h5", plane=4, **{**CURVE, "curve": "bezier", "bends": 3})
    assert not [path for path in Path().glob("c.*/bend_3.pt")]
    # another kind of curve has a plane of its own
    ll.connect(["net.pt", "other.pt"], out="c.h5", plane=4, **{**CURVE, "curve": "polychain"})


def test_a_net_is_not_overwritten_by_results(here):
    before = Path("net.pt").read_bytes()
    for run in (lambda: ll.connect(["net.pt", "other.pt"], out="net.pt", overwrite=True, points=2, **OPTIONS),
                lambda: ll.surface("net.pt", out="net.pt", overwrite=True, x="-1:1:3", y="-1:1:3", **OPTIONS)):  # fmt: skip
        with pytest.raises(LandscapeError, match="output net.pt: is the name of a checkpoint"):
            run()
    Path("link.h5").symlink_to("net.pt")
    shutil.copy("net.pt", "weights")
    for out, why in (("link.h5", "is the name of a checkpoint"), ("weights", "holds a checkpoint")):
        with pytest.raises(LandscapeError, match=why):
            ll.surface("net.pt", out=out, overwrite=True, x="-1:1:3", y="-1:1:3", **OPTIONS)
    assert Path("net.pt").read_bytes() == Path("weights").read_bytes() == before


def test_bends_are_nets_of_their_own_also_with_tied_weights_and_statistics(here):
    ll.connect(["net.pt", "other.pt"], out="c.h5", precision="fp64", **CURVE)
    bend = state("c.bezier/bend_1.pt")
    net = resolve_callable("net.py:build")().double()
    net.load_state_dict({name: value.double() if value.is_floating_point() else value for name, value in bend.items()})
    net[1].momentum = 1.0
    with torch.no_grad():
        net.train()(split("train")[0])
    for name in ("running_mean", "running_var"):
        np.testing.assert_allclose(bend[f"1.{name}"], net.state_dict()[f"1.{name}"], rtol=1e-5)
    ll.connect(
        [masked(0, tied=True), masked(1, tied=True)],
        out="t.h5",
        data=DATA,
        curve="bezier",
        epochs=1,
        points=2,
        quiet=True,
    )
    ll.line("t.bezier/bend_1.pt", model=masked(0, tied=True), data=DATA, x="-1:1:3", quiet=True)


def test_paths_that_are_not_lines_are_told_beside_a_table(here):
    from landscape.recipes.connect import lines

    third = {name: 1.1 * value if value.ndim > 1 else value for name, value in state("net.pt").items()}
    torch.save(third, "third.pt")
    ll.connect(["net.pt", "other.pt"], out="m.h5", **CURVE)
    said = "\n".join(lines(ll.connect(["net.pt", "other.pt", "third.pt"], points=5, out="m.h5", **OPTIONS), {}))
    assert "barriers of the straight lines in test loss" in said
    assert "bezier from net to other" in said


def test_a_dry_run_counts_what_an_existing_file_lacks(here):
    ll.connect(["net.pt", "other.pt"], out="c.h5", points=5, **OPTIONS)
    plan = ll.connect(["net.pt", "other.pt"], out="c.h5", dry_run=True, **CURVE)
    assert (plan.points, plan.pending) == (10, 5)
    assert not Path("c.bezier").exists()


def test_a_dry_run_says_what_the_curve_and_its_plane_will_take(here):
    from landscape.recipes.connect import lines

    options = {**CURVE, "plane": 4, "out": "c.h5"}
    plan = ll.connect(["net.pt", "other.pt"], dry_run=True, **options)
    training, plane = plan.further.values()
    assert plane == pytest.approx(16 / plan.points * plan.seconds) and training > 0
    assert (
        "; training of the curve about" in lines(plan, {})[-1] and "plane of 4 x 4 points about" in lines(plan, {})[-1]
    )
    ll.connect(["net.pt", "other.pt"], **options)
    assert not ll.connect(["net.pt", "other.pt"], dry_run=True, **options).further, "both are there"
