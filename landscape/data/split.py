"""One split of a data set, as batches that are the same at every point.

Owns: the three ways to hold data. `TensorSplit`: inputs and targets as tensors, resident on the device when they fit,
otherwise moved batch by batch. `BatchSplit`: ready-made batches of any structure, as language models use them.
`StreamSplit`: data that do not fit into memory, read from disk in each pass.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import torch
from torch import Tensor

from landscape.data.normalize import PRESETS, Normalize, is_images
from landscape.data.structure import is_named_tuple, is_pair, mapped, renewed, tensors_in, to_device
from landscape.data.transfer import moved, sent
from landscape.errors import DataError, UsageError

BLOCK = 4096


class Split(Protocol):
    """Samples that are evaluated in batches; final forms: `TensorSplit`, `BatchSplit`, `StreamSplit`."""

    @property
    def copies(self) -> bool:
        """Whether batches are copies, into which may be written; else they may share memory with the caller's tensors."""

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
    `batch_size`. `named`: a named tuple without parts, where batches are such. `is_read`: whether they are what the net takes and
    what the loss compares, whatever the loss reads of a batch.
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
    named: Any = None
    is_read: bool = False
    copies: bool = False

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
            batch = self._prepared_pair(self.inputs[start:end], self.targets[start:end])
            yield copied(batch) if self.copies else batch

    def pair(self, inputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """A batch in the form that the user's have."""
        return (inputs, targets) if self.named is None else renewed(self.named, (inputs, targets))

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
        return self._prepared_pair(self.inputs[there], self.targets[sent(there, self.targets.device)])

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

    def _prepared_pair(self, inputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        return self.pair(inputs, targets) if self.resident else self.pair(self._prepared(inputs), self._cast(targets))

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
    named: Any = None,
) -> TensorSplit:
    """A split of tensors; the fingerprint, unless given, is a hash of every value. `given`, `named`: see `TensorSplit`.

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
    mark = fingerprint or fingerprint_of((inputs, targets))
    return TensorSplit(inputs, targets, normalize, of, mark, given=given, named=named)


@dataclass(frozen=True, eq=False)
class BatchSplit:
    """Ready-made batches of any nested structure; samples are counted by the first dimension of the first tensor."""

    ready: Sequence[Any]
    size: int
    of: int
    fingerprint: str
    copies: bool = False

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
        return (
            copied(batch) if self.copies else mapped(batch, lambda tensor: tensor) for batch in self.ready[first:last]
        )

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
    copies: bool = False

    def count(self, batch_size: int) -> None:
        return None

    def batches(self, batch_size: int, first: int = 0, last: int | None = None) -> Iterator[Any]:
        for batch in itertools.islice(self.read(batch_size), first, last):
            if is_pair(batch):
                inputs = prepare_inputs(batch[0], self.normalize, self.device, self.dtype)
                found = paired(batch, inputs, to_device(batch[1], self.device, self.dtype))
            else:
                found = to_device(batch, self.device, self.dtype)
            yield copied(found) if self.copies else found

    def on(self, device: torch.device, dtype: torch.dtype, budget: float) -> StreamSplit:
        return replace(self, device=device, dtype=dtype)


def paired(like: Any, inputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """(inputs, targets) with names where a batch like it has some."""
    return renewed(like, (inputs, targets)) if is_named_tuple(like) else (inputs, targets)


def copied(batch: Any) -> Any:
    """The batch with tensors of its own, for a net or a loss that writes into what it is given."""
    return mapped(batch, lambda tensor: tensor.detach().clone())


def giving_copies(split: Any) -> Split:
    """The split with batches that are copies."""
    return replace(split, copies=True)


def prepare_inputs(inputs: Tensor, normalize: Normalize, device: torch.device, dtype: torch.dtype) -> Tensor:
    """Inputs of a batch in the form that the net takes: on the device, images normalized."""
    if is_images(inputs):
        return normalize(moved(inputs, device), dtype)
    return to_device(inputs, device, dtype)


def fingerprint_of(tensors: Iterable[Tensor]) -> str:
    """A hash of shapes, types and every byte."""
    digest = hashlib.blake2b(digest_size=16)
    for tensor in tensors:
        digest.update(f"{tuple(tensor.shape)}{tensor.dtype}".encode())
        flat = tensor.detach().cpu().contiguous().reshape(-1)
        flat = flat.as_strided(
            flat.shape, (1,)
        )  # a single number may have any stride, and bytes are seen at stride 1 only
        digest.update(flat.view(torch.uint8).numpy().data if flat.numel() else b"")
    return digest.hexdigest()
