"""Two metrics of one surface over each other, such as the loss on the training and on the test data.

Owns: the view `Overlay`, its colours and dashes, and how the reliefs are distinguished where one lies close above the other:
the first is a closed sheet, the second a net of wires along the grid over a thin veil. Where the wires float, the second is
higher; where they sink into the sheet and fade, it is lower.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from landscape.quantity import Quantity
from landscape.scene.colors import OVERLAY_COLORS, tint
from landscape.scene.holes import drawable, hole_notes
from landscape.scene.palettes import COUNT
from landscape.scene.scale import Scale, clipping_notes
from landscape.scene.scene import Camera, Caption, Choice, View
from landscape.scene.text import labels_of
from landscape.scene.views.curve import are_losses
from landscape.scene.views.field import Field, build_field
from landscape.surfaces.surface import Surface

# About how many wires run each way: enough to show the shape, few enough to look through.
WIRES = 21
SHEET, VEIL = 1.0, 0.14
# How much white is in the colours of the sheet and the veil: wires and light must show on them.
PALE = (0.3, 0.5)
WIRES_NOTE = "{first}: sheet; {second}: wires, hidden where they run below the sheet"


@dataclass(frozen=True, eq=False)
class Layer:
    """One of the metrics that lie over each other: its field, all of whose line colours are `color`.

    The relief is a sheet of `opacity` in the one colour of the field's `colors`. `wire_rows` and `wire_columns`
    number the lines of the fine mesh that are drawn on it as wires, in `color`.
    """

    field: Field
    label: str
    color: str
    dashed: bool
    opacity: float
    wire_rows: np.ndarray
    wire_columns: np.ndarray


@dataclass(frozen=True, eq=False, kw_only=True)
class Overlay(View):
    """Metrics of one surface over each other, on one scale and with the same levels; `label` names their axis.

    `relief` says whether a still picture shows them as reliefs; an interactive page shows both.
    """

    layers: tuple[Layer, ...]
    label: str
    relief: bool

    @property
    def choice(self) -> Choice:
        return Choice("", self.layers[0].field.scale.kind)


def build_overlay(
    surface: Surface,
    metrics: tuple[str, str],
    scale: Scale,
    levels: np.ndarray,
    camera: Camera,
    *,
    relief: bool,
    caption: Caption,
) -> Overlay:
    """Both metrics on one scale with contour lines at `levels` (k,)."""
    first = build_field(surface, metrics[0], scale, levels=levels, camera=camera, extra=False)
    second = build_field(
        surface, metrics[1], scale, levels=levels, camera=camera, extra=False, avoid=first.label_points[:, :2]
    )
    holes = np.maximum(first.hole_cells, second.hole_cells)
    return Overlay(
        layers=tuple(_layer(replace(each, hole_cells=holes), number) for number, each in enumerate((first, second))),
        label=_label((first.quantity, second.quantity), scale),
        relief=relief,
        notes=tuple(_notes(surface, first, second, relief=relief)),
        caption=caption,
    )


def title_of(quantities: Sequence[Quantity]) -> str:
    """The subject of a title."""
    return " and ".join(quantity.label for quantity in quantities)


def _layer(field: Field, number: int) -> Layer:
    """The first is the sheet, the second the wires."""
    wired, color = number > 0, OVERLAY_COLORS[number]
    plain, pale = (color,) * COUNT, (tint(color, PALE[number]),) * COUNT
    rows, columns = (_wires(n) if wired else np.zeros(0, dtype=int) for n in field.mesh.z.shape)
    field = replace(field, colors=pale, line_colors=plain)
    return Layer(field, field.quantity.label, color, wired, VEIL if wired else SHEET, rows, columns)


def _label(quantities: Sequence[Quantity], scale: Scale) -> str:
    if all(quantity.percent for quantity in quantities):
        return "accuracy"
    return scale.named("loss" if are_losses(quantities) else title_of(quantities))


def _wires(points: int) -> np.ndarray:
    """(k,) numbers of the lines of a mesh, evenly spread, with both borders."""
    return np.unique(np.linspace(0, points - 1, min(points, WIRES)).round().astype(int))


def _notes(surface: Surface, first: Field, second: Field, *, relief: bool) -> list[str]:
    """How to read it (the levels, since not every line has room for its number); what is missing or clipped of each."""
    labels = first.quantity.label, second.quantity.label
    notes = [WIRES_NOTE.format(first=labels[0], second=labels[1])] * relief
    if len(first.levels) and not relief:
        notes.append("lines of both at " + ", ".join(labels_of(first.levels, percent=first.percent)))
    for field, label in zip((first, second), labels, strict=True):
        own = (*hole_notes(surface, field.metric), *clipping_notes(drawable(surface, field.metric), first.scale))
        notes += [f"{label}: {note}" for note in own]
    shared = [note for note in first.notes if note in second.notes and note not in " ".join(notes)]
    return [*notes, *shared]
