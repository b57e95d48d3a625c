"""The small tiles that a still relief is made of.

Owns: their corners and colours. A tile that the range of the scale passes through is cut there, so the relief ends at the line of
that height and is open above: a plateau at the limit would be a shape that the values do not have.
"""

from __future__ import annotations

import numpy as np

from landscape.polygon import below
from landscape.scene.palettes import lit
from landscape.scene.scale import Scale
from landscape.scene.views.mesh import Mesh


def tiles_of(mesh: Mesh, scale: Scale, colors: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Corners (n, 4, 3) and sRGB colours (n, 3) in 0..1 of the tiles whose corners all have a height.

    `colors` are those of the heights from `scale.low` to `scale.high`.
    """
    x, y = np.meshgrid(mesh.x, mesh.y)
    points = np.stack([x, y, mesh.z], axis=-1)
    corners = np.stack([points[:-1, :-1], points[:-1, 1:], points[1:, 1:], points[1:, :-1]], axis=2)
    known = np.isfinite(corners[..., 2]).all(axis=2)
    corners, shade = corners[known], _middle(mesh.shade)[known]
    within = (corners[..., 2] >= scale.low) & (corners[..., 2] <= scale.high)
    whole, touched = within.all(axis=1), within.any(axis=1) & ~within.all(axis=1)
    pieces = [
        (piece, bright)
        for tile, bright in zip(corners[touched], shade[touched], strict=True)
        for piece in cut(tile, scale)
    ]
    parts = np.array([piece for piece, _ in pieces]).reshape(-1, 4, 3)
    tiles, light = np.concatenate([corners[whole], parts]), np.append(shade[whole], [bright for _, bright in pieces])
    shares = (tiles[..., 2].mean(axis=1) - scale.low) / (scale.high - scale.low)
    return tiles, lit(colors, shares, light)


def cut(tile: np.ndarray, scale: Scale) -> list[np.ndarray]:
    """The parts of a tile (4, 3) within the range of a scale, as tiles; a triangle has its last corner twice."""
    found = []
    for triangle in (tile[[0, 1, 2]], tile[[0, 2, 3]]):
        kept = below(triangle, triangle[:, 2] - scale.high)
        kept = below(kept, scale.low - kept[:, 2])
        # Two limits make at most five corners of three: a fan of tiles from the first.
        fans = [[0, i, i + 1, min(i + 2, len(kept) - 1)] for i in range(1, len(kept) - 1, 2)]
        found += [kept[fan] for fan in fans]
    return found


def _middle(values: np.ndarray) -> np.ndarray:
    return (values[:-1, :-1] + values[1:, :-1] + values[:-1, 1:] + values[1:, 1:]) / 4
