"""Is this file the same run? What provenance must agree before values are added to a file.

Owns: the comparison, and the sentence that names a difference. Which entries only describe a run is said in provenance.py.

A file of an earlier version does not say what code it was computed with. It is continued, as that version would have done, and
a note says what could not be compared. Refusing it would leave those who changed nothing without the points that they have.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping, Sequence
from typing import Any

from landscape.surfaces.provenance import descriptive
from landscape.surfaces.same_net import has_values, other_values

DESCRIPTIVE = tuple(descriptive())
# These differ because something else does; they are named only when nothing else differs.
CONSEQUENCES = ("fingerprint", "sha256", "cosine")
CODE, HASHED = "code", "#"
OF_CODE = {
    "layers": "the code of the layer",
    "classes": "the code of the class",
    "settings": "the net's setting",
    "metrics": "the code of the metric",
}
# Of values, as many characters are shown at most.
SHOWN, ENDS = 40, 12


def plain(provenance: Any) -> Any:
    """The provenance as it reads back from a file: JSON types only."""
    return json.loads(json.dumps(provenance, default=str))


def difference(stored: Mapping, wanted: Mapping, *, added: Sequence[str] = ()) -> str | None:
    """The first entry in which two runs differ, as `seed is 0 in the file, 1 now`, or `the code of the loss differs
    from that of the file`; None when they are the same run.

    `added`: groups of facts that were added to the file afterwards.
    """
    old, new = _flat(plain(stored)), _flat(plain(wanted))
    for key in sorted([*new, *(key for key in old if key not in new)], key=lambda key: key[-1] in CONSEQUENCES):
        if (
            key[0] in added
            or is_unread(key, wanted)
            or is_shown(key, stored, wanted)
            or any(key[: len(prefix)] == prefix for prefix in DESCRIPTIVE)
        ):
            continue
        if not _same(old.get(key), new.get(key)) and not _unknown(key, old.get(key), new.get(key), stored, wanted):
            return _sentence(key, old.get(key), new.get(key))
    return other_values(stored, wanted)


def unknown_code(stored: Mapping, wanted: Mapping, *, elsewhere: bool = False) -> list[str]:
    """A line on code that cannot be compared with that of a file, if there is any; `elsewhere`: there is some beside `wanted`."""
    old, new = _code(stored), _code(wanted)
    if not new or (set(new) == {"python"} and not elsewhere) or (old and old.get("python") == new.get("python")):
        return []
    of = f"another Python ({old.get('python')}) computed it" if old else "an earlier version wrote it"
    return [
        f"the code of the model, loss and metrics cannot be compared with that of the file, as {of}; if it has changed since, "
        "give another -o, or --overwrite to start again"
    ]


def is_unread(key: tuple[str, ...], wanted: Mapping) -> bool:
    """Whether it is a setting of the net that no code reads; where other code did, the hashes of that differ."""
    unread = _code(wanted).get("unread")
    return key[:2] == (CODE, "settings") and isinstance(unread, (list, tuple)) and key[-1] in unread


def is_shown(key: tuple[str, ...], stored: Mapping, wanted: Mapping) -> bool:
    """Whether it is a setting of the net whose effect the compared values of both runs would show."""
    named = [_code(each).get("shown") for each in (stored, wanted)]
    named_by_both = all(isinstance(each, (list, tuple)) and key[-1] in each for each in named)
    return key[:2] == (CODE, "settings") and named_by_both and has_values(stored, wanted)


def _unknown(key: tuple[str, ...], old: object, new: object, stored: Mapping, wanted: Mapping) -> bool:
    """Whether a fact on code says nothing: a file lacks all of them, or it is a hash by another version of Python."""
    known = _code(stored), _code(wanted)
    if key[0] != CODE or not all(known):
        return key[0] == CODE
    pythons = {each.get("python") for each in known}
    return len(pythons) > 1 and any(str(each).startswith(HASHED) for each in (old, new))


def _code(tree: Mapping) -> Mapping:
    found = tree.get(CODE)
    return found if isinstance(found, Mapping) else {}


def identity(provenance: Mapping) -> str:
    """The settings of a run as text: equal on two ranks that compute the same from the same files.

    Rounding is left out, and so are hashes of files, which the ranks compare one by one, and of code, which may depend on
    its rank.
    """
    entries = {
        ".".join(key): value if not isinstance(value, float) else f"{value:.9g}"
        for key, value in _flat(plain(provenance)).items()
        if not (_is_hash(key, value) or is_unread(key, provenance))
        and not any(key[: len(prefix)] == prefix for prefix in DESCRIPTIVE)
    }
    return json.dumps(entries, sort_keys=True)


def of_rank(provenance: Mapping, *, leads: bool) -> Mapping:
    """What a rank compares with a file: on those that do not lead, code that depends on its rank is not the file's."""
    return provenance if leads else {key: value for key, value in provenance.items() if key not in (CODE, "run")}


def _is_hash(key: tuple[str, ...], value: object) -> bool:
    return key[-1] in CONSEQUENCES or (key[0] == CODE and str(value).startswith(HASHED))


def _same(old: object, new: object) -> bool:
    """Equal; numbers with a fraction, such as the cosine of the axes, up to the rounding of sums in another order."""
    if isinstance(old, float) and isinstance(new, float):
        return math.isclose(old, new, rel_tol=1e-9, abs_tol=1e-9) or old != old and new != new
    return old == new


def _flat(tree: Mapping, path: tuple[str, ...] = ()) -> dict[tuple[str, ...], object]:
    leaves: dict[tuple[str, ...], object] = {}
    for key, value in tree.items():
        if isinstance(value, dict):
            leaves |= _flat(value, (*path, key))
        else:
            leaves[(*path, key)] = value
    return leaves


def _sentence(key: tuple[str, ...], old: object, new: object) -> str:
    """How a fact differs; of code the file has a hash, which says nothing to its reader."""
    if key[0] == CODE and all(str(each).startswith(HASHED) for each in (old, new)):
        kind = OF_CODE.get(key[1])
        return f"{kind or 'the code of the'} {key[-1]} differs from that of the file"
    before, now = _short(old, new)
    return f"{'.'.join(key)} is {before} in the file, {now} now"


def _short(*values: object) -> list[str]:
    """Two values in words; long ones, which differ, from shortly before the first difference."""
    texts = ["not set" if value is None else str(value) for value in values]
    alike = len(os.path.commonprefix(texts))
    start = 0 if alike < ENDS else alike - ENDS + 2
    return [text if len(text) <= SHOWN else _part(text, start) for text in texts]


def _part(text: str, start: int) -> str:
    if not start:
        return text[:ENDS] + "..."
    return "..." + text[start : start + SHOWN] + ("..." if len(text) > start + SHOWN else "")
