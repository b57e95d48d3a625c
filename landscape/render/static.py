"""Still pictures: PNG, PDF and SVG.

Owns: `draw`, the sheet's layout for each kind of picture, and nothing of what is shown on it. Lengths are in inches.
"""

from __future__ import annotations

from pathlib import Path

from matplotlib.figure import Figure

from landscape.errors import UsageError
from landscape.render import paper
from landscape.render.static_flat import color_bar, draw_flat
from landscape.render.static_lines import draw_legend, draw_lines
from landscape.render.static_panels import draw_panels
from landscape.render.static_relief import draw_relief
from landscape.scene.scene import Comparison, Scene

SUFFIXES = (".png", ".pdf", ".svg")
MARGIN = 0.15


def draw(scene: Scene | Comparison, path: str | Path, *, dpi: int = 200) -> Path:
    """Writes the picture; the suffix of `path` tells the format.

    Raises:
        UsageError: another suffix than .png, .pdf or .svg.
    """
    path = Path(path)
    if path.suffix.lower() not in SUFFIXES:
        raise UsageError(f"'{path}': a still picture ends in {', '.join(SUFFIXES)}")
    paper.save(figure_of(scene), path, dpi, smooth=2 if scene.kind == "surface" else 1)
    return path


def figure_of(scene: Scene | Comparison) -> Figure:
    """The matplotlib figure of a scene, not yet saved."""
    if isinstance(scene, Comparison):
        return draw_panels(scene)
    return _LAYOUTS.get(scene.kind, _flat)(scene)


def _flat(scene: Scene) -> Figure:
    side, left, gap, bar, right = 4.3, 0.72, 0.16, 0.16, 0.85
    wide, tall = paper.box(scene.frame, side)
    figure, bottom = _sheet(scene, left + wide + gap + bar + right, tall, below=0.52, middle=left + wide / 2)
    draw_flat(paper.place(figure, left, bottom, wide, tall), scene)
    color_bar(figure, paper.place(figure, left + wide + gap, bottom, bar, tall), scene.fields[0], scene.kind)
    return figure


def _relief(scene: Scene) -> Figure:
    wide, tall, right = 5.6, 4.3, 0.85
    figure, bottom = _sheet(scene, wide + right, tall, below=0.2, middle=wide / 2)
    draw_relief(paper.place(figure, 0.0, bottom, wide, tall, projection="3d"), scene)
    color_bar(figure, paper.place(figure, wide - 0.08, bottom + 0.8, 0.15, tall - 1.5), scene.fields[0], "surface")
    return figure


def _lines(scene: Scene) -> Figure:
    wide, tall, left = 4.9, 3.1, 0.72
    above = 0.2 if scene.lines[0].marks else 0.0
    figure, bottom = _sheet(scene, left + wide + 0.72, tall, below=0.8, above=above, middle=left + wide / 2)
    draw_lines(paper.place(figure, left, bottom, wide, tall), scene)
    draw_legend(figure, scene.lines[0].curves, left + wide / 2, bottom - 0.63)
    return figure


def _sheet(scene: Scene, width: float, tall: float, *, below: float, middle: float, above: float = 0.0):
    """(figure, height where the axes begin): with the title, centred on `middle`, and the facts written."""
    room = width - 2 * MARGIN
    lines = paper.wrap(scene.facts, room) + paper.wrap(scene.notes, room)
    foot = paper.footer_height(lines) + MARGIN
    top = (0.38 if scene.title else 0.12) + above
    figure = paper.sheet(width, foot + below + tall + top)
    paper.heading(
        figure, scene.title, middle, foot + below + tall + above + 0.14, 2 * min(middle, width - middle) - 0.2
    )
    paper.footer(figure, lines, MARGIN, foot)
    return figure, foot + below


_LAYOUTS = {"surface": _relief, "line": _lines}
