"""The code that a run calls, as hashes: two ranks with other versions of a file compute other values.

Owns: which source belongs to the model, data, loss and metrics of a run: the file of a spec, or the text of a function or class
in memory; and what a rank has imported beside them.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import inspect
import json
import sys
import tokenize
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from landscape.objective.described import Loss
from landscape.regular import expanded
from landscape.subject.code_stores import is_users


def code_mark(*used: Any) -> str:
    """A hash of the sources of all that is given: specs, callables, modules, or sequences of these; None is nothing."""
    digest = hashlib.sha256()
    for each in _flat(used):
        digest.update(_source(each) + b"\0")
    return digest.hexdigest()


def modules_mark() -> str:
    """The user's own modules that this process has imported, as JSON: the hash of the file of each, and its place, by name.

    Ranks may import others, as where only the first draws; those of one name must be one text.
    """
    found = {}
    for name, module in list(sys.modules.items()):
        path = Path(getattr(module, "__file__", None) or "")
        if path.suffix == ".py" and is_users(module):
            with contextlib.suppress(OSError):  # deleted since
                found[name] = [hashlib.sha256(path.read_bytes()).hexdigest()[:16], str(path)]
    return json.dumps(found, sort_keys=True)


def _flat(used: Iterable[Any]) -> Iterable[Any]:
    for each in used:
        if isinstance(each, (list, tuple)):
            yield from _flat(each)
        elif isinstance(each, functools.partial):
            yield from _flat([each.func, *each.args, *each.keywords.values()])
        elif isinstance(each, Loss):
            yield from _flat([each.function, *filter(callable, (each.inputs, each.targets))])
        elif isinstance(each, str):
            yield from each.split(",")
        elif each is not None:
            yield each


def _source(used: Any) -> bytes:
    """Empty for what has no source in Python, and for torch's own, whose version the provenance has."""
    if isinstance(used, str):
        place = used.rpartition(":")[0]
        module = sys.modules.get(place)
        path = expanded(place) if place.endswith(".py") else Path(getattr(module, "__file__", None) or "")
        return path.read_bytes() if path.suffix == ".py" and path.is_file() else b""
    made = used if inspect.isroutine(used) or inspect.isclass(used) else type(used)
    if (getattr(made, "__module__", None) or "").partition(".")[0] in ("torch", "numpy", "builtins"):
        return b""
    try:
        return inspect.getsource(made).encode()
    except (OSError, TypeError):  # defined in a shell, or in C
        return b""
    except (SyntaxError, tokenize.TokenError):  # compiled under the name of a file that is not its source
        return b""
