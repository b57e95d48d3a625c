"""Laws of the worst case: closed forms on a quadratic, and what rescaling the layers of a ReLU net changes."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.optimize import brentq
from torch import nn

from landscape.sharpness.worst import adaptive_ball, ball, box, filter_balls, keskar, worst
from tests.sharpness.conftest import rescaled


def rise(quadratic, offset: np.ndarray) -> float:
    return float(quadratic.gradient @ offset + offset @ quadratic.hessian @ offset / 2)


def largest_rise(gradient: np.ndarray, hessian: np.ndarray, radius: float) -> float:
    """The maximum of g.e + e'He/2 over |e| = radius: (mu - H) e = g with mu above the largest eigenvalue."""
    values, vectors = np.linalg.eigh(hessian)
    shares = vectors.T @ gradient

    def excess(mu: float) -> float:
        return float(np.linalg.norm(shares / (mu - values))) - radius

    top = values[-1]
    mu = brentq(excess, top + 1e-12, top + np.linalg.norm(gradient) / radius + 1, xtol=1e-14)
    offset = vectors @ (shares / (mu - values))
    return float(gradient @ offset + offset @ hessian @ offset / 2)


def test_one_step_is_that_of_sam(quadratic):
    made = quadratic()
    offset = 0.3 * made.gradient / np.linalg.norm(made.gradient)
    assert worst(made.around, ball(0.3), 1) == pytest.approx(rise(made, offset), rel=1e-10)


@pytest.mark.parametrize("radius", [0.05, 0.3, 2.0])
def test_steps_of_ascent_find_the_worst_case_of_a_quadratic(quadratic, radius):
    made = quadratic()
    expected = largest_rise(made.gradient, made.hessian, radius)
    found = [worst(made.around, ball(radius), steps) for steps in (1, 2, 5, 60)]
    assert found[-1] == pytest.approx(expected, rel=1e-8)
    assert all(np.diff(found) >= -1e-12), "on a convex loss every step rises"
    assert max(found) <= expected * (1 + 1e-10), "never above the true one"


def test_at_a_minimum_it_is_half_the_largest_eigenvalue_times_the_squared_radius(quadratic):
    made = quadratic(at_minimum=True)
    top = np.linalg.eigvalsh(made.hessian)[-1]
    assert worst(made.around, ball(0.1), 200) == pytest.approx(0.1**2 * top / 2, rel=1e-8)


def test_an_adaptive_step_is_that_of_kwon(quadratic):
    made = quadratic()
    weights = made.flat(made.around.origin)
    scaled = np.abs(weights) * made.gradient
    offset = 0.4 * np.abs(weights) * scaled / np.linalg.norm(scaled)
    assert worst(made.around, adaptive_ball(made.around, 0.4), 1) == pytest.approx(rise(made, offset), rel=1e-10)


def test_the_box_of_keskar_has_its_worst_case_in_a_corner(quadratic):
    import itertools

    made = quadratic()
    bounds = 0.01 * (np.abs(made.flat(made.around.origin)) + 1)
    corners = [rise(made, bounds * np.array(signs)) for signs in itertools.product((-1, 1), repeat=6)]
    found = worst(made.around, box(made.around, 0.01), 20)
    assert found == pytest.approx(max(corners), rel=1e-9)
    assert keskar(found, made.around.loss) == pytest.approx(100 * max(corners) / (1 + made.around.loss), rel=1e-9)


def test_filters_move_by_their_share_and_biases_rest(around, mlp, classes):
    here = around(mlp().double(), classes)
    offset = here.named(filter_balls(here, 0.25)(here.slope().gradient))
    for name, weight in here.named(here.origin).items():
        if weight.ndim < 2:
            assert not offset[name].any()
        else:
            seen = here.named(here.slope().gradient)[name].norm(dim=1) > 0  # a unit that is never active stays
            torch.testing.assert_close(offset[name].norm(dim=1), 0.25 * weight.norm(dim=1) * seen)


def test_adaptive_sam_ignores_a_rescaling_that_sam_does_not(around, classes):
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3)).double()
    one, other = around(net, classes), around(rescaled(net, 4.0), classes)
    assert one.loss == pytest.approx(other.loss, rel=1e-12)
    for steps in (1, 6):
        adaptive = [worst(here, adaptive_ball(here, 0.5), steps) for here in (one, other)]
        plain = [worst(here, ball(0.1), steps) for here in (one, other)]
        # the last bias is not rescaled, and need not be
        assert adaptive[0] == pytest.approx(adaptive[1], rel=1e-9)
        assert abs(plain[0] / plain[1] - 1) > 0.05


def test_the_net_is_back_at_its_weights(around, mlp, classes):
    here = around(mlp().double(), classes)
    with here.home():
        pass
    assert torch.equal(here.objective.weights, here.origin)


def test_a_loss_that_grows_without_bound_is_infinite(around):
    net = nn.Linear(1, 1, bias=False).double()
    with torch.no_grad():
        net.weight.fill_(1.0)
    data = torch.ones(4, 1, dtype=torch.float64), torch.zeros(4, 1, dtype=torch.float64)

    def exploding(outputs, targets):
        return torch.where(outputs > 2, torch.inf, outputs).sum(1)

    assert worst(around(net, data, exploding), ball(1.5), 3) == np.inf
