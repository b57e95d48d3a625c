"""Files that are damaged or something else: one line that says which, and never half a surface."""

import h5py
import numpy as np
import pytest

from landscape.errors import SurfaceFileError
from landscape.surfaces import load_surface
from landscape.surfaces.file import SurfaceFile


def refused(path, message):
    before = path.read_bytes() if path.is_file() else None
    with pytest.raises(SurfaceFileError, match=message) as raised:
        load_surface(path)
    assert "\n" not in str(raised.value) and str(path) in str(raised.value)
    assert before is None or path.read_bytes() == before


@pytest.fixture
def path(grid, provenance, tmp_path):
    with SurfaceFile.create(tmp_path / "s.h5", grid, provenance) as file:
        for index in range(grid.size):
            file.record(index, {"train_loss": 1.0, "stderr/train_loss": 0.1})
    return tmp_path / "s.h5"


def test_missing(tmp_path):
    refused(tmp_path / "no.h5", "surface file .*: no such file")


def test_a_folder(tmp_path):
    refused(tmp_path, "is a folder, expected a regular file")


def test_truncated_anywhere(path):
    whole = path.read_bytes()
    for keep in [0, 1, 100, *np.linspace(200, len(whole) - 1, 30).astype(int)]:
        path.write_bytes(whole[:keep])
        refused(path, "truncated or damaged|is not HDF5, or its beginning is lost")


def test_not_hdf5(tmp_path):
    (tmp_path / "s.h5").write_text("train_loss 1.0")
    refused(tmp_path / "s.h5", "is not HDF5, or its beginning is lost; expected a file that landscape surface, line")
    (tmp_path / "net.pt").write_text("weights")
    refused(tmp_path / "net.pt", r"is not HDF5, but seems to be a checkpoint \(landscape surface net.pt computes")


def test_hdf5_of_another_kind(tmp_path):
    with h5py.File(tmp_path / "s.h5", "w") as file:
        file["weights"], file["bias"] = np.ones(3), 1.0
    refused(tmp_path / "s.h5", r"is HDF5, but not a surface .* \(it holds bias, weights\)")
    with h5py.File(tmp_path / "s.h5", "w"):
        pass
    refused(tmp_path / "s.h5", r"\(it holds nothing\)")


def test_a_version_of_the_future(path):
    with h5py.File(path, "r+") as file:
        file.attrs["version"] = 2
    refused(path, "is of version 2; update landscape")


@pytest.mark.parametrize("lost", ["axes", "axes/x", "values", "stderr", "status"])
def test_parts_that_are_missing(lost, path):
    with h5py.File(path, "r+") as file:
        del file[lost]
    refused(path, rf"truncated or damaged \(no '{lost}' in it|its axes are called y")


@pytest.mark.parametrize("lost", ["provenance", "version"])
def test_attributes_that_are_missing(lost, path):
    with h5py.File(path, "r+") as file:
        del file.attrs[lost]
    refused(path, f"truncated or damaged .it has no attribute '{lost}'")


@pytest.mark.parametrize("text", ["not json", "[1]", "3"])
def test_provenance_that_is_none(text, path):
    with h5py.File(path, "r+") as file:
        file.attrs["provenance"] = text
    refused(path, "truncated or damaged")


@pytest.mark.parametrize("name", ["values/train_loss", "stderr/train_loss", "status/evaluation"])
def test_arrays_of_another_shape(name, path):
    with h5py.File(path, "r+") as file:
        del file[name]
        file[name] = np.zeros((4, 3))
    refused(path, rf"{name} has shape \(4, 3\), expected \(3, 4\)")
