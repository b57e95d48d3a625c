"""The thinned grid is read off what is done, whatever runs there were and however far they came."""

from dataclasses import replace

import numpy as np
import pytest

from landscape.grid import Axis, Grid, Range
from landscape.scene.holes import NOT_COMPUTED, holes_of
from landscape.scene.thin import thinned, thinning_notes
from landscape.surfaces.surface import Surface


def surface_of(status, *, told=None, axis=None):
    """Curvature where the status is 1; the value of a point is its number."""
    status = np.asarray(status, np.uint8)
    values = np.where(status > 0, np.arange(status.size, dtype=float).reshape(status.shape), np.nan)
    grid = Grid((axis,)) if axis else Grid.of(*(Range(-1, 1, n) for n in reversed(status.shape)))
    run = {} if told is None else {"run": {"hessian": {"every": told}}}
    loss, marks = np.ones(status.shape), {"evaluation": np.ones_like(status), "hessian": status}
    return Surface(grid, {"train_loss": loss, "hessian_max": values}, status=marks, provenance=run)


def lattice(every, ny=13, nx=17, done=1.0):
    """The status of a run over every so many points, counted from the middle, whose first points are done."""
    status = np.zeros((ny, nx), np.uint8)
    rows, columns = np.arange(ny // 2 % every, ny, every), np.arange(nx // 2 % every, nx, every)
    points = [(row, column) for row in rows for column in columns]
    for point in points[: round(done * len(points))]:
        status[point] = 1
    return status


def steps(values, whole):
    """By how many points of the whole axis neighbours are apart."""
    return set(np.diff(np.searchsorted(whole, values)).tolist())


# Told a divisor of its own thinning, a file is that of an unfinished run over more points.
@pytest.mark.parametrize(
    ("every", "told"), [(k, t) for k in (2, 3, 4, 5) for t in (None, 2, 3, 4) if not t or k == t or k % t]
)
def test_a_finished_run_has_no_hole_whatever_the_file_says_of_it(every, told):
    whole = surface_of(lattice(every), told=told)
    part = thinned(whole, "hessian_max")
    assert part.shape == tuple(len(range(n // 2 % every, n, every)) for n in whole.shape)
    assert (holes_of(part, "hessian_max") == 0).all()
    assert steps(part.x, whole.x) == {every}
    assert 0.0 in part.x and 0.0 in part.y
    rows, columns = np.searchsorted(whole.y, part.y), np.searchsorted(whole.x, part.x)
    np.testing.assert_array_equal(part.values["hessian_max"], whole.values["hessian_max"][np.ix_(rows, columns)])
    assert part.values["train_loss"].shape == part.status["evaluation"].shape == part.shape


def test_an_evaluation_under_way_is_drawn_on_the_finest_lattice_that_is_done():
    whole = surface_of(lattice(1))
    begun = replace(whole, status={"evaluation": lattice(4)})
    assert thinned(begun, "train_loss").shape == (3, 5)
    rows = np.zeros((13, 17), np.uint8)
    rows[:4] = 1
    row_by_row = replace(whole, status={"evaluation": rows})
    assert thinned(row_by_row, "train_loss") is row_by_row


def test_losses_and_full_grids_stay_as_they_are():
    thin, full = surface_of(lattice(3), told=3), surface_of(np.ones((5, 7)), told=1)
    assert thinned(thin, "train_loss") is thin
    assert thinned(full, "hessian_max") is full
    late = surface_of(lattice(1), told=5)
    assert thinned(late, "hessian_max") is late, "a coarser run after a finer one takes nothing away"


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9])
def test_an_unfinished_run_has_its_holes_inside_its_own_grid(share):
    whole = surface_of(lattice(2, done=share), told=2)
    part = thinned(whole, "hessian_max")
    assert (steps(part.x, whole.x), steps(part.y, whole.y)) == ({2}, {2})
    assert part.shape == (7, 9)
    holes = holes_of(part, "hessian_max")
    assert (holes == NOT_COMPUTED).sum() == 63 - round(share * 63)
    assert (holes[holes != NOT_COMPUTED] == 0).all()


def test_an_unfinished_run_of_which_nothing_is_told_ends_where_it_has_come():
    part = thinned(surface_of(lattice(2, done=0.5)), "hessian_max")
    assert part.shape == (4, 9), "32 of 63 points: three rows and a half"
    assert (holes_of(part, "hessian_max") == NOT_COMPUTED).sum() == 4


def test_a_full_run_that_has_begun_is_full_of_holes():
    begun = surface_of(lattice(1, done=0.3), told=1)
    assert thinned(begun, "hessian_max") is begun


def test_a_finer_run_takes_over_when_it_shows_more():
    def shown(share):
        whole = surface_of(lattice(4) | lattice(2, done=share), told=2)
        part = thinned(whole, "hessian_max")
        return steps(part.x, whole.x), bool(holes_of(part, "hessian_max").any())

    assert shown(0.2) == ({4}, False)
    assert shown(0.7) == ({2}, True)
    assert shown(1.0) == ({2}, False)


def test_a_coarse_grid_makes_way_for_a_finer_one_that_has_far_more_points():
    whole = surface_of(lattice(4) | lattice(1, done=0.4), told=1)
    assert thinned(whole, "hessian_max") is whole, "15 points of one grid, 88 of the other"


def test_runs_whose_grids_do_not_fit_into_each_other_are_not_mixed():
    whole = surface_of(lattice(3) | lattice(2), told=2)
    part = thinned(whole, "hessian_max")
    assert (steps(part.x, whole.x), steps(part.y, whole.y)) == ({2}, {2})
    assert not holes_of(part, "hessian_max").any()


def test_failed_points_are_part_of_the_grid():
    status = lattice(4)
    status[2, 4] = 2
    part = thinned(surface_of(status, told=4), "hessian_max")
    assert np.argwhere(holes_of(part, "hessian_max")).tolist() == [[0, 1]]


@pytest.mark.parametrize("every", [9, 100])
def test_a_grid_of_one_row_is_no_grid(every):
    whole = surface_of(lattice(every), told=every)
    assert thinned(whole, "hessian_max") is whole
    before = surface_of(lattice(4), told=every)
    assert thinned(before, "hessian_max").shape == (3, 5), "what was there before is still drawn"


def test_along_an_axis_without_zero_points_are_counted_from_the_middle():
    status = np.zeros(11, np.uint8)
    status[5 % 3 :: 3] = 1
    axis = Axis("x", np.arange(11) * 100.0 + 50, "training step", "step")
    part = thinned(surface_of(status, told=3, axis=axis), "hessian_max")
    assert part.x.tolist() == [250, 550, 850]
    assert (part.grid.axes[0].label, part.grid.axes[0].kind) == ("training step", "step")


def test_the_part_is_told():
    whole = surface_of(lattice(4), told=4)
    assert thinning_notes(whole, thinned(whole, "hessian_max")) == ["on 5 × 3 of the 17 × 13 grid points"]
    assert thinning_notes(whole, whole) == []
