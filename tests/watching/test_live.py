"""A whole watch, of a file that grows, on the terminal and on the board."""

import io
import json
import signal

import pytest

import landscape as ll
from landscape.errors import LandscapeError
from landscape.watching import live as module
from landscape.watching.board import Board
from landscape.watching.live import Live
from landscape.watching.painter import PaintingThread
from landscape.watching.state import COMPLETE
from landscape.watching.terminal import Terminal
from landscape.watching.watcher import Watcher


@pytest.fixture
def live(tmp_path, clock):
    """live(...) -> (a watch of a.h5, what it has said, its board)."""

    def make(**given):
        said, board = io.StringIO(), Board()
        watcher = Watcher(tmp_path / "a.h5", clock=clock)
        return Live(watcher, Terminal(said, clock), board, clock=clock, **given), said, board

    return make


def test_the_board_and_the_terminal_follow_the_file(live, write, tmp_path, clock):
    drawn = []
    watched, said, board = live(painter=PaintingThread(lambda: (b"", ""), drawn.append, clock))
    path, number = tmp_path / "a.h5", 0
    watched.tick()
    for done in (0, 7, 20):
        write(path, done)
        clock.pass_(10)
        state = watched.tick()
        number, news = board.wait(number, 0)
        assert json.loads(news)["share"] == done / 20
    assert state.phase == COMPLETE
    lines = said.getvalue().splitlines()
    assert [line.removeprefix(f"{path}: ") for line in lines] == [
        "not there yet; waiting for it", "ResNet-56", "0 of 20 points (0 %)", lines[3].removeprefix(f"{path}: "),
        "complete, 20 of 20 points (100 %)",
    ]  # fmt: skip
    assert "7 of 20 points (35 %)" in lines[3]


def test_what_is_not_there_is_waited_for_until_the_timeout(live, write, tmp_path, clock):
    watched, _, _ = live(timeout=30)
    watched.tick()
    clock.pass_(29)
    watched.tick()
    clock.pass_(1)
    with pytest.raises(LandscapeError, match="a.h5: not there yet; waiting for it, for 30 s; start the run"):
        watched.tick()
    write(tmp_path / "a.h5", 1)
    assert watched.tick() and not clock.pass_(1000) and watched.tick(), (
        "a run that has begun may take as long as it likes"
    )


def test_text_ends_with_the_run_and_returns_its_last_state(write, tmp_path, monkeypatch, capsys):
    path, states = tmp_path / "a.h5", iter((0, 8, 20))
    monkeypatch.setattr(module, "sleep", lambda seconds: write(path, next(states, 20)))
    last = ll.watch(path, text=True)
    assert (
        last["phase"] == "complete"
        and last["progress"] == "20 of 20 points (100 %)"
        and last["rows"][0][1:3] == ["1", "20"]
    )
    assert capsys.readouterr().out.splitlines()[-1] == f"{path}: complete, 20 of 20 points (100 %)"


def test_ctrl_c_ends_a_page_and_leaves_nothing_behind(write, tmp_path, monkeypatch, capsys):
    from landscape.cli.main import main

    def interrupt(seconds):
        signal.raise_signal(signal.SIGINT)

    write(tmp_path / "a.h5", 20)
    monkeypatch.setattr(module, "sleep", interrupt)
    opened = []
    monkeypatch.setattr(module.webbrowser, "open", opened.append)
    assert main(["watch", str(tmp_path / "a.h5"), "--open"]) == 130
    said = capsys.readouterr()
    assert said.err == "landscape: stopped by Ctrl-C\n" and "Traceback" not in said.out
    assert opened[0] in said.out and opened[0].startswith("http://127.0.0.1:")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.h5"]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"port": 0}, "port 0: expected 1 to 65535"),
        ({"timeout": -1.0}, "timeout -1: expected seconds"),
        ({"kind": "cake"}, "kind 'cake': expected one of contour"),
        ({"text": True, "port": 80}, "text serves no page, which excludes port"),
        ({"path": " "}, "path ' ': expected the name of a file"),
    ],
)
def test_options_that_cannot_be_are_refused(tmp_path, given, message):
    with pytest.raises(ll.UsageError, match=message):
        ll.watch(given.pop("path", tmp_path / "a.h5"), **given)
