"""Still pictures: PNG, PDF and SVG.

Owns: `draw`, the sheet's layout for each kind of picture, and nothing of what is shown on it. Lengths are in inches.
"""

from __future__ import annotations

from pathlib import Path

from matplotlib.figure import Figure

from landscape.errors import UsageError
from landscape.render import paper
from landscape.render.static_flat import color_bar, draw_flat, draw_overlay
from landscape.render.static_lines import draw_legend, draw_lines, draw_strips, strips_height
from landscape.render.static_overlay import draw_layer_legend, draw_relief_overlay
from landscape.render.static_panels import draw_panels
from landscape.render.static_relief import draw_relief
from landscape.render.static_spectrum import draw_density, draw_layers, draw_rugs, rug_height
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
    paper.save(figure_of(scene), path, dpi, smooth=2 if scene.kind in _RELIEFS else 1)
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


def _overlay(scene: Scene) -> Figure:
    """Lines of two colours need no colour bar, but a legend."""
    side, left = 4.3, 0.72
    wide, tall = paper.box(scene.frame, side)
    figure, bottom = _sheet(scene, left + wide + 0.3, tall, below=0.8, middle=left + wide / 2)
    draw_overlay(paper.place(figure, left, bottom, wide, tall), scene)
    draw_layer_legend(figure, scene.overlays[0].layers, left + wide / 2, bottom - 0.63)
    return figure


def _relief_overlay(scene: Scene) -> Figure:
    wide, tall = 5.6, 4.3
    figure, bottom = _sheet(scene, wide + 0.4, tall, below=0.5, middle=wide / 2 + 0.1)
    draw_relief_overlay(paper.place(figure, 0.0, bottom, wide, tall, projection="3d"), scene)
    draw_layer_legend(figure, scene.overlays[0].layers, wide / 2 + 0.1, bottom - 0.3, relief=True)
    return figure


def _lines(scene: Scene) -> Figure:
    wide, tall, left = 4.9, 3.1, 0.72
    above = 0.2 if scene.lines[0].marks else 0.0
    figure, bottom = _sheet(scene, left + wide + 0.72, tall, below=0.8, above=above, middle=left + wide / 2)
    draw_lines(paper.place(figure, left, bottom, wide, tall), scene)
    draw_legend(figure, scene.lines[0].curves, left + wide / 2, bottom - 0.63)
    return figure


def _curves(scene: Scene) -> Figure:
    """Line axes, and the strips under them on the same horizontal axis."""
    lines, wide, left = scene.lines[0], 4.9, 0.72
    tall = 2.9 if len(lines.strips) < 2 else 2.3
    strips, above = strips_height(lines, tall), 0.2 if lines.marks else 0.0
    figure, bottom = _sheet(scene, left + wide + 0.72, tall + strips, below=0.8, above=above, middle=left + wide / 2)
    draw_lines(paper.place(figure, left, bottom + strips, wide, tall), scene, bottom=not strips)
    draw_strips(figure, scene, left, bottom + strips, wide, tall)
    draw_legend(figure, lines.named, left + wide / 2, bottom - 0.63)
    return figure


def _spectrum(scene: Scene) -> Figure:
    """The density over its rug."""
    wide, tall, left, rugs = 4.9, 3.0, 0.72, rug_height(scene)
    legend = 0.28 if scene.spectra[0].legend else 0.0
    figure, bottom = _sheet(scene, left + wide + 0.72, tall + rugs, below=0.52 + legend, middle=left + wide / 2)
    draw_density(paper.place(figure, left, bottom + rugs, wide, tall), scene)
    draw_rugs(paper.place(figure, left, bottom, wide, rugs), scene)
    if legend:
        draw_legend(figure, scene.spectra[0].curves, left + wide / 2, bottom - 0.63)
    return figure


def _layers(scene: Scene) -> Figure:
    """Rows as high as their number allows, names as wide as they are."""
    rows = scene.spectra[0].rows
    step = min(0.2, max(0.075, 8.5 / len(rows)))
    size = min(paper.TICK, 0.85 * 72 * step)
    wide, left = 4.2, 0.25 + max(paper.text_width(row.name, size) for row in rows)
    figure, bottom = _sheet(scene, left + wide + 0.3, step * len(rows), below=0.55, middle=left + wide / 2)
    draw_layers(paper.place(figure, left, bottom, wide, step * len(rows)), scene, size=size)
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


_LAYOUTS = {
    "surface": _relief,
    "overlay": _overlay,
    "overlay3d": _relief_overlay,
    "line": _lines,
    "spread": _lines,
    "curves": _curves,
    "curvature": _curves,
    "spectrum": _spectrum,
    "layers": _layers,
}
# Reliefs are made of pixels, drawn finer and averaged.
_RELIEFS = ("surface", "overlay3d")
