"""Whether the weights of a net stay where they are when it is evaluated.

Owns: the refusal of a net or loss that puts other tensors in the place of its weights. The program moves a net by writing into
the tensors of its private copy; one that is replaced, as by `module.double()` or `parameter.data = ...`, would rest from then on.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from landscape.errors import EvaluationError
from landscape.members import named_buffers, named_parameters
from landscape.printable import listed

if TYPE_CHECKING:
    from landscape.objective.objective import Objective

SHOWN = 3


@contextlib.contextmanager
def in_their_places(objective: Objective) -> Iterator[None]:
    """At the end of the block the weights that move lie where they lay at its start.

    Raises:
        EvaluationError: they do not; also in place of an error within the block, which follows from that.
    """
    before = {} if objective.lent else _places(objective)
    try:
        yield
    finally:
        if before and (gone := [name for name, place in _places(objective).items() if place != before[name]]):
            raise EvaluationError(
                f"a pass through the net or the loss replaces {listed(gone, SHOWN)} by another tensor, as .double(), .to(), "
                ".data = and nn.Parameter() do, so it would not follow the weights that the program moves; write into the tensor "
                "(copy_), or evaluate other weights by torch.func.functional_call"
            )


def _places(objective: Objective) -> dict[str, int]:
    """The address of each tensor of the layout; 0 for one that is gone."""
    model = objective.model
    found = {name: each.data_ptr() for named in (named_parameters(model), named_buffers(model)) for name, each in named}
    return {entry.name: found.get(entry.name, 0) for entry in objective.layout.entries}
