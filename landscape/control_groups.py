"""The control groups of Linux that this process is in, by which batch systems and containers limit cores and memory.

Owns: where the folders of these groups are. What is in them is read by data/memory.py and sweep/world.py.
"""

from __future__ import annotations

from pathlib import Path

# The groups of this process, and where their trees are.
PLACES = (Path("/proc/self/cgroup"), Path("/sys/fs/cgroup"))


def control_groups(controller: str) -> list[Path]:
    """The folders of this process's control groups for `controller` ("cpu", "memory"), and their parents; maybe not there.

    Version 2 has one tree for all controllers, version 1 (older clusters) one for each. In a container the path may be one
    of the host; the root of the tree is then the container's own.
    """
    own, mount = PLACES
    try:
        lines = own.read_text().splitlines()
    except OSError:
        return []
    found = []
    for _, names, path in (line.split(":", 2) for line in lines if line.count(":") >= 2):
        if names and controller not in names.split(","):
            continue
        relative = path.strip("/")
        for tree in (mount / each for each in dict.fromkeys((names, controller) if names else ("",))):
            group = tree / relative
            found += [group, *group.parents[: len(Path(relative).parts)]]
    return found
