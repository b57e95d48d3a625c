"""Two metrics of one surface in one picture.

Owns: the kinds `overlay` and `overlay3d`, and which two metrics they show.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np

from landscape.errors import UsageError
from landscape.quantity import SPLITS
from landscape.scene.facts.surface import brief, facts, subject
from landscape.scene.holes import drawable
from landscape.scene.kinds.kind import NO_COLORS, SURFACE, Kind, Options
from landscape.scene.levels import extra_levels
from landscape.scene.scales import scales_and_levels
from landscape.scene.scene import Scene, camera_for
from landscape.scene.tables import tables_of
from landscape.scene.viewpoint import view_for
from landscape.scene.views.flat import plane_frame
from landscape.scene.views.overlay import build_overlay, title_of
from landscape.surfaces.surface import Surface


def pair_of(surface: Surface, metric: str | None = None) -> tuple[str, str]:
    """Train and test of a metric (the first loss when None), or the two that are named: `train_loss,train_loss_l2`.

    Raises:
        UsageError: the surface lacks one of them, or the two cannot share a scale.
    """
    named = [part.strip() for part in metric.split(",")] if metric else [surface.metric(None)]
    if len(named) == 1:
        stem = surface.quantity(named[0]).metric or named[0]
        named = [f"{split}_{stem}" for split in SPLITS]
    if len(named) != 2 or named[0] == named[1]:
        raise UsageError(f"metric '{metric}': an overlay has two, such as loss, accuracy or train_loss,test_loss")
    if missing := [name for name in named if name not in surface.values]:
        has = ", ".join(surface.values) or "nothing yet"
        advice = "choose two of these" if metric and "," in metric else "compute it with --split train --split test"
        raise UsageError(
            f"no {' and no '.join(missing)} in {surface.source or 'this surface'}, and an overlay needs "
            f"{' and '.join(named)} (it has {has}); {advice}"
        )
    first, second = named
    if surface.quantity(first).percent != surface.quantity(second).percent:
        raise UsageError(f"{first} and {second} have no common scale; choose two losses or two accuracies")
    return first, second


def _scene(surface: Surface, options: Options, relief: bool) -> Scene:
    pair, frame = pair_of(surface, options.metric), plane_frame(surface)
    scales = scales_and_levels([surface], pair, options.scale, options.limits, options.levels)
    camera = camera_for(frame, view_for(options.view, [surface], pair, scales[0][0]))
    what = title_of([surface.quantity(metric) for metric in pair])
    caption = options.caption(subject(surface), what, facts(surface, centers=pair), brief(surface))
    pooled = np.concatenate([drawable(surface, metric) for metric in pair])
    if options.levels is None or isinstance(options.levels, int):
        # Dashes mean the second metric here, so the lines of crowded places are among the others.
        scales = [(scale, np.union1d(levels, extra_levels(scale, levels, pooled))) for scale, levels in scales]
    views = tuple(
        build_overlay(surface, pair, scale, levels, camera, relief=relief, caption=caption) for scale, levels in scales
    )
    return Scene(frame, views, camera, tables_of(surface, [layer.field for layer in views[0].layers]))


def _scenes(surfaces: Sequence[Surface], options: Options, *, relief: bool) -> list[Scene]:
    return [_scene(surface, options, relief) for surface in surfaces]


UNUSED = {"cmap": NO_COLORS}
ALONE = "is a comparison by itself"
KINDS = (
    Kind("overlay", SURFACE, partial(_scenes, relief=False), ndim=2, alone=ALONE, unused=UNUSED),
    Kind("overlay3d", SURFACE, partial(_scenes, relief=True), ndim=2, alone=ALONE, unused=UNUSED),
)
