"""Pictures: one for each state, never two at a time, and no more often than drawing has a right to the core."""

import io
import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

from landscape.render.still.themes import in_both
from landscape.watching.identity import Stamp
from landscape.watching.painter import DRAWING_SHARE, ENDED, PaintingThread, Process
from landscape.watching.painting import answer_all

FIRST, SECOND, THIRD = (Stamp((("", number, 0, 0),)) for number in range(3))


def test_a_picture_is_due_when_the_file_has_changed_and_drawing_has_rested(clock):
    drawn, cost = [], 0.5

    def draw():
        clock.pass_(cost)
        return b"<svg/>", ""

    painter = PaintingThread(draw, drawn.append, clock)
    assert not painter.tick(None), "there is no file"
    assert painter.tick(FIRST)
    painter.finish()
    clock.pass_(100)
    assert not painter.tick(FIRST), "nothing is new"
    assert painter.tick(SECOND)
    painter.finish()
    rest = cost * (1 / DRAWING_SHARE - 1)
    clock.pass_(rest * 0.99)
    assert not painter.tick(THIRD)
    clock.pass_(rest * 0.02)
    assert painter.tick(THIRD)
    painter.finish()
    assert len(drawn) == 3


def answers_to(*asked: dict) -> list[tuple[dict, bytes]]:
    answers = io.BytesIO()
    answer_all(io.BytesIO(b"".join(json.dumps(each).encode() + b"\n" for each in asked)), answers)
    answers.seek(0)
    found = []
    while line := answers.readline():
        facts = json.loads(line)
        found.append((facts, answers.read(facts["bytes"])))
    return found


def test_pictures_are_those_of_plot_and_what_cannot_be_drawn_says_why(write, tmp_path):
    write(tmp_path / "half.h5", 10)
    write(tmp_path / "none.h5", 0)
    (tmp_path / "poem.h5").write_text("a poem")
    plain = {"kind": None, "metric": None}
    half, empty, poem, odd, missing = answers_to(
        {"path": str(tmp_path / "half.h5"), **plain},
        {"path": str(tmp_path / "none.h5"), **plain},
        {"path": str(tmp_path / "poem.h5"), **plain},
        {"path": str(tmp_path / "half.h5"), **plain, "kind": "spectrum"},
        {"path": str(tmp_path / "half.h5"), **plain, "metric": "beauty"},
    )
    import landscape as ll

    plots = [
        ll.plot(tmp_path / "half.h5", style=style, out=tmp_path / f"{style}.svg", dpi=120)
        for style in ("paper", "dark")
    ]
    assert half[1].decode() == in_both(*(path.read_text() for (path,) in plots)) and half[0]["note"] == ""
    for (facts, picture), word in (
        (empty, "nothing was computed yet"),
        (poem, "poem.h5"),
        (odd, "does not fit"),
        (missing, "beauty"),
    ):
        assert picture == b"" and word in facts["note"], facts


ECHO = """
import sys
for question in sys.stdin.buffer:
    sys.stdout.buffer.write(b'{"bytes": %d, "note": ""}\\n' % len(question) + question)
    sys.stdout.flush()
"""


def test_a_process_that_has_died_is_started_again():
    def start():
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        return subprocess.Popen([sys.executable, "-S", "-c", ECHO], **pipes)

    process = Process(Path("a.h5"), "line", None, start)
    picture = process.draw()[0]
    assert json.loads(picture) == {"path": "a.h5", "kind": "line", "metric": None}
    first = process._process
    os.kill(first.pid, signal.SIGSTOP)  # it gets the question and never answers
    threading.Timer(0.05, first.kill).start()
    assert process.draw() == (b"", ENDED)
    first.wait()
    assert process.draw() == (picture, "") and process._process is not first
    process.close()
    assert process._process.poll() is not None


def test_the_real_process_answers_and_ends_with_its_questions(tmp_path):
    process = Process(tmp_path / "not_there.h5", None, None)
    picture, note = process.draw()
    assert picture == b"" and "not_there.h5: no such file" in note
    process._process.stdin.close()
    assert process._process.wait(60) == 0


def test_the_real_process_leaves_nothing_behind_when_it_is_closed(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    process = Process(tmp_path / "not_there.h5", None, None)
    process.draw()
    assert list(tmp_path.glob("landscape-watch-*")), "it works in a folder of its own"
    process.close()
    assert process._process.wait(60) == 0 and not list(tmp_path.glob("landscape-watch-*"))
