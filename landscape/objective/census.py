"""Samples of a split evaluated one by one: all of them once at each anchor (the census), or those with given numbers.

Owns: whether single samples can be evaluated at all, the census and how the processes share it, and `measure_samples`. Which
samples a point takes is decided in sampled.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from landscape.callables import explain
from landscape.data.rows import RowsSplit
from landscape.data.split import TensorSplit
from landscape.data.structure import batch_length
from landscape.errors import EvaluationError, LandscapeError
from landscape.objective.measure import Measure, Model, check_values
from landscape.objective.objective import Objective
from landscape.objective.reading import forward
from landscape.shards import given_up

# Outputs with more columns than this are not kept: the fit could not use them.
MAX_COLUMNS = 40
CHUNK_BATCHES = 16
# Batches of fewer samples cost more than a second thread gains: 16 and 2 images of CIFAR-10 take a ResNet-56 1.2 times as long as
# 18, and in bfloat16 22 and 21 of them 1.4 times as long as 43.
FEWEST_IN_BATCH, FEWEST_IN_BF16 = 24, 48


@dataclass(frozen=True, eq=False)
class Census:
    """Every sample of a split: metrics (anchors, N), outputs at the first anchor (N, c), labels (N,)."""

    metrics: dict[str, np.ndarray]
    outputs: np.ndarray | None
    labels: np.ndarray | None


def added(census: Mapping[str, Census], more: Mapping[str, Census]) -> dict[str, Census]:
    """One census of all splits at the anchors of both."""
    return {
        name: replace(
            of_split,
            metrics={key: np.vstack([values, more[name].metrics[key]]) for key, values in of_split.metrics.items()},
        )
        for name, of_split in census.items()
    }


def sampling_obstacle(objective: Objective) -> str | None:
    """Why a metric cannot be estimated from some of the samples; None when it can."""
    if objective.batchnorm == "recompute":
        return "batchnorm recompute passes all training data at each point"
    if batched := [name for name, split in objective.splits.items() if not isinstance(split, (TensorSplit, RowsSplit))]:
        return f"the {batched[0]} data come as ready-made batches, and single samples cannot be picked from them"
    if objective.conduct.depends_on_batches or objective.conduct.changes:
        return "values depend on whole batches, or evaluations change the net's state"
    if objective.measure.combined:
        return f"{next(iter(objective.measure.combined))} is computed from means over all data"
    with objective.ready():
        for name, split in objective.splits.items():
            batch = samples_of(objective, name).take(torch.arange(min(2, split.size)))
            try:
                with given_up(objective.model):
                    values = objective.measure(objective.net, batch)
            except Exception as error:  # some nets take whole batches only
                return f"single samples of the {name} data cannot be evaluated ({explain(error)})"
            if any(isinstance(value, tuple) for value in values.values()):
                return "the loss is a mean over weights, which differ from sample to sample"
            if any(check_values(key, value, batch_length(batch)).ndim == 0 for key, value in values.items()):
                return "the loss returns the mean of a batch; return one value per sample"
    return None


def samples_of(objective: Objective, name: str) -> TensorSplit | RowsSplit:
    """A split of an objective without a `sampling_obstacle`."""
    split = objective.splits[name]
    assert isinstance(split, (TensorSplit, RowsSplit))
    return split


def take_census(
    objective: Objective,
    anchors: Sequence[Callable[[], Any]],
    gather: Callable[[Any], list[Any]],
    rank: int,
    size: int,
    tick: Callable[[int], None] = lambda samples: None,
) -> dict[str, Census]:
    """Evaluates all samples at all anchors, divided among the processes.

    Args:
        anchors: each call moves the objective's weights to one anchor.
        gather: returns the values of all processes, in their order, on every process.
        rank: this process, one of `size`.
        tick: called with about how many more samples all processes together have evaluated.

    Raises:
        EvaluationError: on every process, when an evaluation failed on one of them.
    """
    parts: dict[str, list[list[Measured]]] = {name: [] for name in objective.splits}
    for number, move in enumerate(anchors):
        move()
        for name, found in parts.items():
            every = np.arange(objective.splits[name].size)
            found.append(measure_together(objective, name, every, gather, rank, size, tick, outputs=number == 0))
    return {name: _census(objective, name, found) for name, found in parts.items()}


def measure_together(
    objective: Objective,
    name: str,
    numbers: np.ndarray,
    gather: Callable[[Any], list[Any]],
    rank: int,
    size: int,
    tick: Callable[[int], None],
    *,
    outputs: bool = False,
    where: str = "in the census of all samples",
) -> list[Measured]:
    """The samples of a split with these numbers (n,) at the present weights, chunk by chunk, divided among the processes.

    The arguments are those of `take_census`, and so is the error, which says `where` it was.
    """
    step = CHUNK_BATCHES * objective.batch_size
    starts = list(range(0, len(numbers), step))
    own: dict[int, Measured] = {}
    problem: Exception | None = None
    try:
        for start in starts[rank::size]:
            own[start] = measure_samples(objective, name, numbers[start : start + step], outputs=outputs)
            tick(size * step)
    except Exception as error:  # the other processes must learn of it, or they would wait forever
        problem = error
    try:
        everyone = gather((explain(problem) if problem else None, own))
    except LandscapeError:
        if problem is None:
            raise
        everyone = [(explain(problem), {})]  # others are gone because of it
    if failed := next((text for text, _ in everyone if text), None):
        raise EvaluationError(f"evaluation failed {where}: {failed}") from problem
    merged = {start: part for _, each in everyone for start, part in each.items()}
    return [merged[start] for start in starts]


class Measured(NamedTuple):
    """Samples of a split: metrics (n,), and the net's outputs (n, c) where they were requested and are vectors."""

    metrics: dict[str, np.ndarray]
    outputs: np.ndarray | None


def measure_samples(objective: Objective, name: str, numbers: np.ndarray, *, outputs: bool) -> Measured:
    """Evaluates the samples of a split with these numbers (n,), at the present weights."""
    split = samples_of(objective, name)

    def evaluate(net: Model, measure: Measure, batch: Tensor) -> tuple[dict[str, Tensor], Tensor | None]:
        recorder = _OutputRecorder(net)
        found = measure(recorder if outputs and measure.reads_outputs else net, split.take(batch))
        return {key: check_values(key, value, len(batch)) for key, value in found.items()}, recorder.outputs()

    with objective.ready():
        parts = objective.map(evaluate, torch.from_numpy(numbers).split(_batch_size(len(numbers), objective)))
    metrics = {key: torch.cat([found[key] for found, _ in parts]).cpu().numpy() for key in parts[0][0]}
    return Measured(metrics, _vectors([each for _, each in parts]))


def _batch_size(samples: int, objective: Objective) -> int:
    """For a few samples, so that two threads have work; the same for any number of threads, as bits may depend on it."""
    usual, fewest = objective.batch_size, FEWEST_IN_BF16 if objective.precision == "bf16" else FEWEST_IN_BATCH
    return usual if samples > 2 * usual else min(usual, max(-(-samples // 2), fewest))


class _OutputRecorder:
    """Passes inputs to the net, and keeps the outputs of its last call."""

    def __init__(self, net: Model):
        self._net = net
        self._last: Any = None

    def __call__(self, *inputs: Any, **named: Any) -> Any:
        self._last = self._net(*inputs, **named)
        return self._last

    def outputs(self) -> Tensor | None:
        """Of the last call, if they are one tensor."""
        found = forward(lambda _: self._last, None)
        return found if isinstance(found, Tensor) else None


def _vectors(outputs: list[Tensor | None]) -> np.ndarray | None:
    """(n, c) float64 outputs of all batches; None unless they are vectors with few enough columns for the fit."""
    known = [each for each in outputs if each is not None and each.ndim == 2 and each.shape[1] <= MAX_COLUMNS]
    return torch.cat(known).double().cpu().numpy() if len(known) == len(outputs) else None


def _census(objective: Objective, name: str, anchors: list[list[Measured]]) -> Census:
    """The census of a split from the parts at each anchor, in the order of the samples."""
    keys = anchors[0][0].metrics
    metrics = {
        key: np.stack([np.concatenate([part.metrics[key] for part in each]) for each in anchors]) for key in keys
    }
    outputs = [part.outputs for part in anchors[0] if part.outputs is not None]
    targets = samples_of(objective, name).targets
    classes = targets is not None and not targets.is_floating_point() and targets.ndim == 1
    return Census(
        metrics,
        np.concatenate(outputs) if len(outputs) == len(anchors[0]) else None,
        targets.cpu().numpy() if targets is not None and classes else None,
    )
