"""A file is written whole or not at all."""

import os

import pytest

from landscape.atomic import whole_file


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


def test_nothing_written_is_an_error_and_no_file(tmp_path):
    with pytest.raises(FileNotFoundError), whole_file(tmp_path / "f"):
        pass
    assert os.listdir(tmp_path) == []


def test_what_an_earlier_kill_left_behind_is_used_up(tmp_path):
    with pytest.raises(KeyError), whole_file(tmp_path / "f") as scratch:
        left = scratch
        raise KeyError
    left.write_text("half of an earlier writing, and longer")
    with whole_file(tmp_path / "f") as scratch:
        scratch.write_text("new")
    assert (tmp_path / "f").read_text() == "new" and os.listdir(tmp_path) == ["f"]
