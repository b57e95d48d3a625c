"""What a batch is, and how its targets can be named, in the words of messages.

Owns: these words. How a batch is read is known in reading.py.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor

from landscape.data.structure import TARGETS, is_mapping
from landscape.printable import listed

LISTED = 8


def said_by(batch: Any) -> str:
    """How to say the targets of a batch."""
    if isinstance(batch, Tensor):
        return "give (inputs, targets), or a list of batches; one batch of several inputs is a list too, [((a, b), targets)]"
    if not is_mapping(batch) or len(batch) < 2:
        return "give (inputs, targets), or a dict with one of the entries " + ", ".join(TARGETS)
    first, last = [*batch][0], [*batch][-1]
    return (
        f"name one of them {', '.join(TARGETS)}, or say which it is, as in ll.Loss('cross_entropy', inputs={first!r}, "
        f"targets={last!r})"
    )


def shown(batch: Any) -> str:
    """What a batch consists of."""
    if is_mapping(batch):
        return f"the entries {listed([str(name) for name in batch], LISTED)}"
    if isinstance(batch, (list, tuple)):
        return f"{len(batch)} parts"
    return f"the type {type(batch).__name__}"


def no_number(returned: Any) -> str:
    """What to do about a loss that has returned this in place of a number or a tensor."""
    if is_mapping(returned):
        return "; a loss of (model, batch) may return several values by name; beside one of (outputs, targets) they are metrics"
    if returned is None:
        return "; has it a return? A net that returns its loss does so where it gets the labels: give a loss of (model, batch)"
    return ""
