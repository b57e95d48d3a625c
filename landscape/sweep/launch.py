"""Detects whether mpiexec, mpirun or srun started this process together with others.

Owns: the detection, from environment variables only, so that a plain run never loads MPI.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Mapping

from landscape.sweep.world import World

# In this order: MPICH and Intel MPI, Open MPI, MVAPICH2, Cray PALS, Slurm steps (unset in a batch script outside srun).
RANK_VARIABLES = ("PMI_RANK", "OMPI_COMM_WORLD_RANK", "MV2_COMM_WORLD_RANK", "PALS_RANKID", "SLURM_PROCID")
SIZE_VARIABLES = ("PMI_SIZE", "OMPI_COMM_WORLD_SIZE", "MV2_COMM_WORLD_SIZE", "PALS_SIZE", "SLURM_STEP_NUM_TASKS")


def launched_size(environment: Mapping[str, str] | None = None) -> int:
    """The number of processes that the launcher started; 1 without a launcher."""
    environment = os.environ if environment is None else environment
    sizes = [environment.get(name, "") for name in SIZE_VARIABLES]
    return max([int(size) for size in sizes if size.isdigit()], default=1)


def launched_rank(environment: Mapping[str, str] | None = None) -> int:
    """The rank that the launcher gave this process; 0 without a launcher. Known before MPI is loaded."""
    environment = os.environ if environment is None else environment
    if launched_size(environment) < 2:
        return 0
    ranks = [environment.get(name, "") for name in RANK_VARIABLES]
    return next((int(rank) for rank in ranks if rank.isdigit()), 0)


@functools.cache
def connect() -> World:
    """The world of this process; loads mpi4py only when a launcher started several processes."""
    if launched_size() < 2:
        return World()
    from landscape.sweep import mpi

    return mpi.open_world(launched_size())


def connected() -> World | None:
    """The world of this process if it has been connected, else None; never loads MPI."""
    return connect() if connect.cache_info().currsize else None
