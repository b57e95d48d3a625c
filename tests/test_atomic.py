"""A file is written whole or not at all, by one writer at a time, and nothing but a regular file is replaced."""

import os
import re
import socket
import stat
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from landscape.atomic import OutputLock, missing_folder, whole_file


def test_replaced_when_the_block_ends_well(tmp_path):
    path = tmp_path / "f"
    path.write_text("old")
    with whole_file(path) as scratch:
        scratch.write_text("new")
        assert path.read_text() == "old" and scratch.parent == tmp_path
    assert path.read_text() == "new" and os.listdir(tmp_path) == ["f"]


@pytest.mark.parametrize("error", [OSError, ValueError, KeyboardInterrupt, SystemExit])
def test_left_alone_when_it_does_not(error, tmp_path):
    path = tmp_path / "f"
    path.write_text("old")
    with pytest.raises(error), whole_file(path) as scratch:
        scratch.write_text("half")
        raise error
    assert path.read_text() == "old" and os.listdir(tmp_path) == ["f"]


@pytest.mark.parametrize(("free", "reason"), [(0, "No space left on device"), (1, "encoder error -2")])
def test_a_full_disk_is_named_where_an_encoder_hides_it(free, reason, tmp_path, monkeypatch):
    monkeypatch.setattr(os, "statvfs", lambda path: SimpleNamespace(f_bavail=free))
    with pytest.raises(OSError, match=reason), whole_file(tmp_path / "f") as scratch:
        scratch.write_text("half")
        raise OSError("encoder error -2 when writing image file")
    with pytest.raises(PermissionError), whole_file(tmp_path / "f"):
        raise PermissionError(13, "Permission denied")
    assert os.listdir(tmp_path) == []


def test_nothing_written_is_an_error_and_no_file(tmp_path):
    with pytest.raises(FileNotFoundError), whole_file(tmp_path / "f"):
        pass
    assert os.listdir(tmp_path) == []


def test_what_an_earlier_kill_left_behind_is_removed_by_the_next_run(tmp_path):
    path = tmp_path / "f"
    with pytest.raises(KeyError), whole_file(path) as scratch:
        left = scratch
        raise KeyError
    left.write_text("half of an earlier writing, and longer")
    (tmp_path / ".f.notes.tmp").touch()  # not ours
    with whole_file(path) as scratch:
        scratch.write_text("new")
    OutputLock(path).release()
    assert path.read_text() == "new" and sorted(os.listdir(tmp_path)) == [".f.notes.tmp", "f"]


def test_what_somebody_laid_beside_it_is_not_written_to(tmp_path):
    path, victim = tmp_path / "f", tmp_path / "victim"
    victim.write_text("precious")
    (tmp_path / ".f.tmp").symlink_to(victim)
    (tmp_path / ".f.lock").symlink_to(victim)
    with whole_file(path) as scratch:
        assert len(scratch.name) > len(".f.tmp") + 8 and not scratch.is_symlink()
        scratch.write_text("new")
    with pytest.raises(OSError):
        OutputLock(path)
    assert victim.read_text() == "precious"


def test_permissions_are_those_of_any_new_file(tmp_path):
    (tmp_path / "usual").touch()
    with whole_file(tmp_path / "f") as scratch:
        scratch.write_text("new")
    assert stat.S_IMODE((tmp_path / "f").stat().st_mode) == stat.S_IMODE((tmp_path / "usual").stat().st_mode)


def test_a_link_is_followed_and_stays(tmp_path):
    (tmp_path / "far").mkdir()
    (tmp_path / "far" / "real").write_text("old")
    (tmp_path / "f").symlink_to("far/real")
    with whole_file(tmp_path / "f") as scratch:
        scratch.write_text("new")
    assert (tmp_path / "f").is_symlink() and (tmp_path / "far" / "real").read_text() == "new"


def make_socket(path):
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path)


@pytest.mark.parametrize(("make", "kind"), [(os.mkfifo, "pipe"), (make_socket, "socket"), (os.mkdir, "folder")])
def test_nothing_but_a_regular_file_is_replaced(make, kind, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # the address of a socket is short
    make("f")
    for write in (lambda: whole_file(Path("f")).__enter__(), lambda: OutputLock(Path("f"))):
        with pytest.raises(OSError, match=f"is a {kind}, not a regular file"):
            write()
    with pytest.raises(OSError, match="is a device, not a regular file"):
        whole_file(Path("/dev/null")).__enter__()
    assert os.listdir() == ["f"]


HOLD = """
import sys
from pathlib import Path
from landscape.atomic import OutputLock
lock = OutputLock(Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


def test_one_writer_at_a_time_and_a_killed_one_blocks_nobody(tmp_path):
    path = tmp_path / ("n" * 250)  # as long as names may be
    with subprocess.Popen([sys.executable, "-c", HOLD, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(BlockingIOError, match=f"process {holder.pid} is writing it"):
            OutputLock(path)
        holder.kill()
    assert len(os.listdir(tmp_path)) == 1  # the lock that the killed one left
    OutputLock(path)  # an interrupted cell of a notebook keeps it ...
    OutputLock(path).release()  # ... and the next one takes it over
    assert os.listdir(tmp_path) == []


def test_a_link_into_nowhere_is_named_with_where_it_leads(tmp_path):
    (tmp_path / "f").symlink_to(tmp_path / "no" / "real")
    assert re.match("links to .*no/real, whose folder does not exist$", missing_folder(tmp_path / "f"))
    assert re.match("the folder .*no does not exist$", missing_folder(tmp_path / "no" / "f"))
    with pytest.raises(FileNotFoundError, match="links to .*no/real"), whole_file(tmp_path / "f"):
        pass
    (tmp_path / "no").mkdir()
    assert missing_folder(tmp_path / "f") is None and missing_folder(Path("\0")) is None
    with whole_file(tmp_path / "f") as scratch:
        scratch.write_text("new")
    assert (tmp_path / "f").is_symlink() and (tmp_path / "no" / "real").read_text() == "new"
