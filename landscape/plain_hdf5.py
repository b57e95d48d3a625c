"""Reading HDF5 that anyone may have written.

Owns: what of HDF5 is read: groups, arrays of numbers and short attributes that lie in the file itself, and no more bytes than
a file of its size may declare. Links to other places, arrays whose bytes are in other files, and filters that are loaded from
elsewhere are refused, because through them a file could bring the contents of others into a result; so are heaps of texts that
would hold the library without an end. Knows no layout.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from landscape.errors import LandscapeError
from landscape.global_heaps import endless_heap
from landscape.regular import most_bytes, reason_unreadable

# deflate, shuffle, fletcher32, szip, nbit, scaleoffset, lzf: those that come with HDF5 and h5py.
FILTERS = (1, 2, 3, 4, 5, 6, 32000)
# More members or attributes than any file of ours has; the names alone could fill the memory.
MEMBERS = 100_000
# Groups searched for arrays: groups that hold each other have no end.
GROUPS = 1000


class Refused(ValueError):
    """Something in the file is not plain, or larger than the file may declare."""


class PlainGroup:
    """A group, with what lies in the file itself.

    All groups of a file share `left`: how many bytes may still be read, and how many groups searched.
    """

    def __init__(self, group: h5py.Group, left: list[int]):
        self._group, self._left = group, left

    def __contains__(self, name: str) -> bool:
        return name in self.names()

    def names(self) -> list[str]:
        """The names of the members, in the order of the file.

        Raises:
            Refused: there are too many.
        """
        if len(self._group) > MEMBERS:
            raise Refused(f"holds {len(self._group):,} entries in one group")
        return list(self._group)

    def groups(self) -> list[str]:
        """The names of the members that are groups in this file."""
        return [name for name in self.names() if self._is(name, h5py.Group)]

    def arrays(self, depth: int = 8) -> dict[str, tuple[int, ...]]:
        """The shapes of the arrays in this group and in groups within it, by name (`group/array`); nothing is read.

        Raises:
            Refused: there are too many, as in groups that hold each other.
        """
        found: dict[str, tuple[int, ...]] = {}
        self._left[1] -= 1
        if self._left[1] < 0:
            raise Refused(f"holds more than {GROUPS:,} groups")
        for name in self.names():
            if self._is(name, h5py.Dataset) and (shape := self._group[name].shape) is not None:
                found[name] = shape
            elif depth and self._is(name, h5py.Group):
                inner = PlainGroup(self._group[name], self._left).arrays(depth - 1)
                found |= {f"{name}/{key}": shape for key, shape in inner.items()}
        return found

    def group(self, name: str) -> PlainGroup:
        """A member.

        Raises:
            KeyError: it is not there. Refused: it is a link to another place.
        """
        return PlainGroup(self._member(name, h5py.Group), self._left)

    def array(self, name: str, shape: tuple[int, ...] | None = None) -> np.ndarray:
        """The numbers of a member, after a check of its shape, if one is expected.

        Raises:
            KeyError: it is not there. ValueError: it has another shape, or holds something else than numbers.
            Refused: its bytes are in another file, or are more than the file may declare.
        """
        item = self._member(name, h5py.Dataset)
        made = item.id.get_create_plist()
        if _lies_elsewhere(made):
            raise Refused(f"the numbers of '{name}' are in another file")
        if any(made.get_filter(i)[0] not in FILTERS for i in range(made.get_nfilters())):
            raise Refused(f"'{name}' is packed in a way that HDF5 does not have itself")
        if item.dtype.kind not in "fiub" or item.shape is None:
            raise ValueError(f"{item.name[1:]} holds {item.dtype}, expected numbers")
        if shape is not None and item.shape != shape:
            raise ValueError(f"{item.name[1:]} has shape {item.shape}, expected {shape}")
        self._left[0] -= math.prod(item.shape) * item.dtype.itemsize
        if self._left[0] < 0:
            raise Refused(f"declares more than a file of its size can hold: '{name}' has shape {item.shape}")
        return item[()]

    def about(self, name: str) -> tuple[tuple[int, ...], np.dtype]:
        """The shape of a member and the type of its numbers; raises as `group`."""
        item = self._member(name, h5py.Dataset)
        return item.shape, item.dtype

    def raw_text(self, name: str) -> str:
        """A member that is one text, such as a file's name; "" if it is anything else."""
        if name not in self or not self._is(name, h5py.Dataset):
            return ""
        item = self._group[name]
        plain = item.shape == () and not _lies_elsewhere(item.id.get_create_plist())
        return _text(item[()]) if plain else ""

    def text(self, name: str) -> str:
        """An attribute that is one text.

        Raises:
            KeyError: it is not there. ValueError: it is something else.
        """
        value = self._attribute(name)
        if not isinstance(value, (str, bytes)):
            raise ValueError(f"its attribute '{name}' is a {type(value).__name__}, expected a text")
        return _text(value)

    def number(self, name: str) -> float | int:
        """An attribute that is one number; raises as `text`."""
        value = self._attribute(name)
        if not isinstance(value, (int, float)):
            raise ValueError(f"its attribute '{name}' is a {type(value).__name__}, expected a number")
        return value

    def facts(self, name: str | None = None) -> dict[str, Any]:
        """The attributes that are one text or number, of this group or of a member."""
        owner = self._group if name is None else self._member(name, (h5py.Group, h5py.Dataset))
        if len(owner.attrs) > MEMBERS:
            raise Refused(f"holds {len(owner.attrs):,} attributes")
        found = {str(key): _attribute(owner, key) for key in owner.attrs}
        return {key: value for key, value in found.items() if value is not None}

    def _attribute(self, name: str) -> Any:
        if name not in self._group.attrs:
            raise KeyError(f"it has no attribute '{name}'")
        return _attribute(self._group, name)

    def _is(self, name: str, kind: Any) -> bool:
        local = isinstance(self._group.get(name, getlink=True), h5py.HardLink)
        return local and isinstance(self._group[name], kind)

    def _member(self, name: str, kind: Any) -> Any:
        first, slash, rest = name.partition("/")
        if slash:
            return PlainGroup(self._member(first, h5py.Group), self._left)._member(rest, kind)
        link = self._group.get(name, getlink=True)
        if link is None:
            raise KeyError(f"no '{name}' in it")
        if not isinstance(link, h5py.HardLink):
            raise Refused(f"'{name}' is a link to another place")
        item = self._group[name]
        if not isinstance(item, kind):
            raise ValueError(f"'{name}' is a {type(item).__name__.lower()}")
        return item


@contextlib.contextmanager
def plain_hdf5(path: str | Path, what: str, error: type[LandscapeError], expected: str) -> Iterator[PlainGroup]:
    """The file as a group. Whatever goes wrong within the block is `error` of one line that begins with `what` and the path.

    `expected`: the files that could have been given.
    """
    if reason := reason_unreadable(path):
        raise error(f"{what} {path}: {reason}")
    if not h5py.is_hdf5(path):
        raise error(f"{what} {path}: is not HDF5{_hint(Path(path))}; expected {expected}")
    try:
        with h5py.File(path, "r") as file:
            if file.id.get_create_plist().get_sizes() != (8, 8):
                raise Refused("its addresses and lengths are not of 8 bytes")
            if endless_heap(path):
                raise Refused("a heap of its texts is damaged and has no end")
            yield PlainGroup(file, [most_bytes(path), GROUPS])
    except LandscapeError:
        raise
    except Refused as problem:
        raise error(f"{what} {path}: {problem}; a file like this is not read") from problem
    except Exception as problem:  # h5py answers a damaged file with errors of five types
        text = str(problem.args[0]) if isinstance(problem, KeyError) and problem.args else str(problem)
        reason = (text.splitlines() or [type(problem).__name__])[0]
        raise error(f"{what} {path}: truncated or damaged ({reason}); restore it or compute it again") from problem


def format_of(path: str | Path) -> str:
    """The attribute `format` of a file; "" if it has none or cannot be read."""
    try:
        with plain_hdf5(path, "", LandscapeError, "") as file:
            return file.text("format")
    except LandscapeError:
        return ""


def _lies_elsewhere(made: Any) -> bool:
    """Whether the bytes of an array are in another file, by the properties that it was created with."""
    return bool(made.get_external_count()) or made.get_layout() == h5py.h5d.VIRTUAL


def _attribute(owner: Any, name: str) -> Any:
    """One text or number as Python has it; None for anything else."""
    stored = h5py.h5a.open(owner.id, name.encode("utf-8", "surrogateescape"))
    if stored.shape != () or stored.get_type().get_class() not in (
        h5py.h5t.STRING, h5py.h5t.INTEGER, h5py.h5t.FLOAT, h5py.h5t.ENUM,
    ):  # fmt: skip
        return None
    value = owner.attrs[name]
    if isinstance(value, bytes):
        return _text(value)
    return value.item() if isinstance(value, np.generic) else value


def _text(value: Any) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


def _hint(path: Path) -> str:
    """What a file seems to be instead."""
    if path.suffix.lower() in (".pt", ".pth", ".ckpt", ".safetensors"):
        return f", but seems to be a checkpoint (landscape surface {path.name} computes its surface)"
    return ", or its beginning is lost" if path.suffix.lower() in (".h5", ".hdf5") else ""
