"""`landscape watch`: a run in progress as a live page on this machine, and as text. Imports neither torch nor MPI."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from landscape.errors import UsageError
from landscape.options.command import Positional, command
from landscape.options.option import Option, check_whole, shown
from landscape.options.values import named_path
from landscape.recipes.plot import DRAWING
from landscape.scene.kinds import KIND_FILES

MAX_PORT = 65535


def lines(result: Any, shell: Mapping[str, Any]) -> Sequence[str]:
    """Nothing: all was said while it ran."""
    return ()


@command(
    "a run in progress as a live page on this machine, and as text",
    lines=lines,
    rows={
        "port": Option("port of the page on 127.0.0.1 (default: one that is free)", type=int, metavar="N"),
        "text": Option("no page; end when the run is complete", ("--text", "--no-page"), action="store_true"),
        "open": Option("open the page in the browser", action="store_true"),
        "timeout": Option("give up when there is still nothing to read (default: wait)", type=float, metavar="SECONDS"),
        "kind": Option("the picture, as for plot (default: as plot would choose it)", metavar="KIND"),
        "metric": DRAWING["metric"],
    },
    positional=(Positional("path", "FILE", "a surface or spectrum file or a run folder, which need not be there yet"),),
    example="landscape watch resnet56.h5 --open",
)
def watch(
    path: str | Path,
    *,
    port: int | None = None,
    text: bool = False,
    open: bool = False,
    timeout: float | None = None,
    kind: str | None = None,
    metric: str | None = None,
) -> dict[str, Any]:
    """Shows a run in progress: its picture, progress, values and facts, on a page and as text on stdout. Blocks.

    The file is only read. It may be whatever `plot` draws: done, half done, or not there yet. The page is served on 127.0.0.1
    under an address that holds a secret, which stdout shows; it stays until the watch is interrupted. With `text` the watch ends
    when the run is complete. A process of lowest priority draws the pictures, so that the run keeps its cores.

    Args:
        path: a surface file (plane, line, paths, flatness, ...), a spectrum, or the folder of a training run.
        port: of the page. timeout: seconds to wait for something to read. kind, metric: as in `plot`.

    Returns:
        The last state, with `text`: `phase`, `progress`, `facts`, and the ranges of values as `rows` under `columns`.

    Raises:
        LandscapeError: the port cannot be taken, or there was nothing to read within the timeout.
    """
    check_whole("port", port, 1, MAX_PORT)
    if timeout is not None and not 0 <= timeout < float("inf"):
        raise UsageError(f"timeout {timeout:g}: expected seconds, at least 0")
    if kind is not None and kind not in KIND_FILES:
        raise UsageError(f"kind {shown(kind)}: expected one of {', '.join(KIND_FILES)}")
    if text and (open or port is not None):
        raise UsageError(f"text serves no page, which excludes {'open' if open else 'port'}; drop one")
    from landscape.watching.live import watch_file

    found = named_path("path", path)
    last = watch_file(found, port=port, text=text, browser=open, timeout=timeout, kind=kind, metric=metric)
    return last.plain(time.time())
