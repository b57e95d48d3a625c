"""How long does a page take to open? The page of two nets at 101 x 101 points, in a headless Chromium without a graphics card.

    python scripts/measure_page.py [PAGE.html] [--rounds 9] [--json]

Wanted: drawn within 2 s on two cores. The times are those of the page's own marks (`performance.mark` in start.js), in
milliseconds since the navigation began: its numbers are unpacked, its reliefs are on the screen, plotly's library has run,
all is drawn. Processor seconds are those of all processes of the browser from the navigation to the last mark. They hardly
depend on what else the machine does; the times do, so the load of the machine is said beside them.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from landscape.grid import Grid, Range
from landscape.render.page import picture
from landscape.scene.compare import build_comparison
from landscape.surfaces.surface import Surface
from tests.browser import CHROMIUM, WITHOUT, Browser, browser

MARKS = ("numbers", "reliefs", "library", "drawn")
WANTED, SIDE = 2000.0, 101
ASKED = "JSON.stringify(performance.getEntriesByType('mark').map(mark => [mark.name, mark.startTime]))"
METRICS = ("train_loss", "test_loss", "train_accuracy", "test_accuracy")


def bowl(seed: int) -> Surface:
    """Two losses and two accuracies whose last digits are noise, so that the page is no lighter than a real one."""
    grid, rng = Grid.of(Range(-1, 1, SIDE), Range(-1, 1, SIDE)), np.random.default_rng(seed)
    across, along = np.meshgrid(*(axis.values for axis in grid.axes))
    loss = (1 + seed) * (0.01 + across**2 + 2 * along**2) * np.exp(0.002 * rng.standard_normal(across.shape))
    values = {name: np.exp(-loss) if name.endswith("accuracy") else loss for name in METRICS}
    return Surface(grid, values)


def page_of_two(folder: Path) -> Path:
    scenes = build_comparison([bowl(0), bowl(1)], kind="surface", names=["P", "Q"])
    return picture.draw(scenes, folder / "two.html")


def processor_seconds(root: int) -> float:
    """What the process and all those below it have used so far."""
    spent: dict[int, tuple[int, int]] = {}
    for entry in Path("/proc").iterdir():
        try:
            words = (entry / "stat").read_text().rpartition(")")[2].split() if entry.name.isdigit() else []
        except OSError:  # it has just ended; its parent has its time then
            continue
        if words:
            spent[int(entry.name)] = (int(words[1]), sum(map(int, words[11:15])))
    below, found = [root], 0
    while below:
        one = below.pop()
        found += spent.get(one, (0, 0))[1]
        below += [pid for pid, (parent, _) in spent.items() if parent == one]
    return found / os.sysconf("SC_CLK_TCK")


def opening(opened: Browser, page: Path) -> dict[str, float]:
    """Milliseconds of each mark, and the processor seconds of one opening."""
    opened.open(Path("/dev/null"))
    # An agent that listens to the page's errors makes V8 parse plotly's library four more times.
    for domain in ("Runtime", "Log"):
        opened.send(f"{domain}.disable")
    before = processor_seconds(opened.pid)
    opened.open(page)
    opened.wait("document.documentElement.dataset.drawn")
    spent = processor_seconds(opened.pid) - before
    marks = dict(json.loads(opened.run(ASKED)))
    return {**{name: marks[name] for name in MARKS if name in marks}, "processor": spent}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("page", nargs="?", type=Path, help="another page than that of two nets")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    if CHROMIUM is None:
        raise SystemExit(WITHOUT)
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder:
        page = given.page or page_of_two(Path(folder))
        size = page.stat().st_size / 1e6
        rounds = []
        for _ in range(given.rounds):
            with browser() as opened:  # a new one each time: one that is kept has compiled plotly's library
                rounds.append(opening(opened, page))
    if given.json:
        print(json.dumps({"load": load, "megabytes": size, "rounds": rounds}, indent=2))
        return
    print(
        f"{page.name}: {size:.2f} MB, {given.rounds} openings in a new browser; load of the machine before: {load:.1f}"
    )
    for name in [*MARKS, "processor"]:
        taken = sorted(each[name] for each in rounds if name in each)
        if taken:
            unit = "s " if name == "processor" else "ms"
            print(
                f"  {name:10s} median {statistics.median(taken):8.6g} {unit}   from {taken[0]:.6g} to {taken[-1]:.6g}"
            )
    drawn = statistics.median(each["drawn"] for each in rounds)
    print(f"drawn within {WANTED / 1000:g} s: {'yes' if drawn <= WANTED else 'no'}")


if __name__ == "__main__":
    main()
