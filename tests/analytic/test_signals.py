"""Laws of the answers of optimizers to gradients over time: those of their formulas."""

from __future__ import annotations

import numpy as np
import pytest

import landscape as ll
from landscape.analytic.methods import method_of
from landscape.analytic.signals import SIGNALS, response
from landscape.errors import UsageError
from landscape.scene.build import build_scenes
from landscape.scene.kinds import default_kind
from landscape.surfaces import load_surface

COUNT = 80
RECTANGLE = SIGNALS["rectangle"][1](COUNT, 0)


def answer(text, signal=RECTANGLE):
    return response(method_of(text), signal)


def test_signals_are_what_they_are_called():
    assert RECTANGLE.sum() == COUNT // 4 and set(RECTANGLE) == {0.0, 1.0} and np.abs(np.diff(RECTANGLE)).sum() == 2
    spikes = SIGNALS["spikes"][1](COUNT, 0)
    assert spikes.sum() == 8 and not (spikes[1:] * spikes[:-1]).any()
    noise = SIGNALS["noise"][1](20_000, 3)
    assert noise.std() == pytest.approx(1.0, rel=0.02) and abs(noise.mean()) < 0.03
    assert not np.array_equal(noise, SIGNALS["noise"][1](20_000, 4))


def test_gradient_descent_repeats_the_signal():
    for make in (make for _, make in SIGNALS.values()):
        np.testing.assert_allclose(answer("sgd(lr=0.1)", make(COUNT, 0)), make(COUNT, 0), rtol=1e-14)


def test_momentum_is_a_geometric_sum():
    """0.9^k of each gradient remains after k steps; Nesterov's answer is one step ahead of it."""
    kernel = 0.9 ** np.arange(COUNT)
    expected = np.convolve(RECTANGLE, kernel)[:COUNT]
    np.testing.assert_allclose(answer("momentum(lr=0.1)"), expected, atol=1e-12)
    np.testing.assert_allclose(answer("nesterov(lr=0.1)"), RECTANGLE + 0.9 * expected, atol=1e-12)


def test_adam_and_rmsprop_divide_by_the_root_of_a_running_mean():
    steps = np.arange(1, COUNT + 1)
    mean = np.convolve(RECTANGLE, 0.1 * 0.9 ** np.arange(COUNT))[:COUNT] / (1 - 0.9**steps)
    square = np.convolve(RECTANGLE**2, 0.001 * 0.999 ** np.arange(COUNT))[:COUNT] / (1 - 0.999**steps)
    np.testing.assert_allclose(answer("adam(lr=0.1)"), mean / (np.sqrt(square) + 1e-8), atol=1e-12)
    square = np.convolve(RECTANGLE**2, 0.01 * 0.99 ** np.arange(COUNT))[:COUNT]
    np.testing.assert_allclose(answer("rmsprop(lr=0.1)"), RECTANGLE / (np.sqrt(square) + 1e-8), atol=1e-12)


def test_a_file_and_a_picture_hold_the_signal_and_every_answer(tmp_path):
    made = ll.optimizers("spikes", optimizers="sgd,adam", steps=40, out=tmp_path / "spikes.h5")
    found = load_surface(tmp_path / "spikes.h5")
    assert list(found.values) == ["signal", "sgd", "adam"] and found.shape == (40,)
    np.testing.assert_array_equal(found.values["adam"], made.values["adam"])
    assert default_kind(found).name == "response"
    (scene,) = build_scenes([found], kind="response")
    view = scene.views[0]
    np.testing.assert_array_equal(view.curves[0].y, found.values["signal"])
    assert [strip.axis.label for strip in view.strips] == ["sgd", "adam"]
    for strip in view.strips:  # nothing is clipped: the largest step is the answer
        np.testing.assert_array_equal(strip.curves[0].y, found.values[strip.axis.label])
    assert len(ll.plot(found, out=[tmp_path / "a.png", tmp_path / "a.html"])) == 2


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"optimizers": "newton"}, "optimizer 'newton': asks for more than the gradient"),
        ({"start": "1,1"}, "start does not apply to the signal rectangle"),
        ({"x": "0:1:3"}, "x does not apply"),
        ({"noise": 1.0}, "the signal noise is noise alone"),
        ({"optimizers": "adam,adam"}, "given twice"),
    ],
)
def test_what_a_signal_has_not_is_one_line(options, words):
    with pytest.raises(UsageError, match=words):
        ll.optimizers("rectangle", **options)


def test_the_usual_optimizers_but_newton_answer():
    assert list(ll.optimizers("noise", steps=5).values) == ["signal", "sgd", "momentum", "nesterov", "rmsprop", "adam"]
