"""The colour maps read the same in grey, and lines show on white."""

import numpy as np
import pytest

from landscape.scene.colors import DEPTH, INK, RELIEF, balanced, stops


def luminance(colors):
    """Relative luminance (n,) of hex colours (WCAG 2)."""
    rgb = np.array([[int(c[i : i + 2], 16) for i in (1, 3, 5)] for c in colors]) / 255
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return linear @ (0.2126, 0.7152, 0.0722)


@pytest.mark.parametrize("points", [DEPTH, INK])
def test_sequential_maps_grow_steadily_lighter(points):
    lightness = 116 * np.cbrt(luminance(stops(points))) - 16
    steps = np.diff(lightness)
    assert steps.min() > 0
    assert steps.max() < 3 * steps.mean()


def test_lines_stand_out_from_white_paper():
    contrast = 1.05 / (luminance(stops(INK)) + 0.05)
    assert contrast.min() > 2


def test_the_middle_of_a_balanced_map_is_at_zero():
    colors = balanced(RELIEF, -1.0, 3.0)
    pale = np.argmax(luminance(colors))
    assert pale == pytest.approx(64 * 0.25, abs=1)
