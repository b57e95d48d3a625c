"""The losses and metrics of (outputs, targets) that have a name.

Owns: their formulas, one value for each sample, and their forms that leave out targets which are to be ignored.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from landscape.errors import DataError, UsageError
from landscape.objective.weighted import IGNORED, TargetMean, Weighted


def cross_entropy(outputs: Tensor, targets: Tensor, *, label_smoothing: float = 0.0) -> Tensor:
    """(n,) cross-entropy of logits (n, classes, ...) and class numbers or probabilities, averaged over further dimensions."""
    targets = targets if targets.is_floating_point() else targets.long()
    return _per_sample(F.cross_entropy(outputs, targets, reduction="none", label_smoothing=label_smoothing))


def mse(outputs: Tensor, targets: Tensor) -> Tensor:
    """(n,) mean squared error; class numbers count as one-hot vectors beside the raw outputs (n, classes, ...).

    Raises:
        DataError: outputs and targets differ in shape; dimensions of length 1 are ignored.
    """
    if classes := class_count(outputs, targets):
        targets = F.one_hot(targets.long(), classes).movedim(-1, 1)
    # (n, 1) minus (n,) would silently broadcast to (n, n)
    if [d for d in outputs.shape[1:] if d != 1] != [d for d in targets.shape[1:] if d != 1]:
        raise DataError(f"mse: the outputs have shape {tuple(outputs.shape)}, the targets {tuple(targets.shape)}")
    return _per_sample((outputs - targets.to(outputs.dtype).reshape(outputs.shape)).square())


def accuracy(outputs: Tensor, targets: Tensor) -> Tensor:
    """(n,) 1 where the target has the largest logit, else 0; NaN logits count as wrong.

    Raises:
        UsageError: the targets are not class numbers.
    """
    return _per_sample(_hits(outputs, targets).to(torch.float32))


def _hits(outputs: Tensor, targets: Tensor) -> Tensor:
    if targets.is_floating_point() or outputs.ndim != targets.ndim + 1:
        raise UsageError(
            f"accuracy needs class numbers as targets; outputs have shape {tuple(outputs.shape)}, "
            f"targets {tuple(targets.shape)} of {targets.dtype}; leave it out with --metrics loss"
        )
    best, label = outputs.max(dim=1)
    return (label == targets) & (best == best)  # NaN is not equal to itself


@dataclass(frozen=True)
class CountedAccuracy:
    """`accuracy` over the targets that are not to be ignored."""

    ignored: int = IGNORED

    def __call__(self, outputs: Tensor, targets: Tensor) -> Weighted:
        counted = targets != self.ignored
        hits = _hits(outputs, targets) & counted
        return Weighted(hits.sum().double(), counted.sum().double())


def class_count(outputs: Tensor, targets: Tensor) -> int | None:
    """The number of classes when the targets are class numbers; None when they are values."""
    numbers = not targets.is_floating_point() and outputs.ndim == targets.ndim + 1
    return outputs.shape[1] if numbers and outputs.shape[1] > 1 else None


def counted(function: Callable, index: int) -> Callable:
    """The function with only those targets that are not `index`."""
    if function is accuracy:
        return CountedAccuracy(index)
    if plain(function) is not cross_entropy:
        return function
    given = function.keywords if isinstance(function, functools.partial) else {}
    return TargetMean(ignore_index=index, label_smoothing=given.get("label_smoothing", 0.0))


def plain(function: Callable) -> Callable:
    """The function inside a partial."""
    return function.func if isinstance(function, functools.partial) else function


def _per_sample(values: Tensor) -> Tensor:
    return values if values.ndim == 1 else values.flatten(1).mean(dim=1)
