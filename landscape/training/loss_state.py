"""What a loss keeps from step to step: buffers of a module are part of a run's state, other changes are named before it starts.

Owns: `LossState`. The losses are those that the run was given; a trial takes copies of them, so that the first step finds them
as they were.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn

from landscape.objective.functions import is_known
from landscape.objective.history import callables_of
from landscape.objective.measure import Measure
from landscape.printable import listed

LISTED = 3


class LossState:
    """The buffers of the losses and metrics that are modules."""

    def __init__(self, measure: Measure) -> None:
        self._modules = [each for each in callables_of(measure) if isinstance(each, nn.Module) and not is_known(each)]

    def __bool__(self) -> bool:
        return bool(self._modules)

    def state(self) -> list[dict[str, Tensor]]:
        """Copies of the buffers by name, for each module; [] where there is none."""
        return [{name: each.detach().clone() for name, each in one.named_buffers()} for one in self._modules]

    def restore(self, state: Sequence[Any]) -> None:
        """Puts back a `state`; that of an earlier version says nothing.

        Raises:
            KeyError, RuntimeError: it is that of other modules.
        """
        for module, stored in zip(self._modules, state, strict=bool(state)):
            for name, buffer in module.named_buffers():
                buffer.data.copy_(stored[name])


def change_note(names: Sequence[str]) -> str:
    """A line on what a loss writes into beside buffers, by name."""
    return (
        f"the loss changes {listed(names, LISTED)} while it trains, and a run that was stopped goes on without that; keep it in "
        "a buffer (register_buffer) to have it kept"
    )
