"""Interactive pictures: one self-contained HTML page.

Owns: `draw`, and what each figure of the page holds. The page around the figures is `page.py`'s.
"""

from __future__ import annotations

from pathlib import Path

import plotly.graph_objects as go

from landscape.errors import UsageError
from landscape.render.interactive_lines import line_figure
from landscape.render.interactive_traces import FONT, GRID, flat_traces, relief_layout, relief_traces, z_axis
from landscape.render.page import Panel, page
from landscape.scene.scene import Comparison, Scene

SUFFIXES = (".html",)


def draw(scene: Scene | Comparison, path: str | Path) -> Path:
    """Writes the page.

    Raises:
        UsageError: another suffix than .html.
    """
    path = Path(path)
    if path.suffix.lower() not in SUFFIXES:
        raise UsageError(f"'{path}': an interactive picture ends in .html")
    scenes = scene.panels if isinstance(scene, Comparison) else (scene,)
    panels = [_panel(each, named=isinstance(scene, Comparison)) for each in scenes]
    path.write_text(page(scene.title, panels, list(scene.facts)), encoding="utf-8")
    return path


def _panel(scene: Scene, *, named: bool) -> Panel:
    title, facts = (scene.title, list(scene.facts)) if named else ("", [])
    if scene.lines:
        return Panel(title, [line_figure(scene)], [], facts, [list(scene.notes)])
    layouts = [_view_layouts(scene, number) for number in range(len(scene.fields))]
    notes = [[*scene.notes, *field.notes] for field in scene.fields]
    return Panel(title, [_relief(scene), _flat(scene)], layouts, facts, notes, scene.fields)


def _view_layouts(scene: Scene, number: int) -> list[dict]:
    """What changes in the layout of each figure when a view is chosen."""
    axis = z_axis(scene.fields[number])
    return [{f"scene.zaxis.{key}": value for key, value in axis.items()}, {}]


def _relief(scene: Scene) -> go.Figure:
    traces = [trace for view, field in enumerate(scene.fields) for trace in relief_traces(field, view)]
    layout = relief_layout(scene.fields[0], scene.frame, scene)
    figure = go.Figure(traces)
    figure.update_layout(scene=layout, font=FONT, margin={"l": 0, "r": 0, "t": 0, "b": 0}, uirevision="keep")
    return figure


def _flat(scene: Scene) -> go.Figure:
    kind = "heatmap" if scene.kind == "heatmap" else "filled"
    traces = [trace for view, field in enumerate(scene.fields) for trace in flat_traces(field, view, kind)]
    frame, figure = scene.frame, go.Figure(traces)
    axis = {"gridcolor": GRID, "zeroline": False, "showgrid": False, "ticks": "outside", "constrain": "domain"}
    figure.update_layout(
        template="plotly_white",
        font=FONT,
        margin={"l": 60, "r": 10, "t": 10, "b": 50},
        xaxis={**axis, "title": {"text": frame.x_label}, "range": list(frame.x_range)},
        yaxis={**axis, "title": {"text": frame.y_label}, "range": list(frame.y_range)},
    )
    if frame.equal:
        figure.update_yaxes(scaleanchor="x")
    return figure
