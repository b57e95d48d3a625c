"""What `info`, `export` and the lines of `connect` say of results that compare nets: the numbers of the file, by name."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import landscape as ll
from landscape.errors import LandscapeError, UsageError
from landscape.recipes.connect import lines as connect_lines
from landscape.recipes.flatness import lines as table_lines
from landscape.recipes.info import lines as info_lines
from landscape.surfaces import load_surface
from landscape.surfaces.barriers import by_branch

CHANCE = torch.Generator().manual_seed(0)
DATA = {
    name: (torch.randn(count, 6, generator=CHANCE), torch.arange(count) % 3)
    for name, count in (("train", 40), ("test", 20))
}


def net(seed: int) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(6, 5), nn.BatchNorm1d(5), nn.ReLU(), nn.Linear(5, 3))


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """A file with a line and two curves and one plane, one of flatness, and a folder of copies."""
    folder = tmp_path_factory.mktemp("nets")
    pair, options = [net(0), net(1)], {"data": DATA, "quiet": True, "out": folder / "pair.h5", "points": 5}
    ll.connect(pair, curve="bezier", epochs=3, lr=0.05, plane=3, **options)
    ll.connect(pair, curve="polychain", epochs=1, **options)
    ll.connect([net(k) for k in range(3)], data=DATA, quiet=True, out=folder / "three.h5", points=3)
    measures = "sam_step,path_norm,distance,parameters"
    ll.flatness([net(k) for k in range(6)], data=DATA, measures=measures, quiet=True, out=folder / "flat.h5")
    ll.instability(net(0), data=DATA, epochs=2, batch_size=8, at="0,2", out=folder / "copies", points=3, quiet=True)
    return folder


def said(facts, **shell) -> str:
    return "\n".join(info_lines(facts, shell))


def test_info_on_paths_has_every_barrier_of_the_file(made):
    facts, surface = ll.info(made / "pair.h5"), load_surface(made / "pair.h5")
    assert facts["kind"] == "paths" and facts["nets"] == ["Sequential", "Sequential #2"]
    assert [path["kind"] for path in facts["paths"]] == ["line", "bezier", "polychain"]
    there = {(path["name"], metric): rise for path in facts["paths"] for metric, rise in path["barriers"].items()}
    expected = ll.barriers(surface)
    assert len(there) == len(expected) == 12
    assert len({each.over_mean for each in expected}) > 6, "the paths differ, so that none can be taken for another"
    for each in expected:
        found = there[each.path.kind, each.metric]
        numbers = [each.over_mean, each.over_line, each.stderr, each.at, *each.ends]
        assert [found["over_mean"], found["over_line"], found["stderr"], found["at"], *found["ends"]] == numbers
    assert facts["planes"] == [str(made / "pair.bezier.plane.h5")]
    assert all(text.startswith("finished at step") for text in facts["training of curves"].values())
    assert list(facts["training of curves"]) == [str(made / "pair.bezier"), str(made / "pair.polychain")]
    assert json.loads(said(facts, json=True))["paths"] == facts["paths"]
    text = said(facts)
    for each in expected:
        shown = f"{100 * each.over_mean:.4g}" if each.metric.endswith("accuracy") else f"{each.over_mean:.4g}"
        assert f"{shown} +- " in text


def test_the_lines_of_connect_are_few_and_begin_with_the_barriers(made):
    surface = load_surface(made / "pair.h5")
    shown = connect_lines(surface, {})
    assert len(shown) <= 12 and max(map(len, shown[:-1])) < 150
    first, *_, last = shown
    assert "barriers over the mean" in first and shown[1].split(",")[0].strip() == "line"
    assert last.startswith(f"{made / 'pair.h5'}, {made / 'pair.bezier.plane.h5'}: 3 paths of 5 places")
    assert not any(str(made) in line for line in shown[:-1])


def test_more_nets_are_a_table_of_pairs(made):
    facts, surface = ll.info(made / "three.h5"), load_surface(made / "three.h5")
    assert [path["name"] for path in facts["paths"]] == [
        "Sequential to Sequential #2",
        "Sequential to Sequential #3",
        "Sequential #2 to Sequential #3",
    ]
    shown = connect_lines(surface, {})
    assert sum("barriers of the straight lines in" in line for line in shown) == 4
    third = ll.barriers(surface, "test_loss")[2]
    (row,) = [
        line
        for line in shown[shown.index("  barriers of the straight lines in test loss") :]
        if "Sequential #2 " in line
    ][1:2]
    assert third.stderr > 0 and f"{third.over_mean:.3g} +- {third.stderr:.2g}" in row


def test_info_on_copies_of_a_run_says_step_and_barrier_wherever_one_looks(made):
    surface = load_surface(made / "copies" / "instability.h5")
    found = by_branch(surface, "train_loss")
    facts = ll.info(made / "copies" / "instability.h5")
    assert facts["kind"] == "instability"
    assert [facts["by step"][step]["train_loss"]["over_mean"] for step in ("0", "2")] == found.values.tolist()
    short = [f"{value:.4g} +- {error:.2g}" for value, error in zip(found.values, found.errors, strict=True)]
    for where, kind in (("", "instability"), ("trunk", "trunk of an instability run")):
        facts = ll.info(made / "copies" / where)
        assert facts["kind"] == kind and facts["states of the trunk at steps"] == [0, 2]
        assert [facts["barriers by step"][step]["train loss"] for step in ("0", "2")] == short
    for where in ("step_0000002", "step_0000002/copy_1"):
        facts = ll.info(made / "copies" / where)
        assert facts["copied at step"] == 2 and facts["barriers by step"] == {"2": facts["barriers by step"]["2"]}
        assert facts["barriers by step"]["2"]["train loss"] == short[1]


def test_info_on_flatness_has_the_values_and_why_there_is_none(made):
    facts, surface = ll.info(made / "flat.h5"), load_surface(made / "flat.h5")
    assert facts["kind"] == "flatness" and len(facts["nets"]) == 6
    assert list(facts["values"]["sam_step"].values()) == surface.values["sam_step"].tolist()
    assert facts["points"]["done"] == 6
    (ranked,) = [value for key, value in facts.items() if key.startswith("rank correlation")]
    assert set(ranked) <= {"sam_step", "path_norm"} and all(-1 <= each["tau"] <= 1 for each in ranked.values())
    text = said(facts)
    assert "distance is NaN for all nets: no first net is known" in text
    assert "distance is NaN for all nets: no first net is known" in "\n".join(table_lines(surface, {}))
    assert not any("path_norm is nan" in line for line in table_lines(surface, {}))


@pytest.mark.parametrize(
    "name", ["path_norm", "fisher_rao", "distance", "critical_sharpness", "trace", "sam", "average"]
)
def test_every_nan_of_a_measure_has_its_reason_under_the_table(made, name):
    surface = load_surface(made / "flat.h5")
    surface.values[name] = np.array([1.0, math.nan, 2.0, math.nan, 3.0, 4.0])
    surface.quantities[name] = _measure(name)
    shown = [line for line in table_lines(surface, {}) if line.startswith(f"  {name} is NaN for ")]
    assert len(shown) == 1 and "Sequential 1 and Sequential 3: " in shown[0] and len(shown[0].split(": ", 1)[1]) > 10


def _measure(name: str):
    from landscape.quantity import FLATNESS, MEASURE, Quantity

    return Quantity(name, name, group=FLATNESS, role=MEASURE)


def test_a_table_of_paths_needs_no_other_file(made):
    surface = load_surface(made / "pair.h5")
    ll.export(made / "pair.h5", made / "pair.csv")
    rows = list(csv.DictReader((made / "pair.csv").open(newline="")))
    assert len(rows) == 15 and [row["path"] for row in rows[::5]] == ["line", "bezier", "polychain"]
    assert {(row["from"], row["to"]) for row in rows} == {("Sequential", "Sequential #2")}
    for each in ll.barriers(surface):
        mine = [row for row in rows if row["kind"] == each.path.kind]
        for ending, value in (
            ("over_mean", each.over_mean), ("stderr", each.stderr), ("over_line", each.over_line), ("at", each.at),
        ):  # fmt: skip
            assert {float(row[f"{each.metric}_barrier_{ending}"]) for row in mine} == {value}
        # and from the columns alone
        values = np.array([float(row[each.metric]) for row in mine])
        values = 1 - values if each.metric.endswith("accuracy") else values
        assert values.max() - (values[0] + values[-1]) / 2 == each.over_mean
        assert {float(row["length"]) for row in mine} == {each.path.length}


def test_a_table_of_copies_has_the_step_and_one_of_flatness_the_nets(made):
    ll.export(made / "copies" / "instability.h5", made / "copies.csv")
    rows = list(csv.DictReader((made / "copies.csv").open(newline="")))
    assert [(row["copied_at_step"], row["from"]) for row in rows[::3]] == [("0.0", "step 0 a"), ("2.0", "step 2 a")]
    ll.export(made / "flat.h5", made / "flat.csv")
    rows = list(csv.DictReader((made / "flat.csv").open(newline="")))
    assert [row["net"] for row in rows] == [f"Sequential {k}" for k in range(6)]
    assert [float(row["sam_step"]) for row in rows] == load_surface(made / "flat.h5").values["sam_step"].tolist()


def test_a_column_is_never_there_twice(made, tmp_path):
    surface = load_surface(made / "pair.h5")
    surface.values["path"] = surface.values["train_loss"]
    with pytest.raises(UsageError, match="two columns would be called 'path'"):
        ll.export(surface, tmp_path / "a.csv")


ODD = {
    "a.csv": "a file with the suffix '.csv'", "a.png": "a picture", "a.txt": "a file with the suffix '.txt'",
    "a": "a file without a suffix", "gone.png": "no such file", "empty": "a folder without config.json",
}  # fmt: skip


@pytest.fixture
def odd(tmp_path) -> Path:
    for name in ODD:
        if not name.startswith(("gone", "empty")):
            (tmp_path / name).write_bytes(b"1,2\n")
    (tmp_path / "empty").mkdir()
    return tmp_path


@pytest.mark.parametrize("name", ODD)
def test_what_is_no_result_is_one_line_that_says_what_was_expected(odd, name):
    with pytest.raises(LandscapeError) as caught:
        ll.info(odd / name)
    text = str(caught.value)
    assert text.startswith(f"{odd / name}: {ODD[name]}") and "\n" not in text
    assert "expected a result (.h5), a checkpoint (.pt, .safetensors, ...), or the folder of a run" in text


@pytest.mark.parametrize("shell", [{}, {"json": True}])
def test_one_bad_file_of_several_does_not_hide_the_others(made, odd, shell):
    found = ll.info([odd / "a.png", made / "pair.h5", odd / "gone.png", made / "copies"])
    assert [each["kind"] for each in found] == ["unknown", "paths", "unknown", "instability"]
    shown = []
    with pytest.raises(LandscapeError, match=r"2 of 4 files cannot be described: .*a\.png, .*gone\.png"):
        shown.extend(line for line in _kept(info_lines(found, shell), shown))
    text = "\n".join(shown)
    assert (
        text.index("a.png: a picture")
        < text.index("pair.h5")
        < text.index("gone.png: no such file")
        < text.index("copies")
    )


def _kept(lines, shown):
    for line in lines:
        shown.append(line)
    yield from ()


def test_a_result_may_have_any_name(made, tmp_path):
    (tmp_path / "mine").write_bytes((made / "pair.h5").read_bytes())
    assert ll.info(tmp_path / "mine")["kind"] == "paths"


def test_the_shell_ends_with_an_error_after_the_last_file(made, odd, capsys):
    from landscape.cli.main import main

    assert main(["info", str(odd / "a.csv"), str(made / "flat.h5")]) == 1
    out, err = capsys.readouterr()
    assert "kind: flatness" in out and "a.csv: a file with the suffix" in err and len(err.splitlines()) == 1


DAMAGE = {
    "names of nets that are numbers": lambda facts: facts.update(nets=[1, 2]),
    "fewer names than nets": lambda facts: facts.update(nets=["a\nforged: yes"]),
    "paths that are nothing": lambda facts: facts.update(paths=[None, None, None]),
    "no lengths": lambda facts: facts.pop("lengths"),
    "no paths": lambda facts: facts.update(paths=[]),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_what_a_file_of_others_says_of_its_paths_ends_nothing(made, tmp_path, damage):
    from landscape.surfaces.hdf5 import write_surface_file

    surface = load_surface(made / "pair.h5")
    DAMAGE[damage](surface.provenance["connect"])
    for array in surface.values.values():
        array[1, 2:4] = math.inf
    surface.status.pop("evaluation")
    write_surface_file(surface, tmp_path / "odd.h5")
    facts = ll.info(tmp_path / "odd.h5")
    assert facts["kind"] == "paths" and said(facts) and said(facts, json=True)
    table = ll.export(tmp_path / "odd.h5", tmp_path / "odd.csv").read_text()
    assert len(table.splitlines()) == 16, "a line break in a name does not break the table"
    assert connect_lines(load_surface(tmp_path / "odd.h5"), {})[-1].startswith(str(tmp_path / "odd.h5"))


def test_json_is_json_whatever_the_numbers(made):
    surface = load_surface(made / "flat.h5")
    assert np.isnan(surface.values["distance"]).all()

    def refused(word: str) -> None:
        raise AssertionError(f"{word} is not JSON")

    found = json.loads(said({**ll.info(made / "flat.h5"), "worst": [math.inf]}, json=True), parse_constant=refused)
    assert set(found["values"]["distance"].values()) == {None} and found["worst"] == ["inf"]
