"""The process that draws the pictures of a watched file, beside the one that serves them.

Owns: its life: it draws what it is asked for on stdin and answers on stdout, at the lowest priority, so that the run that is
watched keeps its cores; it ends when its stdin does. What a picture shows is decided as for `landscape plot`. The other end is
painter.py.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import IO, Any

# Pixels per inch of what is not made of lines, such as a relief.
DPI = 120


def main() -> None:
    """Answers lines of JSON (`path`, `kind`, `metric`), each with a line of JSON (`bytes`, `seconds`, `note`) and the bytes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is answered by the process that asks
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # so that the folder below is removed
    _give_way()
    # Whatever a library prints must not get between the answers.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    answer_all(sys.stdin.buffer, answers)


def answer_all(questions: IO[bytes], answers: IO[bytes]) -> None:
    """Until there are no more."""
    with tempfile.TemporaryDirectory(prefix="landscape-watch-") as folder:
        for question in questions:
            started = time.monotonic()
            picture, note = _drawn(json.loads(question), Path(folder) / "picture.svg")
            facts = {"bytes": len(picture), "seconds": time.monotonic() - started, "note": note}
            answers.write(json.dumps(facts).encode() + b"\n" + picture)
            answers.flush()


def _drawn(asked: dict[str, Any], to: Path) -> tuple[bytes, str]:
    """(picture, "") or (nothing, why not)."""
    from landscape.drawing import drawn_in_both
    from landscape.errors import LandscapeError

    try:
        return drawn_in_both(asked["path"], asked["kind"], asked["metric"], to, DPI).encode(), ""
    except LandscapeError as error:
        return b"", str(error)
    except Exception as error:  # a file of a kind that nobody has thought of must not end the watch
        return b"", f"unexpected {type(error).__name__} while drawing"


def _give_way() -> None:
    """Runs only on cores that have nothing else to do, where the system knows such a class; else as the last."""
    with contextlib.suppress(OSError):
        os.nice(19)
    if hasattr(os, "SCHED_IDLE"):
        with contextlib.suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
