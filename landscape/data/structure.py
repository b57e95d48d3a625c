"""Batches as nested structures of tensors: what is in them, how many samples they are, and the same with other tensors.

Owns: which structures are understood: tensors, mappings, lists, tuples and named tuples, packed sequences, dataclasses, and
objects that move themselves to a device with `to`, such as batches of graphs; and by which names targets are known. What else
the parts of a batch mean it does not know.
"""

from __future__ import annotations

import contextlib
import copy
import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeGuard

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from landscape.data.transfer import moved
from landscape.errors import DataError

Change = Callable[[Tensor], Tensor]
# The names of targets, in the order in which they are looked for.
TARGETS = ("labels", "label", "targets", "target", "y")
# Attributes that may hold for several batches.
PLAIN = (bool, int, float, str, type(None))


def is_pair(batch: Any) -> TypeGuard[tuple[Any, Any]]:
    """Whether a batch is (inputs, targets), both tensors or arrays; a named tuple may name its first part as the targets."""
    return (
        isinstance(batch, (tuple, list))
        and len(batch) == 2
        and getattr(batch, "_fields", (None,))[0] not in TARGETS
        and all(isinstance(p, (Tensor, np.ndarray)) for p in batch)
    )


def is_named_tuple(batch: Any) -> bool:
    """Whether its parts have names as well as places."""
    return isinstance(batch, tuple) and hasattr(batch, "_asdict") and hasattr(batch, "_fields")


def attributes_of(batch: Any) -> dict[str, Any]:
    """What a named tuple of a class of the user's has beside its parts."""
    return getattr(batch, "__dict__", {}) if is_named_tuple(batch) and not isinstance(batch, PackedSequence) else {}


def renewed(batch: Any, parts: Iterable[Any], change: Change = lambda tensor: tensor) -> Any:
    """A named tuple of the same class with other parts and its attributes, changed; its own `__new__` may take something else."""
    found = tuple.__new__(type(batch), parts)
    if more := attributes_of(batch):
        vars(found).update({name: mapped(each, change) for name, each in more.items()})
    return found


def says_targets(batch: Any) -> bool:
    """Whether it is a named tuple of tensors one of whose parts is called targets, other than a pair with these last."""
    named = is_named_tuple(batch) and any(name in batch._fields for name in TARGETS)
    return named and not is_pair(batch) and all(isinstance(each, (Tensor, np.ndarray)) for each in batch)


def form_of(batch: Any) -> Any:
    """Of a named tuple one without parts, of the same class and with the same attributes, to make others of; else None."""
    return renewed(batch, ()) if is_named_tuple(batch) else None


def share_attributes(batches: Sequence[Any]) -> bool:
    """Whether batches have attributes that hold for all of them together: plain values, the same in each."""
    first, *others = found = [attributes_of(batch) for batch in batches]
    plain = all(isinstance(each, PLAIN) for attributes in found for each in attributes.values())
    return plain and all(first == other for other in others)


def is_mapping(batch: Any) -> bool:
    """Whether its entries are found by name, as in a dict."""
    return isinstance(batch, Mapping) or (hasattr(batch, "items") and hasattr(batch, "keys"))


def mapped(batch: Any, change: Change) -> Any:
    """A new structure like the batch's, with each tensor changed."""
    if isinstance(batch, Tensor):
        return change(batch)
    if isinstance(batch, PackedSequence):  # its numbers of samples stay on the CPU
        places = [None if part is None else change(part) for part in batch[2:]]
        return PackedSequence(change(batch.data), batch.batch_sizes, *places)
    if is_self_moving(batch):
        return copy.copy(batch).apply(lambda part: change(part) if isinstance(part, Tensor) else part)
    if isinstance(batch, dict) or hasattr(batch, "items"):
        return _like(batch, {key: mapped(value, change) for key, value in batch.items()})
    if isinstance(batch, (list, tuple)):
        parts = [mapped(value, change) for value in batch]
        return renewed(batch, parts, change) if is_named_tuple(batch) else type(batch)(parts)
    if _has_attributes(batch):
        return _with_attributes(batch, {key: mapped(value, change) for key, value in vars(batch).items()})
    return batch


def _like(batch: Any, entries: dict[Any, Any]) -> Any:
    """Entries in a mapping of the batch's type; in a dict where that type wants more, as a defaultdict does."""
    try:
        return type(batch)(entries)
    except TypeError:
        return entries


def with_tensors(batch: Any) -> Any:
    """The batch with tensors in place of arrays of numbers."""
    if isinstance(batch, np.ndarray) and batch.dtype.kind in "biuf":
        return torch.from_numpy(np.ascontiguousarray(batch))
    if isinstance(batch, dict):
        return _like(batch, {key: with_tensors(value) for key, value in batch.items()})
    if is_named_tuple(batch):
        return renewed(batch, map(with_tensors, batch))
    if type(batch) in (list, tuple):
        return type(batch)(with_tensors(value) for value in batch)
    return batch


def is_self_moving(batch: Any) -> bool:
    """Whether an object changes its own tensors, as batches of graphs and dicts of tensors do."""
    own = type(batch)
    return hasattr(own, "apply") and hasattr(own, "to") and not isinstance(batch, nn.Module)


def _has_attributes(batch: Any) -> bool:
    """Whether an object keeps its tensors as attributes: a dataclass, or what can be moved to a device."""
    if isinstance(batch, (type, nn.Module)) or not hasattr(batch, "__dict__"):
        return False
    return dataclasses.is_dataclass(batch) or callable(getattr(batch, "to", None))


def _with_attributes(batch: Any, attributes: Mapping[str, Any]) -> Any:
    found = copy.copy(batch)
    for name, value in attributes.items():
        object.__setattr__(found, name, value)  # also of a frozen dataclass
    return found


def to_device(batch: Any, device: torch.device, dtype: torch.dtype) -> Any:
    """A batch of any nested structure on the device, its floating-point tensors in `dtype`."""
    return mapped(batch, lambda tensor: moved(tensor, device, dtype if tensor.is_floating_point() else None))


def tensors_in(batch: Any) -> Iterator[Tensor]:
    """Every tensor of a nested structure, in order."""
    if isinstance(batch, Tensor):
        yield batch
    for value in _parts(batch):
        yield from tensors_in(value)


def _parts(batch: Any) -> Iterable[Any]:
    """What a structure consists of; nothing for a tensor, or for what is not a structure."""
    if isinstance(batch, (list, tuple)):
        return (*batch, *more.values()) if (more := attributes_of(batch)) else batch
    if isinstance(batch, Tensor):
        return ()
    if is_self_moving(batch):
        found: list[Tensor] = []
        mapped(batch, lambda tensor: found.append(tensor) or tensor)  # type: ignore[func-returns-value]
        return found
    if callable(getattr(batch, "values", None)):
        return batch.values()
    return vars(batch).values() if _has_attributes(batch) else ()


def names_in(batch: Any) -> Iterator[str]:
    """The names of the entries of mappings and objects, in the order of `tensors_in`."""
    if isinstance(batch, Tensor):
        return
    named = batch.items() if isinstance(batch, Mapping) else vars(batch).items() if _has_attributes(batch) else ()
    for name, value in named:
        yield str(name)
        yield from names_in(value)
    if isinstance(batch, (list, tuple)):
        for part in batch:
            yield from names_in(part)


def batch_length(batch: Any) -> int:
    """The number of samples in a batch: the first dimension of its first tensor.

    Of a mapping with targets, such as "labels", it is that of these, because other tensors may come first; of packed sequences
    and of graphs it is how many there are; of lists with a dict for each sample, as detection nets take them, the length of the
    list.

    Raises:
        DataError: the batch has no tensor with a dimension.
    """
    if isinstance(batch, PackedSequence):
        return int(batch.batch_sizes[0])
    if isinstance(batch, Tensor) and batch.ndim:
        return batch.shape[0]
    if type(batch) is tuple and batch and isinstance(batch[0], Tensor) and batch[0].ndim:  # the usual one, at once
        return batch[0].shape[0]
    if isinstance(graphs := getattr(batch, "num_graphs", None), int):
        return graphs
    name = next((name for name in TARGETS if name in batch), None) if is_mapping(batch) else None
    if name and isinstance(batch[name], Tensor) and batch[name].ndim:
        return batch[name].shape[0]
    if type(batch) is tuple and len(batch) == 2 and isinstance(batch[1], Tensor) and batch[1].ndim:
        return batch[1].shape[0]  # (inputs, targets), whose inputs may be of many parts for each sample
    if lists := [each for each in (batch, *_parts(batch)) if _is_one_each(each)]:
        return len(lists[0])
    for part in _parts(batch):
        with contextlib.suppress(DataError):
            return batch_length(part)
    kind, held = (
        type(batch).__name__,
        [name for name, part in getattr(batch, "__dict__", {}).items() if isinstance(part, Tensor)],
    )
    if not held and hasattr(type(batch), "__slots__") and not isinstance(batch, (list, tuple, str, Mapping)):
        raise DataError(
            f"a batch of type {kind} keeps what it holds in __slots__, where tensors are not found; make it a dataclass without "
            "slots, or yield a dictionary"
        )
    if held:
        raise DataError(
            f"a batch of type {kind} holds tensors in attributes ({', '.join(held[:4])}) and has no method `to`, so it cannot be "
            "moved or counted; give the class `to(device)`, make it a dataclass, or yield a dictionary"
        )
    raise DataError(
        f"a batch of type {kind} has no tensor in it, so its samples cannot be counted; make tensors of its "
        "numbers, as by torch.tensor or numpy.array"
    )


def _is_one_each(value: Any) -> TypeGuard[Sequence[Any]]:
    """Whether it is a list with a mapping for each sample."""
    return isinstance(value, (list, tuple)) and bool(value) and all(isinstance(each, Mapping) for each in value)


def picked(rows: Any, which: Any) -> Any:
    """The rows of each tensor (N, ...) of a structure that an index or a slice picks."""
    return mapped(rows, lambda tensor: tensor[which])


def stacked(batches: Sequence[Any]) -> Any | None:
    """One structure of tensors (N, ...) with the rows of all batches; None where they do not have the same form.

    Batches of that form are nested mappings, lists and tuples of tensors with a row for each sample, and nothing else.
    """
    if not all(map(_has_rows, batches)):
        return None
    first, *others = forms = [_form(batch) for batch in batches]
    if not forms or any(other != first for other in others):
        return None
    columns = zip(*(list(tensors_in(batch)) for batch in batches), strict=True)
    joined = iter([torch.cat(column) for column in columns])
    return mapped(batches[0], lambda tensor: next(joined))


def _has_rows(batch: Any) -> bool:
    tensors = list(tensors_in(batch))
    lengths = {tensor.shape[0] if tensor.ndim else None for tensor in tensors}
    return len(lengths) == 1 and None not in lengths and _is_plain(batch)


def _is_plain(batch: Any) -> bool:
    if isinstance(batch, PackedSequence) or is_self_moving(batch) or not share_attributes([batch]):
        return False
    if isinstance(batch, (list, tuple)):
        return all(map(_is_plain, batch))
    return all(map(_is_plain, batch.values())) if isinstance(batch, Mapping) else isinstance(batch, Tensor)


def _form(batch: Any) -> Any:
    """What must be the same in all batches: everything but the number of rows."""
    if isinstance(batch, Tensor):
        return batch.shape[1:], batch.dtype, batch.device
    names = tuple(batch) if isinstance(batch, Mapping) else None
    return type(batch), names, attributes_of(batch), [_form(part) for part in _parts(batch)]
