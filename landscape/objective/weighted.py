"""Means over something else than samples: over targets, each with its weight.

Owns: `Weighted`, a sum with the weight that it is to be divided by, and torch's cross-entropy as one. The mean over
all data is the sum of the sums over the sum of the weights, so it does not depend on the batches; the mean of the
means of batches would.

torch's cross_entropy and nll_loss divide by the weights of the targets: those of their classes, 0 for a target that
is ignored.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from landscape.data.split import BatchSplit, Split, StreamSplit
from landscape.data.transfer import sent
from landscape.errors import DataError, EvaluationError, UsageError
from landscape.objective.loss_modules import is_as_made

IGNORED = -100  # torch's usual `ignore_index`
SCAN = 256
KEYWORDS = ("weight", "ignore_index", "label_smoothing", "reduction")


class Weighted(NamedTuple):
    """() a sum over a batch, and () the weight that it is to be divided by; a user's loss may return such a pair."""

    total: Tensor
    weight: Tensor


@dataclass(frozen=True, eq=False)
class TargetMean:
    """torch's `function` (cross_entropy or nll_loss) as a sum over targets, with the sum of their weights."""

    function: Callable = F.cross_entropy
    weight: Tensor | None = None
    ignore_index: int = IGNORED
    label_smoothing: float = 0.0

    def __call__(self, outputs: Tensor, targets: Tensor) -> Weighted:
        options: dict[str, Any] = {"ignore_index": self.ignore_index, "reduction": "sum"}
        if self.weight is not None:
            options["weight"] = self.weight.to(outputs.device, outputs.dtype)
        if self.label_smoothing:
            options["label_smoothing"] = self.label_smoothing
        outputs, targets = classes_second(outputs, targets)
        return Weighted(self.function(outputs, targets, **options), self.weigh(targets))

    def on(self, device: torch.device) -> TargetMean:
        """The same with its weights on a device, so that no batch waits for them."""
        return self if self.weight is None else replace(self, weight=self.weight.to(device))

    def weigh(self, targets: Tensor) -> Tensor:
        """() the weight of all targets (n, ...), which are class numbers, or probabilities (n, classes, ...)."""
        if targets.is_floating_point():  # torch divides by their number, whatever the weights of classes
            return torch.tensor(targets.numel() / targets.shape[1], dtype=torch.float64)
        counted = targets != self.ignore_index
        if self.weight is None:
            return counted.sum().double()
        classes = torch.where(counted, targets, 0).long()
        return (self.weight.to(targets.device, torch.float64)[classes] * counted).sum()


def classes_second(outputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """(outputs, targets) as torch's losses of classes take them: logits (n, classes, ...), and class numbers as int64.

    Many models put the classes last: (n, positions, classes) beside (n, positions). Where both may be meant, torch's order holds.

    Raises:
        DataError: the targets are not a tensor, or class numbers with the dimension of the classes.
    """
    if not isinstance(targets, Tensor):
        raise DataError(f"the targets are of type {type(targets).__name__}; expected a tensor{_meant(targets)}")
    if targets.is_floating_point():
        return outputs, targets
    if outputs.ndim == targets.ndim > 1:
        raise DataError(
            f"the targets are {targets.dtype} of shape {tuple(targets.shape)} beside outputs of shape {tuple(outputs.shape)}; "
            f"expected class numbers of shape {(*outputs.shape[:1], *outputs.shape[2:])}: targets.argmax(1) of one-hot vectors, "
            "targets[:, 0] of a single column"
        )
    last = outputs.ndim == targets.ndim + 1 > 2 and outputs.shape[:-1] == targets.shape
    if last and (outputs.shape[0], *outputs.shape[2:]) != tuple(targets.shape):
        outputs = outputs.movedim(-1, 1)
    return outputs, targets.long()


def _meant(targets: Any) -> str:
    """What to do about targets of another type."""
    if isinstance(targets, (int, float, np.number)):
        return "; a list is read as batches: give tensors (inputs, targets), or a torch.utils.data.DataLoader over the samples"
    return (
        " of one value for each sample; give a loss of your own (outputs, targets), which takes what it needs of them"
    )


def target_mean(loss: Callable) -> TargetMean | None:
    """A loss of torch whose denominator is the weight of the targets, in that form; None for any other loss."""
    inner, given = _settings(loss)
    if (
        not any(inner is each for each in (F.cross_entropy, F.nll_loss))
        or given.get("reduction", "mean") != "mean"
        or set(given) - {*KEYWORDS}
    ):
        return None
    weight = given.get("weight")
    if isinstance(weight, Tensor) and bool((weight < 0).any()):
        raise UsageError(f"a class weight of the loss is {float(weight.min()):g}; expected numbers from 0 on")
    return TargetMean(
        inner, given.get("weight"), given.get("ignore_index", IGNORED), given.get("label_smoothing") or 0.0
    )  # fmt: skip


def _settings(loss: Callable) -> tuple[Callable, Mapping[str, Any]]:
    """torch's function and its keywords, of a module or a partial."""
    modules: dict[Callable | None, Callable] = {
        nn.CrossEntropyLoss.forward: F.cross_entropy, nn.NLLLoss.forward: F.nll_loss
    }  # fmt: skip
    # a subclass may compute something else
    if (function := modules.get(getattr(type(loss), "forward", None))) and is_as_made(loss):
        return function, {key: getattr(loss, key) for key in KEYWORDS if hasattr(loss, key)}
    if isinstance(loss, functools.partial) and not loss.args:
        return loss.func, loss.keywords
    return loss, {}


def ignores_targets(splits: Mapping[str, Split], index: int = IGNORED) -> bool:
    """Whether class numbers among the targets are to be ignored, or batches have different numbers of targets per sample.

    Then the mean over samples of means over their targets is not the mean over all targets.
    """
    return any(_ignored_or_ragged(split, index) for split in splits.values())


def _ignored_or_ragged(split: Split, index: int) -> bool:
    shapes = set()
    for targets in class_targets(split):
        shapes.add(targets.shape[1:])
        if len(shapes) > 1 or bool((targets == index).any()):
            return True
    return False


def has_probabilities(splits: Mapping[str, Split]) -> bool:
    """Whether targets in memory are values, such as probabilities of classes, and no class numbers."""
    return any(split.targets is not None and split.targets.is_floating_point() for split in splits.values())


def class_targets(split: Split) -> Iterator[Tensor]:
    """The targets that may be class numbers, in parts; reads the data where they are not in memory."""
    if split.targets is not None:
        parts: Iterable[Any] = [(None, split.targets)]
    elif isinstance(split, BatchSplit):
        parts = split.ready
    else:
        parts = split.read(SCAN) if isinstance(split, StreamSplit) else []
    for part in parts:
        targets = _tensor(part[1]) if isinstance(part, (tuple, list)) and len(part) == 2 else None
        # one batch of another kind decides: the rest is not read
        if targets is None or targets.is_floating_point() or not targets.ndim:
            return
        yield targets


def weighted(name: str, pair: tuple[Any, ...], length: int) -> Weighted:
    """The pair (sum, weight) that a loss returned for a batch of `length` samples, as float64.

    Raises:
        EvaluationError: it is not such a pair.
    """
    expected = f"expected (sum, weight), two numbers or two tensors ({length},) of which the samples' sums are taken"
    if len(pair) != 2:
        raise EvaluationError(f"{name} returned a tuple of {len(pair)}; {expected}")
    for part in pair:
        refuse_complex(name, part)
    try:
        parts = [torch.as_tensor(part, dtype=torch.float64).detach() for part in pair]
    except (TypeError, ValueError, RuntimeError) as error:
        kinds = ", ".join(type(part).__name__ for part in pair)
        raise EvaluationError(f"{name} returned a tuple of {kinds}; {expected}") from error
    if parts[0].shape != parts[1].shape and not all(part.numel() == 1 for part in parts):
        raise EvaluationError(f"{name} returned a tuple of shapes {[tuple(part.shape) for part in parts]}; {expected}")
    total, weight = (part.sum() for part in parts)
    return Weighted(total, sent(weight, total.device))


def refuse_complex(name: str, value: Any) -> None:
    """Raises EvaluationError for a complex value, whose imaginary part float64 would drop without a word."""
    if isinstance(value, complex) or (isinstance(value, Tensor) and value.is_complex()):
        raise EvaluationError(f"{name} returned complex numbers; expected real ones, such as their abs()")


def mean_of(value: Any) -> Tensor:
    """() the mean over a batch of what a loss returns: (n,) values of samples, () their mean, or a sum with its weight."""
    if isinstance(value, tuple):
        total, weight = (torch.as_tensor(part).sum() for part in value)
        return total / weight
    return torch.as_tensor(value).mean()


def _tensor(targets: Any) -> Tensor | None:
    """Targets of a tensor or numbers; None for others, such as a dictionary for each sample."""
    try:
        return torch.as_tensor(targets)
    except (TypeError, ValueError, RuntimeError):
        return None
