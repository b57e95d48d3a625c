"""`landscape new`: a file to begin with, for a task of one's own. Imports neither torch nor MPI.

Owns: where the template goes, and the commands that are printed. The template itself is task_template.txt.
"""

from __future__ import annotations

import keyword
import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from landscape.errors import LandscapeError, UsageError
from landscape.options.command import Positional, command
from landscape.options.option import Option
from landscape.options.values import named_path


def lines(path: Path, shell: Mapping[str, Any]) -> Sequence[str]:
    file, weights = shlex.quote(str(path)), shlex.quote(str(path.with_suffix(".pt")))
    model, data, loss = (shlex.quote(f"{path}:{name}") for name in ("build", "data", "loss"))
    return [
        f"{path}: a model, its data and its loss, to be replaced by yours; it runs as it stands:",
        f"  python {file}",
        f"  landscape surface {weights} --model {model} --data {data} --loss {loss} --plot",
    ]


@command(
    "a file to begin with: model, data and loss of your own",
    lines=lines,
    rows={"overwrite": Option("replace the file if it exists", action="store_true")},
    positional=(Positional("file", "FILE.py", "the file to write"),),
    example="landscape new my_task.py",
)
def new(file: str | Path, *, overwrite: bool = False) -> Path:
    """Writes a template with `build()`, `data(split)` and `loss(outputs, targets)`, which runs as it stands.

    Raises:
        UsageError: the name does not end in .py, or could not be imported. LandscapeError: the file exists, or cannot be written.
    """
    from landscape.atomic import disk_named, missing_folder, whole_file

    path = named_path("new", file)
    if path.suffix != ".py" or not path.stem.isidentifier() or keyword.iskeyword(path.stem):
        raise UsageError(f"new {path}: expected the name of a Python file, such as my_task.py")
    if path.stem in (*sys.stdlib_module_names, "torch", "numpy", "landscape"):
        raise UsageError(
            f"new {path}: a module of that name is part of Python or of what this program needs; give another name"
        )
    if missing := missing_folder(path):
        raise LandscapeError(f"new {path}: {missing}; create it or give another name")
    if path.exists() and not overwrite:
        raise LandscapeError(f"new {path}: the file exists; give another name, or --overwrite to replace it")
    template = (Path(__file__).parent / "task_template.txt").read_text(encoding="utf-8")
    with disk_named(path, "give another name"), whole_file(path) as scratch:
        scratch.write_text(template.replace("{name}", path.name).replace("{stem}", path.stem), encoding="utf-8")
    return path
