"""What a watch says as its file comes, grows, changes, breaks and goes, tick by tick."""

import os

import pytest

from landscape.atomic import OutputLock
from landscape.errors import LandscapeError
from landscape.watching import watcher as module
from landscape.watching.identity import identity
from landscape.watching.state import COMPLETE, RUNNING, UNREADABLE, WAITING
from landscape.watching.watcher import LONGEST_PAUSE, NOBODY, READING_SHARE, Watcher


@pytest.fixture
def watch(tmp_path, clock):
    """watch(...) -> a watcher of a.h5 with a writer at work, which can be read again at once."""

    def make(**given) -> Watcher:
        return Watcher(tmp_path / "a.h5", **{"clock": clock, "written_by": lambda path: True, **given})

    return make


def test_a_run_from_before_its_file_to_its_end(watch, write, tmp_path):
    path, seen = tmp_path / "a.h5", watch()
    assert seen.tick() == [f"{path}: not there yet; waiting for it"] and seen.state.phase == WAITING
    assert seen.tick() == [], "it is said once"
    write(path, 0, at=100.0)
    assert seen.tick() == [f"{path}: ResNet-56"] and seen.state.phase == RUNNING
    assert seen.state.rate is None
    write(path, 8, at=104.0)
    assert seen.tick() == [] and seen.state.line == f"{path}: 8 of 20 points (40 %), 2 points per second, 0:06 left"
    assert (seen.state.reading.count.done, seen.state.rate, seen.state.left) == (8, 2.0, 6.0)
    write(path, 20, at=110.0)
    assert seen.tick() == [f"{path}: complete, 20 of 20 points (100 %)"] and seen.state.phase == COMPLETE
    assert seen.tick() == []


def test_a_file_that_does_not_change_is_not_opened_again(watch, write, tmp_path):
    opened = []
    seen = watch(load=lambda path: opened.append(path) or module.read(path))
    write(tmp_path / "a.h5", 3)
    for _ in range(5):
        seen.tick()
    assert len(opened) == 1
    write(tmp_path / "a.h5", 4)
    seen.tick()
    assert len(opened) == 2


@pytest.mark.parametrize(("cost", "pause"), [(0.001, 0.001 / READING_SHARE), (1.0, LONGEST_PAUSE)])
def test_reading_takes_its_share_of_the_time_and_never_waits_for_long(watch, write, tmp_path, clock, cost, pause):
    def slow(path):
        clock.pass_(cost)
        return module.read(path)

    seen, path = watch(load=slow), tmp_path / "a.h5"
    write(path, 1)
    seen.tick()
    write(path, 2)
    clock.pass_(pause * 0.99)
    seen.tick()
    assert seen.state.reading.count.done == 1
    clock.pass_(pause * 0.02)
    seen.tick()
    assert seen.state.reading.count.done == 2


def test_a_file_that_vanishes_breaks_and_comes_back_is_watched_on(watch, write, tmp_path):
    path, seen = tmp_path / "a.h5", watch()
    write(path, 5)
    seen.tick()
    path.unlink()
    assert seen.tick() == [f"{path}: is gone; waiting for it"]
    assert seen.state.reading.count.done == 5, "the last state stays"
    path.write_bytes(b"\x89HDF\r\n\x1a\n cut off")
    (said,) = seen.tick()
    assert said.startswith(f"{path}: cannot be read now: ") and seen.state.phase == UNREADABLE
    path.write_text("a poem")
    seen.tick()
    assert seen.state.phase == UNREADABLE
    write(path, 6)
    assert seen.tick() == [f"{path}: can be read again"] and seen.state.reading.count.done == 6
    os.truncate(path, 100)
    (said,) = seen.tick()
    assert "cannot be read now" in said and "\n" not in said


def test_another_run_in_the_file_is_named_and_has_a_rate_of_its_own(watch, write, tmp_path):
    path, seen = tmp_path / "a.h5", watch()
    write(path, 5, at=100.0)
    seen.tick()
    write(path, 15, at=101.0)
    seen.tick()
    write(path, 16, at=102.0, started="later", name="vgg9")
    assert seen.tick() == [f"{path}: another run is in it now: VGG-9"]
    assert seen.state.rate is None


def test_an_error_that_nobody_has_thought_of_does_not_end_the_watch(watch, write, tmp_path):
    def broken(path):
        raise ZeroDivisionError

    seen = watch(load=broken)
    write(tmp_path / "a.h5", 1)
    assert seen.tick() == [f"{tmp_path / 'a.h5'}: cannot be read now: unexpected ZeroDivisionError"]


def test_a_run_that_was_left_is_said_to_be_once_and_no_more_when_it_goes_on(watch, write, tmp_path):
    path = tmp_path / "a.h5"
    seen = watch(written_by=module.is_written)
    lock = OutputLock(path)
    write(path, 5)
    seen.tick()
    assert seen.tick() == [] and seen.state.said == ""
    lock.release()
    assert seen.tick() == [f"{path}: 5 of 20 points (25 %); {NOBODY}"]
    assert seen.tick() == []
    lock = OutputLock(path)
    write(path, 6)
    assert seen.tick() == [] and seen.state.said == ""
    lock.release()


def test_the_last_state_of_a_run_is_not_taken_for_one_that_was_left(watch, write, tmp_path):
    """The writer writes, then gives its lock back: a look between the two sees the old state without a lock."""
    path = tmp_path / "a.h5"

    def ends(place):
        write(path, 20)
        return False

    seen = watch(written_by=ends)
    write(path, 5)
    seen.tick()
    assert seen.tick() == []
    assert seen.tick() == [f"{path}: complete, 20 of 20 points (100 %)"]


def test_a_place_that_cannot_be_looked_up_is_said_to_be(tmp_path, clock):
    with pytest.raises(LandscapeError, match="cannot be looked up"):
        identity(tmp_path / ("a" * 300))
    seen = Watcher(tmp_path / ("a" * 300), clock=clock)
    assert seen.tick()[0].endswith("cannot be looked up (File name too long)") and seen.tick() == []


def test_the_file_and_its_folder_are_as_they_were(watch, write, tmp_path):
    path = tmp_path / "a.h5"
    write(path, 5)
    before = path.stat(), path.read_bytes(), sorted(os.listdir(tmp_path))
    path.chmod(0o444)
    seen = watch()
    for _ in range(3):
        seen.tick()
    after = path.stat(), path.read_bytes(), sorted(os.listdir(tmp_path))
    assert after[1:] == before[1:] and after[0].st_mtime_ns == before[0].st_mtime_ns
    OutputLock(path).release()  # nobody else holds it
