"""The surface file: what is recorded is read back bit for bit, and what is done is told by status alone."""

import json
import math
import types

import h5py
import numpy as np
import pytest

import landscape.surfaces.file as module
from landscape.errors import SurfaceFileError
from landscape.grid import Axis, Grid, parse_range
from landscape.surfaces import keeper, load_surface
from landscape.surfaces.file import SurfaceFile
from landscape.surfaces.hdf5 import read_surface_file, write_surface_file
from landscape.surfaces.surface import DONE, FAILED, INTERPOLATED, PENDING, Surface, Trail

ODD = [0.0, -0.0, -1.0, math.nan, math.inf, -math.inf, 5e-324, 1e308, 1.0, 0.1, -1e-300, 2.0]


def same_bits(a, b):
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()


def test_round_trip_bit_for_bit(grid, provenance, tmp_path):
    values = np.array(ODD).reshape(grid.shape)
    trail = Trail(
        x=np.array([0.0, 1.0]),
        y=np.array([0.5, math.nan]),
        step=np.array([0.0, 100.0]),
        residual=np.array([0.0, 3.5]),
        metrics={"test_error": np.array([0.9, 0.1])},
        labels=("start", "end"),
    )
    written = Surface(
        grid,
        {"train_loss": values, "train_loss/boxes": -values, "100 %2F": values + 1},
        {"train_loss": np.abs(values)},
        {"evaluation": np.arange(12, dtype=np.uint8).reshape(3, 4) % 4, "hessian": np.zeros((3, 4), np.uint8)},
        {"nets": trail, "run/1": trail, "bare": Trail(x=np.array([1.0]))},
        {**provenance, "note": "Grüße, 世界", "long": "x" * 100_000},
    )
    write_surface_file(written, tmp_path / "s.h5")
    found = load_surface(tmp_path / "s.h5")
    assert found.grid.same_as(grid) and found.source == str(tmp_path / "s.h5")
    assert [(a.name, a.label, a.kind) for a in found.grid.axes] == [(a.name, a.label, a.kind) for a in grid.axes]
    for folder in ("values", "stderr", "status"):
        ours, theirs = getattr(written, folder), getattr(found, folder)
        assert list(ours) == list(theirs) and all(same_bits(ours[k], theirs[k]) for k in ours), folder
    assert found.provenance == written.provenance
    back = found.trails["nets"]
    assert all(same_bits(getattr(trail, k), getattr(back, k)) for k in ("x", "y", "step", "residual"))
    assert back.labels == trail.labels and same_bits(back.metrics["test_error"], trail.metrics["test_error"])
    assert found.trails["bare"].y is None and found.trails["bare"].labels == ()


def test_one_dimension_and_another_kind_of_axis(tmp_path):
    grid = Grid((Axis("x", np.array([0.0, 2.5, 7.0]), "training step", "step"),))
    write_surface_file(Surface(grid, {"train_loss": np.arange(3.0)}), tmp_path / "s.h5")
    found = read_surface_file(tmp_path / "s.h5")
    assert found.shape == (3,) and found.grid.axes[0].kind == "step" and found.x.tolist() == [0.0, 2.5, 7.0]


def test_layout_as_the_interface_says(grid, provenance, tmp_path):
    with SurfaceFile.create(tmp_path / "s.h5", grid, provenance) as file:
        file.record(0, {"train_loss": 1.5, "stderr/train_loss": 0.1})
    with h5py.File(tmp_path / "s.h5", "r") as raw:
        assert raw.attrs["format"] == "landscape-surface" and raw.attrs["version"] == 1
        assert json.loads(raw.attrs["provenance"]) == provenance
        for axis in grid.axes:
            assert raw[f"axes/{axis.name}"].dtype == np.float64
            assert raw[f"axes/{axis.name}"].attrs["label"] == axis.label
            assert raw[f"axes/{axis.name}"].attrs["kind"] == "direction"
        for name in ("values/train_loss", "stderr/train_loss"):
            assert raw[name].shape == (3, 4) and raw[name].dtype == np.float64
        assert raw["status/evaluation"].dtype == np.uint8
        assert raw["status/evaluation"][()].tolist() == [[1, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]]


def test_point_number_k_is_row_k_div_nx(grid, provenance, tmp_path):
    """values[iy, ix] belongs to (x[ix], y[iy])."""
    with SurfaceFile.create(tmp_path / "s.h5", grid, provenance) as file:
        for index in range(grid.size):
            x, y = grid.coordinates(index)
            file.record(index, {"m": 10 * x + y})
    found = load_surface(tmp_path / "s.h5")
    for iy, y in enumerate(found.y):
        for ix, x in enumerate(found.x):
            assert found.values["m"][iy, ix] == 10 * x + y


def test_any_value_is_a_result_and_not_pending(grid, provenance, tmp_path):
    """0, -1, NaN and inf mean "not done" in other programs, which compute them for ever or lose them."""
    with SurfaceFile.create(tmp_path / "s.h5", grid, provenance) as file:
        for index, value in enumerate(ODD):
            assert index in file.pending()
            file.record(index, {"train_loss": value, "stderr/train_loss": value})
            assert index not in file.pending()
    again = SurfaceFile.open(tmp_path / "s.h5", grid, provenance)
    assert again.pending() == []
    wanted = np.array(ODD).reshape(grid.shape)
    assert same_bits(again.surface.values["train_loss"], wanted)
    assert same_bits(again.surface.stderr["train_loss"], wanted)
    assert again.surface.counts() == {"pending": 0, "done": 12, "failed": 0, "interpolated": 0}


def test_no_value_makes_a_point_done(grid, provenance, tmp_path):
    """The other way round: a value in the array of a pending point says nothing."""
    file = SurfaceFile.create(None, grid, provenance)
    file.surface.values["train_loss"] = np.full(grid.shape, 0.5)
    assert file.pending() == list(range(12))


def test_pending_and_failed_points_are_to_do(grid, provenance, tmp_path):
    with SurfaceFile.create(tmp_path / "s.h5", grid, provenance) as file:
        file.record(3, {"m": 1.0})
        file.record_failure(5)
        file.surface.status["evaluation"].flat[7] = INTERPOLATED
        assert file.pending() == [0, 1, 2, 4, 5, 6, 8, 9, 10, 11]
    again = SurfaceFile.open(tmp_path / "s.h5", grid, provenance)
    assert again.pending() == file.pending()
    assert again.surface.status["evaluation"].flat[5] == FAILED
    again.record(5, {"m": 2.0})
    assert 5 not in again.pending() and again.surface.status["evaluation"].flat[5] == DONE


def test_a_failed_point_keeps_the_value_it_had(grid, provenance):
    file = SurfaceFile.create(None, grid, provenance)
    file.record(5, {"m": 2.0})
    file.record_failure(5)
    assert file.surface.values["m"].flat[5] == 2.0 and 5 in file.pending()


def test_metrics_may_come_later(grid, provenance, tmp_path):
    with SurfaceFile.create(tmp_path / "s.h5", grid, provenance) as file:
        file.record(0, {"a": 1.0})
        file.record(1, {"a": 2.0, "b": 3.0})
    found = load_surface(tmp_path / "s.h5")
    assert found.values["a"].flat[:2].tolist() == [1.0, 2.0]
    assert math.isnan(found.values["b"].flat[0]) and found.values["b"].flat[1] == 3.0


def test_continued_it_ends_as_an_uninterrupted_run(grid, provenance, tmp_path):
    def value(index):
        return {"train_loss": math.sin(index), "stderr/train_loss": index / 7}

    with SurfaceFile.create(tmp_path / "whole.h5", grid, provenance) as file:
        for index in file.pending():
            file.record(index, value(index))
    while True:
        with SurfaceFile.create_or_open(tmp_path / "parts.h5", grid, provenance) as file:
            todo = file.pending()
            for index in todo[:5][::-1]:
                file.record(index, value(index))
        if not todo:
            break
    whole, parts = load_surface(tmp_path / "whole.h5"), load_surface(tmp_path / "parts.h5")
    assert same_bits(whole.values["train_loss"], parts.values["train_loss"])
    assert same_bits(whole.stderr["train_loss"], parts.stderr["train_loss"])
    assert same_bits(whole.status["evaluation"], parts.status["evaluation"])


def test_created_on_disk_at_once_with_all_pending(grid, provenance, tmp_path):
    SurfaceFile.create(tmp_path / "s.h5", grid, provenance)
    found = load_surface(tmp_path / "s.h5")
    assert (found.status["evaluation"] == PENDING).all() and found.values == {}


def test_in_memory_only(grid, provenance, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with SurfaceFile.create(None, grid, provenance) as file:
        file.record(0, {"m": 1.0})
    assert list(tmp_path.iterdir()) == [] and file.surface.values["m"][0, 0] == 1.0


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_leaving_by_an_exception_saves_everything(error, grid, provenance, tmp_path):
    with pytest.raises(error), SurfaceFile.create(tmp_path / "s.h5", grid, provenance) as file:
        for index in range(5):
            file.record(index, {"m": float(index)})
        raise error("stop")
    assert load_surface(tmp_path / "s.h5").counts()["done"] == 5


@pytest.mark.parametrize(
    ("save_seconds", "point_seconds", "saves"),
    [
        (0.001, 1.0, 100),  # each point, when points are slow
        (0.001, 0.001, 2),  # 2 % of the time: each 50 ms
        (0.03, 0.1, 7),  # each 1.5 s
        (0.1, 0.1, 5),  # each 2 s and not each 5 s, so that little is lost
        (2.0, 0.1, 1),  # a slow disk: a fifth of the time, each 10 s
    ],
)
def test_how_often_it_is_saved(save_seconds, point_seconds, saves, grid, provenance, tmp_path, monkeypatch):
    clock, written = [0.0], []
    monkeypatch.setattr(keeper, "time", types.SimpleNamespace(monotonic=lambda: clock[0]))

    def write(surface, path):
        clock[0] += save_seconds
        written.append(clock[0])

    monkeypatch.setattr(module, "write_surface_file", write)
    file = SurfaceFile.create(tmp_path / "s.h5", grid, provenance)
    del written[:]
    for number in range(100):
        clock[0] += point_seconds
        file.record(number % 12, {"m": 1.0})
    assert len(written) == pytest.approx(saves, abs=1)


def test_nothing_new_is_not_written_again(grid, provenance, tmp_path):
    file = SurfaceFile.create(tmp_path / "s.h5", grid, provenance)
    before = (tmp_path / "s.h5").stat().st_ino
    file.save()
    assert (tmp_path / "s.h5").stat().st_ino == before


def test_trails_are_kept_from_the_start(grid, provenance, tmp_path):
    trails = {"nets": Trail(x=np.array([0.0, 1.0]), y=np.zeros(2), labels=("a", "b"))}
    SurfaceFile.create(tmp_path / "s.h5", grid, provenance, trails)
    assert load_surface(tmp_path / "s.h5").trails["nets"].labels == ("a", "b")


def test_a_status_group_that_does_not_exist_is_named(grid, provenance):
    with pytest.raises(SurfaceFileError, match="no status 'hessian' in memory; it has evaluation"):
        SurfaceFile.create(None, grid, provenance).pending("hessian")


def test_grid_of_another_length(tmp_path):
    grid = Grid.of(parse_range("0:1:3"))
    write_surface_file(Surface(grid, {"m": np.zeros(4)}), tmp_path / "s.h5")
    with pytest.raises(SurfaceFileError, match=r"values/m has shape \(4,\), expected \(3,\)"):
        load_surface(tmp_path / "s.h5")
