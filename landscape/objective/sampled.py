"""Metrics from as many samples as the wanted error needs, and no more.

Owns: the census (all samples evaluated at the anchors, once), and the rounds at a point: some samples, an estimate with
its error (regression.py), more samples where they tell most, until the error is small enough. In the end that may be
all of them, and then the mean is exact.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from landscape.callables import explain
from landscape.data.split import TensorSplit, batch_length
from landscape.errors import EvaluationError
from landscape.objective.loss import check_values, forward
from landscape.objective.objective import Objective
from landscape.objective.regression import Estimate, allot, estimate, known_facts
from landscape.objective.strata import Strata

# The first round at a point, and the least of each group in it.
FIRST, LEAST = 512, 48
# In one round the number of samples grows by at most this, as a first guess of the spread may be far off.
GROWTH = 3.0
# Past this share of all samples, the rest is evaluated too.
ENOUGH = 0.7
# Outputs and labels serve in the fit while there are at most this many columns; many would need many samples.
MAX_COLUMNS = 40
CHUNK = 16  # batches


@dataclass(frozen=True, eq=False)
class Census:
    """What is known of every sample of a split: metrics (anchors, N), outputs at the first anchor (N, c), labels (N,)."""

    metrics: dict[str, np.ndarray]
    outputs: np.ndarray | None
    labels: np.ndarray | None


def unsampled(objective: Objective) -> str | None:
    """Why samples cannot be left out; None when they can."""
    if objective.batchnorm == "recompute":
        return "batchnorm recompute passes all training data at each point"
    for name, split in objective.splits.items():
        if not isinstance(split, TensorSplit):
            return f"the {name} data come as ready-made batches, and single samples cannot be picked from them"
    with objective.ready():
        for split in objective.splits.values():
            batch = split.take(torch.arange(min(2, split.size)))
            values = objective.measure(objective.net, batch)
            if any(check_values(name, value, batch_length(batch)).ndim == 0 for name, value in values.items()):
                return "the loss returns the mean of a batch; return one value per sample"
    return None


def take_census(
    objective: Objective, anchors: Sequence[Callable[[], Any]], gather: Callable[[Any], list[Any]], rank: int, size: int
) -> dict[str, Census]:
    """All samples at all anchors, each process a part; `anchors` move the objective's weights, `gather` collects parts."""
    parts: dict[str, list] = {name: [] for name in objective.splits}
    for number, move in enumerate(anchors):
        move()
        for name, split in objective.splits.items():
            step = CHUNK * objective.batch_size
            starts = list(range(0, split.size, step))
            own, problem = {}, None
            try:
                for start in starts[rank::size]:
                    numbers = np.arange(start, min(start + step, split.size))
                    own[start] = _measured(objective, name, numbers, outputs=number == 0)
            except Exception as error:  # the others must hear of it, or they would wait for ever
                problem = error
            everyone = gather((explain(problem) if problem else None, own))
            if failed := next((text for text, _ in everyone if text), None):
                raise EvaluationError(f"evaluation failed where all samples are looked at: {failed}") from problem
            merged = {start: part for _, each in everyone for start, part in each.items()}
            parts[name].append([merged[start] for start in starts])
    return {name: _census(objective, name, found) for name, found in parts.items()}


def spread_of(objective: Objective, split: str, metric: str) -> tuple[float, float]:
    """Mean and standard deviation of a metric over some samples of a split, evenly picked, at the present weights."""
    size = objective.splits[split].size
    numbers = np.unique(np.linspace(0, size - 1, min(size, FIRST)).astype(int))
    values = _measured(objective, split, numbers, outputs=False)[0][metric]
    return float(values.mean()), float(values.std())


class SampledObjective:
    """Evaluates `objective` at its present weights to a standard error of `tolerance` times the loss.

    `driver`: the metric whose error decides, normally the loss. Results are named as those of `Objective.evaluate`; the
    standard errors are those of the estimate of the mean over all samples (0 where all were evaluated), and
    `{split}_samples` tells how many were.
    """

    def __init__(self, objective: Objective, census: dict[str, Census], tolerance: float, driver: str):
        self.objective, self.tolerance, self.driver = objective, tolerance, driver
        self._frames = {name: _Frame.of(entry, driver) for name, entry in census.items()}

    def evaluate(self) -> dict[str, float]:
        found: dict[str, float] = {}
        for name, frame in self._frames.items():
            draw = _Draw(frame)
            while draw.wanted is not None:
                values, _ = _measured(self.objective, name, draw.next(), outputs=False)
                draw.take(values, self.driver, self.tolerance)
            found |= draw.results(name)
        if self.objective.l2:
            penalty = self.objective.penalty()
            found |= {f"{name}_loss_l2": found[f"{name}_loss"] + penalty for name in self._frames}
        return found


@dataclass(frozen=True, eq=False)
class _Frame:
    """What all points draw from: the groups, each sample's group (N,) and its facts for the fit (N, p)."""

    strata: Strata
    group: np.ndarray
    facts: np.ndarray

    @classmethod
    def of(cls, census: Census, driver: str) -> _Frame:
        losses = np.nan_to_num(census.metrics[driver], nan=0.0, posinf=1e30, neginf=0.0)
        hardness = np.max(losses / np.maximum(np.abs(losses).mean(axis=1, keepdims=True), 1e-300), axis=0)
        strata = Strata(hardness, census.labels)
        group = np.empty(len(hardness), int)
        group[np.concatenate(strata.members)] = strata.of(np.zeros_like(strata.sizes), strata.sizes)
        return cls(strata, group, known_facts(_columns(losses, census)))

    def first(self) -> np.ndarray:
        """Half of the samples in proportion to the groups, half equally among them."""
        sizes, groups = self.strata.sizes, len(self.strata.sizes)
        counts = np.ceil(FIRST / 2 * (sizes / sizes.sum() + 1 / groups)).astype(int)
        return np.minimum(sizes, np.maximum(counts, LEAST))


class _Draw:
    """The rounds at one point and split: `next` numbers to evaluate, `take` their values; over when `wanted` is None."""

    def __init__(self, frame: _Frame):
        self._frame = frame
        self._have = np.zeros_like(frame.strata.sizes)
        self._numbers = np.empty(0, int)
        self._values: dict[str, np.ndarray] = {}
        self._estimates: dict[str, Estimate] = {}
        self.wanted: np.ndarray | None = frame.first()

    def next(self) -> np.ndarray:
        drawn = self._frame.strata.draw(self._have, self.wanted)
        self._numbers, self._have = np.append(self._numbers, drawn), self.wanted
        return drawn

    def take(self, values: dict[str, np.ndarray], driver: str, tolerance: float) -> None:
        self._values = {key: np.append(self._values.get(key, ()), new) for key, new in values.items()}
        self._estimates = {key: self._estimate(value) for key, value in self._values.items()}
        decisive = self._estimates[driver]
        wide = decisive.stderr > tolerance * abs(decisive.mean)  # not when it is NaN: more samples would not mend that
        complete = len(self._numbers) == self._frame.strata.sizes.sum()
        self.wanted = self._more(decisive, tolerance) if wide and not complete else None

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
        return estimate(values, self._frame.facts[self._numbers], self._frame.group[self._numbers], sizes)

    def _more(self, decisive: Estimate, tolerance: float) -> np.ndarray:
        sizes = self._frame.strata.sizes
        have, every = len(self._numbers), int(sizes.sum())
        ratio = (decisive.stderr / max(tolerance * abs(decisive.mean), 1e-300)) ** 2
        # the variance falls as 1/n - 1/N
        needed = 1.05 / ((1 / have - 1 / every) / ratio + 1 / every)
        if needed > ENOUGH * every:
            return sizes
        total = round(min(max(needed, have + FIRST / 8), GROWTH * have))
        return allot(total, sizes, decisive.spread, self._have)


def _columns(losses: np.ndarray, census: Census) -> np.ndarray:
    """(N, k) what the values at a point are fitted by: losses at the anchors, classes, outputs at the centre."""
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


def _measured(
    objective: Objective, name: str, numbers: np.ndarray, *, outputs: bool
) -> tuple[dict[str, np.ndarray], np.ndarray | None]:
    """Metrics (n,) of the samples with these numbers, and the net's outputs (n, c) where they are asked for and flat."""
    split, net = objective.splits[name], _Heard(objective.net) if outputs else objective.net
    columns: dict[str, list[Tensor]] = {}
    said: list[Tensor] = []
    with objective.ready():
        for batch in torch.from_numpy(numbers).split(objective.batch_size):
            for key, value in objective.measure(net, split.take(batch)).items():
                columns.setdefault(key, []).append(check_values(key, value, len(batch)))
            if outputs and net.last is not None:
                said.append(net.last)
    flat = said and all(each.ndim == 2 and each.shape[1] <= MAX_COLUMNS for each in said)
    found = {key: torch.cat(values).cpu().numpy() for key, values in columns.items()}
    return found, torch.cat(said).double().cpu().numpy() if flat else None


class _Heard:
    """The net, remembering what it said last."""

    def __init__(self, net: Callable):
        self._net, self.last = net, None

    def __call__(self, *inputs: Any) -> Any:
        outputs = self._net(*inputs)
        said = forward(lambda _: outputs, None)
        self.last = said if isinstance(said, Tensor) else None
        return outputs


def _census(objective: Objective, name: str, anchors: list[list[tuple]]) -> Census:
    """One census of parts of all anchors, each a list of (metrics, outputs) in the order of the samples."""
    keys = anchors[0][0][0]
    metrics = {key: np.stack([np.concatenate([part[key] for part, _ in each]) for each in anchors]) for key in keys}
    said = [outputs for _, outputs in anchors[0]]
    outputs = np.concatenate(said) if all(part is not None for part in said) else None
    targets = objective.splits[name].targets
    classes = not targets.is_floating_point() and targets.ndim == 1
    return Census(metrics, outputs, targets.cpu().numpy() if classes else None)
