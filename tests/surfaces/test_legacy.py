"""Files of the original program: its quirks are undone on reading and put back on writing."""

import math
import os

import h5py
import numpy as np
import pytest

from landscape.errors import SurfaceFileError
from landscape.grid import Grid, parse_range
from landscape.surfaces import load_surface
from landscape.surfaces.legacy import is_legacy, read_legacy, write_legacy
from landscape.surfaces.surface import DONE, FAILED, PENDING, Surface


def original(path, nx, ny, loss, accuracy=None, done=None):
    """Written as plot_surface.py does: arrays declared (nx, ny), filled at ravelled positions of a meshgrid."""
    x, y = np.linspace(-1, 1, nx), np.linspace(0, 2, ny)
    losses, accuracies = -np.ones((nx, ny)), -np.ones((nx, ny))
    xs, ys = np.meshgrid(x, y)
    for index in range(nx * ny) if done is None else done:
        losses.ravel()[index] = loss(xs.ravel()[index], ys.ravel()[index])
        accuracies.ravel()[index] = 100 * (accuracy or loss)(xs.ravel()[index], ys.ravel()[index])
    with h5py.File(path, "w") as file:
        file["xcoordinates"], file["ycoordinates"] = x, y
        file["train_loss"], file["train_acc"] = losses, accuracies
        file["dir_file"] = "net_weights_xignore=biasbn.h5"
    return x, y


@pytest.mark.parametrize(("nx", "ny"), [(4, 4), (5, 3), (2, 7)])
def test_values_belong_to_their_coordinates(nx, ny, tmp_path):
    x, y = original(tmp_path / "s.h5", nx, ny, lambda x, y: 10 * x + y)
    found = load_surface(tmp_path / "s.h5")
    assert found.shape == (ny, nx) and found.values["train_loss"].shape == (ny, nx)
    for iy in range(ny):
        for ix in range(nx):
            assert found.values["train_loss"][iy, ix] == 10 * x[ix] + y[iy]
            assert found.values["train_accuracy"][iy, ix] == pytest.approx(10 * x[ix] + y[iy], rel=1e-14)


def test_minus_one_means_not_computed(tmp_path):
    done = [0, 3, 4, 11]
    original(tmp_path / "s.h5", 4, 3, lambda x, y: 0.5, done=done)
    found = load_surface(tmp_path / "s.h5")
    status = found.status["evaluation"].ravel()
    assert np.flatnonzero(status == DONE).tolist() == done and (status == PENDING).sum() == 8
    for array in found.values.values():
        assert np.isnan(array.ravel()[status == PENDING]).all() and (array.ravel()[done] == 0.5).all()


def test_zero_is_a_loss(tmp_path):
    original(tmp_path / "s.h5", 4, 3, lambda x, y: 0.0)
    assert load_surface(tmp_path / "s.h5").counts()["done"] == 12


def test_eigenvalues_of_minus_one_are_values(tmp_path):
    original(tmp_path / "s.h5", 2, 2, lambda x, y: 0.5)
    with h5py.File(tmp_path / "s.h5", "r+") as file:
        file["min_eig"] = [[-1.0, -2.0], [0.0, 1.0]]
    assert load_surface(tmp_path / "s.h5").values["hessian_min"].tolist() == [[-1.0, -2.0], [0.0, 1.0]]


def test_one_dimension(tmp_path):
    with h5py.File(tmp_path / "s.h5", "w") as file:
        file["xcoordinates"], file["train_loss"] = np.linspace(-1, 1, 5), [1.0, 0.5, 0.25, -1.0, 1.5]
    found = load_surface(tmp_path / "s.h5")
    assert found.shape == (5,) and found.counts()["pending"] == 1 and found.values["train_loss"][4] == 1.5


def test_a_surface_of_the_original(original):
    path = original.folder / "surface.h5"
    assert is_legacy(path)
    found = load_surface(path)
    with h5py.File(path, "r") as file:
        x, y = file["xcoordinates"][()], file["ycoordinates"][()]
        losses, accuracies = file["train_loss"][()].ravel(), file["train_acc"][()].ravel()
    assert np.array_equal(found.x, x) and np.array_equal(found.y, y)
    assert found.shape == (len(y), len(x)) and found.counts()["done"] == len(x) * len(y)
    assert np.array_equal(found.values["train_loss"].ravel(), losses)
    assert np.allclose(100 * found.values["train_accuracy"].ravel(), accuracies, rtol=1e-14)
    assert found.at_origin("train_loss") == losses[len(losses) // 2]
    assert found.provenance["directions"]["file"]


def surface(nx, ny):
    grid = Grid.of(parse_range((-1, 1, nx)), *([parse_range((0, 2, ny))] if ny else []))
    generator = np.random.default_rng(0)
    status = np.ones(grid.shape, np.uint8)
    status.flat[:3] = (PENDING, FAILED, DONE)
    values = {
        name: generator.random(grid.shape) for name in ("train_loss", "train_accuracy", "test_loss", "hessian_max")
    }
    for array in values.values():
        array.flat[:2] = math.nan
    values["train_loss"].flat[2] = math.inf
    values["train_loss"].flat[3] = math.nan
    return Surface(grid, values, status={"evaluation": status}, provenance={"directions": {"file": "d.h5"}})


@pytest.mark.parametrize(("nx", "ny"), [(4, 4), (5, 3), (3, 5), (6, None)])
def test_round_trip(nx, ny, tmp_path):
    written = surface(nx, ny)
    write_legacy(written, tmp_path / "s.h5")
    found = load_surface(tmp_path / "s.h5")
    assert found.grid.same_as(written.grid) and found.values.keys() == written.values.keys()
    for name, array in written.values.items():
        kept = found.values[name].ravel()[2:]
        assert np.allclose(kept, array.ravel()[2:], rtol=1e-14, equal_nan=True), name
    # NaN and inf were computed; what failed was not
    assert found.status["evaluation"].ravel().tolist()[:4] == [PENDING, PENDING, DONE, DONE]
    assert found.provenance["directions"]["file"] == "d.h5"
    assert os.listdir(tmp_path) == ["s.h5"]


@pytest.mark.parametrize(("nx", "ny"), [(4, 4), (5, 3)])
def test_written_as_the_original_reads(nx, ny, tmp_path):
    """It takes the position of a value in the ravelled array for that of the ravelled meshgrid."""
    written = surface(nx, ny)
    write_legacy(written, tmp_path / "s.h5")
    with h5py.File(tmp_path / "s.h5", "r") as file:
        assert file["train_loss"].shape == (nx, ny)
        xs, ys = (mesh.ravel() for mesh in np.meshgrid(file["xcoordinates"][()], file["ycoordinates"][()]))
        losses, accuracies = file["train_loss"][()].ravel(), file["train_acc"][()].ravel()
    for index in range(2, nx * ny):
        iy, ix = np.flatnonzero(written.y == ys[index])[0], np.flatnonzero(written.x == xs[index])[0]
        wanted = written.values["train_loss"][iy, ix]
        assert losses[index] == wanted or math.isnan(losses[index]) and math.isnan(wanted)
        assert accuracies[index] == pytest.approx(100 * written.values["train_accuracy"][iy, ix], rel=1e-14)
    assert losses[:2].tolist() == [-1.0, -1.0]


def test_no_status_means_all_done(tmp_path):
    write_legacy(Surface(Grid.of(parse_range("0:1:3")), {"train_loss": np.array([0.0, 2.0, 1.0])}), tmp_path / "s.h5")
    assert load_surface(tmp_path / "s.h5").values["train_loss"].tolist() == [0.0, 2.0, 1.0]


def test_damaged_files(tmp_path):
    path = tmp_path / "s.h5"
    original(path, 4, 3, lambda x, y: 0.5)
    whole = path.read_bytes()
    for keep in np.linspace(100, len(whole) - 1, 30).astype(int):
        path.write_bytes(whole[:keep])
        with pytest.raises(SurfaceFileError, match="truncated") as raised:
            load_surface(path)
        assert "\n" not in str(raised.value)
    path.write_bytes(whole)
    with h5py.File(path, "r+") as file:
        del file["ycoordinates"]
    with pytest.raises(SurfaceFileError, match="train_loss has 12 values for 4 points"):
        read_legacy(path)
    with h5py.File(path, "r+") as file:
        del file["train_loss"], file["train_acc"]
        file["train_loss"] = [b"a"] * 4
    with pytest.raises(SurfaceFileError, match="truncated or damaged"):
        read_legacy(path)
