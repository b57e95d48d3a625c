"""A spectrum in the making is kept as a surface is: at the same pace, rescued when the disk is full, and continued."""

from __future__ import annotations

import shutil
import tempfile
import types
from dataclasses import replace

import numpy as np
import pytest

from landscape.errors import SurfaceFileError
from landscape.surfaces import keeper
from landscape.surfaces.spectrum import Spectrum, load_spectrum
from landscape.surfaces.spectrum_file import SpectrumFile

MADE = {"spectrum": {"index": 0.001, "matrix": "hessian"}, "loss": "mse"}
BLOCKS = {"all parameters": 12, "first": 4}


def merge(spectrum: Spectrum, task: int, result) -> Spectrum:
    name = list(spectrum.blocks)[task]
    return replace(spectrum, blocks={**spectrum.blocks, name: replace(spectrum.blocks[name], trace=result["trace"])})


def test_a_file_is_there_at_once_and_goes_on_where_it_was(tmp_path):
    path = tmp_path / "s.h5"
    file = SpectrumFile.create_or_open(path, BLOCKS, MADE, merge)
    assert {name: block.dimension for name, block in load_spectrum(path).blocks.items()} == BLOCKS
    file.record(1, {"trace": 2.5})
    file.save()
    found = SpectrumFile.create_or_open(path, BLOCKS, MADE, merge).content
    assert found.blocks["first"].trace == 2.5 and np.isnan(found.whole.trace)
    again = SpectrumFile.create_or_open(path, BLOCKS, MADE, merge, overwrite=True).content
    assert np.isnan(again.blocks["first"].trace)


def test_another_spectrum_is_refused_with_the_difference(tmp_path):
    SpectrumFile.create_or_open(tmp_path / "s.h5", BLOCKS, MADE, merge)
    with pytest.raises(SurfaceFileError, match="holds another spectrum: loss is mse in the file, mae now"):
        SpectrumFile.create_or_open(tmp_path / "s.h5", BLOCKS, {**MADE, "loss": "mae"}, merge)


def test_fast_tasks_do_not_wear_the_disk(tmp_path, monkeypatch):
    clock, written = [0.0], []
    monkeypatch.setattr(keeper, "time", types.SimpleNamespace(monotonic=lambda: clock[0]))
    file = SpectrumFile.create_or_open(tmp_path / "s.h5", BLOCKS, MADE, merge)

    def write(path):
        clock[0] += 0.001
        written.append(clock[0])

    file._keeper._write = write
    file._keeper.write()
    del written[:]
    for number in range(100):
        clock[0] += 0.001
        file.record(number % 2, {"trace": 1.0})
    assert 1 <= len(written) <= 3, "2 % of the time, not each task"


def test_a_folder_that_disappears_leaves_a_rescue_copy(tmp_path, monkeypatch):
    rescues = tmp_path / "rescues"
    rescues.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(rescues))
    target = tmp_path / "out" / "s.h5"
    target.parent.mkdir()
    file = SpectrumFile.create_or_open(target, BLOCKS, MADE, merge)
    shutil.rmtree(target.parent)
    with pytest.raises(SurfaceFileError, match="the one task done is kept in"):
        file.record(0, {"trace": 7.0})
        file.save()
    (rescue,) = rescues.iterdir()
    assert load_spectrum(rescue).whole.trace == 7.0


def test_in_memory_only(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    file = SpectrumFile.create_or_open(None, BLOCKS, MADE, merge)
    file.record(0, {"trace": 1.0})
    file.save()
    assert file.content.whole.trace == 1.0 and not list(tmp_path.iterdir())
