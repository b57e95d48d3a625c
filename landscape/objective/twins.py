"""Nets that are evaluated beside each other, one for each thread, on the same weights.

Owns: `twins`, and what forbids them. A twin has modules of its own, so that what a net keeps in its attributes during a call
stays apart; its parameters and buffers are those of the net. What a net or loss shares with others all the same, such as a
global variable, is found by trying: one evaluation is begun in the middle of another, at many places, in a thread of its own.
Where that changes a value, evaluations go one after another.
"""

from __future__ import annotations

import copy
import itertools
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor
from torch.nn.modules import module as hooks
from torch.overrides import TorchFunctionMode

from landscape.copied import detached
from landscape.data.memory import host_budget
from landscape.data.structure import batch_length
from landscape.members import buffers_in, parameters_in
from landscape.objective.conduct import parts_of, read
from landscape.objective.measure import Measure, Model, OutputMeasure
from landscape.objective.numerics import numerics
from landscape.objective.steady import same
from landscape.objective.team import Team

if TYPE_CHECKING:
    from landscape.objective.objective import Objective

# Lines before which the other evaluation runs, evenly spaced: as many as take about a second. Samples that are tried.
FEWEST, MOST, SECONDS, TRIED = 4, 64, 1.0, 8
# The memory of a batch, in tensors of the size of the largest.
LIVE = 6
# Code that keeps nothing.
KNOWN = tuple(str(folder) + os.sep for folder in (Path(torch.__file__).parent, Path(__file__).parents[1]))


class Twin(NamedTuple):
    """What one thread evaluates: the net or its faster program, and the metrics."""

    net: Model
    measure: Measure

    def values(self, batch: Any) -> Mapping[str, Any]:
        return self.measure(self.net, batch)


def twins(objective: Objective, count: int) -> list[Twin]:
    """Nets and measures for `count` threads, or for fewer if memory does not hold what passes through as many nets.

    Empty where evaluations must go one after another.
    """
    if obstacle(objective):
        return []
    try:
        found = [Twin(_net(objective), _measure(objective.measure)) for _ in range(count)]
        fitting = _fitting(objective, found)
    except Exception:  # whatever a stranger's net does when it is copied or run elsewhere, it can be evaluated alone
        return []
    return found[:fitting] if fitting > 1 else []


def obstacle(objective: Objective) -> str | None:
    """Why evaluations must go one after another, as far as that can be seen without trying; None if it cannot."""
    if not isinstance(objective.measure, OutputMeasure):
        return "a loss of (model, batch) may do anything with the net"
    if not objective.conduct.plain or objective.recomputes:
        return "states, random numbers, gradients or batches decide values"
    if torch.overrides._len_torch_function_stack() or torch._C._len_torch_dispatch_stack():
        return "a mode of torch is on, which is one of this thread"
    hooked = hooks._global_forward_hooks or hooks._global_forward_pre_hooks
    for part in objective.model.modules():
        if part._forward_hooks or part._forward_pre_hooks or hooked:
            return "hooks may keep what passes"
        if hasattr(part, "_orig_mod"):
            return "a compiled net keeps states that we cannot see"
    return None


def _net(objective: Objective) -> Model:
    if objective.net is not objective.model:  # a traced program, which keeps nothing
        return objective.net
    shared = itertools.chain(parameters_in(objective.model), buffers_in(objective.model))
    return copy.deepcopy(objective.model, detached(objective.model) | {id(tensor): tensor for tensor in shared})


def _measure(measure: Measure) -> Measure:
    assert isinstance(measure, OutputMeasure)
    return measure.twin()


def _fitting(objective: Objective, found: list[Twin]) -> int:
    """How many may be evaluated at a time.

    1 if a twin does not give the net's values in another thread, with evaluations of another twin in the middle of its own.
    """
    one, other = _batch(objective, first=True), _batch(objective, first=False)

    def values(twin: Twin, between: _Between | Largest) -> dict[str, Tensor]:
        with numerics(objective.precision, objective.device), between:
            return read(twin.values(one), batch_length(one))

    def disturbed(thread: int, places: range) -> dict[str, Tensor]:
        return values(found[0], _Between(lambda: found[-1].values(other), places))

    own, lines, largest = Twin(objective.net, objective.measure), _Between(), Largest()
    started = time.perf_counter()
    alone = values(own, lines)
    places = max(FEWEST, min(MOST, int(SECONDS / (time.perf_counter() - started))))
    step = -(-lines.lines // places) or 1
    mixed = Team(1).map(disturbed, [range(0, lines.lines, step)], inner=torch.get_num_threads())[0]
    if alone.keys() != mixed.keys() or not all(same(value, mixed[name]) for name, value in alone.items()):
        return 1
    values(own, largest)
    batch = largest.nbytes / batch_length(one) * objective.batch_size
    return min(len(found), int(host_budget() // max(1.0, LIVE * batch)))


def _batch(objective: Objective, *, first: bool) -> Any:
    """A few samples of the first batch, or of the last."""
    split = list(objective.splits.values())[0 if first else -1]
    count = split.count(objective.batch_size)
    start = 0 if first or count is None else count - 1
    batch: Any = next(_taken(objective, split.batches(objective.batch_size, start, start + 1)))
    length = batch_length(batch)
    return next(iter(parts_of(batch, length, TRIED)), (batch, length))[0]


def _taken(objective: Objective, batches: Iterator[Any]) -> Iterator[Any]:
    with numerics(objective.precision, objective.device):
        yield from batches


class _Between:
    """Counts the lines of a user's code that this thread runs, and does something else before those at some `places`."""

    def __init__(self, other: Callable[[], Any] = lambda: None, places: range = range(0)):
        self._other, self._places, self.lines = other, places, 0

    def __enter__(self) -> None:
        self._before = sys.gettrace()
        sys.settrace(self._trace)

    def __exit__(self, *exception: object) -> None:
        sys.settrace(self._before)

    def _trace(self, frame: FrameType, event: str, argument: Any) -> Any:
        if frame.f_code.co_filename.startswith(KNOWN):
            return None
        if event == "line":
            if self.lines in self._places:
                self._other()  # Python does not trace it
            self.lines += 1
        return self._trace


class Largest(TorchFunctionMode):
    """`nbytes` of the largest tensor that torch returned within the block."""

    nbytes = 0

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        found = func(*args, **(kwargs or {}))
        self.nbytes = max(self.nbytes, found.nbytes if type(found) is Tensor else 0)
        return found
