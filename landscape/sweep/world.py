"""The rank of this process among all, and what it may use of its machine.

Owns: `World`. Knows no MPI: who started the processes is found out in launch.py, and they meet in mpi.py.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Any


def own_cores() -> set[int]:
    """The cores that this process may run on."""
    return os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set(range(os.cpu_count() or 1))


@dataclass(frozen=True)
class World:
    """`rank` of this process among `size`, and its `local_rank` among the `local_size` on this machine.

    `cores`: how many this rank may use: its own if ranks are bound to cores, otherwise an equal share of the machine's.
    `comm`: the MPI communicator of all ranks; None on a single process. `meeting`: another, on which they wait for each other.
    """

    rank: int = 0
    size: int = 1
    local_rank: int = 0
    local_size: int = 1
    cores: int = field(default_factory=lambda: len(own_cores()))
    comm: Any = None
    meeting: Any = None

    @property
    def leads(self) -> bool:
        return self.rank == 0
