"""A direction in weight space, with its provenance.

Owns: the type `Direction`, and the fingerprint and cosine of directions. Drawing, normalizing and reading directions are
in the files beside this one.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import torch
from torch import Tensor

from landscape.direction.blocks import blocks
from landscape.layout import Layout


class BlockSource(Protocol):
    """A direction that can be read block by block: one in memory, or one regenerated from its seed (regenerated.py)."""

    def named_blocks(self) -> Iterator[tuple[str, Tensor]]:
        """(name, flattened block), in the order of the layout, each tensor in the blocks of blocks.py."""


@dataclass(frozen=True, eq=False)
class Direction:
    """Named tensors on the CPU with the shapes of the weights; `provenance`: kind, seed, norm, ignore.

    `flat`: the flat vector of a layout that the tensors are views of, if there is one.
    """

    vector: dict[str, Tensor]
    provenance: dict = field(default_factory=dict)
    flat: Tensor | None = None

    @classmethod
    def zeros(cls, layout: Layout, provenance: dict, dtype: torch.dtype = torch.float32) -> Direction:
        """A direction of zeros whose tensors are views of one flat vector."""
        flat = torch.zeros(layout.size, dtype=dtype)
        return cls(layout.named(flat), provenance, flat)

    @classmethod
    def from_tensors(cls, layout: Layout, vector: Mapping[str, Tensor], provenance: dict) -> Direction:
        """Copies named tensors into one flat vector, in float64 if one of them is; entries without a tensor are zero."""
        exact = any(tensor.dtype == torch.float64 for tensor in vector.values())
        direction = cls.zeros(layout, provenance, torch.float64 if exact else torch.float32)
        for name, tensor in vector.items():
            direction.vector[name].copy_(tensor)
        return direction

    def named_blocks(self) -> Iterator[tuple[str, Tensor]]:
        return ((name, block) for name, tensor in self.vector.items() for block in blocks(tensor.detach()))


def fingerprint(directions: Sequence[BlockSource]) -> str:
    """A hash of every byte of the vectors: two machines have the same hash exactly when they have the same directions."""
    digest = hashlib.sha256()
    for direction in directions:
        last = None
        for name, block in direction.named_blocks():
            if name != last:
                digest.update(name.encode())
            last = name
            digest.update(block.to(torch.float32).contiguous().numpy().data)
    return digest.hexdigest()


def cosine(x: BlockSource, y: BlockSource) -> float:
    """The cosine of the angle between two directions of one layout; float64 sums, block by block."""
    dot = x_squared = y_squared = 0.0
    for (_, a), (_, b) in zip(x.named_blocks(), y.named_blocks(), strict=True):
        a, b = a.double(), b.double()
        dot += float((a * b).sum())
        x_squared += float(a.square().sum())
        y_squared += float(b.square().sum())
    return dot / (math.sqrt(x_squared) * math.sqrt(y_squared))


def signed(vector: Tensor) -> Tensor:
    """The vector or its opposite: eigenvectors have no sign of their own, so the largest entry is made positive."""
    return vector * vector[vector.abs().argmax()].sign()
