"""Everything in a field lies where the data lie."""

import numpy as np
import pytest

from landscape.scene.asides import SMOOTHED
from landscape.scene.build import build_scene
from landscape.scene.scene import Camera
from landscape.scene.views.field import cell_edges, worst_corner
from landscape.scene.views.flat import HATCHED
from landscape.scene.views.light import BRIGHTEST, DARKEST, light
from landscape.surfaces.surface import Surface, Trail


def hot(make_surface, row=3, column=9):
    values = np.ones((7, 11))
    values[row, column] = 5.0
    return make_surface(values, x=(-0.5, 1.5), y=(-1.0, 0.25))


def test_cells_of_a_uniform_grid_are_centred_on_their_values():
    values = np.linspace(-1, 1, 5)
    edges = cell_edges(values)
    np.testing.assert_allclose((edges[:-1] + edges[1:]) / 2, values)
    np.testing.assert_allclose(np.diff(edges), 0.5)
    assert (edges[0], edges[-1]) == (-1.25, 1.25)


def test_rows_are_y_and_columns_are_x(make_surface):
    field = build_scene(hot(make_surface), kind="heatmap").views[0].field
    row, column = np.argwhere(field.heights == np.nanmax(field.heights))[0]
    assert field.x_edges[column] < field.x[9] < field.x_edges[column + 1]
    assert field.y_edges[row] < field.y[3] < field.y_edges[row + 1]
    mesh = field.mesh
    peak = mesh.z > 0.99 * np.nanmax(mesh.z)
    x, y = np.meshgrid(mesh.x, mesh.y)
    assert x[peak].mean() == pytest.approx(field.x[9], abs=0.05)
    assert y[peak].mean() == pytest.approx(field.y[3], abs=0.05)


def test_frames_end_at_cell_edges_for_heat_maps_and_at_grid_values_else(make_surface):
    surface = hot(make_surface)
    assert build_scene(surface, kind="heatmap").frame.x_range == pytest.approx((-0.6, 1.6))
    assert build_scene(surface, kind="contour").frame.x_range == (-0.5, 1.5)
    assert build_scene(surface, kind="contour").frame.y_range == (-1.0, 0.25)


def test_equal_lengths_unless_one_side_would_be_a_thread(make_surface):
    assert build_scene(make_surface(), kind="contour").frame.equal
    assert not build_scene(make_surface(x=(-1, 1), y=(0, 40)), kind="contour").frame.equal


def test_heights_are_the_logarithm_of_the_values(make_surface):
    field = build_scene(make_surface(), kind="contour").views[0].field
    assert field.scale.kind == "log"
    np.testing.assert_allclose(field.heights, np.log10(field.values))


def test_levels_lie_inside_the_data_and_their_labels_say_their_values(make_surface):
    field = build_scene(make_surface(), kind="contour").views[0].field
    assert (np.diff(field.levels) > 0).all()
    assert field.values.min() < field.levels[0]
    assert field.levels[-1] < field.values.max()
    np.testing.assert_allclose([float(t) for t in field.level_ticks.labels], field.levels)
    np.testing.assert_allclose(10**field.level_ticks.heights, field.levels)


def test_inline_labels_stand_on_their_line_and_apart(make_surface):
    field = build_scene(make_surface(), kind="contour").views[0].field
    assert len(field.label_points) >= 4
    assert len(set(field.label_points[:, 2])) == len(field.label_points)
    for x, y, number in field.label_points:
        row = np.argmin(np.abs(field.mesh.y - y))
        height = np.interp(x, field.mesh.x, field.mesh.z[row])
        assert height == pytest.approx(field.level_ticks.heights[int(number)], abs=0.01)
    points = field.label_points[:, :2] / 2
    apart = np.linalg.norm(points[:, None] - points[None], axis=2)
    assert apart[~np.eye(len(points), dtype=bool)].min() > 0.1
    assert np.linalg.norm(points, axis=1).min() > 0.1, "the centre mark stays free"


def test_a_field_without_values_has_no_levels_and_no_colour_bar(make_surface):
    field = build_scene(make_surface(np.full((4, 5), np.nan)), kind="contour").views[0].field
    assert len(field.levels) == len(field.z_ticks.heights) == len(field.label_points) == 0


def test_a_constant_field_has_no_contour_lines(make_surface):
    field = build_scene(make_surface(np.full((4, 5), 2.3)), kind="contour").views[0].field
    assert len(field.levels) == 0
    assert field.scale.vmin < 2.3 < field.scale.vmax


def test_a_cell_is_missing_when_a_corner_is():
    holes = np.zeros((3, 4), int)
    holes[1, 1], holes[2, 3] = 1, 3
    assert worst_corner(holes).tolist() == [[1, 1, 0], [1, 1, 3]]


def test_notes_tell_that_points_between_were_interpolated_where_they_were(make_surface):
    assert SMOOTHED in build_scene(make_surface(), kind="surface").notes
    assert build_scene(make_surface(), kind="heatmap").notes == ()


def test_the_centre_is_marked_unless_a_net_stands_there(make_surface):
    surface = make_surface()
    (centre,) = build_scene(surface, kind="contour").views[0].field.traces
    assert (centre.kind, centre.x[0], centre.y[0]) == ("center", 0.0, 0.0)
    nets = Trail(np.array([0.0, 0.5]), np.array([0.0, -0.5]), labels=("A", "B"))
    surface = Surface(surface.grid, surface.values, trails={"nets": nets})
    (marked,) = build_scene(surface, kind="contour").views[0].field.traces
    assert (marked.kind, marked.labels) == ("nets", ("A", "B"))
    away = make_surface(x=(1, 2))
    assert build_scene(away, kind="contour").views[0].field.traces == ()


def test_trails_lie_on_the_relief(make_surface):
    surface = make_surface(lambda x, y: 5 + x + 2 * y)
    path = Trail(np.array([0.1, -0.3, 3.0]), np.array([0.2, 0.4, 0.0]))
    surface = Surface(surface.grid, surface.values, trails={"training": path})
    trace = build_scene(surface, kind="surface").views[0].field.traces[0]
    np.testing.assert_allclose(trace.z[:2], [5.5, 5.5], atol=1e-6)
    assert np.isnan(trace.z[2]), "outside the plane"


def test_light_is_the_same_on_a_plain_and_weaker_in_a_pit():
    axis = np.linspace(-1, 1, 80)
    flat = light(axis, axis, np.zeros((80, 80)), 0.0, 1.0, Camera())
    np.testing.assert_allclose(flat, 1.0, atol=1e-12)
    pit = 1 - np.exp(-30 * (axis[None] ** 2 + axis[:, None] ** 2))
    shade = light(axis, axis, pit, 0.0, 1.0, Camera())
    assert shade[40, 40] < 0.96 * shade[0, 0]
    assert shade.min() >= DARKEST and shade.max() <= BRIGHTEST


def test_what_is_clipped_runs_on_to_its_line_instead_of_a_plateau(make_surface):
    """Where the loss is r, a limit of 0.8 is the circle of this radius: no point of the mesh within it is bent."""
    clipped = build_scene(make_surface(np.hypot), kind="surface", vmax=0.8, scale="linear").views[0].field
    whole = build_scene(make_surface(np.hypot), kind="surface", scale="linear").views[0].field
    np.testing.assert_allclose(clipped.mesh.z, whole.mesh.z, atol=1e-9)
    flat = build_scene(make_surface(np.hypot), kind="filled", vmax=0.8, scale="linear")
    assert HATCHED in flat.notes and HATCHED not in build_scene(make_surface(np.hypot), kind="filled").notes


def test_hatching_is_named_where_there_is_some(make_surface):
    """On a log scale a map draws what is not positive at the low end of its range; cells hatch it."""
    surface = make_surface(lambda x, y: np.where(x + y < -1.9, 0.0, np.exp(4 * np.hypot(x, y))))
    flat, cells = (build_scene(surface, kind=kind, scale="log") for kind in ("contour", "heatmap"))
    assert not (flat.views[0].field.mesh.z < flat.views[0].field.scale.low).any()
    assert HATCHED not in flat.notes and HATCHED in cells.notes


def test_the_mesh_goes_beyond_the_range_by_its_height_at_most(make_surface):
    values = np.ones((9, 9))
    values[4, 4], values[2, 2] = 1e12, np.inf
    field = build_scene(make_surface(values + np.arange(9)), kind="surface", vmax=5.0, scale="linear").views[0].field
    assert np.nanmax(field.mesh.z) <= field.scale.high + (field.scale.high - field.scale.low)
    zeros = build_scene(make_surface(np.where(values > 1, 0.0, np.geomspace(1, 1e3, 9))), kind="surface", scale="log")
    assert np.isfinite(zeros.views[0].field.mesh.z).all()
