"""A field seen from above.

Owns: the view `Flat`, the ways a field can be painted, and the frame of a plane.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from landscape.grid import COORDINATE, DIRECTION
from landscape.scene.holes import DRAWN
from landscape.scene.scene import Choice, Frame, View
from landscape.scene.text import short
from landscape.scene.views.field import Field, cell_edges
from landscape.surfaces.surface import Surface

# As contour lines, as bands between levels, or as one cell for each point.
LINES, BANDS, CELLS = "lines", "bands", "cells"
# A unit of x and a unit of y are drawn equally long unless one side became this many times the other.
EQUAL_UP_TO = 3.0
USUAL_LABELS = ("x direction", "y direction")
HATCHED = "hatched: beyond the ends of the colour bar"


@dataclass(frozen=True, eq=False, kw_only=True)
class Flat(View):
    """A field painted as lines, bands or cells.

    The contour lines of `over` lie over it. `margin` (ny, nx) at the grid points is negative where the value may be zero within
    its error: that part is dotted. `relief` says whether an interactive page shows the relief beside it. `ground` (ny, nx)
    numbers the colours of `tints` that lie under the lines, 0 for none.
    """

    field: Field
    paint: str
    over: Field | None = None
    margin: np.ndarray | None = None
    relief: bool = True
    ground: np.ndarray | None = None
    tints: tuple[str, ...] = ()

    @property
    def choice(self) -> Choice:
        return field_choice(self.field)


def field_choice(field: Field) -> Choice:
    """How a page lists a view of one field."""
    return Choice(field.metric, field.scale.kind, field.quantity.label, field.percent)


def beyond_notes(field: Field, *, cells: bool = False) -> list[str]:
    """How a flat picture marks what lies beyond the range, where it hatches something; its points are counted elsewhere.

    On a log scale, values that are not positive have no height: smooth maps draw them at the low end of the range.
    """
    drawn, scale = field.values[field.holes == DRAWN], field.scale
    if cells:
        return [HATCHED] * bool(((drawn > scale.vmax) | (drawn < scale.vmin)).any())
    heights = scale.unclipped(drawn)
    return [HATCHED] * bool(((heights > scale.high) | (heights < scale.low)).any())


def plane_frame(surface: Surface, *, cells: bool = False) -> Frame:
    """The plane from the first point to the last; with `cells`, to the outer edges of the cells around them.

    Where a strip would be too narrow to read, it is stretched, and the name of its y axis says so.
    """
    x, y = (cell_edges(v) if cells else v for v in (surface.x, surface.y))
    width, height = float(x[-1] - x[0]), float(y[-1] - y[0])
    equal = max(width, height) <= EQUAL_UP_TO * min(width, height)
    x_label, y_label = (axis.label or usual for axis, usual in zip(surface.grid.axes, USUAL_LABELS, strict=False))
    return Frame(
        x_label,
        f"{y_label} (stretched)" if not equal and min(width, height) > 0 and _of_one_unit(surface) else y_label,
        (float(x[0]), float(x[-1])),
        (float(y[0]), float(y[-1])),
        equal=equal,
    )


def stretch_notes(surface: Surface, frame: Frame, sides: float) -> list[str]:
    """How much longer a unit of y is drawn than one of x, unless equally long; `sides`: height over width of the picture."""
    width, height = frame.x_range[1] - frame.x_range[0], frame.y_range[1] - frame.y_range[0]
    if frame.equal or min(width, height) <= 0 or not _of_one_unit(surface):
        return []
    what = "distances" if surface.known.connect else "units"
    return [f"{what} along y are drawn {short(sides * width / height, 2)} times as long as along x"]


def _of_one_unit(surface: Surface) -> bool:
    """Whether a unit of x and one of y mean the same, so that unequal lengths are a distortion."""
    return bool(surface.known.connect) or {axis.kind for axis in surface.grid.axes} <= {DIRECTION, COORDINATE}
