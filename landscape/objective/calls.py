"""Calls of modules as values: what one was given, compared bit by bit, and a result that is not there.

Owns: `flat`, which takes plain structures apart; `Hollow`, in the place of a tensor that nobody reads; and `intercepted`, within
which chosen modules of a net are called by way of a function of ours. What is kept of calls is decided in recall.py.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

_PLAIN = (type(None), bool, int, float, complex, str, torch.dtype, torch.device, torch.Size, torch.memory_format)
_INTEGERS = {1: torch.uint8, 2: torch.int16, 4: torch.int32}

# (name of the module, its forward, args, kwargs) -> its outputs
Handler = Callable[[str, Callable[..., Any], tuple, dict[str, Any]], Any]


class NotPlain(Exception):
    """There is something in a structure that may be more than its parts."""


def flat(structure: Any, tensors: list[Tensor]) -> Any:
    """The structure without its tensors, to be compared; they are added to `tensors`, in the order of `structure.mapped`.

    Raises:
        NotPlain: it holds an object that is not known to be nothing but its parts, such as a cache that layers write to.
    """
    if isinstance(structure, Tensor):
        if type(structure) not in (Tensor, nn.Parameter, Hollow) or not is_dense(structure):
            raise NotPlain
        tensors.append(structure)
        return "tensor"
    if type(structure) in _PLAIN:
        return type(structure), structure
    if type(structure) in (tuple, list):
        return type(structure), [flat(part, tensors) for part in structure]
    if type(structure) is dict or _is_record(structure):
        return type(structure), [(key, flat(part, tensors)) for key, part in structure.items()]
    raise NotPlain


def _is_record(structure: Any) -> bool:
    """Whether it is a dict with names of its own for its entries, as the outputs of transformers are."""
    return isinstance(structure, dict) and hasattr(structure, "__dataclass_fields__") and hasattr(structure, "to_tuple")


class Hollow(Tensor):
    """A tensor without values, of the form of another. Whatever reads or writes it fails, and `owner.failed` is set."""

    owner: Any
    __torch_function__ = torch._C._disabled_torch_function_impl  # type: ignore[assignment]

    @staticmethod
    def __new__(cls, like: Tensor, owner: Any) -> Hollow:
        made = Tensor._make_wrapper_subclass(
            cls, like.shape, strides=like.stride(), dtype=like.dtype, device=like.device
        )
        made.owner = owner
        return made

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:  # type: ignore[override]
        for each in tree_leaves((args, kwargs)):
            if isinstance(each, Hollow):
                each.owner.failed = True
        raise RuntimeError(f"{func} reads what was not kept")


def is_dense(tensor: Tensor) -> bool:
    """Whether it is a block of numbers in memory, and not sparse or nested."""
    return tensor.layout == torch.strided and not tensor.is_nested


def identical(one: Tensor, other: Tensor) -> bool:
    """Whether two tensors have the same form, place in memory aside, and the same bits."""
    if one is other:
        return True
    if (one.shape, one.dtype, one.device) != (other.shape, other.dtype, other.device) or one.stride() != other.stride():
        return False
    return torch.equal(_bits(one), _bits(other))


def _bits(tensor: Tensor) -> Tensor:
    if tensor.is_floating_point() or tensor.is_complex():  # NaN is equal to itself, and zero is not minus zero
        return tensor.contiguous().reshape(-1).view(_INTEGERS.get(tensor.element_size(), torch.int64))
    return tensor


@contextlib.contextmanager
def intercepted(net: nn.Module, names: Iterable[str], handler: Handler) -> Iterator[None]:
    """Within the block calls of the named modules go to `handler`, but for those in the course of another.

    What the library transformers keeps for a next token is not kept: layers would write to it, and no value depends on it.
    """
    handled = [(name, net.get_submodule(name)) for name in names]
    keeping = _configurations(net)
    inside = False

    def called(name: str, forward: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            nonlocal inside
            if inside:
                return forward(*args, **kwargs)
            inside = True
            try:
                return handler(name, forward, args, kwargs)
            finally:
                inside = False

        return call

    for name, module in handled:
        vars(module)["forward"] = called(name, module.forward)
    for each in keeping:
        each.use_cache = False
    try:
        yield
    finally:
        for _, module in handled:
            vars(module).pop("forward", None)
        for each in keeping:
            each.use_cache = True


def _configurations(net: nn.Module) -> list[Any]:
    """The configurations of transformers that ask for a cache."""
    found = (vars(module).get("config") for module in net.modules())
    return [*{id(each): each for each in found if getattr(each, "use_cache", None) is True}.values()]
