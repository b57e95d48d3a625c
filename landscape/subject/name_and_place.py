"""Batches that are named tuples, in which the names say other targets than the places do.

Owns: the note on it. Where a name is that of targets it decides, else the last place does (objective/reading.py); where both are
tensors alike the loss takes them either way round.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from landscape.data.split import Split, TensorSplit
from landscape.data.structure import TARGETS, is_named_tuple
from landscape.objective.measure import Measure
from landscape.objective.reading import Reading

# Names of what a net takes.
INPUTS = ("inputs", "input", "x", "images", "image", "features", "source")


def named_notes(measure: Measure, splits: Mapping[str, Split]) -> tuple[str, ...]:
    """One line where the targets that are taken are not those that both say; none where the loss says them itself."""
    reading = getattr(measure, "reading", Reading())
    if not measure.reads_outputs or reading.inputs is not None or reading.targets is not None:
        return ()
    found = [_note(batch) for split in splits.values() if is_named_tuple(batch := _first(split))]
    return tuple(dict.fromkeys(note for note in found if note))


def _first(split: Split) -> Any:
    """A batch; of a pair of tensors, as it comes from the user."""
    if isinstance(split, TensorSplit):
        return split.pair(split.inputs[:1], split.targets[:1]) if split.named is not None else None
    return next(iter(split.batches(1)), None)


def _note(batch: Any) -> str | None:
    names = type(batch)._fields
    if len(names) != 2:  # of more, such as weights or a mask at the end, names alone say which they are
        return None
    first, last = names
    named = next((name for name in TARGETS if name in names), None)
    if named == first and last not in INPUTS:
        taken, other, why = first, last, "by its name"
    elif named is None and last in INPUTS and first not in INPUTS:
        taken, other, why = last, first, "the last part"
    else:
        return None
    if not _alike(getattr(batch, taken), getattr(batch, other)):
        return None
    return (
        f"the targets of {type(batch).__name__}({', '.join(names)}) are {taken}, {why}; if they are {other}, give "
        f"ll.Loss(your_loss, inputs={taken!r}, targets={other!r}); to confirm {taken}, exchange these two names"
    )


def _alike(one: Any, other: Any) -> bool:
    """Whether a loss that compares one as targets may take the other in its place."""
    tensors = isinstance(one, Tensor) and isinstance(other, Tensor)
    return tensors and one.is_floating_point() == other.is_floating_point()
