"""Lines of several results over each other, each on a base line of its own: one glance shows what changes from seed to seed.

Owns: the kind `ridgeline`: the middle line of a plane, the base lines and heights of the ridges, which hide those behind them,
and the words. All ridges are on one scale, which the axis at the right marks for the one in front.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from landscape.errors import UsageError
from landscape.grid import Grid
from landscape.scene.colors import INK, PATH_COLORS
from landscape.scene.facts.several import shared_and_own
from landscape.scene.facts.surface import facts, model_name, subject
from landscape.scene.holes import drawable, hole_notes
from landscape.scene.kinds.kind import CURVES_ONLY, SURFACE, Kind, Options, names_of
from landscape.scene.kinds.line import metric_curve, point_notes
from landscape.scene.kinds.plane import shared_metric
from landscape.scene.kinds.spread import seedless
from landscape.scene.levels import round_values
from landscape.scene.scale import LINEAR, Scale
from landscape.scene.scales import alternatives
from landscape.scene.scene import Caption, Frame, Scene
from landscape.scene.text import labels_of, short
from landscape.scene.thin import thinned
from landscape.scene.views.lines import Curve, Lines, ValueAxis
from landscape.surfaces.flatness import is_flatness
from landscape.surfaces.surface import Surface

# How high the highest value stands over its base line, in distances of base lines; and the room below and above all ridges.
HIGH, ROOM = 1.6, 0.15
# More would be too close to each other to be distinguished.
MOST = 40
# Marked values of the ridge in front.
TICKS = 3
WORDS = "each line over its own base line, all on one scale: {low} is at the base line, {high} at {times:g} base lines above it"
NOTHING = "no line has a value to draw: neither has the picture a scale"
MIDDLE, MIDDLES = "of each plane: the middle line, y = {at}", "of {names}: the middle line, y = {at}"


def _together(surfaces: Sequence[Surface], options: Options) -> Scene:
    if not 2 <= len(surfaces) <= MOST:
        raise UsageError(
            f"kind 'ridgeline' lays 2 to {MOST} lines or planes over each other, not {len(surfaces)}; give "
            f"{'more' if len(surfaces) < 2 else 'fewer'} files"
        )
    metric = shared_metric(surfaces, options.metric)
    lines = [middle_of(thinned(surface, metric)) for surface in surfaces]
    names = options.names or names_of(surfaces)
    caption, own = _caption(surfaces, metric, names, options)
    notes = [*own, *_heights(surfaces, names)]
    views = tuple(
        _view(lines, names, metric, scale, caption, notes)
        for scale in alternatives(lines, [metric], options.scale, options.limits)
    )
    left, label = views[0].left, _x_label(lines)
    ends = np.array([(line.x[0], line.x[-1]) for line in lines])
    low, high = float(ends[:, 0].min()), float(ends[:, 1].max())
    return Scene(
        Frame(label, left.label, (low, high if high > low else low + 1), (left.low, left.high), equal=False), views
    )


def middle_of(surface: Surface) -> Surface:
    """The line of a plane that is nearest to y = 0; a line stays."""
    if surface.ndim == 1:
        return surface
    row = int(np.argmin(np.abs(surface.y)))
    return replace(
        surface, grid=Grid(surface.grid.axes[:1]), values={name: array[row] for name, array in surface.values.items()},
        stderr={name: array[row] for name, array in surface.stderr.items()},
        status={name: array[row] for name, array in surface.status.items()}, trails={},
    )  # fmt: skip


def _heights(surfaces: Sequence[Surface], names: Sequence[str]) -> list[str]:
    """Which lines of planes are drawn; the planes are named where these differ."""
    found: dict[float, list[str]] = {}
    for surface, name in zip(surfaces, names, strict=True):
        if (at := _height_of(surface)) is not None:
            found.setdefault(at, []).append(name)
    if len(found) < 2:
        return [MIDDLE.format(at=short(at)) for at in found]
    return [MIDDLES.format(names=", ".join(those), at=short(at)) for at, those in found.items()]


def _height_of(surface: Surface) -> float | None:
    return None if surface.ndim == 1 else float(surface.y[np.argmin(np.abs(surface.y))])


def _view(
    lines: Sequence[Surface], names: Sequence[str], metric: str, scale: Scale, caption: Caption, notes: Sequence[str]
) -> Lines:
    count = len(lines)
    nets = list(dict.fromkeys(map(model_name, lines)))
    curves = tuple(
        _ridge(line, metric, scale, name, count - 1 - number, nets.index(model_name(line)))
        for number, (line, name) in enumerate(zip(lines, names, strict=True))
    )
    low, high = -ROOM, count - 1 + HIGH + ROOM
    bases = tuple(float(count - 1 - number) for number in range(count))
    right, said = _scale_of_front(lines, metric, scale, (low, high))
    return Lines(
        curves=curves, left=ValueAxis("", LINEAR, low, high, INK, ticks=bases, tick_labels=tuple(names)), right=right,
        notes=(said, *notes, *_notes(lines, names, metric, scale)), caption=caption,
    )  # fmt: skip


def _scale_of_front(
    lines: Sequence[Surface], metric: str, scale: Scale, ends: tuple[float, float]
) -> tuple[ValueAxis | None, str]:
    """(the axis of the ridge in front, the words on all heights); no axis where no value could be marked on it."""
    if not any(len(drawable(line, metric)) for line in lines):
        return None, NOTHING
    quantity, marked = lines[0].quantity(metric), round_values(scale, TICKS)
    low, high = labels_of([scale.vmin, scale.vmax], percent=quantity.percent)
    axis = ValueAxis(
        scale.named(quantity.label), LINEAR, *ends, INK,
        ticks=tuple(map(float, _over_base(scale, marked))), tick_labels=labels_of(marked, percent=quantity.percent),
    )  # fmt: skip
    return axis, WORDS.format(low=low, high=high, times=HIGH)


def _ridge(line: Surface, metric: str, scale: Scale, name: str, base: float, net: int) -> Curve:
    """The curve over its base line, in front of those with higher ones; its values are kept for hovering."""
    plain = metric_curve(line, metric, scale)
    values = plain.y / 100.0 if plain.percent else plain.y
    y = base + _over_base(scale, values)
    return replace(
        plain, label="", x=plain.x, y=y, low=np.where(np.isfinite(y), base, np.nan), high=y, values=plain.y, name=name,
        color=PATH_COLORS[(2 + net) % len(PATH_COLORS)], dashed=False, dots=_has_lone_points(y), front=int(MOST - base),
    )  # fmt: skip


def _has_lone_points(y: np.ndarray) -> bool:
    """Whether a point stands between two that are not drawn, where no line shows it."""
    gaps = np.concatenate([[True], ~np.isfinite(y), [True]])
    return bool((~gaps[1:-1] & gaps[:-2] & gaps[2:]).any())


def _over_base(scale: Scale, values: np.ndarray) -> np.ndarray:
    """(n,) heights over a base line, in distances of base lines."""
    return HIGH * (scale.heights(values) - scale.low) / (scale.high - scale.low)


def _x_label(lines: Sequence[Surface]) -> str:
    """The name of the axis that all have, or what its numbers mean where each line has an axis of its own.

    Raises:
        UsageError: the axes are of different kinds, or count nets, which no line joins.
    """
    axes = [line.grid.axes[0] for line in lines]
    for line, axis in zip(lines, axes, strict=True):
        if is_flatness(line):
            raise UsageError(
                f"kind 'ridgeline' draws lines, and {line.source or 'this surface'} holds a table of nets; leave it out"
            )
        if axis.kind != axes[0].kind:
            raise UsageError(
                f"kind 'ridgeline' lays lines over one axis: that of {lines[0].source or 'the first'} is a {axes[0].kind}, "
                f"that of {line.source or 'another'} a {axis.kind}; choose those of one kind"
            )
    labels = {axis.label for axis in axes}
    return (labels.pop() or "x") if len(labels) == 1 else f"place along the {axes[0].kind} of each line"


def _caption(
    surfaces: Sequence[Surface], metric: str, names: Sequence[str], options: Options
) -> tuple[Caption, list[str]]:
    """The words around the picture, and what only some of the lines have."""
    shared, own = shared_and_own([facts(seedless(surface), metric) for surface in surfaces], names)
    about = {subject(surface) for surface in surfaces}
    what = f"{surfaces[0].quantity(metric).label} of {len(surfaces)} results"
    return options.caption(about.pop() if len(about) == 1 else "", what, shared), own


def _notes(lines: Sequence[Surface], names: Sequence[str], metric: str, scale: Scale) -> list[str]:
    return [
        f"{name}: {note}"
        for line, name in zip(lines, names, strict=True)
        for note in (point_notes(line, metric, scale) or hole_notes(line, metric))
    ]


KINDS = (
    Kind(
        "ridgeline", SURFACE, together=_together, ndim=2, lines=True, unused=CURVES_ONLY, alone="is a comparison by itself",
    ),
)  # fmt: skip
