"""Gradients compared with each other, and thresholds of stability: against explicit formulas and simulated descent."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from landscape.curvature.noise import cosines, covariance_eigenvalues, critical_length, gram_of, stiffness
from landscape.curvature.stability import threshold, threshold_of


@pytest.fixture
def gradients() -> np.ndarray:
    """(25, 400) with a common part."""
    chance = np.random.default_rng(0)
    return chance.normal(size=(25, 400)) * np.linspace(0.1, 2, 25)[:, None] + chance.normal(size=400)


def test_eigenvalues_of_the_covariance_are_those_of_the_explicit_matrix(gradients):
    found = covariance_eigenvalues(gram_of(map(torch.from_numpy, gradients)))
    explicit = np.linalg.eigvalsh(np.cov(gradients.T, ddof=0))[::-1]
    assert len(found) == 24
    np.testing.assert_allclose(found, explicit[:24], rtol=1e-8)
    assert explicit[24] < 1e-12 < found[-1], "the 24th is the last that is not 0"


def test_the_covariance_does_not_see_what_all_gradients_share(gradients):
    shifted = covariance_eigenvalues(gram_of(map(torch.from_numpy, gradients + 5.0)))
    np.testing.assert_allclose(shifted, covariance_eigenvalues(gradients @ gradients.T), rtol=1e-8)


def test_stiffness_is_the_mean_cosine_within_and_between_classes(gradients):
    labels = np.arange(25) % 3
    labels[24] = 9  # a class of one sample has no pair within
    within, between = stiffness(cosines(gradients @ gradients.T), labels)
    unit = gradients / np.linalg.norm(gradients, axis=1, keepdims=True)
    means: dict = {}
    for i in range(25):
        for j in range(25):
            if i != j:
                means.setdefault(tuple(sorted((labels[i], labels[j]))), []).append(unit[i] @ unit[j])
    of = {pair: np.mean(values) for pair, values in means.items()}
    assert within == pytest.approx(np.mean([value for (a, b), value in of.items() if a == b]), rel=1e-10)
    assert between == pytest.approx(np.mean([value for (a, b), value in of.items() if a != b]), rel=1e-10)


def test_a_sample_without_a_gradient_has_no_stiffness():
    gram = np.diag([1.0, 0.0, 4.0])
    assert np.isnan(cosines(gram)[0, 1]) and stiffness(cosines(gram), np.array([0, 1, 1])) == pytest.approx(
        (np.nan, 0), nan_ok=True
    )


def test_the_length_of_stiffness_is_where_it_changes_sign():
    """Cosines that fall linearly with the distance of the inputs on a circle."""
    angles = np.sort(np.random.default_rng(0).uniform(0, np.pi / 2, 120))
    inputs = 7 * np.column_stack([np.cos(angles), np.sin(angles)])
    distance = np.linalg.norm((inputs[:, None] - inputs) / 7, axis=2)
    labels = np.zeros(120, dtype=int)
    assert critical_length(0.8 - distance, labels, inputs) == pytest.approx(0.8, abs=0.01)
    assert critical_length(2.0 - distance, labels, inputs) == np.inf
    assert critical_length(-distance - 0.1, labels, inputs) == 0.0
    assert np.isnan(critical_length(0.8 - distance, np.arange(120), inputs)), "no pair within a class"


@pytest.mark.parametrize("momentum", [0.0, 0.5, 0.9])
@pytest.mark.parametrize("nesterov", [False, True])
def test_descent_on_a_quadratic_diverges_just_above_the_threshold(momentum, nesterov):
    if nesterov and not momentum:
        return  # torch has none
    for decay in (0.0, 0.3):
        bound = threshold(0.1, momentum, nesterov=nesterov, weight_decay=decay)
        far = []
        for curvature in (0.95 * bound, 1.05 * bound):
            place = torch.ones(1, dtype=torch.float64, requires_grad=True)
            steps = torch.optim.SGD([place], 0.1, momentum=momentum, nesterov=nesterov, weight_decay=decay)
            for _ in range(1000):
                steps.zero_grad()
                (curvature / 2 * place.square()).sum().backward()
                steps.step()
                if not 1e-4 < abs(place.item()) < 1e6:
                    break
            far.append(abs(place.item()))
        assert far[0] < 1e-2 and far[1] > 1e5, (momentum, nesterov, decay, far)


def test_thresholds_follow_the_settings_of_a_run_and_are_unknown_for_other_optimizers():
    assert threshold_of({"optimizer": "sgd", "momentum": 0.0, "weight_decay": 0.0}, 0.1) == 20
    assert threshold_of({"optimizer": "nesterov", "momentum": 0.9, "weight_decay": 0.5}, 0.1) == pytest.approx(
        13.571429 - 0.5
    )
    assert threshold_of({"optimizer": "adam"}, 0.1) is None and threshold_of({}, 0.1) is None
    assert threshold_of({"optimizer": "sgd"}, 0.0) is None
    damped = {"optimizer": "sgd", "momentum": 0.9, "optimizer_options": {"dampening": 0.9}}
    assert threshold_of(damped, 0.01) == pytest.approx(3800)
    assert threshold_of({"optimizer": "sgd", "momentum": "0.9"}, 0.1) is None
    assert threshold_of({"optimizer": "sgd", "optimizer_options": {"maximize": True}}, 0.1) is None
    assert threshold_of({"optimizer": "sgd", "momentum": 0.9, "nesterov": True}, 0.1) == pytest.approx(13.571429)
