"""A few samples of a run's data, to choose between two nets that fit the same weights.

Owns: how many, and when they are of no use.
"""

from __future__ import annotations

import functools
from typing import Any

import torch
from torch import Tensor

from landscape.data.load import load_splits
from landscape.data.structure import is_pair
from landscape.models.choose import ReadBatch
from landscape.options.groups import DataOptions

SAMPLES = 256


def trial_of(data: DataOptions, device: torch.device) -> ReadBatch | None:
    """Reads a few samples of the given data of a run; None if the checkpoint has to name them."""
    if data.data is None:
        return None
    source = {"normalize": data.normalize, "data_root": data.data_root, "download": data.download}
    return functools.partial(trial_batch, data.data, data.splits[0], device, **source)


def trial_batch(data: Any, split: str, device: torch.device, **source: Any) -> tuple[Tensor, Tensor] | None:
    """(inputs, class numbers (n,)) of samples drawn at random from a split; None if it has no such pairs.

    `source`: further keywords of `load_splits`.
    """
    samples = load_splits(data, split=(split,), samples=SAMPLES, **source).splits[split]
    batch: Any = next(iter(samples.on(device, torch.float32, float("inf")).batches(SAMPLES)), None)
    inputs, targets = batch if is_pair(batch) else (None, None)
    if not isinstance(inputs, Tensor) or not isinstance(targets, Tensor):
        return None
    return None if targets.ndim != 1 or targets.is_floating_point() else (inputs, targets)
