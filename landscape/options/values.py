"""Values of options that several readers take apart in the same way.

Owns: a name of a file, and a list between commas. Knows no particular option.
"""

from __future__ import annotations

from pathlib import Path

from landscape.errors import UsageError
from landscape.options.option import shown


def named_path(option: str, path: str | Path) -> Path:
    """The path; raises UsageError for an empty name, which would mean the current folder, and for a value of another type."""
    if not isinstance(path, (str, Path)):
        raise UsageError(f"{option} {shown(path)}: expected the name of a file")
    if not str(path).strip():
        raise UsageError(f"{option} '{path}': expected the name of a file")
    return Path(path)


def comma_list(text: str) -> list[str]:
    """The parts between commas that stand outside of brackets.

    >>> comma_list("loss,huber(delta=2),nll(weight=[1, 2])")
    ['loss', 'huber(delta=2)', 'nll(weight=[1, 2])']
    """
    parts, depth = [""], 0
    for letter in text:
        depth += (letter in "([") - (letter in ")]")
        if letter == "," and not depth:
            parts.append("")
        else:
            parts[-1] += letter
    return parts
