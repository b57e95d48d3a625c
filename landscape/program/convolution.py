"""A convolution with batch norm folded in and what follows fused in, as the layer of a rewritten net.

Owns: `FoldedConvolution`: its folded weights, which are formed from those of the net, and which kernel it calls.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from landscape.program.fold import folded
from landscape.program.kernels import Affine, Geometry, Kernels, differentiable
from landscape.program.overflow import Watch


class FoldedConvolution(nn.Module):
    """A convolution with batch norm folded in, and what follows fused in: activation(conv(x) [+ other])."""

    def __init__(self, conv: nn.Conv2d, norm: _BatchNorm | None, activation: str, kernels: Kernels, watch: Watch):
        super().__init__()
        self._sources = (conv, norm)  # a tuple, so that they are not registered
        assert not isinstance(conv.padding, str)
        self._geometry = Geometry(list(conv.stride), list(conv.padding), list(conv.dilation), conv.groups)
        self._activation, self._kernels = activation, kernels
        self.hides, self._watch = kernels.hides and activation != "none", watch
        self.is_seen = self.is_doubtful = False  # whether what it gives is looked at, and what it takes
        self.multiplications = 0  # for a sample
        self.kept: Affine | None = None

    @property
    def source_bytes(self) -> int:
        return self._sources[0].weight.nbytes

    def sources(self) -> Iterator[nn.Module]:
        """The layers that it is folded from."""
        return (module for module in self._sources if module is not None)

    def keep(self) -> None:
        """Makes room for the folded weights; from then on they are those of the last `refresh`."""
        self.kept = self._room()

    def refresh(self) -> None:
        if self.kept is not None:
            self._fold(self.kept)

    def _room(self) -> Affine:
        weight, kernels = self._sources[0].weight.detach(), self._kernels
        dtype = kernels.dtype or weight.dtype
        with torch.inference_mode(False):  # gradients by inputs pass through them
            room = torch.empty_like(weight, dtype=dtype, memory_format=kernels.layout)
            return Affine(room, torch.empty(len(weight), dtype=dtype, device=weight.device))

    def _fold(self, room: Affine) -> Affine:
        """Writes the folded weight and bias into the room given."""
        conv, norm = self._sources
        source = (conv.weight, conv.bias) if norm is None else folded(conv, norm)
        room.weight.copy_(source[0])
        room.bias.zero_() if source[1] is None else room.bias.copy_(source[1])
        return room

    def forward(self, x: Tensor, other: Tensor | None = None) -> Tensor:
        filters, watch = self.kept or self._fold(self._room()), self._watch
        if self._kernels.dtype is not None:  # other layers may have made float32 of it
            x, other = x.to(self._kernels.dtype), None if other is None else other.to(self._kernels.dtype)
        needs = torch.is_grad_enabled() and (x.requires_grad or (other is not None and other.requires_grad))
        call = differentiable if needs or watch.careful else self._kernels.call
        found = call(x, other, filters, self._geometry, self._activation)
        if self.is_seen and not needs:
            watch.see(found)
        if self.hides and not self.kept:
            watch.see_all(filters.bias)
        if self.is_doubtful and not needs:
            for each in (x,) if other is None else (x, other):
                watch.see_all(each)
        return found
