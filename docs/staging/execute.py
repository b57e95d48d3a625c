"""Runs the Python of a page or of a notebook, and keeps what it shows.

Owns: `Session`, a shell of IPython (without a kernel, so that torch is loaded once for all pages) in a folder of its own, and
`Shown`, what a block printed, returned, displayed and wrote. Knows no Markdown.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

PICTURES, PAGES = (".png", ".gif", ".svg"), (".html",)


class Shown(NamedTuple):
    """What a block has shown: its text, what it displayed (one dict of forms by MIME type each), and the files it wrote."""

    text: str
    displayed: list[dict[str, Any]]
    files: list[Path]


class Session:
    """Blocks of one page, one after another. The first error ends it."""

    def __init__(self, folder: Path, shell: Any):
        self._folder, self._shell = folder, shell

    def run(self, block: str) -> Shown:
        """Runs a block; an exception in it is raised here."""
        from IPython.utils.capture import capture_output

        before = self._written()
        with capture_output() as captured:
            result = self._shell.run_cell(block, store_history=False)
        result.raise_error()
        files = [path for path, when in self._written().items() if before.get(path) != when]
        displayed = [output.data for output in captured.outputs]
        return Shown(captured.stdout, displayed, sorted(files, key=lambda path: path.stat().st_mtime_ns))

    def _written(self) -> dict[Path, int]:
        found = (path for path in self._folder.rglob("*") if path.suffix in (*PICTURES, *PAGES))
        return {path: path.stat().st_mtime_ns for path in found}


@contextlib.contextmanager
def session(folder: Path) -> Iterator[Session]:
    """A session in this folder, which is the current one meanwhile; the interpreter around it is left as it was."""
    from traitlets.config import Config

    main, hook, display, before = sys.modules["__main__"], sys.excepthook, sys.displayhook, os.getcwd()
    kind = _shell_class()
    shell = kind.instance(config=Config({"HistoryManager": {"enabled": False}}))
    os.chdir(folder)
    try:
        yield Session(folder, shell)
    finally:
        os.chdir(before)
        kind.clear_instance()
        sys.modules["__main__"], sys.excepthook, sys.displayhook = main, hook, display


def _shell_class() -> Any:
    """IPython's shell, with the value of a block displayed like all else, in place of `Out[1]: ...` among what is printed."""
    from IPython.core.displayhook import DisplayHook
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets import Type

    class Hook(DisplayHook):
        def write_output_prompt(self) -> None:
            pass

        def write_format_data(self, format_dict: dict, md_dict: dict | None = None) -> None:
            self.shell.display_pub.publish(format_dict)

        def finish_displayhook(self) -> None:
            pass

    class Shell(InteractiveShell):
        displayhook_class = Type(Hook)

    return Shell
