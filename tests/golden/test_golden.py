"""Values that an earlier version computed are computed again, bit for bit, and its files open and continue.

The values were kept by `python tests/golden/cases.py FOLDER` with the code of 521c0b4; those of the spectrum later, when
its eigenvalues came to be accepted by the rule of `landscape hessian`: they moved by less than their stated errors; and
those under a tolerance when points came to be estimated beside their neighbours, when the coarse points became the most
accurate ones, when the net's own value came to be that of all samples, when the tolerance was divided otherwise and few
samples with much of the loss came to be taken whole, and (by rounding) when batches of few samples came to be joined. The
stated errors of traces moved when the spread of the probes came to be held against a bound. Where the arithmetic of the
machine is another (another processor or torch), bits cannot agree, and values are compared within what rounding leaves.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

import landscape as ll
from tests.golden.cases import CASES, HERE, NET, PLANE, A, B, arithmetic, arrays_of

# What an eigenvalue to 1 % and sums in float32 may differ by where the arithmetic is another.
ELSEWHERE = {"rtol": 0.03, "atol": 1e-4}


@pytest.fixture(scope="module")
def same_arithmetic() -> bool:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return arithmetic() == (HERE / "arithmetic.txt").read_text().strip()
    finally:
        torch.set_num_threads(threads)


def check(found: dict[str, np.ndarray], kept: dict[str, np.ndarray], exact: bool) -> None:
    assert sorted(found) == sorted(kept)
    for name, array in kept.items():
        if exact:
            np.testing.assert_array_equal(found[name], array, err_msg=name)
        elif name.startswith(("values", "final")) and not name.endswith(("_error", "_products", "_settled")):
            np.testing.assert_allclose(found[name], array, **ELSEWHERE, err_msg=name)


@pytest.mark.parametrize("name", CASES)
def test_values_are_those_of_an_earlier_version(name: str, tmp_path: Path, same_arithmetic: bool) -> None:
    kept = np.load(HERE / f"{name}.npz")
    check(CASES[name](tmp_path), {key: kept[key] for key in kept.files}, same_arithmetic)


CONTINUED = {
    "plane": lambda out: ll.surface(A, **PLANE, **NET, samples=60, split=("train", "test"), out=out),
    "between": lambda out: ll.line(A, to=B, x=(-0.1, 1.1, 7), **NET, precision="fp64", samples=64, out=out),
}


@pytest.mark.parametrize("name", CONTINUED)
def test_a_file_of_an_earlier_version_is_continued(name: str, tmp_path: Path, same_arithmetic: bool) -> None:
    shutil.copy(HERE / "files" / f"{name}.h5", tmp_path)
    before = ll.load_surface(tmp_path / f"{name}.h5")
    assert before.counts()["pending"] > 0
    found, kept = CONTINUED[name](tmp_path / f"{name}.h5"), np.load(HERE / f"{name}.npz")
    check(arrays_of(found), {key: kept[key] for key in kept.files}, same_arithmetic)


def test_a_surface_under_a_tolerance_of_an_earlier_version_is_continued(tmp_path: Path) -> None:
    """What was done stays bit for bit; it holds no samples, so no other point is estimated from it."""
    shutil.copy(HERE / "files" / "tolerated.h5", tmp_path)
    before = ll.load_surface(tmp_path / "tolerated.h5")
    done = before.status["evaluation"] == 1
    assert done.any() and not done.all()
    more = {"precision": "fp64", "tolerance": 0.1, "x": (-1, 1, 13), "y": (-1, 1, 13)}
    found = ll.surface(A, **NET, **more, out=tmp_path / "tolerated.h5")
    assert found.counts()["pending"] == 0
    for name, array in before.values.items():
        np.testing.assert_array_equal(found.values[name][done], array[done])
    kept = np.load(HERE / "tolerated.npz")["values/train_loss"]
    assert np.quantile(np.abs(found.values["train_loss"] / kept - 1), 0.95) < 0.1


def test_directions_of_an_earlier_version_are_taken(tmp_path: Path, same_arithmetic: bool) -> None:
    for name in ("along.h5", "along.directions.h5"):
        shutil.copy(HERE / "files" / name, tmp_path)
    before, kept = (tmp_path / "along.directions.h5").read_bytes(), np.load(HERE / "along.npz")
    found = CASES["along"](tmp_path)
    assert (tmp_path / "along.directions.h5").read_bytes() == before
    check(found, {key: kept[key] for key in kept.files}, same_arithmetic)


def test_curvature_of_an_earlier_version_is_continued(tmp_path: Path, same_arithmetic: bool) -> None:
    """What was done by an earlier rule stays bit for bit; the rest is that of one run."""
    shutil.copy(HERE / "files" / "for_hessian.h5", tmp_path)
    before = ll.load_surface(tmp_path / "for_hessian.h5")
    done = before.status["hessian"] == 1
    assert done.any() and not done.all()
    found = ll.hessian(
        tmp_path / "for_hessian.h5", samples=32, index=1e-3, search="exact", threads=1, quiet=True,
        checkpoint=A, model=NET["model"],
    )  # fmt: skip
    kept = np.load(HERE / "curvature.npz")
    assert found.counts("hessian")["done"] == 9
    for name in ("hessian_max", "hessian_min"):
        np.testing.assert_array_equal(found.values[name][done], before.values[name][done])
        if same_arithmetic:
            np.testing.assert_array_equal(found.values[name][~done], kept[f"values/{name}"][~done])
        np.testing.assert_allclose(found.values[name], kept[f"values/{name}"], rtol=0.02)


def test_a_spectrum_of_an_earlier_version_is_continued(tmp_path: Path, same_arithmetic: bool) -> None:
    """What was done stays bit for bit, eigenvalues of an earlier rule of acceptance too; the rest is that of one run."""
    shutil.copy(HERE / "files" / "spectrum.h5", tmp_path)
    before, pending = ll.load_spectrum(tmp_path / "spectrum.h5"), 0
    found, kept = CASES["spectrum"](tmp_path), np.load(HERE / "spectrum.npz")
    for name, block in before.blocks.items():
        values, errors = found[f"{name}/values"], found[f"{name}/errors"]
        np.testing.assert_array_equal(values, block.values)
        np.testing.assert_array_equal(errors, block.errors)
        assert (np.abs(values - kept[f"{name}/values"]) <= errors + kept[f"{name}/errors"]).all()
        done = np.isfinite(block.weights).all(axis=1)
        pending += int((~done).sum())
        for key in ("nodes", "weights"):
            array = found[f"{name}/{key}"]
            np.testing.assert_array_equal(array[done], getattr(block, key)[done])
            check({key: array[~done]}, {key: kept[f"{name}/{key}"][~done]}, same_arithmetic)
            assert np.isfinite(array).all()
    assert pending and np.isnan(before.whole.trace)
    numbers = "all parameters/numbers"  # the third, the products, counts those of both versions
    check({numbers: found[numbers][:2]}, {numbers: kept[numbers][:2]}, same_arithmetic)
