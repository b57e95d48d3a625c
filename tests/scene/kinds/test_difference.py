"""Differences have a sign, a pale zero in the middle, and an error."""

import numpy as np
import pytest

from landscape.errors import UsageError
from landscape.grid import Grid, Range
from landscape.quantity import Quantity
from landscape.scene.build import build_scene, build_scenes
from landscape.scene.kinds.difference import WITHIN
from landscape.scene.palettes import DIVERGING, stops
from landscape.surfaces.surface import Surface


@pytest.fixture
def two(make_surface):
    first = make_surface(lambda x, y: 1 + x**2, source="a.h5", stderr={"train_loss": np.full((21, 25), 0.03)})
    second = make_surface(lambda x, y: 1 + x**2 + y, source="b.h5", stderr={"train_loss": np.full((21, 25), 0.04)})
    return first, second


def test_the_first_is_subtracted_from_the_second(two):
    (scene,) = build_scenes(two, kind="difference")
    field = scene.views[0].field
    np.testing.assert_allclose(field.values, np.tile(field.y[:, None], (1, 25)), atol=1e-12)
    assert "b.h5 minus a.h5; zero is pale" in scene.notes
    np.testing.assert_allclose(build_scenes(two[::-1], kind="difference")[0].views[0].field.values, -field.values)


def test_train_is_subtracted_from_test_in_one_file(make_surface):
    surface = make_surface(more={"test_loss": make_surface().values["train_loss"] + 0.25})
    scene = build_scene(surface, kind="difference")
    np.testing.assert_allclose(scene.views[0].field.values, 0.25)
    assert scene.views[0].field.label == "test loss − train loss"


def test_zero_is_the_pale_middle_and_levels_are_symmetric_and_regular(two):
    field = build_scenes(two, kind="difference", vmax=None)[0].views[0].field
    assert (field.scale.kind, field.scale.vmin) == ("linear", -field.scale.vmax)
    assert field.colors == stops(DIVERGING)
    np.testing.assert_array_equal(field.levels, -field.levels[::-1])
    np.testing.assert_allclose(np.diff(field.levels), np.diff(field.levels)[0])
    positive = build_scenes((two[0], two[0]), kind="difference", names=("p", "q"))[0].views[0].field
    assert positive.scale.vmin < 0 < positive.scale.vmax


def test_what_may_be_zero_within_its_error_is_marked(two):
    view = build_scenes(two, kind="difference")[0].views[0]
    np.testing.assert_allclose(view.margin, np.abs(view.field.values) - 2 * 0.05)
    assert WITHIN in view.notes
    bare = build_scenes([s.__class__(s.grid, s.values, source=s.source) for s in two], kind="difference")[0].views[0]
    assert bare.margin is None and WITHIN not in bare.notes


def test_a_point_without_an_error_is_counted(two):
    two[0].stderr["train_loss"][1, 2] = np.nan
    notes = build_scenes(two, kind="difference")[0].notes
    assert any(note.endswith("points have no error: never dotted") and note.startswith("1 of") for note in notes)


def test_holes_of_either_are_holes_for_their_reason(two):
    two[0].values["train_loss"][2, 3] = np.inf
    two[1].status["evaluation"] = np.ones((21, 25), np.uint8)
    two[1].status["evaluation"][5, 5] = 0
    field = build_scenes(two, kind="difference")[0].views[0].field
    assert (field.holes[2, 3], field.holes[5, 5], (field.holes > 0).sum()) == (1, 2, 2)


def test_what_cannot_be_subtracted_is_refused(two, make_surface):
    with pytest.raises(UsageError, match="needs the same points"):
        build_scenes([two[0], make_surface(nx=9)], kind="difference")
    with pytest.raises(UsageError, match="takes one or two surfaces, not 3"):
        build_scenes([*two, two[0]], kind="difference")
    with pytest.raises(UsageError, match="differences have both signs"):
        build_scenes(two, kind="difference", scale="log")
    with pytest.raises(UsageError, match="no test_loss"):
        build_scene(two[0], kind="difference")


def test_error_bounds_add_up_and_are_not_multiplied():
    """A bound holds for certain, unlike a standard error: the difference of two is off by at most their sum."""

    def bounded(values):
        row = Quantity("bent", "bent", error="bent_error")
        error = Quantity("bent_error", "error of bent", aside=True)
        grid = Grid.of(Range(-1, 1, 4), Range(-1, 1, 3))
        arrays = {"bent": values, "bent_error": np.full((3, 4), 0.1)}
        return Surface(grid, arrays, quantities={"bent": row, "bent_error": error})

    first, second = bounded(np.zeros((3, 4))), bounded(np.linspace(0.1, 0.3, 12).reshape(3, 4))
    view = build_scenes([first, second], kind="difference", metric="bent")[0].views[0]
    np.testing.assert_allclose(view.margin, np.linspace(0.1, 0.3, 12).reshape(3, 4) - 0.2)
    assert "dotted: within the error bounds of zero" in view.notes
