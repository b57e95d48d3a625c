"""Paths over a plane, with curves along them beside it.

Owns: the view `Course`. Its parts are views of their own: the plane with the paths on it, and curves over the training step.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from landscape.scene.scene import Choice, Frame, Scene, View
from landscape.scene.views.flat import Flat
from landscape.scene.views.lines import Lines

# Of an animation: some six seconds.
MOST_FRAMES = 60


@dataclass(frozen=True, eq=False, kw_only=True)
class Course(View):
    """`flat` is the plane, in the frame of the scene; `lines` are drawn in `along`; `steps`: those of each path (n,)."""

    flat: Flat
    lines: Lines
    along: Frame
    steps: tuple[np.ndarray, ...] = ()

    @property
    def choice(self) -> Choice:
        return self.flat.choice


def frames_of(view: Course) -> np.ndarray:
    """(k,) steps up to which the frames of an animation show the paths: all steps of the nets, or that many evenly spread."""
    known = np.unique(np.concatenate([np.zeros(0), *view.steps]))
    if len(known) <= MOST_FRAMES:
        return known
    return known[np.unique(np.linspace(0, len(known) - 1, MOST_FRAMES).round().astype(int))]


def plane_of(scene: Scene) -> Scene:
    """The scene of the planes alone."""
    return replace(scene, views=tuple(view.flat for view in scene.views_as(Course)))


def lines_of(scene: Scene) -> Scene:
    """The scene of the curves alone."""
    views = scene.views_as(Course)
    return Scene(views[0].along, tuple(view.lines for view in views))
