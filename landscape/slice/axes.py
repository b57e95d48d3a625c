"""From options to a plane: which way each axis points, and how it is named on a figure.

Owns: putting together random, difference and stored directions, their defaults, and their provenance.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from torch import Tensor

from landscape.direction.difference import Difference, weight_difference
from landscape.direction.direction import Direction, cosine, fingerprint
from landscape.direction.divided import divided_gaussian
from landscape.direction.files import held, read_directions
from landscape.direction.filters import filter_rules
from landscape.direction.normalize import normalize_
from landscape.direction.orthogonal import orthogonalize_
from landscape.direction.random import GaussianSource, gaussian
from landscape.direction.regenerated import Regenerated, Source
from landscape.direction.selection import Selection, choose, everything
from landscape.errors import LandscapeError, UsageError
from landscape.grid import Grid, Range, from_net
from landscape.layout import Layout
from landscape.members import named_buffers, named_parameters
from landscape.objective.batchnorm import check_variances
from landscape.options.groups import AxesOptions
from landscape.printable import numbered
from landscape.shards import divided_in
from landscape.slice.marks import apart_in_rest, apart_note, net_trail
from landscape.slice.plane import Line, Plane
from landscape.stored import Stored
from landscape.subject.net import Net, Other, other_net
from landscape.subject.subject import Subject
from landscape.surfaces.provenance import DirectionFacts
from landscape.surfaces.surface import Trail

NAMES = "xyz"


@dataclass(frozen=True, eq=False)
class MadePlane:
    """A plane (or line), the places of the other nets in it, and its directions if they are to be saved."""

    plane: Plane
    trails: dict[str, Trail]
    directions: tuple[Direction | Regenerated, ...] = ()
    moves_buffers: bool = False
    notes: tuple[str, ...] = ()


def make_plane(
    options: AxesOptions, subject: Subject, ranges: Sequence[Range], others: Sequence[Other], *, keep: bool = False
) -> MadePlane:
    """The plane of a subject over `ranges`, first x, through `others`; `keep` holds the directions for saving.

    Raises:
        LandscapeError: another net does not fit, a direction file is of another net, a direction is zero, or a running
            variance becomes negative within the ranges.
    """
    objective, net, chosen = subject.objective, subject.net, subject.chosen
    layout = objective.layout
    origin = objective.origin or objective.weights.clone()
    if isinstance(origin, Stored) and objective.batchnorm == "interpolate":
        raise UsageError(
            "lean moves no BN statistics, as toward another net by default; give batchnorm keep or recompute"
        )
    own = origin.tensors if isinstance(origin, Stored) else layout.named(origin)
    others = [replace(each, tensors={**own, **each.tensors}) for each in others]  # an adapter is a part of a net
    directions, labels = make_directions(options, net, layout, origin, len(ranges), chosen, others)
    moves = moves_buffers(directions, layout)
    grid = Grid.of(*ranges, labels=labels)
    states = options.state == "states" or objective.batchnorm == "interpolate"
    plane = Plane(origin, lines(directions, objective.weights), grid, _facts(options, directions, states, chosen))
    if objective.batchnorm == "interpolate" and isinstance(origin, Tensor):
        moved = [line for line in plane.directions if isinstance(line, Tensor)]  # options exclude lean
        check_variances(layout, origin, moved, [(r.start, r.stop) for r in ranges])
    apart = [apart_in_rest(net, other, layout, chosen, objective.batchnorm) for other in others]
    trails = net_trail(plane, net, others, layout, [length for _, length in apart])
    notes = [apart_note(net, other, names) for other, (names, _) in zip(others, apart, strict=True) if names]
    return MadePlane(plane, trails, tuple(directions) if keep else (), moves, tuple(notes))


def selection(options: AxesOptions, net: Net) -> Selection:
    """What moves: what was asked for, or what stored directions hold.

    Raises:
        UsageError: a word that stands for nothing; nothing that would move.
    """
    if not options.directions:
        return choose(net.parts, options.only, options.ignore)
    only, names = held(options.directions)
    there = names & {part.name for part in net.parts.all}
    return replace(everything(net.parts), only=only, names=there) if there else everything(net.parts)


def other_nets(options: AxesOptions, net: Net) -> list[Other]:
    """The nets that axes lead to; none where directions are stored.

    Raises:
        LandscapeError: one of them cannot be read, or is of another architecture.
    """
    if options.directions:
        return []
    return [other_net(spec, net, mapped=options.lean) for spec in (options.to, options.to_y) if spec is not None]


def make_directions(
    options: AxesOptions,
    net: Net,
    layout: Layout,
    origin: Tensor | Stored,
    ndim: int,
    chosen: Selection,
    others: Sequence[Other],
) -> tuple[list[Direction | Regenerated], tuple[str, ...]]:
    """(directions, axis labels) for `ndim` axes; `origin` (layout.size,) are the weights they are scaled to.

    A direction has only the tensors that are `chosen`, so it does not depend on what else the layout holds.
    """
    layout = layout.only(chosen.names)
    directions: list[Direction | Regenerated]
    if options.directions:
        directions = list(_stored_directions(options, net, layout, ndim))
        labels = tuple(_stored_label(name, d.provenance) for name, d in zip(NAMES, directions, strict=False))
    else:
        ends = [*others, *[None] * ndim][:ndim]
        directions = [_direction(options, net, layout, origin, axis, other, chosen) for axis, other in enumerate(ends)]
        names = iter(numbered([net.label, *(other.label for other in others)]))
        first = next(names)
        labels = tuple(_label(axis, first, None if other is None else next(names)) for axis, other in enumerate(ends))
    if options.orthogonal:
        stored = [each for each in directions if isinstance(each, Direction)]  # options exclude lean
        rules = filter_rules(net.module)
        for number, each in enumerate(stored):
            for before in stored[:number]:
                orthogonalize_(each.vector, before.vector, rules, norm=each.provenance["norm"], others=number)
    _refuse_zero(directions)
    return directions, labels


def _stored_directions(options: AxesOptions, net: Net, layout: Layout, ndim: int) -> list[Direction]:
    read: Any = options.directions
    if isinstance(read, (str, Path)):
        read = read_directions(read, net.module, layout, ndim=ndim)
    return [Direction.from_tensors(layout, stored.vector, stored.provenance) for stored in read]


def _direction(
    options: AxesOptions,
    net: Net,
    layout: Layout,
    origin: Tensor | Stored,
    axis: int,
    other: Other | None,
    chosen: Selection,
) -> Direction | Regenerated:
    """Written tensor by tensor into one vector; where the origin is not in memory, not stored."""
    kind = "random" if other is None else "nets"
    usual = ("filter", "biasbn") if other is None else ("none", "none")
    ignore, fixed = chosen.fixed(usual[1], layout.names)
    norm = options.norm or usual[0]
    rules = filter_rules(net.module)
    facts = {"kind": kind, "norm": norm, "ignore": ignore, **({"only": chosen.only} if chosen.only else {})}
    if isinstance(origin, Stored):
        target = other and Stored(layout, other.tensors, of_file=other.of_file)
        source: Source = Difference(origin, target) if target else GaussianSource(options.seed, axis)
        return Regenerated(layout, origin, rules, source, norm=norm, ignore=fixed, provenance=facts)
    reference = layout.named(origin)
    if divided := divided_in(net.module):
        named = dict(named_parameters(net.module)) | dict(named_buffers(net.module)) | divided
        how: dict[str, Any] = {"seed": options.seed, "axis": axis, "norm": norm, "ignore": fixed, "dtype": origin.dtype}
        return divided_gaussian(layout, named, rules, provenance=facts, **how)
    if other is not None:
        direction = Direction.from_tensors(layout, weight_difference(reference, other.tensors), facts)
    else:
        direction = Direction.zeros(layout, facts)
        gaussian(reference, seed=options.seed, axis=axis, out=direction.vector)
    normalize_(direction.vector, reference, rules, norm=norm, ignore=fixed)
    return direction


def numbers(text: str | None) -> list[float] | None:
    """`0.812, 0.093` as a direction file has it; None for none, or for what is not numbers."""
    try:
        return [float(part) for part in text.split(", ")] if text else None
    except ValueError:
        return None


def _label(axis: int, net: str, other: str | None) -> str:
    if other is None:
        return f"{NAMES[axis]}: random direction"
    return from_net(NAMES[axis], net, other)


def _stored_label(name: str, facts: dict) -> str:
    if "eigenvalue" in facts:
        return f"{name}: eigenvector of the {facts['which']}, {float(facts['eigenvalue']):.3g}"
    return f"{name}: {facts['which']}" if "which" in facts else f"direction {name}"


def _refuse_zero(directions: Sequence[Direction | Regenerated]) -> None:
    for name, direction in zip(NAMES, directions, strict=False):
        if not any(bool(block.any()) for _, block in direction.named_blocks()):
            raise LandscapeError(
                f"the {name} direction is zero, so nothing would move: are both nets the same, or all parameters ignored or zero "
                "(a filter that is zero does not move; --norm none moves it)?"
            )


def _facts(
    options: AxesOptions, directions: Sequence[Direction | Regenerated], states: bool, chosen: Selection
) -> DirectionFacts:
    """`states`: whether the axes move BN statistics."""
    kinds = list(dict.fromkeys(d.provenance["kind"] for d in directions))
    facts = DirectionFacts(
        kind="+".join(kinds),
        state="states" if states else "weights",
        fingerprint=fingerprint(directions),
        cosine=cosine(*directions[:2]) if len(directions) > 1 else None,
        only=chosen.only,
        moving=chosen.parts.count(chosen.names) if chosen.only else None,
    )
    if options.directions:
        kept = {key: directions[0].provenance[key] for key in ("norm", "ignore") if key in directions[0].provenance}
        file = str(options.directions) if isinstance(options.directions, (str, Path)) else None
        shares, walk = (numbers(directions[0].provenance.get(name)) for name in ("shares", "walk"))
        return replace(facts, norm=kept.get("norm"), ignore=kept.get("ignore"), file=file, shares=shares, walk=walk)
    norm, ignore = (", ".join(dict.fromkeys(d.provenance[key] for d in directions)) for key in ("norm", "ignore"))
    to, to_y = (None if other is None else str(other) for other in (options.to, options.to_y))
    seed = options.seed if "random" in kinds else None
    return replace(facts, norm=norm, ignore=ignore, to=to, to_y=to_y, seed=seed, orthogonal=options.orthogonal)


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
