"""From options to a plane: which way each axis points, and how it is named on a figure.

Owns: putting together random, difference and stored directions, their defaults, and their provenance.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from landscape.direction.difference import weight_difference
from landscape.direction.direction import Direction, cosine, fingerprint
from landscape.direction.files import read_directions
from landscape.direction.filters import filter_rules
from landscape.direction.normalize import normalize_
from landscape.direction.orthogonal import orthogonalize_
from landscape.direction.random import gaussian
from landscape.direction.regenerated import Regenerated
from landscape.errors import LandscapeError
from landscape.grid import Grid, Range
from landscape.layout import Layout
from landscape.objective.batchnorm import check_variances
from landscape.options.groups import AxesOptions
from landscape.slice.plane import Line, Plane
from landscape.subject.net import Net, Other, other_net
from landscape.subject.subject import Subject
from landscape.surfaces.provenance import DirectionFacts
from landscape.surfaces.surface import Trail

NAMES = "xy"


@dataclass(frozen=True, eq=False)
class MadePlane:
    """A plane (or line), the places of the other nets in it, and its directions if they are to be saved."""

    plane: Plane
    trails: dict[str, Trail]
    directions: tuple[Direction | Regenerated, ...] = ()
    moves_buffers: bool = False


def make_plane(options: AxesOptions, subject: Subject, ranges: Sequence[Range], *, keep: bool = False) -> MadePlane:
    """The plane of a subject over `ranges`, first x; `keep` holds the directions for saving.

    Raises:
        LandscapeError: another net does not fit, a direction file is of another net, a direction is zero, or a running
            variance becomes negative within the ranges.
    """
    objective, net = subject.objective, subject.net
    origin, layout = objective.weights.clone(), objective.layout
    directions, labels, others = make_directions(options, net, layout, origin, len(ranges))
    moves = moves_buffers(directions, layout)
    grid = Grid.of(*ranges, labels=labels)
    states = options.state == "states" or objective.batchnorm == "interpolate"
    plane = Plane(origin, lines(directions, origin), grid, _facts(options, directions, states))
    if objective.batchnorm == "interpolate":
        moved = [line for line in plane.directions if isinstance(line, Tensor)]  # options exclude lean
        check_variances(layout, origin, moved, [(r.start, r.stop) for r in ranges])
    trails = net_trail(plane, net, others, layout)
    # from here on the other nets are not needed; the directions are needed as the plane's vectors, and to save them
    return MadePlane(plane, trails, tuple(directions) if keep else (), moves)


def make_directions(
    options: AxesOptions, net: Net, layout: Layout, origin: Tensor, ndim: int
) -> tuple[list[Direction | Regenerated], tuple[str, ...], list[Other]]:
    """(directions, axis labels, other nets) for `ndim` axes; `origin` (layout.size,) are the weights they are scaled to."""
    directions: list[Direction | Regenerated]
    others: list[Other] = []
    if options.directions:
        directions = list(_stored_directions(options, net, layout, ndim))
        labels = tuple(_stored_label(name, d.provenance) for name, d in zip(NAMES, directions, strict=False))
    else:
        others = [other_net(spec, net) for spec in (options.to, options.to_y) if spec is not None]
        ends = [*others, None, None][:ndim]
        directions = [_direction(options, net, layout, origin, axis, other) for axis, other in enumerate(ends)]
        labels = tuple(_label(axis, net, other) for axis, other in enumerate(ends))
    if options.orthogonal:
        x, y = directions
        assert isinstance(x, Direction) and isinstance(y, Direction)  # options exclude lean
        orthogonalize_(y.vector, x.vector, filter_rules(net.module), norm=y.provenance["norm"])
    _refuse_zero(directions)
    return directions, labels, others


def _stored_directions(options: AxesOptions, net: Net, layout: Layout, ndim: int) -> list[Direction]:
    read: Any = options.directions
    if isinstance(read, (str, Path)):
        read = read_directions(read, net.module, layout, ndim=ndim)
    return [Direction.from_tensors(layout, stored.vector, stored.provenance) for stored in read]


def _direction(
    options: AxesOptions, net: Net, layout: Layout, origin: Tensor, axis: int, other: Other | None
) -> Direction | Regenerated:
    """Written tensor by tensor into one vector, or with `lean` not stored."""
    kind = "random" if other is None else "nets"
    usual = ("filter", "biasbn") if other is None else ("none", "none")
    scaling = {"norm": options.norm or usual[0], "ignore": options.ignore or usual[1]}
    reference, rules, facts = layout.named(origin), filter_rules(net.module), {"kind": kind, **scaling}
    if other is not None:
        direction = Direction.from_tensors(layout, weight_difference(reference, other.tensors), facts)
    elif options.lean:
        return Regenerated(layout, reference, rules, seed=options.seed, axis=axis, **scaling, provenance=facts)
    else:
        direction = Direction.zeros(layout, facts)
        gaussian(reference, seed=options.seed, axis=axis, out=direction.vector)
    normalize_(direction.vector, reference, rules, **scaling)
    return direction


def _label(axis: int, net: Net, other: Other | None) -> str:
    if other is None:
        return f"{NAMES[axis]}: random direction"
    return f"{NAMES[axis]}: {net.label} (0) to {other.label} (1)"


def _stored_label(name: str, facts: dict) -> str:
    if "eigenvalue" in facts:
        return f"{name}: eigenvector of the {facts['which']}, {float(facts['eigenvalue']):.3g}"
    return f"{name}: {facts['which']}" if "which" in facts else f"direction {name}"


def _refuse_zero(directions: Sequence[Direction | Regenerated]) -> None:
    for name, direction in zip(NAMES, directions, strict=False):
        if not any(bool(block.any()) for _, block in direction.named_blocks()):
            raise LandscapeError(
                f"the {name} direction is zero, so nothing would move: are both nets the same, or all parameters ignored?"
            )


def _facts(options: AxesOptions, directions: Sequence[Direction | Regenerated], states: bool) -> DirectionFacts:
    """`states`: whether the axes move BN statistics."""
    kinds = list(dict.fromkeys(d.provenance["kind"] for d in directions))
    facts = DirectionFacts(
        kind="+".join(kinds),
        state="states" if states else "weights",
        fingerprint=fingerprint(directions),
        cosine=cosine(*directions[:2]) if len(directions) > 1 else None,
    )
    if options.directions:
        kept = {key: directions[0].provenance[key] for key in ("norm", "ignore") if key in directions[0].provenance}
        file = str(options.directions) if isinstance(options.directions, (str, Path)) else None
        return replace(facts, norm=kept.get("norm"), ignore=kept.get("ignore"), file=file)
    norm, ignore = (", ".join(dict.fromkeys(d.provenance[key] for d in directions)) for key in ("norm", "ignore"))
    to, to_y = (None if other is None else str(other) for other in (options.to, options.to_y))
    seed = options.seed if "random" in kinds else None
    return replace(facts, norm=norm, ignore=ignore, to=to, to_y=to_y, seed=seed, orthogonal=options.orthogonal)


def net_trail(plane: Plane, net: Net, others: Sequence[Other], layout: Layout) -> dict[str, Trail]:
    """The places of the named nets in the plane, for markers on the figure; empty when there is one net."""
    if not others:
        return {}
    origin = plane.origin
    projected = [plane.project(origin)]
    for other in others:
        projected.append(plane.project(layout.flatten(other.tensors, dtype=origin.dtype, device=origin.device)))
    coords = np.array([coords for coords, _ in projected])
    # rounded to an exact 0 or 1, which is easier to read in the file
    coords = np.where(np.abs(coords - np.round(coords)) < 1e-5, np.round(coords), coords) + 0.0
    return {
        "nets": Trail(
            x=coords[:, 0],
            y=coords[:, 1] if plane.ndim > 1 else None,
            residual=np.array([residual for _, residual in projected]),
            labels=_distinct([net.label, *(other.label for other in others)]),
        )
    }


def _distinct(labels: Sequence[str]) -> tuple[str, ...]:
    """The labels, numbered when they are all equal, as those of nets in memory are."""
    return tuple(labels) if len(set(labels)) > 1 else tuple(f"{label} {i + 1}" for i, label in enumerate(labels))


def moves_buffers(directions: Sequence[Direction | Regenerated], layout: Layout) -> bool:
    """Whether any direction moves BN statistics; random ones do not while `biasbn` is ignored."""
    buffers = [entry.name for entry in layout.entries if entry.is_buffer]
    stored = [
        d.vector for d in directions if isinstance(d, Direction)
    ]  # directions drawn at each point move weights only
    return any(bool(vector[name].any()) for vector in stored for name in buffers if name in vector)


def lines(directions: Sequence[Direction | Regenerated], like: Tensor) -> list[Tensor | Line]:
    """What a plane moves along: the directions' own vectors, copied only for another device or dtype than theirs."""
    return [_line(direction, like) for direction in directions]


def _line(direction: Direction | Regenerated, like: Tensor) -> Tensor | Line:
    if isinstance(direction, Regenerated):
        return direction
    assert direction.flat is not None  # all directions here are laid out in one vector
    return direction.flat.to(like.device, like.dtype)
