"""One split of a data set, as batches that are the same at every point.

Owns: the three ways to hold data. `TensorSplit`: inputs and targets as tensors, resident on the device when they fit,
otherwise moved batch by batch. `BatchSplit`: ready-made batches of any structure, as language models use them.
`StreamSplit`: data that do not fit into memory, read from disk in each pass.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeGuard

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

from landscape.data.normalize import PRESETS, Normalize, is_images
from landscape.data.transfer import moved, sent
from landscape.errors import DataError, UsageError

BLOCK = 4096


class Split(Protocol):
    """Samples that are evaluated in batches; final forms: `TensorSplit`, `BatchSplit`, `StreamSplit`."""

    @property
    def size(self) -> int:
        """The number of samples that are evaluated."""

    @property
    def of(self) -> int:
        """The number of samples that they were drawn from."""

    @property
    def fingerprint(self) -> str:
        """A hash that changes with any value of the samples."""

    @property
    def targets(self) -> Tensor | None:
        """(N, ...) the targets of all samples, where they are known without reading the data."""

    @property
    def nbytes(self) -> int:
        """Bytes that the data take while they are evaluated."""

    def count(self, batch_size: int) -> int | None:
        """The number of batches; None where only a pass over the data can tell."""

    def batches(self, batch_size: int, first: int = 0, last: int | None = None) -> Iterator[Any]:
        """Batches first .. last - 1 on the device, in a fixed order; by default all of them.

        A batch is (inputs, targets), unless the user's batches have another form.
        """

    def on(self, device: torch.device, dtype: torch.dtype, budget: float) -> Split:
        """The same split for a device, with floating-point tensors in `dtype`; resident if it takes at most `budget` bytes."""


@dataclass(frozen=True, eq=False)
class TensorSplit:
    """`inputs` (N, ...): uint8 NHWC images, which are normalized, or any other tensor; `targets` (N, ...).

    `given`: the lengths of the user's batches that they were joined from; with `as_given` these are the batches, of any
    `batch_size`.
    """

    inputs: Tensor
    targets: Tensor
    normalize: Normalize = PRESETS["none"]
    of: int = 0
    fingerprint: str = ""
    device: torch.device = torch.device("cpu")
    dtype: torch.dtype = torch.float32
    resident: bool = False
    given: tuple[int, ...] = ()
    as_given: bool = False

    @property
    def size(self) -> int:
        return len(self.inputs)

    @property
    def nbytes(self) -> int:
        return self.inputs.nbytes + self.targets.nbytes

    def count(self, batch_size: int) -> int:
        return len(self.given) if self.as_given else -(-self.size // batch_size)

    def batches(self, batch_size: int, first: int = 0, last: int | None = None) -> Iterator[tuple[Tensor, Tensor]]:
        for start, end in self._bounds(batch_size, first, last):
            inputs, targets = self.inputs[start:end], self.targets[start:end]
            yield (inputs, targets) if self.resident else (self._prepared(inputs), self._cast(targets))

    def _bounds(self, batch_size: int, first: int, last: int | None) -> Iterator[tuple[int, int]]:
        """(first sample, one after the last) of each batch."""
        if self.as_given:
            ends = list(itertools.accumulate(self.given, initial=0))
            return iter(list(itertools.pairwise(ends))[first:last])
        stop = self.size if last is None else min(last * batch_size, self.size)
        return ((start, start + batch_size) for start in range(first * batch_size, stop, batch_size))

    def take(self, numbers: Tensor) -> tuple[Tensor, Tensor]:
        """The samples with these numbers (n,), as a batch."""
        there = sent(numbers, self.inputs.device)
        inputs, targets = self.inputs[there], self.targets[sent(there, self.targets.device)]
        return (inputs, targets) if self.resident else (self._prepared(inputs), self._cast(targets))

    def on(self, device: torch.device, dtype: torch.dtype, budget: float) -> TensorSplit:
        there = replace(self, device=device, dtype=dtype)
        if self.resident:  # normalized before, which must not be done twice
            return replace(there, inputs=there._cast(self.inputs), targets=there._cast(self.targets))
        is_converted = is_images(self.inputs) or self.inputs.is_floating_point()
        needed = self.inputs.numel() * (dtype.itemsize if is_converted else self.inputs.element_size())
        if needed > budget:
            return there
        return replace(there, inputs=there._all_prepared(), targets=there._cast(self.targets), resident=True)

    def _all_prepared(self) -> Tensor:
        """All inputs, prepared block by block, so that there is no second copy of the whole."""
        first = self._prepared(self.inputs[:1])
        out = first.new_empty((self.size, *first.shape[1:]))
        for start in range(0, self.size, BLOCK):
            out[start : start + BLOCK] = self._prepared(self.inputs[start : start + BLOCK])
        return out

    def _prepared(self, inputs: Tensor) -> Tensor:
        return prepare_inputs(inputs, self.normalize, self.device, self.dtype)

    def _cast(self, tensor: Tensor) -> Tensor:
        return to_device(tensor, self.device, self.dtype)


def tensor_split(
    inputs: Tensor,
    targets: Tensor,
    normalize: Normalize,
    *,
    of: int,
    fingerprint: str = "",
    given: tuple[int, ...] = (),
) -> TensorSplit:
    """A split of tensors; the fingerprint, unless given, is a hash of every value. `given`: see `TensorSplit`.

    Raises:
        DataError: the numbers of inputs and targets differ, or there are none.
        UsageError: `normalize` does not apply to these inputs.
    """
    if len(inputs) != len(targets):
        raise DataError(f"{len(inputs)} inputs and {len(targets)} targets; expected one target for each input")
    if len(inputs) == 0:
        raise DataError("the data are empty; expected at least one sample")
    if normalize.name != "none" and not is_images(inputs):
        raise UsageError(
            f"normalize '{normalize.name}': applies to images of four dimensions, the inputs are {inputs.dtype} "
            f"of shape {tuple(inputs.shape)}; drop the option"
        )
    return TensorSplit(inputs, targets, normalize, of, fingerprint or fingerprint_of((inputs, targets)), given=given)


@dataclass(frozen=True, eq=False)
class BatchSplit:
    """Ready-made batches of any nested structure; samples are counted by the first dimension of the first tensor."""

    ready: Sequence[Any]
    size: int
    of: int
    fingerprint: str

    @property
    def targets(self) -> None:
        return None

    @property
    def nbytes(self) -> int:
        return sum(tensor.nbytes for batch in self.ready for tensor in tensors_in(batch))

    def count(self, batch_size: int) -> int:
        return len(self.ready)

    def batches(self, batch_size: int, first: int = 0, last: int | None = None) -> Iterator[Any]:
        # a new structure each time: a user's loss may take entries out of it
        return (mapped(batch, lambda tensor: tensor) for batch in self.ready[first:last])

    def on(self, device: torch.device, dtype: torch.dtype, budget: float) -> BatchSplit:
        return replace(self, ready=[to_device(batch, device, dtype) for batch in self.ready])


@dataclass(frozen=True, eq=False)
class StreamSplit:
    """Batches read in each pass by `read(batch_size)`, which must give the same samples each time.

    Images in pairs (images, ...) are normalized.
    """

    read: Callable[[int], Iterable[Any]]
    size: int
    of: int
    fingerprint: str
    normalize: Normalize = PRESETS["none"]
    device: torch.device = torch.device("cpu")
    dtype: torch.dtype = torch.float32
    targets: Tensor | None = None
    nbytes: int = 0  # no data are held

    def count(self, batch_size: int) -> None:
        return None

    def batches(self, batch_size: int, first: int = 0, last: int | None = None) -> Iterator[Any]:
        for batch in itertools.islice(self.read(batch_size), first, last):
            if is_pair(batch):
                inputs = prepare_inputs(batch[0], self.normalize, self.device, self.dtype)
                yield inputs, to_device(batch[1], self.device, self.dtype)
            else:
                yield to_device(batch, self.device, self.dtype)

    def on(self, device: torch.device, dtype: torch.dtype, budget: float) -> StreamSplit:
        return replace(self, device=device, dtype=dtype)


def is_pair(batch: Any) -> TypeGuard[tuple[Any, Any]]:
    """Whether a batch is (inputs, targets), both tensors or arrays."""
    return (
        isinstance(batch, (tuple, list)) and len(batch) == 2 and all(isinstance(p, (Tensor, np.ndarray)) for p in batch)
    )


def prepare_inputs(inputs: Tensor, normalize: Normalize, device: torch.device, dtype: torch.dtype) -> Tensor:
    """Inputs of a batch in the form that the net takes: on the device, images normalized."""
    if is_images(inputs):
        return normalize(moved(inputs, device), dtype)
    return to_device(inputs, device, dtype)


def to_device(batch: Any, device: torch.device, dtype: torch.dtype) -> Any:
    """A batch of any nested structure on the device, its floating-point tensors in `dtype`."""
    return mapped(batch, lambda tensor: moved(tensor, device, dtype if tensor.is_floating_point() else None))


def mapped(batch: Any, change: Callable[[Tensor], Tensor]) -> Any:
    """A new structure like the batch's, with each tensor changed."""
    if isinstance(batch, Tensor):
        return change(batch)
    if isinstance(batch, PackedSequence):  # its numbers of samples stay on the CPU
        places = [None if part is None else change(part) for part in batch[2:]]
        return PackedSequence(change(batch.data), batch.batch_sizes, *places)
    if isinstance(batch, dict) or hasattr(batch, "items"):
        return type(batch)({key: mapped(value, change) for key, value in batch.items()})
    if isinstance(batch, (list, tuple)):
        parts = [mapped(value, change) for value in batch]
        return type(batch)(*parts) if hasattr(batch, "_fields") else type(batch)(parts)
    return batch


def tensors_in(batch: Any) -> Iterator[Tensor]:
    """Every tensor of a nested structure, in order."""
    if isinstance(batch, Tensor):
        yield batch
    for value in _parts(batch):
        yield from tensors_in(value)


def batch_length(batch: Any) -> int:
    """The number of samples in a batch: the first dimension of its first tensor; of packed sequences, how many there are.

    Raises:
        DataError: the batch has no tensor with a dimension.
    """
    if isinstance(batch, PackedSequence):
        return int(batch.batch_sizes[0])
    if isinstance(batch, Tensor) and batch.ndim:
        return batch.shape[0]
    if type(batch) is tuple and batch and isinstance(batch[0], Tensor) and batch[0].ndim:  # the usual one, at once
        return batch[0].shape[0]
    for part in _parts(batch):
        with contextlib.suppress(DataError):
            return batch_length(part)
    raise DataError(f"a batch of type {type(batch).__name__} has no tensor in it, so its samples cannot be counted")


def _parts(batch: Any) -> Iterable[Any]:
    """What a structure consists of; nothing for a tensor, or for what is not a structure."""
    if isinstance(batch, (list, tuple)):
        return batch
    return batch.values() if hasattr(batch, "values") and not isinstance(batch, Tensor) else ()


def fingerprint_of(tensors: Iterable[Tensor]) -> str:
    """A hash of shapes, types and every byte."""
    digest = hashlib.blake2b(digest_size=16)
    for tensor in tensors:
        digest.update(f"{tuple(tensor.shape)}{tensor.dtype}".encode())
        flat = tensor.detach().cpu().contiguous().reshape(-1)
        digest.update(flat.view(torch.uint8).numpy().data if flat.numel() else b"")
    return digest.hexdigest()
