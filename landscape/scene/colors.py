"""The colours of the figures, made from their coordinates in CIELAB.

Owns: three colour maps, what lies between their colours, and the colours of lines. In `DEPTH` lightness rises evenly from
low to high, so it reads the same in grey and to colour-blind readers; `RELIEF` runs from blue over pale to red-brown, as the
pictures of Li et al. do, with blue and orange kept apart by hue for every common colour blindness.
"""

from __future__ import annotations

import numpy as np

# Points (lightness, chroma, hue in degrees) of each map, equidistant from low to high.
DEPTH = ((17, 42, 292), (33, 46, 275), (47, 34, 245), (60, 32, 195), (73, 42, 145), (84, 58, 112), (93, 50, 98))
RELIEF = ((34, 52, 276), (52, 42, 268), (70, 24, 258), (87, 5, 80), (75, 30, 62), (58, 50, 46), (41, 58, 37))
# DEPTH without its light end: lines must show on white paper.
INK = ((17, 42, 292), (31, 46, 277), (43, 38, 255), (53, 30, 215), (60, 36, 165), (67, 48, 128), (72, 60, 92))

# DEPTH without its dark end: lines must show on a dark ground.
NIGHT = ((58, 44, 280), (63, 40, 262), (69, 36, 235), (75, 36, 190), (82, 44, 145), (89, 56, 112), (94, 50, 98))

# RELIEF with a dark middle, for lines of both signs.
SIGNED_INK = ((34, 52, 276), (44, 46, 270), (50, 24, 262), (42, 4, 80), (54, 30, 58), (52, 50, 47), (41, 58, 37))

# Okabe and Ito's blue and vermilion, darkened for thin lines: told apart with every common colour blindness.
LOSS_COLOR, ACCURACY_COLOR, OTHER_COLOR = "#0b5fa5", "#c4500f", "#7a4a9e"
# The smallest eigenvalue and how many are negative: their bluish green, darkened alike.
NEGATIVE_COLOR = "#00795c"
# Of metrics that lie over each other: the same two, which stand for nothing else there.
OVERLAY_COLORS = (LOSS_COLOR, ACCURACY_COLOR)
# Paths over a plane, by run: ink first, then those of Okabe and Ito, darkened alike.
PATH_COLORS = ("#1a1a1a", ACCURACY_COLOR, LOSS_COLOR, NEGATIVE_COLOR, OTHER_COLOR, "#8a6a00", "#a3325f", "#4d4d4d")
# The learning rate below the curves: neither loss nor accuracy.
RATE_COLOR = "#3d3d3d"
# Signs of eigenvalues: the two colours that are told apart with every common colour blindness; grey for a sign that the
# error leaves open.
NEGATIVE_SIGN, POSITIVE_SIGN, OPEN_SIGN = LOSS_COLOR, ACCURACY_COLOR, "#6b6b6b"
COUNT = 65
# Lines over cells, and their rim: over colours from dark to light, and over those that are pale in the middle.
OVER_DARK, OVER_PALE = ("#ffffff", "#101018"), ("#101018", "#ffffff")


def stops(points: tuple, *, low: float = 0.0, high: float = 1.0) -> tuple[str, ...]:
    """Hex colours (65 of them) of a map between the shares `low` and `high` of its length."""
    lch = np.array(points, dtype=np.float64)
    hue = np.deg2rad(lch[:, 2])
    lab = np.column_stack([lch[:, 0], lch[:, 1] * np.cos(hue), lch[:, 1] * np.sin(hue)])
    at, positions = np.linspace(low, high, COUNT), np.linspace(0, 1, len(lab))
    smooth = np.column_stack([np.interp(at, positions, lab[:, i]) for i in range(3)])
    return tuple("#" + "".join(f"{c:02x}" for c in row) for row in _rgb(smooth))


def between(colors: tuple[str, ...], shares: np.ndarray) -> np.ndarray:
    """(n,) shares of the way through equidistant hex colours -> (n, 3) sRGB from 0 to 1.

    >>> between(("#000000", "#ff0000"), np.array([0.0, 0.5])).tolist()
    [[0.0, 0.0, 0.0], [0.5, 0.0, 0.0]]
    """
    known = np.array([[int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)] for color in colors])
    places = np.linspace(0, 1, len(known))
    return np.column_stack([np.interp(shares, places, known[:, i]) for i in range(3)])


def tint(color: str, share: float) -> str:
    """A hex colour with `share` of white.

    >>> tint("#000000", 0.2)
    '#333333'
    """
    parts = [int(color[i : i + 2], 16) for i in (1, 3, 5)]
    return "#" + "".join(f"{round(part + share * (255 - part)):02x}" for part in parts)


def balanced(points: tuple, low: float, high: float) -> tuple[str, ...]:
    """The map for heights from `low` < 0 to `high` > 0 with its middle at zero."""
    reach = max(-low, high)
    return stops(points, low=0.5 + 0.5 * low / reach, high=0.5 + 0.5 * high / reach)


def signed_color(value: float, error: float = 0.0) -> str:
    """The colour of an eigenvalue by its sign; grey when the error leaves the sign open."""
    if abs(value) <= error:
        return OPEN_SIGN
    return NEGATIVE_SIGN if value < 0 else POSITIVE_SIGN


def _rgb(lab: np.ndarray) -> np.ndarray:
    """CIELAB (n, 3) to sRGB (n, 3) in 0..255, white point D65 (IEC 61966-2-1)."""
    fy = (lab[:, 0] + 16) / 116
    f = np.column_stack([fy + lab[:, 1] / 500, fy, fy - lab[:, 2] / 200])
    xyz = np.where(f > 6 / 29, f**3, 3 * (6 / 29) ** 2 * (f - 4 / 29)) * (0.95047, 1.0, 1.08883)
    to_linear = np.array(
        [[3.2404542, -1.5371385, -0.4985314], [-0.9692660, 1.8760108, 0.0415560], [0.0556434, -0.2040259, 1.0572252]]
    )
    linear = np.clip(xyz @ to_linear.T, 0, 1)
    srgb = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return np.rint(255 * srgb).astype(int)
