"""Training dynamics: the loss of one or several runs, and below it what was measured along them, over one axis of steps.

Owns: the kind `dynamics`: which quantities share a panel (those of one role), the scales of the panels, and how several runs are
distinguished. In a picture of one run colours stand for quantities, in one of several for runs.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePath

import numpy as np

from landscape.errors import UsageError
from landscape.quantity import (
    CONDITION,
    COVARIANCE,
    DISTANCE,
    DYNAMICS,
    GRADIENT,
    LARGEST,
    LAYER,
    LOSS,
    PRECONDITIONED,
    PRECONDITIONED_THRESHOLD,
    SHARPNESS,
    STIFFNESS,
    THRESHOLD,
    Quantity,
)
from landscape.scene.bands import band_notes
from landscape.scene.colors import GREEN, PATH_COLORS
from landscape.scene.facts.several import shared_and_own
from landscape.scene.facts.surface import facts, subject
from landscape.scene.holes import drawable
from landscape.scene.kinds.kind import CURVES_ONLY, SURFACE, Kind, Options, names_of
from landscape.scene.kinds.line import left_scales, metric_curve, point_notes
from landscape.scene.palettes import PALETTES, inked, stops
from landscape.scene.scale import LINEAR, LOG, LOG_FROM_RATIO, Scale
from landscape.scene.scene import Frame, Scene
from landscape.scene.thin import thinned
from landscape.scene.views.curve import DOTS_UP_TO, axes_of, scaled_axis
from landscape.scene.views.lines import Curve, Lines, Strip
from landscape.surfaces.surface import Surface


@dataclass(frozen=True)
class MeasurePanel:
    """One panel below the losses: its label, the roles of what it shows, and whether its values are spread over decades."""

    label: str
    roles: tuple[str, ...]
    log: bool = True


PANELS = (
    MeasurePanel("curvature", (LARGEST, SHARPNESS, THRESHOLD)),
    MeasurePanel("preconditioned", (PRECONDITIONED, PRECONDITIONED_THRESHOLD), log=False),
    MeasurePanel("gradient covariance", (COVARIANCE,)),
    MeasurePanel("last / first eigenvalue", (CONDITION,)),
    MeasurePanel("stiffness", (STIFFNESS,), log=False),
    MeasurePanel("gradient norm", (GRADIENT,)),
    MeasurePanel("gradient by layer", (LAYER,)),
    MeasurePanel("distance", (DISTANCE,), log=False),
)
# Values that steps should not pass; they are dashed, and no reason for a panel of their own.
BOUNDS = (THRESHOLD, PRECONDITIONED_THRESHOLD)
HEIGHT, TALL, TICKS = 0.45, 0.85, 5
# Layers that are all named in the legend.
MOST_LABELS = 8
# A threshold far above all that was measured would press the curves together: it is drawn as far as this factor.
ABOVE = 3.0
# Of the quantities in the panels of a picture of one run, one after the other; and of thresholds.
OF_ONE, BOUND = (PATH_COLORS[0], PATH_COLORS[1], *PATH_COLORS[3:7], GREEN), PATH_COLORS[7]
OUTSIDE = "the {label}, {least} to {most}, is drawn where it lies in the picture"


def _together(surfaces: Sequence[Surface], options: Options) -> Scene:
    first = surfaces[0]
    rows = _rows(surfaces, lambda row: row.kind == LOSS and not row.role and not row.aside)
    if options.metric and rows:
        known, rows = rows, [row for row in rows if options.metric in (row.name, row.metric)]
        if not rows:
            has = ", ".join(row.name for row in known)
            raise UsageError(
                f"no metric '{options.metric}' in {first.source or 'this surface'}: it has the losses {has}"
            )
    if not rows or not _panels(surfaces):
        raise UsageError(
            f"{first.source or 'this surface'} holds no training dynamics that all runs have; landscape dynamics RUN adds them"
        )
    names = options.names or _names(surfaces) if len(surfaces) > 1 else ("",)
    what = "training dynamics"
    shared, own = shared_and_own([facts(surface, centers=[]) for surface in surfaces], names)
    caption = options.caption(subject(first), what, shared)
    views = tuple(
        _lines(surfaces, rows, scale, names, options)
        for scale in left_scales(surfaces, [r.name for r in rows], options)
    )
    views = tuple(replace(view, caption=caption, notes=(*own, *view.notes)) for view in views)
    ends = np.concatenate([thinned(surface, rows[0].name).x for surface in surfaces])
    low, high = float(ends.min()), float(ends.max())
    label, left = first.grid.axes[0].label or "training step", views[0].left
    frame = Frame(label, left.label, (low, high if high > low else low + 1), (left.low, left.high), equal=False)
    return Scene(frame, views)


def _names(surfaces: Sequence[Surface]) -> tuple[str, ...]:
    """Those of the run folders, where they tell all runs apart."""
    folders = tuple(PurePath(surface.source).parent.name for surface in surfaces)
    return folders if all(folders) and len(set(folders)) == len(folders) else names_of(surfaces)


def _rows(surfaces: Sequence[Surface], wanted: Callable[[Quantity], bool]) -> list[Quantity]:
    """The quantities that all surfaces hold."""
    shared = [name for name in surfaces[0].values if all(name in surface.values for surface in surfaces)]
    return [row for row in map(surfaces[0].quantity, shared) if wanted(row)]


def _panels(surfaces: Sequence[Surface]) -> list[tuple[MeasurePanel, list[Quantity]]]:
    """The panels of which something is known, with their quantities."""
    found = []
    for panel in PANELS:
        if panel.roles == (LAYER,) and len(surfaces) > 1:
            continue  # each layer of each run would need a colour
        rows = _rows(surfaces, functools.partial(_belongs, panel))
        rows = [row for row in rows if any(np.isfinite(surface.values[row.name]).any() for surface in surfaces)]
        if any(row.role not in BOUNDS for row in rows):
            found.append((panel, sorted(rows, key=lambda row: panel.roles.index(row.role))))
    return found


def _belongs(panel: MeasurePanel, row: Quantity) -> bool:
    return row.role in panel.roles and not row.aside


def _lines(
    surfaces: Sequence[Surface], rows: Sequence[Quantity], scale: Scale | None, names: Sequence[str], options: Options
) -> Lines:
    left, _ = axes_of(rows, scale)
    curves = [
        curve for each in zip(surfaces, names, _colors(surfaces), strict=True) for curve in _above(rows, scale, *each)
    ]
    strips = tuple(_strips(surfaces))
    several = len(surfaces) > 1
    left = replace(left, color=PATH_COLORS[0])
    return Lines(
        curves=tuple(curves), left=left, right=None, strips=strips, notes=tuple(_notes(surfaces, rows, scale, several))
    )


def _colors(surfaces: Sequence[Surface]) -> list[str]:
    return [PATH_COLORS[number % len(PATH_COLORS)] for number in range(len(surfaces))]


def _above(rows: Sequence[Quantity], scale: Scale | None, surface: Surface, name: str, color: str) -> Iterator[Curve]:
    for row in rows:
        curve = metric_curve(surface, row.name, scale, dots=_few(surface, row))
        if name:
            label = name if row is rows[0] else ""
            yield replace(curve, color=color, label=label)
        else:
            yield curve


def _strips(surfaces: Sequence[Surface]) -> Iterator[Strip]:
    used = 0
    for panel, found in _panels(surfaces):
        rows = _shown(found, several=len(surfaces) > 1)
        first = used if len(rows) > 1 else 0
        colors = [] if len(surfaces) > 1 else [OF_ONE[(first + i) % len(OF_ONE)] for i in range(len(rows))]
        used += len(rows) if len(rows) > 1 else 0
        if panel.roles == (LAYER,):
            rows, colors = _few_labels(rows), _ramp(len(rows))
        yield _strip(surfaces, panel, rows, colors)


def _ramp(count: int) -> list[str]:
    """From the first layer to the last, dark to light, in colours that lines on white can have."""
    colors = stops(inked(PALETTES["viridis"]))
    return [colors[round(share * (len(colors) - 1))] for share in np.linspace(0, 1, count)]


def _few_labels(rows: Sequence[Quantity]) -> list[Quantity]:
    """Of many layers the first, the middle and the last have a label."""
    if len(rows) <= MOST_LABELS:
        return list(rows)
    named = (0, len(rows) // 2, len(rows) - 1)
    return [row if number in named else replace(row, label="") for number, row in enumerate(rows)]


def _strip(surfaces: Sequence[Surface], panel: MeasurePanel, rows: Sequence[Quantity], colors: Sequence[str]) -> Strip:
    """`colors`: of each quantity, in a picture of one run."""
    scale = _scale(surfaces, panel, rows)
    axis = scaled_axis(panel.label, scale, PATH_COLORS[0], TICKS)
    curves, is_named = [], len(panel.roles) == len(rows) == 1  # by its axis
    for surface, color in zip(surfaces, _colors(surfaces), strict=True):
        for number, row in enumerate(rows):
            curve = metric_curve(surface, row.name, scale, dots=_few(surface, row))
            if row.role in BOUNDS:
                curve = replace(curve, y=_within(surface, row, scale))
                if not np.isfinite(curve.y).any():
                    continue
            dashed = row.role in BOUNDS or (len(surfaces) > 1 and number > 0)
            own = BOUND if colors and row.role in BOUNDS else colors[number] if colors else color
            curves.append(replace(curve, color=own, dashed=dashed, label=row.label if colors and not is_named else ""))
    return Strip(tuple(curves), axis, TALL if len(rows) > 2 else HEIGHT, zero=axis.low < 0 < axis.high)


def _few(surface: Surface, row: Quantity) -> bool:
    """Whether its points are marked: a single one would not be seen."""
    return int(np.isfinite(surface.values[row.name]).sum()) <= DOTS_UP_TO


def _within(surface: Surface, row: Quantity, scale: Scale) -> np.ndarray:
    """A threshold where it lies in the picture: at the border it would be taken for one."""
    values = thinned(surface, row.name).values[row.name]
    return np.where((values >= scale.vmin) & (values <= scale.vmax), values, np.nan)


def _shown(rows: Sequence[Quantity], *, several: bool) -> list[Quantity]:
    """All of one run; of several the first of each role, and both kinds of stiffness."""
    if not several:
        return list(rows)
    if rows[0].role == STIFFNESS:
        return list(rows)
    firsts = {row.role: row for row in reversed(rows)}
    main = next(row for row in rows if row.role not in BOUNDS)
    return [main, *(firsts[bound] for bound in BOUNDS if bound in firsts)]


def _scale(surfaces: Sequence[Surface], panel: MeasurePanel, rows: Sequence[Quantity]) -> Scale:
    """From the least to the greatest of what was measured; a threshold counts as far as it is near."""
    values = np.concatenate([
        drawable(thinned(surface, row.name), row.name) for surface in surfaces for row in rows if row.role not in BOUNDS
    ])  # fmt: skip
    if not values.size:
        return Scale(LINEAR, 0.0, 1.0)
    low, high = float(values.min()), float(values.max())
    bounds = [
        drawable(thinned(surface, row.name), row.name) for surface in surfaces for row in rows if row.role in BOUNDS
    ]
    near = [each for bound in bounds for each in bound if low / ABOVE <= each <= max(high, 0.0) * ABOVE]
    low, high = min([low, *near]), max([high, *near])
    if panel.log and low > 0 and high > LOG_FROM_RATIO / 4 * low:
        return Scale(LOG, low, high)
    low = min(low, 0.0)
    return Scale(LINEAR, low, high if high > low else low + 1.0)


def _notes(surfaces: Sequence[Surface], rows: Sequence[Quantity], scale: Scale | None, several: bool) -> list[str]:
    notes = []
    found = {row.role: (panel, row) for panel, some in _panels(surfaces) for row in some}
    for panel, row in (found[bound] for bound in BOUNDS if several and bound in found):
        notes.append(f"dashed in the panel of {panel.label}: {row.label}")
    if several and STIFFNESS in found:
        notes.append("stiffness: solid within classes, dashed between")
    if several:
        shown = [_shown(some, several=True)[0] for panel, some in _panels(surfaces) if LARGEST in panel.roles]
        notes += [f"curvature: {row.label}" for row in shown] + band_notes(surfaces[0], [row.name for row in rows])
    notes += _samples(surfaces)
    notes += [note for surface in surfaces for note in _outside(surface, surfaces)]
    for surface in surfaces if not several else []:
        notes += [note for row in rows for note in point_notes(surface, row.name, scale)]
        notes += band_notes(surface, [row.name for row in rows])
    return list(dict.fromkeys(notes))


def _outside(surface: Surface, surfaces: Sequence[Surface]) -> list[str]:
    """Where a threshold is not seen, because it is far from all that was measured; the first of them."""
    for panel, found in _panels(surfaces):
        rows = _shown(found, several=len(surfaces) > 1)
        for row in rows:
            values, scale = drawable(thinned(surface, row.name), row.name), _scale(surfaces, panel, rows)
            if row.role in BOUNDS and values.size and not scale.vmin <= values.min() <= values.max() <= scale.vmax:
                return [OUTSIDE.format(label=row.label, least=f"{values.min():.3g}", most=f"{values.max():.3g}")]
    return []


def _samples(surfaces: Sequence[Surface]) -> list[str]:
    """On how many samples it was measured, where that is known."""
    known = [surface.provenance.get(DYNAMICS) for surface in surfaces]
    counts = {each.get("samples") for each in known if isinstance(each, dict)}
    return [f"measured on {count:,} samples" for count in counts if isinstance(count, int)][:1]


def _is_dynamics(surface: Surface) -> bool:
    along = surface.ndim == 1 and surface.grid.axes[0].kind == "step"
    return along and any(surface.quantity(name).role in (SHARPNESS, THRESHOLD, DISTANCE) for name in surface.values)


KINDS = (
    Kind(
        "dynamics", SURFACE, together=_together, ndim=1, default=_is_dynamics, unused=CURVES_ONLY,
        alone="shows several runs in one picture already",
    ),
)  # fmt: skip
