"""Metrics estimated from as many samples as the tolerance requires.

Owns: the census (all samples evaluated once at each anchor), and the rounds at a point. A round draws samples and
estimates the mean with its standard error (regression.py); the next one adds samples where they reduce the error most,
until it is within the tolerance. If all samples are drawn, the mean is exact.

For a ResNet-20 on CIFAR-10 a blind sample with 2 % standard error takes 13,000 images near the centre; strata alone bring that
to 500 to 4000. Further out, classes and logits at the centre explain half of the variance; more anchors would cost more than
they save.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from landscape.callables import explain
from landscape.data.split import TensorSplit, batch_length
from landscape.errors import EvaluationError
from landscape.objective.loss import Model, check_values, forward
from landscape.objective.objective import Objective
from landscape.objective.regression import Estimate, auxiliary_variables, estimate, neyman_allocation
from landscape.objective.strata import Strata

# Samples in the first round at a point, and the fewest of them from each stratum.
FIRST_ROUND, MIN_PER_STRATUM = 512, 48
# A round multiplies the number of samples by at most this, because the first estimate of the spread may be far off.
MAX_GROWTH = 3.0
# When more than this share of all samples is needed, all of them are evaluated.
MAX_SHARE = 0.7
# The fit uses outputs and labels while there are at most this many columns; more columns would need more samples.
MAX_COLUMNS = 40
CHUNK_BATCHES = 16


@dataclass(frozen=True, eq=False)
class Census:
    """Every sample of a split: metrics (anchors, N), outputs at the first anchor (N, c), labels (N,)."""

    metrics: dict[str, np.ndarray]
    outputs: np.ndarray | None
    labels: np.ndarray | None


def sampling_obstacle(objective: Objective) -> str | None:
    """Why a metric cannot be estimated from some of the samples; None when it can."""
    if objective.batchnorm == "recompute":
        return "batchnorm recompute passes all training data at each point"
    if batched := [name for name, split in objective.splits.items() if not isinstance(split, TensorSplit)]:
        return f"the {batched[0]} data come as ready-made batches, and single samples cannot be picked from them"
    if objective.conduct.depends_on_batches or objective.conduct.changes:
        return "values depend on whole batches, or evaluations change the net's state"
    with objective.ready():
        for name, split in objective.splits.items():
            batch = _samples(objective, name).take(torch.arange(min(2, split.size)))
            values = objective.measure(objective.net, batch)
            if any(isinstance(value, tuple) for value in values.values()):
                return "the loss is a mean over weights, which differ from sample to sample"
            if any(check_values(key, value, batch_length(batch)).ndim == 0 for key, value in values.items()):
                return "the loss returns the mean of a batch; return one value per sample"
    return None


def _samples(objective: Objective, name: str) -> TensorSplit:
    """A split of an objective without a `sampling_obstacle`."""
    split = objective.splits[name]
    assert isinstance(split, TensorSplit)
    return split


def take_census(
    objective: Objective, anchors: Sequence[Callable[[], Any]], gather: Callable[[Any], list[Any]], rank: int, size: int
) -> dict[str, Census]:
    """Evaluates all samples at all anchors, divided among the processes.

    Args:
        anchors: each call moves the objective's weights to one anchor.
        gather: returns the values of all processes, in their order, on every process.
        rank: this process, one of `size`.

    Raises:
        EvaluationError: on every process, when an evaluation failed on one of them.
    """
    parts: dict[str, list[list[_Measured]]] = {name: [] for name in objective.splits}
    for number, move in enumerate(anchors):
        move()
        for name, found in parts.items():
            found.append(_measure_all(objective, name, gather, rank, size, outputs=number == 0))
    return {name: _census(objective, name, found) for name, found in parts.items()}


def _measure_all(
    objective: Objective, name: str, gather: Callable[[Any], list[Any]], rank: int, size: int, *, outputs: bool
) -> list[_Measured]:
    """All samples of a split at the present weights, chunk by chunk; each process evaluates some of the chunks."""
    samples, step = objective.splits[name].size, CHUNK_BATCHES * objective.batch_size
    starts = list(range(0, samples, step))
    own: dict[int, _Measured] = {}
    problem: Exception | None = None
    try:
        for start in starts[rank::size]:
            own[start] = _measure(objective, name, np.arange(start, min(start + step, samples)), outputs=outputs)
    except Exception as error:  # the other processes must learn of it, or they would wait forever
        problem = error
    everyone = gather((explain(problem) if problem else None, own))
    if failed := next((text for text, _ in everyone if text), None):
        raise EvaluationError(f"evaluation failed in the census of all samples: {failed}") from problem
    merged = {start: part for _, each in everyone for start, part in each.items()}
    return [merged[start] for start in starts]


def pilot_statistics(objective: Objective, split: str, metric: str) -> tuple[float, float]:
    """Mean and standard deviation of a metric over evenly spaced samples of a split, at the present weights."""
    size = objective.splits[split].size
    numbers = np.unique(np.linspace(0, size - 1, min(size, FIRST_ROUND)).astype(int))
    values = _measure(objective, split, numbers, outputs=False).metrics[metric]
    return float(values.mean()), float(values.std())


class SampledObjective:
    """Evaluates `objective` at its present weights to a standard error of `tolerance` times the metric `driver`.

    Results have the names of `Objective.evaluate`. A standard error is that of the estimated mean over all samples (0
    where all were evaluated); `<split>_samples` is the number of samples evaluated.
    """

    def __init__(self, objective: Objective, census: dict[str, Census], tolerance: float, driver: str):
        self.objective, self.tolerance, self.driver = objective, tolerance, driver
        self._frames = {name: _SamplingFrame.of(entry, driver) for name, entry in census.items()}

    def evaluate(self) -> dict[str, float]:
        found: dict[str, float] = {}
        for name, frame in self._frames.items():
            estimator = _SequentialEstimator(frame)
            while not estimator.finished:
                sample = _measure(self.objective, name, estimator.draw(), outputs=False)
                estimator.add(sample.metrics, self.driver, self.tolerance)
            found |= estimator.results(name)
        if self.objective.l2:
            penalty = self.objective.penalty()
            found |= {f"{name}_loss_l2": found[f"{name}_loss"] + penalty for name in self._frames}
        return found


@dataclass(frozen=True, eq=False)
class _SamplingFrame:
    """What all points draw from: the strata, each sample's stratum (N,) and its auxiliary variables (N, p)."""

    strata: Strata
    stratum: np.ndarray
    auxiliary: np.ndarray

    @classmethod
    def of(cls, census: Census, driver: str) -> _SamplingFrame:
        losses = np.nan_to_num(census.metrics[driver], nan=0.0, posinf=1e30, neginf=0.0)
        hardness = np.max(losses / np.maximum(np.abs(losses).mean(axis=1, keepdims=True), 1e-300), axis=0)
        strata = Strata(hardness, census.labels)
        stratum = np.empty(len(hardness), int)
        stratum[np.concatenate(strata.members)] = strata.of(np.zeros_like(strata.sizes), strata.sizes)
        return cls(strata, stratum, auxiliary_variables(_columns(losses, census)))

    def first(self) -> np.ndarray:
        """(H,) the first round: half of it in proportion to the strata, half divided equally among them."""
        sizes, strata = self.strata.sizes, len(self.strata.sizes)
        counts = np.ceil(FIRST_ROUND / 2 * (sizes / sizes.sum() + 1 / strata)).astype(int)
        return np.minimum(sizes, np.maximum(counts, MIN_PER_STRATUM))


class _SequentialEstimator:
    """The rounds for one split at one point: `draw` samples, `add` their values, until `finished`."""

    def __init__(self, frame: _SamplingFrame):
        self._frame = frame
        self._have = np.zeros_like(frame.strata.sizes)
        self._wanted = frame.first()
        self._numbers = np.empty(0, int)
        self._values: dict[str, np.ndarray] = {}
        self._estimates: dict[str, Estimate] = {}
        self.finished = False

    def draw(self) -> np.ndarray:
        """The sample numbers to evaluate in this round."""
        drawn = self._frame.strata.draw(self._have, self._wanted)
        self._numbers, self._have = np.append(self._numbers, drawn), self._wanted
        return drawn

    def add(self, values: dict[str, np.ndarray], driver: str, tolerance: float) -> None:
        """Takes the values of the samples of this round, and decides whether another round is needed."""
        self._values = {key: np.append(self._values.get(key, ()), new) for key, new in values.items()}
        self._estimates = {key: self._estimate(value) for key, value in self._values.items()}
        decisive = self._estimates[driver]
        wide = decisive.stderr > tolerance * abs(decisive.mean)  # false for NaN, which more samples would not change
        self.finished = not wide or len(self._numbers) == self._frame.strata.sizes.sum()
        if not self.finished:
            self._wanted = self._more(decisive, tolerance)

    def results(self, split: str) -> dict[str, float]:
        found = {f"{split}_{key}": each.mean for key, each in self._estimates.items()}
        found |= {f"stderr/{split}_{key}": each.stderr for key, each in self._estimates.items()}
        return found | {f"{split}_samples": float(len(self._numbers))}

    def _estimate(self, values: np.ndarray) -> Estimate:
        sizes = self._frame.strata.sizes
        if len(values) == sizes.sum():
            return Estimate(float(values.mean()), 0.0, np.zeros(len(sizes)))
        if not np.isfinite(values).all():
            return Estimate(float(values.sum()), float("nan"), np.zeros(len(sizes)))
        return estimate(values, self._frame.auxiliary[self._numbers], self._frame.stratum[self._numbers], sizes)

    def _more(self, decisive: Estimate, tolerance: float) -> np.ndarray:
        """(H,) the samples wanted after the next round."""
        sizes = self._frame.strata.sizes
        have, every = len(self._numbers), int(sizes.sum())
        ratio = (decisive.stderr / max(tolerance * abs(decisive.mean), 1e-300)) ** 2
        # the variance falls as 1/n - 1/N
        needed = 1.05 / ((1 / have - 1 / every) / ratio + 1 / every)
        if needed > MAX_SHARE * every:
            return sizes
        total = round(min(max(needed, have + FIRST_ROUND / 8), MAX_GROWTH * have))
        return neyman_allocation(total, sizes, decisive.spread, self._have)


def _columns(losses: np.ndarray, census: Census) -> np.ndarray:
    """(N, k) the columns that the fit may use: losses at the anchors, classes, and outputs at the first anchor."""
    tiny = 1e-4 * max(float(losses.mean()), 1e-300)
    columns = [losses.T, np.log(np.maximum(losses, 0.0) + tiny).T]
    if census.labels is not None:
        classes = np.unique(census.labels)
        columns.append((census.labels[:, None] == classes[None, :]).astype(float))
    if census.outputs is not None and np.isfinite(census.outputs).all():
        columns.append(census.outputs)
    while len(columns) > 1 and sum(each.shape[1] for each in columns) > MAX_COLUMNS:
        columns.pop()
    return np.hstack(columns)


class _Measured(NamedTuple):
    """Samples of a split: metrics (n,), and the net's outputs (n, c) where they were requested and are vectors."""

    metrics: dict[str, np.ndarray]
    outputs: np.ndarray | None


def _measure(objective: Objective, name: str, numbers: np.ndarray, *, outputs: bool) -> _Measured:
    """Evaluates the samples of a split with these numbers (n,), at the present weights."""
    split, recorder = _samples(objective, name), _OutputRecorder(objective.net)
    columns: dict[str, list[Tensor]] = {}
    with objective.ready():
        for batch in torch.from_numpy(numbers).split(objective.batch_size):
            for key, value in objective.measure(recorder if outputs else objective.net, split.take(batch)).items():
                columns.setdefault(key, []).append(check_values(key, value, len(batch)))
            recorder.keep()
    return _Measured({key: torch.cat(values).cpu().numpy() for key, values in columns.items()}, recorder.vectors())


class _OutputRecorder:
    """Passes inputs to the net; `keep` keeps the outputs of its last call."""

    def __init__(self, net: Model):
        self._net = net
        self._last: Any = None
        self._kept: list[Tensor] = []

    def __call__(self, *inputs: Any) -> Any:
        self._last = self._net(*inputs)
        return self._last

    def keep(self) -> None:
        """To be called once for each batch."""
        outputs = forward(lambda _: self._last, None)
        if isinstance(outputs, Tensor):
            self._kept.append(outputs)

    def vectors(self) -> np.ndarray | None:
        """(n, c) float64 outputs of all batches; None unless they are vectors with few enough columns for the fit."""
        if not self._kept or not all(each.ndim == 2 and each.shape[1] <= MAX_COLUMNS for each in self._kept):
            return None
        return torch.cat(self._kept).double().cpu().numpy()


def _census(objective: Objective, name: str, anchors: list[list[_Measured]]) -> Census:
    """The census of a split from the parts at each anchor, in the order of the samples."""
    keys = anchors[0][0].metrics
    metrics = {
        key: np.stack([np.concatenate([part.metrics[key] for part in each]) for each in anchors]) for key in keys
    }
    outputs = [part.outputs for part in anchors[0] if part.outputs is not None]
    targets = _samples(objective, name).targets
    classes = not targets.is_floating_point() and targets.ndim == 1
    return Census(
        metrics,
        np.concatenate(outputs) if len(outputs) == len(anchors[0]) else None,
        targets.cpu().numpy() if classes else None,
    )
