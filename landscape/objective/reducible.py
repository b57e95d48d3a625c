"""Whether the mean that a loss returns for a batch is one over its samples, found by calling it on parts of a batch.

Owns: the trial, and the message for a loss that is none. The mean over all data is then no mean of the batches'
means: with weights of classes, a root, or a sum, the value would depend on the batch size.

The trial takes samples from all over the data, among them one of every class: a rare class may be the only one with a
weight.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from landscape.data.rows import RowsSplit
from landscape.data.split import Split, TensorSplit
from landscape.data.structure import mapped
from landscape.objective.conduct import parts_of

# Samples that a loss is tried on: SPREAD_OF_LOSS beside the first ones of the data, which may all be of one class.
SPREAD_OF_LOSS = 32
SPREAD, SPREAD_OF_MODEL, CLASSES, PART, SINGLES = 256, 64, 256, 7, 16
# Relative; in float64, and in the precision of the run where the loss does not accept float64.
TOLERANCE, SINGLE_TOLERANCE = 1e-5, 1e-4


def spread(split: Split, most: int, *, classes: bool = True) -> tuple[Any, int] | None:
    """A batch of samples from all over a split, and its length; None where single samples cannot be picked.

    `classes`: with the first sample of each of 256 classes.
    """
    if not isinstance(split, (TensorSplit, RowsSplit)):
        return None
    numbers = set(np.linspace(0, split.size - 1, min(most, split.size)).astype(int).tolist())
    targets = split.targets
    if classes and targets is not None and not targets.is_floating_point() and targets.ndim == 1:
        _, first = np.unique(targets.cpu().numpy(), return_index=True)
        numbers |= set(first[:CLASSES].tolist())
    chosen = torch.tensor(sorted(numbers))
    return split.take(chosen), len(chosen)


def means_in_pair(value: Callable[[Any], tuple[float, float]], batch: Any, length: int) -> str | None:
    """How one part of the pair that `value` gives for a batch is a mean, where both are read as sums; None if none is.

    A sum over all is larger than those over both halves, where these have one sign; a mean lies between them.
    """
    halves = parts_of(batch, length, -(-length // 2)) if length >= 4 else []
    try:
        whole, *parts = [value(each) for each in (batch, *(half for half, _ in halves))]
    except Exception:  # what belongs to the whole batch cannot be cut
        return None
    for what, all_of, *each in zip(("sum", "weight"), whole, *parts, strict=True):
        low, high = min(each, default=0.0), max(each, default=0.0)
        if low * high > 0 and low - abs(low) * TOLERANCE <= all_of <= high + abs(high) * TOLERANCE:
            shown = " and ".join(f"{one:.6g}" for one in each)
            return f"the {what} is {all_of:.6g} on {length} samples and {shown} on their halves, as a mean would be"
    return None


def outputs_not_a_mean(loss: Callable[[Any, Any], Any], doubles: Callable, pair: Any, length: int) -> str | None:
    """As `not_a_mean` for (outputs, targets); `doubles` is the loss with tensors of its own in float64 on the CPU."""
    try:
        precise = in_double(pair)
        doubles(*precise)
    except Exception:
        return not_a_mean(lambda each: loss(*each), pair, length, SINGLE_TOLERANCE)
    return not_a_mean(lambda each: doubles(*each), precise, length)


def not_a_mean(value: Callable[[Any], Any], batch: Any, length: int, tolerance: float = TOLERANCE) -> str | None:
    """How `value` of the whole batch differs from the mean over parts, each by its samples; None if it does not.

    `value` gives the mean () of a batch. Some samples are tried one by one too: with weights of their own they differ most there.
    What fails on parts, or is not finite as a whole, says nothing.
    """
    few, count = next(iter(parts_of(batch, length, SINGLES)), (batch, 0))
    found = _differs(value, batch, length, min(PART, max(1, length // 2)), tolerance)
    return found or (_differs(value, few, count, 1, tolerance) if count else None)


def _differs(value: Callable[[Any], Any], batch: Any, length: int, size: int, tolerance: float) -> str | None:
    parts = parts_of(batch, length, size) if length > 1 else []
    try:
        whole = float(value(batch))
        each = [(float(value(part)), count) for part, count in parts]
    except Exception:
        return None
    if not parts or not math.isfinite(whole):
        return None
    mean = sum(found * count for found, count in each) / length
    scale = max(abs(whole), sum(abs(found) * count for found, count in each if math.isfinite(found)) / length)
    if abs(whole - mean) <= tolerance * scale:
        return None
    total = sum(found for found, _ in each)
    if abs(whole - total) <= tolerance * abs(whole):
        return f"it is a sum: {whole:.6g} of {length} samples, {mean:.6g} as the mean of its values on parts of {size}"
    return f"{whole:.6g} on {length} samples, {mean:.6g} as the mean of its values on parts of {size}"


def in_double(batch: Any) -> Any:
    """Floating-point tensors on the CPU in float64, apart from any graph."""
    return mapped(batch, lambda tensor: tensor.detach().cpu().double() if tensor.is_floating_point() else tensor.cpu())
