"""Losses along paths between nets, straight and curved, with the errors below.

Owns: the kind `connection`: which path has which colour, and the words on barriers. Train and test are distinguished by dashes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from landscape.errors import UsageError
from landscape.grid import Grid
from landscape.printable import listed
from landscape.quantity import LOSS, Quantity, risen
from landscape.scene.bands import band_notes, band_of
from landscape.scene.colors import PATH_COLORS
from landscape.scene.facts.surface import brief, facts, subject
from landscape.scene.kinds.kind import CURVES_ONLY, SURFACE, Kind, Options
from landscape.scene.kinds.line import left_scales, metric_curve, point_notes
from landscape.scene.scale import LINEAR, Scale
from landscape.scene.scene import Frame, Scene
from landscape.scene.text import short, value_text
from landscape.scene.views.curve import FULL, value_axis
from landscape.scene.views.lines import Curve, Lines, Strip, ValueAxis
from landscape.surfaces.barriers import PathName, barriers, measured, net_names, paths_of
from landscape.surfaces.bounds import ERRORS
from landscape.surfaces.surface import Surface

# The height of the errors beside that of the losses, and the least upper end of their axis in percent.
HEIGHT, LEAST = 0.55, 2.0
# More paths than that are thin lines without names.
NAMED = 6
# Bands may widen the range of the values by this share of it to either side; on a logarithmic scale, by this factor.
BESIDE, FURTHER = 0.75, 4.0
# The title names this number of nets.
LISTED = 3


def _scenes(surfaces: Sequence[Surface], options: Options) -> list[Scene]:
    losses = [row.name for row in _wanted(surfaces[0], options.metric)]
    for surface in surfaces[1:]:
        if (found := [row.name for row in _wanted(surface, options.metric)]) != losses:
            raise UsageError(
                f"these files hold different losses ({', '.join(losses)} and {', '.join(found)}); choose one that all have"
            )
    scales = [
        _with_bands(surfaces, losses, scale, options) for scale in left_scales(surfaces, losses, options) if scale
    ]
    highest = max(_highest(surface) for surface in surfaces)
    return [_scene(surface, scales, highest, options) for surface in surfaces]


def _with_bands(surfaces: Sequence[Surface], losses: Sequence[str], scale: Scale, options: Options) -> Scale:
    """The scale with room for the bands, as far as these do not press the curves together; given limits stay."""
    edges = [edge for surface in surfaces for name in losses for edge in (band_of(surface, name) or ())]
    known = np.concatenate([edge[np.isfinite(edge)] for edge in edges]) if edges else np.zeros(0)
    if not known.size:
        return scale
    if scale.kind == LINEAR:
        reach = BESIDE * (scale.vmax - scale.vmin)
        low, high = scale.vmin - reach, scale.vmax + reach
    else:
        low, high = scale.vmin / FURTHER, scale.vmax * FURTHER
    vmin = scale.vmin if options.vmin is not None else min(scale.vmin, max(low, float(known.min())))
    vmax = scale.vmax if options.vmax is not None else max(scale.vmax, min(high, float(known.max())))
    return replace(scale, vmin=max(vmin, 0.0) if scale.kind == LINEAR and scale.vmin >= 0 else vmin, vmax=vmax)


def _scene(surface: Surface, scales: Sequence[Scale], highest: float, options: Options) -> Scene:
    """`highest`: the upper end of the errors, in percent."""
    paths, labels = paths_of(surface), net_names(surface)
    losses = _wanted(surface, options.metric)
    between = f" between {listed(labels)}" if len(labels) <= LISTED else f" between {len(labels)} nets"
    caption = options.caption(
        subject(surface), f"paths{between}", [*facts(surface), *_lengths(surface, paths)], brief(surface)
    )
    caption = replace(caption, what="paths between nets")  # as a comparison of other nets is named
    views = tuple(replace(_lines(surface, paths, losses, scale, highest), caption=caption) for scale in scales)
    left = views[0].left
    label = surface.grid.axes[0].label or "t: place on the path"
    return Scene(Frame(label, left.label, (0.0, 1.0), (left.low, left.high), equal=False), views)


def _wanted(surface: Surface, metric: str | None) -> list[Quantity]:
    """The losses, or those of one name.

    Raises:
        UsageError: there are none.
    """
    rows = [surface.quantity(name) for name in surface.values]
    named = [row for row in rows if metric and metric in (row.name, row.metric)]
    found = [
        row for row in (named if metric else measured(surface)) if not row.percent and (metric or row.kind == LOSS)
    ]
    if named and not found:
        raise UsageError(
            f"metric '{metric}': a picture of paths draws losses, with the errors below them; choose a loss, or leave it out"
        )
    if not found:
        missing = f"no metric '{metric}'" if metric else "no loss along the paths"
        raise UsageError(f"{missing} in {surface.source or 'this surface'}: it has {', '.join(surface.values)}")
    return found


def _lines(
    surface: Surface, paths: Sequence[PathName], losses: Sequence[Quantity], scale: Scale, highest: float
) -> Lines:
    curves = tuple(_curves(surface, paths, losses, scale))
    marks = tuple(zip((0.0, 1.0), net_names(surface), strict=True)) if len(net_names(surface)) == 2 else ()
    notes = [note for row in losses for note in point_notes(_of_all(surface, row), row.name, scale)]
    return Lines(
        curves=curves, left=replace(value_axis(losses, scale), color=PATH_COLORS[0]), right=None, marks=marks,
        strips=tuple(_strips(surface, paths, highest)),
        notes=(*notes, *band_notes(surface, [row.name for row in losses]), *_barrier_notes(surface, losses)),
    )  # fmt: skip


def _of_all(surface: Surface, row: Quantity) -> Surface:
    """All values of one metric in one row, for the notes on missing and clipped ones."""
    return replace(
        surface, grid=Grid((replace(surface.grid.axes[0], values=np.arange(float(surface.grid.size))),)),
        values={row.name: surface.values[row.name].ravel()}, stderr={},
        status={name: status.ravel() for name, status in surface.status.items()},
    )  # fmt: skip


def one_path(surface: Surface, path: PathName) -> Surface:
    """One path as a surface of one dimension."""
    return replace(
        surface, grid=Grid(surface.grid.axes[:1]), values={name: array[path.row] for name, array in surface.values.items()},
        stderr={name: array[path.row] for name, array in surface.stderr.items()},
        status={name: status[path.row] for name, status in surface.status.items()},
    )  # fmt: skip


def _curves(
    surface: Surface, paths: Sequence[PathName], rows: Sequence[Quantity], scale: Scale | None, *, named: bool = True
) -> Iterator[Curve]:
    names, several = _names(surface, paths), len(rows) > 1
    for number, (path, name) in enumerate(zip(paths, names, strict=True)):
        for row in rows:
            curve = metric_curve(one_path(surface, path), row.name, scale)
            label = f"{name}, {row.split}" if several and row.split else name
            faint = len(paths) > NAMED
            yield replace(
                curve, color=PATH_COLORS[number % len(PATH_COLORS)], dashed=row is not rows[0], faint=faint,
                label=label if named and not faint else "", right=False,
            )  # fmt: skip


def _names(surface: Surface, paths: Sequence[PathName]) -> list[str]:
    """What tells the paths apart: their kinds, or between several nets their ends; numbered where neither does."""
    labels = net_names(surface)
    found = []
    for path in paths:
        ends = f"{labels[path.first]} to {labels[path.last]}"
        found.append(path.kind if len(labels) == 2 else ends if path.kind == "line" else f"{path.kind} {ends}")
    return [name if found.count(name) == 1 else f"{name} {found[: i + 1].count(name)}" for i, name in enumerate(found)]


def _errors(surface: Surface) -> list[Quantity]:
    """The first share in each split."""
    shares = [row for row in measured(surface) if row.percent]
    return [row for row in shares if row.metric == shares[0].metric]


def _highest(surface: Surface) -> float:
    """The upper end of the axis of errors in percent, with room for their bands."""
    tops = [(1.0 - surface.values[row.name], surface.stderr.get(row.name)) for row in _errors(surface)]
    known = [values + (0.0 if errors is None else ERRORS * np.nan_to_num(errors)) for values, errors in tops]
    return min(FULL, max([LEAST, *(102.0 * float(np.nanmax(each, initial=0.0)) for each in known)]))


def _strips(surface: Surface, paths: Sequence[PathName], highest: float) -> Iterator[Strip]:
    """Errors, which are 1 - share."""
    shares = _errors(surface)
    if not shares:
        return
    rows = [replace(risen(row), metric=row.metric) for row in shares]
    turned = replace(surface, values={row.name: 1.0 - surface.values[row.name] for row in rows})
    axis = ValueAxis(f"{risen(shares[0]).metric} (%)", LINEAR, 0.0, highest, PATH_COLORS[0], percent=True)
    yield Strip(tuple(_curves(turned, paths, rows, None, named=False)), axis, HEIGHT)


def _barrier_notes(surface: Surface, losses: Sequence[Quantity]) -> list[str]:
    """The barriers of few paths in what is drawn, over the mean of the nets; and what dashes mean where no loss has them."""
    paths = paths_of(surface)
    if len(paths) > NAMED:
        return []
    said = ["errors: dashed on the test data"] if len(losses) < len(_errors(surface)) else []
    names = dict(zip((path.row for path in paths), _names(surface, paths), strict=True))
    for each in barriers(surface):
        row = surface.quantity(each.metric)
        if row in losses:
            error = f" ± {short(each.stderr, 2)}" if np.isfinite(each.stderr) else ""
            said.append(
                f"{names[each.path.row]}: barrier in {row.label} {value_text(each.over_mean)}{error} at t = {each.at:g}"
            )
    return said


def _lengths(surface: Surface, paths: Sequence[PathName]) -> list[str]:
    known = surface.known.connect
    named = zip(_names(surface, paths), paths, strict=True)
    said = [f"{name} {short(path.length)} long" for name, path in named if path.length >= 0]
    return (said if len(paths) <= NAMED else []) + [
        each for each in (known and known.curve, known and known.repair) if each
    ]


KINDS = (
    Kind(
        "connection", SURFACE, _scenes, ndim=2, paths=True, default=lambda surface: True, unused=CURVES_ONLY,
    ),
)  # fmt: skip
