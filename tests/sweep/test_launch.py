"""Who started this process is read from the environment alone, and compared with what MPI sees."""

import os
import subprocess
import sys

import pytest

from landscape import control_groups
from landscape.__main__ import ASKED, WAITING, main
from landscape.sweep.launch import connect, launched_rank, launched_size
from landscape.sweep.world import World, granted_cores, own_cores, usual_threads


@pytest.mark.parametrize(
    ("environment", "size", "rank"),
    [
        ({}, 1, 0),
        ({"PMI_SIZE": "4", "PMI_RANK": "3"}, 4, 3),
        ({"OMPI_COMM_WORLD_SIZE": "2", "OMPI_COMM_WORLD_RANK": "1"}, 2, 1),
        ({"SLURM_STEP_NUM_TASKS": "8", "SLURM_PROCID": "5"}, 8, 5),
        # a batch script outside srun is one process, however many the job has
        ({"SLURM_NTASKS": "8", "SLURM_PROCID": "0"}, 1, 0),
        # srun starting one task that calls mpiexec: the inner launcher counts
        ({"SLURM_STEP_NUM_TASKS": "1", "SLURM_PROCID": "0", "PMI_SIZE": "4", "PMI_RANK": "2"}, 4, 2),
        ({"PMI_SIZE": "", "PMI_RANK": ""}, 1, 0),
    ],
)
def test_size_and_rank(environment, size, rank):
    assert (launched_size(environment), launched_rank(environment)) == (size, rank)


def test_a_process_alone_is_its_own_world():
    assert connect() == World(rank=0, size=1, local_rank=0, local_size=1, cores=len(own_cores()))
    assert connect().leads


def test_a_world_without_a_launcher_has_all_cores_of_its_process():
    """The bench makes its world itself, and once ran on one core of two."""
    assert World().cores == len(own_cores())


@pytest.mark.parametrize(
    ("environment", "sharers", "limit", "expected"),
    [
        ({}, 1, None, 8),
        ({"OMP_NUM_THREADS": "3"}, 1, None, 3),
        ({"OMP_NUM_THREADS": " 2,1 "}, 1, None, 2),  # the outer level counts
        ({"OMP_NUM_THREADS": "16", "SLURM_CPUS_PER_TASK": "4"}, 1, "100000 100000", 16),  # who names a number means it
        ({"SLURM_CPUS_PER_TASK": "4"}, 1, None, 4),
        ({"SLURM_CPUS_PER_TASK": "64"}, 1, None, 8),  # several ranks of mpiexec within one task of Slurm
        ({"OMP_NUM_THREADS": "many", "SLURM_CPUS_PER_TASK": "0"}, 1, None, 8),
        ({"OMP_NUM_THREADS": "0", "SLURM_CPUS_PER_TASK": "-2"}, 1, None, 8),
        ({}, 1, "250000 100000", 3),
        ({}, 2, "250000 100000", 2),
        ({}, 4, "50000 100000", 1),
        ({}, 1, "max 100000", 8),
        ({"SLURM_CPUS_PER_TASK": "2"}, 1, "400000 100000", 2),
    ],
)
def test_threads_where_none_are_asked_for(environment, sharers, limit, expected, tmp_path, monkeypatch):
    """A rank that may use 8 cores."""
    (tmp_path / "job").mkdir()
    if limit:
        (tmp_path / "job" / "cpu.max").write_text(limit)
    (tmp_path / "own").write_text("0::/job\n")
    monkeypatch.setattr(control_groups, "PLACES", (tmp_path / "own", tmp_path))
    assert usual_threads(8, sharers, environment) == expected


def test_a_parent_group_limits_too(tmp_path, monkeypatch):
    (tmp_path / "outer" / "inner").mkdir(parents=True)
    (tmp_path / "outer" / "cpu.max").write_text("150000 100000")
    (tmp_path / "outer" / "inner" / "cpu.max").write_text("max 100000")
    (tmp_path / "own").write_text("0::/outer/inner\n")
    monkeypatch.setattr(control_groups, "PLACES", (tmp_path / "own", tmp_path))
    assert granted_cores() == 1.5


@pytest.mark.parametrize("tree", ["cpu", "cpu,cpuacct"])
def test_an_older_control_group_limits_too(tree, tmp_path, monkeypatch):
    """Version 1, which older clusters use; -1 means no limit."""
    for folder, quota in (("job/step", -1), ("job", 150000)):
        (tmp_path / tree / folder).mkdir(parents=True, exist_ok=True)
        (tmp_path / tree / folder / "cpu.cfs_quota_us").write_text(str(quota))
        (tmp_path / tree / folder / "cpu.cfs_period_us").write_text("100000")
    (tmp_path / "own").write_text(f"4:memory:/job/step\n2:{tree}:/job/step\n0::/\n")
    monkeypatch.setattr(control_groups, "PLACES", (tmp_path / "own", tmp_path))
    assert granted_cores() == 1.5


def test_another_mpi_than_the_launchers_is_found_out(tmp_path):
    # as when mpiexec belongs to one MPI and mpi4py loads another: every process believes it is alone
    program = """
import os
from landscape.errors import LandscapeError
from landscape.sweep.launch import connect
try:
    connect()
except LandscapeError as error:
    print(error)
"""
    (tmp_path / "job.py").write_text(program)
    environment = {**os.environ, "OMPI_COMM_WORLD_SIZE": "4"}
    done = subprocess.run([sys.executable, "job.py"], cwd=tmp_path, capture_output=True, text=True, env=environment)
    assert "the launcher started 4 processes but MPI sees 1" in done.stdout


@pytest.mark.parametrize("given", [{}, {"OMP_WAIT_POLICY": "active"}, {"GOMP_SPINCOUNT": "7"}])
def test_the_command_lets_threads_wait_asleep_unless_the_user_says_how(given, monkeypatch):
    for name in ASKED:
        monkeypatch.delenv(name, raising=False)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("landscape.cli.main.main", lambda **named: 0)
    try:
        assert main() == 0
        assert {name: os.environ[name] for name in ASKED if name in os.environ} == (given or WAITING)
    finally:
        for name in ASKED:
            os.environ.pop(name, None)
