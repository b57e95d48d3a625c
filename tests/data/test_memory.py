"""How much memory there is, also inside a cgroup, as batch systems and containers set up."""

import pytest

from landscape import control_groups
from landscape.data import memory

GIB = 1024.0**3


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A machine with 64 GiB free and this process in cgroup job/step, whose limits the test writes."""
    (tmp_path / "meminfo").write_text(f"MemTotal: 1 kB\nMemAvailable: {64 * 2**20} kB\n")
    (tmp_path / "cgroup").write_text("0::/job/step\n")
    (tmp_path / "fs" / "job" / "step").mkdir(parents=True)
    monkeypatch.setattr(memory, "MEMINFO", tmp_path / "meminfo")
    monkeypatch.setattr(control_groups, "PLACES", (tmp_path / "cgroup", tmp_path / "fs"))

    def limit(group, most, used, cache=0.0):
        folder = tmp_path / "fs" / group
        (folder / "memory.max").write_text(most if isinstance(most, str) else str(int(most * GIB)))
        (folder / "memory.current").write_text(str(int(used * GIB)))
        (folder / "memory.stat").write_text(f"anon 1\ninactive_file {int(cache * GIB)}\nactive_file 0\n")

    return limit


def test_without_limits_it_is_what_the_machine_has_free(machine):
    assert memory.free_host_memory() == 64 * GIB
    assert memory.host_budget() == 32 * GIB and memory.host_budget(sharers=4) == 8 * GIB


def test_the_tightest_cgroup_counts(machine):
    machine("job/step", "max", 1)
    assert memory.free_host_memory() == 64 * GIB
    machine("job", 16, 4)
    assert memory.free_host_memory() == 12 * GIB
    machine("job/step", 8, 6, cache=5)
    assert memory.free_host_memory() == 7 * GIB


@pytest.mark.parametrize("tree", ["memory", "cpuset,memory"])
def test_older_control_groups_count(machine, tmp_path, tree):
    """Version 1: a tree for each controller; the path may be one of the host, seen from within a container."""
    machine("job", 32, 1)
    (tmp_path / "cgroup").write_text(f"9:name=systemd:/\n4:{tree}:/job/step\n1:cpu:/\n0::/job\n")
    own = tmp_path / "fs" / tree
    for folder, most in ((own / "job" / "step", 2**63 - 4096), (own / "job", 12 * GIB), (own, 10 * GIB)):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "memory.limit_in_bytes").write_text(str(int(most)))
        (folder / "memory.usage_in_bytes").write_text(str(int(5 * GIB)))
        (folder / "memory.stat").write_text(f"total_inactive_file {int(GIB)}\ntotal_active_file {int(GIB)}\n")
    assert memory.free_host_memory() == 7 * GIB
    (own / "memory.limit_in_bytes").unlink()
    assert memory.free_host_memory() == 9 * GIB


def test_never_below_nothing(machine):
    machine("job", 4, 5)
    assert memory.free_host_memory() == 0


def test_where_nothing_can_be_asked(monkeypatch, tmp_path):
    monkeypatch.setattr(memory, "MEMINFO", tmp_path / "none")
    assert memory.free_host_memory() == memory.UNKNOWN


def test_this_machine():
    assert 0 < memory.free_host_memory() < 1e15
