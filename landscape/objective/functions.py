"""The losses and metrics of (outputs, targets) that have a name.

Owns: their formulas, one value for each sample, and their forms that leave out targets which are to be ignored. Which
settings a name takes is in named.py.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from landscape.errors import DataError, UsageError
from landscape.objective.weighted import IGNORED, TargetMean, Weighted, classes_second


def cross_entropy(outputs: Tensor, targets: Tensor, *, label_smoothing: float = 0.0) -> Tensor:
    """(n,) cross-entropy of logits (n, classes, ...) and class numbers or probabilities, averaged over further dimensions."""
    _check_tensor("cross_entropy", outputs)
    outputs, targets = classes_second(outputs, targets)
    if targets.is_floating_point() and outputs.ndim != targets.ndim:
        raise DataError(
            f"cross_entropy: the targets are {targets.dtype} of shape {tuple(targets.shape)}; expected class numbers, or "
            f"probabilities of shape {tuple(outputs.shape)}; for values give another loss, such as mse"
        )
    return _per_sample(F.cross_entropy(outputs, targets, reduction="none", label_smoothing=label_smoothing))


def nll(outputs: Tensor, targets: Tensor) -> Tensor:
    """(n,) minus the log-probabilities (n, classes, ...) of class numbers, averaged over further dimensions."""
    _check_tensor("nll", outputs)
    return _per_sample(F.nll_loss(*classes_second(outputs, targets), reduction="none"))


def kl(outputs: Tensor, targets: Tensor) -> Tensor:
    """(n,) divergence KL(targets || softmax(outputs)) of logits and probabilities, both (n, classes, ...).

    Raises:
        DataError: outputs and targets differ in shape.
    """
    targets = _like(outputs, targets, "kl")
    each = torch.special.xlogy(targets, targets) - targets * F.log_softmax(outputs, dim=1)
    return _per_sample(each.sum(dim=1))


def bce(outputs: Tensor, targets: Tensor) -> Tensor:
    """(n,) binary cross-entropy of logits and targets from 0 to 1 of one shape, averaged over all dimensions but the first.

    Raises:
        DataError: outputs and targets differ in shape; dimensions of length 1 are ignored.
    """
    targets = _like(outputs, targets, "bce")
    return _per_sample(F.binary_cross_entropy_with_logits(outputs, targets, reduction="none"))


def mse(outputs: Tensor, targets: Tensor) -> Tensor:
    """(n,) mean squared error; class numbers count as one-hot vectors beside the raw outputs (n, classes, ...).

    Raises:
        DataError: outputs and targets differ in shape; dimensions of length 1 are ignored.
    """
    return _per_sample((outputs - _values(outputs, targets, "mse")).square())


def mae(outputs: Tensor, targets: Tensor) -> Tensor:
    """(n,) mean absolute error, of the targets that `mse` takes."""
    return _per_sample((outputs - _values(outputs, targets, "mae")).abs())


def huber(outputs: Tensor, targets: Tensor, *, delta: float = 1.0) -> Tensor:
    """(n,) mean Huber loss, quadratic up to `delta`, of the targets that `mse` takes."""
    return _per_sample(F.huber_loss(outputs, _values(outputs, targets, "huber"), reduction="none", delta=delta))


def margin_ranking(outputs: Tensor, targets: Tensor, *, margin: float = 0.0) -> Tensor:
    """(n,) max(0, margin - target (first - second)) of two scores (n, 2) and targets 1 or -1, which of them is to be larger.

    Raises:
        DataError: there are not two scores for each target.
    """
    _check_tensor("margin_ranking", outputs)
    if outputs.ndim != 2 or outputs.shape[1] != 2 or targets.numel() != len(outputs):
        raise DataError(
            f"margin_ranking: the outputs have shape {tuple(outputs.shape)}, the targets {tuple(targets.shape)}; expected "
            "two scores (n, 2), and 1 or -1 for each pair"
        )
    return (margin - targets.reshape(-1).to(outputs.dtype) * (outputs[:, 0] - outputs[:, 1])).clamp(min=0.0)


def accuracy(outputs: Tensor, targets: Tensor) -> Tensor:
    """(n,) 1 where the target has the largest logit, else 0; NaN logits count as wrong.

    Raises:
        UsageError: the targets are not class numbers.
    """
    return _per_sample(_hits(outputs, targets).to(torch.float32))


def top(outputs: Tensor, targets: Tensor, *, k: int = 5) -> Tensor:
    """(n,) 1 where the target is among the k largest logits, else 0; NaN logits count as wrong.

    Raises:
        UsageError: the targets are not class numbers. DataError: there are fewer than k classes.
    """
    return _per_sample(_hits(outputs, targets, k).to(torch.float32))


def _hits(outputs: Tensor, targets: Tensor, k: int = 1) -> Tensor:
    _check_tensor("accuracy", outputs)
    if targets.is_floating_point() or outputs.ndim != targets.ndim + 1:
        raise UsageError(
            f"accuracy needs class numbers as targets; outputs have shape {tuple(outputs.shape)}, "
            f"targets {tuple(targets.shape)} of {targets.dtype}; leave it out with --metrics loss"
        )
    outputs, targets = classes_second(outputs, targets)
    if k > outputs.shape[1]:
        raise DataError(f"top{k}: the model has {outputs.shape[1]} classes; expected at least {k}")
    if k == 1:
        best, label = outputs.max(dim=1)
        return (label == targets) & (best == best)  # NaN is not equal to itself
    found = (outputs.topk(k, dim=1).indices == targets[:, None]).any(dim=1)
    return found & ~outputs.isnan().any(dim=1)


@dataclass(frozen=True)
class CountedAccuracy:
    """The share of the targets that are not to be ignored which are among the k largest logits."""

    ignored: int = IGNORED
    k: int = 1

    def __call__(self, outputs: Tensor, targets: Tensor) -> Weighted:
        counted = targets != self.ignored
        hits = _hits(outputs, targets, self.k) & counted
        return Weighted(hits.sum().double(), counted.sum().double())


def class_count(outputs: Any, targets: Any) -> int | None:
    """The number of classes when the targets are class numbers; None when they are values, or more than tensors."""
    if not (isinstance(outputs, Tensor) and isinstance(targets, Tensor)):
        return None
    if targets.is_floating_point() or outputs.ndim != targets.ndim + 1:
        return None
    classes = classes_second(outputs, targets)[0].shape[1]
    return classes if classes > 1 else None


def counted(function: Callable, index: int) -> Callable:
    """The function with only those targets that are not `index`."""
    given = function.keywords if isinstance(function, functools.partial) else {}
    if is_one_of(function, (accuracy, top)):
        return CountedAccuracy(index, given.get("k", 5) if plain(function) is top else 1)
    if plain(function) is nll:
        return TargetMean(F.nll_loss, ignore_index=index)
    if plain(function) is cross_entropy:
        return TargetMean(ignore_index=index, label_smoothing=given.get("label_smoothing", 0.0))
    return function.counting(index) if hasattr(function, "counting") else function


def is_known(function: Callable | None) -> bool:
    """Whether a metric is one of these, whose unit is known; a user's may have the same name."""
    return (
        (getattr(plain(function), "__module__", None) or "").partition(".")[0] == "landscape"
        if function is not None
        else False
    )


def is_one_of(function: Any, known: Collection[Callable]) -> bool:
    """Whether a function, or that inside a partial, is one of those known; objects of others may answer == with anything."""
    return any(plain(function) is each for each in known)


def plain(function: Callable) -> Callable:
    """The function inside a partial."""
    return function.func if isinstance(function, functools.partial) else function


def _values(outputs: Tensor, targets: Tensor, name: str) -> Tensor:
    _check_tensor(name, outputs)
    if classes := class_count(outputs, targets):
        if targets.ndim > 1 and outputs.shape[1] != classes:  # classes come last
            return _one_hot(targets, classes).to(outputs.dtype)
        targets = _one_hot(targets, classes).movedim(-1, 1)
    return _like(outputs, targets, name)


def _one_hot(targets: Tensor, classes: int) -> Tensor:
    """(..., classes) of bools; labels are checked before (trial.py)."""
    return targets[..., None] == torch.arange(classes, device=targets.device)


def _like(outputs: Tensor, targets: Tensor, name: str) -> Tensor:
    """The targets in the shape and type of the outputs: (n, 1) beside (n,) would silently broadcast to (n, n)."""
    _check_tensor(name, outputs)
    if [d for d in outputs.shape[1:] if d != 1] != [d for d in targets.shape[1:] if d != 1]:
        raise DataError(f"{name}: the outputs have shape {tuple(outputs.shape)}, the targets {tuple(targets.shape)}")
    return targets.to(outputs.dtype).reshape(outputs.shape)


def _check_tensor(name: str, outputs: Any) -> None:
    if not isinstance(outputs, Tensor):
        kind = type(outputs).__name__
        entries = f" with the entries {', '.join(map(str, outputs))}" if isinstance(outputs, dict) else ""
        raise DataError(
            f"{name}: the outputs are a {kind}{entries}; expected a tensor, or an entry named logits or out; a loss of your "
            "own (outputs, targets) gets them as they are"
        )


def _per_sample(values: Tensor) -> Tensor:
    return values if values.ndim == 1 else values.flatten(1).mean(dim=1)
