"""Several line surfaces in one picture: each of them thin, their median strong, and the band from lowest to highest.

Owns: the kind `spread`: which surfaces can be laid together, the statistics over them, and the words on line and band. Random
directions differ by their seed, so one line shows one draw; this picture shows what does not depend on the draw.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import PurePath

import numpy as np

from landscape.errors import UsageError
from landscape.quantity import Quantity
from landscape.scene.facts.stems import seed_name
from landscape.scene.facts.surface import facts, subject
from landscape.scene.hessian import is_curvature
from landscape.scene.holes import DRAWN, NOT_FINITE, hole_notes, holes_of
from landscape.scene.kinds.kind import CURVES_ONLY, SURFACE, Kind, Options
from landscape.scene.kinds.line import left_scales, line_scene, marks_of, quantities, shared_metrics, what_is_drawn
from landscape.scene.scale import Scale, clipping_notes
from landscape.scene.scene import Caption, Scene
from landscape.scene.thin import thinned
from landscape.scene.views.curve import axes_of, curve_of, drawing_order
from landscape.scene.views.lines import Curve, Lines, Strip
from landscape.surfaces.surface import Surface

LEGEND = "strong line: median of {}; band: lowest to highest"
THIN = "thin lines: each of them"
# Names that a footer has room for.
MOST_NAMES = 12
# The height of the panel of shares beside that of the losses.
SHARES = 0.6


def _together(surfaces: Sequence[Surface], options: Options) -> Scene:
    metric = options.metric
    surfaces = [thinned(s, metric) if metric and is_curvature(s, metric) else s for s in surfaces]
    _check(surfaces)
    metrics = shared_metrics(surfaces, options.metric)
    drawn = quantities(surfaces[0], metrics)
    caption = _caption(surfaces, drawn, options)
    scales = left_scales(surfaces, metrics, options)
    return line_scene(surfaces[0], [_lines(surfaces, drawn, scale, caption) for scale in scales])


def _check(surfaces: Sequence[Surface]) -> None:
    """Raises UsageError unless there are at least two, over the same places."""
    if len(surfaces) < 2:
        raise UsageError(
            f"kind 'spread' lays at least two line surfaces together, not {len(surfaces)}; give more files"
        )
    first = surfaces[0]
    for other in surfaces[1:]:
        if not np.array_equal(first.x, other.x):
            names = " and ".join(f"{s.source or 'a surface'} {_range(s.x)}" for s in (first, other))
            raise UsageError(f"kind 'spread' needs the same x range and points: {names}; compute one of them again")


def _lines(surfaces: Sequence[Surface], drawn: Sequence[Quantity], scale: Scale | None, caption: Caption) -> Lines:
    """The curves of all surfaces on one axis, whose `scale` is that of the left one."""
    curves: list[Curve] = []
    for quantity, _ in drawing_order(drawn):
        values = _values(surfaces, quantity.name)
        curves += _faint(surfaces[0].x, values, quantity, scale)
        curves.append(_median(surfaces[0].x, values, quantity, scale))
    left, shares = axes_of(drawn, scale)
    notes, marks = tuple(_notes(surfaces, drawn, scale)), marks_of(surfaces[0])
    # Below, not on the right: a second bundle over the first could not be read.
    below = tuple(curve for curve in curves if curve.percent) if shares else ()
    strips = (Strip(below, shares, SHARES),) if shares else ()
    above = tuple(curve for curve in curves if curve not in below)
    return Lines(curves=above, left=left, right=None, marks=marks, strips=strips, notes=notes, caption=caption)


def _values(surfaces: Sequence[Surface], metric: str) -> np.ndarray:
    """(runs, n): infinite results stay, so that the median is not drawn too low; other holes are NaN."""
    rows = []
    for surface in surfaces:
        found, holes = surface.values[metric], holes_of(surface, metric)
        rows.append(np.where((holes == DRAWN) | ((holes == NOT_FINITE) & np.isinf(found)), found, np.nan))
    return np.array(rows)


def _faint(x: np.ndarray, values: np.ndarray, quantity: Quantity, scale: Scale | None) -> list[Curve]:
    drawn = np.where(np.isfinite(values), values, np.nan)
    return [curve_of(quantity, x, row, scale, label="", faint=True) for row in drawn]


def _median(x: np.ndarray, values: np.ndarray, quantity: Quantity, scale: Scale | None) -> Curve:
    with warnings.catch_warnings():
        # Places that no run has are holes: numpy warns and gives NaN.
        warnings.simplefilter("ignore", RuntimeWarning)
        median, band = np.nanmedian(values, axis=0), (np.nanmin(values, axis=0), np.nanmax(values, axis=0))
    median = np.where(np.isfinite(median), median, np.nan)
    return curve_of(quantity, x, median, scale, band=band)


def _caption(surfaces: Sequence[Surface], drawn: Sequence[Quantity], options: Options) -> Caption:
    """What all share; the seeds, which they do not, are named in the notes."""
    metrics = [quantity.name for quantity in drawn]
    each = [facts(seedless(s), metrics[0] if len(metrics) == 1 else None, centers=metrics) for s in surfaces]
    shared = [fact for fact in each[0] if all(fact in others for others in each[1:])]
    about = subject(surfaces[0]) if len({subject(surface) for surface in surfaces}) == 1 else ""
    return options.caption(about, f"{what_is_drawn(surfaces[0], metrics)}, {_count(surfaces)}", shared)


def seedless(surface: Surface) -> Surface:
    """The surface without the seed of its directions, by which it differs from others."""
    made = surface.provenance.get("directions")
    if not isinstance(made, dict):
        return surface
    return replace(surface, provenance={**surface.provenance, "directions": {**made, "seed": None}})


def _notes(surfaces: Sequence[Surface], drawn: Sequence[Quantity], scale: Scale | None) -> list[str]:
    names = _names(surfaces)
    notes = [LEGEND.format(_count(surfaces)), THIN, _listed(names)]
    for quantity in drawn:
        for surface, name in zip(surfaces, names, strict=True):
            notes += [f"{quantity.label}, {name}: {note}" for note in hole_notes(surface, quantity.name)]
        if scale is not None and not quantity.percent:
            values = _values(surfaces, quantity.name)
            notes += [f"{quantity.label}: {note}" for note in clipping_notes(values[np.isfinite(values)], scale)]
    return notes


def _names(surfaces: Sequence[Surface]) -> list[str]:
    """The seeds when they tell the runs apart, else the files, else numbers."""
    seeds = [seed_name(surface) for surface in surfaces]
    if all(seeds) and len(set(seeds)) == len(seeds):
        return seeds
    files = [PurePath(surface.source).name for surface in surfaces]
    if all(files) and len(set(files)) == len(files):
        return files
    return [f"line {number}" for number in range(1, len(surfaces) + 1)]


def _count(surfaces: Sequence[Surface]) -> str:
    return f"{len(surfaces)} {'seeds' if _names(surfaces)[0].startswith('seed ') else 'lines'}"


def _listed(names: Sequence[str]) -> str:
    words, shown = "", list(names)
    if names[0].startswith("seed "):
        words, shown = "seeds ", [name.removeprefix("seed ") for name in names]
    rest = [f"and {len(shown) - MOST_NAMES} more"] if len(shown) > MOST_NAMES else []
    return words + ", ".join([*shown[:MOST_NAMES], *rest])


def _range(x: np.ndarray) -> str:
    return f"has {x[0]:g}:{x[-1]:g}:{len(x)}"


KINDS = (
    Kind(
        "spread",
        SURFACE,
        together=_together,
        ndim=1,
        unused=CURVES_ONLY,
        alone="is a comparison by itself",
    ),
)
