"""How much memory there is for data.

Owns: the number of bytes a process may still take on this machine, inside a container or batch job too.
"""

from __future__ import annotations

from pathlib import Path

MEMINFO = Path("/proc/meminfo")
CGROUPS = (Path("/proc/self/cgroup"), Path("/sys/fs/cgroup"))
# Where neither is there to ask (macOS, Windows).
UNKNOWN = 8e9


def free_host_memory() -> float:
    """Bytes a process could take: what the machine has free, or what its cgroup (Slurm, Docker) leaves if less."""
    try:
        facts = dict(line.split(":", 1) for line in MEMINFO.read_text().splitlines())
        free = 1024.0 * int(facts["MemAvailable"].split()[0])
    except (OSError, KeyError, ValueError):
        return UNKNOWN
    return max(0.0, min([free, *_left_in_cgroups()]))


def host_budget(sharers: int = 1) -> float:
    """Bytes that data may take on the host: half of what is free, shared with the other ranks of the machine."""
    return 0.5 * free_host_memory() / sharers


def _left_in_cgroups() -> list[float]:
    """Limit minus use of our cgroup (version 2) and each one around it; empty where there is no limit."""
    own, mount = CGROUPS
    left = []
    try:
        relative = own.read_text().strip().rpartition("::/")[2]
        group = mount / relative
        for folder in (group, *group.parents[: len(Path(relative).parts)]):
            left += _left_in(folder)
    except OSError:
        pass
    return left


def _left_in(folder: Path) -> list[float]:
    try:
        limit = float((folder / "memory.max").read_text())
        used = float((folder / "memory.current").read_text())
        stat = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
        # files kept in memory count as used, but give way when memory is asked for
        return [limit - used + float(stat["inactive_file"]) + float(stat["active_file"])]
    except (OSError, ValueError, KeyError):  # "max" is no number: no limit
        return []
