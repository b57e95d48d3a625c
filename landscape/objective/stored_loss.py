"""The state of a loss in a checkpoint: its form, and a loss that has it.

Owns: which parts of a file's state are taken over, because a file may say anything: numbers and tensors, none in the place of
code or of a value of another kind, and no texts but words: a loss may read a text as a file name.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from landscape.checkpoint.unwrap import tensors_within
from landscape.data.structure import mapped
from landscape.members import OF_TORCH
from landscape.objective.functions import is_known
from landscape.objective.loss_copies import private_module
from landscape.objective.loss_modules import module_behind, with_module
from landscape.objective.loss_state import ATTRIBUTES, BUFFERS, PARAMETERS, LossState, differing, is_plain, is_same
from landscape.plain_json import check_depth

KINDS = (BUFFERS, PARAMETERS, ATTRIBUTES)
# A checkpoint with more than three times as many values beside its tensors could not be read again.
MOST_VALUES = 1_000_000
# A text of a file that a loss may have, such as the name of a phase of training; no path is one.
WORD = re.compile(r"[\w ,+=-]{0,60}")


def for_checkpoint(measure: Any) -> list[dict[str, Any]]:
    """The state of the loss of a measure, on the CPU, in the form of a checkpoint.

    [] for a loss that is not a module, for one with more values beside tensors than a file may have, and before lazy layers have
    their sizes.
    """
    state = LossState.of_loss(measure).state()
    if any(map(nn.parameter.is_lazy, tensors_within(state))):
        return []
    try:
        check_depth(state, MOST_VALUES)
    except ValueError:
        return []
    return [
        {kind: {name: mapped(value, lambda tensor: tensor.detach().cpu()) for name, value in held.items()}
         for kind, held in part.items()}
        for part in state
    ]  # fmt: skip


def restored(function: Callable, state: Sequence[Any]) -> tuple[Callable, list[str]]:
    """(a copy of the loss with what a checkpoint holds, names of what differs from the loss itself, in order).

    The loss itself, and no names, where it is not a module, nothing is stored, or nothing differs.

    Raises:
        ValueError: the state is not that of such a loss, or has what a file may not say. UsageError: no copy can be made.
    """
    if is_known(function) or (module := module_behind(function)) is None or not state:
        return function, []
    own = private_module(module)
    kept = LossState([own])
    new = kept.state()
    if len(state) != len(new):
        raise ValueError(f"it has {len(state)} parts, and the loss {len(new)}")
    for part, before, after in zip(own.modules(), new, state, strict=True):
        _check_part(part, before, after)
    if not (names := differing(new, state)):
        return function, []
    try:
        kept.restore(state)
    except Exception as error:  # of another shape, or not what a buffer may be
        raise ValueError(str(error)) from error
    return with_module(function, own), names


def _check_part(part: nn.Module, before: Mapping[str, Any], after: Any) -> None:
    """Raises ValueError for the state of another module, or one that would replace more than its values."""
    if not (isinstance(after, dict) and all(isinstance(after.get(kind), dict) for kind in KINDS)):
        raise ValueError("it is not the state of a loss")
    for kind in KINDS:
        if odd := [name for name in after[kind] if not isinstance(name, str) or name in OF_TORCH]:
            raise ValueError(f"{odd[0]!r} is not the name of a value")
        if missing := before[kind].keys() - after[kind].keys():
            raise ValueError(f"it lacks {min(missing)}")
        others = {name for other in KINDS if other != kind for name in before[other]}
        # what a file says may not stand in the place of code
        if taken := [name for name in after[kind] if name in others or callable(getattr(part, name, None))]:
            raise ValueError(f"{taken[0]} is something else there")
        for name, value in after[kind].items():
            _check_value(name, value, before[kind].get(name), tensors=kind != ATTRIBUTES)


def _check_value(name: str, value: Any, own: Any, *, tensors: bool) -> None:
    """Raises ValueError for a value that a file may not give, unless the loss has it already."""
    if is_same(own, value):
        return
    for each in tensors_within(value):
        if each.layout != torch.strided or each.is_quantized or each.is_meta:
            raise ValueError(f"{name} is of a kind that is not taken over (sparse, quantized or without values)")
    if tensors and not isinstance(value, (Tensor, type(None))):
        raise ValueError(f"{name} is not a tensor")
    if not tensors and not is_plain(value):
        raise ValueError(f"{name} is not a plain value")
    if not tensors and not all(map(WORD.fullmatch, _texts_in(value))):
        raise ValueError(f"{name} holds a text that is more than a word, and such a text is not taken from a file")


def _texts_in(value: Any) -> Iterator[str]:
    if isinstance(value, (str, bytes)):
        yield value if isinstance(value, str) else value.decode("latin-1")
    elif isinstance(value, (dict, list, tuple)):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _texts_in(each)
