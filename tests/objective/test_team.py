"""Pieces of work shared among threads: the results, the errors and the signals of a plain loop."""

import contextvars
import gc
import os
import signal
import threading

import pytest
import torch

from landscape.objective import team as team_module
from landscape.objective.team import Team


@pytest.fixture
def team():
    return Team(3)


def mine() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "landscape-team"]


def test_results_come_in_the_order_of_the_items(team):
    turn = [threading.Event() for _ in range(9)]

    def work(_, number):
        """Of each three, the last ends first."""
        if number % 3 < 2:
            turn[number + 1].wait()
        turn[number].set()
        return number

    assert team.map(work, range(9)) == list(range(9))


def test_an_item_is_taken_when_a_thread_is_free_for_it(team):
    """An item may be a chunk that another process can still steal."""
    taken, done, lead = [], [], []

    def items():
        for number in range(12):
            lead.append(len(taken) - len(done))
            taken.append(number)
            yield number

    team.map(lambda _, number: done.append(number), items())
    assert max(lead) < team.size
    assert sorted(done) == taken == list(range(12))


def test_the_error_is_the_one_of_a_loop_and_ends_the_others(team):
    begun, second = [], threading.Event()

    def work(_, number):
        begun.append(number)
        if number == 1:
            second.wait()  # fails after a later item has failed
            raise ValueError("item 1")
        if number == 2:
            second.set()
            raise ValueError("item 2")

    with pytest.raises(ValueError, match="item 1"):
        team.map(work, range(100))
    assert len(begun) <= 2 * team.size


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt()])
def test_what_is_no_exception_reaches_the_caller(team, error):
    def work(_, number):
        raise error

    with pytest.raises(type(error)):
        team.map(work, [0])
    assert team.map(lambda _, number: number, [7]) == [7]


def test_ctrl_c_reaches_the_main_thread_after_the_pieces_in_progress(team):
    ended, begun = [], threading.Barrier(3)

    def work(_, number):
        if begun.wait() == 0:
            os.kill(os.getpid(), signal.SIGINT)
        threading.Event().wait(0.05)  # a piece that goes on when the signal comes
        ended.append(number)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background ignores it
    try:
        with pytest.raises(KeyboardInterrupt):
            team.map(work, range(30))
    finally:
        signal.signal(signal.SIGINT, before)
    # whole pieces, not all of them
    assert sorted(ended) == list(range(len(ended))) and len(ended) % 3 == 0 and len(ended) < 30
    assert team.map(lambda _, number: number, range(5)) == list(range(5))


@pytest.mark.parametrize("signals", [0, 2])
def test_pieces_that_take_long_have_ended_when_the_caller_goes_on(team, signals):
    """They read the weights, which the caller may move; neither an error nor a second Ctrl-C comes sooner."""
    ended, begun = [], threading.Barrier(3)

    def work(_, number):
        first = begun.wait() == 0
        for _ in range(signals if first else 0):
            os.kill(os.getpid(), signal.SIGINT)
            threading.Event().wait(0.1)
        if first and not signals:
            raise ValueError("the first")
        threading.Event().wait(0.3)  # longer than it takes to look again
        ended.append(number)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt if signals else ValueError):
            team.map(work, range(3))
    finally:
        signal.signal(signal.SIGINT, before)
    assert len(ended) == (3 if signals else 2)


def test_a_piece_that_never_ends_is_left_to_itself(team, monkeypatch):
    monkeypatch.setattr(team_module, "GRACE_SECONDS", 0.0)
    never = threading.Event()

    def work(_, number):
        if number == 1:
            raise ValueError("item 1")
        never.wait()

    before = set(mine())
    with pytest.raises(ValueError, match="item 1"):
        team.map(work, range(2))
    left = [thread for thread in mine() if thread not in before]
    assert team.map(lambda _, number: number, range(5)) == list(range(5))
    never.set()
    for thread in left:
        thread.join(timeout=10)
    assert len(left) == 3 and not any(thread.is_alive() for thread in left)


def test_threads_end_with_the_team():
    before = set(mine())
    team = Team(2)
    team.map(lambda _, number: number, range(4))
    threads = [thread for thread in mine() if thread not in before]
    assert len(threads) == 2
    del team
    gc.collect()
    for thread in threads:
        thread.join(timeout=10)
    assert not any(thread.is_alive() for thread in threads)


def test_each_thread_computes_with_as_many_of_torch_as_said(team):
    before = torch.get_num_threads()
    for inner in (1, 2):
        assert set(team.map(lambda *_: torch.get_num_threads(), range(6), inner=inner)) == {inner}
        assert torch.get_num_threads() == before


NAMED = contextvars.ContextVar("named", default="nothing")


def test_pieces_see_the_context_of_the_caller(team):
    """Also where the threads are older than what is set."""
    team.map(lambda _, number: number, range(3))
    before = NAMED.set("of the caller")
    try:
        assert set(team.map(lambda *_: NAMED.get(), range(6))) == {"of the caller"}
    finally:
        NAMED.reset(before)


def test_a_forked_child_has_threads_of_its_own(team):
    team.map(lambda _, number: number, range(3))
    child = os.fork()
    if child == 0:
        os._exit(0 if team.map(lambda _, number: number, range(5)) == list(range(5)) else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
