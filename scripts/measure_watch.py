"""What does a watcher cost the run it watches, and how far behind is it? Runs with and without one, in turns.

    python scripts/measure_watch.py [CHECKPOINT] [--points 15] [--samples 64] [--pairs 12]

Wanted: at most 1 % slower and at most 0.5 s behind. Slower is measured twice: in processor seconds of the run, which other
work on the machine changes least, and in seconds, which count on an idle machine with a core to spare only. Behind is the
age of the file when the page is told of points that it did not have. The watcher serves a page that is open: its events are
read and each picture is fetched.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LANDSCAPE = [sys.executable, "-m", "landscape"]
PATIENCE = 60.0


def run_once(given: argparse.Namespace, file: Path) -> tuple[float, float]:
    """(processor seconds, seconds) of one run that writes `file`."""
    span = f"-1:1:{given.points}"
    words = [*LANDSCAPE, "surface", given.checkpoint, "--samples", str(given.samples), "-x", span, "-y", span]
    started = time.perf_counter()
    process = subprocess.Popen(
        [*words, "--threads", "1", "--quiet", "-o", str(file)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"the run ended with status {process.returncode}: {' '.join(words)}")
    return used.ru_utime + used.ru_stime, time.perf_counter() - started


@contextmanager
def watched(file: Path, ages: list[float]) -> Iterator[None]:
    """Within the block a page shows the file; `ages` gets the file's age at each news of points."""
    process = subprocess.Popen(
        [*LANDSCAPE, "watch", str(file)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert process.stdout is not None
    found = re.search(r"http\S+", process.stdout.readline())
    if found is None:
        raise SystemExit("landscape watch says no address")
    reader = threading.Thread(target=_read, args=(found[0], ages), daemon=True)
    reader.start()
    try:
        yield
    finally:
        process.terminate()
        process.wait(PATIENCE)
        reader.join(PATIENCE)


def _read(url: str, ages: list[float]) -> None:
    """All that the page of a browser would ask for, until the watch ends."""
    progress, picture = "", None
    try:
        with urllib.request.urlopen(f"{url}events", timeout=PATIENCE) as events:
            for line in events:
                if not line.startswith(b"data:"):
                    continue
                state = json.loads(line[5:])
                if state["progress"] != progress:
                    progress = state["progress"]
                    ages += [state["age"]] if state["age"] is not None else []
                if state["picture"] != picture:
                    picture = state["picture"]
                    if picture:
                        urllib.request.urlopen(f"{url}picture.svg?{picture}", timeout=PATIENCE).read()
    except OSError:
        return


def said(name: str, ratios: list[float]) -> str:
    """The median of the ratios, less one, with the standard error of their mean."""
    error = statistics.stdev(ratios) / len(ratios) ** 0.5 if len(ratios) > 1 else float("nan")
    more = 100 * (statistics.median(ratios) - 1)
    return f"  {name:18s} {more:+.1f} % with a watcher (± {100 * error:.1f} %, one standard error)"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", nargs="?", default="checkpoints/resnet56_digits.pt")
    parser.add_argument("--points", type=int, default=15, help="on each side of the plane")
    parser.add_argument("--samples", type=int, default=64)
    parser.add_argument("--pairs", type=int, default=12)
    given = parser.parse_args()
    print(f"{os.cpu_count()} cores; load of the machine before: {os.getloadavg()[0]:.1f}", flush=True)
    ages: list[float] = []
    ratios: list[tuple[float, float]] = []
    for pair in range(given.pairs):
        taken = {}
        with tempfile.TemporaryDirectory() as folder:
            for with_page in (False, True) if pair % 2 else (True, False):  # what drifts falls on both
                file = Path(folder) / f"{with_page}.h5"
                if with_page:
                    with watched(file, ages):
                        taken[True] = run_once(given, file)
                else:
                    taken[False] = run_once(given, file)
        cpu, wall = (one / other for one, other in zip(taken[True], taken[False], strict=True))
        ratios.append((cpu, wall))
        print(
            f"  pair {pair + 1}: {taken[False][0]:.1f} s of processor without, {100 * (cpu - 1):+.1f} % with",
            flush=True,
        )
    print(said("processor seconds", [cpu for cpu, _ in ratios]))
    print(said("seconds", [wall for _, wall in ratios]))
    if ages:
        print(f"  behind: {statistics.median(ages):.1f} s in the median of {len(ages)} news, {max(ages):.1f} s at most")


if __name__ == "__main__":
    main()
