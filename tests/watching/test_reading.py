"""What is said of a result: ranges of what was computed and of nothing else."""

import dataclasses

import numpy as np

from landscape.surfaces.hdf5 import write_surface_file
from landscape.watching.reading import read, reading_of
from landscape.watching.state import RUNNING, State, progress_text


def test_ranges_are_those_of_the_points_that_are_done(grown):
    surface = grown(5)
    surface.values["train_loss"].flat[7] = -99.0  # pending: what stands there means nothing
    surface.values["train_loss"].flat[4] = np.inf
    found = reading_of(surface)
    assert found.columns == ("", "least", "greatest", "not finite")
    assert found.rows == (("train loss", "1", "4", "1"),)


def test_a_file_with_nothing_in_it_has_no_ranges(grown):
    assert reading_of(grown(0)).rows == ()


def test_states_of_one_run_are_one_run_and_others_are_not(grown):
    first = reading_of(grown(3)).run
    assert reading_of(grown(9)).run == first
    assert reading_of(grown(3, started="tomorrow")).run != first
    assert reading_of(grown(3, checkpoint={"sha256": "ab"})).run != first


def test_texts_of_a_file_cannot_act_on_a_terminal(grown, tmp_path):
    surface = grown(3, name="net\x1b[2J\nforged: 100 %")
    write_surface_file(surface, tmp_path / "a.h5")
    found = read(tmp_path / "a.h5")
    texts = [found.title, *found.facts, *(cell for row in found.rows for cell in row)]
    assert "\\x1b[2J" in found.title and all(text.isprintable() for text in texts)


def test_nothing_but_a_complete_run_is_said_to_be_at_100_percent(grown):
    count = reading_of(grown(19)).count
    nearly = dataclasses.replace(count, done=99_999, total=100_000)
    assert progress_text(nearly) == "99,999 of 100,000 points (99 %)"
    assert progress_text(reading_of(grown(20)).count).endswith("(100 %)")
    assert progress_text(reading_of(grown(4, failed=2)).count) == "4 of 20 points (20 %), 2 failed"


def test_slow_runs_are_counted_by_the_hour(grown):
    state = State("a.h5", RUNNING, reading=reading_of(grown(5)), rate=0.01, left=1500.0)
    assert state.line == "a.h5: 5 of 20 points (25 %), 36 points per hour, 25:00 left"
