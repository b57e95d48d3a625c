"""The file is valid at every moment: kills, full disks, folders that are not there or not ours."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest

from landscape.atomic import OutputLock
from landscape.errors import Notice, SurfaceFileError
from landscape.grid import Grid, parse_range
from landscape.surfaces import load_surface
from landscape.surfaces.file import SurfaceFile, check_folder

KILLS = 40

# Children write surfaces whose values are all the same number, 1, 2, 3, ..., until they are killed. After each kill the
# file must be whole, and all of one writing.
KILLED = """
import os, random, signal, sys, time
import numpy as np
from pathlib import Path
from landscape.grid import Grid, parse_range
from landscape.surfaces import load_surface
from landscape.surfaces.hdf5 import write_surface_file
from landscape.surfaces.surface import Surface
path, kills = Path(sys.argv[1]), int(sys.argv[2])
grid = Grid.of(parse_range("-1:1:60"), parse_range("-1:1:50"))
def written(number):
    return Surface(grid, {"a": np.full(grid.shape, number), "b": np.full(grid.shape, number)}, provenance={"n": number})
for _ in range(2):
    started = time.monotonic()
    write_surface_file(written(0.0), path)
    once = time.monotonic() - started
chance, last, seen = random.Random(0), 0.0, set()
for _ in range(kills):
    child = os.fork()
    if child == 0:
        number = last
        while True:
            number += 1
            write_surface_file(written(number), path)
    time.sleep(chance.uniform(0.0, 8 * once))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    found = load_surface(path)
    values = set(np.unique(np.stack([found.values["a"], found.values["b"]])))
    assert values == {found.provenance["n"]}, values
    assert found.provenance["n"] >= last
    last = found.provenance["n"]
    seen.add(last)
print(len(seen), sorted(os.listdir(path.parent)))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_killed_at_any_moment_it_is_the_old_file_or_the_new_one(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path / "s.h5"), str(KILLS)], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    different = int(done.stdout.split()[0])
    assert different > KILLS / 8, "the writers were killed before they wrote anything: the test shows nothing"
    # what kills leave behind are scratch files, which the next run removes
    assert all(name == "s.h5" or re.fullmatch(r"\.s\.h5\.[0-9a-f]{16}\.tmp", name) for name in os.listdir(tmp_path))
    OutputLock(tmp_path / "s.h5").release()
    assert os.listdir(tmp_path) == ["s.h5"]


# The disk is full from the sixth point on: no file may grow beyond a few blocks.
FULL = """
import resource, sys
from landscape.errors import SurfaceFileError
from landscape.grid import Grid, parse_range
from landscape.surfaces.file import SurfaceFile
grid = Grid.of(parse_range("-1:1:40"), parse_range("-1:1:40"))
file = SurfaceFile.create(sys.argv[1], grid, {"seed": 0})
for index in range(5):
    file.record(index, {"train_loss": float(index)})
file.save()
size = __import__("os").path.getsize(sys.argv[1])
soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (size // 2, hard))
try:
    with file:
        file.record(5, {"train_loss": 5.0})
except SurfaceFileError as error:
    print(error)
resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
if sys.argv[2] == "room again":
    file.save()
"""


@pytest.mark.parametrize("then", ["stop", "room again"])
def test_full_disk(then, tmp_path, grid):
    pytest.importorskip("resource")
    target, temporary = tmp_path / "out" / "s.h5", tmp_path / "tmp"
    target.parent.mkdir()
    temporary.mkdir()
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(target), then],
        capture_output=True,
        text=True,
        env={**os.environ, "TMPDIR": str(temporary)},
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == (
        f"cannot write {target}: File too large; the file still holds what was saved before, make room and run the same "
        "command again\n"
    )
    found = load_surface(target)
    assert found.counts()["done"] == (6 if then == "room again" else 5)
    assert np.nanmax(found.values["train_loss"]) == found.counts()["done"] - 1
    assert os.listdir(target.parent) == ["s.h5"] and os.listdir(temporary) == []


def test_a_folder_that_disappears_leaves_a_rescue_copy(grid, provenance, tmp_path, monkeypatch):
    rescues = tmp_path / "rescues"
    rescues.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(rescues))
    target = tmp_path / "out" / "s.h5"
    target.parent.mkdir()
    with pytest.raises(SurfaceFileError) as raised, SurfaceFile.create(target, grid, provenance) as file:
        shutil.rmtree(target.parent)
        for index in range(7):
            file.record(index, {"train_loss": float(index)})
    (rescue,) = rescues.iterdir()
    text = str(raised.value)
    assert text == (
        f"cannot write {target}: No such file or directory; all 7 points done are kept in {rescue}: make room, move it "
        f"to {target}, run again"
    )
    target.parent.mkdir()
    shutil.move(rescue, target)
    assert SurfaceFile.open(target, grid, provenance).pending() == [7, 8, 9, 10, 11]


@pytest.mark.parametrize("how", ["replaced", "appended to", "linked"])
def test_a_file_that_takes_the_place_of_the_output_is_kept(how, grid, provenance, tmp_path):
    path, precious = tmp_path / "s.h5", b"mine, precious"
    if how == "linked":
        (tmp_path / "elsewhere").mkdir()
        path.symlink_to(tmp_path / "elsewhere" / "real.h5")
    with SurfaceFile.create(path, grid, provenance) as file:
        if how == "appended to":
            with path.open("ab") as stream:
                stream.write(precious)
        else:
            path.write_bytes(precious)
        with pytest.warns(Notice, match="changed or replaced by another program during the run; that file"):
            file.record(0, {"loss": 1.0})
            file.save()
        file.record(1, {"loss": 2.0})
    kept = list(Path(os.path.realpath(path)).parent.glob("*.other-*.h5"))
    assert len(kept) == 1 and kept[0].read_bytes().endswith(precious)
    assert sorted(load_surface(path).values["loss"].ravel()[:2]) == [1.0, 2.0]
    assert path.is_symlink() == (how == "linked")


def test_a_file_that_is_there_before_the_first_point_of_a_continued_run_is_kept(grid, provenance, tmp_path):
    path, precious = tmp_path / "s.h5", b"mine, precious"
    SurfaceFile.create(path, grid, provenance).release()
    with SurfaceFile.open(path, grid, provenance) as file:
        path.write_bytes(precious)
        with pytest.warns(Notice, match="changed or replaced"):
            file.record(0, {"loss": 1.0})
            file.save()
    assert [each.read_bytes() for each in tmp_path.glob("*.other-*.h5")] == [precious]


def test_what_another_program_keeps_writing_ends_the_run_with_a_rescue_copy(grid, provenance, tmp_path, recwarn):
    path = tmp_path / "s.h5"
    file = SurfaceFile.create(path, grid, provenance)
    path.write_bytes(b"first")
    file.record(0, {"loss": 1.0})
    file.save()
    path.write_bytes(b"second")
    file.record(1, {"loss": 2.0})
    with pytest.raises(SurfaceFileError, match="another program keeps writing it.*give another -o") as raised:
        file.save()
    file.release()
    assert path.read_bytes() == b"second"
    rescue = Path(re.search(r"kept in (\S+):", str(raised.value)).group(1))
    assert sorted(load_surface(rescue).values["loss"].ravel()[:2]) == [1.0, 2.0]
    rescue.unlink()


@pytest.mark.parametrize("odd", ["folder", "device"])
def test_what_is_no_file_is_not_moved_aside(odd, grid, provenance, tmp_path):
    path = tmp_path / "s.h5"
    file = SurfaceFile.create(path, grid, provenance)
    path.unlink()
    if odd == "folder":
        path.mkdir()
    else:
        path.symlink_to("/dev/null")
    file.record(0, {"loss": 1.0})
    with pytest.raises(SurfaceFileError, match="cannot write") as raised:
        file.save()
    file.release()
    assert path.is_dir() if odd == "folder" else path.is_char_device()
    Path(re.search(r"kept in (\S+):", str(raised.value)).group(1)).unlink()


def test_a_file_of_ours_that_was_deleted_is_written_again(grid, provenance, tmp_path, recwarn):
    path = tmp_path / "s.h5"
    with SurfaceFile.create(path, grid, provenance) as file:
        path.unlink()
        file.record(0, {"loss": 1.0})
    assert load_surface(path).values["loss"].ravel()[0] == 1.0
    assert not [each for each in recwarn if issubclass(each.category, Notice)]


def test_no_scratch_file_stays_after_an_error(grid, provenance, tmp_path, monkeypatch):
    file = SurfaceFile.create(tmp_path / "s.h5", grid, provenance)
    before = (tmp_path / "s.h5").read_bytes()
    file.record(0, {"m": 1.0})
    for name, error in (
        ("fsync", OSError(28, "No space left on device")),
        ("replace", OSError(5, "Input/output error")),
    ):
        with monkeypatch.context() as patch:

            def fails(*_, error=error):
                raise error

            patch.setattr(os, name, fails)
            monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
            with pytest.raises(SurfaceFileError, match=f"cannot write .*: {error.strerror}; the file still holds"):
                file.record(1, {"m": 1.0})
                file.save()
        assert (tmp_path / "s.h5").read_bytes() == before and sorted(os.listdir(tmp_path)) == [".s.h5.lock", "s.h5"]
    file.save()
    assert load_surface(tmp_path / "s.h5").counts()["done"] == 2


def test_interrupted_while_writing(grid, provenance, tmp_path, monkeypatch):
    file = SurfaceFile.create(tmp_path / "s.h5", grid, provenance)
    before = (tmp_path / "s.h5").read_bytes()
    with monkeypatch.context() as patch:

        def interrupts(*_):
            raise KeyboardInterrupt

        patch.setattr(os, "fsync", interrupts)
        with pytest.raises(KeyboardInterrupt):
            file.record(0, {"m": 1.0})
            file.save()
    assert (tmp_path / "s.h5").read_bytes() == before and sorted(os.listdir(tmp_path)) == [".s.h5.lock", "s.h5"]


def refused(path, message, grid, provenance):
    for start in (
        lambda: check_folder(path),
        lambda: SurfaceFile.create(path, grid, provenance),
        lambda: SurfaceFile.create_or_open(path, grid, provenance),
    ):
        with pytest.raises(SurfaceFileError, match=message) as raised:
            start()
        assert "\n" not in str(raised.value) and str(path) in str(raised.value)


def test_missing_folder_and_folder_for_a_file(grid, provenance, tmp_path):
    refused(tmp_path / "no" / "s.h5", "the folder .*no does not exist; create it or give another -o", grid, provenance)
    refused(tmp_path, "is a folder; give a file name such as", grid, provenance)
    (tmp_path / "file").write_text("")
    refused(tmp_path / "file" / "s.h5", "the folder .*file does not exist", grid, provenance)


UNWRITABLE = """
import os, sys
from landscape.errors import SurfaceFileError
from landscape.grid import Grid, parse_range
from landscape.surfaces.file import SurfaceFile
if os.geteuid() == 0:
    os.setuid(65534)  # root may write everywhere
for name in ("new.h5", "old.h5"):
    try:
        SurfaceFile.create_or_open(f"{sys.argv[1]}/{name}", Grid.of(parse_range("0:1:2")), {})
    except SurfaceFileError as error:
        print(error)
"""


def test_unwritable_folder():
    folder = Path(tempfile.mkdtemp())
    try:
        SurfaceFile.create(folder / "old.h5", Grid.of(parse_range("0:1:2")), {}).release()
        folder.chmod(0o555)
        done = subprocess.run([sys.executable, "-c", UNWRITABLE, str(folder)], capture_output=True, text=True)
        assert done.stdout.splitlines() == [
            f"output {folder}/{name}: the folder {folder} is not writable; give another -o"
            for name in ("new.h5", "old.h5")
        ], done.stderr
        assert os.listdir(folder) == ["old.h5"]
    finally:
        folder.chmod(0o755)
        shutil.rmtree(folder)


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="needs /proc")
def test_a_place_that_looks_writable_and_is_not(grid, provenance):
    with pytest.raises(SurfaceFileError, match="/proc/s.h5.*; give another -o"):
        SurfaceFile.create("/proc/s.h5", grid, provenance)
