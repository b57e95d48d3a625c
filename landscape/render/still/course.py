"""Paths over a plane on a sheet, with the curves along them at its right.

Owns: the places of both. Their drawing is that of flat.py and lines.py.
"""

from __future__ import annotations

from matplotlib.figure import Figure

from landscape.render.still import flat, lines, paper
from landscape.render.still.painter import Painter, Place, sheet_of
from landscape.scene.scene import Scene
from landscape.scene.views.course import lines_of, plane_of
from landscape.scene.views.lines import Lines

# Inches: the longer side of the plane, the curves, and what is between and around them.
SIDE, WIDE, LEFT, BAR, GAP, BETWEEN, RIGHT = 4.3, 3.0, 0.72, 0.16, 0.16, 1.5, 0.2
# The least height of the curves with the strip below, and what their legend takes.
LEAST, LEGEND = 2.9, 0.3


def single(scene: Scene) -> Figure:
    """The plane, its colour bar and the curves."""
    plane, along = plane_of(scene), lines_of(scene)
    curves = along.views_as(Lines)[0]
    wide, tall = paper.box(scene.frame, SIDE)
    height = max(tall, LEAST)
    start = LEFT + wide + GAP + BAR + BETWEEN
    figure, bottom = sheet_of(scene, start + WIDE + RIGHT, height, below=0.52, middle=(start + WIDE) / 2)
    low = bottom + (height - tall) / 2
    flat.draw_flat(paper.place(figure, LEFT, low, wide, tall), plane)
    flat.draw_bar(figure, plane, Place(LEFT + wide + GAP, low, BAR, tall))
    above = (height - LEGEND - lines.GAP * len(curves.strips)) / (1 + sum(strip.height for strip in curves.strips))
    top = bottom + height - LEGEND - above
    lines.draw_lines(paper.place(figure, start, top, WIDE, above), along, bottom=not curves.strips)
    lines.draw_strips(figure, along, start, top, WIDE, above)
    lines.draw_legend(figure, curves.named, start + WIDE / 2, bottom + height - 0.1)
    return figure


PAINTER = Painter(single)
