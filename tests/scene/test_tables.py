"""What hovering tells is what the surface holds, at the points of the grid that is seen."""

import numpy as np
import pytest

from landscape.scene.build import build_scene
from landscape.scene.tables import table_of


def fields_of(scene):
    return [view.field for view in scene.views]


def readings(table):
    return {reading.metric: reading for reading in table.readings}


def test_a_map_tells_ratio_ends_errors_and_loss_at_its_points(make_curved):
    surface = make_curved()
    scene = build_scene(surface, kind="ratio")
    (table,) = scene.tables
    told = readings(table)
    assert list(told) == ["hessian_ratio", "hessian_max", "hessian_min", "train_loss"]
    rows, columns = np.searchsorted(surface.y, table.y), np.searchsorted(surface.x, table.x)
    place = np.ix_(rows, columns)
    for name in ("hessian_max", "hessian_min", "train_loss"):
        np.testing.assert_array_equal(told[name].values, surface.values[name][place])
    np.testing.assert_array_equal(told["hessian_ratio"].values, scene.views[0].field.values)
    np.testing.assert_array_equal(told["hessian_max"].errors, surface.values["hessian_max_error"][place])
    assert (told["train_loss"].errors, told["hessian_ratio"].errors) == (None, None)


def test_standard_errors_of_curvature_are_told(make_curved):
    share = np.full((17, 21), 0.1)
    surface = make_curved(more={"hessian_negative": share}, stderr={"hessian_negative": share / 10})
    (table,) = build_scene(surface, kind="ratio").tables
    reading = readings(table)["hessian_negative"]
    assert (reading.percent, reading.errors.shape) == (True, (5, 5))
    assert reading.errors == pytest.approx(0.01)


def test_each_grid_has_a_table_and_each_field_finds_its_own(make_curved):
    scene = build_scene(make_curved(), kind="contour")
    assert [table.readings[0].values.shape for table in scene.tables] == [(17, 21), (5, 5)]
    for field in fields_of(scene):
        table = scene.tables[table_of(scene.tables, field)]
        np.testing.assert_array_equal(readings(table)[field.metric].values, field.values)


def test_on_the_whole_grid_curvature_is_told_where_it_is(make_curved):
    scene = build_scene(make_curved(), kind="contour")
    whole = readings(scene.tables[0])
    assert whole["hessian_max"].sparse and not whole["train_loss"].sparse
    assert np.isfinite(whole["hessian_max"].values).sum() == 25
    full = build_scene(make_curved(every=1), kind="contour")
    assert len(full.tables) == 1
    assert not any(reading.sparse for reading in full.tables[0].readings)


def test_holes_are_nan(make_surface):
    status = np.ones((21, 25), np.uint8)
    status[3, 4] = 2
    (table,) = build_scene(make_surface(status={"evaluation": status}), kind="contour").tables
    assert np.argwhere(np.isnan(table.readings[0].values)).tolist() == [[3, 4]]
