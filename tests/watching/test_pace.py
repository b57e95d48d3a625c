"""The rate of a run, by its file's times."""

import pytest

from landscape.watching.pace import WINDOW, Pace


def test_a_steady_run_has_its_rate_and_its_time_left():
    pace = Pace()
    assert pace.rate is None and pace.left(10) is None
    for second in range(0, 12, 3):
        pace.seen(1e9 + second, 2.0 * second)
    assert pace.rate == pytest.approx(2.0)
    assert pace.left(100) == pytest.approx((100 - 18) / 2.0)
    assert pace.left(None) is None and pace.left(3) == 0


def test_what_is_long_past_does_not_count():
    pace = Pace()
    for second in range(0, 1000, 10):
        pace.seen(second, 5 * second if second < 500 else 2500 + (second - 500))
    assert WINDOW < 990 - 500 and pace.rate == pytest.approx(1.0)


def test_a_run_that_begins_again_has_no_rate_yet():
    pace = Pace()
    pace.seen(0, 10)
    pace.seen(1, 20)
    pace.seen(2, 3)
    assert pace.rate is None
    pace.seen(4, 5)
    assert pace.rate == pytest.approx(1.0)
