"""Rounds in which points help each other: only earlier rounds count, whatever was computed where and when."""

import numpy as np
import pytest

from landscape.grid import Grid, parse_range
from landscape.sweep.neighbours import CoarseToFine, WithNeighbours
from landscape.sweep.refine import Refined


def grid(nx=9, ny=7):
    return Grid((parse_range(f"-1:1:{nx}", name="x"), parse_range(f"-1:1:{ny}", name="y")))


def line(n=17):
    return Grid((parse_range(f"-1:1:{n}", name="x"),))


def result(index):
    return {"train_loss": 1.0 + index, "drawn/train_loss": np.full(3, float(index)), "drawn/train": np.array([3])}


def rounds(sampler, stop=None):
    """The points of each round; with `stop`, ends once it has asked for `stop` points."""
    found = []
    while points := sampler.ask():
        found.append(points)
        if stop is not None and sum(map(len, found)) >= stop:
            return found
        sampler.tell({point.index: result(point.index) for point in points})
    return found


@pytest.mark.parametrize("where", [grid(), grid(2, 8), grid(2, 2), line(), line(2), grid(51, 51)])
def test_every_point_comes_once_from_coarse_to_fine(where):
    found = rounds(CoarseToFine(where))
    numbers = [point.index for each in found for point in each]
    assert sorted(numbers) == list(range(where.size))
    assert all(point.coords == where.coordinates(point.index) for each in found for point in each)
    assert len(found[0]) <= 9


def test_points_are_given_the_nearest_of_earlier_rounds():
    where = grid()
    sampler, earlier = WithNeighbours(CoarseToFine(where), "drawn/train_loss"), {}
    for points in rounds(sampler):
        for point in points:
            given = dict(point.given.neighbours)
            assert len(given) == min(4, len(earlier))
            distances = {coords: place_distance(where, coords, point.coords) for coords in earlier}
            farthest = max((distances[coords] for coords in given), default=0)
            assert sum(each < farthest for each in distances.values()) < 4
            assert all(earlier[coords] == found["train_loss"] for coords, found in given.items())
        earlier |= {point.coords: result(point.index)["train_loss"] for point in points}


def place_distance(where, a, b):
    steps = [axis.values[1] - axis.values[0] for axis in where.axes]
    return round(sum(((p - q) / step) ** 2 for p, q, step in zip(a, b, steps, strict=True)), 9)


def test_the_last_points_may_use_the_whole_error_and_the_first_ones_less():
    points = [
        point for each in rounds(WithNeighbours(CoarseToFine(grid(33, 33)), "drawn/train_loss")) for point in each
    ]
    assert points[0].given.share < 0.2 < points[-1].given.share == 1.0


@pytest.mark.parametrize("where", [grid(33, 33), grid(49, 49), grid(51, 51), grid(30, 44), line(50)], ids=str)
def test_a_point_may_use_more_of_the_error_than_those_that_help_it(where):
    """Also where gaps of 3 are divided into 1 and 2. With nothing left of its own it would take as many samples as alone."""
    shares: dict[tuple[float, ...], float] = {}
    for points in rounds(WithNeighbours(CoarseToFine(where), "drawn/train_loss")):
        for point in points:
            assert all(shares[coords] < point.given.share for coords, _ in point.given.neighbours)
        shares |= {point.coords: point.given.share for point in points}


@pytest.mark.parametrize("make", [lambda known: CoarseToFine(grid(), known), lambda known: refined(known)])
@pytest.mark.parametrize("stop", [1, 12, 30])
def test_a_continued_run_gives_each_point_the_same(make, stop):
    """Stopped within a round, with some points of it computed: these are not given to the others of that round."""
    whole = {
        point.index: point.given for each in rounds(WithNeighbours(make({}), "drawn/train_loss")) for point in each
    }
    done = [point.index for each in rounds(WithNeighbours(make({}), "drawn/train_loss"), stop) for point in each][:stop]
    known = {index: result(index) for index in done}
    numbers = {index: {"train_loss": found["train_loss"]} for index, found in known.items()}
    again = [point for each in rounds(WithNeighbours(make(numbers), "drawn/train_loss", known)) for point in each]
    assert {point.index for point in again} == set(whole) - set(done)
    for point in again:
        assert str(point.given) == str(whole[point.index])


def refined(known):
    return Refined(grid(), 0.1, ["train_loss"], known=known, noisy=True)


def test_results_without_samples_are_not_given():
    """Such as those of a file that an earlier version began."""
    known = {index: {"train_loss": 1.0} for index in range(0, grid().size, 2)}
    sampler = WithNeighbours(CoarseToFine(grid(), known), "drawn/train_loss", known)
    for points in rounds(sampler):
        for point in points:
            assert all("drawn/train_loss" in found for _, found in point.given.neighbours)


def test_the_inner_sampler_sees_numbers_only():
    inner = refined({})
    rounds(WithNeighbours(inner, "drawn/train_loss"))
    assert all(set(found) == {"train_loss"} for found in inner.results.values())
    assert all(np.isfinite(found["train_loss"]) for found in inner.rest().values())


def test_points_at_the_same_place_are_equal_whatever_they_are_given():
    """Tasks are compared and counted while ranks share them; arrays could be neither."""
    point = rounds(WithNeighbours(CoarseToFine(grid()), "drawn/train_loss"))[1][0]
    assert point.given.neighbours and point == type(point)(point.index, point.coords)
    assert len({point, type(point)(point.index, point.coords)}) == 1
