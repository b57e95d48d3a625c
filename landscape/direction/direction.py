"""A direction in weight space and where it came from.

Owns: the type `Direction` and its fingerprint. How one is drawn, normalized or read lies in the files beside this one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Direction:
    """Named tensors, shaped as the weights they move, on the CPU; `provenance` tells kind, seed, norm, ignore."""

    vector: dict[str, Tensor]
    provenance: dict = field(default_factory=dict)


def fingerprint(directions: Sequence[Direction]) -> str:
    """A hash of every byte of the vectors: equal on two machines exactly when the directions are."""
    digest = hashlib.sha256()
    for direction in directions:
        for name, tensor in direction.vector.items():
            digest.update(name.encode())
            digest.update(tensor.detach().to(torch.float32).contiguous().numpy().tobytes())
    return digest.hexdigest()
