"""A field as a lit relief in three dimensions.

Owns: the view `Relief`. Its mesh and light are those of the field.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from landscape.scene.scene import Camera, Choice, View
from landscape.scene.views.field import Field, extra_notes
from landscape.scene.views.flat import beyond_notes, field_choice

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

    @property
    def notes_of_map(self) -> tuple[str, ...]:
        """What the map beside the relief has and the relief has not: further lines, and hatching."""
        return (*extra_notes(self.field.extra_ticks), *beyond_notes(self.field))

    @property
    def page_notes(self) -> tuple[str, ...]:
        return (*self.notes, *self.notes_of_map)

    def above_floor(self, camera: Camera) -> Camera:
        """The viewpoint of a box that reaches down to the floor, in which the relief keeps its proportions."""
        low, high = self.field.z_range
        x, y, z = camera.box
        return replace(camera, box=(x, y, z * (high - self.floor) / (high - low)))

    @property
    def choice(self) -> Choice:
        return field_choice(self.field)
