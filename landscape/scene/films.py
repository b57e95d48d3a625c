"""What moves: a relief that turns, and surfaces of one scale after each other.

Owns: `Film`: which scenes follow each other, and for how long each is seen. Nothing is interpolated: each scene is a picture that
could stand alone. Paths that grow are in views/course.py.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from landscape.errors import UsageError
from landscape.scene.scene import Camera, Comparison, Scene
from landscape.scene.views.field import Field
from landscape.scene.views.overlay import Overlay
from landscape.scene.views.relief import Relief

# A turn takes six seconds, in steps of six degrees.
TURN_FRAMES, TURN_SECONDS = 60, 6.0
# Of surfaces after each other: long enough to see what is new, and longer for the last before it begins again.
EACH, LAST = 0.6, 2.0


@dataclass(frozen=True, eq=False)
class Film:
    """Scenes with the seconds that each is seen; after the last comes the first."""

    scenes: tuple[Scene, ...]
    seconds: tuple[float, ...]


def film_of(scene: Scene | Comparison) -> Film:
    """The film of a relief or of a comparison.

    Raises:
        UsageError: nothing moves in such a picture.
    """
    if isinstance(scene, Comparison):
        return in_time(scene)
    view = scene.views[0]
    if not isinstance(view, Relief) and not (isinstance(view, Overlay) and view.relief):
        raise UsageError(
            "nothing moves in it: a relief turns (kind surface or overlay3d), a path grows (trajectory), and compare "
            "shows several files after each other; take .png, .pdf or .svg for this one"
        )
    return turned(scene)


def turned(scene: Scene) -> Film:
    """A full turn around a relief. The light stays where it is, as the sun does for someone who walks around a hill."""
    first = scene.camera.azimuth
    cameras = [
        replace(scene.camera, azimuth=first + 360 * step / TURN_FRAMES, turns=True) for step in range(TURN_FRAMES)
    ]
    return Film(tuple(_seen_by(scene, camera) for camera in cameras), (TURN_SECONDS / TURN_FRAMES,) * TURN_FRAMES)


def _seen_by(scene: Scene, camera: Camera) -> Scene:
    """The first view only: a still shows no other."""
    view = scene.views[0]
    if isinstance(view, Overlay):
        layers = tuple(replace(layer, field=_lit_for(layer.field, camera)) for layer in view.layers)
        return replace(scene, camera=camera, views=(replace(view, layers=layers),), tables=())
    (relief, *_) = scene.views_as(Relief)
    return replace(scene, camera=camera, views=(replace(relief, field=_lit_for(relief.field, camera)),), tables=())


def _lit_for(field: Field, camera: Camera) -> Field:
    """The gloss of a relief, and which side of it is seen, depend on where it is seen from."""
    return replace(field, mesh=replace(field.mesh, camera=camera))


def in_time(comparison: Comparison) -> Film:
    """The panels one after the other, each with the common title and facts and its own name."""
    scenes = tuple(
        _alone(panel, name, comparison) for panel, name in zip(comparison.panels, comparison.names, strict=True)
    )
    return Film(scenes, (EACH,) * (len(scenes) - 1) + (LAST,))


def _alone(panel: Scene, name: str, comparison: Comparison) -> Scene:
    shared, view = comparison.captions[0], panel.views[0]
    title = ": ".join(filter(None, [shared.title, name]))
    caption = replace(view.caption, title=title, facts=(*shared.facts, *view.caption.facts))
    return replace(panel, views=(replace(view, caption=caption),), tables=())
