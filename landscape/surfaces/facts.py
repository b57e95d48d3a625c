"""The form of facts: a dataclass whose entries know their type, and whether they identify a run or only describe it.

Owns: `entry`, `Facts`, and reading and writing JSON. Which facts there are is said in provenance.py.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

T = TypeVar("T", bound="Facts")
NUMBER = (int, float)


def entry(kind: Any = str, *, describes: bool = False, each: bool = False, of: Any = object) -> Any:
    """A fact of a type, or a group of facts; `each`: a mapping of names to such groups; `of`: the type of a list's entries.

    `describes`: where and how it ran, or a path beside a hash of what it led to; the others identify a run.
    """
    return dataclasses.field(default=None, metadata={"kind": kind, "describes": describes, "each": each, "of": of})


@dataclass(frozen=True, kw_only=True)
class Facts:
    """A group of facts; what is not known is None."""

    name_only: ClassVar[bool] = False
    """Whether plain text means the group's `name`."""

    @classmethod
    def read(cls: type[T], tree: Any) -> T:
        """From JSON; a fact that is missing or of another type stays None."""
        if cls.name_only and isinstance(tree, str):
            tree = {"name": tree}
        known = tree if isinstance(tree, Mapping) else {}
        return cls(**{f.name: _read(f.metadata, known[f.name]) for f in dataclasses.fields(cls) if f.name in known})

    def json(self) -> dict[str, Any]:
        """As it is stored: without what is None."""
        return {
            f.name: _json(getattr(self, f.name)) for f in dataclasses.fields(self) if getattr(self, f.name) is not None
        }


def _read(how: Mapping[str, Any], value: Any) -> Any:
    kind = how["kind"]
    if isinstance(kind, type) and issubclass(kind, Facts):
        if how["each"]:
            return {str(name): kind.read(part) for name, part in value.items()} if isinstance(value, Mapping) else None
        return kind.read(value) if isinstance(value, (Mapping, str)) else None
    fits = isinstance(value, kind) and not (isinstance(value, bool) and kind is not bool)
    fits = fits and (kind is not list or all(isinstance(part, how["of"]) for part in value))
    return value if fits else None


def _json(value: Any) -> Any:
    if isinstance(value, Facts):
        return value.json()
    return {name: _json(part) for name, part in value.items()} if isinstance(value, dict) else value
