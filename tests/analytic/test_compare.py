"""Laws of comparing optimizers: the rates that are taken, the names of paths, and that the file holds what was computed."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

import landscape as ll
from landscape.analytic.compare import RATES, DescentAsked, compared, end_value, over_rates
from landscape.analytic.descent import noise_of
from landscape.analytic.functions import FUNCTIONS
from landscape.analytic.methods import method_of
from landscape.errors import LandscapeError, UsageError
from landscape.grid import parse_range
from landscape.recipes.optimizer_lines import table_lines
from landscape.surfaces import load_surface
from landscape.surfaces.hdf5 import write_surface_file

BOWL = FUNCTIONS["narrow_bowl"]
ASKED = DescentAsked(
    function=BOWL, optimizers=["sgd", "momentum", "newton"], rates=None, steps=20, start=BOWL.start, noise=0.0, seed=0,
    level=None, x=parse_range((-3, 3, 7)), y=parse_range((-2, 2, 5)),
)  # fmt: skip


def test_the_rate_that_is_taken_ends_lowest_within_the_window():
    """On this bowl gradient descent ends lowest with the largest of the rates below 2 / 25, where it converges."""
    made = compared(ASKED).known.descent
    assert made.optimizers[0] == "sgd(lr=0.03)" and made.optimizers[2] == "newton" and made.rates == list(RATES)
    runs = over_rates(ASKED, method_of("sgd"), noise_of(0.0, 20, 0))
    assert [run.diverged is not None for _, run in runs][-2:] == [True, True]  # rates of 0.3 and 1
    ends = [end_value(run) for _, run in runs]
    assert min(ends) == ends[RATES.index(0.03)] and ends[-1] == math.inf


def test_a_rate_that_leaves_the_window_is_taken_only_if_all_do():
    """A flat slope down to the right: the larger the rate the lower, until it leaves."""
    slope = replace(BOWL, of=lambda x, y: -x + 0 * y, minima=(), minimum=None, pointwise=True)
    asked = replace(ASKED, function=slope, optimizers=["sgd"], start=(-2.9, 0.0))
    assert compared(asked).known.descent.optimizers == [
        "sgd(lr=0.1)"
    ]  # 0.1 * 20 steps; 0.3 would be 3.1 to the right of 3
    asked = replace(asked, x=parse_range((-3, -2.899, 5)))
    assert compared(asked).known.descent.optimizers == ["sgd(lr=1.0)"]


def test_rates_that_are_given_are_all_taken_and_name_the_paths():
    surface = compared(replace(ASKED, optimizers=["sgd", "adam(lr=0.5)", "newton"], rates=[0.01, 0.1]))
    assert list(surface.trails) == ["sgd(lr=0.01)", "sgd(lr=0.1)", "adam", "newton", "minima"]
    assert surface.known.descent.optimizers == ["sgd(lr=0.01)", "sgd(lr=0.1)", "adam(lr=0.5)", "newton"]
    assert surface.known.descent.rates is None


def test_the_values_are_those_of_the_function():
    surface = compared(ASKED)
    assert surface.shape == (5, 7)
    np.testing.assert_allclose(surface.values["value"], (surface.x**2 + 25 * surface.y[:, None] ** 2) / 2, rtol=1e-15)
    assert surface.counts()["done"] == 35
    assert surface.at_origin("value") is None  # 0, 0 is nothing special to a formula


def test_the_level_is_what_is_left_of_the_way_down():
    first = (2.5**2 + 25) / 2
    assert compared(ASKED).known.run.level == pytest.approx(0.01 * first)
    assert compared(replace(ASKED, level=3.0)).known.run.level == 3.0
    monkey = replace(ASKED, function=FUNCTIONS["monkey_saddle"], start=(1.0, 0.5), optimizers=["newton"])
    assert compared(monkey).known.run.level is None


def test_a_file_keeps_paths_their_order_and_how_they_ended(tmp_path):
    surface = compared(replace(ASKED, optimizers=["sgd", "newton", "adam"], rates=[0.3]))
    write_surface_file(surface, tmp_path / "paths.h5")
    found = load_surface(tmp_path / "paths.h5")
    assert list(found.trails) == ["sgd", "newton", "adam", "minima"]
    assert found.trails["sgd"].ended == surface.trails["sgd"].ended != "" and found.trails["adam"].ended == ""
    for name in ("sgd", "newton", "adam"):
        kept, made = found.trails[name], surface.trails[name]
        assert kept.nets == () and (kept.status == 1).all() and kept.clock == "step"
        for key in ("x", "y", "step"):
            np.testing.assert_array_equal(getattr(kept, key), getattr(made, key))
        for key in ("value", "slope", "gradients"):
            np.testing.assert_array_equal(kept.metrics[key], made.metrics[key])
    assert found.grid.same_as(surface.grid) and found.grid.axes[0].kind == "coordinate"
    assert found.provenance == surface.provenance


def test_the_table_says_steps_gradients_and_divergence():
    surface = compared(replace(ASKED, optimizers=["sgd", "newton", "lbfgs"], rates=[0.3]))
    _, head, sgd, newton, lbfgs = table_lines(surface)
    assert head.split() == ["optimizer", "final", "value", "steps", "to", "level", "gradients"]
    assert sgd.split()[:1] == ["sgd(lr=0.3)"] and sgd.endswith(f"diverged at step {len(surface.trails['sgd'].x)}")
    assert newton.split() == ["newton", "0", "1", "20"]
    assert int(lbfgs.split()[-1]) > 20


def test_the_same_run_is_found_again_and_another_is_refused(tmp_path):
    out = tmp_path / "bowl.h5"
    options = {"optimizers": "sgd,newton", "lr": 0.01, "steps": 5, "x": (-3, 3, 5), "y": (-2, 2, 5), "out": out}
    first = ll.optimizers("narrow_bowl", **options)
    again = ll.optimizers("narrow_bowl", **options, level=1.0)
    assert again.known.run.level == 1.0 and load_surface(out).known.run.level == 1.0
    np.testing.assert_array_equal(first.trails["sgd"].x, again.trails["sgd"].x)
    with pytest.raises(LandscapeError, match="descent.noise is not set in the file, 0.5 now"):
        ll.optimizers("narrow_bowl", **options, noise=0.5)
    ll.optimizers("narrow_bowl", **options, noise=0.5, overwrite=True)
    assert load_surface(out).known.descent.noise == 0.5


def test_an_edited_function_is_another_run(tmp_path):
    options = {"optimizers": "newton", "steps": 2, "x": (-2, 2, 5), "y": (-2, 2, 5), "out": tmp_path / "mine.h5"}
    code = tmp_path / "mine.py"
    code.write_text("def f(x, y):\n    return x * x + y * y\n")
    ll.optimizers(f"{code}:f", **options)
    code.write_text("def f(x, y):\n    return x * x + 2 * y * y\n")
    with pytest.raises(LandscapeError, match="descent.fingerprint"):
        ll.optimizers(f"{code}:f", **options)


def test_several_functions_are_a_list_and_a_file_each(tmp_path):
    options = {"optimizers": ["newton"], "steps": 2, "out": tmp_path / "all.h5"}
    made = ll.optimizers(["bowl", lambda x, y: x * x + y * y], **options)
    assert [surface.known.descent.label for surface in made] == ["Round bowl", "<lambda>"]
    assert (tmp_path / "all_bowl.h5").exists() and len(list(tmp_path.glob("all_*.h5"))) == 2


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"lr": "fast"}, "lr fast: expected auto, or rates above 0"),
        ({"lr": [0.1, -1]}, "expected auto, or rates above 0"),
        ({"start": "1"}, "start 1: expected two numbers"),
        ({"start": (9, 9)}, "start 9,9: x is not within -3 to 3"),
        ({"noise": -1.0}, "noise -1: expected"),
        ({"x": (-1e31, 1e31, 5)}, "expected a window within 1e"),
        ({"noise": math.nan}, "noise nan: expected"),
        ({"steps": 0}, "steps 0: expected"),
        ({"level": math.inf}, "level inf: expected"),
        ({"optimizers": []}, "expected one or more names"),
        ({"optimizers": "adam,adam"}, "optimizer 'adam' is given twice"),
        ({"optimizer": "adam"}, "did you mean optimizers"),
    ],
)
def test_bad_input_is_one_line(options, words):
    with pytest.raises(UsageError, match=words) as raised:
        ll.optimizers("bowl", **options)
    assert "\n" not in str(raised.value)


def test_under_a_launcher_only_the_first_rank_writes(tmp_path, monkeypatch):
    options = {"optimizers": "newton", "steps": 2, "out": tmp_path / "bowl.h5"}
    monkeypatch.setenv("PMI_SIZE", "2")
    monkeypatch.setenv("PMI_RANK", "1")
    other = ll.optimizers("bowl", **options)
    assert not (tmp_path / "bowl.h5").exists()
    monkeypatch.setenv("PMI_RANK", "0")
    first = ll.optimizers("bowl", **options)
    assert (tmp_path / "bowl.h5").exists()
    np.testing.assert_array_equal(first.trails["newton"].x, other.trails["newton"].x)
