"""Python lists of numbers in place of tensors, as the rows of `datasets` hold them.

Owns: which mappings are single samples and which are batches of these, and the tensors made of them. Mappings that hold a tensor
are left as they are: a loss may need their lists.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch.utils.data import default_collate

from landscape.data.structure import tensors_in
from landscape.errors import DataError
from landscape.printable import listed

# Of a sample these are a list of numbers, of a batch a list of lists.
TOKENS = ("input_ids", "input_values", "pixel_values", "input_features")
NUMBERS = (bool, int, float, np.bool_, np.number)
LISTED = 4


def are_lists(batches: Sequence[Any]) -> bool:
    """Whether all of them are mappings of numbers and lists of numbers, without a tensor."""
    return all(
        isinstance(each, Mapping)
        and next(tensors_in(each), None) is None
        and any(_shape(value) is not None for value in each.values())
        for each in batches
    )


def are_samples(batches: Sequence[Mapping[Any, Any]]) -> bool:
    """Whether these mappings are single samples, and not batches.

    So it is where one entry is a number, or the tokens are one list of them; and where no two lists are of one length, as those
    of a batch would be, or all are lists of numbers, and of different lengths.
    """
    first = batches[0]
    if _number_in(first) is not None or any(len(_shape(first.get(name)) or ()) == 1 for name in TOKENS):
        return True
    return all(map(_holds_no_batch, batches))


def may_be_samples(batches: Sequence[Mapping[Any, Any]]) -> str | None:
    """A line on mappings that are read as batches and could be samples: each holds several lists of numbers of one length."""
    lengths = {length for each in batches for shape in _shapes(each) for length in (len(shape), *shape)}
    several = len(batches) > 1 and all(len(_shapes(each)) > 1 for each in batches)
    if not several or len(lengths) > 2 or not all(len(shape) == 1 for each in batches for shape in _shapes(each)):
        return None
    size = len(next(value for value in batches[0].values() if _shape(value) is not None))
    return (
        f"the {len(batches)} rows of the data hold lists of one length and are read as batches, of {size} samples each; where "
        "each row is one sample, make its lists tensors, by torch.tensor, and give a DataLoader of the rows"
    )


def _holds_no_batch(entries: Mapping[Any, Any]) -> bool:
    shapes = _shapes(entries)
    lengths = {shape[0] for shape in shapes}
    flat = all(len(shape) == 1 for shape in shapes)
    return len(lengths) == len(shapes) > 1 or (flat and len(lengths) > 1)


def _shapes(entries: Mapping[Any, Any]) -> list[tuple[int, ...]]:
    return [shape for value in entries.values() if (shape := _shape(value))]


def _number_in(entries: Mapping[Any, Any]) -> Any:
    """The name of an entry that is a number."""
    return next((name for name, value in entries.items() if _shape(value) == ()), None)


def rows_of(samples: Sequence[Mapping[Any, Any]]) -> list[dict[Any, Any]]:
    """Samples of tensors, and of texts, which torch puts together.

    Raises:
        DataError: lists that differ in length; an entry that others lack, or of which there are no batches.
    """
    first = samples[0]
    for number, sample in enumerate(samples):
        if lacking := [name for name in first if name not in sample]:
            raise DataError(
                f"row {number} of the data has no entry {lacking[0]!r}, which the first has; give all rows the same entries"
            )
    found = [as_tensors(sample, first) for sample in samples]
    for sample in found:
        for name in first:
            _refuse_unknown(name, sample[name], first)
    return found


def _refuse_unknown(name: Any, value: Any, first: Mapping[Any, Any]) -> None:
    if isinstance(value, (torch.Tensor, str, bytes)):
        return
    try:
        default_collate([value, value])
    except TypeError as error:
        others = [str(each) for each in first if each != name]
        raise DataError(
            f"the entry {name!r} of the data holds a {type(value).__name__}, of which there are no batches; leave it out, "
            f"keeping {listed(others, LISTED)}, or give a DataLoader with a collate_fn"
        ) from error


def as_tensors(entries: Mapping[Any, Any], like: Mapping[Any, Any] | None = None) -> dict[Any, Any]:
    """The mapping with tensors in place of numbers and lists of numbers; other entries, such as texts, stay.

    `like`: the first sample, whose lists have the same length.

    Raises:
        DataError: lists that differ in length, or numbers that torch does not hold.
    """
    found = {}
    for name, value in entries.items():
        shape = _shape(value)
        if shape is None:
            found[name] = value
            continue
        if -1 in shape or (like is not None and name in like and _shape(like[name]) != shape):
            raise DataError(_of_lengths(name, like))
        try:
            found[name] = torch.tensor(value)
        except (ValueError, OverflowError, RuntimeError) as error:
            raise DataError(
                f"the entry {name!r} of the data holds whole numbers beyond 64 bits, which no tensor holds; leave it out, or "
                "make it a text"
            ) from error
    return found


def _of_lengths(name: Any, like: Mapping[Any, Any] | None) -> str:
    text = (
        f"the lists of the entry {name!r} differ in length, so they are not one tensor: pad them, or give a DataLoader "
        "whose collate_fn does, such as DataCollatorWithPadding of transformers"
    )
    lists = _shapes(like or {})
    number = _number_in(like or {})
    if number is None or len({shape[0] for shape in lists}) == len(lists):  # no two as those of a batch
        return text
    return f"{text}; rows with a number, here {number!r}, are read as samples: make tensors of batches"


def _shape(value: Any) -> tuple[int, ...] | None:
    """That of the tensor of a number or a nested list; -1 where lists differ in length. None for anything else."""
    if isinstance(value, NUMBERS):
        return ()
    if not isinstance(value, (list, tuple)) or not value:
        return None
    inner = [_shape(each) for each in value]
    known = [each for each in inner if each is not None]
    if len(known) < len(inner) or len({len(each) for each in known}) > 1:
        return None
    lengths = zip(*known, strict=True)
    return len(value), *(each[0] if len(set(each)) == 1 else -1 for each in lengths)
