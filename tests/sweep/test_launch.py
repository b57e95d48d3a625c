"""Who started this process is read from the environment alone."""

import pytest

from landscape.sweep.launch import connect, launched_rank, launched_size
from landscape.sweep.world import World, own_cores


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
