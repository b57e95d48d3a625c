"""Which tensors lie in mapped files, and that giving their memory back changes no value."""

import ctypes
import os

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from landscape import pages
from landscape.errors import LandscapeError
from landscape.layout import Layout
from landscape.pages import Unchanged, give_back, give_back_freed, in_files
from landscape.stored import Stored


@pytest.fixture
def file(tmp_path):
    torch.manual_seed(0)
    save_file({"a": torch.randn(300_000), "b": torch.randn(7).bfloat16()}, tmp_path / "net.safetensors")
    return tmp_path / "net.safetensors"


def resident(path):
    """Bytes of a mapped file in the memory of this process; those of libraries come and go as they are called."""
    lines = iter(pages.MAPS.with_name("smaps").read_text().splitlines())
    of_file = (next(lines) for line in lines if line.rstrip().endswith(str(path)))
    found = [1024 * int(line.split()[1]) for _ in of_file for line in [next(x for x in lines if x.startswith("Rss:"))]]
    assert found, f"{path} is not mapped"
    return sum(found)


def test_tensors_of_a_file_are_known_from_others(file, tmp_path):
    torch.save({"c": torch.ones(50_000)}, tmp_path / "net.pt")
    mapped = {**load_file(file), **torch.load(tmp_path / "net.pt", mmap=True)}
    found = in_files({**mapped, "own": torch.ones(50_000), "apart": mapped["a"][::2], "none": torch.ones(0)})
    assert {name: each.path for name, each in found.items()} == {
        "a": str(file),
        "b": str(file),
        "c": str(tmp_path / "net.pt"),
    }


def test_memory_is_given_back_and_read_again(file):
    tensor = load_file(file)["a"]
    total = float(tensor.sum())
    assert resident(file) >= tensor.nbytes
    give_back(tensor, in_files({"a": tensor})["a"])
    assert resident(file) < tensor.nbytes / 2 and float(tensor.sum()) == total


def test_a_file_that_is_written_to_is_an_error_and_one_that_is_replaced_is_not(file):
    files = Unchanged([str(file)])
    replaced = file.with_name("new")
    replaced.write_bytes(b"other")
    files.check()
    replaced.replace(file)
    files.check()
    save_file({"a": torch.ones(5), "b": torch.ones(3)}, file)
    tensors = load_file(file)
    stored = Stored(Layout.of(Two(tensors)), tensors, of_file=True)
    with file.open("r+b") as stream:
        stream.truncate(10_000)
    with pytest.raises(LandscapeError, match="net.safetensors was written to while it was read from"):
        stored.copy_to(torch.zeros(stored.numel()))


def test_a_file_that_is_written_to_while_it_is_read_is_an_error(file, monkeypatch):
    tensors = load_file(file)
    stored = Stored(Layout.of(Two(tensors)), tensors, of_file=True)
    stored.read("a", 5, 10)
    places, write = stored.places, stored._write

    def written_to():
        yield from places()
        os.utime(file, ns=(1, 1))

    monkeypatch.setattr(stored, "places", written_to)
    with pytest.raises(LandscapeError, match="net.safetensors was written to while it was read from"):
        stored.copy_to(torch.zeros(stored.numel()))
    again = Stored(Layout.of(Two(tensors)), tensors, of_file=True)
    monkeypatch.setattr(again, "_write", lambda *place: (write(*place), os.utime(file, ns=(2, 2))))
    with pytest.raises(LandscapeError, match="was written to"):
        again.read("a", 5, 10)
    monkeypatch.setattr(again, "_write", lambda *place: pytest.fail("a page that is no longer there ends the process"))
    with pytest.raises(LandscapeError, match="was written to"):
        again.read("a", 5, 10)


def test_where_there_is_no_table_of_memory_nothing_is_given_back(file, monkeypatch):
    def no_library(name, **options):
        raise TypeError("LoadLibrary() argument 1 must be str, not None")  # as on Windows

    tensors = load_file(file)
    monkeypatch.setattr(pages, "MAPS", file.with_name("maps"))
    monkeypatch.setattr(ctypes, "CDLL", no_library)
    stored = Stored(Layout.of(Two(tensors)), tensors, of_file=True)
    assert in_files(tensors) == {} and torch.equal(stored.read("a", 0, 300_000), tensors["a"])
    give_back_freed()


class Two(torch.nn.Module):
    def __init__(self, tensors):
        super().__init__()
        self.a, self.b = (torch.nn.Parameter(tensors[name]) for name in "ab")


def test_a_stored_vector_is_that_of_the_layout(file):
    tensors = load_file(file)
    layout = Layout.of(Two(tensors))
    for dtype in (torch.float32, torch.float64):
        stored = Stored(layout, tensors, dtype=dtype, of_file=True)
        wanted = layout.flatten(tensors, dtype=dtype)
        assert stored.nbytes == 0 and torch.equal(stored.vector(), wanted)
        out = torch.zeros_like(wanted).fill_(3.0)
        stored.copy_to(out)
        assert all(torch.equal(view, layout.named(wanted)[name]) for name, view in layout.named(out).items())
        assert torch.equal(stored.read("a", 1000, 2000), wanted[1000:2000])


def test_memory_of_others_is_never_given_back(tmp_path):
    """A copy-on-write array of the caller's lies in a private mapping too, and holds what was written to it nowhere else."""
    np.zeros(50_000, dtype=np.float32).tofile(tmp_path / "raw")
    array = np.memmap(tmp_path / "raw", dtype=np.float32, mode="c")
    array[:] = 1.0
    tensors = {"a": torch.from_numpy(array), "b": torch.ones(3)}
    stored = Stored(Layout.of(Two(tensors)), tensors, dtype=torch.float32)
    assert in_files(tensors) and float(stored.vector().sum()) == 50_003 and float(array.sum()) == 50_000
