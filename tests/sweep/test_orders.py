"""Every order computes each point that is not known once, in its coordinates."""

from __future__ import annotations

import pytest

from landscape.grid import Grid, parse_range
from landscape.options.groups import ORDERS
from landscape.sweep.orders import ordered

GRID = Grid.of(parse_range("-1:1:5"), parse_range("-2:1:4", name="y"))
KNOWN = {3: {"loss": 1.0}, 12: {"loss": 2.0}}


def rounds(name: str, known: dict) -> list[int]:
    sampler, found = ordered(name, GRID, known), []
    while points := sampler.ask():
        assert all(point.coords == GRID.coordinates(point.index) for point in points)
        found += [point.index for point in points]
        sampler.tell({point.index: {"loss": 0.5} for point in sorted(points, key=lambda each: each.index)})
    return found


@pytest.mark.parametrize("name", ORDERS)
def test_each_point_comes_once_unless_it_is_known(name):
    assert sorted(rounds(name, {})) == list(range(GRID.size))
    assert sorted(rounds(name, KNOWN)) == sorted(set(range(GRID.size)) - KNOWN.keys())


def test_rows_come_in_the_order_of_numbers_and_coarse_begins_at_the_net():
    assert rounds("rows", {}) == list(range(GRID.size))
    assert rounds("coarse", {})[0] == 12, "x = 0, y = 0"
