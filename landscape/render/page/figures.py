"""What the figures of a page have in common: fonts, colours, axes, and numbers in few bytes.

Owns: `Drawn`, what a renderer makes of the views of one scene, and the pieces that several types of views use.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import plotly.graph_objects as go

from landscape.scene.ticks import Ticks

FONT = {
    "family": "system-ui, -apple-system, 'Segoe UI', Roboto, Helvetica, Arial, sans-serif",
    "size": 12,
    "color": "#1a1a1a",
}
INK, SOFT, GRID = "#1a1a1a", "#5c5c5c", "#dfe1e6"
# Heights keep six digits: far more than a screen shows, and the page is smaller.
DIGITS = 6
Options = dict[str, Any]


@dataclass(frozen=True)
class Drawn:
    """The figures of one scene.

    Attributes:
        places: what each figure is, which gives its size: relief, flat, map, line, stack or layers.
        figures: with the traces of all views.
        layouts: the changes of the layout of each figure, for each view.
        table: the number of the table that hovering shows, for each view; empty without tables.
    """

    places: tuple[str, ...]
    figures: list[go.Figure]
    layouts: list[list[dict[str, Any]]]
    table: tuple[int, ...] = field(default=())


def options_of(view: int) -> Options:
    """What every trace of a view has, by its number: the first view is visible."""
    return {"meta": {"view": view}, "visible": view == 0}


def changes(where: str, axis: dict[str, Any]) -> dict[str, Any]:
    """The changes of a layout that give one of its axes new properties."""
    return {f"{where}.{key}": value for key, value in axis.items()}


def color_scale(colors: tuple[str, ...]) -> list[list[Any]]:
    """Equidistant colours."""
    return [[i / (len(colors) - 1), color] for i, color in enumerate(colors)]


def color_bar(ticks: Ticks, label: str) -> dict[str, Any]:
    """Beside the figure, with marked heights."""
    return {
        "title": {"text": label, "side": "right"},
        "tickvals": ticks.heights.tolist(),
        "ticktext": list(ticks.labels),
        "thickness": 12,
        "len": 0.8,
        "outlinewidth": 0,
    }


def compact(heights: np.ndarray) -> np.ndarray:
    """Heights in as few bytes as a screen needs."""
    return np.round(heights, DIGITS).astype(np.float32)
