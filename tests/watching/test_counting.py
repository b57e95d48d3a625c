"""What is done is what the status says, never what the values look like."""

import json
import math

import numpy as np
import pytest

from landscape.grid import Grid, Range
from landscape.surfaces.run_log import load_run
from landscape.surfaces.spectrum import Block, Spectrum
from landscape.surfaces.surface import DONE, FAILED, INTERPOLATED, PENDING, Surface
from landscape.watching.counting import Count, count_of


@pytest.mark.parametrize("seed", range(5))
def test_points_done_are_those_that_the_status_names_for_any_values(seed):
    draw = np.random.default_rng(seed)
    status = draw.choice([PENDING, DONE, FAILED, INTERPOLATED], (6, 7)).astype(np.uint8)
    values = draw.choice([0.0, -1.0, np.nan, np.inf, 3.0], (6, 7))
    found = count_of(
        Surface(Grid.of(Range(-1, 1, 7), Range(-1, 1, 6)), {"train_loss": values}, {}, {"evaluation": status})
    )
    done = sum(int(code) in (DONE, INTERPOLATED) for code in status.flat)
    assert (found.done, found.total, found.failed) == (done, 42, int((status == FAILED).sum()))
    assert not found.complete


def test_a_measurement_that_was_added_is_counted_on_the_points_that_it_is_asked_for(grown):
    surface = grown(20)
    hessian = np.full(surface.shape, PENDING, np.uint8)
    planned = np.ix_(*surface.grid.lattice(2))
    surface.status["hessian"] = hessian
    surface.provenance["run"]["hessian"] = {"every": 2}
    assert count_of(surface) == Count(0, hessian[planned].size, "points")
    hessian[planned] = DONE
    assert count_of(surface).complete
    surface.provenance["run"]["hessian"] = {"every": 1}
    assert not count_of(surface).complete


def test_a_run_that_leaves_out_points_has_at_most_as_many_as_its_grid(grown):
    leaves_out = {"asked": 0.05, "points": True, "samples": False}
    assert count_of(grown(3, tolerance=leaves_out)).at_most
    assert not count_of(grown(3)).at_most and not count_of(grown(20, tolerance=leaves_out)).at_most


def test_a_spectrum_is_done_when_every_task_is():
    asked = {"spectrum": {"probes": 2, "trace_products": 9, "sharpness": True}}
    ends, rows = np.array([-1.0, 2.0]), np.full((2, 3), np.nan)
    first = np.array([[0.0, 1.0, 2.0], [np.nan] * 3])
    steps = [
        (Block("all", 9), 0),
        (Block("all", 9, ends, ends * 0), 1),
        (Block("all", 9, ends, ends * 0, rows, rows, trace=1.0), 2),
        (Block("all", 9, ends, ends * 0, first, first / 3, trace=1.0), 3),
        (Block("all", 9, ends, ends * 0, first[[0, 0]], first[[0, 0]] / 3, trace=1.0, sharpness=4.0), 5),
    ]
    for block, done in steps:
        found = count_of(Spectrum({"all": block}, asked))
        assert (found.done, found.total, found.complete) == (done, 5, done == 5)


def test_a_training_run_counts_the_epochs_and_ends_with_its_last_net(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"epochs": 4}))
    (tmp_path / "log.csv").write_text("step,epoch,train_loss\n10,1.0,2.0\n25,2.5,1.5\n")
    assert count_of(load_run(tmp_path)) == Count(2.5, 4.0, "epochs")
    (tmp_path / "final.pt").touch()
    assert count_of(load_run(tmp_path)).complete
    for odd in (None, "many", math.nan, 0):
        (tmp_path / "config.json").write_text(json.dumps({"epochs": odd}) if odd == odd else '{"epochs": NaN}')
        assert count_of(load_run(tmp_path)).total is None
