"""The ground of a basin: its points, its width, its area and volume in closed form; and where it reaches the edge."""

import numpy as np
import pytest

from landscape.topology.elder_rule import NEVER, pairing
from landscape.topology.merge_tree import merge_tree
from landscape.topology.regions import cell_areas, component, region_of, width_of
from landscape.topology.rims import NOWHERE, edge_of, spills
from tests.topology.grids import random_grid


def test_area_and_volume_of_a_paraboloid():
    """Below the height h it covers an area of pi h, and a volume of pi h^2 / 2."""
    axis = np.linspace(-2, 2, 401)
    values = np.add.outer(axis**2, axis**2)
    tree = merge_tree(values)
    found = region_of(tree, int(tree.minima[0]), 1.5, cell_areas([axis, axis]))
    assert found.area == pytest.approx(np.pi * found.level, rel=2e-3)
    assert found.volume == pytest.approx(np.pi * found.level**2 / 2, rel=2e-3)


def test_cells_end_half_way_and_cover_the_plane():
    x, y = np.array([0.0, 1.0, 3.0, 3.5]), np.array([-1.0, 0.0, 4.0])
    cells = cell_areas([x, y])
    assert cells.shape == (3, 4) and cells.sum() == pytest.approx(3.5 * 5)
    assert cells[1, 1] == 1.5 * 2.5


@pytest.mark.parametrize(
    ("rows", "width"),
    [
        (["....", ".##.", ".##.", "...."], 2),
        ([".....", ".###.", ".###.", ".###.", "....."], 3),
        (["#....", ".#...", "..#..", "...#.", "....#"], 1),
        (["#####"] * 5, 5),
        (["....."] * 5, 0),
        (["####.", "####.", "####.", "....."], 3),
        (["##...", "##...", ".....", "....."], 2),
        ([".####", ".####", "#####", "#####"], 4),
        (["#####", "#####"], 2),
    ],
)
def test_width_is_the_largest_square_that_fits(rows, width):
    assert width_of(np.array([[c == "#" for c in row] for row in rows])) == width


def test_width_is_that_of_all_squares_tried():
    rng = np.random.default_rng(3)
    for _ in range(100):
        mask = rng.random(rng.integers(1, 9, 2)) < 0.8
        fits = [
            side for side in range(1, 9) for y in range(mask.shape[0] - side + 1) for x in range(mask.shape[1] - side + 1)
            if mask[y : y + side, x : x + side].all()
        ]  # fmt: skip
        assert width_of(mask) == max(fits, default=0)


def test_width_on_a_line_is_the_longest_run():
    assert [width_of(np.array(mask, dtype=bool)) for mask in ([0, 1, 1, 0], [1, 1, 1], [0, 0], [1, 0, 1, 1])] == [
        2,
        3,
        0,
        2,
    ]


def test_the_ground_is_strictly_below_its_level():
    """Where values are equal their order is made up, so the plain at the height of the pass is no part of it."""
    values = np.full((5, 9), 3.0)
    values[2, 1:4] = values[2, 6] = 1.0
    tree = merge_tree(values)
    for point, size in zip(tree.minima[:2], (3, 1), strict=True):
        assert region_of(tree, int(point), 3.0, np.ones_like(values)).mask.sum() == size
    assert not component(values < 1, int(tree.minima[0]), 8).any()


@pytest.mark.parametrize("neighbours", [8, 4])
def test_a_basin_spills_where_its_ground_first_meets_an_older_one_or_the_edge(neighbours):
    """Against a search through all levels."""
    for seed in range(40):
        values = random_grid(np.random.default_rng(seed), most=7)
        tree = merge_tree(values, neighbours)
        pairs, found, edge = pairing(tree), spills(tree, np.arange(len(tree.minima))), edge_of(tree)
        for leaf, point in enumerate(tree.minima.tolist()):
            last = (
                tree.rank.max() + 1 if pairs.passes[leaf] == NEVER else tree.rank.flat[tree.saddles[pairs.passes[leaf]]]
            )
            below = (component((tree.rank < r) & tree.domain, point, neighbours) for r in range(last + 1))
            open_at = next((r for r, ground in enumerate(below) if (ground & edge).any()), None)
            expected = last if open_at is None else min(last, open_at - 1)
            if open_at is None and pairs.passes[leaf] == NEVER:
                assert found[leaf] == NOWHERE
            else:
                assert tree.rank.flat[found[leaf]] == expected


def test_what_lies_open_opens_all_that_join_it():
    """On a line: the basin at the border opens the next one, and that opens the third."""
    values = np.array([3.0, 4.0, 2.0, 5.0, 1.0, 9.0, 10.0])
    tree = merge_tree(values)
    assert values[spills(tree, np.arange(3))].tolist() == [5.0, 4.0, 3.0]


def test_the_edge_is_the_border_and_what_lies_beside_a_hole():
    values = np.zeros((7, 7))
    values[3, 3] = np.nan
    eight, four = (edge_of(merge_tree(values, n)) for n in (8, 4))
    assert (
        eight[2:5, 2:5].sum() == 8
        and four[2:5, 2:5].sum() == 4
        and not eight[1, 1]
        and eight[0].all()
        and eight[:, -1].all()
    )
