"""Names that a user gives belong to the panels, then to the nets in each of them."""

import numpy as np
import pytest

from landscape.errors import UsageError
from landscape.grid import Axis, Grid
from landscape.scene.build import build_scene, build_scenes
from landscape.scene.compare import build_comparison
from landscape.surfaces.surface import Surface, Trail
from tests.render import conftest
from tests.scene.kinds import test_connection, test_flatness

OLD, NEW = ("vgg9_small_digits", "vgg9_large_digits"), ("small batch", "large batch")


def between(low=-0.5, high=1.5):
    x = np.linspace(low, high, 9)
    axis = Axis("x", x, f"x: {OLD[0]} (0) to {OLD[1]} (1)")
    return Surface(Grid((axis,)), {"train_loss": 1 + x**2}, trails={"nets": Trail(np.array([0.0, 1.0]), labels=OLD)})


def plane(other=(*OLD, "third")):
    grid = Grid(tuple(Axis(name, np.linspace(-1, 2, 5), f"{name}: {other[0]} (0) to {end} (1)")
                      for name, end in zip("xy", other[1:], strict=True)))  # fmt: skip
    nets = Trail(np.array([0.0, 1.0, 0.0]), np.array([0.0, 0.0, 1.0]), labels=other)
    return Surface(grid, {"train_loss": np.add.outer(np.arange(5.0), np.arange(5.0))}, trails={"nets": nets})


def marks(scene):
    return tuple(name for _, name in scene.views[0].marks)


def test_the_ends_of_a_line_have_the_names_that_are_given():
    assert marks(build_scene(between(), kind="line")) == OLD
    assert marks(build_scene(between(), kind="line", names=NEW)) == NEW
    panels = build_comparison([between(), between()], kind="line", names=["one", "two", *NEW])
    assert panels.names == ("one", "two") and [marks(panel) for panel in panels.panels] == [NEW, NEW]
    kept = build_comparison([between(), between()], kind="line", names=["one", "two"])
    assert kept.names == ("one", "two") and marks(kept.panels[0]) == OLD


def test_names_that_stand_at_their_places_are_not_said_again_below():
    for names in ((), ("A", "B")):
        label = build_scene(between(), kind="line", names=names).frame.x_label
        assert label == "place on the line"
        outside = build_scene(between(0.5, 1.5), kind="line", names=names).frame.x_label
        assert outside == ("x: A (0) to B (1)" if names else "x: first net (0) to second net (1)")


def test_the_nets_of_a_plane_are_renamed_beside_their_marks_and_on_both_axes():
    scene = build_scene(plane(), kind="contour", names=["A", "B", "C"])
    (nets,) = (trace for trace in scene.views[0].field.traces if trace.kind == "nets")
    assert nets.labels == ("A", "B", "C")
    assert (scene.frame.x_label, scene.frame.y_label) == ("x: A (0) to B (1)", "y: A (0) to C (1)")


def test_nets_of_one_name_are_known_by_their_axes():
    frame = build_scene(plane(("base", "final", "final")), kind="contour", names=["A", "B", "C"]).frame
    assert (frame.x_label, frame.y_label) == ("x: A (0) to B (1)", "y: A (0) to C (1)")


def test_the_nets_of_paths_and_of_tables_are_renamed():
    paths = build_scene(test_connection.two_nets(), kind="connection", names=NEW)
    assert marks(paths) == NEW and paths.title == "paths between small batch and large batch"
    assert len(paths.views[0].curves) == 2
    names = [f"n{k}" for k in range(test_flatness.COUNT)]
    assert build_scene(test_flatness.made(), kind="flatness", names=names).views[0].names == tuple(names)


def test_another_number_of_names_is_refused():
    for build, error in (
        (
            lambda: build_scene(between(), kind="line", names=["a"]),
            r"1 name: expected one for each of the 2 nets.*small",
        ),
        (lambda: build_scene(conftest.bowl(), kind="contour", names=["a"]), "1 name: this picture names no nets"),
        (
            lambda: build_comparison([between()] * 2, kind="line", names=["a", "b", "c"]),
            "3 names for 2 surfaces: expected one each, or 4 with those of the 2 nets in each",
        ),
        (lambda: build_scenes([between()] * 2, kind="spread", names=["a"]), "1 name for 2 surfaces: expected one each"),
    ):
        with pytest.raises(UsageError, match=error):
            build()
