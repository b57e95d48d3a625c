"""One row per layer, from its smallest to its largest eigenvalue.

Owns: the view `LayerRows` and how the ends of a layer's spectrum become bars, dots and words.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from landscape.scene.colors import NEGATIVE_SIGN, POSITIVE_SIGN, signed_color
from landscape.scene.facts.spectrum import eigenvalue_text, with_error
from landscape.scene.scene import Choice, View
from landscape.scene.views.eigen_axis import EigenAxis
from landscape.surfaces.spectrum import Block

# (smallest, its error), (largest, its error); NaN for what is not known.
Ends = tuple[tuple[float, float], tuple[float, float]]


@dataclass(frozen=True, eq=False)
class LayerRow:
    """One layer: its smallest and its largest eigenvalue, as places; NaN for what was not requested or is not there yet.

    `spans` are (from, to, colour) of the bar between them, at most one on each side of zero. `dots` are (place, from, to,
    colour) with the range of their errors. `text` are the lines that hovering shows. `whole` marks the row of all parameters.
    """

    name: str
    smallest: float
    largest: float
    spans: tuple[tuple[float, float, str], ...]
    dots: tuple[tuple[float, float, float, str], ...]
    text: tuple[str, ...]
    whole: bool = False


@dataclass(frozen=True, eq=False, kw_only=True)
class LayerRows(View):
    """Rows from top to bottom in the order of the net, the first for all parameters.

    `shaded` are the places of the negative side, None when no eigenvalue can be negative.
    """

    axis: EigenAxis
    rows: tuple[LayerRow, ...]
    shaded: tuple[float, float] | None

    @property
    def choice(self) -> Choice:
        return Choice("", self.axis.scale.kind)


def row_of(block: Block, ends: Ends, axis: EigenAxis, *, whole: bool) -> LayerRow:
    """The row of one layer."""
    values = np.array([end for end, _ in ends])
    dots = tuple(
        (float(axis.places(v)), float(axis.places(v - e)), float(axis.places(v + e)), signed_color(v, e))
        for v, e in ((v, float(np.nan_to_num(e))) for v, e in ends)
        if axis.scale.vmin <= v <= axis.scale.vmax
    )
    smallest, largest = map(float, axis.places(values))
    return LayerRow(block.name, smallest, largest, _spans(values, axis), dots, _text(block, ends), whole)


def _spans(values: np.ndarray, axis: EigenAxis) -> tuple[tuple[float, float, str], ...]:
    """The bar between both ends, or from 0 to the only one, cut at zero and at the ends of the axis."""
    known = values[np.isfinite(values)]
    if not len(known):
        return ()
    low, high = (known[0], known[1]) if len(known) == 2 else (min(known[0], 0.0), max(known[0], 0.0))
    parts = ((low, min(high, 0.0), NEGATIVE_SIGN), (max(low, 0.0), high, POSITIVE_SIGN))
    drawn = [(axis.scale.heights([start, end]), color) for start, end, color in parts if start < end]
    return tuple((float(places[0]), float(places[1]), color) for places, color in drawn)


def _text(block: Block, ends: Ends) -> tuple[str, ...]:
    """The lines that hovering over a layer shows."""
    named = zip(("largest", "smallest"), ends[::-1], strict=True)
    lines = [f"{block.name}, {block.dimension:,} parameters"]
    lines += [f"{name} eigenvalue {eigenvalue_text(v, e)}" for name, (v, e) in named if np.isfinite(v)]
    lines += [f"trace {with_error(block.trace, block.trace_stderr)}"] if np.isfinite(block.trace) else []
    return tuple(lines if len(lines) > 1 else [*lines, "not computed"])
