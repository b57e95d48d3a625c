"""Python lists of numbers in place of tensors, as the rows of `datasets` hold them.

Owns: which mappings are single samples and which are batches of these, and the tensors made of them. Mappings that hold a tensor
are left as they are: a loss may need their lists.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from landscape.data.structure import tensors_in
from landscape.errors import DataError

# Of a sample these are a list of numbers, of a batch a list of lists.
TOKENS = ("input_ids", "input_values", "pixel_values", "input_features")


def are_lists(batches: Sequence[Any]) -> bool:
    """Whether all of them are mappings of numbers and lists of numbers, without a tensor."""
    return all(
        isinstance(each, Mapping)
        and next(tensors_in(each), None) is None
        and any(_shape(value) is not None for value in each.values())
        for each in batches
    )


def are_samples(batches: Sequence[Mapping[Any, Any]]) -> bool:
    """Whether these mappings are single samples: one entry is a number, or the tokens are one list of them."""
    first = batches[0]
    return any(_shape(value) == () for value in first.values()) or any(
        len(_shape(first.get(name)) or ()) == 1 for name in TOKENS
    )


def as_tensors(entries: Mapping[Any, Any], like: Mapping[Any, Any] | None = None) -> dict[Any, Any]:
    """The mapping with tensors in place of numbers and lists of numbers; other entries, such as texts, stay.

    `like`: the first sample, whose lists have the same length.

    Raises:
        DataError: lists that differ in length.
    """
    found = {}
    for name, value in entries.items():
        shape = _shape(value)
        if shape is None:
            found[name] = value
            continue
        if -1 in shape or (like is not None and name in like and _shape(like[name]) != shape):
            raise DataError(
                f"the lists of the entry {name!r} differ in length, so they are not one tensor: pad them, or give a DataLoader "
                "whose collate_fn does, such as DataCollatorWithPadding of transformers"
            )
        found[name] = torch.tensor(value)
    return found


def _shape(value: Any) -> tuple[int, ...] | None:
    """That of the tensor of a number or a nested list; -1 where lists differ in length. None for anything else."""
    if isinstance(value, (bool, int, float)):
        return ()
    if not isinstance(value, (list, tuple)) or not value:
        return None
    inner = [_shape(each) for each in value]
    known = [each for each in inner if each is not None]
    if len(known) < len(inner) or len({len(each) for each in known}) > 1:
        return None
    lengths = zip(*known, strict=True)
    return len(value), *(each[0] if len(set(each)) == 1 else -1 for each in lengths)
