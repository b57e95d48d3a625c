"""The memory available for data.

Owns: the number of bytes that this process can still allocate, also inside a container or a batch job.
"""

from __future__ import annotations

from pathlib import Path

MEMINFO = Path("/proc/meminfo")
CGROUPS = (Path("/proc/self/cgroup"), Path("/sys/fs/cgroup"))
# On systems with neither (macOS, Windows).
UNKNOWN = 8e9


def free_host_memory() -> float:
    """Bytes that a process can allocate: the free memory of the machine, or of its cgroup (Slurm, Docker) if less."""
    try:
        facts = dict(line.split(":", 1) for line in MEMINFO.read_text().splitlines())
        free = 1024.0 * int(facts["MemAvailable"].split()[0])
    except (OSError, KeyError, ValueError):
        return UNKNOWN
    return max(0.0, min([free, *_left_in_cgroups()]))


def host_budget(sharers: int = 1) -> float:
    """Bytes that data may take on the host: half of the free memory, shared with the other ranks of the machine."""
    return 0.5 * free_host_memory() / sharers


def _left_in_cgroups() -> list[float]:
    """Limit minus use of this process's cgroup (version 2) and of each parent; empty where there is no limit."""
    return [left for folder in control_groups() for left in _left_in(folder)]


def control_groups() -> list[Path]:
    """The folder of this process's cgroup (version 2), and of each parent; empty on systems without."""
    own, mount = CGROUPS
    try:
        relative = own.read_text().strip().rpartition("::/")[2]
    except OSError:
        return []
    group = mount / relative
    return [group, *group.parents[: len(Path(relative).parts)]]


def _left_in(folder: Path) -> list[float]:
    try:
        limit = float((folder / "memory.max").read_text())
        used = float((folder / "memory.current").read_text())
        stat = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
        # the page cache counts as used, but is freed when memory is needed
        return [limit - used + float(stat["inactive_file"]) + float(stat["active_file"])]
    except (OSError, ValueError, KeyError):  # "max" means no limit
        return []
