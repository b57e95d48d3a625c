"""Volumes for ParaView, read back by VTK itself: the same numbers and coordinates, and nothing where nothing was computed."""

import numpy as np
import pytest
from vtkmodules.util.numpy_support import vtk_to_numpy
from vtkmodules.vtkIOXML import vtkXMLRectilinearGridReader, vtkXMLUnstructuredGridReader

import landscape as ll
from landscape.errors import UsageError
from landscape.grid import Grid, Range
from landscape.surfaces.surface import Surface


def read(path):
    reader = (vtkXMLRectilinearGridReader if path.suffix == ".vtr" else vtkXMLUnstructuredGridReader)()
    reader.SetFileName(str(path))
    reader.Update()
    assert reader.GetErrorCode() == 0
    return reader.GetOutput()


@pytest.fixture
def volume():
    grid = Grid.of(Range(-1, 1, 4), Range(-0.5, 1, 3), Range(0, 0.7, 3))
    values = np.random.default_rng(0).normal(size=grid.shape)
    values[0, 0, 0] = np.nan
    return Surface(grid, {"train_loss": values, "test_loss": values + 1}, {"train_loss": np.abs(values)})


def arrays(data):
    return {data.GetArrayName(i): vtk_to_numpy(data.GetArray(i)) for i in range(data.GetNumberOfArrays())}


def test_a_grid_has_the_coordinates_and_every_number(volume, tmp_path):
    grid = read(ll.export(volume, tmp_path / "v.vtr"))
    for axis, stored in zip(volume.grid.axes, "XYZ", strict=True):
        np.testing.assert_array_equal(vtk_to_numpy(getattr(grid, f"Get{stored}Coordinates")()), axis.values)
    found = arrays(grid.GetPointData())
    for name, array in volume.values.items():
        np.testing.assert_array_equal(found[name].reshape(volume.shape), array)
    np.testing.assert_array_equal(found["train_loss_stderr"].reshape(volume.shape), volume.stderr["train_loss"])
    for number in (1, 5, 30):
        assert grid.GetPoint(number) == volume.grid.coordinates(number)
    assert [grid.IsCellVisible(number) for number in range(12)] == [0] + 11 * [1]
    np.testing.assert_array_equal(arrays(grid.GetCellData())["vtkGhostType"], [32] + 11 * [0])
    assert [grid.IsPointVisible(number) for number in (0, 1)] == [0, 1]


def test_cells_are_hexahedra_of_the_grid_without_those_at_holes(volume, tmp_path):
    found = read(ll.export(volume, tmp_path / "v.vtu", metric="test_loss"))
    assert found.GetNumberOfPoints() == 35 and found.GetNumberOfCells() == 11
    assert found.GetPointData().GetScalars().GetName() == "test_loss"
    values = arrays(found.GetPointData())
    for number in range(35):
        assert found.GetPoint(number) == volume.grid.coordinates(number + 1)
    np.testing.assert_array_equal(values["test_loss"], volume.values["test_loss"].ravel()[1:])
    sizes = [np.subtract(*np.array(found.GetCell(number).GetBounds()).reshape(3, 2).T[::-1]) for number in range(11)]
    np.testing.assert_allclose(sizes, np.tile([2 / 3, 0.75, 0.35], (11, 1)))
    assert all(found.GetCell(number).GetCellType() == 12 for number in range(11))
    x, y, z = np.diag([2 / 3, 0.75, 0.35])
    corners = np.array([0 * x, x, x + y, y, z, x + z, x + y + z, y + z])  # VTK's order
    for number in range(11):
        places = vtk_to_numpy(found.GetCell(number).GetPoints().GetData())
        np.testing.assert_allclose(places - places[0], corners, atol=1e-12)


def test_a_plane_is_no_volume(tmp_path):
    plane = Surface(Grid.of(Range(0, 1, 2), Range(0, 1, 2)), {"train_loss": np.zeros((2, 2))})
    for suffix in (".vtr", ".vtu"):
        with pytest.raises(UsageError, match="expected the three of a volume"):
            ll.export(plane, tmp_path / f"p{suffix}")
