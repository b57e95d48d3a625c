"""Reliefs on a page.

Owns: the drawing of `Relief`, with the plane beside it. Decides nothing.
"""

from __future__ import annotations

from landscape.render.page.figures import Drawn
from landscape.render.page.flat import both
from landscape.scene.scene import Scene
from landscape.scene.views.relief import Relief


def draw(scene: Scene) -> Drawn:
    """The relief, and the plane in bands beside it."""
    return both(scene, [view.field for view in scene.views_as(Relief)])
