"""HDF5 files made to bring in what is not theirs, or to fill the memory, are refused in one line before anything is read."""

import json
import os
import subprocess
import sys
import tracemalloc
from pathlib import Path

import h5py
import numpy as np
import pytest

from landscape import global_heaps, plain_hdf5
from landscape.direction.contents import contents
from landscape.errors import LandscapeError, SurfaceFileError
from landscape.grid import Grid, parse_range
from landscape.surfaces import load_surface
from landscape.surfaces.hdf5 import write_surface_file
from landscape.surfaces.legacy import write_legacy
from landscape.surfaces.spectrum import Block, Spectrum, load_spectrum, write_spectrum
from landscape.surfaces.surface import Surface

SECRET = np.arange(12.0)


@pytest.fixture
def files(tmp_path, monkeypatch):
    """Good files of three kinds, and secrets of others beside them."""
    monkeypatch.chdir(tmp_path)
    grid = Grid.of(parse_range("-1:1:4"), parse_range("0:1:3"))
    surface = Surface(grid, {"train_loss": np.ones((3, 4))}, status={"evaluation": np.ones((3, 4), np.uint8)})
    write_surface_file(surface, Path("s.h5"))
    write_legacy(surface, "li.h5")
    block = Block("all", 12, np.ones(12), np.zeros(12), np.ones((1, 12)), np.ones((1, 12)) / 12)
    write_spectrum(Spectrum({"all": block}, {}), "p.h5")
    SECRET.tofile("secret")
    with h5py.File("secret.h5", "w") as file:
        file["numbers"] = SECRET.reshape(3, 4)
        file["row"] = SECRET


READERS = {"s.h5": load_surface, "li.h5": load_surface, "p.h5": load_spectrum}
ARRAYS = {"s.h5": "values/train_loss", "li.h5": "train_loss", "p.h5": "blocks/0/values"}


def external(file, name, shape):
    file.create_dataset(name, shape, "f8", external=[("secret", 0, 96)])


def virtual(file, name, shape):
    layout = h5py.VirtualLayout(shape, "f8")
    layout[...] = h5py.VirtualSource("secret.h5", "numbers" if len(shape) > 1 else "row", shape)
    file.create_virtual_dataset(name, layout)


def link_outside(file, name, shape):
    file[name] = h5py.ExternalLink("secret.h5", "/numbers" if len(shape) > 1 else "/row")


def link_inside(file, name, shape):
    file["elsewhere"] = np.ones(shape)
    file[name] = h5py.SoftLink("/elsewhere")


@pytest.mark.parametrize("lay", [external, virtual, link_outside, link_inside], ids=lambda lay: lay.__name__)
@pytest.mark.parametrize("name", READERS)
def test_nothing_but_the_file_itself_is_read(name, lay, files):
    with h5py.File(name, "r+") as file:
        shape = file[ARRAYS[name]].shape
        del file[ARRAYS[name]]
        lay(file, ARRAYS[name], shape)
    with pytest.raises(SurfaceFileError, match="in another file|is a link to another place") as raised:
        READERS[name](name)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("name", READERS)
def test_a_declared_size_is_compared_with_the_file_before_anything_is_read(name, files):
    with h5py.File(name, "r+") as file:
        for each in [ARRAYS[name]] + (["axes/x"] if name == "s.h5" else ["xcoordinates"] if name == "li.h5" else []):
            del file[each]
            file.create_dataset(each, (10**9,), "f8", chunks=(10**6,), compression="gzip")
    tracemalloc.start()
    with pytest.raises(SurfaceFileError, match="declares more than a file of its size can hold|has 1000000000 values"):
        READERS[name](name)
    assert tracemalloc.get_traced_memory()[1] < 5e6
    tracemalloc.stop()


def test_many_small_arrays_are_counted_together(files):
    with h5py.File("s.h5", "r+") as file:
        for axis in "xy":
            label = dict(file[f"axes/{axis}"].attrs)
            del file[f"axes/{axis}"]
            file[f"axes/{axis}"] = np.arange(1500.0)
            file[f"axes/{axis}"].attrs.update(label)
        for folder in ("values", "status"):
            del file[folder]
            for number in range(20):  # 18 MB each, all zeros
                file.create_dataset(f"{folder}/m{number}", (1500, 1500), "f8", compression="gzip", fillvalue=0)
    with pytest.raises(SurfaceFileError, match="declares more than a file of its size can hold"):
        load_surface("s.h5")


@pytest.mark.parametrize("name", [*READERS, "d.h5"])
def test_only_regular_files_are_opened(name, files):
    read = READERS.get(name, contents)
    Path(name).unlink(missing_ok=True)
    os.mkfifo(name)
    with pytest.raises(LandscapeError, match="is a pipe, expected a regular file"):
        read(name)
    with pytest.raises(LandscapeError, match="is a device, expected a regular file"):
        read("/dev/zero")


def test_groups_that_hold_each_other_end(files, monkeypatch):
    monkeypatch.setattr(plain_hdf5, "GROUPS", 50)
    with h5py.File("d.h5", "w") as file:
        group = file.create_group("x")
        for number in range(30):
            group[f"g{number}"] = group
    with pytest.raises(LandscapeError, match="holds more than 50 groups"):
        contents("d.h5")


DEEP = "[" * 5000 + "]" * 5000
ODD = {
    "provenance": [DEEP, '{"a": ' * 60 + "1" + "}" * 60, "[1]", "", np.zeros(3), 3, b"\xff\xfe", h5py.Empty("f")],
    "version": ["two", np.zeros(2), float("nan"), 9, "1"],
    "format": [np.zeros(3), 3, b"\xff", ""],
}


@pytest.mark.parametrize("name", ["s.h5", "p.h5"])
@pytest.mark.parametrize("key", ODD)
def test_attributes_of_another_kind_are_named(name, key, files):
    good = Path(name).read_bytes()
    for value in ODD[key]:
        with h5py.File(name, "r+") as file:
            file.attrs[key] = value
        with pytest.raises(SurfaceFileError) as raised:
            READERS[name](name)
        assert str(raised.value).startswith(("surface file", "spectrum file")) and "\n" not in str(raised.value)
        Path(name).write_bytes(good)


def test_numbers_of_a_provenance_are_bounded(files):
    with h5py.File("s.h5", "r+") as file:
        file.attrs["provenance"] = json.dumps({"directions": {"seed": 10**40}})
    assert load_surface("s.h5").known.directions.seed is None  # a float is not a seed


def heap_object(content: bytes) -> int:
    """Where the first object of the first global heap of a file begins."""
    return content.index(b"GCOL") + 16


@pytest.mark.parametrize("name", [*READERS, "d.h5"])
@pytest.mark.parametrize(("index", "length"), [(0, 0), (1, 2**64 - 16)], ids=["no length", "length back to itself"])
def test_a_heap_of_texts_without_an_end_is_refused_not_followed(name, index, length, files):
    """The HDF5 library stays in such a heap for ever: in a process of its own, so that this test fails and does not hang."""
    for each in ("li.h5", "d.h5"):
        with h5py.File(each, "a") as file:
            file.attrs["format"] = "some text of variable length"
    content = bytearray(Path(name).read_bytes())
    place = heap_object(bytes(content))
    content[place : place + 16] = index.to_bytes(2, "little") + b"\1\0\0\0\0\0" + length.to_bytes(8, "little")
    Path(name).write_bytes(content)
    code = f"from landscape.plain_hdf5 import plain_hdf5 as p\nwith p({name!r}, 'file', ValueError, '') as f: f.text('format')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert "a heap of its texts is damaged and has no end" in done.stderr


def test_a_heap_is_found_wherever_it_lies_and_a_good_one_is_read(files, monkeypatch):
    with h5py.File("far.h5", "w") as file:
        file["numbers"] = np.frombuffer(b"GCOL\1" * 8000, np.uint8)
        file.attrs["text"] = "x" * 5000
    content = Path("far.h5").read_bytes()
    place = content.rindex(b"GCOL\1\0")
    for piece in (place + 1, place + 4, 1 << 20):
        monkeypatch.setattr(global_heaps, "PIECE", piece)
        Path("bad.h5").write_bytes(content[: place + 16] + bytes(16) + content[place + 32 :])
        assert global_heaps.endless_heap("bad.h5") and not global_heaps.endless_heap("far.h5")
        global_heaps._endless.cache_clear()
