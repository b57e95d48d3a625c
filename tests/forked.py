"""Processes forked from that of the tests, which has loaded torch: one is there in 0.1 s in place of 3 s of work.

Owns: `Started`, one process beside the tests, and `run`, programs under mpiexec. There the launcher starts a small client for
each rank. The client sends its folder, environment and descriptors here, among them the line to the launcher, and ends as the
process ends that is forked for it; when the launcher kills it, that process is killed too. Where the law is about the start of a
process, tests start a whole one.
"""

from __future__ import annotations

import ast
import atexit
import contextlib
import ctypes
import fcntl
import os
import runpy
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path

CLIENT = """
import os, socket, sys
server = socket.socket(socket.AF_UNIX)
server.connect(sys.argv[1])
held = [0, 1, 2, *(int(os.environ[name]) for name in ["PMI_FD"] if name in os.environ)]
socket.send_fds(server, [repr((os.getcwd(), dict(os.environ), held)).encode()], held)
for number in held[3:]:
    os.close(number)
status = int(server.recv(8) or b"1")
os.kill(os.getpid(), -status) if status < 0 else os._exit(status)
"""
LONGEST = 120.0  # seconds of a program beside the tests
BEYOND = 200  # descriptors that are sent lie above those that they become
_exit = os._exit
_showwarning = warnings.showwarning  # as this module is read; pytest collects warnings within tests alone


def run(
    launcher: Sequence[str], words: Sequence[str], *, timeout: float = 120.0, **environment: str
) -> subprocess.CompletedProcess:
    """The words of a Python program, "-m", "landscape", ... or "file.py", ..., under a launcher; as `subprocess.run`.

    Raises:
        TimeoutExpired: it does not end.
    """
    with (
        tempfile.TemporaryDirectory() as place,
        socket.socket(socket.AF_UNIX) as door,
        (Path(place) / "out").open("w+") as out,
        (Path(place) / "err").open("w+") as err,
    ):
        door.bind(f"{place}/door")
        door.listen()
        door.setblocking(False)
        job = subprocess.Popen(
            [*launcher, sys.executable, "-ISc", CLIENT, f"{place}/door"], stdin=subprocess.DEVNULL, stdout=out, stderr=err,
            env={**os.environ, **environment},
        )  # fmt: skip
        ranks: dict[socket.socket, int] = {}
        deadline = time.monotonic() + timeout
        try:
            while job.poll() is None:
                _serve(door, ranks, words)
                if time.monotonic() > deadline:
                    raise subprocess.TimeoutExpired(list(words), timeout)
                time.sleep(0.003)
        finally:
            job.kill()
            for child in ranks.values():
                os.kill(child, signal.SIGKILL)
                os.waitpid(child, 0)
        out.seek(0), err.seek(0)
        return subprocess.CompletedProcess(list(words), job.wait(), out.read(), err.read())


def _serve(door: socket.socket, ranks: dict[socket.socket, int], words: Sequence[str]) -> None:
    """Forks for a client that has come, and lets one go whose process has ended, or end with it."""
    with contextlib.suppress(BlockingIOError):
        client, _ = door.accept()
        client.setblocking(True)
        ranks[client] = _forked(client, words)
    for client, child in list(ranks.items()):
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            with contextlib.suppress(OSError):
                client.sendall(str(os.waitstatus_to_exitcode(status)).encode())
            client.close()
            del ranks[client]
        elif _gone(client):
            os.kill(child, signal.SIGKILL)


def _gone(client: socket.socket) -> bool:
    try:
        return not client.recv(1, socket.MSG_DONTWAIT | socket.MSG_PEEK)
    except BlockingIOError:
        return False
    except OSError:
        return True


def _forked(client: socket.socket, words: Sequence[str]) -> int:
    """The process that takes the place of a client."""
    message, received, _, _ = socket.recv_fds(client, 1 << 20, 8)
    folder, environment, numbers = ast.literal_eval(message.decode())
    child = _fork(words, dict(zip(numbers, received, strict=True)), folder, environment)
    _close(received)
    return child


class Started:
    """A program beside the tests, in the current folder and environment. What it writes on stdout is lost.

    It is killed after a while, even if the test has failed.
    """

    def __init__(self, *words: str) -> None:
        self._said, err = os.pipe()
        with open(os.devnull, "r+") as null:
            self.pid = _fork(words, {0: null.fileno(), 1: null.fileno(), 2: err}, os.getcwd(), dict(os.environ))
        os.close(err)
        self._limit = threading.Timer(LONGEST, os.kill, (self.pid, signal.SIGKILL))
        self._limit.daemon = True
        self._limit.start()

    def ended(self) -> bool:
        """Whether it has ended by itself."""
        return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def end(self, number: int = 0) -> tuple[int, str]:
        """Sends a signal and waits for the end: the exit status as of `subprocess`, and what was written on stderr."""
        os.kill(self.pid, number)
        with os.fdopen(self._said) as said:
            text = said.read()
        status = os.waitpid(self.pid, 0)[1]
        self._limit.cancel()  # before the number is that of another process
        return os.waitstatus_to_exitcode(status), text


def _fork(words: Sequence[str], becomes: dict[int, int], folder: str, environment: dict[str, str]) -> int:
    """A process with these descriptors at these numbers."""
    child = os.fork()
    if child == 0:
        try:
            above = [fcntl.fcntl(descriptor, fcntl.F_DUPFD, BEYOND) for descriptor in becomes.values()]
            _close(set(becomes.values()))
            for descriptor, number in zip(above, becomes, strict=True):
                os.dup2(descriptor, number)
            _close(above)
            os.environ.clear()
            os.environ.update(environment)
            os.chdir(folder)
            if not _can_differentiate():
                os.execv(sys.executable, [sys.executable, *words])
            _program(words)
        finally:
            _exit(1)
    return child


def _can_differentiate() -> bool:
    """False where torch had begun threads for derivatives in the tests' process: it takes none in a fork of that."""
    if "torch" not in sys.modules:
        return True
    torch = sys.modules["torch"]
    try:
        torch.ones(1, requires_grad=True).sum().backward()
    except RuntimeError:
        return False
    return True


def _close(descriptors: Iterable[int]) -> None:
    for descriptor in descriptors:
        os.close(descriptor)


def _program(words: Sequence[str]) -> None:
    """Runs a program as `python WORDS` would, with all that Python does at its end, and ends the process with its status."""
    from landscape.sweep.launch import connect

    inherited = "mpi4py.MPI" in sys.modules  # begun by the tests, and to be ended by them
    connect.cache_clear()
    atexit._clear()
    warnings.showwarning = _showwarning  # pytest has put its own in that place
    sys.stdin, sys.stdout, sys.stderr = os.fdopen(0), open(1, "w"), open(2, "w", buffering=1)  # noqa: SIM115
    status, sys.argv = 0, list(words[words[0] == "-m" :])
    try:
        if words[0] == "-m":
            runpy.run_module(words[1], run_name="__main__", alter_sys=True)
        elif words[0] == "-c":
            sys.argv = ["-c", *words[2:]]
            exec(words[1], {"__name__": "__main__"})
        else:
            sys.path.insert(0, str(Path(words[0]).resolve().parent))
            runpy.run_path(words[0], run_name="__main__")
    except SystemExit as leaving:
        status = leaving.code if isinstance(leaving.code, int) else int(leaving.code is not None)
    except BaseException:
        sys.excepthook(*sys.exc_info())
        status = 1
    atexit._run_exitfuncs()
    sys.stdout.flush()
    if inherited:
        sys.stderr.flush()
        _exit(status)
    if "mpi4py.MPI" not in sys.modules:
        sys.stderr.flush()
        _exit(status)
    if not sys.modules["mpi4py.MPI"].Is_finalized():
        sys.modules["mpi4py.MPI"].Finalize()
    # MPICH tells the launcher of its end in a handler that `os._exit` leaves out; the handlers of others need Python's lock
    ctypes.PyDLL(None).exit(status)
