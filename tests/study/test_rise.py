"""The radius at which a function of one variable reaches a target: in closed form where there is one, else bounded."""

import math

import pytest

from landscape.study.rise import BEYOND, JUMP, LARGEST, NOWHERE, RISE, SMALLEST, radius_of


def counted(function):
    def call(place):
        call.places.append(place)
        return function(place)

    call.places = []
    return call


@pytest.mark.parametrize("bend", [0.01, 0.3, 1.0, 77.0, 1e8])
def test_of_a_parabola_it_is_the_root(bend):
    loss = counted(lambda x: 2 + bend * x * x)
    radius, end = radius_of(loss, 20)
    assert end == RISE and radius == pytest.approx(math.sqrt(18 / bend), rel=0.015)
    assert len(loss.places) < 60 and radius == float(f"{radius:.3g}")


def test_the_nearer_side_decides():
    right, left = radius_of(lambda x: 1 + max(x, 0), 3), radius_of(lambda x: 1 + max(-2 * x, 0), 3)
    assert right[0] == pytest.approx(2, rel=0.015) and left[0] == pytest.approx(1, rel=0.015)


@pytest.mark.parametrize("beyond", [math.nan, math.inf, 16.0])
def test_what_is_not_finite_is_above_and_a_jump_is_no_rise(beyond):
    for side in (1, -1):
        radius, end = radius_of(lambda x, side=side: 1.0 if side * x < 0.3 else beyond, 10)
        assert end == JUMP and radius == pytest.approx(0.3, rel=0.015)


def test_a_loss_that_stays_below_or_is_above_at_once_ends_the_search():
    loss = counted(lambda x: 1 + x / 1e3)
    assert radius_of(loss, 2) == (LARGEST, BEYOND)
    assert len(loss.places) < 20 and max(loss.places) == LARGEST
    cliff = counted(lambda x: 1.0 if x == 0 else 9.0)
    assert radius_of(cliff, 2) == (SMALLEST, NOWHERE) and len(cliff.places) < 40
