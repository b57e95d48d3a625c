"""Each renderer has one row for each final type of view, and asks for nothing but the type."""

import importlib
import re
from pathlib import Path

import pytest

from landscape import render
from landscape.errors import UsageError
from landscape.render.page.picture import DRAWERS
from landscape.render.still.picture import PAINTERS, figure_of
from landscape.scene import views
from landscape.scene.build import build_scene, build_scenes
from landscape.scene.compare import side_by_side
from landscape.scene.scene import Scene, View
from landscape.surfaces.surface import Surface


def final_types():
    for path in Path(views.__path__[0]).glob("*.py"):
        importlib.import_module(f"{views.__name__}.{path.stem}")
    return set(View.__subclasses__())


def test_both_renderers_have_a_row_for_each_type_of_view():
    assert final_types() == set(DRAWERS) == set(PAINTERS)


def test_types_of_views_are_final():
    assert [each for kind in final_types() for each in kind.__subclasses__()] == []


def test_no_renderer_knows_a_kind_by_name():
    for path in Path(render.__path__[0]).rglob("*.py"):
        assert not re.search(r"scene\.kinds|scene\.kind\b|kind_named", path.read_text(encoding="utf-8")), path


def test_a_scene_of_another_type_is_refused(surfaces):
    scene = build_scene(surfaces["line"], kind="line")
    mixed = Scene(scene.frame, (*scene.views, *build_scene(surfaces["bowl"], kind="contour").views))
    for kind in PAINTERS:
        with pytest.raises(TypeError, match="expected"):
            mixed.views_as(kind)


def test_views_without_panels_cannot_stand_side_by_side(surfaces):
    loss = surfaces["bowl"].values["train_loss"]
    both = Surface(surfaces["bowl"].grid, {"train_loss": loss, "test_loss": loss})
    scenes = build_scenes([both, both], kind="overlay")
    with pytest.raises(UsageError, match="cannot stand side by side"):
        figure_of(side_by_side(scenes, ("a", "b"), None))
