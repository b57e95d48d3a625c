"""Ranges and grids: exact ends, an exact zero, (ny, nx) everywhere, and one line for what cannot be meant."""

import numpy as np
import pytest

from landscape.errors import UsageError
from landscape.grid import Axis, Grid, Range, parse_range


def test_parsing():
    for spec in ("-1:1:51", (-1, 1, 51), [-1.0, 1.0, 51.0], Range(-1.0, 1.0, 51)):
        assert parse_range(spec) == Range(-1.0, 1.0, 51)
    assert str(parse_range("-0.5:1.5:101")) == "-0.5:1.5:101"
    assert parse_range("0:1e-3:2").stop == 0.001 and parse_range("-1:0:3").stop == 0.0


@pytest.mark.parametrize(
    "spec",
    [
        "1:1:5",
        "1:-1:5",
        "-1:1:0",
        "-1:1:1",
        "-1:1:-3",
        "-1:1",
        "-1:1:5:7",
        "a:b:c",
        "-1:1:2.5",
        "",
        "nan:1:5",
        "-1:inf:5",
    ]
    + ["-1:1:100001", (0, 1), (0, 1, 2.5), (0, 1, None), (None, 1, 5), 5, (0, 1, float("inf"))],
)
def test_ranges_that_cannot_be_meant(spec):
    with pytest.raises(UsageError, match="^y range '.*': expected from:to:points, such as -1:1:51") as raised:
        parse_range(spec, name="y")
    assert "\n" not in str(raised.value)


def test_ends_and_middle_are_exact():
    generator = np.random.default_rng(0)
    for _ in range(500):
        a, b = np.sort(generator.normal(size=2).round(generator.integers(1, 6)))
        if a < b:
            values = Range(float(a), float(b), int(generator.integers(2, 300))).values
            assert values[0] == a and values[-1] == b and (np.diff(values) > 0).all()
        odd = Range(-abs(float(b)) - 0.1, abs(float(b)) + 0.1, 2 * int(generator.integers(1, 100)) + 1).values
        assert odd[len(odd) // 2] == 0.0 and np.array_equal(odd, -odd[::-1])


def test_equal_steps():
    assert np.allclose(Range(-1.0, 2.0, 7).values, np.linspace(-1, 2, 7), rtol=0, atol=1e-15)


def test_shape_is_ny_nx_and_points_are_numbered_row_by_row():
    grid = Grid.of(parse_range("0:3:4"), parse_range("10:12:3"))
    assert grid.shape == (3, 4) and grid.size == 12 and grid.ndim == 2
    points = [grid.coordinates(index) for index in range(12)]
    assert points[:5] == [(0.0, 10.0), (1.0, 10.0), (2.0, 10.0), (3.0, 10.0), (0.0, 11.0)] and points[-1] == (3.0, 12.0)
    xs, ys = np.meshgrid(grid.axes[0].values, grid.axes[1].values)
    assert points == list(zip(xs.ravel(), ys.ravel(), strict=True))


def test_one_and_three_dimensions():
    assert Grid.of(parse_range("0:1:3")).shape == (3,) and Grid.of(parse_range("0:1:3")).coordinates(2) == (1.0,)
    grid = Grid.of(parse_range("0:1:2"), parse_range("0:2:3"), parse_range("0:3:4"))
    assert grid.shape == (4, 3, 2) and grid.coordinates(1) == (1.0, 0.0, 0.0) and grid.coordinates(6) == (0.0, 0.0, 1.0)


def test_same_as_is_bit_for_bit():
    grid, other = Grid.of(parse_range("0:1:3")), Grid.of(parse_range((0, 1 + 3e-16, 3)))
    assert grid.same_as(Grid.of(parse_range("0:1:3"))) and not grid.same_as(other)
    assert not grid.same_as(Grid((Axis("y", grid.axes[0].values),)))
    assert not grid.same_as(Grid.of(parse_range("0:1:3"), parse_range("0:1:3")))
