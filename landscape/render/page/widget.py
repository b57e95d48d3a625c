"""The page in Jupyter as a widget, whose state Python reads and sets.

Owns: `Widget`, its traits, and how a camera of the page becomes a viewpoint. The page is document.py's; widget.js shows it in a
frame of its own and passes on what changes.
"""

from __future__ import annotations

import math
from importlib.resources import files

import anywidget
import traitlets


class Widget(anywidget.AnyWidget):
    """An interactive picture. What a reader does in it is seen in Python, and what Python sets is seen in it.

    Traits:
        height: of the frame in pixels.
        metric, scale: what is shown; one of those that the page offers, else it stays.
        camera: of all reliefs: `azimuth` and `elevation` in radians, `zoom` (1 shows the whole box, smaller is nearer) and
            `center` (3,), a place in the box; empty until the page is drawn.
        page: the whole page as HTML.
    """

    _esm = (files(__package__) / "widget.js").read_text(encoding="utf-8")
    page = traitlets.Unicode().tag(sync=True)
    height = traitlets.Int().tag(sync=True)
    metric = traitlets.Unicode("").tag(sync=True)
    scale = traitlets.Unicode("").tag(sync=True)
    camera = traitlets.Dict().tag(sync=True)

    @property
    def view(self) -> tuple[float, float] | None:
        """(elevation, azimuth) in degrees, as `landscape.plot` takes it; None until a relief is drawn."""
        if not self.camera:
            return None
        return math.degrees(self.camera["elevation"]), math.degrees(self.camera["azimuth"])
