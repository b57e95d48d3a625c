"""Points in passes: each is computed once, at a place that is its own, in as few passes as its place allows."""

from collections import Counter

import pytest

from landscape.sweep.executor import PointFailed, SerialExecutor
from landscape.sweep.loop import sweep
from landscape.sweep.passes import PassWork, passes
from landscape.sweep.sampler import Point, PointList


def points(numbers):
    return [Point(number, (float(number), 1.0)) for number in numbers]


@pytest.mark.parametrize("numbers", [range(10), [9, 1, 5, 0, 2, 4, 8], [0, 4, 8, 12], []])
def test_every_point_is_in_one_pass_and_no_two_at_one_place(numbers):
    found = passes(points(numbers), 4)
    assert Counter(each.index for one in found for each in one.members) == Counter(numbers)
    for one in found:
        assert len({each.index % 4 for each in one.members}) == len(one.members)
        assert (one.index, one.coords) == (one.members[0].index, one.members[0].coords)
    assert len(found) == max(Counter(number % 4 for number in numbers).values(), default=0)


def test_the_order_of_points_is_kept_where_places_allow():
    assert [[each.index for each in one.members] for one in passes(points([6, 2, 1, 3, 5]), 4)] == [[6, 1, 3], [2, 5]]


class Doubling:
    """Twice the number of each point; `failing` fails."""

    points_per_pass, chunks = 3, 2

    def __init__(self, failing=None):
        self.failing = failing

    def part(self, point, first, end):
        if self.failing in [each.index for each in point.members]:
            raise ValueError("too large")
        return [{str(each.index): each.index for each in point.members} for _ in range(first, end(first))]

    def join(self, contributions):
        return {name: {"loss": sum(each[name] for each in contributions)} for name in contributions[0]}


def test_results_of_a_pass_are_those_of_its_points():
    work, found = Doubling(), {}
    assert isinstance(work, PassWork)
    sweep(PointList(points(range(7))), SerialExecutor(), work, lambda point, result: found.update({point: result}))
    assert found == {point: {"loss": 2 * point.index} for point in points(range(7))}


def test_a_pass_that_fails_names_its_first_point_and_how_many_there_are():
    with pytest.raises(
        PointFailed, match=r"at \(3, 1\) and 2 more points of one pass: ValueError: too large"
    ) as failed:
        sweep(PointList(points(range(7))), SerialExecutor(), Doubling(failing=4), lambda point, result: None)
    assert failed.value.point.index == 3
