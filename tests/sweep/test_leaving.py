"""A rank that leaves a job takes it with it, whatever it was doing and whatever the others wait for.

Programs of a user's own, without torch, so that each takes a second; whole commands are in tests/recipes/test_leaving.py.
"""

from __future__ import annotations

import subprocess
import sys

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
        return subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, timeout=40)

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
