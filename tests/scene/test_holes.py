"""What is not drawn is counted, by its reason."""

import numpy as np

from landscape.scene.holes import hole_notes, holes_of


def test_non_finite_values_are_holes_and_counted(make_surface):
    values = np.ones((25, 25))
    values[0, 0], values[1, 1], values[2, 2] = np.inf, -np.inf, np.nan
    values[3, 3] = 2.0
    surface = make_surface(values)
    assert holes_of(surface, "train_loss").sum() == 3
    assert hole_notes(surface, "train_loss") == ["3 of 625 points not finite (2 inf or beyond 1e38, 1 nan)"]


def test_status_counts_and_wins_over_the_value(make_surface):
    values, status = np.arange(12.0).reshape(3, 4), np.ones((3, 4), np.uint8)
    values[2] = np.nan
    status[2], status[0, 0], status[1, 1:3] = 0, 2, 3
    surface = make_surface(values, status={"evaluation": status})
    holes = holes_of(surface, "train_loss")
    assert (holes[2] == 2).all()
    assert holes[0, 0] == 3
    assert (holes[1] == 0).all()
    assert hole_notes(surface, "train_loss") == [
        "4 of 12 points not computed",
        "1 of 12 points failed",
        "2 of 12 points interpolated",
    ]


def test_a_pending_point_is_a_hole_even_if_its_value_is_finite(make_surface):
    surface = make_surface(np.ones((2, 3)), status={"evaluation": np.array([[1, 1, 0], [1, 1, 1]], np.uint8)})
    assert holes_of(surface, "train_loss").tolist() == [[0, 0, 2], [0, 0, 0]]


def test_a_metric_has_the_status_of_its_own_group(make_surface):
    status = {"evaluation": np.ones((2, 2), np.uint8), "hessian": np.array([[1, 0], [0, 0]], np.uint8)}
    surface = make_surface(np.arange(4.0).reshape(2, 2), more={"hessian_max": np.ones((2, 2))}, status=status)
    assert holes_of(surface, "train_loss").sum() == 0
    assert hole_notes(surface, "hessian_max")[0] == "3 of 4 points not computed"


def test_all_metrics_of_a_path_have_the_status_of_its_one_group(make_surface):
    values = np.array([1.0, 2.0, np.nan])
    surface = make_surface(values, more={"hessian_max": values}, status={"hessian": np.array([1, 1, 0], np.uint8)})
    for metric in ("train_loss", "hessian_max"):
        assert holes_of(surface, metric).tolist() == [0, 0, 2]
    several = {"other": np.ones(3, np.uint8), "hessian": np.array([1, 1, 0], np.uint8)}
    assert holes_of(make_surface(values, status=several), "train_loss").tolist() == [0, 0, 1]


def test_complete_surfaces_have_nothing_to_tell(make_surface):
    assert hole_notes(make_surface(), "train_loss") == []


def test_equal_and_missing_values_are_told(make_surface):
    assert hole_notes(make_surface(np.full((3, 3), 2.3)), "train_loss") == ["all values are equal"]
    assert "nothing to draw" in hole_notes(make_surface(np.full((3, 3), np.nan)), "train_loss")
