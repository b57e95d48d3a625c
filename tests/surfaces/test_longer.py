"""Rows of a result that are added or put in another order keep their values; new ones are pending."""

import numpy as np
import pytest

from landscape.grid import Axis, Grid
from landscape.surfaces.longer import rearranged, with_more
from landscape.surfaces.surface import DONE, FAILED, PENDING, Surface


def rows(*counts: int) -> Grid:
    return Grid(
        tuple(Axis(name, np.arange(float(count)), name, "step") for name, count in zip("xy", counts, strict=False))
    )


@pytest.mark.parametrize("grid, wider", [(rows(3), rows(4)), (rows(2, 3), rows(2, 4))], ids=["points", "paths"])
def test_each_row_is_the_one_of_its_place_and_new_ones_are_pending(grid, wider):
    values = np.arange(float(grid.size)).reshape(grid.shape)
    codes = np.full(grid.shape, DONE, np.uint8)
    codes[1] = FAILED
    old = Surface(grid, {"train_loss": values}, {"train_loss": values / 10}, {"evaluation": codes})
    found = rearranged(old, wider, [2, -1, 0, 1])
    for mine, known in ((found.values["train_loss"], values), (found.stderr["train_loss"], values / 10)):
        np.testing.assert_array_equal(mine[[0, 2, 3]], known[[2, 0, 1]])
        assert np.isnan(mine[1]).all()
    status = found.status["evaluation"]
    assert status.dtype == codes.dtype and (status[1] == PENDING).all() and (status[[0, 2]] == DONE).all()
    width = grid.size // 3
    assert found.pending() == [*range(width, 2 * width), *range(3 * width, 4 * width)], "failed points are tried again"
    assert found.pending("hessian") == list(range(wider.size)), "nothing is recorded of these"


def test_steps_of_a_longer_run_have_their_values():
    short = Grid((Axis("x", np.array([0.0, 20.0]), "step", "step"),))
    long = Grid((Axis("x", np.array([0.0, 10.0, 20.0, 30.0]), "step", "step"),))
    found = with_more(Surface(short, {"train_loss": np.array([5.0, 7.0])}), long)
    np.testing.assert_array_equal(found.values["train_loss"], [5, np.nan, 7, np.nan])
