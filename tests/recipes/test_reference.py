"""The original program's numbers on the nets it was run on: losses within 1e-4 relative, accuracies within 0.1 points.

The fast tests take the corners of its own surface of 225 points and 3 points of the middle row; `./scripts/test --all` takes
all. Where its files are not at hand, the comparison is with the stand-in of `tests/original.py`, in float64.
"""

import numpy as np
import pytest

import landscape as ll


def compute(recipe, original, **ranges):
    return recipe(
        original.folder / "checkpoint.th",
        model="resnet20_a",
        data=f"npz:{original.folder / 'images.npz'}",
        normalize="li2018",
        directions=original.folder / "directions.h5",
        precision=original.precision,
        quiet=True,
        **ranges,
    )


def assert_agrees(ours, theirs, rows, original):
    loss, accuracy = (theirs.values[name][rows] for name in ("train_loss", "train_accuracy"))
    np.testing.assert_allclose(ours.values["train_loss"], loss, rtol=original.rtol)
    np.testing.assert_allclose(ours.values["train_accuracy"], accuracy, atol=1e-3)
    assert np.ptp(loss) > 0.1, "a constant surface would prove nothing"


@pytest.fixture
def theirs(original):
    return ll.load_surface(original.folder / "surface.h5")


def axis(values, points):
    """(range, slice): `points` of an axis of the file, and where they are in its arrays."""
    step = (len(values) - 1) // (min(points, len(values)) - 1)
    taken = slice(None, None, step)
    return (values[0], values[-1], len(values[taken])), taken


@pytest.mark.parametrize("points", [2, pytest.param(15, marks=pytest.mark.slow)])
def test_surface(theirs, original, points):
    (x, columns), (y, rows) = axis(theirs.x, points), axis(theirs.y, points)
    ours = compute(ll.surface, original, x=x, y=y)
    np.testing.assert_allclose(ours.x, theirs.x[columns], atol=1e-15)
    np.testing.assert_allclose(ours.y, theirs.y[rows], atol=1e-15)
    assert_agrees(ours, theirs, (rows, columns), original)


@pytest.mark.parametrize("points", [3, pytest.param(15, marks=pytest.mark.slow)])
def test_line(theirs, original, points):
    x, columns = axis(theirs.x, points)
    ours = compute(ll.line, original, x=x)
    assert_agrees(ours, theirs, (len(theirs.y) // 2, columns), original)
