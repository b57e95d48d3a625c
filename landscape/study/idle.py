"""Which of the parameters that move have no part in what the net gives: those of a layer that its forward pass leaves out.

Owns: the trial on the first samples, and the words. A direction spends part of its length on such parameters, so the surface
is flatter than that of the same net without them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves

from landscape.members import named_parameters
from landscape.objective.objective import Objective
from landscape.objective.probe import first_samples, values_of
from landscape.printable import listed
from landscape.slice.slice import Slice
from landscape.subject.subject import Subject

LISTED = 4
# What is done to parameters that no operation was seen to take, to see that no value changes.
NUDGE = 0.125


class _Seen(TorchFunctionMode):
    """The ids of the tensors that operations take."""

    def __init__(self) -> None:
        super().__init__()
        self.ids: set[int] = set()

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        self.ids |= {id(each) for each in tree_leaves((args, kwargs)) if isinstance(each, Tensor)}
        return func(*args, **(kwargs or {}))


def idle_notes(subject: Subject, slice: Slice) -> list[str]:
    """A line that names the moving parameters without which the first samples have the same values, to the last bit.

    The net is at the centre of the slice, before and afterwards.
    """
    objective = subject.objective
    if objective.lent or objective.recomputes:
        return []
    try:
        idle = _moving(objective, slice, _idle(objective))
    except Exception:  # whatever the net raises under a trial of this kind, it says nothing about its parameters
        return []
    if not idle:
        return []
    have, move, them = ("have", "move", "them") if len(idle) > 1 else ("has", "moves", "it")
    return [
        f"{listed(idle, LISTED)} {have} no part in the values of the first samples (a layer that is not in use, or a branch that "
        f"they do not take), but {move} like the others; give --only to leave {them} out"
    ]


def _moving(objective: Objective, slice: Slice, names: Sequence[str]) -> list[str]:
    """Those that differ between the centre of the slice and its farthest corner."""
    if not names:
        return []
    weights, centre = objective.layout.named(objective.weights), [0.0] * slice.grid.ndim
    before = {name: weights[name].clone() for name in names}
    try:
        slice.at(slice.grid.farthest, out=objective.weights)
        return [name for name in names if not torch.equal(weights[name], before[name])]
    finally:
        slice.at(centre, out=objective.weights)


def _idle(objective: Objective) -> list[str]:
    """The names of those that no operation takes, and whose change no value shows."""
    batch = first_samples(objective, next(iter(objective.splits.values())))
    with _Seen() as seen:
        expected = values_of(objective, objective.model, batch)
    own = dict(named_parameters(objective.model, remove_duplicate=False))
    names = objective.layout.names
    idle = [name for name in names if name in own and id(own[name]) not in seen.ids]
    if not idle or len(idle) == len(names):  # a net whose operations are out of sight, such as a scripted one
        return []
    weights, before = objective.layout.named(objective.weights), objective.weights.clone()
    try:
        with torch.no_grad():
            for name in idle:
                weights[name].mul_(1 + NUDGE).add_(NUDGE)
        found = values_of(objective, objective.model, batch)
    finally:
        objective.weights.copy_(before)
    same = expected.keys() == found.keys() and all(torch.equal(expected[name], found[name]) for name in expected)
    return idle if same else []
