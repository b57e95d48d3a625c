"""Tables of numbers on a page.

Owns: the drawing of `Matrix`. Decides nothing.
"""

from __future__ import annotations

from typing import Any

import plotly.graph_objects as go

from landscape.render.page.figures import INK, SOFT, TEMPLATE, Drawn
from landscape.scene.colors import LIGHT
from landscape.scene.scene import Scene
from landscape.scene.views.matrix import Matrix

# Pixels of a cell and around the tables, and the gap between two, in cells.
CELL, AROUND, GAP = 64, 130, 0.6


def draw(scene: Scene) -> Drawn:
    """The tables side by side; a view is a layout of its own."""
    views = scene.views_as(Matrix)
    first = views[0]
    count, tables = len(first.names), len(first.tables)
    figure = go.Figure(go.Scatter(x=[0], y=[0], mode="markers", opacity=0, hoverinfo="skip", showlegend=False))
    figure.update_layout(
        template=TEMPLATE, height=AROUND + CELL * count, margin={"l": 10, "r": 20, "t": 40, "b": 60},
        showlegend=False, hovermode=False,
        xaxis={"range": [0, tables * count + (tables - 1) * GAP], "showgrid": False, "zeroline": False, "automargin": True},
        yaxis={"range": [count, -0.35], "showgrid": False, "zeroline": False, "automargin": True},
    )  # fmt: skip
    figure.update_layout(_changes(first))
    return Drawn(("layers",), [figure], [[_changes(view)] for view in views])


def _changes(view: Matrix) -> dict[str, Any]:
    """The cells, their texts and the names of a view."""
    count = len(view.names)
    shapes, notes = [], []
    for number, table in enumerate(view.tables):
        left = number * (count + GAP)
        notes.append(_note(table.title, left + count / 2, -0.2, INK, 13))
        for row in range(count):
            for column in range(count):
                x = left + column
                shapes.append({
                    "name": "cell", "type": "rect", "x0": x, "x1": x + 1, "y0": row, "y1": row + 1,
                    "line": {"color": LIGHT.ground, "width": 1.5}, "fillcolor": table.colors[row][column], "layer": "below",
                })  # fmt: skip
                text = "<br>".join(table.texts[row][column])
                notes.append({"name": "cell", **_note(text, x + 0.5, row + 0.5, table.digits[row][column], 11)})
    places = [number * (count + GAP) + k + 0.5 for number in range(len(view.tables)) for k in range(count)]
    return {
        "shapes": shapes, "annotations": notes,
        "xaxis.tickvals": places, "xaxis.ticktext": list(view.names) * len(view.tables),
        "yaxis.tickvals": [k + 0.5 for k in range(count)], "yaxis.ticktext": list(view.names),
        "xaxis.tickfont.color": SOFT,
    }  # fmt: skip


def _note(text: str, x: float, y: float, color: str, size: int) -> dict[str, Any]:
    return {"text": text, "x": x, "y": y, "showarrow": False, "font": {"color": color, "size": size}}
