"""What a figure shows, in a sentence for those who hear it, and heights in words.

Owns: the sentences behind figures of a page, and the values at even steps of a range of heights. Knows the types of views by what
they hold: fields, or curves.
"""

from __future__ import annotations

import numpy as np

from landscape.scene.scene import Frame, View
from landscape.scene.text import labels_of, short, value_text
from landscape.scene.views.course import Course
from landscape.scene.views.field import Field
from landscape.scene.views.flat import Flat
from landscape.scene.views.lines import Lines
from landscape.scene.views.overlay import Overlay
from landscape.scene.views.regions import Regions
from landscape.scene.views.relief import Relief

# Steps of the sliders that choose which heights are drawn.
STEPS = 200


def fields_of(view: View) -> tuple[Field, ...]:
    """The fields that a view shows: of most one, of curves and tables none."""
    if isinstance(view, (Flat, Relief, Regions)):
        return (view.field,)
    if isinstance(view, Course):
        return (view.flat.field,)
    return tuple(layer.field for layer in view.layers) if isinstance(view, Overlay) else ()


def sentence_of(view: View, frame: Frame) -> str:
    """What is drawn over which ranges, and where it is lowest and highest."""
    parts = [*(_extremes(field) for field in fields_of(view)), *([_curves(view)] if isinstance(view, Lines) else [])]
    if not parts:
        return view.caption.title
    ranges = [(frame.x_label, frame.x_range)]
    if not isinstance(view, Lines):
        ranges.append((frame.y_label, frame.y_range))
    over = " and ".join(f"{label} from {short(low)} to {short(high)}" for label, (low, high) in ranges)
    return f"{'; '.join(parts)}; over {over}"


def step_labels(field: Field) -> tuple[str, ...]:
    """(STEPS + 1,) the values at even steps of the drawn heights."""
    heights = np.linspace(field.scale.low, field.scale.high, STEPS + 1)
    return labels_of(field.scale.values(heights).tolist(), percent=field.percent)


def _curves(view: Lines) -> str:
    return ", ".join(dict.fromkeys(curve.label for curve in view.curves if curve.label)) or view.left.label


def _extremes(field: Field) -> str:
    if not np.isfinite(field.values).any():
        return f"{field.label}: nothing drawn"
    ends = [("lowest", np.nanargmin(field.values)), ("highest", np.nanargmax(field.values))]
    return f"{field.label}: " + ", ".join(f"{name} {_at(field, int(place))}" for name, place in ends)


def _at(field: Field, place: int) -> str:
    row, column = np.unravel_index(place, field.values.shape)
    value = value_text(float(field.values[row, column]), percent=field.percent)
    return f"{value} at ({short(field.x[column])}, {short(field.y[row])})"
