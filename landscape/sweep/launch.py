"""Was this process started by mpiexec, mpirun or srun, with others beside it?

Owns: the answer, from the environment alone, so that a plain run never loads MPI; and `World`, what a process knows of
its fellows.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

# Set by: MPICH and Intel MPI, Open MPI, MVAPICH2, Cray PALS, Slurm steps (unset in a batch script outside srun).
# The same launchers' variables for the rank, in the same order.
RANK_VARIABLES = ("PMI_RANK", "OMPI_COMM_WORLD_RANK", "MV2_COMM_WORLD_RANK", "PALS_RANKID", "SLURM_PROCID")
SIZE_VARIABLES = ("PMI_SIZE", "OMPI_COMM_WORLD_SIZE", "MV2_COMM_WORLD_SIZE", "PALS_SIZE", "SLURM_STEP_NUM_TASKS")


@dataclass(frozen=True)
class World:
    """This process among all (`rank` of `size`) and among those on its machine (`local_rank` of `local_size`)."""

    rank: int = 0
    size: int = 1
    local_rank: int = 0
    local_size: int = 1
    comm: Any = None

    @property
    def leads(self) -> bool:
        return self.rank == 0


def launched_size(environment: Mapping[str, str] | None = None) -> int:
    """How many processes the launcher says it started; 1 when there is no launcher."""
    environment = os.environ if environment is None else environment
    sizes = [environment.get(name, "") for name in SIZE_VARIABLES]
    return max([int(size) for size in sizes if size.isdigit()], default=1)


def launched_rank(environment: Mapping[str, str] | None = None) -> int:
    """The rank the launcher gave this process; 0 when there is no launcher. Known before MPI is loaded."""
    environment = os.environ if environment is None else environment
    if launched_size(environment) < 2:
        return 0
    ranks = [environment.get(name, "") for name in RANK_VARIABLES]
    return next((int(rank) for rank in ranks if rank.isdigit()), 0)


@functools.cache
def connect() -> World:
    """The world this process lives in; loads mpi4py only when a launcher started several processes."""
    if launched_size() < 2:
        return World()
    from landscape.sweep import mpi

    return mpi.connect(launched_size())
