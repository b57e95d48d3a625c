"""What belongs to a module: its parameters, buffers and state, under torch's names, whatever its own methods say.

Owns: reading them past methods that a net overrides, and what these leave out. A net whose `parameters()` returns only what is
to be trained, or whose `state_dict()` leaves out a frozen part, computes with all of them all the same, and all of them are its
weights. Knows no file: under which names one is read is decided in checkpoint/fit.py.
"""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

WITH_TENSORS = {"keep_vars": True}
# The attributes that torch gives to every module.
OF_TORCH = frozenset(vars(nn.Module()))


def named_parameters(module: nn.Module, *, remove_duplicate: bool = True) -> Iterator[tuple[str, nn.Parameter]]:
    """As torch's method of this name; that of a module whose own finds parameters that torch's does not, as in a plain list."""
    if _hides(module):
        return iter(module.named_parameters())
    return nn.Module.named_parameters(module, remove_duplicate=remove_duplicate)


def _hides(module: nn.Module) -> bool:
    """Whether parts of the module are known to methods of its own alone."""
    if type(module).named_parameters is nn.Module.named_parameters:
        return False
    known = {id(each) for _, each in nn.Module.named_parameters(module, remove_duplicate=False)}
    return not _ids(lambda: [each for _, each in module.named_parameters()]) <= known


def parameters_in(module: nn.Module) -> Iterator[nn.Parameter]:
    """Each once, in their order."""
    return (each for _, each in named_parameters(module))


def named_buffers(module: nn.Module, *, remove_duplicate: bool = True) -> Iterator[tuple[str, Tensor]]:
    """As torch's method of this name."""
    return nn.Module.named_buffers(module, remove_duplicate=remove_duplicate)


def buffers_in(module: nn.Module) -> Iterator[Tensor]:
    """Each once, in their order."""
    return (each for _, each in named_buffers(module))


def state_of(module: nn.Module) -> dict[str, Any]:
    """The module's state dict with its tensors themselves.

    Where methods or hooks of its own leave out, rename or copy a member, it is that of torch: all members under their paths.
    """
    given, members = _given(module), _members(module)
    return members if _is_other(given, members) and not _hides(module) else given


def saved_state(module: nn.Module) -> dict[str, Any]:
    """The same, as a state dict to be stored: its tensors without gradients."""
    if not has_own_names(module):
        return module.state_dict()  # with the versions of its layers
    return {**{name: each.detach() for name, each in _members(module).items()}, **_extra(module)}


def _extra(module: nn.Module) -> dict[str, Any]:
    """What layers store beside their members (`get_extra_state`), under torch's names."""
    return {
        f"{path}._extra_state" if path else "_extra_state": layer.get_extra_state()
        for path, layer in nn.Module.named_modules(module, remove_duplicate=False)
        if type(layer).get_extra_state is not nn.Module.get_extra_state
    }


def load_state(module: nn.Module, state: Mapping[str, Any], *, strict: bool = True) -> None:
    """Copies a state dict with the names of `state_of` into the module, by its own method where that knows these names."""
    if has_own_names(module):
        nn.Module.load_state_dict(module, state, strict=strict)
    else:
        module.load_state_dict(state, strict=strict)


def tensors_in(module: nn.Module) -> dict[str, Tensor]:
    """Its parameters and persistent buffers by name, without gradients."""
    return {name: each.detach() for name, each in state_of(module).items() if isinstance(each, Tensor)}


def has_own_names(module: nn.Module) -> bool:
    """Whether the module's own state dict lacks the name of a member, or has another under it and does not load it back."""
    given, members = _given(module), _members(module)
    if any(name not in given for name in members):
        return not _hides(module)
    exchanged = _is_other(given, members) and any(name != other for name, other in _names_by_place(module).items())
    return exchanged and not loads_by_itself(module) and not _hides(module)


def stores_otherwise(module: nn.Module) -> bool:
    """Whether its own state dict has all names, and other values under some, which its `load_state_dict` turns back."""
    return not has_own_names(module) and not _hides(module) and _is_other(_given(module), _members(module))


def own_names(module: nn.Module) -> dict[str, str]:
    """The names of members in the module's own state dict -> those of torch, also where it returns copies of them."""
    found = _names_by_place(module)
    unknown = [name for name, each in _given(module).items() if isinstance(each, Tensor) and name not in found]
    return {**_names_of_copies(module, unknown), **found} if unknown else found


def _names_of_copies(module: nn.Module, names: list[str]) -> dict[str, str]:
    """Of which members those entries of its state dict are copies: found with other numbers in each, as two may hold the same."""
    found: dict[str, str] = {}
    with contextlib.suppress(Exception), torch.no_grad():  # a copy, or its state dict, may fail
        trial, drawn = copy.deepcopy(module), torch.Generator().manual_seed(0)
        members = _members(trial)
        for number, each in enumerate(members.values()):
            floats = each.is_floating_point() or each.is_complex()
            each.copy_(torch.randn(each.shape, generator=drawn) if floats else torch.full(each.shape, number))
        given = _given(trial)
        for name in names:
            same = [other for other, each in members.items() if torch.equal(each, given[name])]
            if same:
                found[name] = same[0]
    return found


def _names_by_place(module: nn.Module) -> dict[str, str]:
    given, members = _given(module), _members(module)
    places: dict[Any, list[str]] = {}
    for name, each in members.items():
        places.setdefault(_place(each), []).append(name)
    found: dict[str, str] = {}
    for name, each in given.items():
        if not isinstance(each, Tensor):
            continue
        tied = places.get(_place(each), [])
        if name in tied or (not tied and name in members and members[name].shape == each.shape):
            found[name] = name
        elif tied:
            found[name] = next((other for other in tied if other not in found.values()), tied[0])
    return found


def left_out(module: nn.Module) -> tuple[str, tuple[str, ...]]:
    """(the method of the module's own that leaves out parameters, these); empty where none does.

    A `state_dict` with entries that are not members, such as copies under other names, is not known to leave out any.
    """
    names = {id(each): name for name, each in named_parameters(module)}
    there = {
        "named_parameters": _ids(lambda: [each for _, each in module.named_parameters()]),
        "parameters": _ids(lambda: [*module.parameters()]),  # which torch makes of the other
    }
    if has_own_names(module):
        given, found, members = _given(module), own_names(module), _members(module)
        if all(name in found for name, each in given.items() if isinstance(each, Tensor)):
            there["state_dict"] = {id(members[name]) for name in found.values()}
    for method, held in there.items():
        if missing := tuple(name for key, name in names.items() if key not in held):
            return method, missing
    return "", ()


def _ids(listed: Any) -> set[int]:
    try:
        return {id(each) for each in listed()}
    except Exception:  # whatever a stranger's method needs, it is not called here
        return set()


def _given(module: nn.Module) -> dict[str, Any]:
    """What its own `state_dict` returns, with the tensors themselves where it can; empty where it fails."""
    for options in (WITH_TENSORS, {}):
        try:
            return dict(module.state_dict(**options))  # type: ignore[call-overload]
        except TypeError:  # a method of the user's without this argument
            continue
        except Exception:
            break
    return {}


def loads_by_itself(module: nn.Module) -> bool:
    """Whether code of its own decides what its members become when a state dict is loaded."""
    usual = nn.Module
    return type(module).load_state_dict is not usual.load_state_dict or any(
        layer._load_state_dict_pre_hooks
        or (
            type(layer)._load_from_state_dict is not usual._load_from_state_dict
            and not type(layer).__module__.startswith("torch.nn.")
        )
        for layer in module.modules()
    )


def _is_other(given: Mapping[str, Any], members: Mapping[str, Tensor]) -> bool:
    return any(given.get(name) is not each for name, each in members.items())


def _members(module: nn.Module) -> dict[str, Tensor]:
    """All parameters and persistent buffers in the order of torch, those that layers share under each of their names."""
    found: dict[str, Tensor] = {}
    for path, layer in nn.Module.named_modules(module, remove_duplicate=False):
        start = f"{path}." if path else ""
        held = {name: each for name, each in layer._buffers.items() if name not in layer._non_persistent_buffers_set}
        own = {**layer._parameters, **held}
        found |= {f"{start}{name}": each for name, each in own.items() if each is not None}
    return found


def _place(tensor: Tensor) -> Any:
    """The same for a tensor with and without gradients."""
    place = tensor.data_ptr() if tensor.layout is torch.strided and not tensor.is_meta else 0
    return (place, tuple(tensor.shape), tensor.dtype) if place else id(tensor)
