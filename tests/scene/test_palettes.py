"""Colour maps read the same in grey, lines show on white, and light changes neither hue nor more than some lightness."""

import numpy as np
import pytest

from landscape.errors import UsageError
from landscape.recipes.plot import COLOR_MAPS
from landscape.scene.build import build_scene
from landscape.scene.palettes import DIVERGING, PALETTES, balanced, colors_for, inks_for, lit, stops
from landscape.scene.scale import Scale
from landscape.scene.views.light import BRIGHTEST, DARKEST
from landscape.scene.views.tiles import tiles_of

SEQUENTIAL = sorted(set(PALETTES) - {"diverging"})
POSITIVE, SIGNED = Scale("log", 0.1, 100.0), Scale("linear", -1.0, 3.0)


def lab(rgb):
    """CIELAB (n, 3) of sRGB (n, 3) in 0..1, D65; by the formulas of IEC 61966-2-1 and CIE 15."""
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    to_xyz = [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
    t = linear @ np.array(to_xyz).T / (0.95047, 1.0, 1.08883)
    f = np.where(t > (6 / 29) ** 3, np.cbrt(t), t * (29 / 6) ** 2 / 3 + 4 / 29)
    return np.column_stack([116 * f[:, 1] - 16, 500 * (f[:, 0] - f[:, 1]), 200 * (f[:, 1] - f[:, 2])])


def of_hex(colors):
    return lab(np.array([[int(c[i : i + 2], 16) for i in (1, 3, 5)] for c in colors]) / 255)


@pytest.mark.parametrize("name", SEQUENTIAL)
def test_all_maps_but_the_diverging_one_grow_steadily_lighter(name):
    for colors in (colors_for(POSITIVE, name), inks_for(POSITIVE, name)):
        lightness = of_hex(colors)[:, 0]
        steps = np.diff(lightness)
        assert (lightness[4:] - lightness[:-4]).min() > 0.25 * 4 * steps.mean()
        assert steps.min() > -0.3, "eight bits round by a quarter"
        assert steps.max() < 3 * steps.mean()


@pytest.mark.parametrize("name", PALETTES)
@pytest.mark.parametrize("scale", [POSITIVE, SIGNED])
def test_lines_on_white_are_no_lighter_than_55_and_keep_their_hue(name, scale):
    inks, colors = of_hex(inks_for(scale, name)), of_hex(colors_for(scale, name))
    assert inks[:, 0].max() < 55.5
    strong = np.hypot(*inks[:, 1:].T) > 12
    turned = np.angle(np.exp(1j * (np.arctan2(*inks[:, :0:-1].T) - np.arctan2(*colors[:, :0:-1].T))))
    assert np.abs(np.rad2deg(turned[strong])).max(initial=0) < 12


def test_the_middle_of_a_balanced_map_is_at_zero():
    assert np.argmax(of_hex(balanced(DIVERGING, -1.0, 3.0))[:, 0]) == pytest.approx(64 * 0.25, abs=1)
    assert colors_for(SIGNED) == balanced(DIVERGING, -1.0, 3.0)
    assert colors_for(SIGNED, "grey") == stops(PALETTES["grey"]), "a map that was asked for"


@pytest.mark.parametrize("name", ["depth", "diverging", "viridis"])
def test_light_keeps_the_hue_and_scales_the_lightness(name):
    colors = stops(PALETTES[name])
    shares, shade = (each.ravel() for each in np.meshgrid(np.linspace(0, 1, 65), np.linspace(0.64, 1.08, 12)))
    base, seen = np.tile(of_hex(colors), (12, 1)), lab(lit(colors, shares, shade))
    dimmed = (shade <= 1) & (seen[:, 0] > 9)
    np.testing.assert_allclose(seen[dimmed, 0] + 16, (shade * (base[:, 0] + 16))[dimmed], atol=0.4)
    assert (seen[:, 0] >= base[:, 0] - 0.01)[shade > 1].all()
    colored = (np.hypot(*base[:, 1:].T) > 5) & (seen[:, 0] > 10)
    turned = np.angle(np.exp(1j * (np.arctan2(*seen[:, :0:-1].T) - np.arctan2(*base[:, :0:-1].T))))
    assert np.abs(np.rad2deg(turned[colored])).max() < 3


def test_the_tiles_of_a_relief_are_colours_of_the_bar(make_surface):
    field = build_scene(make_surface(), kind="surface").views[0].field
    tiles, colors = tiles_of(field.mesh, field.scale, field.colors)
    shares = (tiles[..., 2].mean(axis=1) - field.scale.low) / (field.scale.high - field.scale.low)
    bar, seen = lab(lit(field.colors, shares, np.ones(len(shares)))), lab(colors)
    turned = np.angle(np.exp(1j * (np.arctan2(*seen[:, :0:-1].T) - np.arctan2(*bar[:, :0:-1].T))))
    assert np.abs(np.rad2deg(turned)).max() < 4
    ratio = (seen[:, 0] + 16) / (bar[:, 0] + 16)
    assert DARKEST - 0.01 < ratio.min() < 0.9 and 1 < ratio.max() < BRIGHTEST + 0.01


def test_the_names_are_those_of_the_option_and_others_are_refused(make_surface):
    assert set(COLOR_MAPS) == set(PALETTES)
    with pytest.raises(UsageError, match="cmap 'jet': expected one of depth"):
        build_scene(make_surface(), kind="contour", cmap="jet")
    field = build_scene(make_surface(), kind="contour", cmap="magma").views[0].field
    assert field.colors == stops(PALETTES["magma"])
    with pytest.raises(UsageError, match="cmap does not apply to kind 'line'"):
        build_scene(make_surface(np.arange(1.0, 9.0)), kind="line", cmap="grey")


def test_a_loss_below_zero_has_the_colours_of_a_loss(make_surface):
    """Zero means nothing to it; to an eigenvalue it does."""
    loss, curvature = (
        build_scene(make_surface(lambda x, y: x**2 + y**2 - 0.5, metric=metric), kind="contour").views[0].field
        for metric in ("train_loss", "hessian_min")
    )
    assert loss.scale.vmin < 0 < loss.scale.vmax
    assert loss.colors == colors_for(POSITIVE) and loss.line_colors == inks_for(POSITIVE)
    assert curvature.colors == colors_for(curvature.scale) != loss.colors
