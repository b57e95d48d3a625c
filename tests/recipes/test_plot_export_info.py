"""Files to pictures, to other programs' layouts, and to facts."""

import csv

import numpy as np
import pytest

import landscape as ll
from landscape.cli.main import main
from landscape.errors import LandscapeError, UsageError
from landscape.grid import Grid, parse_range
from landscape.quantity import Quantity
from landscape.surfaces.file import SurfaceFile
from landscape.surfaces.hdf5 import write_surface_file


@pytest.fixture
def file(tmp_path):
    grid = Grid.of(parse_range("-1:1:5"), parse_range("0:1:3", name="y"))
    with SurfaceFile.create(tmp_path / "a.h5", grid, {"model": {"name": "tiny"}}) as made:
        for index in range(14):
            x, y = grid.coordinates(index)
            made.record(index, {"train_loss": 1 + x * x + y, "stderr/train_loss": 0.1, "train_accuracy": 0.5})
    return tmp_path / "a.h5"


def test_plot_names_its_files(file):
    assert ll.plot(file) == [file.with_name("a_contour.png")]
    several = ll.plot(file, kind="contour,heatmap", out=[file.with_name("b.png"), ".svg"])
    assert [path.name for path in several] == ["b_contour.png", "b_contour.svg", "b_heatmap.png", "b_heatmap.svg"]
    assert all(path.stat().st_size > 1000 for path in several)
    both = ll.plot([file, file], out=file.with_name("c.pdf"))
    assert {path.name for path in both} == {"c_a.pdf", "c_a_2.pdf"}


def test_plot_and_compare_write_html_and_refuse_other_suffixes(file):
    assert ll.plot(file, out=file.with_name("a.html"))[0].stat().st_size > 1e6
    assert ll.compare([file, file], out=file.with_name("ab.html"))[0].exists()
    with pytest.raises(ll.UsageError, match="'a.gif'.*png"):
        ll.plot(file, out="a.gif")
    with pytest.raises(ll.LandscapeError, match="does not exist"):
        ll.plot(file, out=file.with_name("no") / "a.png")
    with pytest.raises(ll.UsageError, match="kind 'line' does not fit"):
        ll.plot(file, kind="line")


def test_csv_has_a_row_for_every_point(file):
    rows = list(csv.DictReader(ll.export(file, file.with_name("a.csv")).open()))
    assert len(rows) == 15
    assert float(rows[7]["x"]) == 0.0 and float(rows[7]["y"]) == 0.5
    assert float(rows[7]["train_loss"]) == 1.5 and rows[7]["status_evaluation"] == "1"
    assert rows[14]["status_evaluation"] == "0" and rows[14]["train_loss"] == "nan"


def test_npz_and_the_originals_layout_read_back(file):
    surface = ll.load_surface(file)
    with np.load(ll.export(file, file.with_name("a.npz"))) as found:
        np.testing.assert_array_equal(found["train_loss"], surface.values["train_loss"])
        np.testing.assert_array_equal(found["y"], surface.y)
    back = ll.load_surface(ll.export(file, file.with_name("theirs.h5"), format="li2018"))
    np.testing.assert_array_equal(back.values["train_loss"], surface.values["train_loss"])
    np.testing.assert_allclose(back.values["train_accuracy"], surface.values["train_accuracy"], rtol=1e-15)
    assert back.counts() == surface.counts()


@pytest.mark.parametrize(
    ("kind", "meant"),
    [
        ("3d", "surface"),
        ("3D", "surface"),
        ("relief", "surface"),
        ("map", "contour"),
        ("contours", "contour"),
        ("heat", "heatmap"),
    ],
)
def test_another_word_for_a_kind_is_answered_with_the_kind(file, kind, meant):
    with pytest.raises(ll.UsageError, match=rf"kind '{kind}': did you mean {meant}\?$"):
        ll.plot(file, kind=kind)


def test_compare_says_that_it_draws_one_kind_at_a_time(file):
    with pytest.raises(ll.UsageError, match="kind 'contour,surface': compare draws one kind at a time"):
        ll.compare([file, file], kind="contour,surface")


def test_export_refuses_what_it_cannot_do(file):
    with pytest.raises(ll.UsageError, match="format 'xyz'.*csv"):
        ll.export(file, file.with_name("a.xyz"))
    with pytest.raises(ll.UsageError, match="is the file being exported"):
        ll.export(file, file, format="li2018")
    with pytest.raises(ll.LandscapeError, match="does not exist"):
        ll.export(file, file.parent / "no" / "a.csv")


def test_info_counts_pending_points_of_a_measurement_apart_from_values_that_are_not_numbers(tmp_path):
    nan = np.nan
    surface = ll.Surface(
        Grid.of(parse_range("-1:1:3")),
        values={"train_loss": np.array([nan, 1.0, 2.0]), "hessian_max": np.array([nan, 5.0, nan])},
        status={"evaluation": np.array([1, 1, 1], np.uint8), "hessian": np.array([1, 1, 0], np.uint8)},
        quantities={"hessian_max": Quantity("hessian_max", "largest eigenvalue", group="hessian")},
    )
    write_surface_file(surface, tmp_path / "part.h5")
    metrics = ll.info(tmp_path / "part.h5")["metrics"]
    assert (metrics["train_loss"]["pending"], metrics["train_loss"]["nan"]) == (0, 1)
    assert (metrics["hessian_max"]["pending"], metrics["hessian_max"]["nan"]) == (1, 1)


@pytest.mark.parametrize(
    ("status", "centre", "line"),
    [([1, 0, 1], None, "0.5 to 2, 1 pending"), ([0, 1, 1], np.nan, "2 to 2, nan at the origin, 1 pending, 1 nan")],
)
def test_a_metric_is_one_line_and_a_centre_that_is_not_computed_yet_has_no_value(
    status, centre, line, tmp_path, capsys
):
    values = {"train_loss": np.array([0.5 if status[0] else np.nan, np.nan, 2.0])}
    surface = ll.Surface(Grid.of(parse_range("-1:1:3")), values, status={"evaluation": np.array(status, np.uint8)})
    write_surface_file(surface, path := tmp_path / "part.h5")
    assert str(ll.info(path)["metrics"]["train_loss"]["at_origin"]) == str(centre)
    assert main(["info", str(path)]) == 0
    assert f"train_loss: {line}\n" in capsys.readouterr().out


def test_info(file, made):
    facts = ll.info(file)
    assert facts["points"] == {"pending": 1, "done": 14, "failed": 0, "interpolated": 0}
    assert facts["axes"] == {"x": "-1:1:5", "y": "0:1:3"}
    expected = {"min": 1.0, "max": 3.0, "at_origin": 1.0, "pending": 1, "nan": 0, "inf": 0}
    assert facts["metrics"]["train_loss"] == expected
    checkpoint = ll.info(made / "net.pt")
    assert checkpoint["kind"] == "checkpoint" and checkpoint["tensors"] == 8
    with pytest.raises(ll.LandscapeError, match="no such file"):
        ll.info(file.with_name("gone.h5"))


def test_an_array_is_never_lost_in_an_npz(tmp_path):
    grid = Grid.of(parse_range("0:1:3"))
    for name in ("x", "train_loss_stderr", "provenance", "file"):
        with SurfaceFile.create(tmp_path / "s.h5", grid, {}) as file:
            file.record(0, {name: 1.0, "train_loss": 2.0, "stderr/train_loss": 0.1})
        with pytest.raises(UsageError, match=f"two arrays would be called '{name}'"):
            ll.export(tmp_path / "s.h5", tmp_path / "s.npz")
        assert not (tmp_path / "s.npz").exists()


def test_results_are_not_written_under_the_name_of_a_picture(tmp_path):
    with pytest.raises(LandscapeError, match=r"s.png: is the name of a picture; give .* such as .*s.h5"):
        SurfaceFile.create(tmp_path / "s.png", Grid.of(parse_range("0:1:3")), {})
