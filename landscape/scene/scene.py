"""What a picture shows, as plain values: the language between the scene builders and the renderers.

Owns: the frozen types `Scene`, `Comparison` and what they are made of. Everything a renderer needs is here, already
decided: ranges, levels, colours, light, text. Knows no surface file and no plotting library.

Two kinds of numbers appear. A *value* is what was computed. A *height* is a value on the chosen scale (log10 of it on
a log scale), clipped to the drawn range; NaN where nothing is drawn. Arrays over the plane are (ny, nx).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from landscape.scene.axes import Curve, Strip, ValueAxis
from landscape.scene.colors import OVER_DARK
from landscape.scene.reading import Table
from landscape.scene.spectrum_view import LayersView, SpectrumView

LINEAR, LOG, SYMLOG = "linear", "log", "symlog"
DRAWN, NOT_FINITE, NOT_COMPUTED, FAILED_POINT = 0, 1, 2, 3
HOLE_NAMES = {NOT_FINITE: "not finite", NOT_COMPUTED: "not computed yet", FAILED_POINT: "failed"}


@dataclass(frozen=True)
class Scale:
    """The drawn range of values and how they become heights.

    `unit` matters on the symmetric log scale only: below it the scale is close to linear. `below` and `above` tell
    whether values lie outside the range, so that they are drawn at its ends.
    """

    kind: str
    vmin: float
    vmax: float
    unit: float = 1.0
    below: bool = False
    above: bool = False

    def heights(self, values) -> np.ndarray:
        """Values clipped to the range, on the scale; NaN stays NaN."""
        clipped = np.clip(np.asarray(values, dtype=np.float64), self.vmin, self.vmax)
        if self.kind == LOG:
            return np.log10(clipped)
        if self.kind == SYMLOG:
            # For |v| >> unit this is log10(|v| / unit) with the sign of v, and it is smooth through zero.
            return np.arcsinh(clipped / (2 * self.unit)) / np.log(10)
        return clipped

    def values(self, heights) -> np.ndarray:
        """The inverse of `heights`, but for the clipping."""
        heights = np.asarray(heights, dtype=np.float64)
        if self.kind == LOG:
            return 10.0**heights
        if self.kind == SYMLOG:
            return np.sinh(heights * np.log(10)) * 2 * self.unit
        return heights

    @property
    def low(self) -> float:
        """The height of `vmin`."""
        return float(self.heights(self.vmin))

    @property
    def high(self) -> float:
        """The height of `vmax`."""
        return float(self.heights(self.vmax))


@dataclass(frozen=True, eq=False)
class Ticks:
    """Marked values: their heights (k,), and what is written beside them."""

    heights: np.ndarray
    labels: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Mesh:
    """The heights between the grid points, for smooth display: z (my, mx) passes through every grid point.

    `shade` (my, mx) multiplies the colour and `gloss` (my, mx) adds white: the light that falls on the relief.
    """

    x: np.ndarray
    y: np.ndarray
    z: np.ndarray
    shade: np.ndarray
    gloss: np.ndarray


@dataclass(frozen=True, eq=False)
class Trace:
    """Something that lies in the plane: the centre, named nets, or a path; x, y and heights z have shape (n,).

    `kind` is "center", "nets" or "path"; `labels` name the points, as many as there are or none.
    """

    kind: str
    name: str
    x: np.ndarray
    y: np.ndarray
    z: np.ndarray
    labels: tuple[str, ...] = ()


@dataclass(frozen=True)
class Caption:
    """The words around a view: its title, and the facts of what was computed."""

    title: str = ""
    facts: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Field:
    """One metric over the plane on one scale.

    `values` and `heights` (ny, nx) are NaN in holes; `holes` (ny, nx) says why (0 drawn, 1 not finite, 2 not
    computed, 3 failed), and `hole_cells` (ny - 1, nx - 1) the same of the cells between four points. Cell (iy, ix) of
    a heat map lies between `x_edges[ix]` and `x_edges[ix + 1]`, and likewise in y. `label_points` (k, 3) holds x, y
    of an inline label and the number of the level it names. `colors` are equidistant from the lowest height to the
    highest. `level_ticks`
    mark every level, `bar_ticks` those of them with room beside a colour bar. `z_range` is the height of the box around
    the relief. `notes` tell what the reader must know of the
    drawing. `ink` are the colours of lines that lie over the cells, and of their rim.
    """

    metric: str
    label: str
    percent: bool
    x: np.ndarray
    y: np.ndarray
    values: np.ndarray
    heights: np.ndarray
    holes: np.ndarray
    x_edges: np.ndarray
    y_edges: np.ndarray
    scale: Scale
    levels: np.ndarray
    level_ticks: Ticks
    bar_ticks: Ticks
    z_ticks: Ticks
    label_points: np.ndarray
    hole_cells: np.ndarray
    colors: tuple[str, ...]
    line_colors: tuple[str, ...]
    relief_colors: tuple[str, ...]
    mesh: Mesh
    z_range: tuple[float, float]
    traces: tuple[Trace, ...] = ()
    notes: tuple[str, ...] = ()
    caption: Caption = field(default_factory=Caption)
    ink: tuple[str, str] = OVER_DARK


@dataclass(frozen=True, eq=False)
class Lines:
    """Curves over one coordinate, on one scale; `marks` are (x, name) of the nets that lie on it.

    `strips` are the panels below, from above to below. `what` is the subject of a title.
    """

    curves: tuple[Curve, ...]
    left: ValueAxis
    right: ValueAxis | None
    marks: tuple[tuple[float, str], ...] = ()
    notes: tuple[str, ...] = ()
    caption: Caption = field(default_factory=Caption)
    strips: tuple[Strip, ...] = ()
    what: str = ""

    @property
    def named(self) -> tuple[Curve, ...]:
        """The curves that a legend tells apart; one that is alone in its strip is named by its axis."""
        shared = [curve for strip in self.strips if len(strip.curves) > 1 for curve in strip.curves]
        return tuple(curve for curve in (*self.curves, *shared) if curve.label)


@dataclass(frozen=True, eq=False)
class Layer:
    """One of the metrics that lie over each other: its field, all of whose line colours are `color`.

    The relief is a sheet of `opacity` in the one colour of the field's `relief_colors`. `wire_rows` and `wire_columns`
    number the lines of the fine mesh that are drawn on it as wires, in `color`.
    """

    field: Field
    label: str
    color: str
    dashed: bool
    opacity: float
    wire_rows: np.ndarray
    wire_columns: np.ndarray


@dataclass(frozen=True, eq=False)
class Overlay:
    """Metrics of one surface over each other, on one scale and with the same levels; `label` names their axis."""

    layers: tuple[Layer, ...]
    label: str
    notes: tuple[str, ...] = ()
    caption: Caption = field(default_factory=Caption)


@dataclass(frozen=True)
class Frame:
    """The horizontal axes of a picture; `equal` asks for the same length per unit on both."""

    x_label: str
    y_label: str
    x_range: tuple[float, float]
    y_range: tuple[float, float]
    equal: bool = True


@dataclass(frozen=True)
class Camera:
    """The viewpoint of a relief: degrees above the horizon and around it, and the box it stands in (x, y, z)."""

    elevation: float = 36.0
    azimuth: float = -56.0
    box: tuple[float, float, float] = (1.0, 1.0, 0.62)


@dataclass(frozen=True, eq=False)
class Scene:
    """One picture.

    A picture of a plane has `fields`, a picture of a line has `lines`, and one of metrics over each other has
    `overlays`: one for each view (metric and scale) that an interactive page can switch to. The first is the one that
    a still picture shows. The lines of `contours` lie over every field. `tables` tell what is known at the points, one for
    each grid that a field has.
    """

    kind: str
    frame: Frame
    fields: tuple[Field, ...] = ()
    lines: tuple[Lines, ...] = ()
    camera: Camera = field(default_factory=Camera)
    overlays: tuple[Overlay, ...] = ()
    spectra: tuple[SpectrumView | LayersView, ...] = ()
    contours: Field | None = None
    tables: tuple[Table, ...] = ()

    @property
    def views(self) -> tuple[Field | Lines | Overlay | SpectrumView | LayersView, ...]:
        return self.fields or self.lines or self.overlays or self.spectra

    @property
    def title(self) -> str:
        return self.views[0].caption.title

    @property
    def facts(self) -> tuple[str, ...]:
        return self.views[0].caption.facts

    @property
    def notes(self) -> tuple[str, ...]:
        return self.views[0].notes


@dataclass(frozen=True, eq=False)
class Comparison:
    """Pictures side by side on one scale.

    `captions` hold, for each view, the common title and the facts that all panels share; those in a panel are its
    own.
    """

    kind: str
    panels: tuple[Scene, ...]
    names: tuple[str, ...]
    captions: tuple[Caption, ...]

    @property
    def title(self) -> str:
        return self.captions[0].title

    @property
    def facts(self) -> tuple[str, ...]:
        return self.captions[0].facts
