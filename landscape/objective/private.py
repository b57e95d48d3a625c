"""A copy of the user's net that is ours to change.

Owns: the copy, the message for a net that has none, a faster program for it, and what of it is not in the flat vector
and has to stay.
"""

from __future__ import annotations

import contextlib
import copy
import functools
from collections.abc import Collection, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from landscape.callables import explain
from landscape.copied import detached, note_copy
from landscape.data.split import Split, copied
from landscape.data.structure import is_pair
from landscape.errors import LandscapeError
from landscape.layout import Layout, real_form
from landscape.members import buffers_in, named_parameters, parameters_in
from landscape.objective.numerics import multiplies_bf16, numerics
from landscape.objective.steady import checksum, refuse_moved
from landscape.program.forward import FoldedNet, folded_net
from landscape.randomness import forked
from landscape.shards import part_of

TRACED_SAMPLES = 4
DEFAULT_BATCH = {"cpu": 128, "cuda": 1024}


def faster_program(
    model: nn.Module, splits: Mapping[str, Split], precision: str, device: torch.device, *, compared: bool = True
) -> FoldedNet | None:
    """A faster program for a net; only for batches (inputs, targets) of tensors, in single precision and bfloat16.

    The caller's measure must use nothing of the net but its outputs. It is tried on samples of the first split. `compared`: see
    `folded_net`.
    """
    batch: Any = next(next(iter(splits.values())).batches(TRACED_SAMPLES), None)
    if any(each.is_complex() for each in (*parameters_in(model), *buffers_in(model))):
        return None
    known = precision in ("fp32", "tf32") or (precision == "bf16" and multiplies_bf16(device))
    if not known or not is_pair(batch) or not isinstance(batch[0], Tensor):
        return None
    with forked(device), numerics(precision, device):
        return folded_net(model, copied(batch[0]), precision, compared=compared)


def usual_batch(program: FoldedNet | None, device: torch.device) -> int:
    """Samples in a batch where nobody says: those that are fastest for a program, or the usual number of a device."""
    return program.batch_size if program and device.type == "cpu" else DEFAULT_BATCH[device.type]


def private_copy(model: nn.Module, *, sharing: Collection[str] = ()) -> nn.Module:
    """A deep copy; the named parameters share their memory with the model's until they are given another.

    Raises:
        LandscapeError: the model cannot be copied; the message says why.
    """
    known: dict[int, Any] = dict(detached(model))
    known |= {
        id(each): nn.Parameter(each.data, each.requires_grad)
        for name, each in named_parameters(model)
        if name in sharing and type(each) is nn.Parameter and not each.is_inference()  # whose copies may have gradients
    }
    try:
        return note_copy(copy.deepcopy(model, known), model)
    except Exception as error:
        raise LandscapeError(
            f"the model cannot be copied ({explain(error)}); detach tensors kept in it, "
            "remove hooks, or replace torch.nn.utils.weight_norm by torch.nn.utils.parametrizations.weight_norm"
        ) from error


def evaluating(model: nn.Module) -> nn.Module:
    """The model itself, in evaluation mode and with parameters that take no gradients; those of embeddings are dense.

    Raises:
        LandscapeError: its own `eval` fails.
    """
    try:
        model.eval()  # whose result is not used: an `eval` or `train` of the user's may return nothing
    except Exception as error:
        raise LandscapeError(
            f"the model {type(model).__name__} cannot be put into evaluation mode: its eval() failed ({explain(error)})"
        ) from error
    for parameter in parameters_in(model):
        parameter.requires_grad_(False)
    for layer in model.modules():
        if isinstance(layer, (nn.Embedding, nn.EmbeddingBag)):
            layer.sparse = False  # it decides the form of gradients alone, and sparse ones have no second derivatives
    return model


def _is_number(tensor: Tensor) -> bool:
    return tensor.is_floating_point() or tensor.is_complex()


class Resting:
    """The parameters that a layout leaves out: they stay as they are in the private net."""

    def __init__(self, model: nn.Module, layout: Layout):
        held = set(layout.names)
        named = named_parameters(model)
        self.tensors = [real_form(part_of(each)) for name, each in named if name not in held and _is_number(each)]
        self.nbytes = sum(each.nbytes for each in self.tensors)

    @functools.cached_property
    def square(self) -> float:
        """Their squared norm."""
        return float(sum(each.double().square().sum() for each in self.tensors))

    @contextlib.contextmanager
    def unmoved(self) -> Iterator[None]:
        """Raises EvaluationError if what is done in the block changes one of them."""
        before = [checksum(each.reshape(-1)) for each in self.tensors]
        yield
        for each, sums in zip(self.tensors, before, strict=True):
            refuse_moved(each.reshape(-1), sums)
