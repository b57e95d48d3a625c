"""The directions of a job: which way each axis points, and how they are named on a figure.

Owns: putting together random, difference and stored directions, their defaults, and their provenance.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

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
from landscape.layout import Layout
from landscape.recipes.net import Net, Other, other_net
from landscape.recipes.options import Options
from landscape.slice.plane import Plane
from landscape.surfaces.surface import Trail

NAMES = "xy"


@dataclass(frozen=True, eq=False)
class Axes:
    """Directions, axis labels, provenance, and the other nets that lie in the plane."""

    directions: tuple[Direction | Regenerated, ...]
    labels: tuple[str, ...]
    provenance: dict
    others: tuple[Other, ...] = field(default_factory=tuple)


def make_axes(options: Options, net: Net, layout: Layout, origin: Tensor, ndim: int) -> Axes:
    """Directions for `ndim` axes as the options say; `origin` (layout.size,) are the weights they are scaled to.

    Raises:
        LandscapeError: another net does not fit, a direction file is of another net, or a direction is zero.
    """
    if options.directions:
        read = options.directions
        if isinstance(read, (str, Path)):
            read = read_directions(read, net.module, layout, ndim=ndim)
        directions = [Direction.from_tensors(layout, d.vector, d.provenance) for d in read]
        labels, others = tuple(_stored_label(NAMES[i], d.provenance) for i, d in enumerate(directions)), []
    else:
        others = [other_net(spec, net) for spec in (options.to, options.to_y) if spec is not None]
        directions, labels = [], ()
        for axis in range(ndim):
            other = others[axis] if axis < len(others) else None
            directions.append(_direction(options, net, layout, origin, axis, other))
            labels += (_label(axis, net, other),)
    if options.orthogonal:
        x, y = directions
        orthogonalize_(y.vector, x.vector, filter_rules(net.module), norm=y.provenance["norm"])
    _refuse_zero(directions)
    return Axes(tuple(directions), labels, _provenance(options, directions), tuple(others))


def _direction(options: Options, net: Net, layout: Layout, origin: Tensor, axis: int, other: Other | None):
    """Written tensor by tensor into its one vector, or with `lean` not at all."""
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


def _provenance(options: Options, directions: Sequence[Direction | Regenerated]) -> dict:
    kinds = list(dict.fromkeys(d.provenance["kind"] for d in directions))
    facts = {
        "kind": "+".join(kinds),
        "state": "states" if options.state == "states" or options.batchnorm == "interpolate" else "weights",
        "fingerprint": fingerprint(directions),
        "cosine": cosine(*directions[:2]) if len(directions) > 1 else None,
    }
    if options.directions:
        kept = {key: directions[0].provenance[key] for key in ("norm", "ignore") if key in directions[0].provenance}
        where = {"file": str(options.directions)} if isinstance(options.directions, (str, Path)) else {}
        return {**facts, **kept, **where}
    if "random" in kinds:
        facts["seed"] = options.seed
    for key in ("norm", "ignore"):
        values = list(dict.fromkeys(d.provenance[key] for d in directions))
        facts[key] = ", ".join(values)
    named = {"to": options.to, "to_y": options.to_y}
    return {**facts, "orthogonal": options.orthogonal} | {k: str(v) for k, v in named.items() if v is not None}


def net_trail(plane: Plane, net: Net, others: Sequence[Other], layout: Layout) -> dict[str, Trail]:
    """Where the named nets lie in the plane, for markers on the figure; nothing to mark when there is one net."""
    if not others:
        return {}
    origin = plane.origin
    projected = [plane.project(origin)]
    for other in others:
        projected.append(plane.project(layout.flatten(other.tensors, dtype=origin.dtype, device=origin.device)))
    coords = np.array([coords for coords, _ in projected])
    # what rounding leaves of an exact 0 or 1 would only clutter the file
    coords = np.where(np.abs(coords - np.round(coords)) < 1e-5, np.round(coords), coords) + 0.0
    return {
        "nets": Trail(
            x=coords[:, 0],
            y=coords[:, 1] if plane.ndim > 1 else None,
            residual=np.array([residual for _, residual in projected]),
            labels=_told_apart([net.label, *(other.label for other in others)]),
        )
    }


def _told_apart(labels: Sequence[str]) -> tuple[str, ...]:
    """The labels, numbered when they are all alike, as those of nets in memory are."""
    return tuple(labels) if len(set(labels)) > 1 else tuple(f"{label} {i + 1}" for i, label in enumerate(labels))


def moves_buffers(directions: Sequence[Direction], layout: Layout) -> bool:
    """Whether any direction moves BN statistics; random ones do not while `biasbn` is ignored."""
    buffers = [entry.name for entry in layout.entries if entry.is_buffer]
    return any(bool(d.vector[name].any()) for d in directions for name in buffers if name in d.vector)


def lines(directions: Sequence[Direction | Regenerated], like: Tensor) -> list[Tensor | Regenerated]:
    """What a plane moves along: the directions' own vectors, copied only for another device or dtype than theirs."""
    return [d if isinstance(d, Regenerated) else d.flat.to(like.device, like.dtype) for d in directions]
