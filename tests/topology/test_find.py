"""Landforms whose basins are known in closed form, and the points and errors that count."""

import doctest

import numpy as np
import pytest

from landscape.errors import UsageError
from landscape.surfaces.surface import DONE, FAILED, INTERPOLATED, PENDING
from landscape.topology import mandatory, merge_tree, regions, words
from landscape.topology.find import landform
from landscape.topology.landform import Basin

DEPTHS = (8.0, 5.0, 3.0, 2.0)
CENTRES = ((-5, -5), (5, -5), (-5, 5), (5, 5))


def wells(points=61, reach=10.0):
    """Four wells of known depths in a plain at 10: each is a cone that ends two units from its centre."""
    axis = np.linspace(-reach, reach, points)
    x, y = np.meshgrid(axis, axis)
    values = np.full((points, points), 10.0)
    for (cx, cy), depth in zip(CENTRES, DEPTHS, strict=True):
        values -= depth * np.clip(1 - np.hypot(x - cx, y - cy) / 2, 0, None)
    return values


@pytest.mark.parametrize("room", [mandatory, merge_tree, regions, words])
def test_the_examples_in_docstrings(room):
    assert doctest.testmod(room).failed == 0


def test_separated_wells_are_basins_of_their_depths(result):
    found = landform(result(wells(), reach=10.0))
    assert [each.place for each in found.basins] == [pytest.approx(centre, abs=1e-9) for centre in CENTRES]
    assert [each.depth for each in found.basins] == pytest.approx([np.inf, 5, 3, 2])
    assert [each.value for each in found.basins] == pytest.approx([10 - depth for depth in DEPTHS])
    assert [each.saddle_value for each in found.basins[1:]] == pytest.approx([10, 10, 10])
    assert [each.joins for each in found.basins] == [0, 1, 1, 1] and all(each.closed for each in found.basins[1:])
    assert found.roughness == pytest.approx((5 + 3 + 2) / 8) and len(found.within) == 0
    assert found.basins[1].region.area == pytest.approx(4 * np.pi, rel=0.05)
    assert found.basins[1].region.volume == pytest.approx(5 * 4 * np.pi / 3, rel=0.05)


@pytest.mark.parametrize(("error", "survive"), [(0.0, 4), (0.49, 4), (0.51, 3), (0.74, 3), (0.76, 2), (1.26, 1)])
def test_a_well_survives_when_it_is_deeper_than_the_bounds_are_apart(result, error, survive):
    """Its upper bound at the bottom is below the lower bound of the plain: depth > 2 x 2 standard errors."""
    found = landform(result(wells(), stderr=error))
    assert len(found.basins) == survive and len(found.within) == 4 - survive
    assert [each.certain for each in found.basins[1:]] == pytest.approx(
        [d - 4 * error for d in (5, 3, 2)[: survive - 1]]
    )
    assert [each.depth for each in found.basins[1:]] == pytest.approx([5, 3, 2][: survive - 1])


def test_fewer_standard_errors_leave_more(result):
    surface = result(wells(), stderr=0.6)
    assert [len(landform(surface, errors=n).basins) for n in (0, 0.5, 2, 3, 9)] == [4, 4, 3, 2, 1]


def test_what_is_measured_is_never_less_than_what_is_certain(result):
    for seed in range(20):
        rng = np.random.default_rng(seed)
        found = landform(result(rng.random((9, 9)), stderr=0.05 * rng.random((9, 9))))
        for each in found.basins:
            begin, end = each.sure
            assert each.value <= begin < end and (each.joins == 0 or end <= each.saddle_value)
            assert each.certain <= each.depth
        assert found.certain_roughness <= found.roughness + 1e-12


def test_on_a_line_the_total_depth_is_half_the_excess_variation(result):
    """Up and down: the total variation is that of one basin between the same ends, and twice each further depth."""
    for seed in range(10):
        values = np.random.default_rng(seed).random(40)
        values[[0, -1]] = 2.0
        found, low, high = landform(result(values)), values.min(), values.max()
        excess = np.abs(np.diff(values)).sum() - ((values[0] - low) + (values[-1] - low))
        assert found.roughness == pytest.approx(excess / 2 / (high - low))


def test_numbers_without_unit_do_not_depend_on_it(result):
    values = np.random.default_rng(0).random((12, 9)) + 0.5
    plain, scaled, squared = (landform(result(each)) for each in (values, 1e30 * values, values**2))
    assert scaled.roughness == pytest.approx(plain.roughness) and scaled.log_roughness == pytest.approx(
        plain.log_roughness
    )
    assert squared.log_roughness == pytest.approx(plain.log_roughness) and squared.roughness != pytest.approx(
        plain.roughness
    )
    assert [each.place for each in scaled.basins] == [each.place for each in plain.basins]


def test_a_bowl_is_one_basin_and_not_rough(result):
    axis = np.linspace(-1, 1, 21)
    found = landform(result(np.add.outer(axis**2, axis**2)))
    assert found.roughness == found.certain_roughness == 0 and np.isnan(found.log_roughness), "its lowest value is 0"
    (basin,) = found.basins
    assert (basin.place, basin.value, basin.depth, basin.joins) == ((0.0, 0.0), 0.0, np.inf, 0)
    assert basin.spill == pytest.approx(1.0) and not basin.closed


def test_points_that_are_not_computed_are_no_part_of_the_domain(result):
    values = wells()
    status = np.full(values.shape, DONE)
    status[:30], status[40, :], status[50, 3] = PENDING, FAILED, INTERPOLATED
    found = landform(result(values, status=status, reach=10.0))
    assert (found.points, found.holes, found.interpolated) == (30 * 61, 31 * 61, 1)
    assert [each.joins for each in found.basins].count(0) == 2, "two parts that a failed row divides"
    nan = landform(result(np.where((status == DONE) | (status == INTERPOLATED), values, np.nan), reach=10.0))
    np.testing.assert_array_equal(found.bars, nan.bars)


def test_a_share_is_taken_as_an_error(result):
    values = np.random.default_rng(0).random((8, 8))
    share = landform(result(values, metric="test_accuracy", stderr=0.01))
    error = landform(result(1 - values, stderr=0.01))
    assert share.quantity.label == "test error"
    np.testing.assert_array_equal(share.bars, error.bars)
    assert [each.certain for each in share.basins] == pytest.approx([each.certain for each in error.basins])


def test_errors_that_are_not_known_are_counted_and_infinite_values_are_certain(result):
    values, errors = np.random.default_rng(0).random((8, 8)), np.full((8, 8), 0.01)
    errors[2, 3], values[:, 5], errors[:, 5] = np.nan, np.inf, np.nan
    found = landform(result(values, stderr=errors))
    assert (found.exact, found.errors, found.holes) == (1, 2.0, 0)
    beyond = [each for each in found.basins if each.saddle_value == np.inf]
    assert len(beyond) == 1 and beyond[0].certain == np.inf and beyond[0].joins == 1, "two parts that meet at a wall"


def test_an_island_at_infinity_is_no_basin(result):
    found = landform(result(np.array([np.inf, np.nan, 3.0, 3.0])))
    assert [each.value for each in found.basins] == [3.0]
    assert not landform(result(np.full(4, np.inf))).basins


@pytest.mark.parametrize("values", [np.full((4, 5), np.nan), np.full(3, np.nan)])
def test_without_a_point_there_is_no_basin(result, values):
    found = landform(result(values))
    assert (found.basins, len(found.bars), found.points) == ((), 0, 0)
    assert words.count_words(found) == "no point is known"


@pytest.mark.parametrize("shape", [(1, 9), (9, 1), (1, 1)])
def test_one_row_is_a_line(result, shape):
    values = np.random.default_rng(1).random(shape)
    found, line = landform(result(values)), landform(result(values.ravel()))
    np.testing.assert_array_equal(found.bars, line.bars)
    assert [each.spill for each in found.basins] == [each.spill for each in line.basins], "its sides are no edge"
    assert all(isinstance(each, Basin) and each.region.mask.shape == shape for each in found.basins)


@pytest.mark.parametrize(("scale", "rough"), [(1e-38, True), (1e38, True), (0.0, False)])
def test_values_of_any_size(result, scale, rough):
    found = landform(result(scale * wells(), stderr=scale * 0.1))
    assert len(found.basins) == (4 if rough else 1)
    assert found.roughness == (pytest.approx(10 / 8) if rough else 0)


@pytest.mark.parametrize("errors", [-1, np.nan, np.inf])
def test_a_number_of_errors_that_cannot_be_is_refused(result, errors):
    with pytest.raises(UsageError, match="expected a number of standard errors"):
        landform(result(np.eye(3)), errors=errors)
