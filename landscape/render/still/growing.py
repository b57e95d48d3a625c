"""Paths that grow over a plane, frame by frame.

Owns: the frames: which are drawn once and what changes in each. The still picture under them is that of course.py; a frame shows
the paths up to a step, and that step as a line through the curves beside them.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg

from landscape.render.still import course, files, paper
from landscape.scene.look import Look
from landscape.scene.scene import Scene
from landscape.scene.views.course import Course, frames_of
from landscape.scene.views.traces import Trace

# Seconds of a frame and of the last one.
EACH, LAST = 0.09, 2.0


def frames(scene: Scene, look: Look, dpi: int) -> tuple[list[np.ndarray], list[float]]:
    """All frames (height, width, 3) at `dpi`, and the seconds of each."""
    view = scene.views_as(Course)[0]
    still = replace(view, flat=replace(view.flat, field=_without_paths(view)))
    figure = course.single(replace(scene, views=(still,)), look)
    files.check_pixels(figure, dpi, files.MOST_OF_FRAME)
    figure.set_dpi(dpi)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    ground = canvas.copy_from_bbox(figure.bbox)
    plane, curves = figure.axes[0], figure.axes[2:]
    pictures = []
    for step in frames_of(view):
        canvas.restore_region(ground)
        for axes, artist in [*_paths(plane, view, look, step), *_marks(curves, look, step)]:
            axes.draw_artist(artist)
            artist.remove()
        pictures.append(np.asarray(canvas.buffer_rgba())[..., :3].copy())
    return pictures, [EACH] * (len(pictures) - 1) + [LAST]


def _without_paths(view: Course) -> Any:
    traces = tuple(trace for trace in view.flat.field.traces if trace.kind != "path")
    return replace(view.flat.field, traces=traces)


def _paths(axes: Axes, view: Course, look: Look, step: float) -> list[tuple[Axes, Artist]]:
    """Each path up to a step, and where it stands."""
    rim = paper.halo(look, 2.6, 0.85)
    found: list[tuple[Axes, Artist]] = []
    for trace, steps in zip(_traces(view), view.steps, strict=True):
        count = max(1, int(np.searchsorted(steps, step, side="right")))
        style: dict[str, Any] = {"color": look.shown(trace.color), "zorder": 6}
        (line,) = axes.plot(trace.x[:count], trace.y[:count], lw=1.4, path_effects=rim, **style)
        ended = count == len(trace.x)
        (head,) = axes.plot(
            trace.x[count - 1 : count], trace.y[count - 1 : count], marker="*" if ended else "o", ms=10 if ended else 6,
            mec=look.palette.ground, mew=0.7, lw=0, **style,
        )  # fmt: skip
        found += [(axes, line), (axes, head)]
    return found


def _traces(view: Course) -> list[Trace]:
    return [trace for trace in view.flat.field.traces if trace.kind == "path"]


def _marks(panels: list[Axes], look: Look, step: float) -> list[tuple[Axes, Artist]]:
    return [(axes, axes.axvline(step, color=look.palette.soft, lw=1.0, zorder=5)) for axes in panels]
