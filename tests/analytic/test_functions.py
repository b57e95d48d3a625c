"""Laws of the surfaces with a formula: what is stated of their minima is true."""

from __future__ import annotations

import pytest
import torch

from landscape.analytic.functions import FUNCTIONS, function_of
from landscape.errors import LandscapeError, UsageError

each_function = pytest.mark.parametrize("function", FUNCTIONS.values(), ids=FUNCTIONS)


def gradient(function, place):
    x, y = (torch.tensor(each, dtype=torch.float64, requires_grad=True) for each in place)
    return torch.stack(torch.autograd.grad(function.of(x, y), (x, y)))


def hessian(function, place):
    at = torch.tensor(place, dtype=torch.float64)
    return torch.func.hessian(lambda p: function.of(p[0], p[1]))(at)


def test_there_are_a_dozen_and_their_sources_are_named():
    assert len(FUNCTIONS) >= 12
    assert all(function.source and function.label for function in FUNCTIONS.values())


@each_function
def test_stated_minima_are_stationary_and_have_the_stated_value(function):
    assert (function.minimum is None) == (not function.minima)
    for place in function.minima:
        largest = float(torch.linalg.eigvalsh(hessian(function, place))[-1])
        # as near to zero as the rounding of the place allows: half a unit in its last digit, times the curvature
        assert float(gradient(function, place).norm()) <= 1e-15 * largest * max(1.0, *map(abs, place))
        assert float(torch.linalg.eigvalsh(hessian(function, place))[0]) > 0
        value = float(function.of(*(torch.tensor(each, dtype=torch.float64) for each in place)))
        assert value == pytest.approx(function.minimum, rel=1e-14, abs=1e-28)


@each_function
def test_nothing_in_the_window_is_lower(function):
    x, y = (torch.linspace(*ends, 601, dtype=torch.float64) for ends in function.window)
    values = function.of(x, y[:, None].expand(601, 601))
    assert values.shape == (601, 601) and torch.isfinite(values).all()
    if function.minima:
        assert float(values.min()) >= function.minimum - 1e-13
        assert all(
            ends[0] < c < ends[1] for place in function.minima for c, ends in zip(place, function.window, strict=True)
        )


@each_function
def test_paths_begin_in_the_window_on_a_slope(function):
    assert all(ends[0] < c < ends[1] for c, ends in zip(function.start, function.window, strict=True))
    assert float(gradient(function, function.start).norm()) > 1e-3


def test_the_monkey_saddle_is_flat_to_second_order():
    monkey = FUNCTIONS["monkey_saddle"]
    assert gradient(monkey, (0.0, 0.0)).tolist() == [0.0, 0.0]
    assert hessian(monkey, (0.0, 0.0)).abs().max() == 0.0


def test_the_saddle_has_one_way_down():
    assert torch.linalg.eigvalsh(hessian(FUNCTIONS["saddle"], (0.0, 0.0))).tolist() == [-1.0, 1.0]


def test_your_own_function(tmp_path):
    (tmp_path / "mine.py").write_text("def hole(x, y):\n    return x * x + y * y\n")
    mine = function_of(f"{tmp_path}/mine.py:hole")
    assert mine.name == "mine.py:hole" and mine.label == "hole" and mine.pointwise
    assert function_of(max).of is max


@pytest.mark.parametrize(
    ("given", "kind", "words"),
    [
        ("rosenbrok", UsageError, "did you mean rosenbrock"),
        ("gibberish", UsageError, "expected bowl, narrow_bowl"),
        ("nowhere.py:f", LandscapeError, "there is no file nowhere.py"),
        (3, UsageError, "function of type int"),
    ],
)
def test_what_is_no_function_is_one_line(given, kind, words):
    with pytest.raises(kind, match=words) as raised:
        function_of(given)
    assert "\n" not in str(raised.value)
