"""Paths over a plane on a sheet, with the curves along them at its right.

Owns: the places of both. Their drawing is that of flat.py and lines.py.
"""

from __future__ import annotations

from matplotlib.figure import Figure

from landscape.render.still import flat, lines, paper
from landscape.render.still.legend import draw_legend
from landscape.render.still.painter import Around, Painter, Place, sheet_of
from landscape.scene.look import Look
from landscape.scene.scene import Scene
from landscape.scene.views.course import lines_of, plane_of
from landscape.scene.views.lines import Lines

# Inches: the longer side of the plane, the curves, and what is between and around them.
SIDE, WIDE, LEFT, BAR, GAP, BETWEEN, RIGHT = 4.3, 3.0, 0.72, 0.16, 0.16, 1.5, 0.2
# The least height of the curves with the strip below, and what their legend takes.
LEAST, LEGEND = 2.9, 0.3
# A narrower sheet, at the usual size of letters, has the curves below the plane, which needs that much between them.
NARROW, ABOVE = 6.0, 0.62


def single(scene: Scene, look: Look) -> Figure:
    """The plane, its colour bar and the curves; in a column the curves stand below."""
    if look.width is not None and look.width < NARROW * look.em:
        return _stacked(scene, look)
    plane, along, em = plane_of(scene), lines_of(scene), look.em
    wide, tall = paper.box(scene.frame, SIDE)
    height = max(tall, LEAST)
    between = (GAP + BAR + BETWEEN) * em
    figure, place = sheet_of(
        scene, look, wide + WIDE, height, Around(LEFT, RIGHT + GAP + BAR + BETWEEN, below=0.52, whole=True)
    )
    scale = place.wide / (wide + WIDE)
    wide, tall = wide * scale, tall * scale
    _plane(figure, plane, look, Place(place.left, place.bottom + (place.tall - tall) / 2, wide, tall))
    _curves(figure, along, look, Place(place.left + wide + between, place.bottom, place.wide - wide, place.tall))
    return figure


def _stacked(scene: Scene, look: Look) -> Figure:
    wide, tall = paper.box(scene.frame, SIDE)
    em, high = look.em, LEAST * wide / SIDE
    figure, place = sheet_of(
        scene, look, wide, tall + high, Around(LEFT, GAP + BAR + BETWEEN - LEFT, below=0.52 + ABOVE)
    )
    share = place.tall * tall / (tall + high)
    bottom = place.bottom + place.tall - share
    _plane(figure, plane_of(scene), look, Place(place.left, bottom, place.wide, share))
    room = Place(place.left, place.bottom - ABOVE * em, place.wide, place.tall - share)
    _curves(figure, lines_of(scene), look, room)
    return figure


def _plane(figure: Figure, plane: Scene, look: Look, place: Place) -> None:
    flat.draw_flat(paper.place(figure, place.left, place.bottom, place.wide, place.tall), plane, look)
    bar = Place(place.left + place.wide + GAP * look.em, place.bottom, BAR * look.em, place.tall)
    flat.draw_bar(figure, plane, look, bar)


def _curves(figure: Figure, along: Scene, look: Look, place: Place) -> None:
    """The curves over their strips, under the legend."""
    curves, legend = along.views_as(Lines)[0], LEGEND * look.em
    shares = 1 + sum(strip.height for strip in curves.strips)
    above = (place.tall - legend - lines.GAP * look.em * len(curves.strips)) / shares
    top = place.bottom + place.tall - legend - above
    lines.draw_lines(paper.place(figure, place.left, top, place.wide, above), along, look, bottom=not curves.strips)
    lines.draw_strips(figure, along, look, place.left, top, place.wide, above)
    draw_legend(figure, curves.named, look, place.left + place.wide / 2, place.bottom + place.tall - 0.1 * look.em)


PAINTER = Painter(single)
