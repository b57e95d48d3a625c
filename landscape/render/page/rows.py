"""One row per layer on a page.

Owns: the drawing of `LayerRows`. Decides nothing.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import plotly.graph_objects as go

from landscape.render.page.eigen_axis import eigen_changes, ground
from landscape.render.page.figures import TEMPLATE, Drawn, Options, options_of
from landscape.scene.scene import Scene
from landscape.scene.views.rows import LayerRow, LayerRows

# Pixels of a row, and of what stands above and below all rows.
ROW, AROUND = 17, 120


def draw(scene: Scene) -> Drawn:
    """The rows from top to bottom."""
    views = scene.views_as(LayerRows)
    return Drawn(("layers",), [_figure(views)], [[rows_changes(view)] for view in views])


def _figure(views: tuple[LayerRows, ...]) -> go.Figure:
    """A row per layer, from top to bottom; the first scale is visible."""
    traces = [trace for number, view in enumerate(views) for trace in _traces(view, number)]
    first = views[0]
    names = [f"<b>{row.name}</b>" if row.whole else row.name for row in first.rows]
    rows = {"tickvals": list(range(len(names))), "ticktext": names, "range": [len(names) - 0.4, -0.6]}
    figure = go.Figure(traces)
    return figure.update_layout(
        height=AROUND + ROW * len(names), template=TEMPLATE, hovermode="closest",
        margin={"l": 10, "r": 30, "t": 30, "b": 60},
        showlegend=False, yaxis={**rows, "showgrid": False, "zeroline": False, "automargin": True},
    ).update_layout(rows_changes(first))  # fmt: skip


def rows_changes(view: LayerRows) -> dict[str, Any]:
    """The changes of the layout for one view."""
    return {**eigen_changes(view.axis), "shapes": ground(view.axis, view.shaded)}


def _traces(view: LayerRows, number: int) -> list[go.Scatter]:
    options = {**options_of(number), "showlegend": False}
    return [trace for place, row in enumerate(view.rows) for trace in _row(row, place, options)]


def _row(row: LayerRow, place: int, options: Options) -> list[go.Scatter]:
    naming: Options = {"text": "<br>".join(row.text), "hovertemplate": "%{text}", "name": ""}
    spans = [
        go.Scatter(
            x=[start, end], y=[place, place], mode="lines", line={"color": color, "width": 5}, opacity=0.35,
            hoverinfo="skip", **options,
        )
        for start, end, color in row.spans
    ]  # fmt: skip
    if not row.dots:
        return spans
    at, low, high, colors = (list(each) for each in zip(*row.dots, strict=True))
    errors = {
        "symmetric": False, "array": np.subtract(high, at), "arrayminus": np.subtract(at, low), "width": 0, "thickness": 1,
    }  # fmt: skip
    dots = go.Scatter(
        x=at,
        y=[place] * len(at),
        mode="markers",
        marker={"color": colors, "size": 8},
        error_x=errors,
        **naming,
        **options,
    )
    return [*spans, dots]
