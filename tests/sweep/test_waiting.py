"""How long a follower that waits believes in its leader: it asks, and a leader that does not answer is left."""

import pytest

from landscape.errors import LandscapeError
from landscape.sweep import waiting
from landscape.sweep.waiting import Backoff, Silence


@pytest.fixture
def clock(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(waiting.time, "monotonic", lambda: now[0])
    return now


def test_the_leader_is_asked_once_after_the_stall_and_left_after_twice_as_long(clock):
    silence = Silence(10.0, 1)
    asked = []
    for clock[0] in (105.0, 110.5, 115.0, 124.9):
        asked.append(silence.asks())
    assert asked == [False, True, False, False]
    clock[0] = 125.5
    with pytest.raises(LandscapeError, match=r"rank 0 has not answered for 25.5 s \(--stall\)"):
        silence.asks()


def test_the_first_follower_speaks_before_the_others_and_none_waits_for_long():
    found = [waiting.patience_of(rank, 10.0) for rank in (1, 2, 3, 4, 100)]
    assert found == [25.0, 26.0, 27.0, 27.0, 27.0]


def test_an_answer_begins_the_time_again(clock):
    silence = Silence(10.0, 1)
    for clock[0] in (111.0, 122.0, 133.0, 144.0):
        assert silence.asks()
        silence.broken()


def test_without_a_stall_nobody_asks(clock):
    silence = Silence(None, 1)
    clock[0] = 1e9
    assert not silence.asks()


def test_pauses_grow_up_to_a_bound_and_begin_small_again():
    backoff = Backoff()
    first = [backoff.next() for _ in range(9)]
    assert first[0] < first[1] < first[2] and first[-1] == first[-2] == waiting.POLL_SECONDS
    backoff.reset()
    assert backoff.next() == first[0]
