"""Kinds that lay files or metrics into one picture: how many files are written, and how they are named."""

import numpy as np
import pytest

import landscape as ll
from landscape.grid import Grid, parse_range
from landscape.surfaces.file import SurfaceFile


@pytest.fixture
def files(tmp_path):
    """Three lines of different seeds, and a plane with both splits."""

    def made(name, grid, known, result):
        with SurfaceFile.create(tmp_path / name, grid, known) as file:
            for index in range(grid.size):
                file.record(index, result(*grid.coordinates(index)))
        return tmp_path / name

    line, plane = Grid.of(parse_range("-1:1:9")), Grid.of(parse_range("-1:1:5"), parse_range("-1:1:5", name="y"))
    lines = [
        made(
            f"s{s}.h5",
            line,
            {"directions": {"kind": "random", "seed": s}},
            lambda x, s=s: {"train_loss": 1 + s * x * x},
        )
        for s in (1, 2, 3)
    ]
    return lines, made("net.h5", plane, {}, lambda x, y: {"train_loss": 1 + x * x, "test_loss": 2 + x * x + y * y})


def test_a_spread_is_one_picture_of_all_files(files, tmp_path):
    lines, _ = files
    assert ll.plot(lines, kind="spread") == [tmp_path / "s1_spread.png"]
    assert ll.plot(lines, kind="spread", out=[tmp_path / "x.pdf", ".html"]) == [tmp_path / "x.pdf", tmp_path / "x.html"]
    both = ll.plot(lines, kind="spread,line", out=tmp_path / "x.png")
    assert [path.name for path in both] == ["x_spread.png", "x_s1_line.png", "x_s2_line.png", "x_s3_line.png"]


def test_a_spread_takes_lines_alone(files, tmp_path):
    lines, plane = files
    with pytest.raises(ll.UsageError, match="net.h5, which has 2 axes"):
        ll.plot([*lines, plane], kind="spread")
    with pytest.raises(ll.UsageError, match="at least two line surfaces"):
        ll.plot(lines[:1], kind="spread")


def test_an_overlay_is_a_picture_of_each_file(files, tmp_path):
    _, plane = files
    assert ll.plot(plane, kind="overlay") == [tmp_path / "net_overlay.png"]
    both = ll.plot(plane, kind=["overlay", "overlay3d"], out=[tmp_path / "o.svg", ".html"])
    assert [path.name for path in both] == [
        "o_overlay.svg", "o_overlay.html", "o_overlay3d.svg", "o_overlay3d.html",
    ]  # fmt: skip
    with pytest.raises(ll.UsageError, match="no test_accuracy in .*net.h5"):
        ll.plot(plane, kind="overlay", metric="accuracy")


def test_loaded_surfaces_and_runs_can_be_given(files, tmp_path):
    lines, _ = files
    loaded = [ll.load_surface(path) for path in lines]
    assert np.isfinite(loaded[0].values["train_loss"]).all()
    assert ll.plot(loaded, kind="spread", out=tmp_path / "y.png")[0].exists()
