"""Two nets are one function if they give the same values with the same weights: this is tried on the first samples.

Owns: a copy of a second net's own module that holds the weights of the first, and the message. Which values are compared is said
in objective/probe.py, with what they cannot show. A second net that is a file has no module of its own: its weights are read into
a copy of the first net's. Also owns the note on what does not move of a second net, buffers such as masks of pruning and
parameters of whole numbers, where values depend on it, which is tried in the same way.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from landscape.errors import UsageError
from landscape.layout import placed
from landscape.members import named_buffers, named_parameters, state_of
from landscape.objective.batchnorm import tracking_layers
from landscape.objective.conduct import Values
from landscape.objective.narrow import made_passable
from landscape.objective.objective import Objective
from landscape.objective.private import evaluating, private_copy
from landscape.objective.probe import apart, passes, values_of
from landscape.objective.steady import Held
from landscape.printable import listed
from landscape.subject.net import Net, Other
from landscape.subject.program import program_of

LISTED = 3
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
    batches = passes(objective, split)
    expected = [values_of(objective, objective.model, batch) for batch in batches]
    for other, module in modules:
        twin, precision = _with_weights_of(objective, module), None if _exactly(net, other) else objective.precision
        found = (values_of(objective, twin, batch) for batch in batches)
        if said := next(filter(None, (apart(*pair, precision) for pair in zip(expected, found, strict=True))), None):
            raise UsageError(
                f"{net.label} and {other.label} are different functions: with the same weights they give {said} on the first "
                f"samples of the {name} data, expected the same; give nets of one architecture, or {SAME}"
            )


def buffer_notes(objective: Objective, others: Iterable[Other]) -> list[str]:
    """A line for each second net whose buffers give other values than those of the first, and stay behind."""
    if objective.lent:
        return []
    name, split = next(iter(objective.splits.items()))
    batches = passes(objective, split)
    statistics = {id(each) for layer in tracking_layers(objective.model) for each in layer.buffers(recurse=False)}
    resting = {
        key: buffer
        for key, buffer in (*named_buffers(objective.model), *_whole_numbers(objective.model))
        if key not in objective.layout.names and id(buffer) not in statistics
    }
    expected: list[Values] = []
    found = []
    for other in others:
        given = {key: other.tensors[key] for key in resting if key in other.tensors}
        differ = [key for key, tensor in given.items() if not torch.equal(tensor.to(resting[key]), resting[key])]
        if not differ:
            continue
        expected = expected or [values_of(objective, objective.model, batch) for batch in batches]
        moved = {key: given[key] for key in differ}
        theirs = (_with_buffers(objective, moved, batch) for batch in batches)
        if any(apart(*pair, objective.precision) for pair in zip(expected, theirs, strict=True)):
            found.append(
                f"{other.label}, the second net, has other {_kinds(objective, differ)}, which rest "
                f"({listed(differ, LISTED)}), and values depend on them: its weights, at coordinate 1, are evaluated with those "
                "of the first, which is not its own value"
            )
    return found


def _whole_numbers(model: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """Parameters that cannot move: nothing lies between two whole numbers."""
    for key, each in named_parameters(model):
        if not (each.is_floating_point() or each.is_complex()):
            yield key, each


def _kinds(objective: Objective, differ: Sequence[str]) -> str:
    numbers = dict(_whole_numbers(objective.model))
    kinds = {"buffers": set(differ) - numbers.keys(), "parameters of whole numbers": numbers.keys() & set(differ)}
    return " and ".join(kind for kind, keys in kinds.items() if keys)


def _with_buffers(objective: Objective, buffers: Mapping[str, Tensor], batch: Any) -> Values:
    """The values of a batch with other buffers, or parameters of whole numbers; none where there are none."""
    own = {**dict(named_buffers(objective.model)), **dict(_whole_numbers(objective.model))}
    held, before = Held(objective.model), {key: own[key].detach().clone() for key in buffers}
    try:
        for key, tensor in buffers.items():
            own[key].data.copy_(tensor)
        return values_of(objective, objective.model, batch)
    except Exception:  # places that this batch does not have, for example
        return {}
    finally:
        for key, tensor in before.items():
            own[key].data.copy_(tensor)
        held.put_back()


def _with_weights_of(objective: Objective, module: nn.Module) -> nn.Module:
    """A copy of a module that shares the parameters of the objective's net, and has copies of its buffers."""
    shared = [name for name, _ in named_parameters(module)]
    twin = placed(evaluating(private_copy(module, sharing=shared)), objective.device, objective.dtype)
    own = state_of(objective.model)
    for name, there in state_of(twin).items():
        if isinstance(there, Tensor) and isinstance(given := own.get(name), Tensor):
            there.data = given.data if isinstance(there, nn.Parameter) else given.detach().clone()
    if objective.dtype is None:
        made_passable(twin, objective.splits)
    return twin
