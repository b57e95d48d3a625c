"""Paths over a plane on a page: the relief and the plane with the paths on them, and the curves along them.

Owns: which figures those are. Their drawing is that of flat.py and lines.py.
"""

from __future__ import annotations

from landscape.render.page import flat, lines
from landscape.render.page.figures import Drawn
from landscape.scene.scene import Scene
from landscape.scene.views.course import lines_of, plane_of
from landscape.scene.views.flat import Flat
from landscape.scene.views.lines import Lines


def draw(scene: Scene) -> Drawn:
    """Three figures, which switch their metric and scale together."""
    plane, along = plane_of(scene), lines_of(scene)
    both = flat.both(plane, [view.field for view in plane.views_as(Flat)])
    changes = [lines.line_changes(view) for view in along.views_as(Lines)]
    layouts = [[*each, change] for each, change in zip(both.layouts, changes, strict=True)]
    return Drawn((*both.places, "line"), [*both.figures, lines.line_figure(along)], layouts, both.table)
