"""Two metrics of one surface over each other, such as the loss on the training and on the test data.

Owns: which two, their colours and dashes, and how the reliefs are told apart where one lies close above the other: the
first is a closed sheet, the second a net of wires along the grid over a thin veil. Where the wires float, the second is
higher; where they sink into the sheet and pale, it is lower.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from landscape.errors import UsageError
from landscape.scene.colors import COUNT, OVERLAY_COLORS, tint
from landscape.scene.curve import is_loss
from landscape.scene.facts import facts, subject
from landscape.scene.field import build_field, with_scale
from landscape.scene.holes import drawable, hole_notes
from landscape.scene.scale import clipping_notes
from landscape.scene.scene import Camera, Caption, Field, Layer, Overlay, Scale
from landscape.scene.text import is_percent, labels_of, metric_label
from landscape.surfaces.surface import Surface

# About how many wires run each way: enough to show the shape, few enough to look through.
WIRES = 21
SHEET, VEIL = 0.92, 0.14
# How much white is in the colours of the sheet and the veil: wires and light must show on them.
PALE = (0.3, 0.5)
WIRES_NOTE = "{first}: sheet; {second}: wires, hidden where they run below the sheet"


@dataclass(frozen=True)
class Pair:
    """What lies below and what over it."""

    first: str
    second: str

    @property
    def title(self) -> str:
        return f"{metric_label(self.first)} and {metric_label(self.second)}"


def pair_of(surface: Surface, metric: str | None = None) -> Pair:
    """Train and test of a metric (the loss when None), or the two that are named: `train_loss,train_loss_l2`.

    Raises:
        UsageError: the surface lacks one of them, or the two cannot share a scale.
    """
    named = [part.strip() for part in metric.split(",")] if metric else ["loss"]
    if len(named) == 1:
        stem = named[0].removeprefix("train_").removeprefix("test_")
        named = [f"train_{stem}", f"test_{stem}"]
    who = surface.source or "this surface"
    missing = [name for name in named if name not in surface.values]
    if len(named) != 2 or named[0] == named[1]:
        raise UsageError(f"metric '{metric}': an overlay has two, such as loss, accuracy or train_loss,test_loss")
    if missing:
        has = ", ".join(surface.values) or "nothing yet"
        raise UsageError(
            f"no {' and no '.join(missing)} in {who}, and an overlay needs {' and '.join(named)} (it has {has}); "
            "compute it with --split train --split test"
        )
    if is_percent(named[0]) != is_percent(named[1]):
        raise UsageError(f"{named[0]} and {named[1]} have no common scale; choose two losses or two accuracies")
    return Pair(*named)


def build_overlay(
    surface: Surface, pair: Pair, scale: Scale, levels: np.ndarray, camera: Camera, *, relief: bool, title: str | None
) -> Overlay:
    """Both metrics on one scale with contour lines at `levels` (k,); `relief` is what a still picture shows of them."""
    first = build_field(surface, pair.first, scale, levels=levels, camera=camera)
    second = build_field(surface, pair.second, scale, levels=levels, camera=camera, avoid=first.label_points[:, :2])
    holes = np.maximum(first.hole_cells, second.hole_cells)
    layers = tuple(_layer(replace(field, hole_cells=holes), number) for number, field in enumerate((first, second)))
    notes = _notes(surface, pair, first, second, relief=relief)
    return Overlay(layers, _label(pair, scale), tuple(notes), _caption(surface, pair, title))


def _layer(field: Field, number: int) -> Layer:
    """The first is the sheet, the second the wires."""
    wired, color = number > 0, OVERLAY_COLORS[number]
    plain, pale = (color,) * COUNT, (tint(color, PALE[number]),) * COUNT
    rows, columns = (_wires(n) if wired else np.zeros(0, dtype=int) for n in field.mesh.z.shape)
    field = replace(field, colors=plain, line_colors=plain, relief_colors=pale)
    return Layer(field, metric_label(field.metric), color, wired, VEIL if wired else SHEET, rows, columns)


def _label(pair: Pair, scale: Scale) -> str:
    metrics = (pair.first, pair.second)
    if all(map(is_percent, metrics)):
        return "accuracy"
    return with_scale("loss" if all(map(is_loss, metrics)) else pair.title, scale)


def _wires(points: int) -> np.ndarray:
    """(k,) numbers of the lines of a mesh, evenly spread, with both borders."""
    return np.unique(np.linspace(0, points - 1, min(points, WIRES)).round().astype(int))


def _caption(surface: Surface, pair: Pair, title: str | None) -> Caption:
    metrics = (pair.first, pair.second)
    heading = ": ".join(filter(None, [subject(surface), pair.title]))
    return Caption(heading if title is None else title, tuple(facts(surface, centers=metrics)))


def _notes(surface: Surface, pair: Pair, first: Field, second: Field, *, relief: bool) -> list[str]:
    """How to read it (the levels, since not every line has room for its number); what is missing or clipped of each."""
    notes = [WIRES_NOTE.format(first=metric_label(pair.first), second=metric_label(pair.second))] * relief
    if len(first.levels) and not relief:
        notes.append("lines of both at " + ", ".join(labels_of(first.levels, percent=first.percent)))
    for metric in (pair.first, pair.second):
        own = (*hole_notes(surface, metric), *clipping_notes(drawable(surface, metric), first.scale))
        notes += [f"{metric_label(metric)}: {note}" for note in own]
    shared: Sequence[str] = [note for note in first.notes if note in second.notes and note not in " ".join(notes)]
    return [*notes, *shared]
