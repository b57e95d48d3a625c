"""What a file says is data: a spec that names code is never run because a file names it.

Owns: which specs name code, and the refusal of those that only a file names. A spec is run when the user gives it, as an
option or in Python, or trusts the file that names it. Knows no file format, and runs nothing. docs/trust.md is its manual.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from landscape.callables import was_resolved
from landscape.errors import UntrustedError
from landscape.regular import expanded

# What may stand before the colon of a spec that names no code, by the option that takes it.
NAMED: dict[str, tuple[str, ...]] = {"model": ("torchvision", "timm", "hf"), "data": ("folder", "npz"), "loss": ()}
TEXTS = (*NAMED, "normalize", "data_root")
Trust = bool | str | Path | Sequence[str | Path]


def names_code(spec: Any, what: str) -> bool:
    """Whether a spec leads to code of the user's: `package.module:callable` or `path/to/file.py:callable`.

    >>> names_code("net.py:build", "model"), names_code("timm:vit", "model"), names_code("timm:vit", "data")
    (True, False, True)
    """
    place, colon, _ = spec.partition(":") if isinstance(spec, str) else ("", "", "")
    return bool(colon) and place not in NAMED[what]


def code_named(stored: Mapping[str, Any]) -> dict[str, str]:
    """The specs among the entries of a file's metadata that name code."""
    return {what: stored[what] for what in NAMED if names_code(stored.get(what), what)}


def is_trusted(source: str | Path, trust: Trust) -> bool:
    """Whether the user trusts a file: by its name, or (True) whatever is passed."""
    if isinstance(trust, bool):
        return trust
    named = [trust] if isinstance(trust, (str, Path)) else list(trust or ())
    return any(_same(source, path) for path in named)


def taken(stored: Mapping[str, Any], source: str, trust: Trust) -> dict[str, Any]:
    """The specs of a file that are about to be used, after checking that they name no code.

    Args:
        stored: by option (model, data, loss); an entry that is not text is left out.
        source: the file or folder that names them. trust: see `is_trusted`.

    Raises:
        UntrustedError: one names code, and the user has neither given it nor trusts the file.
    """
    texts = {what: spec for what, spec in stored.items() if isinstance(spec, str)}
    unknown = {what: spec for what, spec in code_named(texts).items() if not was_resolved(spec, what)}
    if unknown and not is_trusted(source, trust):
        raise _refusal(unknown, source)
    return texts


def harmless(stored: Mapping[str, Any]) -> dict[str, Any]:
    """The metadata without the specs that name code, and without settings that should be text and are not."""
    named = code_named(stored)
    return {
        what: value
        for what, value in stored.items()
        if what not in named and (what not in TEXTS or isinstance(value, str))
    }


def _refusal(specs: Mapping[str, str], source: str) -> UntrustedError:
    listed = ", ".join(f"{what} {spec}" for what, spec in specs.items())
    options = " ".join(f"--{what} {shlex.quote(spec)}" for what, spec in specs.items())
    return UntrustedError(
        f"{source or 'this surface'} names code ({listed}), which is not run because a file says so; if you know it, give "
        f"{options}" + (f" yourself, or --trust {shlex.quote(source)}" if source else ", or trust=True"),
        options=shlex.split(options),
    )


def _same(source: str | Path, path: str | Path) -> bool:
    """Two names of one file; a run folder stands for the nets in it."""
    try:
        place, trusted = (os.path.realpath(expanded(each)) for each in (source, path))
    except (OSError, ValueError):
        return False
    return place == trusted or (os.path.isdir(trusted) and place.startswith(trusted + os.sep))
