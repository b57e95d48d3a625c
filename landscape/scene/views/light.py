"""The light that falls on a relief.

Owns: brightness from the slope of the mesh (a lamp and a bright sky), and the darkness of valleys that see little sky. It depends
on the drawn shape alone, so the panels of a comparison are lit alike. What brightness does to a colour is in palettes.py.
"""

from __future__ import annotations

import numpy as np

from landscape.scene.scene import Camera

# Where the lamp stands, in the axes of the box (x, y, up): high on the left of the viewer.
LAMP = np.array([-0.62, -0.30, 0.72])
# Light from everywhere, and that of the lamp on level ground: together 1, so that level ground has the colours of the bar.
AMBIENT, LAMPLIGHT = 0.75, 0.25
# Slopes that face the lamp are brighter than level ground, others darker, within these limits.
DARKEST, BRIGHTEST = 0.7, 1.08
# How much of the ambient light comes from the sky alone; the rest reaches the bottom of every valley.
OPEN = 0.3
SKY_DIRECTIONS = 12
SKY_RADII = (0.01, 0.02, 0.04, 0.07, 0.12, 0.2)


def light(x: np.ndarray, y: np.ndarray, z: np.ndarray, low: float, high: float, camera: Camera) -> np.ndarray:
    """Brightness (my, mx) of the mesh z (my, mx) in a box from `low` to `high`.

    It lies between `DARKEST` and `BRIGHTEST`, and is 1 on level ground under an open sky.
    """
    height = (np.nan_to_num(z, nan=low) - low) / (high - low) * camera.box[2]
    across = (x - x[0]) / (x[-1] - x[0]) * camera.box[0]
    along = (y - y[0]) / (y[-1] - y[0]) * camera.box[1]
    normal, lamp = _normal(height, across, along), LAMP / np.linalg.norm(LAMP)
    # Where the underside is seen, it is the underside that is lit.
    normal *= np.where(normal @ eye_of(camera) < 0, -1.0, 1.0)[..., None]
    sky = 1 - OPEN + OPEN * _sky(height, across, along)
    lamplight = np.clip(normal @ lamp, 0, None) / lamp[2]
    return np.clip(AMBIENT * sky + LAMPLIGHT * lamplight, DARKEST, BRIGHTEST)


def eye_of(camera: Camera) -> np.ndarray:
    """(3,) the direction to the eye, of length 1."""
    up, around = np.deg2rad(camera.elevation), np.deg2rad(camera.azimuth)
    return np.array([np.cos(up) * np.cos(around), np.cos(up) * np.sin(around), np.sin(up)])


def _normal(height: np.ndarray, across: np.ndarray, along: np.ndarray) -> np.ndarray:
    slope_y, slope_x = np.gradient(height, along, across)
    normal = np.stack([-slope_x, -slope_y, np.ones_like(height)], axis=-1)
    return normal / np.linalg.norm(normal, axis=-1, keepdims=True)


def _sky(height: np.ndarray, across: np.ndarray, along: np.ndarray) -> np.ndarray:
    """The share of the sky that each point sees, 0..1: one minus the mean sine of the horizon around it."""
    rows, columns = np.arange(len(along)), np.arange(len(across))
    blocked = np.zeros_like(height)
    for angle in 2 * np.pi * np.arange(SKY_DIRECTIONS) / SKY_DIRECTIONS:
        horizon = np.zeros_like(height)
        for radius in SKY_RADII:
            right = int(np.rint(radius * np.cos(angle) * (len(columns) - 1)))
            down = int(np.rint(radius * np.sin(angle) * (len(rows) - 1)))
            if right == down == 0:
                continue
            there = height[np.ix_(np.clip(rows + down, 0, rows[-1]), np.clip(columns + right, 0, columns[-1]))]
            horizon = np.maximum(horizon, (there - height) / radius)
        blocked += horizon / np.hypot(1.0, horizon)
    return 1.0 - blocked / SKY_DIRECTIONS
