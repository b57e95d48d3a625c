"""The objective at a point of a slice: every metric over all samples, or estimated from some of them.

Owns: moving a subject to a point, `Evaluate`, and `Sampled`. objective/sampled.py decides which samples an estimate
takes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch

from landscape.data.split import batch_length
from landscape.errors import EvaluationError
from landscape.measurement.measurement import Coords, Undivided, Values
from landscape.objective.chunks import DeviceQueue
from landscape.objective.objective import Objective
from landscape.objective.sampled import SampledObjective
from landscape.objective.tally import Sums
from landscape.objective.weighted import mean_of
from landscape.quantity import Quantity, metric_of, quantity_named
from landscape.slice.slice import Slice
from landscape.subject.subject import Subject

SPEED_SECONDS = 1.0


def move(subject: Subject, slice: Slice, coords: Coords) -> None:
    """Sets the private net of a subject to a point, in the thread that will measure there."""
    if torch.get_num_threads() != subject.threads:  # the count is a property of the calling thread
        torch.set_num_threads(subject.threads)
    slice.at(coords, out=subject.objective.weights)
    own = dict(subject.objective.model.named_buffers())
    for name, tensor in slice.buffers(coords).items():
        own[name].data.copy_(tensor)


class Evaluate:
    """All samples at each point. A point can be shared among ranks, chunk by chunk (`sweep.work.Work`)."""

    def __init__(self, subject: Subject, slice: Slice):
        self.subject, self.slice = subject, slice

    @property
    def chunks(self) -> int:
        return self.subject.objective.chunks

    def part(self, coords: Coords, first: int, end: Callable[[int], int]) -> list[Sums]:
        move(self.subject, self.slice, coords)
        return self.subject.objective.sums(first, end)

    def join(self, contributions: Sequence[Sums]) -> Values:
        return self.subject.objective.join(contributions)

    def quantity(self, name: str) -> Quantity:
        return quantity_of(self.subject.objective, name)


class Sampled(Undivided):
    """As many samples at each point as the accepted error requires."""

    def __init__(self, subject: Subject, slice: Slice, estimator: SampledObjective):
        self.subject, self.slice, self._estimator = subject, slice, estimator

    def evaluate(self, coords: Coords) -> Values:
        move(self.subject, self.slice, coords)
        return self._estimator.evaluate()

    def quantity(self, name: str) -> Quantity:
        return quantity_of(self.subject.objective, name)


def quantity_of(objective: Objective, name: str) -> Quantity:
    """The row of one of the objective's results, which are named `SPLIT_METRIC`."""
    for split in objective.splits:
        if name.startswith(f"{split}_"):
            return metric_of(split, name.removeprefix(f"{split}_"))
    return quantity_named(name)


def drivers(subject: Subject) -> list[str]:
    """The metrics whose error a tolerance bounds: the loss of each split, or the first metric if there is no loss."""
    metrics = subject.facts.metrics or ["loss"]
    name = "loss" if "loss" in metrics else metrics[0]
    return [f"{split}_{name}" for split in subject.objective.splits]


def measure_speed(subject: Subject, clock: Callable[[], float] = time.perf_counter) -> float:
    """Samples per second of this rank, from about a second of batches at the current weights.

    Raises:
        EvaluationError: not one batch could be evaluated.
    """
    objective = subject.objective
    split = next(iter(objective.splits.values()))
    with objective.numbers(), objective.steady():
        done, started, warm, queue = 0, 0.0, False, DeviceQueue(objective.device)
        while True:
            for batch in objective.batches(split):
                values = objective.measure(objective.net, batch).values()
                queue.wait()  # as in a run, a GPU always has the next batch
                if not warm:
                    _wait_for(values)
                    warm, started = True, clock()
                    continue
                done += batch_length(batch)
                if clock() - started > SPEED_SECONDS:
                    _wait_for(values)
                    return done / (clock() - started)
            if not warm:
                raise EvaluationError("no batch to time: the data are empty")


def _wait_for(values: Iterable[Any]) -> None:
    for value in values:
        float(mean_of(value))
