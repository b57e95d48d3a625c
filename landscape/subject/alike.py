"""Two nets are one function if they give the same values with the same weights: this is tried on the first batch.

Owns: a copy of a second net's own module that holds the weights of the first, and the message. Which values are compared is said
in objective/probe.py, with what they cannot show. A second net that is a file has no module of its own: its weights are read into
a copy of the first net's.
"""

from __future__ import annotations

from collections.abc import Iterable

from torch import Tensor, nn

from landscape.errors import UsageError
from landscape.layout import placed
from landscape.objective.narrow import made_passable
from landscape.objective.objective import Objective
from landscape.objective.private import private_copy
from landscape.objective.probe import apart, first_samples, values_of
from landscape.subject.net import Net, Other
from landscape.subject.program import program_of

SAME = "the second as ll.Checkpoint(net.state_dict()) if its weights are meant for the first"


def _exactly(net: Net, other: Other) -> bool:
    """Whether the nets differ in a setting that only values show: then no difference of these is rounding."""
    one, two = net.program or program_of(net.module), other.program
    return two is not None and any(one.settings.get(name) != two.settings.get(name) for name in one.shown & two.shown)


def check_by_value(objective: Objective, net: Net, others: Iterable[Other]) -> None:
    """Raises UsageError for a second module that gives other values than the first with the weights that the objective has now.

    `objective`: checked, of `net`. Nets that are divided among processes have no second one.
    """
    modules = [(other, other.module) for other in others if other.module is not None]
    if not modules or objective.lent:
        return
    name, split = next(iter(objective.splits.items()))
    batch = first_samples(objective, split)
    expected = values_of(objective, objective.model, batch)
    for other, module in modules:
        found = values_of(objective, _with_weights_of(objective, module), batch)
        if said := apart(expected, found, None if _exactly(net, other) else objective.precision):
            raise UsageError(
                f"{net.label} and {other.label} are different functions: with the same weights they give {said} on the first "
                f"samples of the {name} data, expected the same; give nets of one architecture, or {SAME}"
            )


def _with_weights_of(objective: Objective, module: nn.Module) -> nn.Module:
    """A copy of a module that shares the parameters of the objective's net, and has copies of its buffers."""
    shared = [name for name, _ in module.named_parameters()]
    twin = placed(private_copy(module, sharing=shared).eval().requires_grad_(False), objective.device, objective.dtype)
    own = objective.model.state_dict(keep_vars=True)
    for name, there in twin.state_dict(keep_vars=True).items():
        if isinstance(there, Tensor) and isinstance(given := own.get(name), Tensor):
            there.data = given.data if isinstance(there, nn.Parameter) else given.detach().clone()
    if objective.dtype is None:
        made_passable(twin, objective.splits)
    return twin
