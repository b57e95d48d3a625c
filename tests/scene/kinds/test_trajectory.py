"""Pictures of training paths: what is drawn where, by value."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from landscape.errors import UsageError
from landscape.grid import Grid, Range
from landscape.render.still.picture import draw
from landscape.scene.build import build_scene
from landscape.scene.colors import PATH_COLORS
from landscape.scene.views.course import Course, frames_of
from landscape.surfaces.surface import DONE, PENDING, Surface, Trail

STEPS = np.arange(0.0, 110.0, 10.0)


def run(shift: float = 0.0, known: int = 11, clock: str = "step") -> Trail:
    """From (8, 3) to (0, 0); losses of the first `known` nets."""
    way = np.linspace(1, 0, 11)
    status = np.where(np.arange(11) < known, DONE, PENDING).astype(np.uint8)
    own = np.where(status == DONE, 0.1 + way**2, np.nan)
    return Trail(
        x=8 * way, y=3 * way**2 + shift, step=STEPS, residual=way / 2, status=status, clock=clock, nets=("ab" * 32,) * 11,
        metrics={"train_loss": own, "foot_train_loss": own * 1.5},
    )  # fmt: skip


@pytest.fixture
def surface():
    def make(**trails: Trail) -> Surface:
        grid = Grid.of(Range(-2, 10, 13), Range(-2, 5, 8), labels=("x: principal axis 1", "y: principal axis 2"))
        x, y = np.meshgrid(grid.axes[0].values, grid.axes[1].values)
        return Surface(grid, {"train_loss": 0.1 + (x / 8) ** 2 + (y / 9) ** 2}, trails=trails or {"mine": run()})

    return make


def course(surface: Surface, **options) -> Course:
    return build_scene(surface, kind="trajectory", **options).views[0]


def test_a_path_is_drawn_where_its_feet_are_with_steps_that_belong_to_their_places(surface):
    view = course(surface())
    (path,) = [trace for trace in view.flat.field.traces if trace.kind == "path"]
    np.testing.assert_array_equal(path.x, run().x)
    np.testing.assert_array_equal(path.y, run().y)
    assert path.labels[0] == "step 0" and path.labels[-1] == ""
    shown = {number: label for number, label in enumerate(path.labels) if label}
    assert (
        all(float(label.removeprefix("step ")) == STEPS[number] for number, label in shown.items()) and len(shown) >= 3
    )
    assert "train loss at its foot 1.65" in path.readings[0] and "0.5 off the plane" in path.readings[0]


def test_curves_are_the_losses_of_nets_and_feet_over_the_step_and_their_distance(surface):
    view = course(surface(mine=run(known=4)))
    own, foot = view.lines.curves
    np.testing.assert_array_equal(own.x, STEPS[:4])
    np.testing.assert_allclose(own.y, run().metrics["train_loss"][:4])
    np.testing.assert_allclose(foot.y, 1.5 * own.y)
    assert foot.dashed and not own.dashed and (own.label, foot.label) == ("net", "its foot on the plane")
    (strip,) = view.lines.strips
    np.testing.assert_allclose(strip.curves[0].y, run().residual)
    assert "losses of 4 of 11 nets" in view.notes
    assert view.along.x_range == (0.0, 100.0) and view.along.x_label == "training step"


def test_several_runs_have_colours_of_their_own_and_no_steps(surface):
    view = course(surface(a=run(), b=run(0.5, clock="epoch")))
    paths = [trace for trace in view.flat.field.traces if trace.kind == "path"]
    assert len({trace.color for trace in paths}) == 2 and not any(any(trace.labels) for trace in paths)
    named = [curve.label for curve in view.lines.named]
    assert named == ["a", "b"] and view.along.x_label == "training step or epoch"
    assert [curve.color for curve in view.lines.curves if curve.label] == [trace.color for trace in paths]


def test_paths_of_optimizers_beyond_the_colours_are_dashed_and_those_of_nets_never(surface):
    paths = {f"p{number}": run() for number in range(len(PATH_COLORS) + 2)}
    for nets, dashed in (((), 2), (run().nets, 0)):
        view = course(surface(**{name: replace(each, nets=nets) for name, each in paths.items()}))
        drawn = [trace.dashed for trace in view.flat.field.traces if trace.kind == "path"]
        assert drawn == [False] * len(PATH_COLORS) + [bool(dashed)] * 2
        assert [curve.dashed for curve in view.lines.curves if curve.label] == drawn


def test_names_of_nets_near_the_right_edge_stand_to_their_left(surface):
    nets = Trail(x=np.array([-1.0, 9.0]), y=np.array([0.0, 1.0]), labels=("one", "other"))
    (trace,) = (each for each in course(surface(mine=run(), nets=nets)).flat.field.traces if each.kind == "nets")
    np.testing.assert_array_equal(trace.sides, [[1, 1], [-1, 1]])


def test_what_lies_outside_of_the_picture_and_feet_without_a_loss_are_said(surface):
    far = run(4.0)
    far.metrics["foot_train_loss"][:2] = np.nan
    notes = " ".join(course(surface(mine=far)).notes)
    assert "11 of 11 nets" not in notes and "nets lie outside of the picture" in notes
    assert "at the feet of 2 nets the loss is not finite" in notes


def test_a_path_without_losses_yet_shows_its_distance(surface):
    view = course(surface(mine=run(known=0)))
    assert view.lines.left.label == "distance off the plane" and not view.lines.strips
    np.testing.assert_allclose(view.lines.curves[0].y, run().residual)


def test_numbers_of_contour_lines_keep_away_from_the_path(surface):
    field = course(surface()).flat.field
    span = np.array([12.0, 7.0])
    path = np.column_stack(
        [np.interp(np.linspace(0, 1, 400), np.linspace(0, 1, 11), axis) for axis in (run().x, run().y)]
    )
    apart = np.linalg.norm((field.label_points[:, None, :2] - path) / span, axis=2).min(axis=1)
    assert len(field.label_points) and apart.min() > 0.08


def test_a_surface_without_paths_is_refused_and_one_with_paths_shows_them(surface, make_surface):
    with pytest.raises(UsageError, match="has no training path; landscape trajectory RUN --over"):
        build_scene(make_surface(np.ones((3, 3))), kind="trajectory")
    from landscape.scene.kinds import default_kind

    assert default_kind(surface()).name == "trajectory"


def test_an_animation_has_a_frame_for_each_step_and_ends_with_the_whole_path(surface, tmp_path):
    scene = build_scene(surface(), kind="trajectory")
    np.testing.assert_array_equal(frames_of(scene.views[0]), STEPS)
    with Image.open(draw(scene, tmp_path / "path.gif", dpi=40)) as film:
        assert film.n_frames == len(STEPS)
        frames = []
        for number in (0, 3, 6, 10):
            film.seek(number)
            frames.append(np.asarray(film.convert("L"), dtype=float))
    changed = [int((np.abs(frame - frames[0]) > 30)[:, : frame.shape[1] // 2].sum()) for frame in frames]
    assert changed[0] == 0 and changed[1] < changed[2] < changed[3], f"the path grows: {changed}"
    with pytest.raises(UsageError, match="nothing moves in it"):
        draw(build_scene(surface(), kind="contour"), tmp_path / "contour.gif")
