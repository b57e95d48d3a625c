"""A user's own data: Python objects, or a callable that makes them.

Owns: the accepted forms: a pair of tensors, a Dataset, a DataLoader or any iterable of batches. Data are read once and
kept, so that all points of the landscape see the same batches, even if the loader shuffles. Only a Dataset that does
not fit into memory is read in each pass, after a check that it gives the same values twice.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, IterableDataset, default_collate

from landscape.callables import explain, lacks_arguments, resolve_callable
from landscape.data.normalize import Normalize
from landscape.data.number_lists import are_lists, are_samples, as_tensors, may_be_samples, rows_of
from landscape.data.rows import RowsSplit
from landscape.data.split import BatchSplit, Split, StreamSplit, TensorSplit, fingerprint_of, tensor_split
from landscape.data.structure import (
    batch_length,
    form_of,
    is_named_tuple,
    is_pair,
    names_in,
    renewed,
    says_targets,
    share_attributes,
    stacked,
    tensors_in,
    with_tensors,
)
from landscape.errors import DataError, LandscapeError, UsageError
from landscape.printable import listed
from landscape.randomness import rewound

COLLECT = 256
# Whether two tensors that differ at most in length are two batches, and not inputs and their targets.
TellBatches = Callable[[Tensor, Tensor], bool]


def call_user(spec: str, split: str, returned: dict[str, Any]) -> Any:
    """The data that the user's callable returns; the split is passed if it has a parameter of that name.

    `returned`: what one without that parameter has returned, for it is called once: it may divide its samples at random.

    Raises:
        DataError: the callable raises, or has no `split` parameter and returns one split where the split is not train.
        UsageError: it returns a mapping without the split.
    """
    function = resolve_callable(spec, "data")
    takes_split = "split" in inspect.signature(function).parameters
    try:
        if not takes_split and spec not in returned:
            returned[spec] = function()
        data = function(split=split) if takes_split else returned[spec]
    except LandscapeError:
        raise
    except Exception as error:
        lacks = lacks_arguments(function, {"split": split} if takes_split else {})
        advice = "; name a function that takes no arguments, or split alone, and returns the data" if lacks else ""
        raise DataError(f"data '{spec}': calling it failed ({explain(error)}){advice}") from error
    if takes_split:
        return data
    if split != "train" and not has_splits(data):
        raise DataError(
            f"data '{spec}': no split {split}, because {function.__name__} has no parameter 'split' and returns no "
            "{'train': ..., 'test': ...}"
        )
    return of_split(data, split)


def has_splits(data: Any) -> bool:
    return isinstance(data, Mapping) and bool(data) and set(data) <= {"train", "test"}


def of_split(data: Any, split: str) -> Any:
    """The entry for a split of a mapping {"train": ..., "test": ...}; other objects are the training split."""
    if has_splits(data):
        if split not in data:
            raise UsageError(f"split '{split}': the data have only {', '.join(data)}")
        return data[split]
    if split != "train":
        raise UsageError(
            f"split '{split}': the data have one split; pass data={{'train': ..., '{split}': ...}} for several"
        )
    return data


def user_split(
    data: Any,
    normalize: Normalize,
    subset: Callable[[int], np.ndarray],
    *,
    sampled: bool,
    budget: float,
    two_batches: TellBatches | None = None,
) -> Split:
    """Reads a user's data of one split; `sampled`: whether `subset` leaves samples out; `two_batches`: see `load_splits`.

    Raises:
        DataError: the data have another form, are empty, or raise while they are read.
        UsageError: `samples` or `normalize` does not apply to them.
    """
    try:
        if says_targets(data) or not share_attributes([data]):  # one batch, by itself
            return _from_loader([data], normalize, subset, sampled)
        if is_pair(data):
            inputs, targets = (torch.as_tensor(part) for part in data)
            ask = None if is_named_tuple(data) else two_batches
            if ask and _are_alike(inputs, targets) and ask(inputs, targets):
                return _from_loader((inputs, targets), normalize, subset, sampled)
            return _from_tensors(inputs, targets, normalize, subset, named=form_of(data))
        if isinstance(data, (Tensor, np.ndarray)) and data.ndim:  # a row for each sample
            whole = _from_loader([torch.as_tensor(data)], normalize, subset, sampled)
            return replace(whole, given=()) if isinstance(whole, RowsSplit) else whole
        if isinstance(data, tuple) and len(data) > 2 and _is_one_batch(data):
            raise DataError(
                f"data of {len(data)} tensors with {len(data[0])} rows each: as one batch, of which the last are the targets, "
                "give it in a list, [(a, b, targets)]"
            )
        if isinstance(data, IterableDataset):
            data = DataLoader(data, batch_size=COLLECT)
        if isinstance(data, Dataset) and hasattr(data, "__len__"):
            return _from_dataset(data, normalize, subset, budget)
        if isinstance(data, Iterable) and not isinstance(data, (str, bytes, Mapping)):
            return _from_loader(data, normalize, subset, sampled)
    except LandscapeError:
        raise
    except Exception as error:
        hint = (
            "; expected batches, and these are single samples: give a DataLoader with a batch_size"
            if ("zero-dimensional" in str(error))
            else ""
        )
        raise DataError(f"reading the data failed ({explain(error)}){hint}") from error
    if isinstance(data, Mapping):
        raise DataError(
            f"data with the entries {listed([str(name) for name in data], 4)}: splits are named train and test, "
            "{'train': ..., 'test': ...}; a batch of named entries is given in a list, [batch]"
        )
    if callable(data) and (name := getattr(data, "__name__", "")):
        kind = "a class" if isinstance(data, type) else "a function"
        raise DataError(f"data {name} is {kind}: expected the data themselves, such as what it returns when called")
    raise DataError(
        f"data of type {type(data).__name__}: expected (inputs, targets), a Dataset, a DataLoader or an iterable of batches"
    )


def _are_alike(inputs: Tensor, targets: Tensor) -> bool:
    """Whether two tensors (n, ...) and (m, ...) could be two batches of the same kind."""
    return inputs.ndim > 1 and inputs.shape[1:] == targets.shape[1:] and inputs.dtype == targets.dtype


def _is_one_batch(parts: Sequence[Any]) -> bool:
    """Whether these are parts of one batch: tensors with a row for each sample, of another kind each."""
    if not all(isinstance(part, (Tensor, np.ndarray)) and part.ndim for part in parts):
        return False
    kinds = {(part.ndim, str(part.dtype)) for part in parts}
    return len({len(part) for part in parts}) == 1 and len(kinds) > 1


def _from_dataset(data: Dataset, normalize: Normalize, subset: Callable, budget: float) -> Split:
    """Pairs become tensors; samples of another form are kept as they are and collated batch by batch."""
    count = len(data)  # type: ignore[arg-type]  # torch's Dataset leaves __len__ to its subclasses
    taken = [int(i) for i in subset(count)]
    if not taken:
        raise DataError("the data are empty; expected at least one sample")

    def read(batch_size: int) -> Iterator[Any]:
        return (_collated([samples[i] for i in block]) for block in _blocks(taken, batch_size))

    samples: Any = data
    first = next(read(1))
    fits = len(taken) * _bytes(first) <= budget
    if fits and is_pair(first):
        inputs, targets = _joined(list(read(COLLECT)))
        return tensor_split(inputs, targets, normalize, of=count, named=form_of(first))
    if fits:
        samples = {i: data[i] for i in taken}
    elif fingerprint_of(tensors_in(first)) != fingerprint_of(tensors_in(next(read(1)))):
        raise DataError(
            "the data have different values each time they are read (random augmentation?) and do not fit into memory; "
            "pass them without augmentation, or take fewer with samples"
        )
    _refuse_normalize(normalize, is_pair(first))
    mark = _mark(read(COLLECT))
    rows = stacked(list(read(COLLECT))) if fits else None
    if rows is not None:
        return RowsSplit(rows, len(taken), count, mark)
    return StreamSplit(read, len(taken), count, mark, normalize, nbytes=fits * len(taken) * _bytes(first))


def _from_loader(data: Iterable, normalize: Normalize, subset: Callable, sampled: bool) -> Split:
    with rewound(data):
        batches: list[Any] = [
            batch if is_pair(batch) and share_attributes([batch]) else with_tensors(batch) for batch in data
        ]
    if not batches:
        raise DataError("the data are empty; expected at least one batch")
    if isinstance(batches[0], DataLoader):
        raise DataError("the data are DataLoaders; expected batches")
    note = None
    if are_lists(batches):
        if are_samples(batches):
            samples: Any = rows_of(batches)
            return _from_dataset(samples, normalize, subset, float("inf"))
        note, batches = may_be_samples(batches), [as_tensors(batch) for batch in batches]
    one_kind = all(map(is_pair, batches)) and share_attributes(batches)
    if one_kind and len({tuple(batch[0].shape[1:]) for batch in batches}) == 1:
        lengths = tuple(len(batch[0]) for batch in batches)
        return _from_tensors(*_joined(batches), normalize, subset, lengths, named=form_of(batches[0]))
    _refuse_normalize(normalize, False)
    lengths = tuple(map(batch_length, batches))
    mark = _mark(batches)
    rows = None if all(map(is_pair, batches)) else stacked(batches)
    if rows is not None:
        return _few(RowsSplit(rows, sum(lengths), sum(lengths), mark, lengths, note=note), subset)
    if sampled:
        raise UsageError(
            "samples: these batches cannot be sampled, as their tensors differ in shape or have no row for each sample; "
            "pass fewer batches instead"
        )
    return BatchSplit(batches, sum(lengths), sum(lengths), mark)


def _collated(samples: Sequence[Any]) -> Any:
    """Samples as a batch by torch, but for named tuples, whose class may ask for something else than their parts."""
    if not is_named_tuple(samples[0]) or not share_attributes(samples):
        return default_collate([*samples])
    return renewed(samples[0], default_collate([tuple(each) for each in samples]))


def _mark(batches: Iterable[Any]) -> str:
    """A hash of every value, and of the names of entries: under other names they are other data."""
    names: dict[str, None] = {}

    def tensors() -> Iterator[Tensor]:
        for batch in batches:
            names.update(dict.fromkeys(names_in(batch)))
            yield from tensors_in(batch)

    mark = fingerprint_of(tensors())
    return f"{mark} {fingerprint_of([torch.tensor(list(' '.join(names).encode()))])[:8]}" if names else mark


def _few(split: RowsSplit, subset: Callable) -> RowsSplit:
    taken = torch.as_tensor(np.asarray(subset(split.size)))
    if len(taken) == split.size:
        return split
    few = split.few(taken, "")
    return replace(few, fingerprint=fingerprint_of(tensors_in(few.rows)))


def _from_tensors(
    inputs: Tensor, targets: Tensor, normalize: Normalize, subset: Callable, given: tuple[int, ...] = (),
    named: Any = None,
) -> TensorSplit:  # fmt: skip
    of = len(inputs)
    if len(targets) == of:
        taken = torch.as_tensor(np.asarray(subset(of)))
        if len(taken) < of:
            inputs, targets, given = inputs[taken], targets[taken], ()
    return tensor_split(inputs, targets, normalize, of=of, given=given, named=named)


def _joined(batches: Sequence[Any]) -> tuple[Tensor, Tensor]:
    """The pair of all inputs and all targets."""
    inputs, targets = (torch.cat([torch.as_tensor(batch[i]) for batch in batches]) for i in (0, 1))
    return inputs, targets


def _blocks(indices: Sequence[int], length: int) -> Iterator[Sequence[int]]:
    return (indices[start : start + length] for start in range(0, len(indices), length))


def _bytes(batch: Any) -> int:
    return sum(tensor.nbytes for tensor in tensors_in(batch))


def _refuse_normalize(normalize: Normalize, applies: bool) -> None:
    if normalize.name != "none" and not applies:
        raise UsageError(
            f"normalize '{normalize.name}': applies to batches (images, labels) of one size; drop the option"
        )
