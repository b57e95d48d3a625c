"""The MPI executor with real ranks: every rank computes, no rank waits for a long point, failures end the job.

The jobs here load no torch, so that several can be started in a second or two.
"""

import json
import subprocess
import sys

import pytest

HEAD = """
import json, os, sys, time
from pathlib import Path
from landscape.grid import Grid, parse_range
from landscape.sweep.launch import connect
from landscape.sweep.loop import sweep
from landscape.sweep.mpi import MPIExecutor, agree, differing
from landscape.sweep.sampler import EveryPoint
world = connect()
executor = MPIExecutor(world)
grid = Grid.of(parse_range("0:39:40"))
sampler = EveryPoint(grid, range(40))
kept = {}
def keep(point, result):
    assert point.index not in kept, "a result came twice"
    kept[point.index] = result
"""
TAIL = """
if world.leads:
    executor.close(None)
    Path("kept.json").write_text(json.dumps(kept))
"""
MARKED = """
def evaluate(coords):
    Path(f"point{int(coords[0])}").touch()
    return {"loss": coords[0] ** 2, "rank": world.rank}
"""


@pytest.fixture
def run(mpiexec, tmp_path):
    """run(program, ranks) -> (the finished process, what the leader kept, by point number)."""

    def call(program: str, ranks: int) -> tuple[subprocess.CompletedProcess, dict]:
        (tmp_path / "job.py").write_text(program)
        words = [*mpiexec(ranks), sys.executable, "job.py"]
        done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, timeout=90)
        kept = tmp_path / "kept.json"
        return done, {int(k): v for k, v in json.loads(kept.read_text()).items()} if kept.exists() else {}

    return call


@pytest.mark.parametrize("ranks", [2, 3, 5])
def test_every_rank_computes_and_every_point_comes_once(run, tmp_path, ranks):
    # no rank may finish its first point before every rank has one, so each must compute
    meet = """
def evaluate(coords):
    Path(f"rank{world.rank}").touch()
    while len(list(Path(".").glob("rank*"))) < world.size:
        time.sleep(0.001)
    return {"loss": coords[0] ** 2, "rank": world.rank}
sweep(sampler, executor, evaluate, keep)
"""
    done, kept = run(HEAD + meet + TAIL, ranks)
    assert done.returncode == 0, done.stderr
    assert {index: result["loss"] for index, result in kept.items()} == {i: float(i * i) for i in range(40)}
    assert {result["rank"] for result in kept.values()} == set(range(ranks))


@pytest.mark.parametrize("long", [0, 1])
def test_no_rank_waits_for_a_long_point(run, tmp_path, long):
    # Point 0 falls to the leader, point 1 to the first follower. The long one ends only after all others are done, but
    # for the one its rank has ahead: if any rank waited for it, the job would never end.
    program = f"""
def evaluate(coords):
    index = int(coords[0])
    if index == {long}:
        while len(list(Path(".").glob("point*"))) < 38:
            time.sleep(0.001)
    else:
        Path(f"point{{index}}").touch()
    return {{"loss": coords[0], "rank": world.rank}}
sweep(sampler, executor, evaluate, keep)
"""
    done, kept = run(HEAD + program + TAIL, 2)
    assert done.returncode == 0, done.stderr
    assert len(kept) == 40
    assert kept[long]["rank"] == long


@pytest.mark.parametrize("rank", [0, 1, 2])
def test_a_failing_rank_is_named_and_ends_the_job(run, tmp_path, rank):
    program = f"""
from landscape.errors import LandscapeError
def evaluate(coords):
    if world.rank == {rank}:
        raise RuntimeError("broken here")
    return {{"loss": 0.0}}
try:
    try:
        sweep(sampler, executor, evaluate, keep)
    except BaseException as error:
        if world.leads:
            executor.close(error)
        raise
except LandscapeError as error:
    Path(f"said{{world.rank}}").write_text(str(error))
    sys.exit(1)
"""
    done, _ = run(HEAD + program + TAIL, 3)
    assert done.returncode != 0
    for each in range(3):
        said = (tmp_path / f"said{each}").read_text()
        assert said.startswith(f"rank {rank} of 3: evaluation failed at (")
        assert said.endswith("RuntimeError: broken here")


IMPATIENT = """
import signal
from landscape.sweep import meeting, mpi, waiting
from landscape.errors import LandscapeError
mpi.allowed = meeting.allowed = lambda: 0.2
meeting.LAST_LATER = waiting.LAST_LATER = 0.2
def stopped(*_):
    os.kill(os.getpid(), signal.SIGSTOP)
def left(*arguments):
    try:
        return arguments[0](*arguments[1:])
    except LandscapeError as error:
        print(error, flush=True)
        world.meeting.Abort(1)
"""


@pytest.mark.parametrize(
    ("program", "said"),
    [
        (
            "left(sweep, sampler, executor, stopped if world.leads else lambda coords: {'loss': 0.0}, keep)",
            "rank 0 has not answered",
        ),
        ("stopped() if world.leads else left(agree, world, None)", "another rank has not come for 1.6 s"),
    ],
)  # fmt: skip
def test_a_leader_that_is_stopped_is_left_under_stall(run, program, said):
    done, _ = run(HEAD + IMPATIENT + program, 2)
    assert done.returncode != 0 and said in done.stdout


def test_several_rounds_on_the_same_ranks(run, tmp_path):
    program = """
class Rounds:
    def __init__(self): self.left = 3
    def ask(self):
        self.left -= 1
        return EveryPoint(grid, range(self.left * 5, self.left * 5 + 5)).ask() if self.left >= 0 else []
    def tell(self, results): assert list(results) == sorted(results) and len(results) == 5
sweep(Rounds(), executor, lambda coords: {"loss": coords[0]}, keep)
"""
    done, kept = run(HEAD + program + TAIL, 3)
    assert done.returncode == 0, done.stderr
    assert sorted(kept) == list(range(15))


@pytest.mark.parametrize("ranks", [2, 3])
def test_long_messages_that_cross_each_other_all_arrive(run, ranks):
    # both are far beyond what MPI sends without the other side: a rank that waits for its own to be received never receives
    program = """
import numpy as np
from dataclasses import replace
points = [replace(point, given=np.full(400_000, point.index)) for point in sampler.ask()]
def evaluate(coords): return {"loss": coords[0], "kept": np.full(400_000, coords[0])}
def keep(point, result):
    assert (result["kept"] == point.index).all() and result["kept"].shape == (400_000,)
    kept[point.index] = result["loss"]
executor.map(evaluate, points, keep) if world.leads else executor.follow(evaluate)
"""
    done, kept = run(HEAD + program + TAIL, ranks)
    assert done.returncode == 0, done.stderr
    assert kept == {number: number for number in range(40)}


def test_ranks_that_fail_to_set_up_stop_all_with_the_first_message(run, tmp_path):
    program = """
from landscape.errors import LandscapeError
assert differing(world, {"a": "same"}) == []
assert differing(world, {"a": "same", "b": str(world.rank)}) == [("b", 1, "1", "0")]
agree(world, None)
try:
    agree(world, "no such file" if world.rank == 1 else None)
except LandscapeError as error:
    Path(f"said{world.rank}").write_text(str(error))
try:
    agree(world, "everywhere")
except LandscapeError as error:
    Path(f"all{world.rank}").write_text(str(error))
"""
    done, _ = run(HEAD + program, 2)
    assert done.returncode == 0, done.stderr
    assert {(tmp_path / f"said{rank}").read_text() for rank in range(2)} == {"rank 1 of 2: no such file"}
    assert {(tmp_path / f"all{rank}").read_text() for rank in range(2)} == {"everywhere"}


DIVIDED = """
executor = MPIExecutor(world, shard={shard})
class Sums:
    "A point is the sum of 12 numbers, which depends on the order in which they are added."
    chunks = 12
    def part(self, point, first, end):
        found, chunk = [], first
        while chunk < end(chunk):
            {wait}
            found.append((world.rank, 0.1 * point.coords[0] + 10.0 ** (chunk - 6) / 3))
            chunk += 1
        return found
    def join(self, contributions):
        assert len(contributions) == 12
        total = 0.0
        for _, each in contributions:
            total += each
        return dict(loss=total, ranks=len(set(rank for rank, _ in contributions)))
sampler = EveryPoint(grid, range({points}))
sweep(sampler, executor, Sums(), keep)
"""
# no rank goes on with its first chunk before every rank has one
MEET = """Path(f"rank{world.rank}").touch()
            while len(list(Path(".").glob("rank*"))) < world.size: time.sleep(0.001)"""


def plain_sum(x: float) -> float:
    total = 0.0
    for chunk in range(12):
        total += 0.1 * x + 10.0 ** (chunk - 6) / 3
    return total


@pytest.mark.parametrize(("ranks", "shard"), [(2, False), (2, True), (4, False), (4, True)])
def test_divided_points_have_the_same_bits(run, ranks, shard):
    done, kept = run(HEAD + DIVIDED.format(shard=shard, points=7, wait="pass") + TAIL, ranks)
    assert done.returncode == 0, done.stderr
    assert {index: result["loss"] for index, result in kept.items()} == {i: plain_sum(float(i)) for i in range(7)}


@pytest.mark.parametrize("ranks", [2, 4])
def test_shared_data_let_all_ranks_do_one_point(run, ranks):
    done, kept = run(HEAD + DIVIDED.format(shard=True, points=1, wait=MEET) + TAIL, ranks)
    assert done.returncode == 0, done.stderr
    assert kept == {0: {"loss": plain_sum(0.0), "ranks": ranks}}


@pytest.mark.parametrize("slow", [0, 1])
def test_a_long_point_is_shared_when_nothing_else_is_left(run, slow):
    # the first point of one rank would take seconds; that ends as soon as another rank has taken some of it over
    program = f"""
class Long:
    chunks, first = 4000, None
    def part(self, point, first, end):
        coords = point.coords
        if self.first is None: Long.first = coords
        chunk = first
        while chunk < end(chunk):
            if world.rank == {slow} and coords == self.first and not Path("helped").exists():
                Path(f"long{{coords[0]}}").touch()
                time.sleep(0.001)
            elif world.rank != {slow} and Path(f"long{{coords[0]}}").exists():
                Path("helped").touch()
            chunk += 1
        return [world.rank] * (chunk - first)
    def join(self, contributions):
        return dict(ranks=len(set(contributions)))
sampler = EveryPoint(grid, range(6))
sweep(sampler, executor, Long(), keep)
Path(f"done{{world.rank}}").touch()
"""
    done, kept = run(HEAD + program + TAIL, 2)
    assert done.returncode == 0, done.stderr
    assert len(kept) == 6
    assert max(result["ranks"] for result in kept.values()) == 2


def test_an_error_stops_the_others_in_the_middle_of_a_point(run, tmp_path):
    wait = """
            if world.rank == 1: raise RuntimeError("broken here")
            time.sleep(0.001)
            if chunk == 11: chunk = 0  # never ends by itself
"""
    program = DIVIDED.replace("{wait}", wait.strip()).format(shard=False, points=6)
    indented = "\n".join("    " + line for line in program.splitlines())
    program = f"""
try:
{indented}
except BaseException as error:
    if world.leads:
        executor.close(error)
    Path(f"said{{world.rank}}").write_text(str(error))
    sys.exit(1)
"""
    done, _ = run(HEAD + program + TAIL, 2)
    assert done.returncode != 0
    for rank in range(2):
        assert "rank 1 of 2: evaluation failed at (" in (tmp_path / f"said{rank}").read_text()
