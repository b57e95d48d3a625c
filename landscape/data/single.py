"""Single samples of a split, by their numbers.

Owns: `samples_at`, and the names of classes of the data sets that have some.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from landscape.data.rows import RowsSplit
from landscape.data.split import Split, TensorSplit
from landscape.data.structure import is_pair
from landscape.errors import DataError, UsageError

BLOCK = 256
# The classes of sets whose numbers say nothing, as their authors name them.
CLASS_NAMES = {
    "cifar10": ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"),
    "fashionmnist": (
        "T-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot",
    ),
}  # fmt: skip


def samples_at(split: Split, numbers: Sequence[int], dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """(inputs (k, ...) as the net takes them, targets (k, ...)) of the samples with these numbers, on the CPU.

    `split`: with batches as the loss reads them (objective/reading.py).

    Raises:
        UsageError: a number out of range. DataError: the net or the loss takes more than a tensor of each sample.
    """
    for number in numbers:
        if not 0 <= number < split.size:
            raise UsageError(f"sample {number}: expected a number from 0 to {split.size - 1}")
    there = split.on(torch.device("cpu"), dtype, 0.0)
    if isinstance(there, (TensorSplit, RowsSplit)):
        return _pair(there.take(torch.tensor(list(numbers))))
    found, passed = {}, 0
    for batch in there.batches(BLOCK):
        inputs, targets = _pair(batch)
        for number in set(numbers):
            if passed <= number < passed + len(inputs):
                found[number] = (inputs[number - passed], targets[number - passed])
        passed += len(inputs)
        if len(found) == len(set(numbers)):
            break
    return torch.stack([found[n][0] for n in numbers]), torch.stack([found[n][1] for n in numbers])


def _pair(batch: Any) -> tuple[Tensor, Tensor]:
    if is_pair(batch) and all(isinstance(part, Tensor) for part in batch):
        return batch[0], batch[1]
    raise DataError(
        "a plane of inputs moves the one tensor that the net takes, and compares one tensor with its outputs; batches of these "
        "data hold more: name both in a ll.Loss(inputs=..., targets=...), or give pairs (inputs, targets)"
    )


def class_names(data: str, given: Sequence[str] | None, count: int) -> list[str]:
    """The names of `count` classes: the given ones, those of a known data set, or their numbers.

    Raises:
        UsageError: another count of names.
    """
    if given and len(given) != count:
        raise UsageError(f"classes {','.join(given)}: has {len(given)} names, and the net has {count} classes")
    known = CLASS_NAMES.get(data, ())
    return list(given or (known if len(known) == count else map(str, range(count))))
