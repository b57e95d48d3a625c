"""Laws of sweeps over learning rates: each point is the path at that rate, and stability ends where theory says."""

from __future__ import annotations

import numpy as np
import pytest

import landscape as ll
from landscape.analytic.compare import end_value
from landscape.analytic.descent import descend, noise_of
from landscape.analytic.functions import FUNCTIONS
from landscape.analytic.methods import method_of
from landscape.errors import LandscapeError, UsageError
from landscape.scene.build import build_scenes
from landscape.scene.kinds import default_kind
from landscape.surfaces import load_surface


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    out = tmp_path_factory.mktemp("sweep") / "bowl.h5"
    ll.optimizers("narrow_bowl", optimizers="sgd,momentum", sweep="0.001:10:9", steps=300, out=out)
    return out


def test_each_point_is_the_path_at_that_rate(file):
    surface = load_surface(file)
    np.testing.assert_allclose(surface.x, np.linspace(-3, 1, 9), atol=1e-12)
    bowl, level = FUNCTIONS["narrow_bowl"], surface.known.run.level
    for name in ("sgd", "momentum"):
        for number in (0, 3, 5, 8):
            rate = 0.001 * 10000 ** (number / 8)
            found = descend(bowl, bowl.start, method_of(f"{name}(lr={rate})"), noise_of(0.0, 300, 0))
            assert surface.values[name][number] == end_value(found)
            steps = found.steps_to(level)
            np.testing.assert_equal(surface.values[f"{name} steps"][number], np.nan if steps is None else steps)


def test_gradient_descent_diverges_beyond_two_over_the_curvature_and_heavy_ball_later(file):
    """2 / lambda, and 2 (1 + m) / lambda with momentum m (Polyak 1964)."""
    surface = load_surface(file)
    rates = 10**surface.x
    assert (np.isinf(surface.values["sgd"]) == (rates > 2 / 25)).all()
    assert (np.isinf(surface.values["momentum"]) == (rates > 2 * 1.9 / 25)).all()
    assert np.isinf(surface.values["sgd"]).any() and not np.isinf(surface.values["sgd"]).all()


def test_the_picture_shows_both_and_says_what_diverged(file, tmp_path):
    surface = load_surface(file)
    assert default_kind(surface).name == "rates"
    (scene,) = build_scenes([surface], kind="rates")
    view = scene.views[0]
    assert [curve.label for curve in view.curves] == ["sgd", "momentum"] and len(view.strips) == 1
    for curve in view.curves:
        assert (np.isnan(curve.y) == np.isinf(surface.values[curve.label])).all()
    lost = int(np.isinf(surface.values["sgd"]).sum())
    assert f"sgd: diverged at {lost} of 9 rates" in view.notes
    assert len(ll.plot(surface, out=[tmp_path / "a.png", tmp_path / "a.html"])) == 2


def test_a_sweep_is_another_run_than_paths_and_than_another_sweep(file, tmp_path):
    options = {"optimizers": "sgd,momentum", "steps": 300, "out": file}
    with pytest.raises(LandscapeError, match="the grid is"):
        ll.optimizers("narrow_bowl", **options)
    with pytest.raises(LandscapeError, match="the grid is"):
        ll.optimizers("narrow_bowl", **options, sweep="0.001:1:9")
    again = ll.optimizers("narrow_bowl", **options, sweep=(0.001, 10, 9))
    np.testing.assert_array_equal(again.values["sgd"], load_surface(file).values["sgd"])


def test_all_that_diverges_and_no_level_are_drawn_too(tmp_path):
    gone = ll.optimizers("beale", optimizers="sgd", start=(-4, -4), sweep="1:10:3", steps=4)
    assert np.isinf(gone.values["sgd"]).all() and ll.plot(gone, out=tmp_path / "gone.png")
    free = ll.optimizers("monkey_saddle", optimizers="sgd", sweep="1e-3:1e-2:3", steps=4)
    assert list(free.values) == ["sgd"] and ll.plot(free, out=tmp_path / "free.png")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"sweep": "0:1:5"}, "expected rates above 0"),
        ({"sweep": "0.1"}, "sweep range '0.1': expected from:to:points"),
        ({"sweep": "0.1:1:5", "lr": 0.1}, "sweep and lr both say"),
        ({"sweep": "0.1:1:5", "optimizers": "newton"}, "optimizer 'newton': has its learning rate already"),
        ({"sweep": "0.1:1:5", "optimizers": "adam(lr=0.1)"}, "has its learning rate already"),
        ({"sweep": "0.1:1:100000"}, "at most 1000"),
    ],
)
def test_what_cannot_be_swept_is_one_line(options, words):
    with pytest.raises(UsageError, match=words):
        ll.optimizers("bowl", **options)
