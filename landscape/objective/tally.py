"""Means and standard errors over samples, or over what a loss weights, independent of the batches.

Owns: the sums. They are kept in float64 on the device and fetched once, so that nothing waits for the device between
batches; on a CPU, where nothing waits, they are plain numbers, since for a small net each operation of torch counts. The sums of
several chunks of a pass are added in the order of the chunks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from landscape.errors import EvaluationError
from landscape.objective.measure import check_values
from landscape.objective.weighted import weighted


class MetricSum(NamedTuple):
    """The sum of one metric and the `weight` that it is to be divided by: the number of samples, unless the metric says more.

    `squares` is meaningful only with values `per_sample`.
    """

    total: float
    squares: float
    weight: float
    per_sample: bool


Sums = Mapping[str, MetricSum]
# Sums of squares below this have lost digits, as float64 holds no smaller ones.
LEAST_SQUARES = 1e-290
PENALTY = "l2"  # an entry of the sums of the first chunk; no metric has this name, since metrics begin with their split
# (split, number of the batch there, its values, its size)
Keep = Callable[[str, int, Mapping[str, Any], int], None]


class _Numbers(NamedTuple):
    """The two numbers that are added up for a metric."""

    total: float
    second: float


class Tally:
    """Adds up metrics over batches; the mean over samples does not depend on how they are grouped."""

    def __init__(self) -> None:
        self.sums: dict[str, Tensor | _Numbers] = {}
        self._counts: dict[str, int] = {}
        self._per_sample: dict[str, bool] = {}
        self._pairs: set[str] = set()  # whose second number is their weight

    def add(self, split: str, values: Mapping[str, Any], length: int) -> None:
        """Adds one batch of `length` samples; a metric is (length,), () for the mean over the batch, or (sum, weight)."""
        found: dict[str, Tensor] = {}
        for metric, raw in values.items():
            name, pair = f"{split}_{metric}", isinstance(raw, tuple)
            if name in self.sums and pair != (name in self._pairs):
                raise EvaluationError(f"{metric} returned (sum, weight) for some batches only; expected it for all")
            if pair:
                self._pairs.add(name)
                self._add(name, _both(*weighted(metric, raw, length)), length, per_sample=False)
            else:
                found[name] = check_values(metric, raw, length)
        for name, both in _reduced(found, length).items():
            self._add(name, both, length, per_sample=found[name].ndim == 1)

    def _add(self, name: str, both: Tensor | _Numbers, length: int, *, per_sample: bool) -> None:
        before = self.sums.get(name)
        self.sums[name] = both if before is None else _sum(before, both)
        self._counts[name] = self._counts.get(name, 0) + length
        self._per_sample[name] = self._per_sample.get(name, True) and per_sample

    def on_host(self, name: str, total: float, second: float) -> MetricSum:
        """The sum of a metric, from its two numbers fetched from the device."""
        if name in self._pairs:
            return MetricSum(total, 0.0, second, False)
        return MetricSum(total, second, self._counts[name], self._per_sample[name])


def _reduced(values: Mapping[str, Tensor], length: int) -> dict[str, Tensor | _Numbers]:
    """The sums of each metric and of its squares; `values` are (length,), or () for the mean of a batch of that length."""
    if len(values) > 1 and all(each.ndim and each.device.type == "cpu" for each in values.values()):
        table = torch.stack([*values.values()])  # the same sums, bit for bit, in fewer operations
        sums = zip(values, table.sum(1).tolist(), table.square().sum(1).tolist(), strict=True)
        return {name: _Numbers(total, squares) for name, total, squares in sums}
    return {
        name: _both(value.sum(), value.square().sum(), 1 if value.ndim else length) for name, value in values.items()
    }


def _both(total: Tensor, second: Tensor, times: int = 1) -> Tensor | _Numbers:
    """Two sums, `times` their values: (2,) on their device, or numbers."""
    if total.device.type == "cpu" and second.device.type == "cpu":
        return _Numbers(total.item() * times, second.item() * times)
    return torch.stack([total, second]) * times


def _sum(a: Tensor | _Numbers, b: Tensor | _Numbers) -> Tensor | _Numbers:
    if isinstance(a, _Numbers) and isinstance(b, _Numbers):
        return _Numbers(a.total + b.total, a.second + b.second)
    return _on_device(a, b) + _on_device(b, a)


def _on_device(sums: Tensor | _Numbers, like: Tensor | _Numbers) -> Tensor:
    if isinstance(sums, Tensor):
        return sums
    return torch.tensor(sums, dtype=torch.float64, device=like.device if isinstance(like, Tensor) else None)


def fetch_sums(tallies: Sequence[Tally]) -> list[dict[str, MetricSum]]:
    """The sums of each tally as plain numbers, brought from the device in one transfer.

    Raises:
        EvaluationError: the tallies hold no metric.
    """
    held = [both for tally in tallies for both in tally.sums.values() if isinstance(both, Tensor)]
    if not any(tally.sums for tally in tallies):
        raise EvaluationError("the loss returned no values")
    rows = iter(torch.stack(held).tolist() if held else ())
    return [
        {
            name: tally.on_host(name, *(next(rows) if isinstance(both, Tensor) else both))
            for name, both in tally.sums.items()
        }
        for tally in tallies
    ]


def merge_sums(chunks: Sequence[Sums]) -> Sums:
    """The sums over all chunks, added one after another in the order given."""
    merged: dict[str, MetricSum] = {}
    for chunk in chunks:
        for name, more in chunk.items():
            before = merged.get(name)
            merged[name] = more if before is None else _plus(before, more)
    return merged


def _plus(a: MetricSum, b: MetricSum) -> MetricSum:
    return MetricSum(a.total + b.total, a.squares + b.squares, a.weight + b.weight, a.per_sample and b.per_sample)


def means(sums: Sums) -> dict[str, float]:
    """The mean of each metric, NaN if nothing counted, and its standard error as `stderr/<metric>` with values per sample.

    The error is NaN where the squares of the values are too small or too large for a number.
    """
    found: dict[str, float] = {}
    for name, (total, squares, count, per_sample) in sums.items():
        found[name] = total / count if count else float("nan")
        if per_sample and count > 1:
            known = LEAST_SQUARES < squares < float("inf") or total == squares == 0
            variance = max(squares - total * total / count, 0.0) / (count - 1) if known else float("nan")
            found[f"stderr/{name}"] = (variance / count) ** 0.5
    return found
