"""Metrics that are computed from means over all data, not sample by sample: perplexity, intersection over union.

Owns: `Combined`, and putting a metric together from the means of its parts. A part has values per sample, or is a sum with
its weight, so the metric does not depend on the batches.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor

from landscape.errors import UsageError
from landscape.objective.functions import counted
from landscape.objective.weighted import Weighted, classes_second

# Between the name of a metric and that of its part, in the results of a batch.
PART = "|"


@runtime_checkable
class Combined(Protocol):
    """`parts` of a batch by name; `combine` makes the metric and its standard error, if known, of their means and errors."""

    def parts(self, outputs: Tensor, targets: Tensor) -> Mapping[str, Any]: ...

    def combine(self, means: Mapping[str, float], errors: Mapping[str, float]) -> tuple[float, float | None]: ...


@dataclass(frozen=True)
class Perplexity:
    """The exponential of the mean cross-entropy."""

    entropy: Callable

    def parts(self, outputs: Tensor, targets: Tensor) -> dict[str, Any]:
        return {"entropy": self.entropy(outputs, targets)}

    def combine(self, means: Mapping[str, float], errors: Mapping[str, float]) -> tuple[float, float | None]:
        mean, error = means["entropy"], errors.get("entropy")
        value = math.exp(mean) if mean < 700 else math.inf  # larger ones do not fit into float64
        return value, None if error is None else value * error

    def counting(self, index: int) -> Perplexity:
        """The same without the targets that are `index`."""
        return replace(self, entropy=counted(self.entropy, index))


@dataclass(frozen=True)
class Iou:
    """The mean over classes of intersection / union of predicted and true positions, over all data (Jaccard index).

    A class that is neither predicted nor true anywhere does not count.
    """

    ignored: tuple[int, ...] = ()

    def parts(self, outputs: Tensor, targets: Tensor) -> dict[str, Any]:
        if targets.is_floating_point() or outputs.ndim != targets.ndim + 1:
            raise UsageError(
                f"iou needs class numbers as targets; outputs have shape {tuple(outputs.shape)}, targets {tuple(targets.shape)}"
            )
        outputs, targets = classes_second(outputs, targets)
        classes, counts = outputs.shape[1], targets != -1
        for index in self.ignored:
            counts &= targets != index
        found, right = outputs.argmax(dim=1)[counts], targets[counts]
        predicted, true, both = (
            torch.bincount(each, minlength=classes).double() for each in (found, right, right[found == right])
        )
        return {str(c): Weighted(both[c], predicted[c] + true[c] - both[c]) for c in range(classes)}

    def combine(self, means: Mapping[str, float], errors: Mapping[str, float]) -> tuple[float, float | None]:
        present = [mean for mean in means.values() if not math.isnan(mean)]
        return (sum(present) / len(present) if present else math.nan), None

    def counting(self, index: int) -> Iou:
        """The same without the targets that are `index` either."""
        return replace(self, ignored=(*self.ignored, index))


def combined(
    found: Mapping[str, float], metrics: Mapping[str, Combined], splits: Mapping[str, Any]
) -> dict[str, float]:
    """Results in which the means of parts are replaced by the `metrics` that they belong to."""
    results = {name: value for name, value in found.items() if PART not in name}
    for split in splits:
        for name, metric in metrics.items():
            start = f"{split}_{name}{PART}"
            means, errors = (_starting(found, f"{before}{start}") for before in ("", "stderr/"))
            value, error = metric.combine(means, errors)
            results[f"{split}_{name}"] = value
            if error is not None:
                results[f"stderr/{split}_{name}"] = error
    return results


def _starting(found: Mapping[str, float], start: str) -> dict[str, float]:
    return {name.removeprefix(start): value for name, value in found.items() if name.startswith(start)}


def with_parts(functions: Mapping[str, Callable | Combined], outputs: Any, targets: Any) -> dict[str, Any]:
    """The values of each function of a batch, and those of the parts of combined ones."""
    values: dict[str, Any] = {}
    for name, function in functions.items():
        if isinstance(function, Combined):
            values |= {f"{name}{PART}{part}": value for part, value in function.parts(outputs, targets).items()}
        else:
            values[name] = function(outputs, targets)
    return values
