"""Numbers of contour lines stand clear of each other and of what lies on the plane."""

import numpy as np
import pytest

from landscape.grid import Grid, Range
from landscape.scene.build import build_scene
from landscape.scene.views.labels import APART, along
from landscape.surfaces.surface import DONE, Surface, Trail

SPAN = np.array([4.0, 2.0])


def winding(phase):
    """A path with few nets far apart, half of it outside of the plane."""
    way = np.linspace(-1.5, 1.5, 7)
    x, y = 2 * way, 0.8 * np.sin(3 * way + phase)
    losses = {"train_loss": np.full(7, 1.0)}
    return Trail(x, y, step=np.arange(7) * 10, status=np.full(7, DONE, np.uint8), metrics=losses)


def surface(count):
    grid = Grid.of(Range(-2, 2, 21), Range(-1, 1, 21))
    x, y = np.meshgrid(grid.axes[0].values, grid.axes[1].values)
    return Surface(
        grid,
        {"train_loss": 0.01 * np.exp(3 * (x / 2) ** 2 + 3 * y**2)},
        trails={f"run {n}": winding(n) for n in range(count)},
    )


@pytest.mark.parametrize("kind", ["contour", "trajectory"])
@pytest.mark.parametrize("count", [1, 2, 3])
def test_no_number_of_a_line_lies_under_a_path(kind, count):
    view = build_scene(surface(count), kind=kind).views[0]
    field = view.field if kind == "contour" else view.flat.field
    labels = np.concatenate([field.label_points, field.extra_points])[:, :2] / SPAN
    shares = np.linspace(0, 1, 200)
    path = np.concatenate([np.column_stack([np.interp(shares * 6, np.arange(7), each) for each in (trail.x, trail.y)])
                           for trail in surface(count).trails.values()]) / SPAN  # fmt: skip
    assert len(labels) >= 2
    apart = np.linalg.norm(labels[:, None] - path[None], axis=2).min(axis=1)
    assert apart.min() > 0.95 * APART


def test_a_path_is_filled_with_points_however_far_its_nets_are_apart():
    path = np.array([[0.0, 0.0], [4.0, 0.0], [4.0, 2.0]])
    found = along(path, SPAN) / SPAN
    steps = np.linalg.norm(np.diff(found, axis=0), axis=1)
    assert steps.max() < 0.5 * APART and found[0].tolist() == [0, 0] and found[-1].tolist() == [1, 1]
    assert len(along(np.array([[1.0, np.nan], [1.0, 1.0]]), SPAN)) == 1


def test_where_a_path_is_interrupted_nothing_is_filled_in():
    points = np.array([[0.0, 0.0], [0.1, 0.0], [np.nan, np.nan], [0.9, 0.0], [1.0, 0.0]])
    found = along(points, np.ones(2))
    assert not ((found[:, 0] > 0.11) & (found[:, 0] < 0.89)).any() and {0.0, 0.1, 0.9, 1.0} <= set(found[:, 0])
    assert along(points[2:3], np.ones(2)).shape == (0, 2)
