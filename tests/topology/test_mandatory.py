"""What is certain of basins is there in every function within the bounds."""

import numpy as np
import pytest
from scipy.ndimage import generate_binary_structure, label, minimum_filter

from landscape.topology.mandatory import lowest_within, mandatory_minima
from landscape.topology.merge_tree import merge_tree
from landscape.topology.regions import component
from tests.topology.grids import persistence_pairs, random_grid


def bounds(seed, *, holes=True):
    """Two fields on one domain, the lower first."""
    rng = np.random.default_rng(seed)
    values = random_grid(rng, infinite=False, holes=holes)
    reach = rng.integers(0, 4, values.shape) * rng.random() * (2 if np.nanmax(values, initial=0) < 10 else 60)
    return values - reach, values + reach


def bars(low, high, neighbours=8):
    found = mandatory_minima(merge_tree(low, neighbours), merge_tree(high, neighbours))
    return np.column_stack([found.upper, found.lower])


def realizations(low, high, count, rng):
    """Functions within bounds: independent values, values near either end, and ends alone."""
    for number in range(count):
        share = rng.random(low.shape)
        if number % 3:
            share = np.rint(share) if number % 3 == 1 else share**8
        yield low + share * (high - low)


@pytest.mark.parametrize("neighbours", [8, 4])
def test_bars_are_those_of_the_image_of_one_filtration_in_the_other(neighbours):
    """By definition: as many bars hold [t, u] as components of {low <= u} meet {high <= t}."""
    for seed in range(60):
        low, high = bounds(seed)
        found = bars(low, high, neighbours)
        around = generate_binary_structure(low.ndim, low.ndim if neighbours == 8 else 1)
        levels = np.unique(np.concatenate([low[~np.isnan(low)], high[~np.isnan(high)]]))
        for u in levels[:: max(1, len(levels) // 12)]:
            parts, _ = label(np.nan_to_num(low, nan=np.inf) <= u, around)
            for t in levels[levels <= u][:: max(1, len(levels) // 12)]:
                met = parts[np.nan_to_num(high, nan=np.inf) <= t]
                assert ((found[:, 0] <= t) & (found[:, 1] > u)).sum() == len(set(met.tolist()))


def test_each_region_has_a_minimum_of_every_function_within_the_bounds():
    tested = 0
    for seed in range(40):
        low, high = bounds(seed, holes=False)
        tree = merge_tree(low)
        found = mandatory_minima(tree, merge_tree(high))
        regions = [component(low <= a, int(p), 8) for p, a in zip(found.points, found.upper, strict=True)]
        assert (np.sum(regions, axis=0) <= 1).all(), "the regions lie apart"
        for values in realizations(low, high, 6, np.random.default_rng(seed)):
            minima = values == minimum_filter(values, size=3, mode="nearest")
            for region, upper in zip(regions, found.upper, strict=True):
                assert (minima & region & (values <= upper)).any()
                tested += 1
    assert tested > 500


def test_every_function_within_the_bounds_has_as_many_basins_of_each_depth():
    """An image has no bars but shortened ones of what it passes through."""
    several = 0
    for seed in range(60):
        low, high = bounds(seed)
        certain = np.diff(bars(low, high)).ravel()
        several += len(certain) > 1
        for values in realizations(low, high, 6, np.random.default_rng(seed)):
            depths = np.diff(persistence_pairs(merge_tree(values))).ravel()
            for depth in certain:
                assert (depths >= depth - 1e-9).sum() >= (certain >= depth).sum()
    assert several > 20


@pytest.mark.parametrize("neighbours", [8, 4])
def test_without_errors_they_are_all_basins(neighbours):
    for seed in range(80):
        values = random_grid(np.random.default_rng(seed), infinite=False)
        np.testing.assert_array_equal(
            bars(values, values, neighbours), persistence_pairs(merge_tree(values, neighbours))
        )


def test_wider_bounds_leave_fewer_and_shallower_basins():
    for seed in range(40):
        low, high = bounds(seed)
        middle = (low + high) / 2
        narrow, wide = (np.diff(bars(middle - k * (high - low), middle + k * (high - low))).ravel() for k in (0.2, 0.5))
        for depth in wide:
            assert (narrow >= depth - 1e-9).sum() >= (wide >= depth).sum()


def test_the_measured_minimum_of_a_region_is_a_minimum_of_the_values_within_it():
    for seed in range(40):
        low, high = bounds(seed)
        values, lower = (low + high) / 2, merge_tree(low)
        tree, found = merge_tree(values), mandatory_minima(lower, merge_tree(high))
        homes = lowest_within(tree, found)
        assert len(set(homes.tolist())) == len(homes)
        for home, point, upper in zip(homes, found.points, found.upper, strict=True):
            region = component(low <= upper, int(point), 8)
            assert region.flat[tree.minima[home]] and tree.at(tree.minima)[home] <= upper
