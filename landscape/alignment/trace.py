"""One run of a net with its units followed from operator to operator.

Owns: `UnitTrace`, which runs a net on a few samples, passes bundles of units from tensor to tensor by the table of rules, and
says which units stayed and why. A net is followed by what it does, not by its source: whatever Python it is written in, torch's
operators are seen; what is not understood keeps its units in place.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.weak import WeakTensorKeyDictionary

import landscape.alignment.contractions
import landscape.alignment.moves
import landscape.alignment.reductions  # noqa: F401  (their rules are in the table)
from landscape.alignment.bundles import Bundle, Bundles, NotUnderstood
from landscape.alignment.contractions import fix_all
from landscape.alignment.rules import OperatorCall, rule_of
from landscape.alignment.units import EMPTY, FIXED, Slots, Units
from landscape.members import state_of

# Pass a batch through a net.
Run = Callable[[nn.Module, Any], Any]


def plain_run(net: nn.Module, inputs: Any) -> Any:
    """A tensor is the only argument, a tuple or dict is all of them."""
    if isinstance(inputs, dict):
        return net(**inputs)
    return net(*inputs) if isinstance(inputs, tuple) else net(inputs)


class LayerInput:
    """A tensor that a layer with weights reads: the number of the call, that of the argument, and its bundle."""

    def __init__(self, number: int, argument: int, name: str, bundle: Bundle):
        self.number, self.argument, self.name, self.bundle = number, argument, name, bundle


class UnitTrace:
    """`axes`: for each tensor of the state dict and each of its axes, the slots; `fixed`: what kept units in place."""

    def __init__(self, net: nn.Module):
        self.units = Units()
        self.axes: dict[str, list[Slots | None]] = {}
        self.pieces: dict[str, list[Slots]] = {}
        self.readings: list[LayerInput] = []
        self.fixed: dict[str, int] = {}
        self._bundles: Any = WeakTensorKeyDictionary()
        self._names: Any = WeakTensorKeyDictionary()
        self._used: set[str] = set()
        self._path: list[str] = []
        self._number = -1
        self._net = net
        for name, tensor in state_of(net).items():
            if isinstance(tensor, Tensor) and tensor not in self._names:
                self._begin(name, tensor)

    def _begin(self, name: str, tensor: Tensor) -> None:
        self._names[tensor] = name
        self.axes[name] = [self.units.fresh(size) if size > 1 else None for size in tensor.shape]
        self._bundles[tensor] = tuple(
            Bundle((dim,), slots) for dim, slots in enumerate(self.axes[name]) if slots is not None
        )

    def run(self, run: Run, inputs: Any) -> None:
        """Follows one pass; the net must be in eval mode."""
        with followed(), self._named_modules(), _Watch(self):
            outputs = run(self._net, inputs)
        for leaf in tree_leaves(outputs):
            for tensor in [leaf, *vars(leaf).values()] if hasattr(leaf, "__dict__") else [leaf]:
                if isinstance(tensor, Tensor):
                    fix_all(self.units, self._bundles.get(tensor, ()))
        for name, axes in self.axes.items():
            if name not in self._used:
                for slots in axes:
                    self.units.fix(slots) if slots is not None else None
        self.units.settle()

    # what rules ask for

    def of(self, tensor: Tensor | None, *, zeros: bool = False) -> Bundles:
        if tensor is None or tensor not in self._bundles:
            return ()
        found = []
        for dims, slots in self._bundles[tensor]:
            known = self.units.resolved(slots)
            if (known.unit > (EMPTY if not zeros else FIXED)).any():
                found.append(Bundle(dims, slots if zeros else _without_zeros(slots)))
        return tuple(found)

    def grouped(self, weight: Tensor, groups: int) -> list[Slots]:
        name = self._names.get(weight)
        if name is None:
            raise NotUnderstood
        if name not in self.pieces:
            free = self.axes[name][1]
            if free is None or free.unit[0] != self.units.find(int(free.unit[0]))[0]:
                raise NotUnderstood
            self.units.fix(free)
            self.pieces[name] = [self.units.fresh(weight.shape[1]) for _ in range(groups)]
        if len(self.pieces[name]) != groups:
            raise NotUnderstood
        return self.pieces[name]

    def reads(self, call: OperatorCall, tensor: Tensor) -> None:
        argument = next(i for i, each in enumerate(call.args) if each is tensor)
        self.readings += [LayerInput(self._number, argument, call.name, bundle) for bundle in self.of(tensor)]

    # each call of an operator

    def skip(self) -> None:
        """A call that changes nothing, which is counted too."""
        self._number += 1

    def note(self, call: OperatorCall) -> None:
        """Bundles of the results of a call that has taken place."""
        self._number += 1
        given = call.tensors
        self._used |= {self._names[each] for each in given if each in self._names}
        if not any(each in self._bundles for each in given):
            return
        written = _written(call)
        try:
            known = rule_of(call.func)
            if known is None or len(written) > 1:
                raise NotUnderstood
            found = known(self, call) if call.results else []
            for bundle in (each for row in found for each in row):
                self.units.keep(bundle.slots)  # a slice must stay the slice that it is
        except NotUnderstood:
            self._fix(call, given)
            found = [()] * len(call.results)
        if written:
            if not self._same(self._bundles.get(written[0], ()), found[0] if found else ()):
                self._fix(call, given)  # other views of what was written would not know
            return
        for result, bundles in zip(call.results, found, strict=True):
            if bundles:
                self._bundles[result] = bundles

    def _same(self, one: Bundles, other: Bundles) -> bool:
        known = [
            [(dims, slots) for dims, each in row if ((slots := self.units.plain(each)).unit > EMPTY).any()]
            for row in (one, other)
        ]
        return len(known[0]) == len(known[1]) and all(
            a[0] == b[0] and a[1].key == b[1].key
            for a, b in zip(sorted(known[0], key=_dims), sorted(known[1], key=_dims), strict=True)
        )

    def _fix(self, call: OperatorCall, tensors: list[Tensor]) -> None:
        bundles = [bundle for each in tensors for bundle in self.of(each)]
        roots = {int(u) for _, slots in bundles for u in self.units.resolved(slots).unit.ravel() if u > EMPTY}
        fix_all(self.units, bundles)
        if roots:
            where = f"{call.name} in {self._path[-1] or 'the net'}" if self._path else call.name
            self.fixed[where] = self.fixed.get(where, 0) + len(roots)

    def _leave(self) -> None:
        self._path.pop()

    @contextlib.contextmanager
    def _named_modules(self) -> Iterator[None]:
        """Within the block the module that runs is known."""
        handles = []
        for name, module in self._net.named_modules():
            handles.append(module.register_forward_pre_hook(lambda *_, name=name: self._path.append(name)))
            handles.append(module.register_forward_hook(lambda *_: self._leave()))
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()


def _dims(found: tuple[tuple[int, ...], Slots]) -> tuple[int, ...]:
    return found[0]


def _written(call: OperatorCall) -> list[Tensor]:
    """The arguments that the operator writes over."""
    known = call.func._schema.arguments
    given = [call.by_name[each.name] for each in known if each.alias_info is not None and each.alias_info.is_write]
    return [each for each in given if isinstance(each, Tensor)]


def _without_zeros(slots: Slots) -> Slots:
    return Slots(np.where(slots.unit == EMPTY, FIXED, slots.unit), slots.position)


@contextlib.contextmanager
def followed() -> Iterator[None]:
    """Within the block nets call the operators that rules are of: attention by single ones, not by fused kernels."""
    before = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with torch.no_grad(), sdpa_kernel([SDPBackend.MATH]):
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(before)


class Mode(TorchDispatchMode):
    """Something that sees each call of an operator."""

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Else torch imports its compiler, which takes seconds, at the first call."""
        return False


class _Watch(Mode):
    def __init__(self, trace: UnitTrace):
        super().__init__()
        self._trace = trace

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        restrided = func is torch.ops.aten.as_strided_.default and _same_entries(*args[:3])
        out = func(*args, **(kwargs or {}))
        if not restrided:
            self._trace.note(OperatorCall(func, args, kwargs or {}, out))
        else:
            self._trace.skip()
        return out


def _same_entries(tensor: Tensor, sizes: Sequence[int], strides: Sequence[int]) -> bool:
    """Whether the strides are others only where they do not count, as pooling gives its results a memory format."""
    pairs = zip(sizes, tensor.stride(), strides, strict=False)
    return tuple(sizes) == tuple(tensor.shape) and all(size == 1 or old == new for size, old, new in pairs)
