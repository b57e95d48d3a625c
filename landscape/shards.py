"""Tensors that are divided among the processes of torch.distributed, as FSDP2 and tensor parallel make them (torch's DTensor).

Owns: finding them in a module, this process's part of one, the whole of one, and this process's part of a whole. `whole` is
collective: all processes call it for the same tensors in the same order. Loads torch.distributed only for a tensor of that kind.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from landscape.members import named_parameters
from landscape.passing import passing


def is_divided(tensor: Tensor) -> bool:
    """Whether it is a DTensor."""
    return hasattr(tensor, "device_mesh") and hasattr(tensor, "placements")


def divided_in(module: nn.Module) -> dict[str, Tensor]:
    """The divided parameters of a module by name, once FSDP2 has put away what it gathered for the last pass."""
    put_away(module)
    return {name: tensor for name, tensor in named_parameters(module) if is_divided(tensor)}


def put_away(module: nn.Module) -> None:
    """Frees the whole parameters that FSDP2 keeps after a pass, so that the next one gathers them from their parts."""
    for each in module.modules():
        layer: Any = each
        if hasattr(layer, "reshard") and hasattr(layer, "unshard"):
            layer.reshard()


@contextlib.contextmanager
def given_up(module: nn.Module) -> Iterator[None]:
    """After an error in the block FSDP2 forgets the pass that it broke off, or it would not put away what it gathered."""
    try:
        yield
    except BaseException:
        for each in module.modules():
            layer: Any = each
            if hasattr(layer, "reset_iter_state"):
                # only the outermost module may be asked, and another process may be gone
                with contextlib.suppress(RuntimeError):
                    layer.reset_iter_state()
        raise


def part_of(tensor: Tensor) -> Tensor:
    """This process's part, which shares the tensor's memory; a plain tensor itself."""
    found: Any = tensor.detach()
    return found.to_local() if is_divided(tensor) else found


def whole(tensor: Tensor) -> Tensor:
    """All of it, on its device; a plain tensor itself."""
    found: Any = tensor.detach()
    if not is_divided(tensor):
        return found
    with passing():
        return found.full_tensor()


def part_like(tensor: Tensor, divided: Tensor) -> Tensor:
    """This process's part of a whole `tensor`, divided as `divided` is."""
    if not is_divided(divided):
        return tensor
    from torch.distributed.tensor import distribute_tensor

    like: Any = divided
    on = tensor.to(like.device_mesh.device_type)
    return distribute_tensor(on, like.device_mesh, like.placements, src_data_rank=None).to_local()


def whole_of(part: Tensor, divided: Tensor) -> Tensor:
    """The whole tensor of which every process has its `part`, divided as `divided` is."""
    if not is_divided(divided):
        return part
    from torch.distributed.tensor import DTensor

    like: Any = divided
    on = part.to(like.device_mesh.device_type)
    joint = DTensor.from_local(on, like.device_mesh, like.placements, shape=like.shape, stride=like.stride())
    with passing():
        return joint.full_tensor().to(part.device)


def place_of(module: nn.Module) -> torch.device | None:
    """Where the divided parameters of a module are; None without any."""
    return next((part_of(tensor).device for tensor in divided_in(module).values()), None)
