"""Means and standard errors over samples, whatever the batches.

Owns: the sums. They are kept in float64 on the device and fetched once, so that nothing waits for the device between
batches; the sums of several chunks of a pass are added in the order of the chunks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from landscape.errors import EvaluationError
from landscape.objective.loss import check_values


class Sum(NamedTuple):
    """Of one metric over `count` samples; `squares` mean something where samples were seen singly."""

    total: float
    squares: float
    count: int
    per_sample: bool


Sums = Mapping[str, Sum]


class Tally:
    """Adds up metrics over batches; the mean over samples does not depend on how they are grouped."""

    def __init__(self) -> None:
        self.sums: dict[str, Tensor] = {}
        self._counts: dict[str, int] = {}
        self._per_sample: dict[str, bool] = {}

    def add(self, split: str, values: Mapping[str, Tensor], length: int) -> None:
        """One batch of `length` samples; a metric is (length,) values or their mean ()."""
        for metric, raw in values.items():
            value = check_values(metric, raw, length)
            per_sample = value.ndim == 1
            weight = 1 if per_sample else length
            both = torch.stack([value.sum(), value.square().sum()]) * weight
            name = f"{split}_{metric}"
            self.sums[name] = self.sums[name] + both if name in self.sums else both
            self._counts[name] = self._counts.get(name, 0) + length
            self._per_sample[name] = self._per_sample.get(name, True) and per_sample

    def on_host(self, name: str, both: Sequence[float]) -> Sum:
        return Sum(*both, self._counts[name], self._per_sample[name])


def fetched(tallies: Sequence[Tally]) -> list[Sums]:
    """The sums of each tally as plain numbers, brought from the device in one transfer.

    Raises:
        EvaluationError: not one metric was added up.
    """
    held = [both for tally in tallies for both in tally.sums.values()]
    if not held:
        raise EvaluationError("the loss returned no values")
    # a user's metric may come as a plain number, and then lies on the CPU
    rows = iter(torch.stack([both.to(held[0].device) for both in held]).tolist())
    return [{name: tally.on_host(name, next(rows)) for name in tally.sums} for tally in tallies]


def added(chunks: Sequence[Sums]) -> Sums:
    """The sums over all chunks, added one after another in the order given."""
    found: dict[str, Sum] = {}
    for chunk in chunks:
        for name, more in chunk.items():
            if name not in found:
                found[name] = more
                continue
            so_far = found[name]
            found[name] = Sum(
                so_far.total + more.total,
                so_far.squares + more.squares,
                so_far.count + more.count,
                so_far.per_sample and more.per_sample,
            )
    return found


def means(sums: Sums) -> dict[str, float]:
    """The mean of each metric, and `stderr/<metric>`: its standard error where samples were seen singly."""
    found: dict[str, float] = {}
    for name, (total, squares, count, per_sample) in sums.items():
        found[name] = total / count
        if per_sample and count > 1:
            variance = max(squares - total * total / count, 0.0) / (count - 1) if squares == squares else float("nan")
            found[f"stderr/{name}"] = (variance / count) ** 0.5
    return found
