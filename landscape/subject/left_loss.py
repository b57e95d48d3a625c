"""The loss as the training of a net left it: what a loss that is a module has kept by then is part of the loss.

Owns: when that is measured, and the words about it. A loss that is made from its spec would begin again, and its landscape would
not be that on which the net was trained; an object of the caller's is measured as it was given.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from landscape.objective.loss_name import full_name
from landscape.objective.loss_state import as_stored, changing
from landscape.options.groups import LossOptions
from landscape.printable import listed, printable
from landscape.subject.entry import read
from landscape.subject.trained import Recorded

LISTED = 3


@dataclass(frozen=True, eq=False)
class LeftLoss:
    """`put_into` is to be used where a loss is made from its options; `notes` then holds what the user should know."""

    recorded: Recorded | None
    asked: LossOptions
    notes: list[str] = field(default_factory=list)

    def put_into(self, loss: Callable) -> Callable:
        """The loss with what a file says that training has made of it; itself where it says nothing."""
        found, spec = self.recorded, self.asked.loss
        if found is None or not found.state or found.spec != (spec if isinstance(spec, str) else full_name(loss)):
            return loss
        name, where = printable(found.spec), printable(found.source)
        try:
            left, changed = as_stored(loss, found.state)
        except ValueError as error:
            self._say(
                f"the loss {name} is measured as it is made: what training left of it in {where} does not fit "
                f"({printable(str(error))}); has its code changed since?"
            )
            return loss
        if not changed:
            return loss
        if not isinstance(spec, str):
            self._say(
                f"the loss {name} is measured as it was given; training left it with another {listed(changed, LISTED)}, which "
                f"{where} holds and a spec such as file.py:LOSS would take"
            )
            return loss
        self._say(f"the loss {name} is as the net's training left it: {listed(changed, LISTED)}")
        return left

    def _say(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)


def moving_note(nets: Mapping[float, Path]) -> str | None:
    """A line where the loss of a run was another at its last net than at the first; all its nets are measured with one.

    `nets`: the files by training step.
    """
    ends = [read(nets[step], None, mapped=True).loss_state for step in (min(nets), max(nets))]
    if not (names := changing(ends)):
        return None
    return (
        f"training changes {listed(names, LISTED)} of the loss from step {min(nets):g} to step {max(nets):g}, and all nets are "
        f"measured with the loss as it was at step {min(nets):g}"
    )
