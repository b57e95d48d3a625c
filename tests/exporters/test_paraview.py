"""Files for ParaView, read back by VTK itself: the same numbers bit for bit, and nothing where nothing was computed."""

import json

import numpy as np
import pytest
from vtkmodules.util.numpy_support import vtk_to_numpy
from vtkmodules.vtkIOXML import vtkXMLPolyDataReader, vtkXMLStructuredGridReader

import landscape as ll
from landscape.scene.build import build_scene


def read(path):
    reader = (vtkXMLStructuredGridReader if path.suffix == ".vts" else vtkXMLPolyDataReader)()
    reader.SetFileName(str(path))
    reader.Update()
    assert reader.GetErrorCode() == 0
    return reader.GetOutput()


def arrays(data):
    return {data.GetArrayName(i): vtk_to_numpy(data.GetArray(i)) for i in range(data.GetNumberOfArrays())}


def text(data, name):
    return data.GetFieldData().GetAbstractArray(name).GetValue(0)


def points(data):
    return vtk_to_numpy(data.GetPoints().GetData())


def test_a_grid_holds_every_number_and_hides_holes(surface, tmp_path):
    grid = read(ll.export(surface, tmp_path / "s.vts"))
    found = arrays(grid.GetPointData())
    assert grid.GetExtent() == (0, 4, 0, 3, 0, 0) and grid.GetPointData().GetScalars().GetName() == "train_loss"
    for name, array in surface.values.items():
        np.testing.assert_array_equal(found[name].reshape(4, 5), array)
        assert found[name].dtype == np.float64
    np.testing.assert_array_equal(found["train_loss_stderr"].reshape(4, 5), surface.stderr["train_loss"])
    np.testing.assert_array_equal(found["status_evaluation"].reshape(4, 5), surface.status["evaluation"])
    hole = ~np.isfinite(surface.values["train_loss"])
    visible = np.array([grid.IsPointVisible(number) for number in range(20)]).reshape(4, 5)
    np.testing.assert_array_equal(visible, ~hole)
    cells = np.array([grid.IsCellVisible(number) for number in range(12)], dtype=bool).reshape(3, 4)
    corners = hole[:-1, :-1] | hole[:-1, 1:] | hole[1:, :-1] | hole[1:, 1:]
    np.testing.assert_array_equal(cells, ~corners)
    np.testing.assert_array_equal(arrays(grid.GetCellData())["vtkGhostType"].reshape(3, 4) != 0, corners)
    assert np.isnan(found["height"].reshape(4, 5)[hole]).all()


def test_heights_and_texts(surface, tmp_path):
    grid = read(ll.export(surface, tmp_path / "s.vts", scale="log", vmax=1.0))
    place, found = points(grid), arrays(grid.GetPointData())
    x, y = np.meshgrid(surface.x, surface.y)
    np.testing.assert_array_equal(place[:, :2], np.column_stack([x.ravel(), y.ravel()]))
    known = np.isfinite(found["height"])
    expected = np.log10(np.minimum(surface.values["train_loss"], 1)).ravel()
    np.testing.assert_allclose(found["height"][known], expected[known])
    how = json.loads(text(grid, "z"))
    z = (found["height"] - how["height at z = 0"]) * how["z of one unit of height"]
    np.testing.assert_allclose(place[known, 2], z[known], atol=1e-12)
    assert how["metric"] == "train_loss" and how["scale"] == {
        "kind": "log",
        "vmin": 0.01 * np.exp(-3),
        "vmax": 1,
        "unit": 1,
    }
    assert json.loads(text(grid, "axes")) == {"x": "größe <x>", "y": "y direction"}
    assert json.loads(text(grid, "provenance")) == surface.provenance
    assert "values above 1 clipped" in text(grid, "notes") and "1 of 20 points not computed" in text(grid, "notes")


def test_another_metric_is_what_is_high(surface, tmp_path):
    grid = read(ll.export(surface, tmp_path / "s.vts", metric="accuracy"))
    assert grid.GetPointData().GetScalars().GetName() == "train_accuracy"
    found = arrays(grid.GetPointData())
    assert np.isnan(found["height"]).sum() == 1 and np.isinf(found["train_loss"]).sum() == 1


def test_polygons_are_the_cells_without_holes(surface, tmp_path):
    data = read(ll.export(surface, tmp_path / "s.vtp"))
    place, found, part = points(data), arrays(data.GetPointData()), arrays(data.GetCellData())["part"]
    corners = vtk_to_numpy(data.GetPolys().GetConnectivityArray()).reshape(-1, 4)
    assert len(corners) == 12 - 4 - 1
    used = np.unique(corners)
    for number in used:  # each point stands where the grid has it, with its numbers
        column, row = round(2 * (place[number, 0] + 1)), round(place[number, 1])
        assert found["train_loss"][number] == surface.values["train_loss"][row, column]
    assert np.isfinite(found["height"][used]).all()
    a, b, c, _ = place[corners].transpose(1, 0, 2)
    assert (np.cross(b - a, c - a)[:, 2] > 0).all()
    assert (part[-len(corners) :] == 0).all()


def test_paths_are_lines_on_the_cells_and_nets_are_points(surface, tmp_path):
    data = read(ll.export(surface, tmp_path / "s.vtp"))
    place, found, part = points(data), arrays(data.GetPointData()), arrays(data.GetCellData())["part"]
    assert text(data, "parts").splitlines() == ["relief", "runs/a & b", "nets"]
    assert data.GetNumberOfVerts() == 2 and data.GetNumberOfLines() == 2  # the path leaves the plane between
    assert part[:4].tolist() == [2, 2, 1, 1]
    line = vtk_to_numpy(data.GetLines().GetConnectivityArray())
    trail = surface.trails["runs/a & b"]
    np.testing.assert_array_equal(place[line, 0], trail.x[[0, 1, 3, 4]])
    np.testing.assert_array_equal(found["trail:step"][line], [0, 1, 3, 4])
    np.testing.assert_array_equal(found["trail:train_loss"][line], [0.5, 1.5, 3.5, 4.5])
    assert np.isnan(found["train_loss"][line]).all() and np.isfinite(found["train_loss"]).any()
    view = build_scene(surface, kind="surface").views[0].field
    factor = json.loads(text(data, "z"))["z of one unit of height"]
    at_corner = (view.heights[2, 0] - view.scale.low) * factor
    middle = (view.heights[2:4, :2].mean() - view.scale.low) * factor  # half way between four points
    np.testing.assert_allclose(place[line[:2], 2], [at_corner, middle])


@pytest.mark.parametrize("size", [1e-38, 1e38])
def test_numbers_of_any_size(surface, tmp_path, size):
    surface.values["train_loss"] *= size
    for suffix in (".vts", ".vtp"):
        data = read(ll.export(surface, tmp_path / f"s{suffix}"))
        assert np.isfinite(points(data)).all() and np.ptp(points(data)[:, 2]) > 0.1


def test_two_arrays_of_one_name_are_refused(surface, tmp_path):
    surface.values["train_loss_stderr"] = surface.values["train_loss"]
    with pytest.raises(ll.UsageError, match="two arrays would be called 'train_loss_stderr'"):
        ll.export(surface, tmp_path / "s.vts")
    assert not list(tmp_path.iterdir())
