"""Several line surfaces in one picture: each of them thin, their median strong, and the band from lowest to highest.

Owns: which surfaces can be laid together, the statistics over them, and the words on what line and band are. Random
directions differ by their seed, so one line shows one draw; this picture shows what does not depend on the draw.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import PurePath

import numpy as np

from landscape.errors import UsageError
from landscape.scene.axes import Curve
from landscape.scene.curve import axes_of, curve_of, drawing_order
from landscape.scene.facts import facts, subject
from landscape.scene.holes import hole_notes, holes_of
from landscape.scene.lines import marks_of, what_is_drawn
from landscape.scene.scale import clipping_notes
from landscape.scene.scene import DRAWN, NOT_FINITE, Caption, Lines, Scale
from landscape.scene.text import is_percent, metric_label
from landscape.surfaces.surface import Surface

LEGEND = "strong line: median of {}; band: lowest to highest"
THIN = "thin lines: each of them"
# Names that a footer has room for.
MOST_NAMES = 12


def check_spread(surfaces: Sequence[Surface]) -> None:
    """Raises UsageError unless there are at least two, over the same places."""
    if len(surfaces) < 2:
        raise UsageError(
            f"kind 'spread' lays at least two line surfaces together, not {len(surfaces)}; give more files"
        )
    first = surfaces[0]
    for other in surfaces[1:]:
        if not np.array_equal(first.x, other.x):
            names = " and ".join(f"{s.source or 'a surface'} {_range(s.x)}" for s in (first, other))
            raise UsageError(f"kind 'spread' needs the same x range and points: {names}; compute one of them anew")


def build_spread(
    surfaces: Sequence[Surface], metrics: Sequence[str], scale: Scale | None, title: str | None = None
) -> Lines:
    """The curves of all surfaces on one axis, whose `scale` is that of the left one."""
    curves: list[Curve] = []
    for metric, right in drawing_order(metrics):
        values = _values(surfaces, metric)
        # A second bundle of lines over the first could not be read: shares beside losses are median and band alone.
        curves += [] if right else _faint(surfaces[0].x, values, metric, scale)
        curves.append(_median(surfaces[0].x, values, metric, scale, right))
    left, right = axes_of(metrics, scale)
    notes = tuple(_notes(surfaces, metrics, scale))
    caption, what = _caption(surfaces, metrics, title), what_is_drawn(metrics)
    return Lines(tuple(curves), left, right, marks_of(surfaces[0]), notes, caption, what=what)


def _values(surfaces: Sequence[Surface], metric: str) -> np.ndarray:
    """(runs, n): a result that is infinite counts as that, so that the median is not drawn too low; other holes NaN."""
    rows = []
    for surface in surfaces:
        found, holes = surface.values[metric], holes_of(surface, metric)
        rows.append(np.where((holes == DRAWN) | ((holes == NOT_FINITE) & np.isinf(found)), found, np.nan))
    return np.array(rows)


def _faint(x: np.ndarray, values: np.ndarray, metric: str, scale: Scale | None) -> list[Curve]:
    drawn = np.where(np.isfinite(values), values, np.nan)
    return [curve_of(metric, x, row, scale, label="", faint=True) for row in drawn]


def _median(x: np.ndarray, values: np.ndarray, metric: str, scale: Scale | None, right: bool) -> Curve:
    with warnings.catch_warnings():
        # Places that no run has are holes: numpy warns and gives NaN.
        warnings.simplefilter("ignore", RuntimeWarning)
        median, band = np.nanmedian(values, axis=0), (np.nanmin(values, axis=0), np.nanmax(values, axis=0))
    median = np.where(np.isfinite(median), median, np.nan)
    return curve_of(metric, x, median, scale, band=band, right=right)


def _caption(surfaces: Sequence[Surface], metrics: Sequence[str], title: str | None) -> Caption:
    """What all share; the seeds, which they do not, are named in the notes."""
    plain = [_seedless(surface) for surface in surfaces]
    told = [facts(s, metrics[0] if len(metrics) == 1 else None, centers=metrics) for s in plain]
    shared = tuple(fact for fact in told[0] if all(fact in others for others in told[1:]))
    about = subject(surfaces[0]) if len({subject(s) for s in surfaces}) == 1 else ""
    heading = ": ".join(filter(None, [about, f"{what_is_drawn(metrics)}, {_count(surfaces)}"]))
    return Caption(heading if title is None else title, shared)


def _seedless(surface: Surface) -> Surface:
    made = surface.provenance.get("directions")
    if not isinstance(made, dict):
        return surface
    return replace(surface, provenance={**surface.provenance, "directions": {**made, "seed": None}})


def _notes(surfaces: Sequence[Surface], metrics: Sequence[str], scale: Scale | None) -> list[str]:
    names = _names(surfaces)
    bare = any(right for _, right in drawing_order(metrics))
    notes = [LEGEND.format(_count(surfaces)), THIN + ", loss only" * bare, _listed(names)]
    for metric in metrics:
        for surface, name in zip(surfaces, names, strict=True):
            notes += [f"{metric_label(metric)}, {name}: {note}" for note in hole_notes(surface, metric)]
        if scale is not None and not is_percent(metric):
            values = _values(surfaces, metric)
            notes += [f"{metric_label(metric)}: {note}" for note in clipping_notes(values[np.isfinite(values)], scale)]
    return notes


def _names(surfaces: Sequence[Surface]) -> list[str]:
    """The seeds when they tell the runs apart, else the files, else numbers."""
    seeds = [_seed(surface) for surface in surfaces]
    if None not in seeds and len(set(seeds)) == len(seeds):
        return [f"seed {seed}" for seed in seeds]
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


def _seed(surface: Surface):
    made = surface.provenance.get("directions")
    return made.get("seed") if isinstance(made, dict) and "random" in str(made.get("kind")) else None


def _range(x: np.ndarray) -> str:
    return f"has {x[0]:g}:{x[-1]:g}:{len(x)}"
