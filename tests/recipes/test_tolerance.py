"""Surfaces under a tolerance, end to end: the error is as stated, the file tells what was left out, ranks do not matter."""

import functools
import signal

import numpy as np
import pytest
import torch
from torch import nn

import landscape as ll
from landscape.cli.main import main
from landscape.errors import SurfaceFileError, UsageError
from landscape.surfaces import load_surface

GRID = {"x": "-1:1:25", "y": "-1:1:25"}


@pytest.fixture(scope="module")
def problem():
    """A net of two layers, trained for a moment on 4000 samples that it cannot quite separate, and these samples."""
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(4000, 8, generator=generator)
    labels = (inputs[:, :5] + 0.7 * torch.randn(4000, 5, generator=generator)).argmax(1)
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(8, 32), nn.Tanh(), nn.Linear(32, 5))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(150):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(inputs), labels).backward()
        optimizer.step()
    return {"model": model, "data": (inputs, labels), "quiet": True, "threads": 1, **GRID}


@pytest.fixture(scope="module")
def truth(problem):
    return ll.surface(**problem)


@pytest.fixture(scope="module")
def tolerated(problem):
    """tolerated(refine) -> the surface to 5 %, computed once."""
    return functools.cache(lambda refine: ll.surface(**problem, tolerance=0.05, refine=refine))


def errors(found, truth):
    return np.abs(found.values["train_loss"] / truth.values["train_loss"] - 1)


@pytest.mark.parametrize("refine", [None, True, False])
def test_the_error_is_within_the_tolerance_and_as_stated(tolerated, truth, refine):
    found = tolerated(refine)
    error = errors(found, truth)
    assert np.quantile(error, 0.95) < 0.05 and error.max() < 0.10
    reached = found.provenance["run"]["reached"]
    assert reached["error"] < 0.06
    assert reached["evaluations"] < reached["of_evaluations"] / (2 if refine is None else 1.5)
    counts = found.counts()
    assert counts["pending"] == 0 and (counts["interpolated"] == 0) == (refine is False)
    assert reached["points"] == counts["done"]
    assert ("train_samples" in found.values) == (refine is not True)
    assert found.provenance["tolerance"] == {
        "asked": 0.05,
        "points": refine is not False,
        "samples": refine is not True,
    }


def test_standard_errors_tell_the_true_errors(tolerated, truth):
    found = tolerated(None)
    off = found.values["train_loss"] - truth.values["train_loss"]
    stderr = found.stderr["train_loss"]
    for code in (1, 3):  # computed, interpolated
        known = (found.status["evaluation"] == code) & (stderr > 1e-9)
        assert 0.3 < np.sqrt(np.mean((off[known] / stderr[known]) ** 2)) < 1.5
    between = found.status["evaluation"] == 3
    beside = found.provenance["run"]["reached"]["interpolation_error"] / 1.96 * np.abs(found.values["train_loss"])
    assert (stderr[between] >= (1 - 1e-6) * beside[between]).all()
    exact = (found.values["train_samples"] == 4000) & (stderr == 0)
    assert np.abs(off[exact]).max(initial=0) < 1e-5


def test_refining_alone_gives_the_very_values_of_the_full_surface(problem, truth):
    found = ll.surface(**problem, refine=True)
    done = found.status["evaluation"] == 1
    assert 0 < done.sum() < 0.7 * done.size
    np.testing.assert_array_equal(found.values["train_loss"][done], truth.values["train_loss"][done])
    assert found.provenance["tolerance"]["asked"] == 0.05


def test_where_every_point_was_computed_no_error_of_interpolation_is_stated():
    """Checks that failed on the way there are of a state that the file no longer has."""

    model = nn.Linear(1, 1, bias=False)
    start = model.weight.item()

    def ripples(model, batch):
        """The same value at every fourth point, so that a coarse lattice looks flat."""
        return 2 + torch.cos(torch.pi / 2 * 48 * model.weight / start).squeeze() + 0 * batch[0].mean()

    found = ll.line(
        model=model, data=(torch.randn(64, 1), torch.zeros(64, 1)), loss=ripples, x=(-1, 1, 97),
        tolerance=0.05, refine=True, quiet=True, threads=1,
    )  # fmt: skip
    reached = found.provenance["run"]["reached"]
    assert reached["points"] == reached["of"] == 97
    assert reached["checks"] == 0 and reached["error"] == reached["sampling_error"] == 0


def test_evaluations_are_counted(problem):
    calls = []

    def counted(outputs, targets):
        calls.append(len(targets))
        return nn.functional.cross_entropy(outputs, targets, reduction="none")

    found = ll.surface(**{**problem, "x": "-1:1:13", "y": "-1:1:13"}, loss=counted, tolerance=0.1)
    told = found.provenance["run"]["reached"]["evaluations"]
    assert told <= sum(calls) < told + 300  # some samples more, to check that the loss takes them and keeps nothing
    inside = found.values["train_samples"][found.status["evaluation"] == 1].sum()
    assert told == inside + 4 * 4000, "the census is that of the centre; beside it some samples pass in each corner"


def test_a_finished_file_is_left_as_it_is_and_another_tolerance_refused(problem, tmp_path):
    out = tmp_path / "a.h5"
    first = ll.surface(**problem, tolerance=0.1, out=out)
    before = out.read_bytes()
    again = ll.surface(**problem, tolerance=0.1, out=out)
    assert out.read_bytes() == before
    np.testing.assert_array_equal(again.values["train_loss"], first.values["train_loss"])
    for other in (0.0, 0.05):
        with pytest.raises(SurfaceFileError, match="tolerance"):
            ll.surface(**problem, tolerance=other, out=out)


@pytest.mark.parametrize("refine", [None, False])
def test_a_broken_off_run_goes_on_and_ends_the_same(problem, tmp_path, refine):
    out, calls, stops = tmp_path / "a.h5", [], []

    def loss(outputs, targets):
        calls.append(len(targets))
        if len(calls) in stops:
            stops.clear()  # what a loss writes into is not a setting of it, so it stays the same loss
            signal.raise_signal(signal.SIGINT)
        return nn.functional.cross_entropy(outputs, targets, reduction="none")

    problem = {**problem, "refine": refine, "x": "-1:1:21", "y": "-1:1:21"}
    whole = ll.surface(**problem, tolerance=0.1, loss=loss)
    needed = len(calls)
    calls.clear()
    stops.append(needed * 2 // 3)
    with pytest.raises(KeyboardInterrupt):
        ll.surface(**problem, tolerance=0.1, loss=loss, out=out)
    broken_off = load_surface(out)
    assert 0 < broken_off.counts()["done"] < whole.counts()["done"]
    assert len(broken_off.drawn["train_loss"]) == broken_off.counts()["done"]
    calls.clear()
    again = ll.surface(**problem, tolerance=0.1, loss=loss, out=out)
    # all samples at the centre once more (4000 in batches of 128), all in each corner, and the point that was broken off
    assert len(calls) < needed / 3 + 5 * 4000 / 128 + 50
    for name, values in whole.values.items():
        np.testing.assert_array_equal(again.values[name], values)
        np.testing.assert_array_equal(again.stderr.get(name, 0), whole.stderr.get(name, 0))
    np.testing.assert_array_equal(again.status["evaluation"], whole.status["evaluation"])
    assert again.provenance["run"]["reached"] == whole.provenance["run"]["reached"]
    assert not load_surface(out).drawn  # of no use after the end


def test_both_splits_and_a_line(problem):
    inputs, labels = problem["data"]
    data = {"train": (inputs[:3000], labels[:3000]), "test": (inputs[3000:], labels[3000:])}
    base = {key: value for key, value in problem.items() if key not in ("y", "data")} | {"x": "-1:1:101"}
    options = {"data": data, "split": ["train", "test"]}
    found, truth = ll.line(**base, **options, tolerance=0.05), ll.line(**base, **options)
    for name in ("train_loss", "test_loss"):
        error = np.abs(found.values[name] / truth.values[name] - 1)
        assert np.quantile(error, 0.95) < 0.05 and error.max() < 0.1
    assert {"train_samples", "test_samples"} <= set(found.values)


def test_toward_another_net_both_nets_are_exact(problem):
    torch.manual_seed(5)
    other = nn.Sequential(nn.Linear(8, 32), nn.Tanh(), nn.Linear(32, 5))
    options = {key: value for key, value in problem.items() if key != "y"} | {"x": "0:1:41", "to": other}
    found, truth = ll.line(**options, tolerance=0.05), ll.line(**options)
    for end in (0, -1):
        assert found.values["train_loss"][end] == pytest.approx(truth.values["train_loss"][end], rel=1e-3)


def test_a_loss_without_values_per_sample_saves_points_only(problem):
    def mean(outputs, targets):
        return nn.functional.cross_entropy(outputs, targets)

    found = ll.surface(**problem, loss=mean, tolerance=0.05)
    assert found.provenance["tolerance"] == {"asked": 0.05, "points": True, "samples": False}
    with pytest.raises(UsageError, match="mean of a batch"):
        ll.surface(**problem, loss=mean, tolerance=0.05, refine=False)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"tolerance": -0.1}, "tolerance -0.1: expected"),
        ({"tolerance": 2}, "tolerance 2: expected"),
        ({"tolerance": float("nan")}, "tolerance nan: expected"),
        ({"refine": False}, "needs tolerance="),
    ],
)
def test_what_cannot_be_meant_is_refused(problem, options, words):
    with pytest.raises(UsageError, match=words):
        ll.surface(**problem, **options)


@pytest.mark.parametrize("refine, ranks", [([], 4), (["--no-refine"], 3)])
def test_ranks_do_not_matter(here, command, basic, refine, ranks):
    """Census, rounds and estimates are the same bit for bit on 1, 3 and 4 ranks."""
    words = ["surface", "net.pt", *basic, "-x", "-1:1:9", "-y", "-1:1:7", "--tolerance", "0.3", *refine]
    assert main([*words, "-o", "alone.h5"]) == 0
    done = command(*words, "-o", "shared.h5", ranks=ranks)
    assert done.returncode == 0, done.stderr
    alone, shared = load_surface("alone.h5"), load_surface("shared.h5")
    for name, array in alone.values.items():
        np.testing.assert_array_equal(shared.values[name], array)
    for name, array in alone.stderr.items():
        np.testing.assert_array_equal(shared.stderr[name], array)
    assert shared.provenance["run"]["reached"] == alone.provenance["run"]["reached"]
    assert "asked: 30 %" in done.stdout


def test_a_run_that_was_stopped_before_its_end_was_written_ends_the_next_time(problem, tmp_path, monkeypatch):
    """All points are there, but not those between them: only `finish` is left to do."""
    from landscape.study import evaluation

    options = {**problem, "tolerance": 0.3, "samples": 200}

    def stopped(*_):
        signal.raise_signal(signal.SIGINT)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(evaluation, "finish", stopped)
        ll.surface(**options, refine=True, out=tmp_path / "s.h5")
    assert load_surface(tmp_path / "s.h5").counts()["pending"] > 0
    counts = ll.surface(**options, refine=True, out=tmp_path / "s.h5").counts()
    assert counts["pending"] == 0 and counts["interpolated"] > 0


FEW = {"threads": 1, "quiet": True, "tolerance": 0.05}


def smooth_data(dominant=0):
    """2000 samples; `dominant` of them carry the loss away from the net."""
    torch.manual_seed(0)
    net, inputs = (
        torch.nn.Sequential(torch.nn.Linear(6, 12), torch.nn.Tanh(), torch.nn.Linear(12, 4)),
        torch.randn(2000, 6),
    )
    if dominant:
        inputs[:: 2000 // dominant, 0] = 3000.0
    return {"model": net, "data": (inputs, torch.arange(2000) % 4)}


@pytest.mark.parametrize(
    "options", [{"x": "-0.3:0.3:41"}, {"x": "-0.2:0.2:13", "y": "-0.2:0.2:13"}, {"x": "-1:1:9", "refine": False}]
)
@pytest.mark.parametrize("dominant", [0, 2])
def test_a_dry_run_says_between_what_a_run_takes(options, dominant):
    run, made = ll.surface if "y" in options else ll.line, {**smooth_data(dominant), **options, **FEW}
    plan, reached = run(**made, dry_run=True), run(**made).known.run.reached
    assert plan.saving.least <= plan.saving.evaluations and plan.least_seconds <= plan.seconds
    if reached.points < reached.of or "refine" in options:
        assert plan.saving.least <= reached.evaluations <= plan.saving.evaluations


@pytest.mark.parametrize(
    ("least", "most", "words"),
    [
        (200, 1000, "with up to about 90 samples each, if the surface is smooth: 1/10 to 1/2 of all evaluations; a"),
        (200, 2000, "1/10 of all evaluations to all evaluations; a"),
        (200, 2060, "1/10 of all evaluations to 1.03 times all evaluations; a"),
        (2060, 2060, "smooth: 1.03 times all evaluations; a"),
        (1000, 1000, "smooth: 1/2 of all evaluations; a"),
    ],
)
def test_the_words_of_a_dry_run(least, most, words):
    from dataclasses import replace

    from landscape.recipes.words import plan_lines
    from landscape.study.study import Saving

    plan = ll.line(**smooth_data(), x="-0.3:0.3:20", dry_run=True, **FEW)
    plan = replace(plan, samples_per_point=100, pending=20, samples_per_second=10.0, saving=Saving(9, 90, most, least))
    (line,) = [line for line in plan_lines(plan) if line.startswith("saving")]
    assert words in line
    times = "about 20 s to " if least == 200 else "about "
    assert any(line.startswith(f"time     {times}") for line in plan_lines(plan))
