"""`landscape hessian`: the same numbers as the dense Hessian at every point, continued, refused, and on any number of ranks."""

import json
import signal
import time
from dataclasses import replace

import numpy as np
import pytest
import torch

import landscape as ll
from landscape.errors import AnotherRun, UsageError
from landscape.grid import Grid, parse_range
from landscape.scene.facts.surface import facts
from landscape.surfaces import load_surface
from landscape.sweep.orders.coarse import thinned
from tests import forked
from tests.recipes.conftest import GRID, OPTIONS

FEW = {"x": "-1:1:3", "y": "0:1:2"}


def dense_values(coords):
    """(n,) rising: the eigenvalues of the dense Hessian in float64, all of it made again from the files."""
    from landscape.callables import resolve_callable
    from landscape.measurement.evaluate import move
    from landscape.options.option import Given
    from landscape.study.on_slice import Asked, on_plane
    from landscape.sweep.world import World

    asked = Asked.of("net.pt", Given({"precision": "fp64", "metrics": ("loss",), "plain": True, **OPTIONS}))
    on = on_plane(asked, GRID, World(), "surface")
    objective = on.subject.objective
    move(on.subject, on.slice, coords)
    net = resolve_callable("net.py:build")().double().eval()
    net.load_state_dict({k: v.double() for k, v in torch.load("net.pt").items()})
    views = objective.layout.named(objective.weights)
    with torch.no_grad():
        for name, parameter in net.named_parameters():
            parameter.copy_(views[name])
    split = objective.splits["train"]
    names = [name for name, p in net.named_parameters() if p.ndim > 1]
    own = dict(net.named_parameters())
    start = torch.cat([own[name].detach().flatten() for name in names])

    def loss(flat):
        parts = torch.split(flat, [own[name].numel() for name in names])
        moved = {name: part.view(own[name].shape) for name, part in zip(names, parts, strict=True)}
        return torch.nn.functional.cross_entropy(torch.func.functional_call(net, moved, (split.inputs,)), split.targets)

    return np.linalg.eigvalsh(torch.func.hessian(loss)(start).detach().numpy())


@pytest.mark.slow
def test_a_point_has_the_ends_of_the_dense_hessian(surface):
    file = surface()
    found = ll.hessian(file, precision="fp64", tolerance=1e-9, index=0.001, threads=1, quiet=True)
    values = dense_values((1.0, 0.5))
    assert found.values["hessian_max"][2, 4] == pytest.approx(values[-1], rel=1e-8)
    assert found.values["hessian_min"][2, 4] == pytest.approx(values[0], rel=1e-8)
    share = np.mean(values < -0.001 * np.abs(values).max())
    assert found.values["hessian_negative"][2, 4] == pytest.approx(share, abs=0.05), "two probes of forty steps"


def test_values_and_errors_agree_with_a_stricter_run(surface):
    loose = ll.hessian(surface("a.h5", **FEW), tolerance=0.003, threads=1, quiet=True)
    strict = ll.hessian(surface("b.h5", **FEW), precision="fp64", tolerance=1e-6, threads=1, quiet=True)
    for name in ("hessian_max", "hessian_min"):
        true = strict.values[name]
        off = np.abs(loose.values[name] / true - 1)
        assert off.max() <= 0.003
        assert (np.abs(loose.values[name] - true) <= loose.values[f"{name}_error"]).all()
        # an end far smaller than the other is known to the tolerance of a thousandth of that
        largest = np.abs(strict.values["hessian_max"])
        assert (strict.values[f"{name}_error"] <= 1.1e-6 * np.maximum(np.abs(true), 1e-3 * largest)).all()
    assert (loose.values["hessian_products"] >= 8).all()
    assert loose.status["hessian"].tolist() == np.ones((2, 3)).tolist()


def test_the_file_keeps_what_it_had_and_is_continued_as_a_surface(surface):
    file = surface()
    before = load_surface(file)
    ll.hessian(file, every=2, threads=1, quiet=True)
    after = load_surface(file)
    for name, values in before.values.items():
        np.testing.assert_array_equal(values, after.values[name])
    assert after.provenance["hessian"]["samples"] == 64
    again = ll.surface("net.pt", out=file, **GRID, **OPTIONS)
    np.testing.assert_array_equal(again.values["hessian_max"], after.values["hessian_max"])


def test_a_coarser_grid_has_the_centre_and_is_refined_later(surface):
    file = surface()
    coarse = ll.hessian(file, every=2, threads=1, quiet=True)
    done = coarse.status["hessian"] == 1
    # x has 0 at its third point of five, y at its second of four
    assert done.tolist() == [[(ix % 2 == 0) and (iy % 2 == 1) for ix in range(5)] for iy in range(4)]
    assert np.isnan(coarse.values["hessian_max"][~done]).all()
    fine = ll.hessian(file, threads=1, quiet=True)
    assert (fine.status["hessian"] == 1).all()
    np.testing.assert_array_equal(fine.values["hessian_max"][done], coarse.values["hessian_max"][done])


@pytest.mark.parametrize("every, expected", [(1, 7), (2, 3), (3, 3), (4, 1), (9, 1)])
def test_thinning_keeps_the_centre(every, expected):
    grid = Grid.of(parse_range("-1:1:7"))
    kept = thinned(grid, every)
    assert len(kept) == expected and 3 in kept


def test_fewer_samples_of_the_files_own(surface):
    found = ll.hessian(surface(), every=9, samples=16, threads=1, quiet=True)
    assert found.provenance["hessian"]["samples"] == 16
    with pytest.raises(UsageError, match="samples 0"):
        ll.hessian("s.h5", samples=0, overwrite=True, threads=1)


def test_results_do_not_depend_on_the_batch_size(surface):
    one = ll.hessian(surface("a.h5"), every=4, precision="fp64", tolerance=1e-8, batch_size=7, threads=1, quiet=True)
    other = ll.hessian(surface("b.h5"), every=4, precision="fp64", tolerance=1e-8, batch_size=64, threads=1, quiet=True)
    for name in ("hessian_max", "hessian_min"):
        np.testing.assert_allclose(one.values[name], other.values[name], rtol=1e-7)


def test_the_saddle_index_with_its_error(surface):
    found = ll.hessian(surface(), every=4, index=0.001, threads=1, quiet=True)
    done = found.status["hessian"] == 1
    share, error = found.values["hessian_negative"][done], found.stderr["hessian_negative"][done]
    assert ((share >= 0) & (share <= 1)).all() and (share > 0).any() and np.isfinite(error).all()
    assert found.provenance["hessian"]["index"] == 0.001
    assert (found.values["hessian_min"][done] > -0.9 * found.values["hessian_max"][done]).any(), (
        "where none is below that"
    )
    strict = ll.hessian(surface("b.h5"), every=4, index=0.9, threads=1, quiet=True)
    above = strict.values["hessian_min"] > -0.9 * strict.values["hessian_max"]
    assert (strict.values["hessian_negative"][done & above] < 1e-6).all()


def test_a_line_too(here):
    ll.line("net.pt", x="-1:1:5", out="l.h5", **OPTIONS)
    found = ll.hessian("l.h5", threads=1, quiet=True)
    assert np.isfinite(found.values["hessian_max"]).all() and found.values["hessian_max"].shape == (5,)


def test_a_surface_in_memory_is_copied(surface, here):
    plane = ll.surface("net.pt", **GRID, **OPTIONS)
    found = ll.hessian(plane, every=4, threads=1, quiet=True)
    assert "hessian_max" in found.values and "hessian_max" not in plane.values and "hessian" not in plane.provenance
    kept = found.values["hessian_max"].copy()
    finer = ll.hessian(found, every=2, threads=1, quiet=True)
    assert (finer.status["hessian"] == 1).sum() > (found.status["hessian"] == 1).sum()
    np.testing.assert_array_equal(found.values["hessian_max"], kept)


def test_a_net_in_memory_is_passed_again(here, mlp):
    data = torch.randn(20, 6), torch.arange(20) % 3
    plane = ll.surface(model=mlp(), data=data, x="-1:1:3", y="-1:1:3", threads=1, quiet=True)
    with pytest.raises(UsageError, match="pass it again as model"):
        ll.hessian(plane, threads=1)
    with pytest.raises(UsageError, match="pass them again as data"):
        ll.hessian(plane, model=mlp(), threads=1)
    found = ll.hessian(plane, model=mlp(), data=data, threads=1, quiet=True)
    assert np.isfinite(found.values["hessian_min"]).all()
    with pytest.raises(AnotherRun, match="checkpoint.sha256 is"):
        ll.hessian(plane, model=mlp(1), data=data, threads=1)


def test_only_lines_and_planes_are_extended(surface):
    plane = load_surface(surface("a.h5", **FEW))
    grid = Grid(tuple(replace(axis, kind="angle") for axis in plane.grid.axes))
    with pytest.raises(UsageError, match="an axis x of kind angle, and only lines and planes along directions"):
        ll.hessian(replace(plane, grid=grid), threads=1)


def test_where_the_loss_is_not_finite_there_is_no_curvature(here):
    with open("net.py", "a") as file:
        file.write(
            "\n\ndef bursting(outputs, targets):\n"
            "    loss = nn.functional.cross_entropy(outputs, targets, reduction='none')\n"
            "    return loss * (float('inf') if outputs.abs().max() > 3 else 1.0)\n"
        )
    ll.surface("net.pt", out="w.h5", loss="net.py:bursting", **{**GRID, "x": "-4:4:5"}, **OPTIONS)
    found = ll.hessian("w.h5", threads=1, quiet=True)
    infinite = ~np.isfinite(found.values["train_loss"])
    assert 0 < infinite.sum() < infinite.size
    assert np.isnan(found.values["hessian_max"][infinite]).all()
    assert np.isfinite(found.values["hessian_max"][~infinite]).all()
    assert (found.status["hessian"] == 1).all()


def test_values_depend_on_neither_ranks_nor_thinning(surface, command):
    # by default the speed of the moment decides on low-precision products, which change values within the tolerance
    serial = ll.hessian(surface("a.h5", **FEW), search="exact", threads=1, quiet=True)
    surface("b.h5", **FEW)
    for more in (["--every", "2"], []):
        done = command(
            "hessian", "b.h5", "--trust", "b.h5", "--search", "exact", "--threads", "1", "--quiet", *more, ranks=2
        )
        assert done.returncode == 0, done.stderr
    assert done.stdout.count("b.h5: 6 points") == 1, "only rank 0 speaks"
    assert "less precise" not in done.stdout
    found = load_surface("b.h5")
    for name, values in serial.values.items():
        np.testing.assert_array_equal(found.values[name], values, err_msg=name)


def test_a_search_by_rough_products_finds_the_same(surface, capsys):
    from landscape.cli.main import main

    exact = ll.hessian(surface("a.h5", **FEW), tolerance=1e-4, search="exact", threads=1, quiet=True)
    assert exact.provenance["run"]["hessian"]["search"] == "exact" and not exact.values["hessian_rough"].any()
    surface("b.h5", **FEW)
    assert main(["hessian", "b.h5", "--tolerance", "1e-4", "--search", "bf16", "--threads", "1", "--quiet"]) == 0
    assert "in bfloat16 at each" in capsys.readouterr().out
    rough = load_surface("b.h5")
    assert rough.provenance["run"]["hessian"]["search"] == "bf16"
    for name in ("hessian_max", "hessian_min"):
        np.testing.assert_allclose(rough.values[name], exact.values[name], rtol=2e-4)
    assert (rough.values["hessian_rough"] >= 8).all()
    assert rough.values["hessian_products"].mean() < 0.4 * exact.values["hessian_products"].mean()
    again = ll.hessian("b.h5", tolerance=1e-4, search="exact", threads=1, quiet=True)
    np.testing.assert_array_equal(again.values["hessian_min"], rough.values["hessian_min"])


def test_points_that_are_not_settled_are_counted(surface, monkeypatch, capsys):
    from landscape.cli.main import main
    from landscape.measurement import ends

    ll.hessian(surface("a.h5", **FEW), threads=1, quiet=True)
    assert (load_surface("a.h5").values["hessian_settled"] == 1).all()
    surface("b.h5", **FEW)
    monkeypatch.setattr(ends, "MAX_PRODUCTS", 9)
    assert main(["hessian", "b.h5", "--threads", "1", "--quiet"]) == 0
    found = load_surface("b.h5")
    left = int((found.values["hessian_settled"] == 0).sum())
    assert left > 0 and (found.values["hessian_products"][found.values["hessian_settled"] == 0] == 9).all()
    assert f"outside the tolerance at {left} points" in capsys.readouterr().out
    assert any(f"less precise than that at {left} points" in fact for fact in facts(found, "hessian_min"))


def test_a_kill_leaves_a_file_that_is_continued(surface):
    surface(x="-1:1:13", y="-1:1:13", samples=16)
    words = ["hessian", "s.h5", "--trust", "s.h5", "--search", "exact", "--threads", "1", "--tolerance", "1e-4"]
    process = forked.Started("-m", "landscape", *words)
    while not process.ended():
        status = load_surface("s.h5").status.get("hessian")
        if status is not None and (status == 1).sum() > 3:
            break
        time.sleep(0.02)
    assert process.end(signal.SIGKILL)[0] == -signal.SIGKILL
    kept = load_surface("s.h5")
    done = kept.status["hessian"] == 1
    assert 3 < done.sum() < done.size and np.isfinite(kept.values["train_loss"]).all()
    assert np.isfinite(kept.values["hessian_max"][done]).all()
    again = ll.hessian("s.h5", tolerance=1e-4, every=6, search="exact", threads=1, quiet=True)
    np.testing.assert_array_equal(again.values["hessian_max"][done], kept.values["hessian_max"][done])
    surface("t.h5", x="-1:1:13", y="-1:1:13", samples=16)
    whole = ll.hessian("t.h5", tolerance=1e-4, every=6, search="exact", threads=1, quiet=True)
    common = whole.status["hessian"] == 1
    np.testing.assert_array_equal(again.values["hessian_min"][common], whole.values["hessian_min"][common])


def test_dry_run_computes_nothing(surface):
    surface()
    plan = ll.hessian("s.h5", dry_run=True, threads=1)
    assert plan.points == plan.pending == 20 and plan.seconds > 0
    assert "hessian" not in load_surface("s.h5").status


@pytest.mark.slow
@pytest.mark.parametrize("point", [3])
def test_the_reference_point_of_the_original_program(reference, tmp_path, point):
    """(0.5, 0.5) of hessian.json; the other three: the slow test below."""
    _compare_with_the_original(reference, tmp_path, [point])


@pytest.mark.slow
def test_the_other_reference_points(reference, tmp_path):
    _compare_with_the_original(reference, tmp_path, [0, 1, 2])


def _compare_with_the_original(reference, folder, points):
    told = json.loads((reference / "resnet20" / "hessian.json").read_text())
    for number in points:
        x, y = told[number]["x"], told[number]["y"]
        out = folder / f"{number}.h5"
        ll.surface(
            reference / "resnet20" / "checkpoint.th", data=f"npz:{reference / 'resnet20' / 'hessian_images.npz'}",
            normalize="li2018", directions=reference / "resnet20" / "directions.h5",
            x=(x - 1, x, 2), y=(y - 1, y, 2), out=out, quiet=True,
        )  # fmt: skip
        found = ll.hessian(out, every=2, tolerance=0.003, quiet=True)
        assert (found.status["hessian"] == 1).sum() == 1
        done = found.status["hessian"] == 1
        largest, smallest = float(found.values["hessian_max"][done][0]), float(found.values["hessian_min"][done][0])
        assert largest == pytest.approx(told[number]["max_eig"], rel=0.01)
        assert smallest == pytest.approx(told[number]["min_eig"], rel=0.03)
        # never less extreme but for the rounding of its float32: at (0.5, 0.5) it lies 0.03 % beyond the converged value
        assert smallest <= told[number]["min_eig"] * (1 - 1e-3)
