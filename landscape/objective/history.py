"""Whether values depend on what was evaluated before: on other samples, or at other weights.

Owns: `Untouched`, the net and the loss as they were before their first call, and the trial that compares them with what was
called. A net that keeps something of its weights or of its first batch, or a loss that keeps a running mean, gives the same
number twice at the same place, so two evaluations alone do not find it. State in buffers is put back before each batch
(steady.py); this is about all other state. There is no second loss to compare with, so what a loss keeps from its very first
call is seen only as a change of what its code reads, which may be a mere record.
"""

from __future__ import annotations

import contextlib
import copy
import inspect
import itertools
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from landscape.data.split import Split
from landscape.data.structure import batch_length
from landscape.errors import EvaluationError
from landscape.members import buffers_in, parameters_in
from landscape.objective.conduct import Values, differ, parts_of
from landscape.objective.loss_modules import callables_of
from landscape.objective.measure import Measure
from landscape.objective.places import in_their_places
from landscape.objective.probe import OUTPUT, TRIED, values_of
from landscape.objective.steady import SEED

if TYPE_CHECKING:
    from landscape.objective.objective import Objective

# How far the net is moved, as a share of its norm, and how many of its weights at most: those that come back are kept, and a
# plane is to take no more than its vectors.
DISTANCE, MOST = 0.25, 1_000_000
INSTEAD = "keep nothing from call to call, or keep it in a buffer of the net, which is put back before each batch"


class Untouched:
    """What was not called yet: copies of a net, and what the code of its losses reads.

    A copy has parameters of its own up to `MOST` numbers, and shares those of a larger net. There is none where a net cannot be
    copied.
    """

    def __init__(self, model: nn.Module, measure: Measure, *, wanted: bool = True):
        tensors = [*parameters_in(model), *buffers_in(model)]
        large = sum(each.numel() for each in tensors) > MOST
        shared = {id(each): each for each in tensors} if large else {}
        self._copies: list[nn.Module] = []
        self._read = {function: _read_by(function) for function in functions_of(measure)}
        # a copy of a compiled net would be compiled again
        if wanted and not any(hasattr(each, "_orig_mod") for each in model.modules()):
            with contextlib.suppress(
                Exception
            ):  # whatever a stranger's net does when it is copied, it can be evaluated
                self._copies = [copy.deepcopy(model, dict(shared)) for _ in range(2)]

    def compare(self, objective: Objective, *, lenient: bool) -> None:
        """Compares the net of an objective, which was called, with these; at the end it is where it was.

        What the code of the losses reads and has changed is noted in the objective's conduct.

        Raises:
            EvaluationError: values depend on earlier evaluations.
        """
        (copies, self._copies), (before, self._read) = (self._copies, []), (self._read, {})
        if copies and not objective.lent and not objective.conduct.changes:
            place = contextlib.nullcontext() if lenient else in_their_places(objective)
            with place, contextlib.suppress(_Untried):
                _compare(objective, copies)
        now = ((function, _read_by(function)) for function in before)
        changed = {name: None for f, found in now for name, value in found.items() if before[f].get(name) != value}
        objective.conduct = replace(objective.conduct, remembers=tuple(changed))


class _Untried(Exception):
    """The net or the loss did not take what it was to be tried with."""


def _compare(objective: Objective, copies: list[nn.Module]) -> None:
    batch, other = _two_batches(objective, next(iter(objective.splits.values())))
    first = _values(objective, objective.model, batch)
    if other is not None:
        found = _values(objective, objective.model, other)
        _refuse(objective, found, _values(objective, copies[0], other), "of other samples")
    with moved(objective.parameters):
        found = _values(objective, objective.model, batch)
        for own, tensor in zip(parameters_in(copies[1]), parameters_in(objective.model), strict=True):
            if own is not tensor:
                own.data.copy_(tensor)
        _refuse(objective, found, _values(objective, copies[1], batch), "at other weights")
    _refuse(objective, _values(objective, objective.model, batch), first, "at other weights")


def _refuse(objective: Objective, found: Values, expected: Values, where: str) -> None:
    if found.keys() == expected.keys() and (apart := differ(expected, found, objective.precision)):
        raise EvaluationError(
            f"values depend on earlier evaluations {where} ({apart}): the net or the loss keeps something outside of parameters "
            f"and buffers, such as numbers of its first call or a running mean; {INSTEAD}"
        )


def _two_batches(objective: Objective, split: Split) -> tuple[Any, Any]:
    """The samples that the check has passed, and others; None where there are no others."""
    batches = list(itertools.islice(split.batches(min(objective.batch_size, TRIED)), 2))
    return batches[0], batches[1] if len(batches) > 1 else _last_part(batches[0])


def _last_part(batch: Any) -> Any:
    length = batch_length(batch)
    parts = parts_of(batch, length, -(-length // 2)) if length >= 4 else []
    return parts[-1][0] if len(parts) > 1 else None


def _values(objective: Objective, model: nn.Module, batch: Any) -> Values:
    try:
        found = values_of(objective, model, batch)
    except Exception as error:
        raise _Untried from error
    return {name: value for name, value in found.items() if not name.startswith(OUTPUT)}


@contextlib.contextmanager
def moved(weights: Tensor) -> Iterator[None]:
    """Within the block the weights are others: a quarter of their norm away in a random direction, as points of a plane are."""
    few = weights[:MOST]
    before = few.clone()
    drawn = torch.randn(few.shape, generator=torch.Generator().manual_seed(SEED), dtype=few.dtype).to(few.device)
    few.add_(drawn, alpha=DISTANCE * float(before.norm() / drawn.norm()) if few.numel() else 0.0)
    try:
        yield
    finally:
        few.copy_(before)


def functions_of(measure: Measure) -> list[Callable[..., Any]]:
    """The user's own functions of a measure."""
    return [
        each
        for each in callables_of(measure)
        if inspect.isfunction(each) and not str(each.__module__).startswith("landscape.")
    ]


def outside_of(function: Callable[..., Any]) -> dict[str, Any]:
    """The variables of its file and of functions around it that a function names, but for those that are not set yet."""
    code, known = function.__code__, function.__globals__
    found = {name: known[name] for name in code.co_names if name in known}
    for name, cell in zip(code.co_freevars, function.__closure__ or (), strict=True):
        with contextlib.suppress(ValueError):  # an empty one
            found[name] = cell.cell_contents
    return found


def _read_by(function: Callable[..., Any]) -> dict[str, Any]:
    """The numbers and collections that the code of a function names outside of itself, as texts to be compared."""
    named = outside_of(function)
    return {name: _text(value) for name, value in named.items() if isinstance(value, (*_NUMBERS, *_COLLECTIONS))}


_NUMBERS, _COLLECTIONS = (int, float, complex, Tensor), (list, dict, set)


def _text(value: Any) -> str:
    """Short also for large collections, whose ends and length say whether they have grown."""
    if isinstance(value, Tensor):
        return (
            f"{tuple(value.shape)} {float(torch.nan_to_num(value.detach().float()).sum())}"
            if value.numel()
            else "empty"
        )
    if isinstance(value, _COLLECTIONS):
        parts = list(value.values()) if isinstance(value, dict) else list(value)
        return f"{len(parts)} {[_text(each) for each in (parts[:4] + parts[-4:]) if isinstance(each, _NUMBERS)]}"
    return repr(value)
