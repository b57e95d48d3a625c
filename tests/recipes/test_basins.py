"""`landscape basins`: what it prints, its table, and its twin in Python."""

import csv

import numpy as np
import pytest

import landscape as ll
from landscape.cli.main import main
from landscape.grid import Grid, Range
from landscape.surfaces.hdf5 import write_surface_file
from landscape.surfaces.surface import Surface

# Two wells, 2 and 1 deep, in a plain at 3, and a dent of 0.1.
VALUES = np.full((9, 11), 3.0)
VALUES[2:5, 2:5], VALUES[3, 3] = 2.0, 1.0
VALUES[5:8, 6:9] = 2.0
VALUES[1, 8] = 2.9


def made(folder, name="two.h5", values=VALUES, stderr=0.1):
    errors = {} if stderr is None else {"train_loss": np.full(values.shape, stderr)}
    surface = Surface(Grid.of(Range(0, 10, 11), Range(0, 8, 9)), {"train_loss": values}, stderr=errors)
    write_surface_file(surface, folder / name)
    return folder / name


def test_it_prints_a_line_for_the_file_and_a_row_for_each_basin_that_survives(tmp_path, capsys):
    path = made(tmp_path)
    assert main(["basins", str(path)]) == 0
    first, second, head, one, two, *notes = capsys.readouterr().out.splitlines()
    assert first == f"{path}: train loss, 11 x 9 points, 1 to 3"
    assert second.strip().startswith("2 basins survive two standard errors, 1 does not; roughness 0.55 (certain: 0.3)")
    assert head.split() == ["minimum", "at", "saddle", "to", "at", "depth", "certain", "points", "width"]
    assert one.split() == ["1", "1", "(3,", "3)", "3", "edge", "9", "3"]
    assert two.split()[:4] == ["2", "2", "(6,", "5)"] and two.split()[-4:] == ["1", "0.6", "9", "3"]
    assert notes == []


def test_the_table_has_all_basins_of_all_files(tmp_path, capsys):
    paths = [made(tmp_path), made(tmp_path, "noise.h5", np.random.default_rng(0).random((9, 11)), None)]
    assert main(["basins", *map(str, paths), "--csv", str(tmp_path / "basins.csv")]) == 0
    rows = list(csv.DictReader((tmp_path / "basins.csv").open()))
    found = ll.basins(paths)
    assert len(rows) == sum(len(each.basins) for each in found) > 10
    for row, basin in zip(rows, [basin for each in found for basin in each.basins], strict=True):
        assert (float(row["value"]), float(row["x"]), float(row["y"])) == (basin.value, *basin.place)
        assert float(row["depth"]) == basin.depth and float(row["certain_depth"]) == basin.certain
        assert row["joins"] == (str(basin.joins) if basin.joins else "")
    assert "nothing says which basins are real" in capsys.readouterr().out


def test_one_file_gives_one_landform_and_a_list_a_list(tmp_path):
    path = made(tmp_path)
    one, (other,), surface = ll.basins(path), ll.basins([path]), ll.basins(ll.load_surface(path))
    assert [each.value for each in one.basins] == [each.value for each in other.basins] == [1.0, 2.0]
    assert surface.source == one.source


def test_errors_and_neighbours_are_those_asked_for(tmp_path):
    path = made(tmp_path)
    assert [len(ll.basins(path, errors=n).basins) for n in (0.2, 2, 6)] == [3, 2, 1]
    checks = made(tmp_path, "checks.h5", np.indices((9, 11)).sum(0) % 2 + 0.0, None)
    assert [len(ll.basins(checks, neighbours=n).basins) for n in (8, 4)] == [1, 50]


def test_narrow_basins_and_gaps_are_said(tmp_path, capsys):
    values = np.full((9, 11), 3.0)
    values[2, 2:9], values[5:8, 5:8], values[0, 0] = 2.0, 1.0, np.nan
    assert main(["basins", str(made(tmp_path, values=values))]) == 0
    said = capsys.readouterr().out
    assert "1 of 2 basins is less than 3 points wide, as narrow as the grid can show" in said
    assert "1 point is not known" in said


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--neighbours", "6"], "neighbours 6: expected 8 or 4"),
        (["--errors", "-1"], "expected a number of standard errors"),
        (["--metric", "perplexity"], "no metric 'perplexity'"),
        (["--csv", "nowhere/basins.csv"], "the folder nowhere does not exist"),
    ],
)
def test_a_wrong_option_is_one_line(tmp_path, capsys, options, message):
    assert main(["basins", str(made(tmp_path)), *options]) != 0
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line


@pytest.mark.parametrize("given", [[], 3, [3]])
def test_what_is_no_file_is_refused(given):
    with pytest.raises(ll.UsageError):
        ll.basins(given)
