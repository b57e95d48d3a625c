"""Jobs to attack: a tiny net in a folder of its own, started as a user would, and what is left of it afterwards.

Owns: `net.py`, whose code strikes at a chosen moment on a chosen rank; starting a job; and finding processes that it left behind.
It is not an attack itself.
"""

from __future__ import annotations

import contextlib
import os
import runpy
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import torch

NET = '''
"""A small net whose code leaves the run at a chosen moment: environment variables say on which rank, where and how."""
import ctypes, os, signal, time
from pathlib import Path
import torch
from torch import nn

RANK = os.environ.get("PMI_RANK", os.environ.get("OMPI_COMM_WORLD_RANK", "0"))
calls = {}


class Own(BaseException):
    pass


def later(seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(0.01)


WAYS = {
    "error": lambda: 1 / 0,
    "exit0": lambda: (_ for _ in ()).throw(SystemExit(0)),
    "exit3": lambda: (_ for _ in ()).throw(SystemExit(3)),
    "keyboard": lambda: (_ for _ in ()).throw(KeyboardInterrupt()),
    "base": lambda: (_ for _ in ()).throw(Own("mine")),
    "generator": lambda: (_ for _ in ()).throw(GeneratorExit()),
    "int": lambda: (os.kill(os.getpid(), signal.SIGINT), later(0.1)),
    "term": lambda: (os.kill(os.getpid(), signal.SIGTERM), later(0.1)),
    "swallowed": lambda: swallowed(),
    "kill": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "segv": lambda: os.kill(os.getpid(), signal.SIGSEGV),
    "_exit0": lambda: os._exit(0),
    "_exit3": lambda: os._exit(3),
    "never": lambda: time.sleep(1000),
    "stopped": lambda: os.kill(os.getpid(), signal.SIGSTOP),
    "locked": lambda: ctypes.PyDLL(None).sleep(1000),
}


class Last:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGINT)
        later(0.1)


def swallowed():
    """A signal whose exception Python swallows."""
    Last()


def strike(stage, number=1):
    if stage != os.environ.get("STRIKE_STAGE") or RANK != os.environ.get("STRIKE_RANK", "0"):
        return
    calls[stage] = calls.get(stage, 0) + 1
    if calls[stage] == number:
        Path("struck").write_text(str(time.time()))
        WAYS[os.environ["STRIKE_WAY"]]()


def build():
    strike("build")
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 6), nn.Tanh(), nn.Linear(6, 10))


def load(split="train"):
    strike("data")
    g = torch.Generator().manual_seed(3)
    return torch.randn(96, 1, 8, 8, generator=g), torch.randint(10, (96,), generator=g)


def loss(outputs, targets):
    strike("first")
    strike("middle", 5)
    if PAUSE:
        time.sleep(PAUSE)
    return nn.functional.cross_entropy(outputs, targets, reduction="none")


PAUSE = float(os.environ.get("PAUSE", "0.01"))


def patch():
    """Moments inside of the program itself: while the leader writes the file, and after the last point."""
    import landscape.study.run as run
    import landscape.surfaces.file as file

    write, shared, meanwhile = file.write_surface_file, run.shared, Path("writing")

    def slow_write(*arguments):
        calls["write"] = calls.get("write", 0) + 1
        if os.environ.get("STRIKE_STAGE") == "saving" and calls["write"] == 2:
            meanwhile.touch()
            strike("saving")
            later(0.3)
        write(*arguments)

    def finishing(world, value):
        calls["shared"] = calls.get("shared", 0) + 1
        if calls["shared"] == 2:
            strike("finish")
        return shared(world, value)

    file.write_surface_file, run.shared = slow_write, finishing


if os.environ.get("STRIKE_STAGE") in ("saving", "finish"):
    patch()
    if RANK != "0" and os.environ.get("STRIKE_STAGE") == "saving":
        plain = loss

        def loss(outputs, targets):
            for _ in range(200 if Path("a.h5").exists() else 0):  # there is none before the first point
                if Path("writing").exists():
                    strike("saving")
                    break
                if calls.get("waited", 0) > 4:
                    break
                time.sleep(0.01)
            calls["waited"] = calls.get("waited", 0) + Path("a.h5").exists()
            return plain(outputs, targets)

strike("import")
'''
RUN = '''
"""The command, with a strike of this rank before anything else if one is asked for."""
import os, sys, time
from pathlib import Path
if os.environ.get("STRIKE_STAGE") == "start" and os.environ.get(
    "PMI_RANK", os.environ.get("OMPI_COMM_WORLD_RANK", "0")) == os.environ.get("STRIKE_RANK", "0"):
    import signal
    Path("struck").write_text(str(time.time()))
    os.kill(os.getpid(), {"int": 2, "term": 15, "kill": 9, "segv": 11}[os.environ["STRIKE_WAY"]])
from landscape.__main__ import main
sys.exit(main())
'''
BASIC = ["--model", "net.py:build", "--data", "net.py:load", "--loss", "net.py:loss", "--normalize", "none", "--quiet"]


ROOT = Path(__file__).resolve().parents[2]
# the code of this checkout is what is attacked
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}


class Launcher(NamedTuple):
    """`words(ranks)` start a command on that many ranks; `python` has mpi4py for the same MPI."""

    python: str
    mpiexec: str

    def words(self, ranks: int) -> list[str]:
        version = subprocess.run([self.mpiexec, "--version"], capture_output=True, text=True).stdout.lower()
        is_open = any(name in version for name in ("open mpi", "openrte", "prrte"))
        flags = ["--oversubscribe", *(["--allow-run-as-root"] if os.getuid() == 0 else [])] if is_open else []
        return [self.mpiexec, *flags, "-n", str(ranks)] if ranks > 1 else []


def here(python: str | None = None) -> Launcher:
    """The launcher beside a Python, by default beside this one."""
    python = python or sys.executable
    found = shutil.which("mpiexec", path=f"{Path(python).parent}:{os.environ['PATH']}")
    return Launcher(python, found or "mpiexec")


def prepared(folder: Path) -> Path:
    """A folder with the net, its weights and the program."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "net.py").write_text(NET)
    (folder / "run.py").write_text(RUN)
    torch.save(runpy.run_path(str(folder / "net.py"))["build"]().state_dict(), folder / "net.pt")
    return folder


class Ended(NamedTuple):
    """How a job ended: `status` None when it had to be killed; `orphans` are the processes that it left behind."""

    status: int | None
    seconds: float
    said: str
    orphans: list[int]

    @property
    def lines(self) -> list[str]:
        """What this program said; Open MPI writes a NUL now and then, which may stand before a line."""
        return [line for line in self.said.replace("\0", "").splitlines() if line.startswith("landscape: ")]


def run(words: list[str], folder: Path, limit: float, **environment: str) -> Ended:
    """Runs a job to its end; `seconds` are those since the strike, or since the start if there was none."""
    (folder / "struck").unlink(missing_ok=True)
    (folder / "writing").unlink(missing_ok=True)
    started = time.time()
    job = subprocess.Popen(
        words, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True,
        env={**ENVIRONMENT, **environment},
    )  # fmt: skip
    return ended(job, folder, started, limit)


def ended(job: subprocess.Popen, folder: Path, started: float, limit: float) -> Ended:
    try:
        said, status = job.communicate(timeout=limit)[1], job.returncode
    except subprocess.TimeoutExpired:
        status = None
        for pid in [job.pid, *left_behind(folder)]:
            _kill(pid)
        said = job.communicate()[1]
    now = time.time()
    deadline = time.monotonic() + 2.0
    while (orphans := left_behind(folder)) and time.monotonic() < deadline:
        time.sleep(0.02)  # a launcher may return a moment before its processes are gone
    for pid in orphans:
        _kill(pid)
    struck = folder / "struck"
    since = float(struck.read_text() or started) if struck.exists() else started
    return Ended(status, now - since, said, orphans)


def left_behind(folder: Path) -> list[int]:
    """Processes whose working folder this is, but for zombies."""
    found = []
    for pid in map(int, filter(str.isdigit, os.listdir("/proc"))):
        try:
            inside = os.readlink(f"/proc/{pid}/cwd") == str(folder.resolve())
            if inside and Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z":
                found.append(pid)
        except OSError:
            continue
    return found


def _kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
