"""A picture says when its bumps are as small as its grid."""

import numpy as np
import pytest

from landscape.scene.build import build_scene
from landscape.scene.views.roughness import missed_by_half, roughness_notes


def waves(n, period):
    """A sine with so many points in a period, in both directions."""
    phase = 2 * np.pi * np.arange(n) / period
    return np.linspace(-1, 1, n), np.sin(phase)[None] + np.cos(phase + 0.3)[:, None]


@pytest.mark.parametrize(
    ("period", "rough"), [(3.1, True), (2.6, True), (4.0, False), (5.0, False), (16.0, False), (40.0, False)]
)
def test_waves_of_a_few_points_are_rough_and_long_ones_are_not(period, rough):
    x, heights = waves(41, period)
    assert bool(roughness_notes(x, x, heights)) == rough


def test_noise_is_rough_and_a_bowl_or_a_plane_is_not():
    x = np.linspace(-1, 1, 25)
    assert roughness_notes(x, x, np.random.default_rng(0).normal(size=(25, 25)))
    assert missed_by_half(x, x, x[None] + 2 * x[:, None]) < 1e-12
    assert not roughness_notes(x, x, np.hypot(x[None], x[:, None]))
    assert not roughness_notes(x, x, np.ones((25, 25)))


@pytest.mark.parametrize(("share", "rough"), [(0.1, True), (0.01, False)])
def test_a_bowl_is_rough_from_a_few_percent_of_noise(share, rough):
    x, noise = np.linspace(-1, 1, 25), np.random.default_rng(2).normal(size=(25, 25))
    assert bool(roughness_notes(x, x, x[None] ** 2 + x[:, None] ** 2 + share * noise)) == rough


def test_what_is_missed_is_the_error_at_the_points_left_out():
    """Alternating rows are invisible to every second row, which sees a plain of ones."""
    x = np.linspace(-1, 1, 21)
    heights = np.tile(np.where(np.arange(21) % 2, -1.0, 1.0)[:, None], (1, 21))
    left_out = 21 * 21 - 11 * 11
    assert missed_by_half(x, x, heights) == pytest.approx(np.sqrt(10 * 21 * 4 / left_out) / 2)


def test_the_note_stands_on_smooth_pictures_only(make_surface):
    noise = np.random.default_rng(1).normal(size=(25, 25))
    assert any("finer one needed" in note for note in build_scene(make_surface(noise), kind="surface").notes)
    assert not any("finer one" in note for note in build_scene(make_surface(noise), kind="heatmap").notes)
    assert not any("finer one" in note for note in build_scene(make_surface(), kind="contour").notes)


@pytest.mark.parametrize(("points", "said"), [(3, True), (7, True), (8, False)])
def test_a_very_coarse_grid_says_that_its_shape_is_a_guess(points, said):
    x = np.linspace(-1, 1, points)
    notes = roughness_notes(x, x, np.hypot(*np.meshgrid(x, x)))
    assert notes == ([f"{points} × {points} points: too few to know the shape between them"] if said else [])
