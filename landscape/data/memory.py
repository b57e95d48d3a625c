"""The memory available for data.

Owns: the number of bytes that this process can still allocate, also inside a container or a batch job.
"""

from __future__ import annotations

from pathlib import Path

from landscape.control_groups import control_groups

MEMINFO = Path("/proc/meminfo")
# Limit, use, and what of it is cache: version 2 of control groups, and version 1, whose limit is huge where there is none.
MEMORY_FILES = (
    ("memory.max", "memory.current", ("inactive_file", "active_file")),
    ("memory.limit_in_bytes", "memory.usage_in_bytes", ("total_inactive_file", "total_active_file")),
)
# On systems with neither (macOS, Windows).
UNKNOWN = 8e9


def free_host_memory() -> float:
    """Bytes that a process can allocate: the free memory of the machine, or of its cgroup (Slurm, Docker) if less."""
    try:
        facts = dict(line.split(":", 1) for line in MEMINFO.read_text().splitlines())
        free = 1024.0 * int(facts["MemAvailable"].split()[0])
    except (OSError, KeyError, ValueError):
        return UNKNOWN
    return max(0.0, min([free, *_left_in_groups()]))


def host_budget(sharers: int = 1) -> float:
    """Bytes that data may take on the host: half of the free memory, shared with the other ranks of the machine."""
    return 0.5 * free_host_memory() / sharers


def _left_in_groups() -> list[float]:
    """Limit minus use of this process's control group and of each parent; empty where there is no limit."""
    return [left for folder in control_groups("memory") for left in _left_in(folder)]


def _left_in(folder: Path) -> list[float]:
    for limit, used, caches in MEMORY_FILES:
        try:
            most, now = (float((folder / name).read_text()) for name in (limit, used))
            stat = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
            # the page cache counts as used, but is freed when memory is needed
            return [most - now + sum(float(stat[name]) for name in caches)]
        except (OSError, ValueError, KeyError):  # "max" means no limit
            continue
    return []
