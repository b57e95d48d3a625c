"""Barriers against their definitions, on numbers made up by hand."""

from __future__ import annotations

import numpy as np
import pytest

import landscape as ll
from landscape.errors import UsageError
from landscape.grid import CURVE, PATH, Axis, Grid, Range
from landscape.quantity import quantity_named
from landscape.surfaces.barriers import barriers, matrix, paths_of
from landscape.surfaces.surface import Surface

PLACES = Range(0, 1, 5).values
LOSS = np.array([[1.0, 2.0, 5.0, 4.0, 3.0], [1.0, 1.0, 1.0, 1.0, 2.0], [3.0, 2.0, 1.0, 1.5, 2.0]])


def surface(**changes) -> Surface:
    connect = {"nets": ["a", "b", "c"], "weights": ["1", "2", "3"], "paths": ["line 1 2", "line 1 3", "line 2 3"],
               "lengths": [1.0, 2.0, 3.0]}  # fmt: skip
    values = {"train_loss": LOSS.copy(), "train_accuracy": 1 - LOSS / 10}
    made = {
        "grid": Grid((Axis("x", PLACES, "", CURVE), Axis("y", np.arange(3.0), "path", PATH))),
        "values": values, "stderr": {"train_loss": np.full((3, 5), 0.1)},
        "status": {"evaluation": np.ones((3, 5), np.uint8)}, "provenance": {"connect": connect},
        "quantities": {name: quantity_named(name) for name in values},
    }  # fmt: skip
    return Surface(**{**made, **changes})


def test_both_definitions():
    first, second, third = barriers(surface(), "train_loss")
    assert (first.over_mean, first.at, first.highest, first.ends) == (5 - 2, 0.5, 5.0, (1.0, 3.0))
    assert first.over_line == 5 - 2.0  # the line is at 2 there
    assert second.over_mean == 2 - 1.5
    assert second.over_line == 0.0  # the curve lies on or below the line
    assert (third.over_mean, third.over_line) == (3 - 2.5, 0.0)
    assert first.stderr == pytest.approx(0.2)  # 0.1 at the top, and the mean of the ends with fully correlated errors


def test_a_share_is_taken_as_an_error():
    (found, *_) = barriers(surface(), "train_accuracy")
    assert found.over_mean == pytest.approx(0.3)
    assert found.highest == pytest.approx(0.5)


def test_the_matrix_is_symmetric_and_zero_on_its_diagonal():
    found = matrix(surface(), "train_loss")
    assert found.tolist() == [[0, 3, 0.5], [3, 0, 0.5], [0.5, 0.5, 0]]


def test_paths_that_are_not_computed_to_the_end_have_no_barrier():
    status = np.ones((3, 5), np.uint8)
    status[1, 3] = 0
    half = surface(status={"evaluation": status})
    assert [each.path.row for each in barriers(half, "train_loss")] == [0, 2]
    assert np.isnan(matrix(half, "train_loss")[0, 2])


def test_a_loss_that_is_not_finite_is_the_top():
    values = LOSS.copy()
    values[0, 1] = np.nan
    (found, *_) = barriers(surface(values={"train_loss": values}, quantities={}), "train_loss")
    assert found.at == 0.25
    assert found.over_mean == np.inf


def test_others_have_no_paths():
    plain = Surface(Grid.of(Range(0, 1, 2)), {"train_loss": np.zeros(2)})
    with pytest.raises(UsageError, match="no paths between nets; landscape connect"):
        paths_of(plain)
    assert ll.barriers is barriers
