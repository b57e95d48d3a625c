"""Losses and metrics that are modules: in evaluation mode where they are measured, as the net is, and copied where they may be.

Owns: which module stands behind a callable, the same callable with another one, their modes, and buffers that calls change.
Copies are made in loss_copies.py. A function that calls a module which it has found elsewhere is not seen through.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.modules.dropout import _DropoutNd

from landscape.callables import explain
from landscape.errors import EvaluationError, LandscapeError

M = TypeVar("M")


def module_behind(function: Any) -> nn.Module | None:
    """The module that is called: itself, inside a partial, or the one whose method it is."""
    if isinstance(function, functools.partial):
        return module_behind(function.func)
    owner = function.__self__ if inspect.ismethod(function) else function
    return owner if isinstance(owner, nn.Module) else None


def callables_of(measure: Any) -> list[Any]:
    """The losses and metrics of a measure: functions, modules and other objects that can be called."""
    found = [getattr(measure, "function", None), *getattr(measure, "functions", {}).values()]
    return [each for each in found if each is not None]


def with_module(function: Callable, module: nn.Module) -> Callable:
    """The callable with another module behind it."""
    if isinstance(function, functools.partial):
        return functools.partial(with_module(function.func, module), *function.args, **function.keywords)
    return getattr(module, function.__name__) if inspect.ismethod(function) else module


def is_as_made(module: Any) -> bool:
    """Whether a module of a library's class computes what its class does: no hooks, no `forward` or `__call__` of its own."""
    hooked = any(vars(module).get(table) for table in ("_forward_hooks", "_forward_pre_hooks"))
    own_call = type(module).__call__ is not nn.Module.__call__
    return not (hooked or own_call or "forward" in vars(module))


# Where a module of ours has what puts its buffers back.
PUT_BACK = "_landscape_put_back"


class _PutBack:
    """A hook of a module, before each call: its buffers are those of the beginning again, whatever calls have made of them.

    A write is known by torch's count of writes, because a queue of a loss may be large.
    """

    def __init__(self, module: nn.Module):
        self.hooked = False
        self.held = [
            _Buffer(f"{path}.{name}".strip("."), part, name, buffer)
            for path, part in module.named_modules()
            if not isinstance(part, torch.jit.ScriptModule)  # whose tables are torch's
            for name, buffer in part._buffers.items()
            if buffer is not None and buffer.layout == torch.strided and not buffer.is_inference()
        ]

    def __call__(self, *given: Any) -> None:
        for each in self.held:
            if each.moved:
                each.put_back()

    def moved(self) -> list[str]:
        return [each.shown for each in self.held if each.moved]


class _Buffer:
    """A buffer as it was, and where."""

    def __init__(self, shown: str, part: nn.Module, name: str, buffer: Tensor):
        self.shown, self._part, self._name, self._buffer = shown, part, name, buffer
        self._before, self._writes = buffer.detach().clone(), buffer._version

    @property
    def moved(self) -> bool:
        return self._part._buffers.get(self._name) is not self._buffer or self._buffer._version != self._writes

    def put_back(self) -> None:
        self._part._buffers[self._name] = self._buffer
        self._buffer.data.copy_(self._before)  # `data`: what autograd has kept of the buffer stays valid
        self._writes = self._buffer._version


def put_back_before_calls(function: Any, module: nn.Module) -> None:
    """From here on each call of the module, which is a copy, finds its buffers as they are now, where torch's hooks are called;
    methods and a `__call__` of its own pass them by, and `buffers_moved` refuses what moves there."""
    if not (back := _PutBack(module)).held:
        return
    back.hooked = not _bypasses(function, module)
    vars(module)[PUT_BACK] = back
    if back.hooked:
        module.register_forward_pre_hook(back)


def drop_put_back(module: nn.Module) -> None:
    """Takes the hook from a copy of such a module, whose tensors are on another device or of another dtype."""
    if vars(module).pop(PUT_BACK, None) is not None:
        for key, hook in list(module._forward_pre_hooks.items()):
            if isinstance(hook, _PutBack):
                del module._forward_pre_hooks[key]


def hooked_by_others(part: nn.Module) -> bool:
    """Whether a part of a loss has hooks that are not ours."""
    hooks = (*part._forward_hooks.values(), *part._forward_pre_hooks.values())
    return any(not isinstance(hook, _PutBack) for hook in hooks)


def _bypasses(function: Any, module: nn.Module) -> bool:
    called = function.func if isinstance(function, functools.partial) else function
    return called is not module or type(module).__call__ is not nn.Module.__call__


def buffers_moved(measure: Any) -> list[str]:
    """The buffers of losses that a call has changed, and the next puts back, by name.

    Raises:
        EvaluationError: no hook could put them back.
    """
    modules = [each for each in map(module_behind, callables_of(measure)) if each is not None]
    found = [back for each in modules if (back := vars(each).get(PUT_BACK)) is not None]
    for back in found:
        if not back.hooked and (moved := back.moved()):
            raise EvaluationError(
                f"the loss changes its buffer {moved[0]} where it is measured, by a method or a __call__ of its own; let it do "
                "that in training mode alone (if self.training:), or give the module itself with a forward"
            )
    return [f"{name} of the loss" for back in found for name in back.moved()]


def into_evaluation(module: nn.Module) -> None:
    """Puts it into evaluation mode, by its own `eval` first, which may do more than set modes.

    Raises:
        LandscapeError: that fails.
    """
    try:
        module.eval()
    except Exception as error:
        raise LandscapeError(
            f"the loss {type(module).__name__} cannot be put into evaluation mode: its eval() failed ({explain(error)})"
        ) from error
    for part in module.modules():
        part.training = False


@contextlib.contextmanager
def borrowed(module: nn.Module | None) -> Iterator[None]:
    """Within the block a module of the caller's is in evaluation mode; after it modes and buffers are as before.

    It is called by one thread at a time.
    """
    if module is None or isinstance(module, torch.jit.ScriptModule):
        yield
        return
    modes, back, own = [(part, part.training) for part in module.modules()], _PutBack(module), _sets_more(type(module))
    if own:
        into_evaluation(module)
    for part, _ in modes:
        part.training = False
    try:
        yield
    finally:
        back()
        if own and modes[0][1]:
            module.train()
        for part, training in modes:
            part.training = training


def _sets_more(kind: type[nn.Module]) -> bool:
    """Whether its `train` or `eval` is its own, and may set more than modes."""
    return kind.train is not nn.Module.train or kind.eval is not nn.Module.eval


def tells_modes(module: nn.Module) -> bool:
    """Whether its code or its layers tell evaluation from training, as far as they can be read."""
    return any(map(_tells, module.modules()))


def _tells(part: nn.Module) -> bool:
    kind = type(part)
    if isinstance(part, (_DropoutNd, _NormBase)):
        return True
    written = [each for each in kind.__mro__ if not each.__module__.startswith(("torch.", "builtins"))]
    codes = [getattr(value, "__code__", None) for each in written for value in vars(each).values()]
    return any("training" in code.co_names for code in codes if code is not None) or (
        _sets_more(kind) and bool(written)
    )


def in_evaluation(measure: M) -> M:
    """The measure itself, whose losses of outputs that are modules are its own copies: in evaluation mode, as the net is, and
    with the same buffers before each call."""
    for each in getattr(measure, "functions", {}).values():
        if (module := module_behind(each)) is not None:
            into_evaluation(module)
            put_back_before_calls(each, module)
    return measure


def reads_mode(measure: Any) -> list[str]:
    """Its losses and metrics that are modules and tell evaluation from training, as `the loss Warm`."""
    named = {"loss": getattr(measure, "function", None), **getattr(measure, "functions", {})}
    return [
        f"the {'loss' if name == 'loss' else 'metric'} {type(module).__name__}"
        for name, each in named.items()
        if (module := module_behind(each)) is not None and tells_modes(module)
    ]
