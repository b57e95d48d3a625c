"""`--along pca:RUN`: the principal axes of training paths as directions.

Owns: which rows the axes are of: the nets of all paths, in what moves, seen from the net that the plane is around.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from landscape.checkpoint.digest import joint_digest
from landscape.direction.direction import Direction
from landscape.direction.filters import filter_rules
from landscape.direction.normalize import normalize_
from landscape.direction.pca import principal_axes, project_rows
from landscape.direction.rows import Rows, filled
from landscape.slice.plane import Plane
from landscape.slice.trajectory import Trajectory
from landscape.slice.trajectory_nets import vectors
from landscape.study.on_slice import OnSlice
from landscape.subject.alike import check_by_value
from landscape.subject.subject import Subject


@dataclass(frozen=True, eq=False)
class PathRows:
    """The nets of some paths as rows, the last of them the net that the plane is around.

    `hashes`: of each net. `steps`: of each row of a single path that ends in that net. `whole`: whether the rows hold all of the
    layout, not only what moves.
    """

    rows: Rows
    hashes: tuple[str, ...]
    steps: tuple[float, ...] | None
    whole: bool

    @property
    def digest(self) -> str:
        """A hash of all nets."""
        return joint_digest(self.hashes)

    @property
    def anchor(self) -> int:
        """The number of the row of the net that the plane is around."""
        return self.rows.shape[0] - 1

    def on(self, plane: Plane) -> tuple[np.ndarray, np.ndarray]:
        """(n, 2) places of the nets on a plane through the anchor, and (n,) distances to it, if the rows are `whole`."""
        coords, distances = project_rows(self.rows, self.anchor, plane.vectors())
        return coords[:-1], distances[:-1]

    @classmethod
    def read(cls, on: OnSlice, paths: Sequence[Trajectory], folder: Path | None) -> PathRows:
        """`folder`: for a scratch file, if the rows do not fit in memory."""
        subject, hashes = on.subject, list[str]()
        layout = subject.objective.layout.only(subject.chosen.names)
        fixed = subject.chosen.fixed("none", layout.names)[1]
        layout = layout.only([name for name in layout.names if name not in fixed])
        origin = on.slice.at((0.0,) * on.slice.grid.ndim)
        dtype = torch.promote_types(origin.dtype, torch.float32)

        tensors = subject.objective.layout.named(origin)
        anchor = layout.flatten({name: tensors[name] for name in layout.names}, dtype=dtype).cpu()
        ends_here = False

        def points() -> Iterator[Tensor]:
            nonlocal ends_here
            for net, vector in vectors(paths, subject.net, layout, dtype):
                check_by_value(subject.objective, subject.net, [net])
                hashes.append(net.sha256)
                ends_here = torch.equal(vector, anchor)
                yield vector
            yield anchor

        count = sum(len(path.nets) for path in paths) + 1
        rows = filled(count, layout.size, points(), folder)
        steps = (*paths[0].steps, paths[0].steps[-1]) if ends_here and len(paths) == 1 else None
        whole = len(layout.names) == len(subject.objective.layout.names) and not resting(subject)
        return cls(rows, tuple(hashes), steps, whole)


def resting(subject: Subject) -> list[str]:
    """The parameters that the layout of a subject does not hold, as they do not move."""
    inside = set(subject.objective.layout.names)
    return [part.name for part in subject.net.parts.parameters if part.name not in inside]


def principal_directions(on: OnSlice, found: PathRows, ndim: int, facts: dict[str, str]) -> list[Direction]:
    """The first `ndim` principal axes, of unit length unless `facts` say another norm.

    Raises:
        LandscapeError: all nets lie on one line.
    """
    layout = on.subject.objective.layout
    made = principal_axes(found.rows, found.anchor, found.steps)
    scaled = facts["norm"] != "none"  # then the plane is another one, with other shares
    if not scaled:
        facts = {**facts, "shares": ", ".join(map(str, made.shares))}
    if made.walk is not None and not scaled:
        facts["walk"] = ", ".join(map(str, made.walk))
    directions = []
    for number, axis in enumerate(made.axes[:ndim]):
        named = {name: view for name, view in layout.named(axis.to(_kept(on))).items() if bool(view.any())}
        share = f", scaled by {facts['norm']}" if scaled else f" ({100 * made.shares[number]:.3g} %)"
        which = f"principal axis {number + 1}{share}"
        direction = Direction.from_tensors(layout, named, {**facts, "which": which})
        if scaled:
            origin = layout.named(on.slice.at((0.0,) * on.slice.grid.ndim).cpu())
            normalize_(
                direction.vector, origin, filter_rules(on.subject.objective.model), norm=facts["norm"], ignore=set()
            )
        directions.append(direction)
    return directions


def _kept(on: OnSlice) -> torch.dtype:
    weights = on.subject.objective.weights.dtype
    if weights == torch.float64:
        return weights
    return torch.float32
