"""The original program's numbers on the net it was run on: losses within 1e-4 relative, accuracies within 0.1 points.

The fast tests take 9 of the 225 points and 3 of a row; `./scripts/test --all` takes all of them.
"""

from pathlib import Path

import numpy as np
import pytest

import landscape as ll

REFERENCE = Path(__file__).resolve().parents[3] / "shared" / "reference" / "resnet20"
pytestmark = pytest.mark.skipif(
    not REFERENCE.is_dir(), reason="../shared/reference is not here (not part of the project)"
)


def compute(recipe, **ranges):
    return recipe(
        REFERENCE / "checkpoint.th",
        data=f"npz:{REFERENCE / 'images.npz'}",
        normalize="li2018",
        directions=REFERENCE / "directions.h5",
        quiet=True,
        **ranges,
    )


def assert_agrees(ours, theirs_loss, theirs_accuracy):
    np.testing.assert_allclose(ours.values["train_loss"], theirs_loss, rtol=1e-4)
    np.testing.assert_allclose(ours.values["train_accuracy"], theirs_accuracy, atol=1e-3)


@pytest.fixture(scope="module")
def theirs():
    return ll.load_surface(REFERENCE / "surface.h5")


@pytest.mark.parametrize("points", [3, pytest.param(15, marks=pytest.mark.slow)])
def test_surface(theirs, points):
    step = slice(None, None, 14 // (points - 1))
    ours = compute(ll.surface, x=(-1, 1, points), y=(-1, 1, points))
    np.testing.assert_allclose(ours.x, theirs.x[step], atol=1e-15)
    loss, accuracy = (theirs.values[name][step, step] for name in ("train_loss", "train_accuracy"))
    assert_agrees(ours, loss, accuracy)


@pytest.mark.parametrize("points", [3, pytest.param(15, marks=pytest.mark.slow)])
def test_line(theirs, points):
    step = slice(None, None, 14 // (points - 1))
    ours = compute(ll.line, x=(-1, 1, points))
    loss, accuracy = (theirs.values[name][7, step] for name in ("train_loss", "train_accuracy"))
    assert_agrees(ours, loss, accuracy)
