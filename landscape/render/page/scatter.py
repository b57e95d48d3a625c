"""Small panels of dots on a page.

Owns: the drawing of `Scatter`. Decides nothing.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import plotly.graph_objects as go

from landscape.render.page.figures import GRID, INK, SOFT, TEMPLATE, Drawn, options_of
from landscape.render.page.lines import value_axis
from landscape.scene.colors import LIGHT
from landscape.scene.scene import Scene
from landscape.scene.views.lines import ValueAxis
from landscape.scene.views.scatter import Scatter

# Pixels of a row and around all rows; the shares of a cell that its title and the space beside a panel take.
ROW, AROUND = 210, 110
ABOVE, BESIDE = 0.36, 0.16


def draw(scene: Scene) -> Drawn:
    """The panels row by row, in cells of one size."""
    views = scene.views_as(Scatter)
    return Drawn(("many",), [_figure(views)], [[_changes(view)] for view in views])


def _figure(views: tuple[Scatter, ...]) -> go.Figure:
    first = views[0]
    figure = go.Figure([trace for number, view in enumerate(views) for trace in _traces(view, number)])
    return figure.update_layout(
        height=AROUND + ROW * first.rows, template=TEMPLATE, hovermode="closest",
        margin={"l": 70, "r": 20, "t": 20, "b": 40}, legend={"orientation": "h", "x": 0.5, "xanchor": "center", "y": -0.04},
        **_axes(first),
    ).update_layout(_changes(first))  # fmt: skip


def _axes(view: Scatter) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for number in range(len(view.panels)):
        x, y = _cell(view, number)
        found[f"xaxis{_number(number)}"] = {
            "domain": x,
            "anchor": f"y{_number(number)}",
            "gridcolor": GRID,
            "zeroline": False,
        }
        found[f"yaxis{_number(number)}"] = {
            "domain": y,
            "anchor": f"x{_number(number)}",
            "gridcolor": GRID,
            "automargin": True,
        }
    return found


def _changes(view: Scatter) -> dict[str, Any]:
    """The scales and titles of a view; axes are replaced property by property, so that their places stay."""
    found: dict[str, Any] = {"annotations": [_title(view, number) for number in range(len(view.panels))]}
    for number, panel in enumerate(view.panels):
        across, up = _axis(panel.axis), _axis(view.axis)
        if number % view.columns:
            up |= {"title": {"text": ""}, "showticklabels": False}
        found |= {f"xaxis{_number(number)}.{key}": value for key, value in {**across, "title": {"text": ""}}.items()}
        found |= {f"yaxis{_number(number)}.{key}": value for key, value in up.items()}
    return found


def _axis(axis: ValueAxis) -> dict[str, Any]:
    return {**value_axis(axis), "nticks": 4}


def _title(view: Scatter, number: int) -> dict[str, Any]:
    panel, (x, y) = view.panels[number], _cell(view, number)
    text = f"<b>{panel.text}</b>" if panel.strong else panel.text
    return {
        "x": x[0], "y": y[1], "xref": "paper", "yref": "paper", "xanchor": "left", "yanchor": "bottom", "align": "left",
        "showarrow": False, "text": f"{panel.title}<br>{text}", "font": {"size": 11, "color": INK if panel.strong else SOFT},
    }  # fmt: skip


def _traces(view: Scatter, number: int) -> list[go.Scatter]:
    """One for each panel, and one without dots for each entry of the legend."""
    options = options_of(number)
    found = [
        go.Scatter(
            x=panel.x, y=view.y, mode="markers", text=list(view.names), showlegend=False, name="",
            marker={"color": list(view.colors), "size": 7, "line": {"color": LIGHT.ground, "width": 0.5}},
            hovertemplate="%{text}<br>%{x:.4g}, %{y:.4g}", xaxis=f"x{_number(k)}", yaxis=f"y{_number(k)}",
            error_x=_bars(panel.x, panel.ends), error_y=_bars(view.y, view.y_ends), **options,
        )
        for k, panel in enumerate(view.panels)
    ]  # fmt: skip
    return found + [
        go.Scatter(
            x=[None], y=[None], mode="markers", marker={"color": color, "size": 8}, hoverinfo="skip",
            name=f"{view.legend_title}: {label}" if not place else label, **options,
        )
        for place, (label, color) in enumerate(view.legend)
    ]  # fmt: skip


def _bars(values: np.ndarray, ends: np.ndarray | None) -> dict[str, Any] | None:
    """Error bars from the ends (2, n) of values (n,); plotly takes their lengths."""
    if ends is None:
        return None
    below, above = np.abs(ends - values)
    style = {"thickness": 1, "width": 0, "color": SOFT}
    return {"type": "data", "symmetric": False, "array": above, "arrayminus": below, **style}


def _cell(view: Scatter, number: int) -> tuple[list[float], list[float]]:
    """The shares of the figure's width and height that a panel takes."""
    columns = min(view.columns, len(view.panels))
    row, column = divmod(number, columns)
    wide, tall = 1 / columns, 1 / view.rows
    left, top = column * wide, 1 - row * tall
    return [left, left + wide * (1 - BESIDE)], [max(0.0, top - tall * 0.9), max(0.0, top - tall * ABOVE * 0.5)]


def _number(panel: int) -> str:
    """What plotly adds to the name of an axis."""
    return str(panel + 1) if panel else ""
