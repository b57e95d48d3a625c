"""Signals at random moments over all commands, then the same command until it is done: the file equals an uninterrupted one.

SIGKILL, SIGTERM or SIGINT go to one rank, to all of them, or to the launcher, at a moment drawn from the whole life of the
command. A rank gets SIGTERM in place of SIGINT until it has loaded MPI: Python that is still starting answers SIGINT with
status 1, by which no launcher ends a job (docs/clusters.md). Counted: jobs that hang or leave processes, files that cannot be
read, and values that differ from those of a run that was left alone: in any bit, but for `along`, whose directions are computed
again when a kill came before they were written.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import _jobs as jobs
import numpy as np

SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
PLANE = ["-x", "-1:1:7", "-y", "-1:1:5"]
RUN = ["--model", "net.py:build", "--data", "net.py:load", "--normalize", "none", "--batch-size", "8", "--quiet"]
NETS = ["net.pt", "other.pt"]


class Command(NamedTuple):
    """Its words, the file or folder that it makes, whether one process does it, and the relative difference that is allowed."""

    words: list[str]
    result: str = "a.h5"
    alone: bool = False
    allowed: float = 0.0


COMMANDS = {
    "surface": Command(["surface", "net.pt", *jobs.BASIC, *PLANE, "-o", "a.h5"]),
    "line": Command(["line", "net.pt", *jobs.BASIC, "-x", "-1:1:31", "-o", "a.h5"]),
    "tolerance": Command(["surface", "net.pt", *jobs.BASIC, *PLANE, "--tolerance", "0.05", "-o", "a.h5"]),
    "along": Command(["line", "net.pt", *jobs.BASIC, "--along", "gradient", "-x", "-1:1:21", "-o", "a.h5"], allowed=1e-5),
    "hessian": Command(["hessian", "s.h5", "--trust", "s.h5", "--quiet"], "s.h5"),
    "spectrum": Command(["spectrum", "net.pt", *jobs.BASIC, "--steps", "20", "--top", "2", "--bottom", "2", "-o", "a.h5"]),
    "train": Command(["train", *RUN, "--epochs", "6", "--save-every", "20", "-o", "run"], "run", alone=True),
    "dynamics": Command(
        ["dynamics", "past", "--trust", "past", "--samples", "32", "--batches", "2", "--quiet"], "past/dynamics.h5"
    ),
    "trajectory": Command(["trajectory", "past", *jobs.BASIC, "-x", "auto:5", "-y", "auto:4", "--marks", "6", "-o", "a.h5"]),
    "connect": Command(
        ["connect", *NETS, *jobs.BASIC, "--points", "9", "--curve", "bezier", "--epochs", "2", "--plane", "4", "-o", "a.h5"]
    ),
    "flatness": Command(
        ["flatness", *NETS, "past/final.pt", *jobs.BASIC, "--samples", "32", "--directions", "3", "--steps", "2", "--products",
         "6", "-o", "a.h5"]
    ),
    "inputs": Command(["inputs", "net.pt", *jobs.BASIC, *PLANE, "-o", "a.h5"]),
    "optimizers": Command(
        ["optimizers", "rosenbrock", "--optimizers", "sgd,adam", "--steps", "400", "-x", "-2:2:9", "-y", "-1:3:9", "-o", "a.h5"],
        alone=True,
    ),
    "instability": Command(
        ["instability", *RUN, "--epochs", "2", "--at", "0,12", "--points", "3", "-o", "copies"],
        "copies/instability.h5", alone=True,
    ),
    "align": Command(
        ["align", *NETS, "--model", "net.py:build", "--data", "net.py:load", "-o", "b.pt", "--overwrite"], "b.pt", alone=True
    ),
}  # fmt: skip
WITHIN, LIMIT = 15.0, 240.0
COUNTED, WRONG = ("kills", "ends"), ("hangs", "invalid", "different", "errors")


def start(words: list[str], folder: Path, ranks: int, launcher: jobs.Launcher) -> subprocess.Popen:
    return subprocess.Popen(
        [*launcher.words(ranks), launcher.python, "-m", "landscape", *words],
        cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True,
        env={**jobs.ENVIRONMENT, "PAUSE": "0.02"},
    )  # fmt: skip


def victims(job: subprocess.Popen, folder: Path, chance: random.Random) -> list[int]:
    """One rank, all ranks, or the process that was started, which is the launcher if there are several."""
    ranks = [pid for pid in jobs.left_behind(folder) if pid != job.pid and "python" in _program(pid)]
    return chance.choice([[job.pid], ranks or [job.pid], [chance.choice(ranks or [job.pid])]])


def _program(pid: int) -> str:
    try:
        return os.readlink(f"/proc/{pid}/exe")
    except OSError:
        return ""


def _loaded_mpi(pid: int) -> bool:
    try:
        return "libmpi" in Path(f"/proc/{pid}/maps").read_text()
    except OSError:
        return False


def content(path: Path, folder: Path) -> dict[str, np.ndarray]:
    """The numbers in a result, by name; a fresh process reads them, as a user would."""
    program = """
import sys, json
from pathlib import Path
import numpy as np
path, out, found = Path(sys.argv[1]), sys.argv[2], {}
if path.is_dir() or path.suffix == ".pt":
    import torch
    net = torch.load(path / "final.pt" if path.is_dir() else path, weights_only=True)
    state = net.get("state_dict", net)
    found = {name: value.numpy() for name, value in state.items() if hasattr(value, "numpy")}
else:
    from landscape.surfaces.spectrum import is_spectrum, load_spectrum
    if is_spectrum(path):
        for name, block in load_spectrum(path).blocks.items():
            found |= {f"{name}.{key}": np.asarray(value) for key, value in vars(block).items() if key not in ("name", "products")}
    else:
        from landscape.surfaces import load_surface
        surface = load_surface(path)
        found = {**surface.values, **{f"stderr {name}": value for name, value in surface.stderr.items()}}
        found |= {f"status {name}": value for name, value in surface.status.items()}
        for name, trail in surface.trails.items():
            found |= {f"{name} x": trail.x, f"{name} y": trail.y}
            found |= {f"{name} {key}": value for key, value in (trail.metrics or {}).items()}
np.savez(out, **{name: value for name, value in found.items() if value.dtype.kind in "biuf"})
"""
    out = folder / "content.npz"
    done = subprocess.run([sys.executable, "-c", program, str(path), str(out)], capture_output=True, text=True)
    if done.returncode:
        raise ValueError(done.stderr[-400:])
    with np.load(out) as stored:
        return dict(stored)


def difference(found: dict[str, np.ndarray], wanted: dict[str, np.ndarray], allowed: float) -> str:
    if set(found) != set(wanted):
        return f"names {sorted(set(found) ^ set(wanted))}"
    for name, array in wanted.items():
        other = found[name]
        same = array.shape == other.shape and (
            np.array_equal(array, other, equal_nan=True)
            if not allowed or array.dtype.kind != "f"
            else np.allclose(array, other, rtol=allowed, atol=allowed * np.nanmax(np.abs(array)), equal_nan=True)
        )
        if not same:
            return f"{name} differs"
    return ""


class Series:
    """One command on one number of ranks, struck at random moments: the counts, and what was said where one is wrong."""

    def __init__(self, name: str, ranks: int, seed: int, home: Path, launcher: jobs.Launcher) -> None:
        self.words, self.result, self.allowed = COMMANDS[name].words, COMMANDS[name].result, COMMANDS[name].allowed
        self.ranks, self.home, self.launcher = ranks, home, launcher
        self.chance = random.Random(f"{seed} {name} {ranks}")
        self.folder = home / f"{name}{ranks}"
        self.counts = {"kills": 0, "ends": 0, "hangs": 0, "invalid": 0, "different": 0, "errors": 0}
        self.notes: list[str] = []
        self.fresh()
        began = time.monotonic()
        job = start(self.words, self.folder, ranks, launcher)
        said = job.communicate(timeout=LIMIT)[1]
        assert job.returncode == 0, said
        self.usual = time.monotonic() - began
        self.truth = content(self.folder / self.result, self.folder)
        self.fresh()

    def fresh(self) -> None:
        """A folder without a result, so that the next start is a first one."""
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.copytree(self.home / "job", self.folder)

    def wrong(self, count: str, note: str) -> None:
        self.counts[count] += 1
        self.notes.append(note)

    def strike(self) -> None:
        """Start or continue the command and send it a signal; a run that ends first is compared and begun again."""
        job, began = start(self.words, self.folder, self.ranks, self.launcher), time.time()
        moment = self.chance.uniform(0.0, self.usual)
        number = self.chance.choice(SIGNALS)
        try:
            job.wait(moment)
        except subprocess.TimeoutExpired:
            self.kill(job, number)
        struck = time.monotonic()
        ended = jobs.ended(job, self.folder, began, LIMIT)
        seconds = time.monotonic() - struck
        if ended.status is None or ended.orphans or seconds > WITHIN + self.usual:
            self.wrong("hangs", f"{number.name}: {ended.status} after {seconds:.0f} s, {len(ended.orphans)} left")
        # Python itself writes a traceback when SIGINT comes while it starts
        if "Traceback" in ended.said and number != signal.SIGINT:
            self.wrong("errors", repr(ended.said[max(0, ended.said.index("Traceback") - 200) :]))
        if ended.status == 0:
            self.compare()
        elif (path := self.folder / self.result).is_file():
            self.readable(path)

    def kill(self, job: subprocess.Popen, number: signal.Signals) -> None:
        for pid in victims(job, self.folder, self.chance):
            early = number == signal.SIGINT and pid != job.pid and not _loaded_mpi(pid)
            try:
                os.kill(pid, signal.SIGTERM if early else number)
            except ProcessLookupError:
                continue
        self.counts["kills"] += 1

    def readable(self, path: Path) -> None:
        try:
            content(path, self.folder)
        except ValueError as error:
            self.wrong("invalid", str(error))

    def compare(self) -> None:
        """The result of a run that reached its end equals that of the run that was left alone."""
        self.counts["ends"] += 1
        if found := difference(content(self.folder / self.result, self.folder), self.truth, self.allowed):
            self.wrong("different", found)
        self.fresh()

    def finish(self) -> None:
        last = jobs.ended(start(self.words, self.folder, self.ranks, self.launcher), self.folder, time.time(), LIMIT)
        if last.status != 0:
            self.wrong("errors", f"the last run: {last.said[-300:]!r}")
        else:
            self.compare()
        shutil.rmtree(self.folder)


def series(name: str, ranks: int, kills: int, seed: int, home: Path, launcher: jobs.Launcher) -> Series:
    found = Series(name, ranks, seed, home, launcher)
    for _ in range(3 * kills):  # a start that ends before its signal is not counted, and the series ends all the same
        if found.counts["kills"] >= kills:
            break
        found.strike()
    found.finish()
    return found


def make_inputs(folder: Path, launcher: jobs.Launcher) -> None:
    """A second net, a plane for curvature, and a run for what goes along one."""
    program = "import torch, net; torch.save({k: 1.5 * v for k, v in net.build().state_dict().items()}, 'other.pt')"
    subprocess.run([sys.executable, "-c", program], cwd=folder, check=True)
    for words in (
        ["surface", "net.pt", *jobs.BASIC, "-x", "-1:1:4", "-y", "-1:1:3", "-o", "s.h5"],
        ["train", *RUN, "--epochs", "2", "--save-every", "6", "-o", "past"],
    ):
        job = start(words, folder, 1, launcher)
        said = job.communicate(timeout=LIMIT)[1]
        assert job.returncode == 0, said


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="attack kills", description=__doc__.splitlines()[0])
    parser.add_argument("--commands", default=",".join(COMMANDS), help="separated by commas (default: all)")
    parser.add_argument("--ranks", default="1,2,3")
    parser.add_argument("--kills", type=int, default=6, help="of each command on each number of ranks (default: 6)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--python", help="a Python whose mpiexec and mpi4py are used (default: this one)")
    given = parser.parse_args(argv)
    launcher, total, broken, began = jobs.here(given.python), 0, 0, time.monotonic()
    with tempfile.TemporaryDirectory() as scratch:
        home = Path(scratch)
        folder = jobs.prepared(home / "job")
        make_inputs(folder, launcher)
        print(f"{'command':10} ranks", *COUNTED, *WRONG)
        for name in given.commands.split(","):
            for ranks in map(int, given.ranks.split(",")):
                if COMMANDS[name].alone and ranks > 1:
                    continue
                found = series(name, ranks, given.kills, given.seed, home, launcher)
                total += found.counts["kills"]
                broken += sum(found.counts[key] for key in WRONG)
                row = "".join(f" {found.counts[key]:{len(key)}}" for key in (*COUNTED, *WRONG))
                print(f"{name:10} {ranks:5}{row}", *found.notes, flush=True)
    print(f"{total} kills, {broken} broken, seed {given.seed}, {time.monotonic() - began:.0f} s")
    return 1 if broken else 0
