"""A signal is answered once, at a safe moment, and is not lost when a library swallows the exception.

In this process: signals are sent to it, and every wait ends by what is waited for, with a limit far above what it takes.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable

import pytest

from landscape.callables import contained
from landscape.errors import Interrupted, LandscapeError
from landscape.study.run import _writing
from landscape.sweep.executor import PointFailed, SerialExecutor
from landscape.sweep.leaving import guarded
from landscape.sweep.sampler import Point
from landscape.sweep.signals import current, interruptible
from landscape.sweep.watch import limit
from landscape.training.reporter import graceful_stop

NUMBERS = {"SIGINT": "Ctrl-C", "SIGTERM": "SIGTERM"}


def send(name: str = "SIGINT") -> None:
    os.kill(os.getpid(), getattr(signal, name))


def wait_for(happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not happened() and time.monotonic() < deadline:
        time.sleep(0.002)


def unexpected(text: str, status: int) -> None:
    raise AssertionError(f"the process was to be ended: {text}")


class SwallowsAtItsEnd:
    def __del__(self) -> None:
        send()
        wait_for(lambda: current().name is not None)


@pytest.mark.parametrize("name", NUMBERS)
def test_a_signal_stops_the_run_and_a_second_one_changes_nothing(name: str) -> None:
    before, cleaned = signal.getsignal(signal.SIGINT), []
    with pytest.raises(Interrupted, match=f"stopped by {NUMBERS[name]}"), guarded(forces=False, end=unexpected) as stop:
        try:
            send(name)
            wait_for(lambda: False)
        finally:
            stop.answer()
            send("SIGTERM")
            send("SIGINT")
            wait_for(lambda: stop.name is not None)
            cleaned.append(1)
    assert cleaned
    assert signal.getsignal(signal.SIGINT) == before


def test_a_signal_waits_while_a_file_is_written() -> None:
    written = []
    with pytest.raises(Interrupted), interruptible() as stop:
        with _writing():
            with _writing():
                send()
                wait_for(lambda: stop.name is not None)
            written.append(1)
        written.append(2)
    assert written == [1]


def test_a_swallowed_signal_is_raised_again(capfd) -> None:
    with pytest.raises(Interrupted), guarded(forces=False, end=unexpected):
        SwallowsAtItsEnd()
        wait_for(lambda: False)
    assert "Traceback" not in capfd.readouterr().err


def test_a_loss_that_swallows_the_signal_does_not_go_on() -> None:
    """Its value would be that of a loss that was cut short."""
    seen, kept = [], []

    def loss(coords: tuple[float, ...]) -> dict[str, float]:
        seen.append(coords)
        try:
            send()
            wait_for(lambda: False)
        except BaseException:
            return {"loss": 0.0}
        return {"loss": 1.0}

    points = [Point(i, (float(i),)) for i in range(3)]
    with pytest.raises(Interrupted), interruptible():
        SerialExecutor().map(loss, points, lambda point, result: kept.append(point))
    assert (len(seen), kept) == (1, [])


class Mute(BaseException):
    """Even its message raises."""

    def __str__(self) -> str:
        raise SystemExit(0)


@pytest.mark.parametrize("error", [SystemExit(0), KeyboardInterrupt(), GeneratorExit(), BaseException("own"), Mute()])
def test_whatever_a_users_code_raises_is_an_error(error: BaseException) -> None:
    def loss(coords: tuple[float, ...]) -> dict[str, float]:
        raise error

    name = type(error).__name__
    with (
        pytest.raises(LandscapeError, match=f"tried to end the program .{name}.*raised in test_signals.py, line"),
        contained(),
    ):
        loss(())
    with pytest.raises(PointFailed, match=f"evaluation failed at .2.: {name}"):
        SerialExecutor().map(loss, [Point(0, (2.0,))], lambda point, result: None)


def test_a_point_that_never_returns_is_ended_after_stall() -> None:
    """The end of the process is replaced by an event, on which the point returns."""
    said: list[str] = []
    ended = threading.Event()

    def end(text: str, status: int) -> None:
        said.append(f"{status} {text}")
        ended.set()

    def loss(coords: tuple[float, ...]) -> dict[str, float]:
        if coords[0]:
            ended.wait(30)
        return {"loss": 0.0}

    with guarded(forces=False, end=end) as stop:
        stop.saves = lambda: said.append("saved")
        limit(0.05)
        SerialExecutor().map(loss, [Point(0, (0.0,)), Point(1, (0.5,))], lambda point, result: None)
    assert said[:2] == ["saved", "1 the evaluation at (0.5) has taken more than 0.05 s (--stall)"]


def test_os_exit_in_a_users_code_is_no_silence() -> None:
    said: list[str] = []

    class Ended(Exception):
        pass

    def end(text: str, status: int) -> None:
        said.append(f"{status} {text}")
        raise Ended

    with guarded(forces=False, end=end):
        with pytest.raises(Ended):
            os._exit(0)
        child = os.fork()
        if child == 0:
            os._exit(7)  # a worker of a data loader ends like this
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    assert len(said) == 1 and said[0].startswith("1 os._exit(0) was called")


def test_a_forked_child_is_none_of_our_business() -> None:
    with guarded(forces=False, end=unexpected) as stop:
        child = os.fork()
        if child == 0:
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(30)
            os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGTERM
        child = os.fork()
        if child == 0:
            os._exit(signal.set_wakeup_fd(-1) != -1)  # its signals are not written where the parent reads its own
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert stop.name is None


def test_stall_ends_with_the_run() -> None:
    """Nothing of it is left to end the program later, such as while it draws."""
    armed: list[float] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("faulthandler.dump_traceback_later", lambda seconds, **_: armed.append(seconds))
        patch.setattr("faulthandler.cancel_dump_traceback_later", armed.clear)
        with guarded(forces=False, end=unexpected):
            limit(0.05)
            wait_for(lambda: bool(armed))
            assert armed
            limit(None)
            wait_for(lambda: not armed)
            assert not armed


@pytest.mark.parametrize("moment", ["handlers", "watch starts", "watch ends"])
@pytest.mark.parametrize("name", NUMBERS)
def test_a_signal_at_the_edges_of_a_run_is_raised_and_leaves_no_handler_behind(moment, name, monkeypatch) -> None:
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    fired = []

    def after(function: Callable, applies: Callable[..., bool]) -> Callable:
        def wrapper(*arguments):
            found = function(*arguments)
            if applies(*arguments) and not fired:
                fired.append(1)
                send(name)
            return found

        return wrapper

    def is_watch(thread: threading.Thread) -> bool:
        return thread.name == "landscape-watch"

    if moment == "handlers":
        ours = after(
            signal.signal, lambda number, handler: number == getattr(signal, name) and handler != before[number]
        )
        monkeypatch.setattr(signal, "signal", ours)
    else:
        method = "start" if moment == "watch starts" else "join"
        monkeypatch.setattr(threading.Thread, method, after(getattr(threading.Thread, method), is_watch))
    with pytest.raises(Interrupted, match=f"stopped by {NUMBERS[name]}"):
        with guarded(forces=False, end=unexpected):
            pass
        wait_for(lambda: False)
    assert fired and {number: signal.getsignal(number) for number in before} == before
    with guarded(forces=False, end=unexpected) as stop:
        assert not stop.pending


@pytest.mark.parametrize("ignored", ["SIGINT", "SIGTERM"])
@pytest.mark.parametrize("block", [lambda: guarded(forces=False, end=unexpected), graceful_stop])
def test_a_signal_that_the_process_was_started_to_ignore_stays_ignored(ignored, block) -> None:
    number = getattr(signal, ignored)
    before = signal.signal(number, signal.SIG_IGN)
    try:
        with block() as stop:
            send(ignored)
            assert signal.getsignal(number) is signal.SIG_IGN and stop.name is None
            with contextlib.suppress(Interrupted):
                send("SIGTERM" if ignored == "SIGINT" else "SIGINT")
                wait_for(lambda: stop.name is not None)
            assert stop.name is not None
            stop.name = None
        assert signal.getsignal(number) is signal.SIG_IGN
    finally:
        signal.signal(number, before)
