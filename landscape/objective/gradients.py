"""Whether the loss or the net takes derivatives itself, found on the first samples.

Owns: the ways of evaluating them, and the two signs that they need gradients: they fail without, or they give other numbers.
Without gradients a branch of `if outputs.requires_grad` is not taken, and an error of `torch.autograd.grad` may be caught. A user
who measures the loss in plain torch has gradients, and gets the other number. `torch.autograd.functional` and torch.func switch
them on themselves.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from torch import Tensor

from landscape.data.structure import batch_length, mapped
from landscape.members import parameters_in
from landscape.objective.conduct import NO_GRADIENTS, OF_INPUTS, OF_PARAMETERS, Values, parts_of, read
from landscape.objective.loss_modules import buffers_moved
from landscape.objective.numerics import numerics, with_gradients
from landscape.objective.probe import TRIED, apart
from landscape.objective.steady import SEED, Held, checksum, refuse_moved
from landscape.randomness import forked

if TYPE_CHECKING:
    from landscape.objective.objective import Objective

# Beyond this many parameters one sample is tried: with gradients all activations stay in memory at once.
LARGE = 100_000_000

T = TypeVar("T")


def tried(objective: Objective, batch: Any, run: Callable[[Any], T]) -> T:
    """What `run` gives for the batch; where it fails without gradients, they are switched on from here on."""
    held, before, first = Held(objective.model), checksum(objective.parameters), None
    found = objective.conduct
    ways = [found.gradients] if found.gradients or objective.lent else [NO_GRADIENTS, OF_INPUTS, OF_PARAMETERS]
    for way in ways:
        objective.conduct = replace(found, gradients=way)
        try:
            with objective.numbers():
                result = run(mapped(batch, Tensor.detach))
            refuse_moved(objective.parameters, before)
            changes = tuple(dict.fromkeys((*found.changes, *held.changed(), *buffers_moved(objective.measure))))
            objective.conduct = replace(found, gradients=way, changes=changes)
            return result
        except RuntimeError as error:  # such as "does not require grad"
            first = first or error
        finally:
            held.put_back()
    objective.conduct = found
    assert first is not None
    raise first


def switch_on_where_they_count(objective: Objective, batch: Any) -> None:
    """Switches gradients on, from here on, where the values of the first samples of a batch are others without them."""
    if objective.conduct.gradients or objective.lent:
        return
    length = batch_length(batch)
    large = sum(each.numel() for each in parameters_in(objective.model)) > LARGE
    few, _ = next(iter(parts_of(batch, length, 1 if large else TRIED)), (batch, length))
    if large and few is batch and length > 1:
        return
    way = _way(objective, few)
    if way is None and few is not batch and not large:  # a loss of whole batches cannot be cut
        way = _way(objective, batch)
    if way:
        objective.conduct = replace(objective.conduct, gradients=way)


def _way(objective: Objective, batch: Any) -> str | None:
    """The gradients with which values are those of plain torch; None where the batch cannot be evaluated with them."""
    # the rounding of a narrow type would hide a small term
    precision = "fp32" if objective.precision in ("tf32", "bf16") else objective.precision
    try:
        without, plain = _values(objective, batch, NO_GRADIENTS, precision), None
        plain = _values(objective, batch, OF_PARAMETERS, precision)
        if apart(without, plain, precision) is None:
            return NO_GRADIENTS
        if apart(without, _values(objective, batch, NO_GRADIENTS, precision), precision):
            return NO_GRADIENTS  # it counts its calls, which is another matter
    except Exception:  # an operation without derivatives, or no room for a graph
        return None
    try:
        return OF_PARAMETERS if apart(plain, _values(objective, batch, OF_INPUTS, precision), precision) else OF_INPUTS
    except Exception:
        return OF_PARAMETERS


def _values(objective: Objective, batch: Any, way: str, precision: str) -> Values:
    model, device = objective.model, objective.device
    held, length = Held(model), batch_length(batch)
    numbers = (
        with_gradients(model, precision, device, parameters=way == OF_PARAMETERS)
        if way
        else numerics(precision, device)
    )
    try:
        with warnings.catch_warnings(), forked(device, SEED), numbers:
            warnings.simplefilter("ignore")  # on tensors with gradients, which the run will not have
            found = objective.measure(model, mapped(batch, Tensor.detach))
            return read(mapped(dict(found), Tensor.detach), length)
    finally:
        held.put_back()
