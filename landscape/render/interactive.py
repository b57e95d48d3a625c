"""Interactive pictures: one self-contained HTML page.

Owns: `draw`, and what each figure of the page holds. The page around the figures is `page.py`'s.
"""

from __future__ import annotations

from pathlib import Path

import plotly.graph_objects as go

from landscape.errors import UsageError
from landscape.render.interactive_lines import line_changes, line_figure, stacked
from landscape.render.interactive_map import map_traces, traces_over
from landscape.render.interactive_overlay import LEGEND, flat_overlay_traces, relief_overlay_traces
from landscape.render.interactive_spectrum import spectrum_panel
from landscape.render.interactive_traces import (
    FONT,
    GRID,
    changes,
    flat_traces,
    relief_layout,
    relief_traces,
    z_axis,
)
from landscape.render.page import Choice, Panel, page
from landscape.scene.scene import Comparison, Scene
from landscape.scene.tables import table_of
from landscape.scene.text import metric_label

SUFFIXES = (".html",)
BOTH = ("relief", "flat")


def draw(scene: Scene | Comparison, path: str | Path) -> Path:
    """Writes the page.

    Raises:
        UsageError: another suffix than .html.
    """
    path = Path(path)
    if path.suffix.lower() not in SUFFIXES:
        raise UsageError(f"'{path}': an interactive picture ends in .html")
    compared = isinstance(scene, Comparison)
    panels = [_panel(each, compared) for each in (scene.panels if compared else (scene,))]
    captions = scene.captions if compared else tuple(view.caption for view in scene.views)
    path.write_text(page(captions, panels), encoding="utf-8")
    return path


def _panel(scene: Scene, compared: bool) -> Panel:
    """A column of the page; its own title and facts are those of a comparison only."""
    facts = [list(view.caption.facts) if compared else [] for view in scene.views]
    texts = {"title": scene.title if compared else "", "facts": facts, "notes": [list(v.notes) for v in scene.views]}
    if scene.lines:
        choices = [Choice("", lines.left.kind) for lines in scene.lines]
        place = "stack" if stacked(scene.lines[0]) else "line"
        return Panel((place,), [line_figure(scene)], [[line_changes(v)] for v in scene.lines], choices, **texts)
    if scene.spectra:
        figure, layouts = spectrum_panel(scene)
        choices = [Choice("", view.axis.scale.kind) for view in scene.spectra]
        return Panel(("layers" if scene.kind == "layers" else "line",), [figure], layouts, choices, **texts)
    texts |= {"tables": scene.tables, "table": _table_numbers(scene)}
    if scene.overlays:
        axes = [changes("scene.zaxis", z_axis(o.layers[0].field)) for o in scene.overlays]
        layouts = [[{**axis, "legend.title.text": o.label}, {}] for axis, o in zip(axes, scene.overlays, strict=True)]
        choices = [Choice("", o.layers[0].field.scale.kind) for o in scene.overlays]
        return Panel(BOTH, [_relief_overlay(scene), _flat_overlay(scene)], layouts, choices, **texts)
    choices = [Choice(f.metric, f.scale.kind, metric_label(f.metric), f.percent) for f in scene.fields]
    if scene.kind == "ratio":
        return Panel(("map",), [_map(scene)], [[{}] for _ in scene.fields], choices, **texts)
    layouts = [[changes("scene.zaxis", z_axis(field)), {}] for field in scene.fields]
    return Panel(BOTH, [_relief(scene), _flat(scene)], layouts, choices, **texts)


def _table_numbers(scene: Scene) -> tuple[int, ...]:
    """Which table each view hovers."""
    fields = scene.fields or [overlay.layers[0].field for overlay in scene.overlays]
    return tuple(table_of(scene.tables, field) for field in fields)


def _relief(scene: Scene) -> go.Figure:
    traces = [trace for view, field in enumerate(scene.fields) for trace in relief_traces(field, view)]
    return _figure3d(traces, relief_layout(scene.fields[0], scene.frame, scene))


def _relief_overlay(scene: Scene) -> go.Figure:
    traces = [trace for view, overlay in enumerate(scene.overlays) for trace in relief_overlay_traces(overlay, view)]
    first = scene.overlays[0]
    figure = _figure3d(traces, relief_layout(first.layers[0].field, scene.frame, scene))
    # There is no colour bar that would name the heights.
    return figure.update_layout(legend={**LEGEND, "y": 0.02, "itemclick": False, "title": {"text": first.label}})


def _figure3d(traces: list, layout: dict) -> go.Figure:
    figure = go.Figure(traces)
    return figure.update_layout(scene=layout, font=FONT, margin={"l": 0, "r": 0, "t": 0, "b": 0}, uirevision="keep")


def _flat(scene: Scene) -> go.Figure:
    kind = "heatmap" if scene.kind == "heatmap" else "filled"
    return _plane([trace for view, field in enumerate(scene.fields) for trace in flat_traces(field, view, kind)], scene)


def _map(scene: Scene) -> go.Figure:
    cells = [trace for view, field in enumerate(scene.fields) for trace in map_traces(field, view)]
    return _plane([*cells, *traces_over(scene)], scene)


def _flat_overlay(scene: Scene) -> go.Figure:
    traces = [trace for view, overlay in enumerate(scene.overlays) for trace in flat_overlay_traces(overlay, view)]
    return _plane(traces, scene).update_layout(legend={**LEGEND, "y": 1.08, "itemclick": False})


def _plane(traces: list, scene: Scene) -> go.Figure:
    frame, figure = scene.frame, go.Figure(traces)
    axis = {"gridcolor": GRID, "zeroline": False, "showgrid": False, "ticks": "outside", "constrain": "domain"}
    figure.update_layout(
        template="plotly_white",
        font=FONT,
        margin={"l": 60, "r": 10, "t": 34, "b": 50},
        xaxis={**axis, "title": {"text": frame.x_label}, "range": list(frame.x_range)},
        yaxis={**axis, "title": {"text": frame.y_label}, "range": list(frame.y_range)},
    )
    if frame.equal:
        figure.update_yaxes(scaleanchor="x")
    return figure
