"""Laws of the paths of optimizers: on a quadratic they are what algebra says, to 1e-12."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from landscape.analytic.descent import descend, noise_of, values_over
from landscape.analytic.functions import FUNCTIONS, Function, function_of
from landscape.analytic.methods import Newton, method_of, methods
from landscape.errors import LandscapeError, UsageError

STEPS, START = 60, (-2.5, 1.0)
LAMBDA = np.array([1.0, 25.0])
BOWL = FUNCTIONS["narrow_bowl"]
TILTED = FUNCTIONS["tilted_bowl"]


def path(text, function=BOWL, start=START, steps=STEPS, noise=0.0, seed=0):
    return descend(function, start, method_of(text), noise_of(noise, steps, seed))


def places(found):
    return np.column_stack([found.x, found.y])


def linear(matrix_of, state):
    """(STEPS + 1, 2): the first entry of each axis' state, under the power of a matrix."""
    found = []
    for eigenvalue, at in zip(LAMBDA, state, strict=True):
        matrix = matrix_of(eigenvalue)
        found.append([(np.linalg.matrix_power(matrix, k) @ at)[0] for k in range(STEPS + 1)])
    return np.array(found).T


def test_gradient_descent_shrinks_by_a_constant_factor():
    expected = np.array(START) * (1 - 0.05 * LAMBDA) ** np.arange(STEPS + 1)[:, None]
    np.testing.assert_allclose(places(path("sgd(lr=0.05)")), expected, rtol=0, atol=1e-12)


def test_gradient_descent_in_the_axes_of_a_tilted_bowl():
    found = places(path("sgd(lr=0.05)", TILTED, (-2.5, -1.2)))
    turned = np.array([[1, 1], [1, -1]]) / math.sqrt(2)
    expected = turned @ np.array([-2.5, -1.2]) * (1 - 0.05 * LAMBDA) ** np.arange(STEPS + 1)[:, None]
    np.testing.assert_allclose(found @ turned.T, expected, rtol=0, atol=1e-12)


def test_heavy_ball_is_the_power_of_a_matrix():
    """(w, v) -> (w - lr v', v') with v' = m v + lambda w; torch's first v is the gradient, as from v = 0."""

    def matrix(eigenvalue, lr=0.02, m=0.9):
        return np.array([[1 - lr * eigenvalue, -lr * m], [eigenvalue, m]])

    expected = linear(matrix, [(START[0], 0.0), (START[1], 0.0)])
    np.testing.assert_allclose(places(path("momentum(lr=0.02)")), expected, rtol=0, atol=1e-12)


def test_nesterov_is_the_power_of_a_matrix():
    """The step is lr (g + m v') with v' = m v + g."""

    def matrix(eigenvalue, lr=0.02, m=0.9):
        return np.array([[1 - lr * (1 + m) * eigenvalue, -lr * m * m], [eigenvalue, m]])

    expected = linear(matrix, [(START[0], 0.0), (START[1], 0.0)])
    np.testing.assert_allclose(places(path("nesterov(lr=0.02)")), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("function", [BOWL, TILTED])
def test_newton_needs_one_step_on_a_quadratic(function):
    found = path("newton", function, steps=1)
    assert np.abs(places(found)[1]).max() < 1e-12


def test_newton_goes_down_from_a_saddle_and_a_maximum():
    for name, start in (("saddle", (0.3, 1e-6)), ("monkey_saddle", (0.2, 0.1)), ("himmelblau", (-0.27, -0.92))):
        found = path("newton", FUNCTIONS[name], start, steps=1)
        assert found.value[1] < found.value[0], name
    flat = path("newton", Function(name="slope", label="", of=lambda x, y: x, window=BOWL.window, start=START), steps=1)
    assert (flat.x[1], flat.y[1]) == (START[0] - 1, START[1])  # no curvature: gradient descent


@pytest.mark.parametrize(
    "text", ["adam(lr=0.03)", "adamw(lr=0.03)", "nadam(lr=0.03, momentum_decay=0.0)", "adamax(lr=0.03)"]
)
def test_the_first_step_of_adam_is_the_sign_of_the_gradient(text):
    found = places(path(text, steps=1))
    nadam = text.startswith("nadam")  # its first step adds what momentum will bring: (1 - mu_1 + mu_2) of 1
    moved = (found[1] - found[0]) / 0.03
    np.testing.assert_allclose(np.sign(moved), -np.sign(START))
    if not nadam:
        np.testing.assert_allclose(np.abs(moved), 1.0, atol=1e-7)  # eps = 1e-8 beside a gradient of 2.5


def test_rmsprop_and_adagrad_begin_as_their_formulas():
    gradient = LAMBDA * START
    rms = places(path("rmsprop(lr=0.01, alpha=0.99)", steps=1))
    np.testing.assert_allclose(rms[1], START - 0.01 * gradient / (np.abs(gradient) * 0.1 + 1e-8), atol=1e-12)
    ada = places(path("adagrad(lr=0.5)", steps=2))
    second = gradient - LAMBDA * 0.5 * np.sign(gradient)
    np.testing.assert_allclose(ada[1], START - 0.5 * gradient / (np.abs(gradient) + 1e-10), atol=1e-12)
    np.testing.assert_allclose(ada[2], ada[1] - 0.5 * second / np.sqrt(gradient**2 + second**2), atol=1e-9)


def test_what_is_recorded_belongs_to_the_places():
    found = path("adam(lr=0.1)", FUNCTIONS["beale"], (1.0, 1.5))
    for k in (0, 7, STEPS):
        x, y = (torch.tensor(each[k], dtype=torch.float64, requires_grad=True) for each in (found.x, found.y))
        value = FUNCTIONS["beale"].of(x, y)
        value.backward()
        assert found.value[k] == value.item()
        assert found.slope[k] == pytest.approx(math.hypot(x.grad, y.grad), rel=1e-14)
    assert len(found.x) == STEPS + 1 and found.diverged is None
    assert found.gradients.tolist() == list(range(STEPS + 1))


def test_every_optimizer_of_torch_goes_down_in_a_bowl():
    assert {"sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adadelta", "adam", "adamax", "adamw", "nadam", "radam", "lbfgs",
            "newton"} <= set(methods())  # fmt: skip
    for name in methods():
        text = f"{name}(lr=0.05)" if name not in ("newton", "lbfgs") else name
        found = path(text, FUNCTIONS["bowl"], (-2.5, 2.0), steps=40)
        assert found.diverged is None and found.value[-1] < found.value[0], name


def test_lbfgs_counts_the_gradients_of_its_line_search():
    found = path("lbfgs", FUNCTIONS["rosenbrock"], (-1.2, 1.0))
    assert found.gradients[-1] > STEPS / 2 and found.value[-1] < 1e-20


def test_noise_is_the_same_for_every_optimizer_and_every_length():
    long, short = noise_of(0.5, 100, 3), noise_of(0.5, 40, 3)
    assert torch.equal(long[:40], short) and not torch.equal(noise_of(0.5, 40, 4), short)
    assert float(noise_of(0.5, 20_000, 0).std()) == pytest.approx(0.5, rel=0.02)
    still = Function(name="flat", label="", of=lambda x, y: 0.0 * (x + y), window=BOWL.window, start=START)
    found = path("sgd(lr=0.1)", still, noise=0.5, seed=3)
    np.testing.assert_allclose(np.diff(places(found), axis=0), -0.1 * noise_of(0.5, STEPS, 3).numpy(), atol=1e-14)
    assert (found.slope == 0).all()  # what is recorded is of the function without noise


def test_noise_keeps_gradient_descent_linear():
    found, noise = places(path("sgd(lr=0.05)", noise=0.3)), noise_of(0.3, STEPS, 0).numpy()
    at = np.array(START)
    for k in range(STEPS):
        at = at * (1 - 0.05 * LAMBDA) - 0.05 * noise[k]
        np.testing.assert_allclose(found[k + 1], at, atol=1e-12)


def test_a_path_that_diverges_ends_before_it_leaves():
    found = path("sgd(lr=0.1)")  # |1 - 0.1 * 25| = 1.5
    last = int(np.floor(math.log(402 / START[1]) / math.log(1.5)))  # 100 heights of 4 above and below the window
    assert found.diverged == last + 1 and len(found.x) == last + 1 and found.final == math.inf
    assert np.isfinite(found.value).all()
    slope = Function(name="slope", label="", of=lambda x, y: -x + 0 * y, window=((-1, 1), (-1, 1)), start=(0, 0))
    found = path("sgd(lr=1)", slope, (0.0, 0.0), steps=210)
    assert found.diverged == 202 and found.x[-1] == 201.0  # 100 widths of 2 from the edge at 1
    wild = Function(name="log", label="", of=lambda x, y: torch.log(x) + y * 0, window=((-1, 2), (-1, 2)), start=(1, 0))
    found = path("sgd(lr=0.5)", wild, (1.0, 0.0))
    assert found.diverged == 2 and found.x.tolist() == [1.0, 0.5]  # then x = -0.5, which has no logarithm


def test_steps_to_a_level():
    found = path("sgd(lr=0.5)", FUNCTIONS["bowl"], (-2.0, 0.0), steps=5)  # halves the distance
    assert [found.steps_to(level) for level in (2.0, 0.5, 0.1, 0.0)] == [0, 1, 3, None]


def test_a_users_function_may_branch_and_is_the_same_as_its_formula():
    def valley(x, y):
        return (x - 1) ** 2 if x > 1 else (x - 1) ** 2 + 0 * y

    mine = function_of(lambda x, y: (x**2 + 25 * y**2) / 2)
    for text in ("momentum(lr=0.02)", "newton", "lbfgs"):
        np.testing.assert_array_equal(places(path(text, mine, steps=5)), places(path(text, steps=5)))
        assert path(text, function_of(valley), steps=3).diverged is None
    grid = np.linspace(-1, 1, 5), np.linspace(-1, 2, 4)
    np.testing.assert_allclose(values_over(mine, *grid), values_over(BOWL, *grid), rtol=1e-15)
    assert values_over(mine, *grid).shape == (4, 5)


def _exits(x, y):
    raise SystemExit(3)


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (lambda x, y: float(x) + float(y), "it returned a float; expected one number"),
        (lambda x, y: torch.stack([x, y]), r"it returned a tensor of shape \(2,\)"),
        (lambda x, y: x.detach() * 2, "it returned a tensor of shape"),
        (lambda x, y: x / 0 * y, "is not finite; give another --start"),
        (lambda x, y: x.no_such(), "it raised AttributeError"),
        (_exits, "tried to end the program"),
    ],
)
def test_a_users_function_that_does_not_do_is_one_line(function, words):
    with pytest.raises(LandscapeError, match=words) as raised:
        path("sgd(lr=0.1)", function_of(function))
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("adm", "did you mean adam"),
        ("xyz", "expected one of"),
        ("adam(beta=3)", "Adam has lr, betas, .*and no 'beta'"),
        ("adam(lr=0)", "expected lr as a number above 0"),
        ("adam(lr=nan)", "expected settings as"),
        ("sgd(lr=1e400)", "expected lr as a number above 0"),
        ("adam(betas=[2, 3])", "Invalid beta"),
        ("adam(0.1)", "expected settings as"),
        ("newton(damping=0)", "expected lr above 0 and damping"),
        ("adam(lr=__import__('os'))", "expected settings as"),
    ],
)
def test_what_is_no_optimizer_is_one_line(text, words):
    with pytest.raises(UsageError, match=words) as raised:
        path(text)
    assert "\n" not in str(raised.value)


def test_newton_divides_by_what_its_rule_says():
    """Indefinite: magnitudes, at least a hundredth of the largest; positive definite: the eigenvalues themselves."""
    for diagonal, expected in (((-4.0, 8.0), (4.0, 8.0)), ((-1e-9, 8.0), (0.08, 8.0)), ((1e-6, 8.0), (1e-6, 8.0))):
        point = torch.tensor([1.0, 1.0], dtype=torch.float64, requires_grad=True)
        d = torch.tensor(diagonal, dtype=torch.float64)

        def of(p, d=d):
            return (d * p**2).sum() / 2

        newton = Newton([point], of)

        of(point).backward()
        newton.step()
        np.testing.assert_allclose(
            point.detach().numpy(), 1 - np.array(diagonal) / np.array(expected), rtol=1e-12, atol=1e-12
        )
