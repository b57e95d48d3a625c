"""Mutated files through the commands that read files: no traceback, no surprise, no hang, no flood of memory.

Owns: the verdict on what a command did with each. Commands run in a child process with limits of time and memory, many inputs
to a child; a child that dies or hangs is replaced, and its input counts. Everything follows from the seed. The good files are of
_seed_files.py, what is done to them of _mutations.py.
"""

from __future__ import annotations

import argparse
import collections
import json
import os
import random
import select
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from _mutations import mutate
from _seed_files import COMMANDS, seed_files

SECONDS = 20.0  # a command that takes longer hangs
GIGABYTES = 1.0  # more than this above what Python and torch take themselves is a flood
VERDICTS = ("done", "refused", "unexpected", "traceback", "forged", "flood", "hang", "died")
BAD = VERDICTS[2:]


@dataclass(frozen=True)
class Outcome:
    """What a command did with one input."""

    kind: str
    number: int
    what: str
    command: str
    verdict: str
    said: str


CHILD = """
import contextlib, io, json, os, resource, sys
sys.path.insert(0, sys.argv[1])
import torch
torch.set_num_threads(1)
from landscape.cli.main import main
def used():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))
for module in ("landscape.study.run", "landscape.drawing", "landscape.render.page.picture", "landscape.render.still.picture"):
    __import__(module)
answers = os.fdopen(os.dup(1), "w")
null = os.open(os.devnull, os.O_WRONLY)
os.dup2(null, 1)
base = used()
resource.setrlimit(resource.RLIMIT_AS, (6 << 30, 6 << 30))
print("ready", file=answers, flush=True)
for line in sys.stdin:
    words = json.loads(line)
    out, err = io.StringIO(), io.StringIO()
    try:
        with open("/proc/self/clear_refs", "w") as refs:
            refs.write("5")
    except OSError:
        pass
    before = used()
    raised = ""
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            status = main(words)
        except SystemExit as leaving:
            status = leaving.code
        except BaseException as error:
            status, raised = 70, f"Traceback {type(error).__name__}: {error}"
    grown = max(0, used() - before) / 1e6
    said = {"status": status, "out": out.getvalue()[:20000], "err": (raised + err.getvalue())[-3000:], "grown": grown}
    print(json.dumps(said), file=answers, flush=True)
"""


class Child:
    """A process that runs commands, one after another, in a folder."""

    def __init__(self, folder: Path):
        self.folder = folder
        self._start()

    def _start(self) -> None:
        root = str(Path(__file__).resolve().parents[2])
        self._process = subprocess.Popen(
            [sys.executable, "-c", CHILD, root], cwd=self.folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"},
        )  # fmt: skip
        assert self._process.stdout is not None and self._process.stdout.readline() == "ready\n"

    def run(self, words: list[str]) -> dict[str, Any] | str:
        """The answer, or "hang" or "died"; then the next command gets a new process."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps(words) + "\n")
        self._process.stdin.flush()
        ready, _, _ = select.select([self._process.stdout], [], [], SECONDS)
        line = self._process.stdout.readline() if ready else ""
        if line:
            return dict(json.loads(line))
        self.close()
        self._start()
        return "died" if ready else "hang"

    def close(self) -> None:
        self._process.kill()
        self._process.wait()


def verdict(answer: dict[str, Any] | str) -> str:
    """One of VERDICTS."""
    if isinstance(answer, str):
        return answer
    text = answer["out"] + answer["err"]
    if answer["grown"] > GIGABYTES * 1000:
        return "flood"
    if "Traceback" in text:
        return "traceback"
    if "landscape: unexpected" in answer["err"]:
        return "unexpected"
    lines = text.splitlines()
    if any(line.startswith("forged:") for line in lines) or any(c in text for c in "\x1b\x07\u202e\u2028"):
        return "forged"
    if answer["status"] and not (
        answer["status"] in (1, 2) and len(answer["err"].splitlines()) <= 1 + answer["err"].count("validation")
    ):
        return "traceback"
    return "done" if answer["status"] == 0 else "refused"


def attack(folder: Path, inputs: int, seed: int, kinds: list[str] | None = None) -> Iterator[Outcome]:
    """Runs every command of a kind on each of `inputs` mutated files, dealt out evenly over the kinds."""
    seeds = folder / "seeds"
    seeds.mkdir()
    made = seed_files(seeds)
    child = Child(seeds)
    chosen = kinds or list(COMMANDS)
    try:
        for number in range(inputs):
            kind = chosen[number % len(chosen)]
            chance = random.Random(f"{seed} {number}")
            target = folder / (f"in{number}" + made[kind].suffix)
            what = mutate(made[kind], target, chance)
            for command in COMMANDS[kind]:
                words = [
                    word.replace("FILE", str(target)).replace("OUT", str(folder / "out")) for word in command.split()
                ]
                answer = child.run(words)
                said = answer if isinstance(answer, str) else (answer["err"].strip() or answer["out"])[:300]
                yield Outcome(kind, number, what, command, verdict(answer), said)
            shutil.rmtree(target) if target.is_dir() else target.unlink()
            for left in folder.glob("out*"):
                left.unlink()
    finally:
        child.close()


def main(arguments: list[str]) -> int:
    """Prints every bad outcome, and a table of all; the status is 1 if there was a bad one."""
    parser = argparse.ArgumentParser(
        prog="scripts/attack files", description=__doc__.splitlines()[0] if __doc__ else ""
    )
    parser.add_argument("--inputs", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kinds", nargs="+", choices=list(COMMANDS))
    asked = parser.parse_args(arguments)
    started, counts = time.monotonic(), collections.Counter[tuple[str, str]]()
    with tempfile.TemporaryDirectory() as place:
        for outcome in attack(Path(place), asked.inputs, asked.seed, asked.kinds):
            counts[outcome.kind, outcome.verdict] += 1
            if outcome.verdict in BAD:
                print(
                    f"{outcome.verdict}: {outcome.kind} {outcome.number} ({outcome.what}), {outcome.command}: {outcome.said}",
                    flush=True,
                )
    kinds = asked.kinds or list(COMMANDS)
    print(
        f"\nseed {asked.seed}, {asked.inputs} inputs, {sum(counts.values())} commands, {time.monotonic() - started:.0f} s"
    )
    print("| file | " + " | ".join(VERDICTS) + " |\n|---" * 1 + "|---:" * len(VERDICTS) + "|")
    for kind in kinds:
        print(f"| {kind} | " + " | ".join(str(counts[kind, each]) for each in VERDICTS) + " |")
    return int(any(counts[kind, each] for kind in kinds for each in BAD))
