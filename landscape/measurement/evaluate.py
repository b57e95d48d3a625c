"""The objective at a point of a slice: every metric over all samples, or estimated from some of them.

Owns: moving a subject to a point, `Evaluate`, and `Sampled`. objective/sampled.py decides which samples an estimate
takes.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any, TypeVar

import torch

from landscape.data.structure import batch_length
from landscape.errors import EvaluationError
from landscape.measurement.measurement import Coords, Undivided, Values
from landscape.members import named_buffers
from landscape.objective.chunks import DeviceQueue
from landscape.objective.functions import is_known
from landscape.objective.measure import Measure, Model
from landscape.objective.objective import Objective
from landscape.objective.rough import BF16, EXACT
from landscape.objective.rounds import Neighbour
from landscape.objective.sampled import SampledObjective
from landscape.objective.stack import Stack
from landscape.objective.tally import Sums
from landscape.objective.weighted import mean_of
from landscape.quantity import VALUE, Quantity, metric_of, quantity_named
from landscape.slice.slice import Slice
from landscape.subject.subject import Subject
from landscape.sweep.neighbours import Borrowed
from landscape.sweep.sampler import Point, Result

SPEED_SECONDS = 1.0
# Batches that processes time which have to pass the same ones.
TOGETHER = 4

R = TypeVar("R")


def use_threads(subject: Subject) -> None:
    """Sets torch's number of threads, which is a property of the calling thread."""
    if torch.get_num_threads() != subject.threads:
        torch.set_num_threads(subject.threads)


def move(subject: Subject, slice: Slice, coords: Coords) -> None:
    """Sets the private net of a subject to a point, in the thread that will measure there."""
    use_threads(subject)
    slice.at(coords, out=subject.objective.weights)
    if buffers := slice.buffers(coords):
        own = dict(named_buffers(subject.objective.model))
        for name, tensor in buffers.items():
            own[name].data.copy_(tensor)


def unspoiled(subject: Subject, result: R) -> R:
    """The result at a point, unless the file that the weights are read from was written to meanwhile.

    Parameters that rest are read from it as long as the net is evaluated.

    Raises:
        LandscapeError: it was.
    """
    if subject.objective.origin is not None:
        subject.objective.origin.check()
    return result


class Evaluate:
    """All samples at each point. A point can be shared among ranks, chunk by chunk (`sweep.work.Work`)."""

    def __init__(self, subject: Subject, slice: Slice):
        self.subject, self.slice = subject, slice

    @property
    def chunks(self) -> int:
        return self.subject.objective.chunks

    def part(self, point: Point, first: int, end: Callable[[int], int]) -> list[Sums]:
        move(self.subject, self.slice, point.coords)
        return unspoiled(self.subject, self.subject.objective.sums(first, end))

    def join(self, contributions: Sequence[Sums]) -> Values:
        return self.subject.objective.join(contributions)

    def quantity(self, name: str) -> Quantity:
        return quantity_of(self.subject.objective, name)


class Sampled(Undivided):
    """As many samples at each point as the accepted error requires, with the help of the points nearby that it is `given`.

    `anchors`: where the census was taken, in its order.
    """

    def __init__(self, subject: Subject, slice: Slice, estimator: SampledObjective, anchors: Sequence[Coords]):
        self.subject, self.slice, self._estimator = subject, slice, estimator
        self._anchors = {coords: number for number, coords in enumerate(anchors)}
        self.sampling = BF16 if estimator.rough else EXACT

    def evaluate(self, point: Point) -> Result:
        move(self.subject, self.slice, point.coords)
        if (anchor := self._anchors.get(point.coords)) is not None:
            return unspoiled(self.subject, self._estimator.at_anchor(anchor))
        given: Borrowed = point.given
        neighbours = [Neighbour(result, self._anchors.get(coords)) for coords, result in given.neighbours]
        return unspoiled(self.subject, self._estimator.evaluate(neighbours, given.share))

    def quantity(self, name: str) -> Quantity:
        return quantity_of(self.subject.objective, name)


def quantity_of(objective: Objective, name: str) -> Quantity:
    """The row of one of the objective's results, which are named `SPLIT_METRIC`."""
    for split in objective.splits:
        if name.startswith(f"{split}_"):
            metric, manner = name.removeprefix(f"{split}_"), objective.measure.manner
            found = metric_of(split, metric)
            if found.percent and not is_known(getattr(objective.measure, "functions", {}).get(metric)):
                found = replace(found, kind=VALUE)  # a user's own number, which may be in percent already
            return replace(found, label=f"{manner} {found.label}") if manner else found
    return quantity_named(name)


def drivers(subject: Subject) -> list[str]:
    """The metrics whose error a tolerance bounds: the loss of each split, or the first metric if there is no loss."""
    metrics = subject.facts.metrics or ["loss"]
    name = "loss" if "loss" in metrics else metrics[0]
    return [f"{split}_{name}" for split in subject.objective.splits]


def measure_speed(subject: Subject, stack: Stack | None = None) -> float:
    """Samples per second of this rank, from about a second of batches at the current weights, or at all rows of a stack.

    Raises:
        EvaluationError: not one batch could be evaluated.
    """
    objective = subject.objective
    split = next(iter(objective.splits.values()))
    queue = DeviceQueue(objective.device)

    def evaluated(net: Model, measure: Measure, batch: Any) -> tuple[int, list[Any]]:
        found = [measure(net, batch)] if stack is None else [*stack.values(batch, range(stack.size))]
        queue.wait()  # as in a run, a GPU always has the next batch
        return batch_length(batch) * len(found), [value for each in found for value in each.values()]

    def passed(batches: Iterable[Any]) -> list[tuple[int, list[Any]]]:
        if stack is None:
            return objective.map(evaluated, batches)
        return [evaluated(objective.model, objective.measure, batch) for batch in batches]

    def until(seconds: float) -> Iterator[Any]:
        """Batches over and over, at least one; of a net that is divided among processes, all pass the same number."""
        started, passed = time.perf_counter(), 0
        while True:
            for batch in objective.batches(split):
                yield batch
                passed += 1
                enough = passed == TOGETHER if objective.lent else time.perf_counter() - started > seconds
                if enough:
                    return

    with objective.numbers(), objective.steady():
        first = passed(itertools.islice(objective.batches(split), 1))
        if not first:
            raise EvaluationError("no batch to time: the data are empty")
        _wait_for(first[-1][1])
        started = time.perf_counter()
        found = passed(until(SPEED_SECONDS))
        _wait_for(found[-1][1])
        return sum(length for length, _ in found) / (time.perf_counter() - started)


def _wait_for(values: Iterable[Any]) -> None:
    for value in values:
        float(mean_of(value))
