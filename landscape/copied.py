"""Which module a private copy was made of, which the caller may still hold, as a whole or in parts.

Owns: the record, which keeps none of them alive, that of tensors which were copied with something else, such as a loss, and what
`copy.deepcopy` takes only without its graph. What functions of the caller's do with the module is not known here.
"""

from __future__ import annotations

import contextlib
import copy
import weakref
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

from torch import Tensor, nn
from torch.utils.weak import WeakIdKeyDictionary

from landscape.members import named_buffers, named_parameters


@dataclass(frozen=True)
class _Source:
    module: weakref.ref[nn.Module]
    tensors: tuple[tuple[str, weakref.ref[Tensor]], ...]
    before: _Source | None


_SOURCES: weakref.WeakKeyDictionary[nn.Module, _Source] = weakref.WeakKeyDictionary()
# A copied tensor -> a weak reference to what it was copied from.
_TENSORS = WeakIdKeyDictionary()

M = TypeVar("M", bound=nn.Module)


def note_copy(copied: nn.Module, source: nn.Module) -> nn.Module:
    """The copy, from here on known as one of `source`."""
    with contextlib.suppress(TypeError):  # a class of the user's that cannot be a key
        named = (*named_parameters(source), *named_buffers(source))
        held = tuple((name, weakref.ref[Tensor](each)) for name, each in named)
        _SOURCES[copied] = _Source(weakref.ref(source), held, _SOURCES.get(source))
    return copied


def sources_of(copied: nn.Module) -> tuple[list[nn.Module], list[tuple[str, Tensor]]]:
    """The module that it was copied from, the one that this was copied from, and so on, and their parameters and buffers by name.

    Of all of them what is alive.
    """
    modules, tensors, known = list[nn.Module](), list[tuple[str, Tensor]](), None
    with contextlib.suppress(TypeError):
        known = _SOURCES.get(copied)
    while known is not None:
        modules += [each for each in (known.module(),) if each is not None]
        tensors += [(name, each) for name, held in known.tensors if (each := held()) is not None]
        known = known.before
    return modules, tensors


def detached(model: nn.Module) -> dict[int, Tensor]:
    """For a deep copy, by the id of each: what modules keep that was computed with gradients, without its graph.

    Such is what hooks compute from parameters before each call, as pruning does: it cannot be copied with its graph, and need not
    be.
    """
    owners = [*model.modules(), *(owner for module in model.modules() for owner in _of_hooks(module))]
    kept = [value for owner in owners for value in getattr(owner, "__dict__", {}).values()]
    inner = [each for value in kept if type(value) in (list, tuple) for each in value]
    inner += [each for value in kept if type(value) is dict for each in value.values()]
    return {
        id(each): each.detach().clone() for each in (*kept, *inner) if isinstance(each, Tensor) and not each.is_leaf
    }


def _of_hooks(module: nn.Module) -> list[Any]:
    """The objects that are hooks of a layer, or whose methods are."""
    hooks = (*module._forward_pre_hooks.values(), *module._forward_hooks.values())
    return [getattr(hook, "__self__", hook) for hook in hooks]


def copied_whole(module: M) -> M:
    """A deep copy, known as one of `module`, and its tensors as copies of those that it holds in any place."""
    known: dict[int, Any] = dict(detached(module))
    found = copy.deepcopy(module, known)
    note_copy(found, module)
    for each in known.get(id(known), []):  # where `deepcopy` keeps what it has copied
        if isinstance(each, Tensor) and isinstance(known.get(id(each)), Tensor):
            _TENSORS[known[id(each)]] = weakref.ref(each)
    return found


def copied_tensors() -> Iterator[tuple[Tensor, Tensor]]:
    """(copy, what it was copied from in the first place) of all tensors of `copied_whole` that are alive."""
    for each in list(_TENSORS.keys()):
        first: Tensor | None = each
        while first is not None and (held := _TENSORS.get(first)) is not None:
            first = held()
        if first is not None:
            yield each, first
