"""The directions of a job: which way each axis points, and how they are named on a figure.

Owns: putting together random, difference and stored directions, their defaults, and their provenance.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from torch import Tensor

from landscape.direction.difference import difference
from landscape.direction.direction import Direction, fingerprint
from landscape.direction.files import read_directions
from landscape.direction.filters import filter_rules
from landscape.direction.normalize import normalized
from landscape.direction.orthogonal import orthogonalized
from landscape.direction.random import gaussian
from landscape.errors import LandscapeError
from landscape.layout import Layout
from landscape.recipes.net import Net, other_net
from landscape.recipes.options import Options
from landscape.slice.plane import Plane
from landscape.surfaces.surface import Trail

NAMES = "xy"


@dataclass(frozen=True, eq=False)
class Axes:
    """Directions, axis labels, provenance, and the nets that lie in the plane."""

    directions: tuple[Direction, ...]
    labels: tuple[str, ...]
    provenance: dict
    nets: tuple[Net, ...] = field(default_factory=tuple)


def make_axes(options: Options, net: Net, layout: Layout, ndim: int) -> Axes:
    """Directions for `ndim` axes as the options say.

    Raises:
        LandscapeError: another net does not fit, a direction file is of another net, or a direction is zero.
    """
    reference = layout.tensors(net.module)
    if options.directions:
        directions = read_directions(options.directions, net.module, layout, ndim=ndim)
        labels, nets = tuple(f"direction {NAMES[i]}" for i in range(ndim)), (net,)
    else:
        others = [other_net(spec, net) for spec in (options.to, options.to_y) if spec is not None]
        directions, labels = [], ()
        for axis in range(ndim):
            other = others[axis] if axis < len(others) else None
            directions.append(_direction(options, net, reference, layout, axis, other))
            labels += (_label(axis, net, other),)
        nets = (net, *others)
    if options.orthogonal:
        turned = orthogonalized(
            directions[1].vector, directions[0].vector, filter_rules(net.module), norm=directions[1].provenance["norm"]
        )
        directions[1] = Direction(turned, directions[1].provenance)
    _refuse_zero(directions)
    return Axes(tuple(directions), labels, _provenance(options, directions), nets)


def _direction(options: Options, net: Net, reference: dict[str, Tensor], layout: Layout, axis: int, other: Net | None):
    if other is None:
        kind, norm, ignore = "random", options.norm or "filter", options.ignore or "biasbn"
        vector = gaussian(reference, seed=options.seed, axis=axis)
    else:
        kind, norm, ignore = "nets", options.norm or "none", options.ignore or "none"
        vector = difference(reference, layout.tensors(other.module))
    vector = normalized(vector, reference, filter_rules(net.module), norm=norm, ignore=ignore)
    return Direction(vector, {"kind": kind, "norm": norm, "ignore": ignore})


def _label(axis: int, net: Net, other: Net | None) -> str:
    if other is None:
        return f"{NAMES[axis]}: random direction"
    return f"{NAMES[axis]}: {net.label} (0) to {other.label} (1)"


def _refuse_zero(directions: Sequence[Direction]) -> None:
    for name, direction in zip(NAMES, directions, strict=False):
        if not any(bool(tensor.any()) for tensor in direction.vector.values()):
            raise LandscapeError(
                f"the {name} direction is zero, so nothing would move: are both nets the same, or all parameters ignored?"
            )


def _provenance(options: Options, directions: Sequence[Direction]) -> dict:
    kinds = list(dict.fromkeys(d.provenance["kind"] for d in directions))
    facts = {
        "kind": "+".join(kinds),
        "state": "states" if options.state == "states" or options.batchnorm == "interpolate" else "weights",
        "fingerprint": fingerprint(directions),
        "cosine": _cosine(directions),
    }
    if options.directions:
        return {**facts, "file": str(options.directions)}
    if "random" in kinds:
        facts["seed"] = options.seed
    for key in ("norm", "ignore"):
        values = list(dict.fromkeys(d.provenance[key] for d in directions))
        facts[key] = ", ".join(values)
    named = {"to": options.to, "to_y": options.to_y}
    return {**facts, "orthogonal": options.orthogonal} | {k: str(v) for k, v in named.items() if v is not None}


def _cosine(directions: Sequence[Direction]) -> float | None:
    if len(directions) < 2:
        return None
    x, y = (d.vector for d in directions[:2])
    dot = sum(float((x[name].double() * y[name].double()).sum()) for name in x)
    norms = [np.sqrt(sum(float(t.double().square().sum()) for t in v.values())) for v in (x, y)]
    return float(dot / (norms[0] * norms[1]))


def net_trail(plane: Plane, nets: Sequence[Net], layout: Layout) -> dict[str, Trail]:
    """Where the named nets lie in the plane, for markers on the figure; nothing to mark when there is one net."""
    if len(nets) < 2:
        return {}
    origin = plane.origin
    projected = [
        plane.project(layout.flatten(layout.tensors(net.module), dtype=origin.dtype, device=origin.device))
        for net in nets
    ]
    coords = np.array([coords for coords, _ in projected])
    # what rounding leaves of an exact 0 or 1 would only clutter the file
    coords = np.where(np.abs(coords - np.round(coords)) < 1e-5, np.round(coords), coords) + 0.0
    return {
        "nets": Trail(
            x=coords[:, 0],
            y=coords[:, 1] if plane.ndim > 1 else None,
            residual=np.array([residual for _, residual in projected]),
            labels=_told_apart([net.label for net in nets]),
        )
    }


def _told_apart(labels: Sequence[str]) -> tuple[str, ...]:
    """The labels, numbered when they are all alike, as those of nets in memory are."""
    return tuple(labels) if len(set(labels)) > 1 else tuple(f"{label} {i + 1}" for i, label in enumerate(labels))


def moves_buffers(directions: Sequence[Direction], layout: Layout) -> bool:
    """Whether any direction moves BN statistics; random ones do not while `biasbn` is ignored."""
    buffers = [entry.name for entry in layout.entries if entry.is_buffer]
    return any(bool(d.vector[name].any()) for d in directions for name in buffers if name in d.vector)


def flat(directions: Sequence[Direction], layout: Layout, like: Tensor) -> list[Tensor]:
    """The directions as vectors of the layout, on the device and in the dtype of `like`."""
    return [layout.flatten(d.vector, dtype=like.dtype, device=like.device) for d in directions]
