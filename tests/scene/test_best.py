"""The best point of a plane is that of its computed values, and of panels of one plane that of their mean too."""

from dataclasses import replace

import numpy as np
import pytest

from landscape.errors import UsageError
from landscape.scene.best import best_of, with_best
from landscape.scene.build import build_scene
from landscape.scene.compare import build_comparison
from landscape.surfaces.surface import NETS, Trail

OPEN = {"checkpoint": {"sha256": "one"}, "directions": {"fingerprint": "axes"}}
RANGES = {"x": (-0.5, 1.5), "y": (-0.5, 1.5)}
PLANE = {**RANGES, "nx": 41, "ny": 21}


@pytest.fixture
def tasks(make_surface):
    """Two bowls over one plane of nets, whose mean is lowest half way between them, and on the grid."""
    nets = Trail(np.array([0.0, 1.0, 0.0]), np.array([0.0, 0.0, 1.0]), labels=("base", "a", "b"))
    made = {**PLANE, "provenance": OPEN, "trails": {NETS: nets}}
    low = make_surface(lambda x, y: 0.1 + (x - 1.2) ** 2 + (y - 0.1) ** 2, **made)
    high = make_surface(lambda x, y: 0.3 + (x - 0.2) ** 2 + (y - 1.1) ** 2, **made)
    return low, high


def marks_of(scene, view=0):
    return [trace for trace in scene.views[view].field.traces if trace.kind.startswith("best")]


def test_each_panel_has_its_own_lowest_point_and_that_of_the_mean(tasks):
    comparison = build_comparison(tasks, kind="contour", best=True, names=["a", "b"])
    assert "lowest mean of the 2 panels: 0.7 at (0.7, 0.6)" in comparison.captions[0].facts
    expected = [("0.1 at (1.2, 0.1)", (1.2, 0.1), 0.6), ("0.3 at (0.2, 1.1)", (0.2, 1.1), 0.8)]
    for panel, (own, place, there) in zip(comparison.panels, expected, strict=True):
        best, mean = marks_of(panel)
        assert (best.kind, mean.kind) == ("best", "best mean") and (best.labels, mean.labels) == (
            ("lowest",),
            ("lowest mean",),
        )
        np.testing.assert_allclose([[best.x[0], best.y[0]], [mean.x[0], mean.y[0]]], [place, (0.7, 0.6)], atol=1e-12)
        assert f"lowest train loss: {own}" in panel.notes
        assert f"train loss at the lowest mean: {there}" in panel.notes


def test_nothing_is_marked_unless_asked(tasks):
    for panel in build_comparison(tasks, kind="contour", names=["a", "b"]).panels:
        assert not marks_of(panel) and not any("lowest" in note for note in panel.notes)


def test_planes_of_other_nets_or_points_have_no_mean(tasks, make_surface):
    low, high = tasks
    other = make_surface(
        high.values["train_loss"], x=(-0.5, 1.5), y=(-0.5, 1.5), provenance={"checkpoint": {"sha256": "two"}}
    )
    moved = make_surface(high.values["train_loss"], x=(-0.5, 1.6), y=(-0.5, 1.5), provenance=OPEN)
    for second in (other, moved):
        assert [len(marks) for marks in best_of([low, second], "train_loss")] == [1, 1]


@pytest.mark.parametrize(
    "facts",
    [
        ({}, {}),
        ({"checkpoint": {"sha256": "one"}}, {"checkpoint": {"sha256": "one"}}),
        tuple({**OPEN, "slice": {"kind": "circle", "radius": radius}} for radius in (1.0, 9.0)),
        tuple({"checkpoint": {"sha256": "one"}, "input": {"seed": seed}} for seed in (1, 2)),
    ],
    ids=["nothing known", "axes unknown", "two circles", "two planes of inputs"],
)
def test_a_mean_needs_planes_that_are_known_to_be_one(tasks, make_surface, facts):
    made = [
        make_surface(task.values["train_loss"], **RANGES, provenance=each)
        for task, each in zip(tasks, facts, strict=True)
    ]
    assert [len(marks) for marks in best_of(made, "train_loss")] == [1, 1]


def test_panels_of_one_shape_have_a_mean(tasks, make_surface):
    facts = {**OPEN, "slice": {"kind": "circle", "radius": 1.0}}
    made = [make_surface(task.values["train_loss"], **RANGES, provenance=facts) for task in tasks]
    assert [len(marks) for marks in best_of(made, "train_loss")] == [2, 2]


@pytest.mark.parametrize("metric", ["test_f1", "hessian_negative", "hessian_max"])
def test_a_metric_without_a_better_direction_is_refused(make_surface, metric):
    surface = make_surface(np.arange(9.0).reshape(3, 3), metric=metric)
    with pytest.raises(
        UsageError, match=f"best: no value of {metric} is known to be better than another; choose a loss"
    ):
        build_scene(surface, kind="contour", best=True, metric=metric)


def test_another_metric_of_a_page_without_a_better_direction_has_no_mark(make_surface):
    surface = make_surface(np.arange(9.0).reshape(3, 3) + 1, more={"test_f1": np.eye(3)})
    scene = build_scene(surface, kind="contour", best=True)
    found = {view.field.metric: len(marks_of(scene, number)) for number, view in enumerate(scene.views)}
    assert found == {"train_loss": 1, "test_f1": 0}


def test_one_point_has_one_mark(tasks):
    (marks, _) = best_of([tasks[0], tasks[0]], "train_loss")
    assert [mark.name for mark in marks] == ["lowest, also of the mean"] and len(marks[0].words) == 2


def test_a_share_is_best_where_it_is_highest_and_ties_and_edges_are_counted(make_surface):
    values = np.full((3, 4), 0.5)
    values[0, 2] = values[2, 2] = 0.75
    ((mark,),) = best_of([make_surface(values, metric="test_accuracy", x=(0, 3), y=(0, 2))], "test_accuracy")
    assert (mark.x, mark.y) == (2.0, 0.0)
    assert mark.words == ("highest test accuracy: 75 % at (2, 0), one of 2 such points, on the edge of the plane",)


def test_only_what_was_computed_counts(make_surface):
    values = np.arange(9.0).reshape(3, 3) + 1
    values[0, 1] = -np.inf
    status = np.ones((3, 3), dtype=np.uint8)
    status[0, 0] = 3  # interpolated
    surface = make_surface(values, status={"evaluation": status}, x=(0, 2), y=(0, 2))
    ((mark,),) = best_of([surface], "train_loss")
    assert (mark.x, mark.y) == (2.0, 0.0)
    assert best_of([make_surface(np.full((3, 3), np.nan))], "train_loss") == [()]


def test_each_metric_of_a_page_has_its_own_mark(make_surface):
    surface = make_surface(
        lambda x, y: 1 + (x - 0.5) ** 2 + y**2, more={"test_loss": np.linspace(2, 1, 25)[None].repeat(21, 0)}
    )
    scene = build_scene(surface, kind="surface", best=True)
    places = {view.field.metric: marks_of(scene, number)[0].x[0] for number, view in enumerate(scene.views)}
    assert places == {"train_loss": 0.5, "test_loss": 1.0}


def test_names_keep_within_the_picture_and_off_marks_and_other_names(tasks):
    for panel in build_comparison(tasks, kind="contour", best=True, names=["a", "b"]).panels:
        field = panel.views[0].field
        span = np.array([2.0, 2.0])
        ends, points = [], []
        for trace in field.traces:
            at = np.column_stack([trace.x, trace.y])
            points.append(at)
            ends += list(zip(at, at + np.array([0.2, 0.08]) * span * trace.sides, strict=True))
        points = np.concatenate(points)
        for start, end in ends:
            assert (np.abs(end - 0.5) <= 1.0).all()
            low, high = np.minimum(start, end), np.maximum(start, end)
            covered = ((points > low) & (points < high)).all(axis=1)
            assert not covered.any(), (start, end)


def test_no_number_of_a_line_stands_below_a_name(tasks):
    (view, *_), (marks, _) = build_scene(tasks[0], kind="contour").views, best_of(tasks, "train_loss")
    own = next(trace for trace in with_best(view.field, marks).traces if trace.kind == "best")
    below = np.array([own.x[0], own.y[0]]) + 0.1 * own.sides[0] * (2.0, 0.8)  # of a picture that is 2 wide and 2 high
    numbers = np.array([[*below, 0.0], [0.5, -0.25, 1.0]])
    found = with_best(replace(view.field, label_points=numbers, extra_points=numbers), marks)
    np.testing.assert_array_equal(found.label_points, numbers[1:])
    np.testing.assert_array_equal(found.extra_points, numbers[1:])


def test_a_kind_without_a_plane_is_refused(tasks):
    with pytest.raises(UsageError, match="kind 'barcode' cannot; choose contour, filled, heatmap or surface"):
        build_scene(tasks[0], kind="barcode", best=True)
