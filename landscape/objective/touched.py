"""Which of some tensors a computation works with, found by where they lie in memory.

Owns: `Memory`, which knows the tensors and everything that shares memory with them, such as a view, a `.data` or an array of
numpy; and `Reading`, which notes every operation of torch on one of them, and gives it other numbers in its place if wanted.
"""

from __future__ import annotations

import bisect
import contextlib
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from landscape.data.structure import mapped

# What stands in place of a tensor: far enough away to be seen, near enough to be evaluated; and in another order, for what
# follows the order of numbers alone.
CHANGES = (lambda tensor: tensor * 1.25 + 0.01, lambda tensor: 0.01 - tensor)


class Memory:
    """Where some named tensors lie; those that share memory with one of `own` are left out."""

    def __init__(self, named: Iterable[tuple[str, Tensor]], own: Iterable[Tensor] = ()):
        taken = _Ranges([(span, "own") for each in own if (span := _span(each))])
        found = [(name, each, _span(each)) for name, each in named]
        self._ids = {id(each): (name, each) for name, each, span in found if span is None}
        self._ranges = _Ranges([(span, name) for name, _, span in found if span and taken.at(span) is None])

    def __bool__(self) -> bool:
        return bool(self._ids or self._ranges)

    def name_of(self, tensor: Tensor) -> str | None:
        """The name of the first tensor that this one is, or shares memory with."""
        if id(tensor) in self._ids:
            return self._ids[id(tensor)][0]
        span = _span(tensor)
        return None if span is None else self._ranges.at(span)

    def name_of_array(self, array: np.ndarray) -> str | None:
        if not array.size:
            return None
        start: int = array.__array_interface__["data"][0]
        steps = [(size - 1) * step for size, step in zip(array.shape, array.strides, strict=True)]
        low, high = sum(min(0, step) for step in steps), sum(max(0, step) for step in steps)
        return self._ranges.at(("cpu", start + low, start + high + array.itemsize))


_Span = tuple[str, int, int]


class _Ranges:
    """Ranges of memory, (device, start, end), with names; one that begins before another ends is joined to it."""

    def __init__(self, spans: Iterable[tuple[_Span, str]]):
        self._of: dict[str, list[tuple[int, int, str]]] = {}
        for (device, start, end), name in sorted(spans):
            known = self._of.setdefault(device, [])
            if known and start < known[-1][1]:
                first, last, name = known.pop()
                start, end = first, max(last, end)
            known.append((start, end, name))

    def __bool__(self) -> bool:
        return bool(self._of)

    def at(self, span: _Span) -> str | None:
        device, start, end = span
        known = self._of.get(device, [])
        before = bisect.bisect_left(known, (end,)) - 1
        return known[before][2] if before >= 0 and known[before][1] > start else None


def _span(tensor: Tensor) -> _Span | None:
    """None where a tensor has no memory of its own that could be known, as one of another layout."""
    try:
        start = tensor.data_ptr()
        if not start or tensor.layout != torch.strided:
            return None
        reach = sum((size - 1) * step for size, step in zip(tensor.shape, tensor.stride(), strict=True))
        return str(tensor.device), start, start + (reach + 1) * tensor.element_size()
    except (RuntimeError, NotImplementedError, TypeError, ValueError):  # a subclass, within torch.func, not initialized
        return None


Change = Callable[[Tensor], Tensor]


class Reading:
    """Notes the operations on tensors of a `memory`; with `change` they get other numbers in their place."""

    def __init__(self, memory: Memory, model: nn.Module, change: Change | None = None):
        self._memory, self._model, self._change = memory, model, change
        self._others: dict[int, tuple[Tensor, Tensor]] = {}
        self._depth = 0
        self.names: dict[str, None] = {}
        self.by_net = False

    @contextlib.contextmanager
    def followed(self) -> Iterator[None]:
        """Within the block operations are noted: those that Python calls, and those within torch.func and compiled functions."""
        hooks = [
            self._model.register_forward_pre_hook(lambda *_: self._enter(1)),
            self._model.register_forward_hook(lambda *_: self._enter(-1)),
        ]
        try:
            with uncompiled(), _Called(self.seen), _Beneath(self.seen):
                yield
        finally:
            for hook in hooks:
                hook.remove()

    def _enter(self, step: int) -> None:
        self._depth += step

    def seen(self, tensor: Tensor) -> Tensor:
        """What an operation is to get for a tensor that it is given."""
        if id(tensor) in self._others:
            return self._others[id(tensor)][1]
        name = self._memory.name_of(tensor)
        if name is None:
            return tensor
        self.names[name] = None
        self.by_net |= self._depth > 0
        if self._change is None or not (tensor.is_floating_point() or tensor.is_complex()):
            return tensor
        change, self._change = self._change, None  # its own operations are on the tensor as it is
        other = change(tensor.detach()).requires_grad_(tensor.requires_grad)
        self._change = change
        self._others[id(tensor)] = tensor, other  # held, so that its id stays its own
        return other


class _Called(TorchFunctionMode):
    """Passes the tensors of each function of torch's that Python calls through `seen`."""

    def __init__(self, seen: Change):
        super().__init__()
        self._seen = seen

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return function(*mapped(tuple(args), self._seen), **mapped(dict(kwargs or {}), self._seen))


class _Beneath(TorchDispatchMode):
    """The same of each operation that is carried out, whoever calls it."""

    def __init__(self, seen: Change):
        super().__init__()
        self._seen = seen

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return function(*mapped(tuple(args), self._seen), **mapped(dict(kwargs or {}), self._seen))


@contextlib.contextmanager
def uncompiled() -> Iterator[None]:
    """Within the block compiled nets and functions run as they are written, and nothing is compiled."""
    if "torch._dynamo" not in sys.modules:  # which is slow to import; nothing is compiled without it
        yield
        return
    with torch.compiler.set_stance("force_eager"):
        yield
