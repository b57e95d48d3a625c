"""Every way to leave a run, at every moment of its life, on the first and on the last rank: no hang, no orphan, one line.

A rank leaves by an exception, SystemExit, KeyboardInterrupt or an own BaseException, by a signal, by `os._exit`, or, with
`--stall`, by a call that never returns or by SIGSTOP. The job must end within ten seconds of that or of what `--stall` grants,
with a status other than 0, no process left, a valid file, and a line that says why where the process could still say one.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from itertools import product
from pathlib import Path
from typing import NamedTuple

import _jobs as jobs

from landscape.errors import LandscapeError
from landscape.surfaces import load_surface

STAGES = ("start", "import", "build", "data", "first", "middle", "saving", "finish")
RAISED = ("error", "exit0", "exit3", "keyboard", "base", "generator")
SIGNALS = ("int", "term", "swallowed")
HARD = ("kill", "segv")
# seconds that the others wait before they end the job, in units of --stall and beyond
STALLED = {"never": (1, 6), "locked": (1, 6), "stopped": (2, 7)}
WAYS = (*RAISED, *SIGNALS, *HARD, "_exit0", "_exit3", *STALLED)
MUTE = HARD  # the launcher speaks for a process that was killed
TRIES = 3
STALL, WITHIN = 6.0, 10.0  # a step of the set-up takes seconds on a busy machine


class Case(NamedTuple):
    ranks: int
    rank: int
    stage: str
    way: str

    @property
    def possible(self) -> bool:
        # a single process that is stopped can be ended by nobody; before our first line only the launcher is at work
        if self.way == "stopped" and self.ranks == 1:
            return False
        return self.stage != "start" or self.way in ("int", "term", *HARD)


def cases(ranks: list[int]) -> list[Case]:
    """All of them; on one rank the first is the last."""
    found = [Case(n, r, s, w) for n, s, w in product(ranks, STAGES, WAYS) for r in sorted({0, n - 1})]
    return [case for case in found if case.possible]


def words(case: Case, launcher: jobs.Launcher) -> list[str]:
    line = ["line", "net.pt", *jobs.BASIC, "--threads", "1", "-x", "-1:1:15", "-o", "a.h5"]
    stalls = ["--stall", str(STALL)] if case.way in STALLED else []
    return [*launcher.words(case.ranks), launcher.python, "run.py", *line, *stalls]


def attack(case: Case, folder: Path, launcher: jobs.Launcher) -> tuple[jobs.Ended, str]:
    """How the job ended, and what is wrong with that; empty when nothing is."""
    units, beyond = STALLED.get(case.way, (0, 0))
    slack = units * STALL + beyond
    strike = {"STRIKE_STAGE": case.stage, "STRIKE_RANK": str(case.rank), "STRIKE_WAY": case.way}
    for _ in range(TRIES):  # on a busy machine a run may end, or give up its set-up, before the moment comes
        (folder / "a.h5").unlink(missing_ok=True)
        ended = jobs.run(words(case, launcher), folder, 90.0, **strike)
        if (folder / "struck").exists():
            break
    return ended, fault(case, ended, folder, WITHIN + slack)


def fault(case: Case, ended: jobs.Ended, folder: Path, within: float) -> str:
    if not (folder / "struck").exists():
        return f"the moment never came (status {ended.status}): {ended.said[-300:]!r}"
    if ended.status is None:
        return "hang"
    if ended.orphans:
        return f"{len(ended.orphans)} processes left"
    if ended.seconds > within:
        return f"took {ended.seconds:.1f} s"
    if ended.status == 0 and not (case.way in SIGNALS and case.stage == "finish"):
        return "status 0"
    spoken = len(ended.lines)
    if spoken > 1 and case.way != "term":  # Open MPI asks the other ranks to end by SIGTERM, and they say so
        spoken = sum("stopped by SIGTERM" not in line for line in ended.lines)
    stopped_in_start = case.stage == "start" or case.way == "locked"
    if spoken != 1 and case.way not in MUTE and not stopped_in_start and ended.status != 0:
        return f"{spoken} lines: {ended.said[-1200:]!r}"
    if "Traceback" in ended.said and case.stage != "start":
        return f"traceback: {ended.said[-1200:]!r}"
    return unreadable(folder / "a.h5")


def unreadable(path: Path) -> str:
    try:
        if path.exists():
            load_surface(path)
    except LandscapeError as error:
        return f"invalid file: {error}"
    return ""


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="attack ranks", description=__doc__.splitlines()[0])
    parser.add_argument("--ranks", default="2,3", help="numbers of ranks (default: 2,3; 1 is a run without a launcher)")
    parser.add_argument("--stage", help="only these, separated by commas")
    parser.add_argument("--way", help="only these")
    parser.add_argument(
        "--from", dest="first", type=int, default=0, help="leave out this many, which were tried before"
    )
    parser.add_argument("--count", type=int, help="only this many; the last line says how to go on")
    parser.add_argument("--seed", type=int, default=0, help="of the order of the cases, so that any piece is a mixture")
    parser.add_argument("--python", help="a Python whose mpiexec and mpi4py are used (default: this one)")
    given = parser.parse_args(argv)
    chosen = cases([int(n) for n in given.ranks.split(",")])
    chosen = [c for c in chosen if not given.stage or c.stage in given.stage.split(",")]
    chosen = [c for c in chosen if not given.way or c.way in given.way.split(",")]
    random.Random(given.seed).shuffle(chosen)
    every, last = len(chosen), len(chosen) if given.count is None else min(given.first + given.count, len(chosen))
    chosen = chosen[given.first : last]
    launcher, broken, began = jobs.here(given.python), 0, time.monotonic()
    with tempfile.TemporaryDirectory() as scratch:
        folder = jobs.prepared(Path(scratch) / "job")
        print(
            f"{'ranks':>5} {'rank':>4} {'stage':8} {'way':10} {'status':>6} {'seconds':>7}  what went wrong, or what was said"
        )
        for case in chosen:
            ended, wrong = attack(case, folder, launcher)
            broken += bool(wrong)
            said = f"BROKEN: {wrong}" if wrong else (ended.lines or [""])[0]
            print(
                f"{case.ranks:5} {case.rank:4} {case.stage:8} {case.way:10} {ended.status!s:>6} {ended.seconds:7.2f}  {said}",
                flush=True,
            )
    rest = f"; go on with --from {last}" if last < every else ""
    print(
        f"{len(chosen)} cases ({given.first} to {last} of {every}), {broken} broken, seed {given.seed}, "
        f"{time.monotonic() - began:.0f} s{rest}"
    )
    return 1 if broken else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
