"""Where the nets that axes lead to lie in a plane, and how far they are apart from the first in what does not move.

Owns: the trail of their marks on a figure, and the note on what only one of them has. Knows no options.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from torch import Tensor

from landscape.direction.selection import Selection
from landscape.layout import Layout, real_form
from landscape.members import named_buffers, named_parameters
from landscape.printable import listed, numbered
from landscape.slice.plane import Plane
from landscape.stored import Stored
from landscape.subject.net import Net, Other
from landscape.surfaces.surface import Trail


def net_trail(
    plane: Plane, net: Net, others: Sequence[Other], layout: Layout, apart: Sequence[float]
) -> dict[str, Trail]:
    """The places of the named nets in the plane, for markers on the figure; empty when there is one net.

    `apart`: how far each other net is from the first in what the layout does not hold.
    """
    if not others:
        return {}
    origin = plane.origin
    projected = [plane.project(origin)]
    for other in others:
        if isinstance(origin, Stored):
            end: Tensor | Stored = Stored(layout, other.tensors, dtype=origin.dtype, of_file=other.of_file)
        else:
            end = layout.flatten(other.tensors, dtype=origin.dtype, device=origin.device)
        projected.append(plane.project(end))
    coords = np.array([coords for coords, _ in projected])
    # rounded to an exact 0 or 1, which is easier to read in the file
    coords = np.where(np.abs(coords - np.round(coords)) < 1e-5, np.round(coords), coords) + 0.0
    return {
        "nets": Trail(
            x=coords[:, 0],
            y=coords[:, 1] if plane.ndim > 1 else None,
            residual=np.hypot([residual for _, residual in projected], [0.0, *apart]),
            labels=numbered([net.label, *(other.label for other in others)]),
        )
    }


def apart_in_rest(net: Net, other: Other, layout: Layout, chosen: Selection, batchnorm: str) -> tuple[list[str], float]:
    """(names of the tensors that differ between two nets and do not move, how far those outside of the layout are apart).

    BN statistics count where they would move.
    """
    inside, names, square = set(layout.names), [], 0.0
    own = dict(named_parameters(net.module)) | dict(named_buffers(net.module))
    for part in net.parts.all:
        rests = part.name not in inside or part.name in chosen.ignored
        if not rests or part.name not in other.tensors or (part.is_buffer and batchnorm != "interpolate"):
            continue
        tensor = real_form(own[part.name].detach()).cpu()
        length = float((real_form(other.tensors[part.name]).cpu().to(tensor.dtype).double() - tensor.double()).norm())
        names += [part.name] if length else []
        square += length * length if part.name not in inside else 0.0
    return names, math.sqrt(square)


def apart_note(net: Net, other: Other, names: Sequence[str]) -> str:
    return (
        f"{net.label} and {other.label} differ in what does not move too ({listed(names, 1)}): at coordinate 1 only what moves "
        f"is that of {other.label}"
    )
