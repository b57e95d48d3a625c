"""The rank of this process among all, and what it may use of its machine.

Owns: `World`, and the number of threads of a rank that was given none. Knows no MPI: who started the processes is found out in
launch.py, and they meet in mpi.py.
"""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from landscape.control_groups import control_groups

# More than any machine has cores.
MAX_THREADS = 4096


def own_cores() -> set[int]:
    """The cores that this process may run on."""
    return os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set(range(os.cpu_count() or 1))


@dataclass(frozen=True)
class World:
    """`rank` of this process among `size`, and its `local_rank` among the `local_size` on this machine.

    `cores`: how many this rank may use: its own if ranks are bound to cores, otherwise an equal share of the machine's.
    `comm`: the MPI communicator of all ranks; None on a single process. `meeting`: another, on which they wait for each other.
    `lockstep`: the net is divided among the ranks, those of torch.distributed, so that every point takes all of them.
    """

    rank: int = 0
    size: int = 1
    local_rank: int = 0
    local_size: int = 1
    cores: int = field(default_factory=lambda: len(own_cores()))
    comm: Any = None
    meeting: Any = None
    lockstep: bool = False

    @property
    def leads(self) -> bool:
        return self.rank == 0


def usual_threads(cores: int, sharers: int = 1, environment: Mapping[str, str] | None = None) -> int:
    """The CPU threads of a rank where none are asked for: OMP_NUM_THREADS, as other programs obey it.

    Without it as many as the rank may use: its `cores`, at most SLURM_CPUS_PER_TASK, and its part of the time that a container
    grants its `sharers` on this machine.

    >>> usual_threads(8, environment={"OMP_NUM_THREADS": "3,1"}), usual_threads(8, environment={"SLURM_CPUS_PER_TASK": "4"})
    (3, 4)
    """
    environment = os.environ if environment is None else environment
    if asked := _count(environment.get("OMP_NUM_THREADS", "").partition(",")[0]):
        return asked
    granted = max(1.0, granted_cores() / sharers)
    return math.ceil(min(cores, granted, _count(environment.get("SLURM_CPUS_PER_TASK", "")) or cores))


def _count(text: str) -> int | None:
    """A number of threads; None for anything else."""
    text = text.strip()
    return int(text) if text.isdecimal() and 1 <= int(text) <= MAX_THREADS else None


def granted_cores() -> float:
    """The cores' worth of time that Linux grants this process's control group, as containers set it; inf without a limit."""
    least = math.inf
    for folder in control_groups("cpu"):
        with contextlib.suppress(OSError, ValueError):
            quota, period = map(int, (folder / "cpu.max").read_text().split())  # "max" means no limit
            least = min(least, quota / period)
        with contextlib.suppress(OSError, ValueError):  # version 1, where -1 means no limit
            quota, period = (int((folder / f"cpu.cfs_{name}_us").read_text()) for name in ("quota", "period"))
            least = min(least, quota / period if quota > 0 else math.inf)
    return least
