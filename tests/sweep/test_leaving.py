"""A rank that leaves a job takes it with it, whatever it was doing and whatever the others wait for.

Programs of a user's own, without torch, so that each takes a second; whole commands are in tests/recipes/test_leaving.py.
"""

from __future__ import annotations

import itertools
import subprocess
import sys
from pathlib import Path

import pytest

# What rank 1 does, and what is said; rank 0 waits for it in a collective call, or computes.
LEAVES = {
    "returns": ("sys.exit(0)", "rank 1 of 2 has ended with status 0 while others go on"),
    "raises": ("raise ValueError('broken here')", "ValueError: broken here"),
    "interrupted": ("raise KeyboardInterrupt", "KeyboardInterrupt"),
    "os._exit": ("with guarded(forces=False): os._exit(0)", "rank 1 of 2: os._exit(0) was called"),
    "signal": ("signal.raise_signal(signal.SIGINT)", "KeyboardInterrupt"),
}
PROGRAM = """
import os, signal, sys, threading
from landscape.sweep.launch import connect
from landscape.sweep.leaving import guarded
from landscape.sweep.mpi import agree
world = connect()
agree(world, None)
if world.rank == 1:
    {leaves}
{waits}
"""


@pytest.fixture
def job(mpiexec, tmp_path):
    def run(program: str, ranks: int = 2) -> subprocess.CompletedProcess:
        (tmp_path / "job.py").write_text(program)
        words = [*mpiexec(ranks), sys.executable, "job.py"]
        return subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, timeout=90)

    return run


@pytest.mark.parametrize("way", LEAVES)
def test_others_that_wait_for_it_do_not_hang(job, way: str) -> None:
    leaves, said = LEAVES[way]
    done = job(PROGRAM.format(leaves=leaves, waits="agree(world, None)"))
    assert done.returncode != 0
    assert said in done.stderr, done.stderr


def test_others_that_compute_do_not_go_on(job) -> None:
    done = job(PROGRAM.format(leaves="raise ValueError('broken here')", waits="threading.Event().wait(60)"))
    assert done.returncode != 0
    assert "broken here" in done.stderr


def test_ranks_that_end_together_end_well(job) -> None:
    """Rank 1 ends first and waits; nothing is said and nothing is aborted."""
    done = job(PROGRAM.format(leaves="pass", waits="world.leads and threading.Event().wait(0.3)"))
    assert (done.returncode, done.stderr) == (0, "")


def test_a_rank_that_ends_before_mpi_starts_ends_the_job(job) -> None:
    """As where mpi4py is missing on one machine: the others wait for it in the start of MPI."""
    done = job(
        "import os, sys\n"
        "from landscape.sweep.launch import launched_rank\n"
        "from landscape.sweep.leaving import complain, connect_early, from_rank, part\n"
        "if launched_rank() == 1:\n"
        "    sys.modules['mpi4py'] = None\n"
        "connect_early()\n"
        "part(launched_rank(), lambda: complain(from_rank('mpi4py does not load')))\n"
    )
    assert done.returncode != 0
    assert "rank 1 of 2: mpi4py does not load" in done.stderr


STATUSES = {(0, 0): 0, (1, 2): 1, (2, 1): 2, (0, 2): 2, (130, 1): 130}


@pytest.mark.parametrize("each", STATUSES)
def test_ranks_that_leave_with_other_statuses_end_with_that_of_the_first_that_failed(job, each) -> None:
    """A launcher makes one status of those of the ranks; MPICH's makes 3 of 1 and 2."""
    done = job(
        "import sys\n"
        "from landscape.sweep.launch import launched_rank\n"
        "from landscape.sweep.leaving import complain, connect_early, part\n"
        "connect_early()\n"
        f"own = {each}[launched_rank()]\n"
        "sys.exit(part(own, (lambda: complain(f'said with {own}')) if own else None))\n"
    )
    assert done.returncode == STATUSES[each]
    assert done.stderr.count("said with") == bool(STATUSES[each])


def test_the_manual_lists_these_statuses() -> None:
    lines = (Path(__file__).resolve().parents[2] / "docs" / "clusters.md").read_text().splitlines()
    start = lines.index("| status | when |")
    rows = [line.split("|")[1].strip() for line in itertools.takewhile(lambda line: line, lines[start + 2 :])]
    assert [int(row) for row in rows] == sorted({0, *STATUSES.values()})


def test_an_error_of_the_leader_alone_is_of_the_same_kind_on_all_ranks(job) -> None:
    """What only the leader reads is refused with the status of wrong usage, not with a mixture of it and of an error."""
    done = job(
        "import sys\n"
        "from landscape.errors import LandscapeError, UsageError\n"
        "from landscape.study.ranks import shared\n"
        "from landscape.sweep.launch import connect\n"
        "world = connect()\n"
        "def refused():\n"
        "    raise UsageError('curve 7')\n"
        "try:\n"
        "    shared(world, refused)\n"
        "except LandscapeError as error:\n"
        "    assert isinstance(error, UsageError), type(error)\n"
        "    sys.exit(error.exit_status)\n"
    )
    assert done.returncode == 2, done.stderr


def test_a_rank_whose_python_ended_while_it_started_is_not_waited_for_without_an_end(job) -> None:
    done = job(
        "import sys\n"
        "from landscape.sweep import launch, leaving\n"
        "if launch.launched_rank() == 1:\n"
        "    sys.exit(1)\n"
        "leaving.START_SECONDS = 1\n"
        "leaving.connect_early()\n"
    )
    assert done.returncode != 0


def test_after_ctrl_c_ranks_do_not_go_on_with_another_call(job) -> None:
    """A rank may be in another exchange than the others; what it sent for that would be taken for its part in the next call."""
    done = job(
        "import signal, sys\n"
        "import torch\n"
        "import landscape as ll\n"
        "stops = [1]\n"
        "def loss(outputs, targets):\n"
        "    if stops:\n"
        "        signal.raise_signal(stops.pop() and signal.SIGINT)\n"
        "    return torch.nn.functional.cross_entropy(outputs, targets, reduction='none')\n"
        "torch.manual_seed(0)\n"
        "task = {'model': torch.nn.Linear(3, 2), 'data': (torch.randn(8, 3), torch.arange(8) % 2), 'loss': loss, 'quiet': True}\n"
        "for number in range(3):\n"
        "    try:\n"
        "        ll.line(x='-1:1:3', **task)\n"
        "    except (KeyboardInterrupt, ll.LandscapeError) as error:\n"
        "        print(number, error, flush=True)\n"
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("0 stopped by Ctrl-C") == 2
    assert done.stdout.count("an earlier call was stopped by Ctrl-C, at another place on each of the 2 ranks") == 4


def test_ctrl_c_is_answered_while_an_exchange_waits_for_a_rank_that_has_left_it(job) -> None:
    done = job(
        "import dataclasses, os, signal, threading\n"
        "from landscape.sweep.launch import connect\n"
        "from landscape.sweep.leaving import guarded\n"
        "from landscape.sweep.meeting import meet\n"
        "from landscape.sweep.mpi import gather\n"
        "world = connect()\n"
        "if world.rank == 1:\n"
        "    meet(world)\n"
        "    threading.Event().wait(60)\n"
        "class Exchange:\n"
        "    def allgather(self, value):\n"
        "        threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()\n"
        "        return world.comm.allgather(value)\n"
        "with guarded(forces=True):\n"
        "    gather(dataclasses.replace(world, comm=Exchange()), 1)\n"
    )
    assert done.returncode != 0
    assert "rank 0 of 2: stopped by Ctrl-C" in done.stderr
