"""The loss as the training of a net left it: what a loss that is a module has kept by then is part of the loss.

Owns: when it is measured so, and the words about it. A loss that is made from its spec would begin again, and its landscape would
not be that on which the net was trained; an object of the caller's is measured as it was given.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from landscape.errors import LandscapeError
from landscape.objective.loss_state import differing
from landscape.objective.stored_loss import restored
from landscape.options.groups import LossOptions
from landscape.printable import listed, printable
from landscape.subject.entry import read
from landscape.subject.trained import Recorded, is_same_spec

LISTED = 3


@dataclass(eq=False)
class RestoredLoss:
    """`of` is to be used where a loss is made from its options; `notes` then holds what the user should know.

    `shown`: what a caption says of the loss, None where it is as it is made or as it was given.
    """

    recorded: Recorded | None
    asked: LossOptions
    notes: list[str] = field(default_factory=list)
    shown: str | None = None

    def of(self, loss: Callable, name: str) -> Callable:
        """The loss, of this name in results, with what a file says that training has made of it; itself where it says nothing."""
        found = self.recorded
        if found is None or not found.state:
            return loss
        shown, net = printable(found.spec), printable(found.net)
        if not is_same_spec(found.spec, name):
            self._say_another(found, loss, name)
            return loss
        try:
            made, changed = restored(loss, found.state)
        except ValueError as error:
            self._say(
                f"the loss {shown} is measured as it is made: what the training of {net} left of it does not fit "
                f"({printable(str(error))}); has its code changed since, or its parts in training?"
            )
            return loss
        if not changed:
            return loss
        if not isinstance(self.asked.loss, str):
            self._say(
                f"the loss {shown} is measured as it was given; the training of {net} left it with another "
                f"{listed(changed, LISTED)}; give it as file.py:LOSS, or as the `loss` of what ll.train returned, to measure that"
            )
            return loss
        self._say(f"the loss {shown} is as the training of {net} left it: {listed(changed, LISTED)}")
        self.shown = "as training left it"
        return made

    def _say_another(self, found: Recorded, loss: Callable, name: str) -> None:
        """Where a loss of another name could be the one that was trained with, such as an object and its class."""
        with contextlib.suppress(ValueError):
            if restored(loss, found.state)[1]:
                self._say(
                    f"the loss {printable(name)} is measured as it is made; what the training of {printable(found.net)} made "
                    f"of {printable(found.spec)} is in its file, and is taken over where the loss has that name"
                )

    def _say(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)


def notes_on_others(first: Recorded | None, others: Iterable[Recorded | None], loss: Any) -> list[str]:
    """A line where the training of another net left the loss otherwise than that of the first, with which all are measured."""
    if first is None or not isinstance(loss, str) or not is_same_spec(first.spec, loss):
        return []
    of_others = [each for each in others if each is not None and is_same_spec(each.spec, loss)]
    for each in of_others:
        if names := differing(first.state, each.state):
            made = f"as the training of {printable(first.net)} left it" if first.state else "as it is made"
            shown = f" with another {listed(names, LISTED)}" if first.state and each.state else " otherwise"
            return [f"all nets are measured with the loss {made}; the training of {printable(each.net)} left it{shown}"]
    return []


def notes_on_each(nets: Sequence[Recorded | None], loss: Any) -> list[str]:
    """A line where several nets are measured with states of the loss that are not the same, each of its own training."""
    if not isinstance(loss, str):
        return []
    states = [each.state if each and is_same_spec(each.spec, loss) else () for each in nets]
    if not any(differing(states[0], state) for state in states[1:]):
        return []
    return [
        "the nets are not measured with one function: each with the loss as its own training left it, or as it is made where "
        "that had another loss"
    ]


def notes_on_run(first: Recorded | None, last: Path, loss: str | None) -> tuple[list[str], str | None]:
    """(a line, what a caption says) where the loss of a run was another at its last net than at the first.

    All nets are measured with that of the first. `loss`: its name in results.
    """
    if first is None or loss is None or not is_same_spec(first.spec, loss):
        return [], None
    with contextlib.suppress(LandscapeError):  # said where the net is measured
        if names := differing(first.state, read(last, None, mapped=True).loss_state):
            shown = f"as it was at {printable(Path(first.source).stem)}"
            return [
                f"training changes {listed(names, LISTED)} of the loss up to {last.stem}, and all nets are measured with the "
                f"loss {shown}"
            ], shown
    return [], None
