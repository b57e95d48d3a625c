"""Nets that are evaluated beside each other, one for each thread, on the same weights.

Owns: `twins`, and what forbids them. A twin has modules of its own, so that what a net keeps in its attributes during a call
stays apart; its parameters and buffers are those of the net. The user's own code is read (reach.py): what it may keep elsewhere,
such as in a global variable, forbids twins. What is not seen there is found by trying: one evaluation is begun in the middle of
another, before each line of own code and before some of installed libraries. Where that changes a value, or waits for the other,
as for a lock, evaluations go one after another.
"""

from __future__ import annotations

import contextlib
import copy
import itertools
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
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
from landscape.objective.loss_modules import callables_of, hooked_by_others, module_behind
from landscape.objective.measure import Measure, Model, OutputMeasure
from landscape.objective.numerics import numerics
from landscape.objective.reach import Reach, is_known, is_library
from landscape.objective.steady import same
from landscape.objective.team import Team

if TYPE_CHECKING:
    from landscape.objective.objective import Objective

# Samples that are tried. Processor seconds for the user's own lines, beyond which evaluations go one after another, and for those
# of libraries, of which a few are tried in any case. Seconds that an evaluation may take that is begun in the middle of another.
TRIED, OWN_SECONDS, LIBRARY_SECONDS, FEWEST, WAIT_SECONDS = 8, 20.0, 1.0, 4, 5.0
# The memory of a batch, in tensors of the size of the largest.
LIVE = 6


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
    losses = [loss for each in callables_of(objective.measure) if (loss := module_behind(each)) is not None]
    for part in (part for loss in losses for part in loss.modules()):
        if hooked_by_others(part) or hasattr(part, "_orig_mod"):
            return "hooks of the loss, or its compiled code, may keep what passes"
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
    one, other = _batches(objective)

    def values(twin: Twin, batch: Any, within: contextlib.AbstractContextManager[object]) -> dict[str, Tensor]:
        with numerics(objective.precision, objective.device), within:
            return read(twin.values(batch), batch_length(batch))

    own, lines, largest = Twin(objective.net, objective.measure), _Between(), Largest()
    for tensor in itertools.chain(parameters_in(objective.model), buffers_in(objective.model)):
        lines.reach.watch(tensor)
    alone = values(own, one, lines)
    if lines.reach.state or lines.reach.wrote:
        return 1
    started = time.thread_time()  # of this thread alone: the choice is not one of the other work on the machine
    values(own, other, contextlib.nullcontext())
    if (places := _places(lines, time.thread_time() - started)) is None:
        return 1
    inner = torch.get_num_threads()
    between = _Between(_Aside(lambda: values(found[-1], other, contextlib.nullcontext()), inner), places)
    mixed = Team(1).map(lambda thread, twin: values(twin, one, between), found[:1], inner=inner)[0]
    if any(place not in between.reached for place in places if not is_library(place.file)):
        return 1  # it runs other lines each time
    if alone.keys() != mixed.keys() or not all(same(value, mixed[name]) for name, value in alone.items()):
        return 1
    values(own, one, largest)
    batch = largest.nbytes / batch_length(one) * objective.batch_size
    return min(len(found), int(host_budget() // max(1.0, LIVE * batch)))


def _places(lines: _Between, seconds: float) -> Collection[Place] | None:
    """Where another evaluation, which takes `seconds`, is begun: before each line's first and last execution.

    None if that takes too long for the lines of the user's own code.
    """
    found = sorted({Place(*line, at) for line, times in lines.executed.items() for at in (0, times - 1)})
    own = [place for place in found if not is_library(place.file)]
    if len(own) * seconds > OWN_SECONDS:
        return None
    others = [place for place in found if is_library(place.file)]
    step = -(-len(others) // max(FEWEST, int(LIBRARY_SECONDS / max(seconds, 1e-6)))) or 1
    return {*own, *others[::step]}


def _batches(objective: Objective) -> tuple[Any, Any]:
    """A few samples of the first batch and of the last, as many of both: what is kept by their number is common, too."""
    found = [_batch(objective, first=first) for first in (True, False)]
    length = min(map(batch_length, found))
    first, last = (next(iter(parts_of(each, batch_length(each), length)), (each, 0))[0] for each in found)
    return first, last


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


class Place(NamedTuple):
    """Before the execution `at` of a line, counted from 0."""

    file: str
    line: int
    at: int


class _Aside:
    """Work that is done in a thread of its own, each time it is called.

    Raises:
        TimeoutError: it does not end, as if it waited for a lock that the caller holds. RuntimeError: it fails.
    """

    def __init__(self, work: Callable[[], Any], inner: int):
        self._work, self._inner = work, inner

    def __call__(self) -> None:
        ended, failed = threading.Event(), list[BaseException]()

        def run() -> None:
            try:
                torch.set_num_threads(self._inner)
                self._work()
            except BaseException as error:
                failed.append(error)
            ended.set()

        threading.Thread(target=run, name="landscape-aside", daemon=True).start()
        if not ended.wait(WAIT_SECONDS):
            raise TimeoutError("an evaluation in the middle of another does not end")
        if failed:
            raise RuntimeError("an evaluation in the middle of another fails") from failed[0]


class _Between:
    """Counts how often this thread executes each line of others' code, and does something else before some of them.

    Lines are known by their names, not by their order: collected garbage runs its own at any time.
    """

    def __init__(self, other: Callable[[], Any] = lambda: None, places: Collection[Place] = ()):
        self._other, self._places = other, places
        self.executed: Counter[tuple[str, int]] = Counter()
        self.reach = Reach()
        self.reached: set[Place] = set()

    def __enter__(self) -> None:
        self._before = sys.gettrace()
        sys.settrace(self._trace)

    def __exit__(self, *exception: object) -> None:
        sys.settrace(self._before)

    def _trace(self, frame: FrameType, event: str, argument: Any) -> Any:
        file = frame.f_code.co_filename
        if is_known(file):
            return None
        if event == "call" and not is_library(file):
            self.reach.look(frame)
        if event == "line":
            place = Place(file, frame.f_lineno, self.executed[file, frame.f_lineno])
            self.executed[file, frame.f_lineno] += 1
            if place in self._places:
                self.reached.add(place)
                self._other()  # Python does not trace it
        return self._trace


class Largest(TorchFunctionMode):
    """`nbytes` of the largest tensor that torch returned within the block."""

    nbytes = 0

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        found = func(*args, **(kwargs or {}))
        self.nbytes = max(self.nbytes, found.nbytes if type(found) is Tensor else 0)
        return found
