"""The forms of text in which settings of a training run may be given.

Owns: reading them, and the messages on other forms.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from landscape.errors import UsageError

# In place of a number of steps.
EPOCH, END = "epoch", "end"


def read_options(given: Mapping[str, Any] | str | Sequence[str]) -> dict[str, Any]:
    """`betas=(0.9,0.95)` and the like as keywords.

    Raises:
        UsageError: another form.
    """
    if isinstance(given, Mapping):
        return dict(given)
    found = {}
    for entry in [given] if isinstance(given, str) else given:
        name, equals, value = entry.partition("=")
        if not equals:
            raise UsageError(f"optimizer-option '{entry}': expected NAME=VALUE, such as betas=(0.9,0.95)")
        try:
            found[name.strip()] = ast.literal_eval(value.strip())
        except (ValueError, SyntaxError):
            raise UsageError(f"optimizer-option '{entry}': expected a number, True, False or a list of them") from None
    return found


def read_progressive(given: str | Sequence[tuple[int, float]]) -> tuple[tuple[int, float], ...]:
    """`16:10,24:5` as ((16, 10.0), (24, 5.0)).

    Raises:
        UsageError: another form.
    """
    parts = [part.split(":") for part in given.split(",")] if isinstance(given, str) else list(given)
    try:
        found = tuple((int(side), float(epochs)) for side, epochs in parts)
    except (TypeError, ValueError):
        found = ((0, 0.0),)
    if any(side < 1 or not epochs > 0 for side, epochs in found):
        raise UsageError(f"progressive {given}: expected SIDE:EPOCHS, such as 16:10 or 16:10,24:5")
    return found


def read_milestones(given: float | Sequence[float]) -> tuple[float, ...]:
    """One number or several.

    Raises:
        UsageError: other things.
    """
    try:
        return tuple(float(share) for share in (given if isinstance(given, Iterable) else [given]))
    except (TypeError, ValueError):
        raise UsageError(f"milestones {given}: expected shares of the run, such as (0.5, 0.75)") from None


def read_names(given: str | Sequence[str] | None) -> tuple[str, ...]:
    names = given.split(",") if isinstance(given, str) else given or ()
    return tuple(name for name in names if name not in ("", "none"))


def read_interval(name: str, value: str | int) -> int:
    """Steps between two; 0 stands for an epoch, -1 for never."""
    if value in (EPOCH, END):
        return 0 if value == EPOCH else -1
    try:
        steps = int(value)
    except (TypeError, ValueError):
        steps = 0
    if steps < 1:
        raise UsageError(f"{name} {value}: expected {EPOCH}, {END} or a number of steps of at least 1")
    return steps
