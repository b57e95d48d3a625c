"""Random directions of a net that is divided among processes: each process holds its part of the one that a single process draws.

Owns: drawing and normalizing one tensor at a time as a whole, on every process, and keeping this process's part. So each number
is that of the undivided net, bit for bit, whatever the norm and however tensors are cut; and no process holds more than one
whole tensor and its direction. Everything here is collective.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from landscape.direction.blocks import blocks
from landscape.direction.direction import Direction
from landscape.direction.filters import FilterRule
from landscape.direction.normalize import ignored_names, normalize_
from landscape.direction.random import draw_, generator
from landscape.layout import Layout
from landscape.shards import part_like, whole, whole_of


@dataclass(frozen=True, eq=False)
class DividedDirection(Direction):
    """`vector` has this process's parts; `like`: the divided tensors of the net, by name."""

    like: Mapping[str, Tensor] = field(default_factory=dict)

    def named_blocks(self) -> Iterator[tuple[str, Tensor]]:
        """Of the whole direction, the same on every process."""
        for name, part in self.vector.items():
            yield from ((name, block) for block in blocks(whole_of(part, self.like[name])))


def divided_gaussian(
    layout: Layout,
    tensors: Mapping[str, Tensor],
    rules: Mapping[str, FilterRule],
    *,
    seed: int,
    axis: int,
    norm: str,
    ignore: str | Collection[str],
    dtype: torch.dtype,
    provenance: dict,
) -> DividedDirection:
    """The parts of `gaussian`, then `normalized`; `layout` is of the parts, `tensors` are the net's own, read in `dtype`.

    Raises:
        UsageError: see `normalized`.
    """
    empty = DividedDirection.zeros(layout, provenance)
    left_out, source = ignored_names({name: tensors[name] for name in layout.names}, ignore), generator(seed, axis)
    for name in layout.names:
        drawn = draw_(source, torch.empty(tensors[name].shape, dtype=torch.float32))
        if name in left_out:
            continue
        if norm != "none":
            normalize_({name: drawn}, {name: whole(tensors[name]).cpu().to(dtype)}, rules, norm=norm, ignore="none")
        empty.vector[name].copy_(part_like(drawn, tensors[name]))
    return DividedDirection(empty.vector, provenance, empty.flat, tensors)
