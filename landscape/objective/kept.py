"""Activations that are the same wherever the net is moved: computed once for each batch, within a limit of memory.

Owns: `Kept`, which passes a batch through what moves alone once the rest is known, when this is right, and what makes it forget.
How a net is divided is known by its `Way`: the graph of a program (program/cut.py), or its modules (recall.py).

Values are those of the whole net, bit for bit. Beside the reasons for that, the first batches are computed both ways; where they
differ, the net is evaluated whole from then on.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import torch
from torch import Tensor

from landscape.data.structure import tensors_in
from landscape.objective.calls import Hollow, identical, is_dense
from landscape.objective.measure import Measure, Model
from landscape.objective.numerics import memory_budget
from landscape.objective.recall import of_modules
from landscape.objective.steady import checksum
from landscape.objective.twins import obstacle
from landscape.program.forward import FoldedNet, Parted

if TYPE_CHECKING:
    from landscape.objective.objective import Objective

# Of the bytes that data may take: they are there already, and curvature keeps its own.
SHARE = 0.5
# Batches at other weights that are computed both ways.
VERIFIED = 2

Values = Mapping[str, Any]
# The metrics of a batch by a net in the place of the objective's
Run = Callable[[Model], Values]
Key = tuple[str, int]  # split and number of a batch


class Way(Protocol):
    """How a net is divided. `layers`, of the `of` that have tensors, are computed once."""

    @property
    def layers(self) -> int: ...

    @property
    def of(self) -> int: ...

    def record(self, net: Model, run: Run) -> tuple[Values, Any]:
        """What `run` gives, and what is to be kept of it: a structure of tensors; None if nothing can be."""

    def replay(self, net: Model, kept: Any, run: Run) -> Values | None:
        """What `run` gives by what was kept; None where that is not known."""

    def tensors(self, kept: Any) -> Any:
        """A structure with all tensors that are kept."""


@dataclass
class OfProgram:
    """The way of a folded program: the values that cross the cut."""

    parted: Parted
    layers: int
    of: int

    def record(self, net: Model, run: Run) -> tuple[Values, Any]:
        kept: list[Any] = []

        def recorded(inputs: Tensor) -> Tensor:
            kept.append(self.parted.before(inputs))
            return self.parted.after(kept[0], len(inputs))

        return run(recorded), kept

    def replay(self, net: Model, kept: Any, run: Run) -> Values | None:
        return run(lambda inputs: self.parted.after(kept[0], len(inputs)))

    def tensors(self, kept: Any) -> Any:
        return kept


class Memo(NamedTuple):
    """What is kept of a batch, and the `mark` of the weights at which it was computed."""

    kept: Any
    nbytes: int
    mark: tuple[float, float]


class Kept:
    """`kept(net, measure, key, batch)` within a block of `Objective.ready`, after `note`, by any thread; `limit` in bytes."""

    def __init__(self, objective: Objective, way: Way, limit: float):
        self.way, self.limit = way, limit
        self._objective, self._lock = objective, threading.Lock()
        held = [[*vars(split).values()] for split in objective.splits.values()]
        self._data = {_storage(each) for each in tensors_in(held) if is_dense(each)}  # is there in any case
        self._slots = [(held, name) for held, name in _slots(objective) if not moves(objective)(held[name])]
        self._state: tuple[Any, Tensor] | None = None
        self._forget()
        self._verified, self._differs = 0, False
        self._mark = (0.0, 0.0)

    @property
    def nbytes(self) -> int:
        """Bytes of what is kept now."""
        return sum(memo.nbytes for memo in self._memos.values())

    def note(self) -> object:
        """To be called at each point: forgets everything, and returns another object, if something has changed of what rests."""
        state = self._rests()
        if self._state is None or self._state[0] != state[0] or not identical(self._state[1], state[1]):
            self._forget()
        self._state = state
        if self._verified < VERIFIED:
            self._mark = checksum(self._objective.weights)
        return self._unchanged

    def __call__(self, net: Model, measure: Measure, key: Key, batch: Any) -> Values:
        def run(model: Model) -> Values:
            return measure(model, batch)

        if self._differs or key in self._whole:
            return run(net)
        memo = self._memos.get(key)
        if memo is None:
            return self._recorded(net, key, run)
        found = self.way.replay(net, memo.kept, run)
        if found is None:
            self._drop(key)
            return run(net)
        if self._verified < VERIFIED and memo.mark != self._mark:
            return self._compared(found, run(net))
        return found

    def _recorded(self, net: Model, key: Key, run: Run) -> Values:
        values, kept = self.way.record(net, run)
        nbytes = 0 if kept is None else self._bytes_of(self.way.tensors(kept))
        with self._lock:
            fits = kept is not None and nbytes <= self._left
            if fits:
                self._left -= nbytes
                self._memos[key] = Memo(kept, nbytes, self._mark)
            else:
                self._whole.add(key)
        return values

    def _bytes_of(self, kept: Any) -> int:
        """The memory of all tensors in a structure, each once."""
        places = {_storage(each) for each in tensors_in(kept) if type(each) is not Hollow}
        return sum(nbytes for _, nbytes in places - self._data)

    def _compared(self, found: Values, whole: Values) -> Values:
        pairs = zip(tensors_in([*found.values()]), tensors_in([*whole.values()]), strict=True)
        same = all(identical(one, other) for one, other in pairs)
        with self._lock:
            self._verified += same
            if not same:
                self._differs = True
                self._forget()
        return whole

    def _drop(self, key: Key) -> None:
        with self._lock:
            if memo := self._memos.pop(key, None):
                self._left += memo.nbytes
            self._whole.add(key)

    def _forget(self) -> None:
        self._memos: dict[Key, Memo] = {}
        self._whole: set[Key] = set()  # batches that are passed through the whole net
        self._left, self._unchanged = self.limit, object()

    def _rests(self) -> tuple[Any, Tensor]:
        """The places and versions of all tensors that rest, and the values of the buffers, which some write to unseen."""
        tensors = [held[name] for held, name in self._slots]
        places = [(each.data_ptr(), -1 if each.is_inference() else each._version) for each in tensors]
        buffers = [each for each in tensors if not isinstance(each, torch.nn.Parameter)]
        raw = [each.reshape(-1).view(torch.uint8) for each in buffers if each.numel()]
        return places, torch.cat(raw) if raw else torch.empty(0)


class Keeping:
    """Where an objective has its `kept`, made at its first point; None where nothing is kept. `budget`: bytes for its data."""

    def __init__(self, budget: float, *, wanted: bool):
        self._budget, self._wanted, self._is_made = budget, wanted, True
        self.kept: Kept | None = None

    def start(self) -> None:
        """From here on conduct and batches of the objective are known, and others than before."""
        self.kept, self._is_made = None, not self._wanted

    def note(self, objective: Objective) -> object:
        """To be called at each point. What it returns is another object when something has changed of what rests; or None."""
        if not self._is_made:
            self.kept, self._is_made = _kept_for(objective, self._budget), True
        return self.kept and self.kept.note()


def _kept_for(objective: Objective, budget: float) -> Kept | None:
    """What keeps activations of an objective that is checked; None where nothing rests, or where it may not be kept."""
    if _obstacle(objective):
        return None
    way: Way | None = None
    if isinstance(objective.net, FoldedNet):
        parted = objective.net.parted(moves(objective))
        way = OfProgram(parted, parted.divided.layers, parted.divided.of) if parted else None
    else:
        # whatever a stranger's net does while it is watched, it can be evaluated whole
        with contextlib.suppress(Exception):
            way = of_modules(objective, moves(objective))
    limit = SHARE * min(budget, memory_budget(objective.device))
    return Kept(objective, way, limit) if way else None


def moves(objective: Objective) -> Callable[[Tensor], bool]:
    """Whether a tensor of the net is a view of the objective's weights."""
    place = objective.weights.untyped_storage().data_ptr()
    return lambda tensor: tensor.untyped_storage().data_ptr() == place


def _obstacle(objective: Objective) -> str | None:
    """Why activations may not be kept, as far as that can be seen."""
    if objective.lent or objective.recomputes:
        return "the tensors of the net that rest are not known to stay as they are"
    if not objective.batch_counts:
        return "the batches are not known"
    if why := obstacle(objective):  # what cannot be evaluated beside itself cannot be passed in parts either
        return why
    held = (held[name] for held, name in _slots(objective))
    if all(moves(objective)(each) for each in held if isinstance(each, torch.nn.Parameter)):
        return "all parameters move"
    return None


def _slots(objective: Objective) -> Iterator[tuple[Mapping[str, Any], str]]:
    """Where the tensors of the net are held."""
    for module in objective.model.modules():
        for held in (module._parameters, module._buffers):
            yield from ((held, name) for name, tensor in held.items() if tensor is not None)


def _storage(tensor: Tensor) -> tuple[int, int]:
    return tensor.untyped_storage().data_ptr(), tensor.untyped_storage().nbytes()
