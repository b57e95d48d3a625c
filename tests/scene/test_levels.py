"""Levels are round, rise, lie inside the drawn range, and on a log scale belong to a sequence that readers know."""

import numpy as np
import pytest

from landscape.errors import UsageError
from landscape.scene.levels import choose_levels, extra_levels, round_values
from landscape.scene.scale import Scale

RANGES = [("log", 0.02, 13.6), ("log", 0.5, 425), ("log", 1e-4, 1e12), ("log", 2.0, 3.0), ("log", 1e-9, 1e-7)]
RANGES += [("linear", 0.0, 1.0), ("linear", -3.2, 1.6), ("linear", 2.301, 2.304), ("linear", -1e7, 1e9)]
RANGES += [("symlog", -1e4, 1e6), ("symlog", -50.0, -0.1)]


@pytest.mark.parametrize(("kind", "low", "high"), RANGES)
def test_levels_rise_strictly_inside_the_range_and_are_neither_few_nor_many(kind, low, high):
    levels = choose_levels(Scale(kind, low, high, 1.0))
    assert (np.diff(levels) > 0).all()
    assert low < levels[0]
    assert levels[-1] < high
    assert 6 <= len(levels) <= 20


@pytest.mark.parametrize(("low", "high"), [(0.02, 13.6), (0.5, 425), (1e-4, 1e4), (1e-9, 1e-6)])
def test_log_levels_have_nearly_equal_factors(low, high):
    factors = np.diff(np.log10(choose_levels(Scale("log", low, high))))
    assert factors.max() < 3.2 * factors.min()
    assert factors.max() < 0.53


def test_twenty_decades_get_whole_powers_of_ten():
    levels = choose_levels(Scale("log", 1e-3, 1e20))
    powers = np.log10(levels)
    np.testing.assert_allclose(powers, powers.round(), atol=1e-12)
    assert len(set(np.diff(powers).round(9))) == 1


def test_linear_levels_are_exact_decimals():
    levels = choose_levels(Scale("linear", 0.0, 1.0))
    assert levels.tolist() == [float(f"{v:.12g}") for v in levels]
    assert 0.3 in levels


def test_symlog_levels_hold_zero_and_both_signs():
    levels = choose_levels(Scale("symlog", -1e3, 1e3, 1.0))
    assert 0.0 in levels
    np.testing.assert_array_equal(levels, -levels[::-1])


def test_a_number_asks_for_about_that_many():
    scale = Scale("log", 0.01, 1000.0)
    assert len(choose_levels(scale, 5)) < len(choose_levels(scale, 10)) < len(choose_levels(scale, 30))


def test_given_levels_are_taken_as_they_are_but_for_those_outside_the_range():
    assert choose_levels(Scale("log", 0.1, 10), [0.01, 0.02, 0.2, 3.3, 50]).tolist() == [0.2, 3.3]


@pytest.mark.parametrize("levels", [0, -3, [2.0, 1.0], [1.0, 1.0], [1.0, np.nan], ["a"], 2.5])
def test_levels_that_cannot_be_are_refused(levels):
    with pytest.raises(UsageError, match="levels"):
        choose_levels(Scale("linear", 0, 1), levels)


def test_round_values_may_touch_the_ends():
    assert round_values(Scale("linear", 0.0, 4.0), 5).tolist() == [0.0, 1.0, 2.0, 3.0, 4.0]


def test_lines_are_added_where_most_values_lie_and_nowhere_else():
    scale = Scale("log", 0.1, 1000.0)
    values = np.concatenate([np.geomspace(0.1, 1000, 100), np.linspace(2.1, 4.9, 300)])
    usual = choose_levels(scale)
    extra = extra_levels(scale, usual, values)
    assert len(extra) >= 2
    assert ((extra > 2) & (extra < 5)).all()
    assert not set(extra) & set(usual)
    assert extra_levels(scale, usual, np.geomspace(0.1, 1000, 100)).tolist() == []


@pytest.mark.parametrize("kind", ["linear", "log", "symlog"])
@pytest.mark.parametrize(("low", "high"), [(2.30, 2.31), (0.5, 0.50001), (3.0, 70.0), (999.0, 1000.0)])
def test_a_flat_panel_has_four_lines_at_least_on_a_scale_of_others(kind, low, high):
    scale = Scale(kind, 0.01, 1000.0, 0.1)
    levels, values = choose_levels(scale), np.linspace(low, high, 200)
    extra = extra_levels(scale, levels, values)
    lines = np.union1d(levels, extra)
    assert 4 <= ((lines > low) & (lines < high)).sum() <= 20
    assert ((extra > low) & (extra < high)).all() or ((low, high) == (3.0, 70.0))


def test_nothing_is_added_to_what_is_constant_or_empty():
    scale = Scale("linear", 0.0, 1.0)
    for values in (np.zeros(0), np.full(9, 0.3), np.array([0.3])):
        assert extra_levels(scale, choose_levels(scale), values).tolist() == []


@pytest.mark.parametrize(("low", "high"), [(0.02, 13.6), (0.5, 425), (1e-4, 1e4), (1e-9, 1e-6), (1e-3, 1e20)])
@pytest.mark.parametrize("count", [4, 8, 13, 30])
def test_log_levels_are_a_whole_piece_of_a_known_sequence(low, high, count):
    levels = choose_levels(Scale("log", low, high), count)
    powers = range(-12, 25)
    ladders = [(1,), (1, 3), (1, 2, 5), range(1, 10)]
    known = [np.array([float(f"{m}e{p}") for p in powers for m in ladder]) for ladder in ladders]
    known += [np.array([float(f"1e{p}") for p in powers if p % stride == 0]) for stride in range(2, 12)]
    inside = [each[(each > low * (1 + 1e-5)) & (each < high * (1 - 1e-5))].tolist() for each in known]
    assert levels.tolist() in inside


def test_linear_levels_have_one_step():
    for low, high in [(0.0, 1.0), (-3.2, 1.6), (2.301, 2.304), (-1e7, 1e9)]:
        steps = np.diff(choose_levels(Scale("linear", low, high)))
        np.testing.assert_allclose(steps, steps[0], rtol=1e-6)
