"""Which module a private copy was made of, which the caller may still hold, as a whole or in parts.

Owns: the record, which keeps none of them alive. What functions of the caller's do with the module is not known here.
"""

from __future__ import annotations

import contextlib
import weakref
from dataclasses import dataclass

from torch import Tensor, nn

from landscape.members import named_buffers, named_parameters


@dataclass(frozen=True)
class _Source:
    module: weakref.ref[nn.Module]
    tensors: tuple[tuple[str, weakref.ref[Tensor]], ...]
    before: _Source | None


_SOURCES: weakref.WeakKeyDictionary[nn.Module, _Source] = weakref.WeakKeyDictionary()


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
