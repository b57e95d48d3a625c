"""A direction in weight space and where it came from.

Owns: the type `Direction`, and what is told of directions by all of their entries: the fingerprint and the cosine. How
one is drawn, normalized or read lies in the files beside this one.
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


class Pieces(Protocol):
    """What is asked of a direction by those who read all of it: one held in memory, or drawn anew (regenerated.py)."""

    def pieces(self) -> Iterator[tuple[str, Tensor]]:
        """Name and flattened block, name after name in the order of the layout, each in the blocks of blocks.py."""


@dataclass(frozen=True, eq=False)
class Direction:
    """Named tensors, shaped as the weights they move, on the CPU; `provenance` tells kind, seed, norm, ignore.

    `flat`: the vector of a layout that the tensors are views of, where they lie in one.
    """

    vector: dict[str, Tensor]
    provenance: dict = field(default_factory=dict)
    flat: Tensor | None = None

    @classmethod
    def zeros(cls, layout: Layout, provenance: dict, dtype: torch.dtype = torch.float32) -> Direction:
        """A direction whose tensors, to be filled, are views of one flat vector."""
        flat = torch.zeros(layout.size, dtype=dtype)
        return cls(layout.named(flat), provenance, flat)

    @classmethod
    def laid(cls, layout: Layout, vector: Mapping[str, Tensor], provenance: dict) -> Direction:
        """Copies of named tensors, in float64 where one of them is; names that are absent are zero."""
        exact = any(tensor.dtype == torch.float64 for tensor in vector.values())
        laid = cls.zeros(layout, provenance, torch.float64 if exact else torch.float32)
        for name, tensor in vector.items():
            laid.vector[name].copy_(tensor)
        return laid

    def pieces(self) -> Iterator[tuple[str, Tensor]]:
        return ((name, block) for name, tensor in self.vector.items() for block in blocks(tensor.detach()))


def fingerprint(directions: Sequence[Pieces]) -> str:
    """A hash of every byte of the vectors: equal on two machines exactly when the directions are."""
    digest = hashlib.sha256()
    for direction in directions:
        last = None
        for name, block in direction.pieces():
            if name != last:
                digest.update(name.encode())
            last = name
            digest.update(block.to(torch.float32).contiguous().numpy())
    return digest.hexdigest()


def cosine(x: Pieces, y: Pieces) -> float:
    """Of the angle between two directions of one layout; float64 sums, block by block."""
    dot = x_squared = y_squared = 0.0
    for (_, a), (_, b) in zip(x.pieces(), y.pieces(), strict=True):
        a, b = a.double(), b.double()
        dot += float((a * b).sum())
        x_squared += float(a.square().sum())
        y_squared += float(b.square().sum())
    return dot / (math.sqrt(x_squared) * math.sqrt(y_squared))


def signed(vector: Tensor) -> Tensor:
    """The vector or its opposite: eigenvectors have no sign of their own, so the largest entry is made positive."""
    return vector * vector[vector.abs().argmax()].sign()
