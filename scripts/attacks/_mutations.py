"""Mutated copies of files: bits, bytes, and what the formats hold.

Owns: the ways to damage a file of each format. Everything follows from the generator that is passed.
"""

from __future__ import annotations

import contextlib
import io
import json
import random
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any


def mutate(source: Path, target: Path, chance: random.Random) -> str:
    """Writes a mutated copy of a file or run folder; returns what was done."""
    if source.is_dir():
        shutil.copytree(source, target)
        inner = chance.choice(sorted(path for path in target.rglob("*") if path.is_file()))
        good = inner.read_bytes()
        done = _mutate_file(inner, good, chance)
        return f"{inner.name}: {done}"
    return _mutate_file(target, source.read_bytes(), chance)


def _mutate_file(path: Path, good: bytes, chance: random.Random) -> str:
    ways: list[Callable[[Path, bytes, random.Random], str]] = [_flip, _flip, _cut, _splice]
    if path.suffix == ".h5":
        ways += [_hdf5] * 6
    if path.suffix in (".pt", ".npz"):
        ways += [_zipped] * 2
    if path.suffix == ".pt":
        ways += [_stored] * 5
    if path.suffix == ".npz":
        ways += [_arrays] * 5
    if path.suffix in (".json", ".csv"):
        ways += [_text] * 6
    return chance.choice(ways)(path, good, chance)


def _flip(path: Path, good: bytes, chance: random.Random) -> str:
    content = bytearray(good)
    count = chance.choice((1, 1, 1, 2, 8, 64))
    for _ in range(count):
        # the first kilobytes hold the structure of most formats
        place = chance.randrange(min(len(content), chance.choice((100, 2000, len(content)))))
        content[place] ^= 1 << chance.randrange(8)
    path.write_bytes(content)
    return f"{count} bits flipped"


def _cut(path: Path, good: bytes, chance: random.Random) -> str:
    keep = chance.randrange(len(good))
    path.write_bytes(good[:keep])
    return f"cut to {keep} bytes"


def _splice(path: Path, good: bytes, chance: random.Random) -> str:
    start = chance.randrange(len(good))
    length = chance.choice((1, 4, 8, 64, 512))
    filling = chance.choice((b"\0", b"\xff", chance.randbytes(1))) * length
    path.write_bytes(good[:start] + filling + good[start + length :])
    return f"{length} bytes replaced at {start}"


ODD_TEXTS = ("", "x" * 5000, "a\nforged: yes", "\x1b[2J\x1b]0;t\x07", "<b>&amp;", "\u202e\u2028", "nan", "1e999", "-1",
             "[" * 5000, "os:abort", "evil.py:build", "~nobody/x", "/dev/zero", "folder:/dev", "npz:/dev/zero", "\0")  # fmt: skip
ODD_VALUES: tuple[Any, ...] = (
    None,
    True,
    -1,
    0,
    10**30,
    1.5,
    float("nan"),
    float("inf"),
    [],
    {},
    [1, [2]],
    {"a": {"b": 1}},
    *ODD_TEXTS,
)


def odd_tree(tree: Any, chance: random.Random) -> Any:
    """The tree with one entry somewhere in it changed, lost or added."""
    if isinstance(tree, dict) and tree and chance.random() < 0.85:
        key = chance.choice(list(tree))
        if chance.random() < 0.15:
            return {name: value for name, value in tree.items() if name != key}
        return {**tree, key: odd_tree(tree[key], chance)}
    if isinstance(tree, list) and tree and chance.random() < 0.5:
        place = chance.randrange(len(tree))
        return [*tree[:place], odd_tree(tree[place], chance), *tree[place + 1 :]]
    deep: Any = []
    for _ in range(chance.choice((30, 200, 900))):
        deep = [deep]
    return chance.choice((*ODD_VALUES, deep))


def _hdf5(path: Path, good: bytes, chance: random.Random) -> str:
    import h5py
    import numpy as np

    path.write_bytes(good)
    arrays: list[str] = []
    everything: list[str] = ["/"]
    with h5py.File(path, "r+") as file:
        file.visititems(
            lambda name, item: (
                everything.append(name),
                arrays.append(name) if isinstance(item, h5py.Dataset) else None,
            )[1]
        )
        way = chance.choice(("shape", "type", "lost", "link", "external", "virtual", "attribute", "attribute", "json", "json",
                             "bomb", "values", "group"))  # fmt: skip
        name = chance.choice(arrays)
        if way == "attribute":
            owner = file[chance.choice(everything)]
            key = chance.choice([*owner.attrs, "new"])
            value = chance.choice((*(v for v in ODD_VALUES if isinstance(v, (bool, int, float)) and abs(v) < 2**60 or v != v),
                                   *(t for t in ODD_TEXTS if "\0" not in t), np.zeros(3), np.zeros((2, 2)),
                                   np.bytes_(b"\xff\xfe"), h5py.Empty("f"), np.zeros(2, dtype="S3")))  # fmt: skip
            owner.attrs[key] = value
            return f"attribute {key} of {owner.name} is {str(value)[:40]!r}"
        if way == "json":
            owners = [
                (file[each], key) for each in everything for key in ("provenance", "labels") if key in file[each].attrs
            ]
            if owners:
                owner, key = chance.choice(owners)
                value = odd_tree(json.loads(owner.attrs[key]), chance)
                with contextlib.suppress(TypeError, ValueError, RecursionError, OSError):
                    owner.attrs[key] = json.dumps(value)[:60000]
            return "provenance or labels changed"
        old = file[name]
        parent, last = old.parent, old.name.rpartition("/")[2]
        shape, values = old.shape, old[()]
        if way == "values":
            filling = chance.choice((np.nan, np.inf, -np.inf, 0.0, 1e308, -1.0, 5e-324))
            if old.dtype.kind == "f":
                old[...] = np.full_like(values, filling)
            return f"{name} filled"
        del parent[last]
        if way == "shape":
            new = chance.choice(((), (1,), (0,), (3, 1), (*shape, 1), (7,), (2, 2, 2), tuple(n + 1 for n in shape)))
            parent[last] = np.zeros(new)
        elif way == "type":
            parent[last] = chance.choice((np.zeros(shape, "S4"), np.zeros(shape, "c16"), np.zeros(shape, bool),
                                          np.ones(shape, "i8"), "text", np.zeros(shape, [("a", "f8")])))  # fmt: skip
        elif way == "link":
            parent[last] = chance.choice(
                (h5py.SoftLink("/"), h5py.SoftLink("/nowhere"), h5py.ExternalLink("l.h5", "/values/train_loss"))
            )
        elif way == "external":
            size = max(1, int(np.prod(shape)))
            parent.create_dataset(last, shape=shape or (1,), dtype="f8", external=[("net.pt", 0, 8 * size)])
        elif way == "virtual":
            layout = h5py.VirtualLayout(shape=shape or (1,), dtype="f8")
            layout[...] = h5py.VirtualSource("l.h5", "values/train_loss", shape=shape or (1,))
            parent.create_virtual_dataset(last, layout)
        elif way == "bomb":
            huge = chance.choice(((26_000, 26_000), (10**9,), (10**12,), (100_000, 100_000)))
            parent.create_dataset(last, shape=huge, dtype="f8", chunks=chance.choice((None, True)))
            if last == "x" and "axes" in parent.name:
                pass
        elif way == "group":
            parent.create_group(last)[last] = parent
    return f"{way} of {name}"


def _zipped(path: Path, good: bytes, chance: random.Random) -> str:
    """Entries of the archive lost, doubled, renamed, or replaced by a long run of zeros."""
    try:
        with zipfile.ZipFile(io.BytesIO(good)) as archive:
            entries = {name: archive.read(name) for name in archive.namelist()}
    except zipfile.BadZipFile:
        return _flip(path, good, chance)
    name = chance.choice(list(entries))
    way = chance.choice(("lost", "bits", "zeros", "name"))
    with zipfile.ZipFile(path, "w") as archive:
        for each, content in entries.items():
            if each != name:
                archive.writestr(each, content)
            elif way == "bits" and content:
                changed = bytearray(content)
                for _ in range(chance.choice((1, 3))):
                    changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
                archive.writestr(each, bytes(changed))
            elif way == "zeros":
                archive.writestr(each, b"\0" * 150_000_000, zipfile.ZIP_DEFLATED, compresslevel=1)
            elif way == "name":
                archive.writestr("../" + each, content)
    return f"{way} of {name}"


def _stored(path: Path, good: bytes, chance: random.Random) -> str:
    """A checkpoint whose content is changed before it is written."""
    import collections as c

    import torch

    stored = torch.load(io.BytesIO(good), weights_only=True)
    entry = "state_dict" if "state_dict" in stored else "model"
    state, way = dict(stored[entry]), chance.choice(("tensor", "tensor", "meta", "meta", "top", "state"))
    if way == "tensor":
        name = chance.choice(list(state))
        old = state[name]
        state[name] = chance.choice((
            torch.zeros(()), torch.zeros(3), old.double(), old.to(torch.int64), torch.zeros(1).expand(10**6, 10**6),
            old.to(torch.complex64), old * float("nan"), old.to_sparse(), torch.empty(5, device="meta"), None, "text", [old],
            torch.zeros(0), old.to(torch.bool), torch.empty(10**9, 10**3, device="meta"),
        ))  # fmt: skip
        stored = {**stored, entry: state}
    elif way == "state":
        name = chance.choice(list(state))
        value = state.pop(name)
        state[chance.choice(("", "\x1b[31mred", "a\nb: c", name + ".x", "module." + name, "x" * 3000))] = value
        stored = {**stored, entry: state}
    elif way == "meta":
        stored = {**stored, "landscape": odd_tree(dict(stored.get("landscape", {"model": "net.py:build"})), chance)}
    else:
        bomb: Any = ["lol"] * 10
        for _ in range(12):
            bomb = [bomb] * 10
        odd: tuple[dict[Any, Any], ...] = (
            {"extra": bomb}, {"landscape": bomb}, {"landscape": {"a": bomb}}, {1: 2}, {(1, 2): 3}, {"epoch": 10**5000},
            {"extra": c.OrderedDict(a=stored)}, {entry: None}, {entry: {entry: {}}}, {"optimizer": stored},
        )  # fmt: skip
        stored = {**stored, **chance.choice(odd)}
    with contextlib.suppress(Exception):
        torch.save(stored, path)
        return f"{way} changed"
    path.write_bytes(good)
    return "nothing"


def _arrays(path: Path, good: bytes, chance: random.Random) -> str:
    import numpy as np

    with np.load(io.BytesIO(good)) as file:
        arrays: dict[str, Any] = dict(file)
    name = chance.choice(list(arrays))
    arrays[name] = chance.choice((
        np.zeros(()), np.zeros(0), np.zeros((20, 0)), np.array(["a"] * 20), np.zeros(20, complex), np.full(20, 10**12),
        np.full(20, -1),
        np.zeros((20, 3, 3)), np.array([None] * 20, dtype=object), np.zeros((20, 1, 8, 8), np.uint8), np.zeros(20, "M8[s]"),
        np.full((20, 1, 8, 8), np.nan), np.zeros((20, 1, 8, 9)), np.zeros((20, 1, 8, 8), np.float16), np.zeros(20_000_000),
    ))  # fmt: skip
    np.savez_compressed(path, **arrays)
    return f"{name} changed"


def _text(path: Path, good: bytes, chance: random.Random) -> str:
    if path.suffix == ".json":
        changed = odd_tree(json.loads(good), chance)
        try:
            path.write_text(json.dumps(changed))
        except RecursionError:
            path.write_text("[" * 20_000)
        return "entry changed"
    rows = [line.split(",") for line in good.decode().splitlines()]
    row = chance.choice(rows)
    row[chance.randrange(len(row))] = chance.choice([text for text in ODD_TEXTS if "\0" not in text] + ["1" * 400])
    path.write_text("\n".join(map(",".join, rows)) + "\n")
    return "cell changed"
