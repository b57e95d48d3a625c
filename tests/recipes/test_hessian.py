"""`landscape hessian`: the same numbers as the dense Hessian at every point, continued, refused, and on any number of ranks."""

import json
import os
import shutil
import signal
import subprocess
import time

import numpy as np
import pytest
import torch

import landscape as ll
from landscape.errors import LandscapeError, UsageError
from landscape.grid import Grid, parse_range
from landscape.scene.facts.surface import facts
from landscape.study.extension import thinned
from landscape.surfaces import load_surface

GRID = {"x": "-1:1:5", "y": "-0.5:1:4"}
OPTIONS = {"model": "net.py:build", "data": "npz:data.npz", "normalize": "digits", "threads": 1, "quiet": True}


@pytest.fixture
def surface(here):
    """surface(**options) -> the path of a surface file of the small net."""

    def make(out="s.h5", **options):
        ll.surface("net.pt", out=out, **{**GRID, **OPTIONS, **options})
        return out

    return make


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
    loose = ll.hessian(surface("a.h5"), tolerance=0.003, threads=1, quiet=True)
    strict = ll.hessian(surface("b.h5"), precision="fp64", tolerance=1e-6, threads=1, quiet=True)
    for name in ("hessian_max", "hessian_min"):
        true = strict.values[name]
        off = np.abs(loose.values[name] / true - 1)
        assert off.max() <= 0.003
        assert (np.abs(loose.values[name] - true) <= loose.values[f"{name}_error"]).all()
        # an end far smaller than the other is known to the tolerance of a thousandth of that
        largest = np.abs(strict.values["hessian_max"])
        assert (strict.values[f"{name}_error"] <= 1.1e-6 * np.maximum(np.abs(true), 1e-3 * largest)).all()
    assert (loose.values["hessian_products"] >= 8).all()
    assert loose.status["hessian"].tolist() == np.ones((4, 5)).tolist()


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
    with pytest.raises(UsageError, match="checkpoint.sha256 is"):
        ll.hessian(plane, model=mlp(1), data=data, threads=1)


def refused(**options):
    with pytest.raises(LandscapeError) as error:
        ll.hessian("s.h5", threads=1, quiet=True, **options)
    return str(error.value)


def test_what_moved_is_named_with_the_next_step(surface):
    surface()
    os.rename("net.pt", "moved.pt")
    assert refused() == "s.h5 was computed from net.pt, which is not there; give its new place with --checkpoint"
    found = ll.hessian("s.h5", every=9, checkpoint="moved.pt", threads=1, quiet=True)
    assert "hessian_max" in found.values


def test_another_checkpoint_is_refused(surface):
    surface()
    shutil.copy("other.pt", "net.pt")
    assert "s.h5 was computed from something else: checkpoint.sha256 is" in refused()
    assert "hessian_max" not in load_surface("s.h5").values


def test_other_data_are_refused(surface):
    surface()
    held = dict(np.load("data.npz"))
    held["labels"] = np.roll(held["labels"], 1)
    np.savez("data.npz", **held)
    assert "data.splits.train.fingerprint is" in refused()


def test_moved_data_are_named(surface):
    surface()
    os.rename("data.npz", "there.npz")
    assert "data.npz" in refused()
    assert "hessian_max" in ll.hessian("s.h5", every=9, data="npz:there.npz", threads=1, quiet=True).values


def test_other_directions_are_refused(surface):
    surface(save_directions=True)
    ll.surface("net.pt", out="d.h5", directions="s.directions.h5", **GRID, **OPTIONS)
    ll.surface("net.pt", out="e.h5", seed=3, save_directions=True, **GRID, **OPTIONS)
    os.replace("e.directions.h5", "s.directions.h5")
    with pytest.raises(UsageError, match="directions.fingerprint is"):
        ll.hessian("d.h5", threads=1)
    os.remove("s.directions.h5")
    with pytest.raises(UsageError, match="give its new place with --directions"):
        ll.hessian("d.h5", threads=1)


@pytest.mark.parametrize(
    "change, words",
    [
        ({"tolerance": 0.001}, "tolerance is 0.01 in the file, 0.001 now; --overwrite drops these"),
        ({"ignore": "none"}, "ignore is biasbn in the file, none now"),
        ({"samples": 8}, "samples"),
        ({"index": 0.01}, "index is not set in the file"),
    ],
)
def test_values_of_another_kind_are_refused(surface, change, words):
    surface()
    ll.hessian("s.h5", every=9, threads=1, quiet=True)
    assert words in refused(**change)
    found = ll.hessian("s.h5", every=9, overwrite=True, threads=1, quiet=True, **change)
    assert (found.status["hessian"] == 1).sum() == 1


@pytest.mark.parametrize(
    "options, words",
    [
        ({"every": 0}, "every 0: expected 1"),
        ({"tolerance": 0}, "tolerance 0: expected a relative error"),
        ({"index": 1.5}, "index 1.5: expected a share"),
        ({"split": "test"}, "split 'test': s.h5 was computed on train"),
        ({"split": ["train", "test"]}, "expected one split for the curvature"),
        ({"products": "magic"}, "products 'magic'"),
    ],
)
def test_bad_options(surface, options, words):
    surface()
    assert words in refused(**options)


def test_a_file_of_the_original_says_what_to_do(reference, tmp_path):
    shutil.copy(reference / "resnet20" / "surface.h5", tmp_path / "theirs.h5")
    with pytest.raises(UsageError, match="landscape surface, with --directions FILE"):
        ll.hessian(tmp_path / "theirs.h5")


def test_a_loss_without_curvature_is_named(here):
    with open("net.py", "a") as file:
        file.write("\n\ndef wrong(outputs, targets):\n    return (outputs.argmax(1) != targets).float()\n")
    ll.surface("net.pt", out="w.h5", loss="net.py:wrong", **GRID, **OPTIONS)
    with pytest.raises(LandscapeError, match="the loss has no derivatives"):
        ll.hessian("w.h5", threads=1)


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
    serial = ll.hessian(surface("a.h5"), threads=1, quiet=True)
    surface("b.h5")
    for more in (["--every", "2"], []):
        done = command("hessian", "b.h5", "--trust", "b.h5", "--threads", "1", "--quiet", *more, ranks=2)
        assert done.returncode == 0, done.stderr
    assert done.stdout.count("b.h5: 20 points") == 1, "only rank 0 speaks"
    assert "less precise" not in done.stdout
    found = load_surface("b.h5")
    for name, values in serial.values.items():
        np.testing.assert_array_equal(found.values[name], values, err_msg=name)


def test_a_search_by_rough_products_finds_the_same(surface, capsys):
    from landscape.cli.main import main

    exact = ll.hessian(surface("a.h5"), tolerance=1e-4, search="exact", threads=1, quiet=True)
    assert exact.provenance["run"]["hessian"]["search"] == "exact" and not exact.values["hessian_rough"].any()
    surface("b.h5")
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

    ll.hessian(surface("a.h5"), threads=1, quiet=True)
    assert (load_surface("a.h5").values["hessian_settled"] == 1).all()
    surface("b.h5")
    monkeypatch.setattr(ends, "MAX_PRODUCTS", 9)
    assert main(["hessian", "b.h5", "--threads", "1", "--quiet"]) == 0
    found = load_surface("b.h5")
    left = int((found.values["hessian_settled"] == 0).sum())
    assert left > 0 and (found.values["hessian_products"][found.values["hessian_settled"] == 0] == 9).all()
    assert f"outside the tolerance at {left} points" in capsys.readouterr().out
    assert any(f"less precise than that at {left} points" in fact for fact in facts(found, "hessian_min"))


def test_a_kill_leaves_a_file_that_is_continued(surface, launch):
    surface(x="-1:1:25", y="-1:1:25", samples=16)
    process = subprocess.Popen(
        launch("hessian", "s.h5", "--trust", "s.h5", "--threads", "1", "--tolerance", "1e-4"), stderr=subprocess.PIPE
    )
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        status = load_surface("s.h5").status.get("hessian")
        if status is not None and (status == 1).sum() > 3:
            break
    process.send_signal(signal.SIGKILL)
    process.wait()
    kept = load_surface("s.h5")
    done = kept.status["hessian"] == 1
    assert 3 < done.sum() < done.size and np.isfinite(kept.values["train_loss"]).all()
    assert np.isfinite(kept.values["hessian_max"][done]).all()
    again = ll.hessian("s.h5", tolerance=1e-4, every=12, threads=1, quiet=True)
    np.testing.assert_array_equal(again.values["hessian_max"][done], kept.values["hessian_max"][done])
    surface("t.h5", x="-1:1:25", y="-1:1:25", samples=16)
    whole = ll.hessian("t.h5", tolerance=1e-4, every=12, threads=1, quiet=True)
    common = whole.status["hessian"] == 1
    np.testing.assert_array_equal(again.values["hessian_min"][common], whole.values["hessian_min"][common])


def test_dry_run_computes_nothing(surface):
    surface()
    plan = ll.hessian("s.h5", dry_run=True, threads=1)
    assert plan.points == plan.pending == 20 and plan.seconds > 0
    assert "hessian" not in load_surface("s.h5").status


def test_along_a_training_run(here):
    ll.train(
        "net.py:build", data="npz:data.npz", normalize="digits", epochs=3, out="run", threads=1, quiet=True, lr=0.05
    )
    found = ll.hessian("run", index=0.001, tolerance=1e-3, threads=1, quiet=True)
    assert found.source == "run/hessian.h5" and found.grid.axes[0].kind == "step"
    assert len(found.x) == 4 and found.x[0] == 0
    assert found.values["train_loss"][0] > found.values["train_loss"][-1]
    last = ll.spectrum("run/final.pt", model="net.py:build", data="npz:data.npz", normalize="digits", probes=0, threads=1,
                       trace_products=0, tolerance=1e-3, quiet=True)  # fmt: skip
    assert found.values["hessian_max"][-1] == pytest.approx(last.whole.values[-1], rel=0.002)
    assert found.values["hessian_min"][-1] == pytest.approx(last.whole.values[0], rel=0.002)
    again = ll.hessian("run", index=0.001, tolerance=1e-3, threads=1, quiet=True)
    np.testing.assert_array_equal(again.values["hessian_max"], found.values["hessian_max"])
    with pytest.raises(UsageError, match="its own checkpoints"):
        ll.hessian("run", checkpoint="net.pt")
    ll.train(
        "net.py:build", data="npz:data.npz", normalize="digits", epochs=3, out="run", threads=1, quiet=True, lr=0.01,
        overwrite=True,
    )  # fmt: skip
    with pytest.raises(UsageError, match="of another run: checkpoint.sha256"):
        ll.hessian("run", index=0.001, tolerance=1e-3, threads=1)


def test_tied_weights_along_a_run(here):
    with open("net.py", "a") as file:
        file.write(
            "\n\nclass Tied(nn.Module):\n"
            "    def __init__(self):\n        super().__init__()\n"
            "        self.a, self.b, self.c = nn.Linear(64, 64), nn.Linear(64, 64), nn.Linear(64, 10)\n"
            "        self.b.weight = self.a.weight\n"
            "    def forward(self, x):\n        return self.c(self.b(self.a(x.flatten(1)).relu()).relu())\n"
        )
    ll.train("net.py:Tied", data="npz:data.npz", normalize="digits", epochs=1, out="run", threads=1, quiet=True)
    assert np.isfinite(ll.hessian("run", threads=1, quiet=True).values["hessian_max"]).all()


def test_a_run_with_one_net_has_no_path(here):
    ll.train(
        "net.py:build",
        data="npz:data.npz",
        normalize="digits",
        epochs=1,
        save_every="end",
        out="run",
        threads=1,
        quiet=True,
    )
    shutil.rmtree("run/checkpoints")
    with pytest.raises(UsageError, match="--save-every"):
        ll.hessian("run")


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
