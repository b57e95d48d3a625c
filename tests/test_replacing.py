"""What can be made again never takes the place of what may have taken hours, whatever the names are."""

import shutil

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

import landscape as ll
from landscape.errors import LandscapeError
from landscape.replacing import check_replaced
from landscape.surfaces.hdf5 import write_surface_file
from tests.render import conftest


@pytest.fixture
def result(tmp_path):
    write_surface_file(conftest.bowl(), tmp_path / "a.h5")
    return tmp_path / "a.h5"


def writers(result):
    """By name: what writes to a path."""
    return {
        "picture": lambda path: ll.plot(result, out=path),
        "page": lambda path: ll.compare([result, result], names=["one", "two"], out=path),
        "table": lambda path: ll.basins(result, csv=path),
        "export": lambda path: ll.export(result, path, format="csv"),
        "layout": lambda path: ll.export(result, path, format="li2018"),
    }


@pytest.mark.parametrize("name", ["picture", "page", "table", "export", "layout"])
def test_a_result_is_never_replaced(result, tmp_path, name):
    """Neither the input, nor that of another run, nor through a link or under the name of a picture."""
    suffix = ".html" if name == "page" else ".png"
    other, link = tmp_path / f"other{suffix}", tmp_path / f"link{suffix}"
    shutil.copy(result, other)
    link.symlink_to(result)
    before = result.read_bytes()
    for path in (other, link):
        with pytest.raises(
            LandscapeError, match=r"output \S+:? (holds results \(HDF5\), which|is the file being exported)"
        ):
            writers(result)[name](path)
    assert result.read_bytes() == other.read_bytes() == before


def test_checkpoints_are_known_by_how_they_begin(tmp_path):
    paths = [tmp_path / name for name in ("zip.png", "old.csv", "safe.svg")]
    torch.save({"a": torch.zeros(2)}, paths[0])
    torch.save({"a": torch.zeros(2)}, paths[1], _use_new_zipfile_serialization=False)
    save_file({"a": torch.zeros(2)}, paths[2])
    for path in paths:
        with pytest.raises(LandscapeError, match="holds a checkpoint"):
            check_replaced(path)


def test_older_outputs_are_replaced(result, tmp_path):
    for name, path in (("picture", "p.png"), ("picture", "p.txt"), ("page", "p.html"), ("table", "p.csv")):
        for _ in range(2):
            writers(result)[name](tmp_path / path)
    for _ in range(2):
        ll.export(result, tmp_path / "p.npz")
    assert np.load(tmp_path / "p.npz")


def test_two_pictures_of_one_name_are_two_files(result, tmp_path):
    (tmp_path / "b").mkdir()
    shutil.copy(result, tmp_path / "b" / "a.h5")
    written = ll.plot([result, tmp_path / "b" / "a.h5"], out=tmp_path / "y.png")
    assert [path.name for path in written] == ["y_a.png", "y_a_2.png"]
    assert len(ll.plot(result, kind="contour,contour", out=tmp_path / "z.png")) == 1
