"""The loop: the sampler gets whole rounds in order, results are kept once, failures keep earlier results."""

import pytest

from landscape.grid import Grid, parse_range
from landscape.sweep.executor import PointFailed, SerialExecutor
from landscape.sweep.loop import sweep
from landscape.sweep.sampler import EveryPoint, Point

GRID = Grid.of(parse_range("-1:1:5"), parse_range("0:1:3", name="y"))


class TwoRounds:
    """Asks for three points, then for as many more as the first results say."""

    def __init__(self):
        self.rounds = []

    def ask(self):
        if not self.rounds:
            return [Point(i, (float(i),)) for i in (5, 1, 3)]
        return [Point(i, (float(i),)) for i in (9, 7)] if len(self.rounds) == 1 else []

    def tell(self, results):
        self.rounds.append(list(results))


class BackwardsExecutor(SerialExecutor):
    """Finishes the points of a round in reverse, as ranks might."""

    def map(self, evaluate, points, on_result):
        super().map(evaluate, points[::-1], on_result)


def square(coords):
    return {"loss": coords[0] ** 2}


@pytest.mark.parametrize("executor", [SerialExecutor(), BackwardsExecutor()])
def test_a_round_is_told_whole_and_in_the_order_of_the_points(executor):
    sampler, kept = TwoRounds(), []
    sweep(sampler, executor, square, lambda point, result: kept.append((point.index, result["loss"])))
    assert sampler.rounds == [[1, 3, 5], [7, 9]]
    assert sorted(kept) == [(i, float(i * i)) for i in (1, 3, 5, 7, 9)]


def test_every_point_has_the_coordinates_of_its_number():
    points = EveryPoint(GRID, range(GRID.size)).ask()
    assert len(points) == 15
    for point in points:
        iy, ix = divmod(point.index, 5)
        assert point.coords == (GRID.axes[0].values[ix], GRID.axes[1].values[iy])


def test_only_pending_points_are_asked_for_and_once():
    sampler = EveryPoint(GRID, [2, 14])
    assert [point.index for point in sampler.ask()] == [2, 14]
    assert sampler.ask() == []


def test_a_failure_names_the_point_and_keeps_what_came_before():
    kept = []

    def fails(coords):
        if coords == (0.0, 0.5):
            raise ValueError("no\nsecond line")
        return {"loss": 1.0}

    with pytest.raises(PointFailed, match=r"evaluation failed at \(0, 0.5\): ValueError: no$") as caught:
        sweep(EveryPoint(GRID, range(15)), SerialExecutor(), fails, lambda point, _: kept.append(point.index))
    assert caught.value.point.index == 7
    assert kept == list(range(7))
