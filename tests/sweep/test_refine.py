"""The sampler under a tolerance: few points of a smooth surface, all of a rough one, and a true estimate of the error."""

import numpy as np
import pytest

from landscape.grid import Grid, Range
from landscape.sweep.cells import Cell, knots, lattice
from landscape.sweep.predict import predict
from landscape.sweep.refine import Refined, fewest_points
from landscape.sweep.surrogate import Surrogate

LOSS = "train_loss"


def plane(points, reach=1.0):
    return Grid.of(Range(-reach, reach, points), Range(-reach, reach, points))


def bowl(grid):
    """A minimum with walls, over two decades, as a trained net has."""
    x, y = np.meshgrid(grid.axes[0].values, grid.axes[1].values)
    r2 = x**2 + 1.6 * y**2 + 0.5 * x * y
    return 0.05 + 4 * (1 - np.exp(-1.6 * r2)) + 2 * r2 * np.exp(0.3 * np.sin(3 * x + 2 * y))


def rugged(grid, seed=0):
    return np.exp(np.random.default_rng(seed).normal(size=grid.shape))


def complete(sampler, truth, *, extra=None, record=None):
    """Answers from the truth until nothing is asked; then all values, computed and interpolated."""
    extra = extra or {}
    while points := sampler.ask():
        assert not {p.index for p in points} & sampler.results.keys(), "asked again"
        if record is not None:
            record.append([p.index for p in points])
        sampler.tell(
            {
                p.index: {LOSS: float(truth.flat[p.index])} | {k: float(v.flat[p.index]) for k, v in extra.items()}
                for p in points
            }
        )
    results = sampler.results | sampler.rest()
    return np.array([results[i][LOSS] for i in range(truth.size)]).reshape(truth.shape)


@pytest.mark.parametrize(("points", "share"), [(25, 0.6), (51, 0.25), (101, 0.15)])
def test_a_smooth_surface_takes_few_points_and_is_within_the_tolerance(points, share):
    grid = plane(points)
    truth = bowl(grid)
    sampler = Refined(grid, 0.05, [LOSS])
    found = complete(sampler, truth)
    error = np.abs(found / truth - 1)
    assert len(sampler.results) < share * grid.size
    assert np.quantile(error, 0.95) < 0.05 and error.max() < 0.10
    assert not sampler.everything


def test_a_smaller_tolerance_takes_more_points_and_gives_smaller_errors():
    grid = plane(51)
    truth = bowl(grid)
    counts, errors = [], []
    for tolerance in (0.2, 0.05, 0.005):
        sampler = Refined(grid, tolerance, [LOSS])
        errors.append(np.quantile(np.abs(complete(sampler, truth) / truth - 1), 0.95))
        counts.append(len(sampler.results))
    assert counts == sorted(counts) and counts[0] < counts[2]
    assert errors[2] < 0.005 and errors[1] < 0.05


def test_a_rough_surface_is_computed_everywhere_and_says_so():
    grid = plane(31)
    truth = rugged(grid)
    sampler = Refined(grid, 0.05, [LOSS])
    assert np.array_equal(complete(sampler, truth), truth)
    assert sampler.everything and len(sampler.results) == grid.size and sampler.rest() == {}


def test_a_rough_corner_is_looked_at_closely_and_the_rest_is_not():
    grid = plane(61)
    x, y = np.meshgrid(grid.axes[0].values, grid.axes[1].values)
    truth = bowl(grid) * np.exp(np.where((x > 0.4) & (y > 0.4), np.random.default_rng(1).normal(size=grid.shape), 0.0))
    sampler = Refined(grid, 0.05, [LOSS])
    found = complete(sampler, truth)
    computed = np.zeros(grid.size, bool)
    computed[list(sampler.results)] = True
    computed = computed.reshape(grid.shape)
    rough = (x > 0.45) & (y > 0.45)
    assert computed[rough].mean() > 0.9 and computed[x < 0].mean() < 0.5
    assert np.quantile(np.abs(found / truth - 1), 0.95) < 0.05


def test_the_checks_tell_the_error_of_interpolation():
    grid = plane(51)
    truth = bowl(grid) * np.exp(0.03 * np.sin(25 * grid.axes[0].values)[None, :])
    sampler = Refined(grid, 0.3, [LOSS])
    found = complete(sampler, truth)
    left = [i for i in range(grid.size) if i not in sampler.results]
    true_error = np.abs(np.log(found / truth)).flat[left]
    stated = np.array(list(sampler.checks.values()))
    assert 30 <= len(stated) <= 64
    assert 0.5 < np.sqrt(np.mean(stated**2)) / np.sqrt(np.mean(true_error**2)) < 2


def test_a_ripple_that_the_lattice_cannot_see_is_found_by_the_checks():
    """Zero on the lattice and in the middle of its cells, not elsewhere."""
    grid = plane(49)
    i = np.arange(49)
    ripple = np.sin(np.pi * i / 2)[None, :] * np.cos(np.pi * i / 2)[:, None]
    truth = np.exp(0.5 * ripple)
    sampler = Refined(grid, 0.05, [LOSS])
    assert np.all(ripple.flat[[p.index for p in sampler.ask()]] < 1e-12)
    error = np.abs(complete(Refined(grid, 0.05, [LOSS]), truth) / truth - 1)
    assert np.quantile(error, 0.95) < 0.05


@pytest.mark.parametrize("kept", [0.0, 0.3, 0.9])
def test_a_continued_run_asks_for_what_is_missing_and_ends_the_same(kept):
    grid = plane(41)
    truth = bowl(grid) * np.exp(0.2 * rugged(grid) * (grid.axes[0].values > 0.5))
    first = Refined(grid, 0.05, [LOSS])
    expected = complete(first, truth)
    generator = np.random.default_rng(2)
    known = {i: r for i, r in first.results.items() if generator.random() < kept}
    again = Refined(grid, 0.05, [LOSS], known=known)
    asked = []
    assert np.array_equal(complete(again, truth, record=asked), expected)
    assert again.results == first.results and again.checks == first.checks
    assert not known.keys() & {i for each in asked for i in each}


def test_the_centre_is_in_the_first_round():
    for points in (30, 31, 50, 51):
        grid = plane(points)
        centre = min(range(grid.size), key=lambda i: np.hypot(*grid.coordinates(i)))
        assert centre in {p.index for p in Refined(grid, 0.05, [LOSS]).ask()}


def test_both_nets_of_a_line_are_in_the_first_round():
    grid = Grid.of(Range(-0.5, 1.5, 41))
    asked = {p.coords[0] for p in Refined(grid, 0.05, [LOSS], through=(0.0, 1.0)).ask()}
    assert {0.0, 1.0, -0.5, 1.5} <= asked


def test_a_line_is_refined_where_it_bends():
    grid = Grid.of(Range(-1, 1, 201))
    x = grid.axes[0].values
    truth = 0.1 + np.abs(x) ** 2 + 2 / (1 + np.exp(-60 * (x - 0.5)))
    sampler = Refined(grid, 0.02, [LOSS])
    found = complete(sampler, truth)
    assert np.abs(found / truth - 1).max() < 0.04
    computed = np.isin(np.arange(201), list(sampler.results))
    assert computed[np.abs(x - 0.5) < 0.05].mean() > 1.5 * computed[x < 0].mean()


def test_values_that_are_not_finite_are_results_and_are_hemmed_in():
    grid = plane(41)
    x, y = np.meshgrid(grid.axes[0].values, grid.axes[1].values)
    truth = np.where(x + y > 1.2, np.inf, bowl(grid))
    sampler = Refined(grid, 0.05, [LOSS])
    found = complete(sampler, truth)
    finite = np.isfinite(truth)
    assert np.quantile(np.abs(found[finite] / truth[finite] - 1), 0.95) < 0.05
    edge = np.abs(x + y - 1.2) < 0.06
    assert np.isin(np.arange(grid.size), list(sampler.results)).reshape(grid.shape)[edge].mean() > 0.9


def test_losses_below_zero_are_interpolated_as_they_are():
    grid = plane(41)
    truth = bowl(grid) - 2.0
    sampler = Refined(grid, 0.05, [LOSS])
    found = complete(sampler, truth)
    assert np.quantile(np.abs(found - truth), 0.95) < 0.05 * np.ptp(truth)
    assert len(sampler.results) < 0.4 * grid.size


def test_other_metrics_stay_within_the_values_around_them():
    grid = plane(41)
    truth = bowl(grid)
    steps = (truth < 1.5).astype(float)
    sampler = Refined(grid, 0.05, [LOSS])
    complete(sampler, truth, extra={"train_accuracy": steps})
    between = [r["train_accuracy"] for r in sampler.rest().values()]
    assert min(between) >= 0.0 and max(between) <= 1.0 and len(between) > 100


def test_every_driver_counts():
    grid = plane(31)
    sampler = Refined(grid, 0.05, [LOSS, "test_loss"])
    complete(sampler, bowl(grid), extra={"test_loss": rugged(grid)})
    assert sampler.everything


@pytest.mark.parametrize("shape", [(2,), (5,), (2, 2), (3, 7), (9, 4)])
def test_small_grids_end_complete(shape):
    grid = Grid.of(*(Range(-1, 1, n) for n in reversed(shape)))
    truth = rugged(grid)
    sampler = Refined(grid, 0.05, [LOSS])
    assert np.isfinite(complete(sampler, truth)).all()


def test_noise_that_the_standard_errors_explain_is_no_roughness():
    grid = plane(51)
    truth = bowl(grid)
    noisy = truth * np.exp(0.02 * np.random.default_rng(3).normal(size=grid.shape))
    stated = {"stderr/" + LOSS: 0.02 * noisy}
    blind = Refined(grid, 0.03, [LOSS])
    complete(blind, noisy, extra=stated)
    aware = Refined(grid, 0.03, [LOSS], noisy=True)
    complete(aware, noisy, extra=stated)
    assert len(aware.results) < 0.7 * len(blind.results)


def test_a_lattice_covers_the_grid_once_and_its_parts_reach_every_point():
    for counts, through in (((51, 51), (25, 25)), ((7, 30), (3, 11)), ((2, 9), (0, 4))):
        cells = lattice([knots(n, 4, [t]) for n, t in zip(counts, through, strict=True)])
        assert sum(cell.size for cell in cells) == np.prod([n - 1 for n in counts])
        seen, todo = set(), list(cells)
        while todo:
            cell = todo.pop()
            seen |= {*cell.corners(), cell.middle, *cell.edge_middles()}
            todo += cell.children()
        assert seen == set(np.ndindex(*counts))


def test_children_share_the_cell():
    cell = Cell((0, 0), (5, 4))
    assert sum(part.size for part in cell.children()) == cell.size


def test_a_corner_that_is_not_finite_is_hemmed_in_though_nothing_foretold_it():
    grid = plane(41)
    x, y = np.meshgrid(grid.axes[0].values, grid.axes[1].values)
    truth = np.where(x + y > 1.88, np.inf, bowl(grid))
    found = complete(Refined(grid, 0.05, [LOSS]), truth)
    assert np.isinf(truth).sum() == 6
    assert np.array_equal(np.isinf(found), np.isinf(truth))


def test_checks_tell_of_the_worst_driver():
    grid = plane(51)
    sampler = Refined(grid, 0.05, ["test_loss", LOSS])
    complete(sampler, bowl(grid), extra={"test_loss": np.ones(grid.shape)})
    assert min(sampler.checks.values()) > 0


def test_the_first_error_of_a_prediction_is_kept():
    """Later the point itself is among the known ones, and would predict itself."""
    surrogate = Surrogate((7, 7), [LOSS])
    first, then = [n for n in range(49) if n % 3], [0, 3, 6]
    results = {n: {LOSS: float(1 + n**1.5)} for n in range(49)}
    surrogate.update(first, results)
    surrogate.update(then, results, surrogate.predict(then))
    before = surrogate.excess_at(then)
    assert (before > 1e-6).all()
    surrogate.update(then, results, surrogate.predict(then))
    assert np.array_equal(surrogate.excess_at(then), before)


@pytest.mark.parametrize("shape", [(41, 33), (7, 5), (2, 2), (101,)])
def test_the_fewest_points_are_those_expected_when_a_run_begins(shape):
    sampler = Refined(Grid.of(*(Range(-1, 1, count) for count in shape)), 0.1, [LOSS])
    sampler.ask()
    assert fewest_points(sampler.grid) == sampler.expected


@pytest.mark.parametrize(
    ("errors", "passed"), [([0.9] * 38 + [1.9] * 2, True), ([0.9] * 37 + [1.1] * 3, False), ([0.0] * 39 + [2.1], False)]
)
def test_checks_pass_with_few_errors_beyond_the_tolerance_and_none_beyond_two(errors, passed):
    sampler = Refined(plane(9), 0.01, [LOSS])
    assert sampler._passed(0.01 * np.array(errors)) == passed


def test_a_cell_beside_one_that_was_predicted_badly_is_rough_too():
    """Its own middle may lie where two errors cancel."""
    sampler, cell = Refined(plane(13), 0.01, [LOSS]), Cell((0, 0), (4, 4))
    for excess, rough in ((0.015, False), (0.025, True)):
        sampler._surrogate.excess[2, 6] = excess
        assert sampler._rough(cell, 0.01) == rough
        assert not sampler._rough(Cell((8, 0), (12, 4)), 0.01)


@pytest.mark.parametrize(("low", "unit"), [(-1.0, 4.0), (0.05, 0.1)])
def test_noise_explains_a_difference_on_the_scale_of_the_values(low, unit):
    """In units of their spread where some are negative, and of the value itself where all are positive."""
    surrogate = Surrogate((3,), [LOSS], noisy=True)
    surrogate.update([0, 2], {0: {LOSS: low}, 2: {LOSS: 3.0}})
    expected = 0.1 / unit if low < 0 else np.log(0.1)
    surrogate.update([1], {1: {LOSS: 0.1, f"stderr/{LOSS}": 0.02}}, {LOSS: np.array([expected + 0.5])})
    noise = 1.96 * 1.4**0.5 * 0.02 / unit
    assert surrogate.errors[1] == pytest.approx(0.5)
    assert surrogate.excess[1] == pytest.approx((0.25 - min(noise, 0.5) ** 2) ** 0.5)


@pytest.mark.parametrize("bad", [np.inf, -np.inf, np.nan])
def test_what_is_not_finite_spoils_no_prediction_of_others(bad):
    known = np.argwhere(np.ones((4, 4), bool))
    values = known @ [1.0, 2.0]
    values[5] = bad
    assert predict(known, values, np.array([[1.5, 2.5]])) == pytest.approx([6.5])
