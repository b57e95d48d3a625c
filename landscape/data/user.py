"""A user's own data: Python objects, or a callable that makes them.

Owns: the forms accepted: a pair of tensors, a Dataset, a DataLoader or any iterable of batches. They are read once and
kept, so that every point of the landscape sees the same batches, also when the loader shuffles.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Subset, default_collate

from landscape.callables import explain, resolve_callable
from landscape.data.normalize import Normalize
from landscape.data.split import BatchSplit, Split, TensorSplit, batch_length, fingerprint_of, tensors_in
from landscape.errors import DataError, LandscapeError, UsageError

COLLECT = 256


def call_user(spec: str, split: str) -> Any:
    """What the user's callable returns; it is given the split when it has a parameter of that name.

    Raises:
        DataError: it raises, or has no `split` parameter though another split than train is wanted.
    """
    function = resolve_callable(spec, "data")
    takes_split = "split" in inspect.signature(function).parameters
    if not takes_split and split != "train":
        raise DataError(f"data '{spec}': split {split} asked for, but {function.__name__} has no parameter 'split'")
    try:
        return function(split=split) if takes_split else function()
    except LandscapeError:
        raise
    except Exception as error:
        raise DataError(f"data '{spec}': calling it failed ({explain(error)})") from error


def of_split(data: Any, split: str) -> Any:
    """The entry for a split of a mapping {"train": ..., "test": ...}; other objects are the training split."""
    if isinstance(data, Mapping) and set(data) <= {"train", "test"} and data:
        if split not in data:
            raise UsageError(f"split '{split}' asked for; the data given have {', '.join(data)}")
        return data[split]
    if split != "train":
        raise UsageError(f"split '{split}' asked for; pass data={{'train': ..., '{split}': ...}} to have several")
    return data


def user_split(data: Any, normalize: Normalize, subset: Callable[[int], np.ndarray], sampled: bool) -> Split:
    """Reads a user's data of one split.

    Raises:
        DataError: of another form, empty, or failing while read.
    """
    try:
        if _is_pair(data):
            inputs, targets = (torch.as_tensor(part) for part in data)
            return _from_tensors(inputs, targets, normalize, subset)
        if isinstance(data, Dataset) and hasattr(data, "__getitem__") and hasattr(data, "__len__"):
            taken = Subset(data, [int(i) for i in subset(len(data))])
            loaded = [default_collate([taken[i] for i in block]) for block in _blocks(len(taken))]
            return _from_batches(loaded, normalize, len(data))
        if isinstance(data, Iterable) and not isinstance(data, (str, bytes, Mapping)):
            return _from_loader(data, normalize, subset, sampled)
    except (LandscapeError, KeyboardInterrupt):
        raise
    except Exception as error:
        raise DataError(f"reading the data failed ({explain(error)})") from error
    raise DataError(
        f"data of type {type(data).__name__}: expected (inputs, targets), a Dataset, a DataLoader or an iterable of batches"
    )


def _is_pair(data: Any) -> bool:
    return isinstance(data, (tuple, list)) and len(data) == 2 and all(isinstance(p, (Tensor, np.ndarray)) for p in data)


def _blocks(n: int) -> Iterable[range]:
    return (range(start, min(start + COLLECT, n)) for start in range(0, n, COLLECT))


def _from_loader(data: Iterable, normalize: Normalize, subset: Callable, sampled: bool) -> Split:
    split = _from_batches(list(data), normalize, None)
    if not sampled:
        return split
    if not isinstance(split, TensorSplit):
        raise UsageError(
            "samples: only batches of the form (inputs, targets) can be sampled; pass fewer batches instead"
        )
    return _from_tensors(split.inputs, split.targets, normalize, subset)


def _from_batches(batches: Sequence[Any], normalize: Normalize, of: int | None) -> Split:
    if not batches:
        raise DataError("the data are empty: not one batch in them")
    if isinstance(data := batches[0], DataLoader):
        raise DataError(f"the data hold a {type(data).__name__}, expected batches")
    if all(_is_pair(batch) for batch in batches) and len({batch[0].shape[1:] for batch in batches}) == 1:
        inputs, targets = (torch.cat([torch.as_tensor(batch[i]) for batch in batches]) for i in (0, 1))
        split = _from_tensors(inputs, targets, normalize, np.arange)
        return split if of is None else TensorSplit(split.inputs, split.targets, normalize, of, split.fingerprint)
    size = sum(batch_length(batch) for batch in batches)
    mark = fingerprint_of(tensor for batch in batches for tensor in tensors_in(batch))
    return BatchSplit(batches, size, of or size, mark)


def _from_tensors(inputs: Tensor, targets: Tensor, normalize: Normalize, subset: Callable) -> TensorSplit:
    if len(inputs) != len(targets):
        raise DataError(f"{len(inputs)} inputs and {len(targets)} targets; expected one target for each input")
    if len(inputs) == 0:
        raise DataError("the data are empty: not one sample in them")
    taken = torch.as_tensor(np.asarray(subset(len(inputs))))
    if len(taken) < len(inputs):
        inputs, of, targets = inputs[taken], len(inputs), targets[taken]
    else:
        of = len(inputs)
    return TensorSplit(inputs, targets, normalize, of, fingerprint_of((inputs, targets)))
