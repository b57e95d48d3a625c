"""A watch from its beginning to its end: the file, the terminal, the page and its pictures, tick by tick.

Owns: their order within a tick, when a watch is over, and that nothing of it is left behind. Each of them is a file of its own.
"""

from __future__ import annotations

import webbrowser
from collections.abc import Callable
from pathlib import Path
from time import monotonic, sleep

from landscape.errors import LandscapeError
from landscape.watching.board import Board
from landscape.watching.painter import PaintingThread, Process
from landscape.watching.server import PageServer
from landscape.watching.state import COMPLETE, RUNNING, UNREADABLE, State
from landscape.watching.terminal import Terminal
from landscape.watching.watcher import Watcher

# Seconds between two looks at the file. A look takes some ten microseconds.
TICK = 0.1


class Live:
    """One watch. `painter` None draws nothing; `timeout`: seconds that a file which is not there is waited for."""

    def __init__(
        self,
        watcher: Watcher,
        terminal: Terminal,
        board: Board,
        painter: PaintingThread | None = None,
        timeout: float | None = None,
        clock: Callable[[], float] = monotonic,
    ):
        self._watcher, self._terminal, self._board, self._painter = watcher, terminal, board, painter
        self._timeout, self._clock, self._began = timeout, clock, clock()

    def tick(self) -> State:
        """One look at the file, and all that follows from it.

        Raises:
            LandscapeError: there was nothing to read within the timeout.
        """
        lines = self._watcher.tick()
        state = self._watcher.state
        self._board.put(state)
        if self._painter is not None:
            self._painter.tick(self._watcher.stamp)
        for line in lines:
            self._terminal.say(line)
        if state.phase == RUNNING:
            self._terminal.progress(state.line)
        waited = self._clock() - self._began
        if self._timeout is not None and not self._watcher.began and waited >= self._timeout:
            advice = (
                "give the file of a run" if state.phase == UNREADABLE else "start the run, or give a longer --timeout"
            )
            raise LandscapeError(f"{state.line}, for {self._timeout:g} s; {advice}")
        return state


def watch_file(
    path: Path,
    *,
    port: int | None = None,
    text: bool = False,
    browser: bool = False,
    timeout: float | None = None,
    kind: str | None = None,
    metric: str | None = None,
) -> State:
    """Watches until the run is complete (with `text`), or until it is interrupted.

    Raises:
        LandscapeError: the port cannot be taken, or there was nothing to read within the timeout.
    """
    terminal, board = Terminal(), Board()
    if text:
        return _watched(Live(Watcher(path), terminal, board, timeout=timeout), terminal, ends=True)
    process, server = Process(path, kind, metric), PageServer(board, port)
    try:
        terminal.say(f"watch {path} at {server.url} (Ctrl-C ends it)")
        if browser:
            webbrowser.open(server.url)
        live = Live(Watcher(path), terminal, board, PaintingThread(process.draw, board.hang), timeout)
        return _watched(live, terminal, ends=False)
    finally:
        server.close()
        process.close()


def _watched(live: Live, terminal: Terminal, *, ends: bool) -> State:
    try:
        while True:
            state = live.tick()
            if ends and state.phase == COMPLETE:
                return state
            sleep(TICK)
    finally:
        terminal.close()
