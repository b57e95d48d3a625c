"""The merge tree has the persistence of GUDHI's cubical complexes, and the symmetries of what it describes."""

import gudhi
import numpy as np
import pytest
from scipy.ndimage import generate_binary_structure, label

from landscape.errors import UsageError
from landscape.topology.elder_rule import NEVER, pairing
from landscape.topology.merge_tree import merge_tree
from tests.topology.grids import persistence_pairs, random_grid

each_reading = pytest.mark.parametrize("neighbours", [8, 4])


def in_order(pairs):
    return pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))]


def by_gudhi(values, neighbours):
    """(n, 2): holes are cells that never come; infinite values are finite ones beyond all others."""
    finite = values[np.isfinite(values)]
    bottom, top = finite.min(initial=0) - 1, finite.max(initial=0) + 1
    cells = np.where(np.isposinf(values), top, np.where(np.isneginf(values), bottom, values))
    cells = np.where(np.isnan(cells), np.inf, cells)
    kind = "top_dimensional_cells" if neighbours == 8 else "vertices"
    complex_ = gudhi.CubicalComplex(**{kind: cells})
    complex_.compute_persistence(homology_coeff_field=2, min_persistence=0)
    pairs = complex_.persistence_intervals_in_dimension(0).reshape(-1, 2)
    pairs = pairs[np.isfinite(pairs[:, 0])]
    return np.select([pairs == top, pairs == bottom], [np.inf, -np.inf], pairs)


def check(seeds, neighbours):
    for seed in seeds:
        values = random_grid(np.random.default_rng(seed))
        found = persistence_pairs(merge_tree(values, neighbours))
        np.testing.assert_array_equal(in_order(found), in_order(by_gudhi(values, neighbours)), err_msg=str(values))


@each_reading
def test_pairs_are_those_of_gudhi_on_grids_with_ties_holes_and_infinities(neighbours):
    check(range(200), neighbours)


@pytest.mark.slow
@each_reading
def test_pairs_are_those_of_gudhi_on_a_thousand_grids(neighbours):
    check(range(200, 1200), neighbours)


@each_reading
def test_flipped_and_transposed_grids_have_the_same_pairs(neighbours):
    for seed in range(40):
        values = random_grid(np.random.default_rng(seed))
        pairs = in_order(persistence_pairs(merge_tree(values, neighbours)))
        for turned in (values.T, values[::-1], values[..., ::-1]):
            np.testing.assert_array_equal(in_order(persistence_pairs(merge_tree(turned, neighbours))), pairs)


@each_reading
def test_a_monotone_scale_keeps_minima_saddles_and_who_joins_whom(neighbours):
    for seed in range(40):
        values = random_grid(np.random.default_rng(seed), infinite=False)
        tree, bent = merge_tree(values, neighbours), merge_tree(np.exp(values / 100) - 7, neighbours)
        for name in ("minima", "saddles", "ends", "leaf", "rank"):
            np.testing.assert_array_equal(getattr(tree, name), getattr(bent, name))
        np.testing.assert_array_equal(pairing(tree).parent, pairing(bent).parent)


def test_basins_that_touch_at_corners_are_one_for_eight_neighbours_and_two_for_four():
    values = np.array([[0.0, 5.0], [5.0, 1.0]])
    assert persistence_pairs(merge_tree(values, 8)).tolist() == [[0.0, np.inf]]
    assert persistence_pairs(merge_tree(values, 4)).tolist() == [[0.0, np.inf], [1.0, 5.0]]


def test_every_depth_that_eight_neighbours_have_four_have_too():
    """Any reading of what lies between the points connects no more than 8 do and no less than 4."""
    for seed in range(40):
        values = np.random.default_rng(seed).random((9, 9))
        eight, four = (np.diff(persistence_pairs(merge_tree(values, n))).ravel() for n in (8, 4))
        for depth in eight:
            assert (eight >= depth).sum() <= (four >= depth).sum()


@each_reading
def test_each_part_of_the_domain_has_one_basin_that_never_ends(neighbours):
    for seed in range(60):
        values = random_grid(np.random.default_rng(seed))
        around = generate_binary_structure(values.ndim, values.ndim if neighbours == 8 else 1)
        parts = label(~np.isnan(values), around)[1]
        assert (pairing(merge_tree(values, neighbours)).passes == NEVER).sum() == parts


def test_of_several_that_meet_at_one_point_all_end_in_the_oldest():
    values = np.full((3, 3), 9.0)
    values[0, 0], values[0, 2], values[2, 0], values[2, 2], values[1, 1] = 3.0, 1.0, 2.0, 0.0, 5.0
    tree = merge_tree(values)
    assert tree.at(tree.minima).tolist() == [0.0, 1.0, 2.0, 3.0]
    assert pairing(tree).parent.tolist() == [NEVER, 0, 0, 0]
    assert set(tree.saddles.tolist()) == {4}
    assert pairing(tree, np.array([2, 1, 3, 0])).parent.tolist() == [3, 3, 3, NEVER], (
        "in whatever order they are joined"
    )


def test_equal_values_make_no_basins():
    assert persistence_pairs(merge_tree(np.ones((7, 5)))).tolist() == [[1.0, np.inf]]
    assert len(persistence_pairs(merge_tree(np.full((3, 4), np.nan)))) == 0


def test_no_pair_moves_further_than_the_values():
    """The stability theorem (Cohen-Steiner, Edelsbrunner and Harer 2007, doi:10.1007/s00454-006-1276-5)."""
    for seed in range(10):
        rng = np.random.default_rng(seed)
        values = rng.random((8, 8))
        moved = values + rng.uniform(-0.1, 0.1, values.shape)
        pairs, others = (persistence_pairs(merge_tree(each)) for each in (values, moved))
        assert gudhi.bottleneck_distance(pairs, others) <= np.abs(moved - values).max() + 1e-12


@pytest.mark.parametrize(
    ("values", "neighbours", "message"),
    [(np.ones((2, 2, 2)), 8, "one axis or two"), (np.ones((2, 2)), 6, "expected 8 or 4")],
)
def test_what_is_no_grid_is_refused(values, neighbours, message):
    with pytest.raises(UsageError, match=message):
        merge_tree(values, neighbours)
