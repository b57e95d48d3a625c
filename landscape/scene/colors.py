"""The colours of lines, marks and signs, and the way from CIELAB to the screen.

Owns: single colours, by what they stand for, and their conversion. Colour maps are in palettes.py.
"""

from __future__ import annotations

import numpy as np

# Letters and lines on a light ground.
INK = "#1a1a1a"
# Okabe and Ito's blue and vermilion, darkened for thin lines: distinguished with every common colour blindness.
LOSS_COLOR, ACCURACY_COLOR, OTHER_COLOR = "#0b5fa5", "#c4500f", "#7a4a9e"
# The smallest eigenvalue: their bluish green, darkened alike. How many are negative: a brown, so that a legend tells them apart.
NEGATIVE_COLOR, SHARE_COLOR = "#00795c", "#8a6a00"
# Of metrics that lie over each other: the same two, which stand for nothing else there.
OVERLAY_COLORS = (LOSS_COLOR, ACCURACY_COLOR)
# Paths over a plane, by run: ink first, then those of Okabe and Ito, darkened alike.
PATH_COLORS = (INK, ACCURACY_COLOR, LOSS_COLOR, NEGATIVE_COLOR, OTHER_COLOR, SHARE_COLOR, "#a3325f", "#4d4d4d")
# The learning rate below the curves: neither loss nor accuracy.
RATE_COLOR = "#3d3d3d"
# Signs of eigenvalues: the two colours that are distinguished with every common colour blindness; grey for a sign that the
# error leaves open.
NEGATIVE_SIGN, POSITIVE_SIGN, OPEN_SIGN = LOSS_COLOR, ACCURACY_COLOR, "#6b6b6b"
# Lines over cells, and their rim: over colours from dark to light, and over those that are pale in the middle.
OVER_DARK, OVER_PALE = ("#ffffff", "#101018"), ("#101018", "#ffffff")


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


def signed_color(value: float, error: float = 0.0) -> str:
    """The colour of an eigenvalue by its sign; grey when the error leaves the sign open."""
    if abs(value) <= error:
        return OPEN_SIGN
    return NEGATIVE_SIGN if value < 0 else POSITIVE_SIGN


def rgb_of(color: str) -> tuple[float, float, float]:
    """The parts of a hex colour, 0..1."""
    red, green, blue = (int(color[i : i + 2], 16) / 255 for i in (1, 3, 5))
    return red, green, blue


def hex_of(lab: np.ndarray) -> tuple[str, ...]:
    """CIELAB (n, 3) to n hex colours; what a screen cannot show is brought to its nearest parts."""
    linear = np.clip(linear_of(lab), 0, 1)
    srgb = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return tuple("#" + "".join(f"{c:02x}" for c in row) for row in np.rint(255 * srgb).astype(int))


def linear_of(lab: np.ndarray) -> np.ndarray:
    """CIELAB (n, 3) to linear RGB (n, 3), within 0..1 for what a screen can show; white point D65 (IEC 61966-2-1)."""
    fy = (lab[:, 0] + 16) / 116
    f = np.column_stack([fy + lab[:, 1] / 500, fy, fy - lab[:, 2] / 200])
    xyz = np.where(f > 6 / 29, f**3, 3 * (6 / 29) ** 2 * (f - 4 / 29)) * (0.95047, 1.0, 1.08883)
    to_linear = np.array(
        [[3.2404542, -1.5371385, -0.4985314], [-0.9692660, 1.8760108, 0.0415560], [0.0556434, -0.2040259, 1.0572252]]
    )
    return np.asarray(xyz @ to_linear.T)
