"""A folder is a training run: what is read of it, what is refused, and which file its picture becomes."""

import json
import subprocess
import sys

import numpy as np
import pytest

import landscape as ll
from landscape.grid import Grid, parse_range
from landscape.surfaces.file import SurfaceFile
from landscape.surfaces.run_log import load_run

HEADER = "step,epoch,lr,train_loss,train_accuracy,test_loss,test_accuracy,gradient_norm,seconds"
ROWS = [
    "0,0.0,0.1,,,2.3,0.1,,0.5",
    "10,1.0,0.1,1.5,0.4,1.6,0.35,2.0,3.5",
    "20,2.0,0.01,nan,0.6,inf,0.5,1.0,6.5",
    "30,3.0,0.01,0.7,0.8,1.1,0.7,0.5,9.5",
]


@pytest.fixture
def run(tmp_path):
    """make(rows, ...) -> the folder of a run."""

    def make(rows=ROWS, *, name="run", header=HEADER, end="\n", config=None):
        folder = tmp_path / name
        folder.mkdir()
        settings = {"model": "resnet56", "data": "digits", "epochs": 3, "seed": 1} if config is None else config
        (folder / "config.json").write_text(settings if isinstance(settings, str) else json.dumps(settings))
        (folder / "log.csv").write_text("\n".join([header, *rows]) + end)
        return folder

    return make


def test_an_empty_cell_is_no_result_and_nan_is_one(run):
    log = load_run(run())
    epoch, loss = log.series("train_loss")
    np.testing.assert_array_equal(epoch, [1, 2, 3])
    np.testing.assert_array_equal(loss, [1.5, np.nan, 0.7])
    np.testing.assert_array_equal(log.series("test_loss")[1], [2.3, 1.6, np.inf, 1.1])
    assert log.metrics == ("train_loss", "train_accuracy", "test_loss", "test_accuracy", "gradient_norm")
    assert not log.cut


def test_a_kill_at_any_byte_leaves_the_complete_lines(run):
    folder = run()
    text = (folder / "log.csv").read_text()
    begin = len(HEADER) + 1 + len(ROWS[0]) + 1
    for end in range(begin, len(text) + 1):
        (folder / "log.csv").write_text(text[:end])
        log = load_run(folder)
        assert len(log.columns["epoch"]) == text[:end].count("\n") - 1
        assert log.cut == (not text[:end].endswith("\n"))


def test_rows_computed_again_replace_the_earlier_ones(run):
    again = load_run(run([*ROWS[:3], "10,1.0,0.1,1.4,0.4,1.6,0.35,2.0,3.5", *ROWS[2:]]))
    np.testing.assert_array_equal(again.columns["epoch"], [0, 1, 2, 3])
    assert again.series("train_loss")[1][0] == 1.4


def test_columns_without_a_number_are_absent(run):
    log = load_run(run(["0,0,0.1,,,2.3,,,", "10,1,0.1,1.5,,1.6,,,"]))
    assert log.metrics == ("train_loss", "test_loss")
    few = load_run(run(["0,2.3", "1,1.2"], header="epoch,test_loss", name="few"))
    assert few.metrics == ("test_loss",)


@pytest.mark.parametrize(
    ("made", "message"),
    [
        ({"rows": []}, "holds no rows yet"),
        ({"rows": ["0,0"]}, "line 2: 2 cells, expected 9"),
        (
            {"rows": [ROWS[0], ROWS[1].replace("1.5", "fast")]},
            "line 3: 'fast' is not a number; expected one, or nothing, as train_loss",
        ),
        ({"rows": [ROWS[0].replace("0.0", "nan", 1)]}, "'nan' is not an epoch"),
        ({"header": HEADER.replace("epoch", "time").replace("step", "count")}, "column names with 'epoch' or 'step'"),
        ({"config": "{"}, "config.json: cannot be read as JSON"),
        ({"config": "[1]"}, "config.json: expected an object"),
    ],
)
def test_what_is_no_log_is_refused_in_one_line(run, made, message):
    with pytest.raises(ll.LandscapeError, match=message) as caught:
        ll.plot(run(**made))
    assert "\n" not in str(caught.value)


def test_a_folder_that_is_no_run_is_refused(tmp_path):
    with pytest.raises(ll.LandscapeError, match="no run folder, config.json and log.csv missing"):
        ll.plot(tmp_path)


def test_pictures_have_their_places(run, tmp_path):
    one, other = run(), run(name="other")
    assert ll.plot(one) == [one / "curves.png"]
    assert ll.plot([one, other]) == [one / "curves.png", other / "curves.png"]
    several = ll.plot([one, other], out=[tmp_path / "a.pdf", ".svg", ".html"])
    assert sorted(path.name for path in several) == [
        f"a_{name}.{form}" for name in ("other", "run") for form in ("html", "pdf", "svg")
    ]
    assert all(path.stat().st_size > 5000 for path in several)


def test_runs_and_surfaces_are_drawn_together(run, tmp_path):
    grid = Grid.of(parse_range("-1:1:5"))
    with SurfaceFile.create(tmp_path / "line.h5", grid, {}) as made:
        for index in range(5):
            made.record(index, {"train_loss": 1.0 + index})
    folder = run()
    assert ll.plot([folder, tmp_path / "line.h5"]) == [folder / "curves.png", tmp_path / "line_line.png"]
    with pytest.raises(ll.UsageError, match="is a surface: compare it with other surfaces"):
        ll.compare([folder, tmp_path / "line.h5"], out=tmp_path / "c.png")
    assert ll.compare([folder, run(name="b")], out=tmp_path / "c.png")[0].exists()


def test_options_that_do_not_apply_are_refused(run):
    folder = run()
    for options, message in [
        ({"levels": 5}, "levels do not apply to .*: it has no contour lines"),
        ({"kind": "contour"}, "kind 'contour' does not fit .*; choose curves"),
        ({"metric": "hessian_max"}, "no metric 'hessian_max' in .*: it has train_loss"),
        ({"scale": "symlog"}, "scale 'symlog'"),
    ]:
        with pytest.raises(ll.UsageError, match=message):
            ll.plot(folder, **options)
    with pytest.raises(ll.UsageError, match="kind 'curves' does not fit"):
        ll.plot(ll.Surface(Grid.of(parse_range("-1:1:5")), {"train_loss": np.ones(5)}), kind="curves")


def test_drawing_a_run_needs_no_torch(run):
    code = (
        f"import sys, landscape as ll; ll.plot({str(run())!r}); print('torch' in sys.modules, 'mpi4py' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
