"""A turn begins where it ends; surfaces after each other are drawn on one scale, and none is invented between them."""

import numpy as np
import pytest

from landscape.errors import UsageError
from landscape.scene.build import build_scene
from landscape.scene.compare import build_comparison
from landscape.scene.films import EACH, LAST, TURN_SECONDS, film_of


@pytest.mark.parametrize("kind", ["surface", "overlay3d"])
def test_a_turn_goes_around_once_in_equal_steps_and_begins_where_it_ends(make_surface, kind):
    more = {"test_loss": np.full((21, 25), 2.0)}
    scene = build_scene(make_surface(more=more), kind=kind)
    film = film_of(scene)
    angles = np.array([each.camera.azimuth for each in film.scenes])
    steps = np.diff([*angles, angles[0] + 360])  # the step over the end is as long as any other
    np.testing.assert_allclose(steps, 360 / len(angles))
    assert angles[0] == scene.camera.azimuth and {each.camera.elevation for each in film.scenes} == {
        scene.camera.elevation
    }
    assert all(each.camera.turns for each in film.scenes), "one size from all sides"
    assert len(set(film.seconds)) == 1 and sum(film.seconds) == pytest.approx(TURN_SECONDS)


def test_the_relief_is_the_same_from_all_sides(make_surface):
    film = film_of(build_scene(make_surface(), kind="surface"))
    meshes = [scene.views[0].field.mesh for scene in film.scenes]
    assert all(mesh.z is meshes[0].z for mesh in meshes)
    assert all(mesh.camera == scene.camera for mesh, scene in zip(meshes, film.scenes, strict=True))


def test_surfaces_after_each_other_have_one_scale_their_names_and_their_own_facts(make_surface):
    surfaces = [
        make_surface(np.full((4, 5), 1.0) * height * np.arange(1, 6), source=f"epoch_{number}.h5")
        for number, height in enumerate((9.0, 3.0, 1.0))
    ]
    comparison = build_comparison(surfaces, kind="contour")
    film = film_of(comparison)
    views = [scene.views[0] for scene in film.scenes]
    scales = [view.field.scale for view in views]
    assert (scales[0].low, scales[0].high) == (scales[2].low, scales[2].high)
    for surface, view, name in zip(surfaces, views, ("epoch_0.h5", "epoch_1.h5", "epoch_2.h5"), strict=True):
        np.testing.assert_array_equal(view.field.values, surface.values["train_loss"])
        assert view.caption.title == f"Train loss: {name}"
    shared = comparison.captions[0].facts
    own = [panel.views[0].caption.facts for panel in comparison.panels]
    assert [view.caption.facts for view in views] == [(*shared, *each) for each in own] and any(own)
    assert film.seconds == (EACH, EACH, LAST)


@pytest.mark.parametrize("kind", ["contour", "overlay"])
def test_what_cannot_move_is_refused(make_surface, kind):
    with pytest.raises(UsageError, match="nothing moves in it.*take .png"):
        film_of(build_scene(make_surface(more={"test_loss": np.ones((21, 25))}), kind=kind))
