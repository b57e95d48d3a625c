"""Laws: errors bound what is seen; nothing is accepted early, once, or for an end that merely looks like zero."""

import numpy as np
import pytest
import torch

from landscape.curvature.acceptance import (
    CONSECUTIVE,
    MIN_FOR_ZERO,
    MIN_PRODUCTS,
    SAFETY,
    Acceptance,
    all_errors,
    block_bound,
    kato_temple,
)
from tests.curvature.spectra import turned


def test_the_error_is_never_larger_than_the_residual_and_mostly_its_square_over_the_gap():
    found = kato_temple(np.array([0.5, 0.5, 0.1]), np.array([0.0, 0.1, 10.0]))
    np.testing.assert_allclose(found, [0.5, 0.5, 0.001])


def test_the_bound_of_a_block_looks_past_a_neighbour_that_is_known():
    alone = block_bound(np.array([-8.0, -7.5]), np.array([0.4, 0.01]))
    assert alone == pytest.approx(0.16 / 0.49)
    past = block_bound(np.array([-8.0, -7.5, -4.0]), np.array([0.4, 0.01, 0.5]))
    assert past == pytest.approx(0.16 / 3.5 + (0.01 / 3.5 * 0.4) ** 2 / 0.5)
    unknown = block_bound(np.array([-8.0, -7.5, -4.0]), np.array([0.4, 5.0, 0.5]))
    assert unknown == pytest.approx(0.16 / 3.5 + 0.16 / 0.5), "a neighbour of any angle is as near as it is"
    for values, residuals in (([-8.0, -7.9, -7.8], [0.1, 0.01, 0.2]), ([-8.0], [0.1]), ([-8.0, -8.0], [0.1, 0.0])):
        assert block_bound(np.array(values), np.array(residuals)) == 0.1, "the residual stands"
    # the end of the other side, and two values of one
    assert block_bound(np.array([8.0, 7.5, 4.0]), np.array([0.4, 0.01, 0.5])) == past
    assert block_bound(np.array([-8.0, -8.0, -4.0]), np.array([0.4, 0.0, 0.5])) <= 0.4


def test_the_errors_of_all_values_look_to_both_sides():
    """Of the middle one the nearer neighbour counts, less the residual of that; the ends have one neighbour."""
    found = all_errors(np.array([0.0, 1.0, 5.0]), np.array([0.1, 0.2, 0.1]))
    np.testing.assert_allclose(found, [0.01 / 0.8, 0.04 / 0.9, 0.01 / 3.8])
    np.testing.assert_array_equal(all_errors(np.array([2.0]), np.array([0.3])), [0.3])


@pytest.mark.parametrize("seed", range(4))
def test_the_bound_of_a_block_holds_where_what_lies_between_is_known(seed):
    """A vector near the lowest eigenvector, the second and the third as they are: all else lies beyond the third."""
    values = np.concatenate([[-8.0, -7.9, -6.0], np.linspace(-5.9, 20, 300)])
    matrix, vectors = turned(values, seed)
    noise = torch.from_numpy(np.random.default_rng(seed).standard_normal(len(values)))
    first = vectors[:, 0] + 0.03 * noise / noise.norm()
    basis, _ = torch.linalg.qr(torch.stack([first, vectors[:, 1], vectors[:, 2]], dim=1))
    ritz, shares = torch.linalg.eigh(basis.T @ matrix @ basis)
    found = basis @ shares
    residuals = (matrix @ found - found * ritz).norm(dim=0)
    error = float(ritz[0]) + 8.0
    assert 0 < error <= block_bound(ritz.numpy(), residuals.numpy())
    assert block_bound(ritz.numpy(), residuals.numpy()) < 0.5 * block_bound(ritz[:2].numpy(), residuals[:2].numpy())


@pytest.mark.parametrize(
    "value, residual, error, size, expected",
    [
        (-8.0, 0.3, 0.05, 12, True),
        (-8.0, 0.3, 0.1, 12, False),  # 1 % of 8 is less
        (-8.0, 1.0, 0.05, 12, False),  # does not stand out of its residual
        (-0.001, 0.4, 1e-6, 12, False),
        (-0.001, 0.4, 1e-6, MIN_FOR_ZERO, True),  # is as good as zero beside 100 when enough was tried
        (-0.001, 0.4, 0.01, MIN_FOR_ZERO, False),
    ],
)
def test_when_a_value_counts_as_found(value, residual, error, size, expected):
    arrays = (np.array([x]) for x in (value, residual, error))
    found = Acceptance(0.01 / SAFETY).found(*arrays, scale=100.0, size=size)
    assert bool(found[0]) is expected


def test_only_a_share_of_the_tolerance_is_left_to_the_estimate():
    def found(error: float) -> bool:
        one = np.array([8.0])
        return bool(Acceptance(0.01).found(one, 0 * one, error * one, scale=8.0, size=30)[0])

    assert found(0.0099 * SAFETY) and not found(0.0101 * SAFETY)


def test_a_search_ends_only_when_the_rule_holds_in_a_row_after_enough_products():
    acceptance, good, bad = Acceptance(0.01), np.array([True, True]), np.array([True, False])
    sizes = range(1, MIN_PRODUCTS + CONSECUTIVE)
    assert [size for size in sizes if acceptance.holds(good, size)][0] == MIN_PRODUCTS - 2 + CONSECUTIVE
    assert not acceptance.holds(bad, 20), "one of the values is not found"
    assert [acceptance.holds(good, 20) for _ in range(CONSECUTIVE)] == [False] * (CONSECUTIVE - 1) + [True]
    acceptance.reset()
    assert not acceptance.holds(good, 20)


def test_values_agree_to_what_is_asked_of_each():
    acceptance, scale = Acceptance(0.01 / SAFETY), 1000.0
    before = np.array([-0.004, 50.0, 1000.0])
    assert acceptance.agree(before, np.array([0.005, 50.4, 991.0]), scale), "the first is as good as zero"
    for place, value in enumerate((0.007, 50.6, 1011.0)):
        after = before.copy()
        after[place] = value
        assert not acceptance.agree(before, after, scale)
