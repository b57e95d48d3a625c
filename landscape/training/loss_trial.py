"""What a loss writes into beside its state, named before a run starts, because a stopped run would go on without it.

Owns: `LossTrial`. What the state of a loss is, is known in objective/loss_state.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from landscape.objective.loss_modules import callables_of, module_behind
from landscape.objective.loss_state import LossState
from landscape.objective.measure import Measure
from landscape.printable import listed
from landscape.subject.written import Holdings

LISTED = 3
GROWN = (
    "the loss makes parts of itself while it trains, and a run that was stopped cannot go on; make all of them at first"
)


class LossTrial:
    """What the losses of a measure write into while they are tried, beside what is part of their state."""

    def __init__(self, measure: Measure) -> None:
        self._kept, called = LossState.of(measure), callables_of(measure)
        self._parts = len(self._kept.parts())
        self._written = Holdings(*(each if (own := module_behind(each)) is None else own for each in called))

    def notes(self) -> list[str]:
        """A line on it, if there is anything."""
        places = [place for place in self._written.places() if not self._kept.keeps(place)]
        names = dict.fromkeys(name for place in places if (name := _name_of(place)))
        grown = len(self._kept.parts()) > self._parts
        return [*([_note(list(names))] if names else []), *([GROWN] if grown else [])]


def _name_of(place: Sequence[Any]) -> str | None:
    return next((key for key in reversed(place) if isinstance(key, str) and key.isidentifier()), None)


def _note(names: Sequence[str]) -> str:
    return (
        f"the loss changes {listed(names, LISTED)} while it trains, and a run that was stopped goes on without that; keep it in "
        "a module, as a buffer or a plain attribute, to have it kept"
    )
