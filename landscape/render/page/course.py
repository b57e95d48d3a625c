"""Paths over a plane on a page: the relief and the plane with the paths on them, and the curves along them.

Owns: which figures those are, and the steps of the slider that lets the paths grow. They are drawn by flat.py and lines.py.
"""

from __future__ import annotations

from typing import Any

from landscape.render.page import flat, lines
from landscape.render.page.figures import Drawn
from landscape.scene.scene import Scene
from landscape.scene.views.course import Course, frames_of, lines_of, plane_of
from landscape.scene.views.flat import Flat
from landscape.scene.views.lines import Lines


def draw(scene: Scene) -> Drawn:
    """Three figures, which switch their metric and scale together."""
    plane, along = plane_of(scene), lines_of(scene)
    both = flat.both(plane, [view.field for view in plane.views_as(Flat)])
    changes = [lines.line_changes(view) for view in along.views_as(Lines)]
    layouts = [[*each, change] for each, change in zip(both.layouts, changes, strict=True)]
    figures = [*both.figures, lines.line_figure(along)]
    return Drawn((*both.places, "line"), figures, layouts, both.table, both.sheets, _course(scene))


def _course(scene: Scene) -> dict[str, Any]:
    """The steps of the slider, and those of each path by its name."""
    view = scene.views_as(Course)[0]
    names = [trace.name for trace in view.flat.field.traces if trace.kind == "path"]
    steps = {name: steps.tolist() for name, steps in zip(names, view.steps, strict=True)}
    return {"label": view.along.x_label, "frames": frames_of(view).tolist(), "steps": steps}
