"""The ratio of the extreme eigenvalues: that of Li et al. where there is negative curvature, 0 where there is none."""

import doctest

import numpy as np
import pytest

from landscape.errors import UsageError
from landscape.scene import hessian
from landscape.scene.bands import band_notes, band_of
from landscape.scene.build import build_scene
from landscape.scene.hessian import ratio, ratio_notes, with_ratio
from landscape.surfaces.bounds import error_of


def test_the_example_in_the_docstring():
    found = doctest.testmod(hessian)
    assert (found.attempted > 0, found.failed) == (True, 0)


@pytest.mark.parametrize(
    ("smallest", "largest", "expected"),
    [
        (-1.0, 4.0, 0.25),
        (-6.0, 4.0, 1.5),
        (1.0, 4.0, 0.0),
        (0.0, 4.0, 0.0),
        (0.0, 0.0, 0.0),
        (-6.0, -2.0, 3.0),
        (-2.0, 0.0, np.inf),
        (np.nan, 4.0, np.nan),
        (1.0, np.nan, np.nan),
        (-1.0, np.nan, np.nan),
    ],
)
def test_the_ratio(smallest, largest, expected):
    assert ratio(np.array([smallest]), np.array([largest])) == pytest.approx([expected], nan_ok=True)


def test_the_ratio_depends_on_no_factor_of_the_loss():
    rng = np.random.default_rng(0)
    smallest, largest = -rng.random(50), rng.random(50) - 0.2
    np.testing.assert_allclose(ratio(7 * smallest, 7 * largest), ratio(smallest, largest))


def test_it_is_there_iff_both_ends_are(make_surface):
    ends = {"hessian_max": np.full((3, 3), 4.0), "hessian_min": np.full((3, 3), -1.0)}
    both = with_ratio(make_surface(np.ones((3, 3)), more=ends))
    assert (both.values["hessian_ratio"] == 0.25).all()
    assert with_ratio(both) is both
    for end in ends:
        one = make_surface(np.ones((3, 3)), more={end: ends[end]})
        assert with_ratio(one) is one


def test_points_of_one_sign_are_counted():
    smallest, largest = np.array([-1.0, 0.0, 2.0, -3.0]), np.array([1.0, 1.0, 3.0, -2.0])
    assert ratio_notes(smallest, largest) == [
        "ratio 0 at 2 points without a negative eigenvalue",
        "1 point without a positive eigenvalue, ratio 1 or more",
    ]
    assert ratio_notes(smallest[:1], largest[:1]) == []


def test_errors_are_bounds_of_eigenvalues_and_else_standard_errors(make_surface):
    x = np.linspace(-1, 1, 5)
    more = {"hessian_max": 4 + x, "hessian_max_error": 0.1 + 0 * x, "hessian_negative": 0.2 + 0 * x, "hessian_min": -x}
    stderr = {"hessian_negative": 0.01 + 0 * x}
    surface = make_surface(1 + x**2, more=more, stderr=stderr)
    np.testing.assert_allclose(band_of(surface, "hessian_max"), (3.9 + x, 4.1 + x))
    np.testing.assert_allclose(band_of(surface, "hessian_negative"), (0.18 + 0 * x, 0.22 + 0 * x))
    assert error_of(surface, "hessian_min") is band_of(surface, "hessian_min") is None
    assert band_notes(surface, ["hessian_min"]) == []
    assert band_notes(surface, ["hessian_max"]) == ["bands: error bounds of the eigenvalues"]
    assert band_notes(surface, ["hessian_negative"]) == ["bands: two standard errors"]
    assert band_notes(surface, ["hessian_max", "hessian_negative"])[0].endswith("two standard errors of all else")


@pytest.mark.parametrize("kind", ["ratio", "heatmap", "contour", "surface"])
def test_without_curvature_the_command_is_named(make_surface, kind):
    surface = make_surface(source="runs/a.h5")
    with pytest.raises(UsageError, match="no hessian_max in runs/a.h5.*run `landscape hessian runs/a.h5`"):
        build_scene(surface, kind=kind, metric="hessian_max")
    with pytest.raises(UsageError, match="run `landscape hessian FILE`"):
        build_scene(make_surface(), kind="ratio")


def test_what_is_missing_of_it_is_named_too(make_curved):
    surface = make_curved(source="a.h5")
    with pytest.raises(UsageError, match="run `landscape hessian a.h5 --index 0.001 --overwrite`"):
        build_scene(surface, kind="ratio", metric="hessian_negative")
    with pytest.raises(UsageError, match="of curvature it has hessian_max, hessian_min.*choose one"):
        build_scene(surface, kind="contour", metric="hessian_trace")
