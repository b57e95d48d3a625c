"""The order in which points around a net are computed: the net first, then ever finer lattices, and no value depends on it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

import landscape as ll
from landscape.grid import DIRECTION, Grid, parse_range
from landscape.scene.thin import thinned as drawn
from landscape.study.extension import in_order
from landscape.sweep.orders.coarse import coarse_first, thinned

GRIDS = {
    "line": Grid.of(parse_range("-1:1:9")),
    "plane": Grid.of(parse_range("-1:1:9"), parse_range("-1:1:7", name="y")),
    "beside the middle": Grid.of(parse_range("-0.5:1.5:9"), parse_range("-1:2:7", name="y")),
    "one": Grid.of(parse_range("-1:1:2")),
    "volume": Grid.of(parse_range("-1:1:5"), parse_range("-1:1:3", name="y"), parse_range("-1:1:3", name="z")),
}


def of_net(grid: Grid) -> int:
    return min(range(grid.size), key=lambda point: sum(abs(each) for each in grid.coordinates(point)))


@pytest.mark.parametrize("name", GRIDS)
@pytest.mark.parametrize("every", [1, 2, 3])
def test_the_net_comes_first_then_each_lattice_as_a_whole_from_the_net_outward(name, every):
    grid = GRIDS[name]
    order = coarse_first(grid, every)
    assert sorted(order) == sorted(thinned(grid, every)) and len(set(order)) == len(order)
    if name != "one":
        assert order[0] == of_net(grid)
    spacing, before = 2 * every, len(order)
    while len(thinned(grid, spacing)) > 1:
        whole = thinned(grid, spacing)
        assert set(order[: len(whole)]) == set(whole)
        spacing, before = 2 * spacing, len(whole)
    away = [
        sum(
            (a - b) ** 2
            for a, b in zip(*(np.unravel_index(each, grid.shape) for each in (point, order[0])), strict=True)
        )
        for point in order[:before]
    ]
    assert away == sorted(away)


def test_the_nets_of_a_run_come_in_their_order():
    grid = GRIDS["line"]
    steps = Grid((replace(grid.axes[0], kind="step"),))
    assert grid.axes[0].kind == DIRECTION
    assert in_order(steps, 1, [0, 1, 2, 5]) == [0, 1, 2, 5] != in_order(grid, 1, [0, 1, 2, 5])


def test_an_unfinished_file_shows_a_map_around_the_net_and_is_continued_bit_for_bit(mlp, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    from landscape.measurement.ends import HessianEnds

    data = (torch.randn(20, 6), torch.arange(20) % 3)
    options = {"model": mlp(), "data": data, "threads": 1, "quiet": True}
    plane = ll.surface(x="-1:1:5", y="-1:1:5", out="s.h5", **options)
    options["search"] = "exact"  # not by the speed of the moment
    whole = ll.hessian(plane, **options)
    computed, evaluate = [], HessianEnds.evaluate

    def stops(self, point):
        if len(computed) == 9:
            raise ValueError("stopped here")
        computed.append(point.index)
        return evaluate(self, point)

    with monkeypatch.context() as patch:
        patch.setattr(HessianEnds, "evaluate", stops)
        with pytest.raises(ll.LandscapeError, match="stopped here"):
            ll.hessian("s.h5", **options)
    part = ll.load_surface("s.h5")
    assert computed[0] == 12 and (part.status["hessian"] == 1).sum() == 9
    assert drawn(part, "hessian_max").shape == (3, 3)
    found = ll.hessian("s.h5", **options)
    for name, values in whole.values.items():
        np.testing.assert_array_equal(found.values[name], values, err_msg=name)
