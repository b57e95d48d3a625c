"""Means and standard errors over samples, whatever the batches.

Owns: the sums. They are kept in float64 on the device and fetched once, so that nothing waits for the device between
batches.
"""

from __future__ import annotations

import torch
from torch import Tensor

from landscape.errors import EvaluationError
from landscape.objective.loss import check_values


class Tally:
    """Adds up metrics over batches; the mean over samples does not depend on how they are grouped."""

    def __init__(self) -> None:
        self._sums: dict[str, Tensor] = {}
        self._counts: dict[str, int] = {}
        self._per_sample: dict[str, bool] = {}

    def add(self, values: dict[str, Tensor], length: int) -> None:
        """One batch of `length` samples; a metric is (length,) values or their mean ()."""
        for name, raw in values.items():
            value = check_values(name, raw, length)
            per_sample = value.ndim == 1
            weight = 1 if per_sample else length
            both = torch.stack([value.sum(), value.square().sum()]) * weight
            self._sums[name] = self._sums[name] + both if name in self._sums else both
            self._counts[name] = self._counts.get(name, 0) + length
            self._per_sample[name] = self._per_sample.get(name, True) and per_sample

    def results(self, split: str) -> dict[str, float]:
        """`{split}_{metric}`: mean, and `stderr/{split}_{metric}`: its standard error where samples were seen singly."""
        if not self._sums:
            raise EvaluationError("the loss returned no values")
        found: dict[str, float] = {}
        # a user's metric may come as a plain number, and then lies on the CPU
        device = next(iter(self._sums.values())).device
        fetched = torch.stack([both.to(device) for both in self._sums.values()]).cpu()
        for (name, count), (total, squares) in zip(self._counts.items(), fetched.tolist(), strict=True):
            found[f"{split}_{name}"] = total / count
            if self._per_sample[name] and count > 1:
                variance = (
                    max(squares - total * total / count, 0.0) / (count - 1) if squares == squares else float("nan")
                )
                found[f"stderr/{split}_{name}"] = (variance / count) ** 0.5
        return found
