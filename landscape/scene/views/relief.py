"""A field as a lit relief in three dimensions.

Owns: the view `Relief`. Its mesh and light are those of the field.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from landscape.scene.scene import Camera, Choice, View
from landscape.scene.views.field import Field
from landscape.scene.views.flat import field_choice

# A share of the height of the relief.
DEEP = 0.55


@dataclass(frozen=True, eq=False, kw_only=True)
class Relief(View):
    """The relief of a field; an interactive page shows the field from above beside it."""

    field: Field

    @property
    def floor(self) -> float:
        """The height at which contour lines below the relief are drawn, so far below that it does not hide them all."""
        return self.field.scale.low - DEEP * (self.field.scale.high - self.field.scale.low)

    def above_floor(self, camera: Camera) -> Camera:
        """The viewpoint of a box that reaches down to the floor, in which the relief keeps its proportions."""
        low, high = self.field.z_range
        x, y, z = camera.box
        return replace(camera, box=(x, y, z * (high - self.floor) / (high - low)))

    @property
    def choice(self) -> Choice:
        return field_choice(self.field)
