"""Several trained nets that are compared with each other: files, run folders, patterns, or modules in memory.

Owns: which nets are meant, their names, the hyper-parameters in which they differ, and the grid of their numbers. It is not
a `Slice`: nets of several architectures have no vector in common, so each is read by itself.
"""

from __future__ import annotations

import glob
import math
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from landscape.checkpoint.checkpoint import READERS, Checkpoint
from landscape.errors import UsageError
from landscape.grid import MAX_POINTS_PER_AXIS, Axis, Grid
from landscape.options.option import shown
from landscape.printable import numbered, printable
from landscape.regular import expanded, is_folder
from landscape.slice.trajectory import FINAL, NESTED
from landscape.surfaces.run_log import CONFIG, read_config

NET = "net"
LARGEST = 2**53
SEEDS = ("seed", "init_seed")
# A setting becomes the name of an array; files of others may say anything. A text longer than this is cut.
NAME, MOST, LONGEST = r"[A-Za-z]\w{0,39}", 64, 60
# What a run's settings hold beside hyper-parameters: where, when and how long it ran, and what follows from its data.
_NO_HYPERS = (
    "command", "versions", "started", "device", "threads", "data", "data_root", "normalize", "in_memory", "recorded",
    "save_every", "log_every", "first_weights", "steps", "steps_per_epoch", "parameters", "train_samples", "test_samples",
    "train_fingerprint", "test_fingerprint",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class OneNet:
    """A net to be read: `source` is a path, a `Checkpoint` or a module; `first` its weights before training, where known.

    `settings`: of the run that trained it, plain values; empty where they are not known.
    """

    name: str
    source: Any
    settings: Mapping[str, Any] = field(default_factory=dict)
    first: Path | None = None

    @property
    def in_memory(self) -> bool:
        return isinstance(self.source, nn.Module)


@dataclass(frozen=True, eq=False)
class Nets:
    """The nets in their order; `hypers` are the hyper-parameters in which they differ, one value for each net."""

    each: tuple[OneNet, ...]
    hypers: Mapping[str, tuple[Any, ...]]

    @property
    def grid(self) -> Grid:
        return Grid((Axis("x", np.arange(len(self.each)), NET, NET),))

    @property
    def names(self) -> list[str]:
        return [one.name for one in self.each]

    @property
    def categories(self) -> dict[str, list[str]]:
        """The values of hyper-parameters that are not numbers, by name: their place is the number that stands for them."""
        return {name: _categories(values) for name, values in self.hypers.items() if not all(map(_is_number, values))}

    def numbers(self, net: int) -> dict[str, float]:
        """The hyper-parameters of a net as numbers, NaN where one is not known."""
        found = {}
        for name, values in self.hypers.items():
            known = self.categories.get(name)
            value = values[net]
            place = float(value) if known is None and value is not None else math.nan
            found[name] = place if known is None or value is None else float(known.index(str(value)))
        return found


def nets_of(given: Any) -> Nets:
    """The nets that are meant by files, run folders, patterns, modules and lists of these.

    Of a run folder that is the trained net. The settings of a run are those in its folder, also for a net in its `checkpoints`.

    Raises:
        UsageError: none, or something that is not a net.
    """
    sources = list(_sources(given))
    if not sources:
        raise UsageError("no net: expected checkpoints, run folders, or patterns such as 'runs/*/final.pt'")
    if len(sources) > MAX_POINTS_PER_AXIS:
        raise UsageError(f"{len(sources):,} nets: expected at most {MAX_POINTS_PER_AXIS:,}")
    folders = [_folder_of(source) for source in sources]
    names = _names(sources, folders)
    each = []
    for source, folder, name in zip(sources, folders, names, strict=True):
        settings = read_config(folder / CONFIG) if folder else {}
        each.append(OneNet(name, source, settings, _first(folder)))
    return Nets(tuple(each), hypers_of([one.settings for one in each]))


def hypers_of(settings: Sequence[Mapping[str, Any]]) -> dict[str, tuple[Any, ...]]:
    """The settings in which runs differ, one value each. Of several that divide the runs alike, one is kept."""
    named = dict.fromkeys(name for each in settings for name in each if name not in _NO_HYPERS)
    names = [name for name in named if re.fullmatch(NAME, name)][:MOST]
    found: dict[str, tuple[Any, ...]] = {}
    for name in sorted(names, key=lambda name: (name == "model", name in SEEDS, names.index(name))):
        values = tuple(_plain(name, each.get(name)) for each in settings)
        if len(set(map(str, values))) > 1 and not any(_alike(values, others) for others in found.values()):
            found[name] = values
    return found


def _sources(given: Any) -> Iterable[Any]:
    if isinstance(given, (nn.Module, Checkpoint)):
        yield given
    elif isinstance(given, (str, os.PathLike)):
        yield from _paths(given)
    elif isinstance(given, Iterable):
        for each in given:
            yield from _sources(each)
    else:
        raise UsageError(f"net {shown(given)}: expected a file, a run folder, a pattern, or a module")


def _paths(given: str | os.PathLike) -> list[Path]:
    path = expanded(Path(given))
    if not path.exists() and glob.has_magic(str(given)):
        matches = sorted(map(Path, glob.glob(str(path), recursive=True)))
        found = [each for each in matches if each.suffix.lower() in READERS or (is_folder(each) and _holds_net(each))]
        if not found:
            raise UsageError(f"net '{given}': no checkpoint and no run folder has such a name")
        return found
    if not path.exists():
        raise UsageError(f"net {given}: there is no such file or folder")
    return [path]


def _holds_net(folder: Path) -> bool:
    """Whether a folder that a pattern matches holds a net, which other outputs among runs do not; a curve's bends are several."""
    inside = list(folder.iterdir())
    return any(each.suffix.lower() in READERS for each in inside) and not any(each.stem == "bend_1" for each in inside)


def _folder_of(source: Any) -> Path | None:
    """The run folder of a net, or None."""
    if not isinstance(source, Path):
        return None
    inside = source.parent.parent if source.parent.name == NESTED else source.parent
    return next((each for each in (source, inside) if (each / CONFIG).is_file() and (each / NESTED).is_dir()), None)


def _first(folder: Path | None) -> Path | None:
    found = sorted((folder / NESTED).glob("step_*.pt")) if folder else []
    return found[0] if found and int(found[0].stem.removeprefix("step_") or 1) == 0 else None


def _names(sources: Sequence[Any], folders: Sequence[Path | None]) -> list[str]:
    """The shortest names that differ: of the run folder, with the file's, with numbers."""
    short, long = [], []
    for number, (source, folder) in enumerate(zip(sources, folders, strict=True)):
        if not isinstance(source, Path):
            short.append(f"{type(source).__name__} {number}")
            long.append(short[-1])
            continue
        own = Path(os.path.abspath(folder or source))
        inner = source.stem if source.is_file() else source.name
        short.append(own.name if folder else inner)
        long.append(f"{own.name}/{inner}" if folder and source.is_file() and source.name != FINAL else own.name)
    for names in (short, long):
        if len(set(names)) == len(names):
            return [printable(name) for name in names]
    return list(numbered([printable(name) for name in long]))


def _plain(name: str, value: Any) -> Any:
    """A number or None unchanged, everything else as text; of a model's spec what stands behind the file."""
    if value is None or _is_number(value):
        return value
    text = printable(str(value))
    text = text.rpartition(":")[2] if name == "model" else text
    return text if len(text) <= LONGEST else text[: LONGEST - 3] + "..."


def _is_number(value: Any) -> bool:
    """Also None, which is one that is not known; no more than a float can hold."""
    if value is None or isinstance(value, float):
        return True
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < LARGEST


def _categories(values: Sequence[Any]) -> list[str]:
    return sorted({str(value) for value in values if value is not None})


def _alike(values: Sequence[Any], others: Sequence[Any]) -> bool:
    pairs = set(zip(map(str, values), map(str, others), strict=True))
    return len(pairs) == len(set(map(str, values))) == len(set(map(str, others)))
