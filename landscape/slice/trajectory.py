"""Which nets a trajectory consists of, and in which order.

Owns: reading `RUN_FOLDER|GLOB|FILES` into `Trajectory`s, and the training step of each net: in the run folders of landscape
from their names, elsewhere from the number in which the names differ. Does not read weights: see trajectory_nets.py.
"""

from __future__ import annotations

import glob
import itertools
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from landscape.checkpoint.checkpoint import READERS, Checkpoint, load_checkpoint
from landscape.errors import CheckpointError, UsageError
from landscape.options.option import shown
from landscape.printable import listed, numbered
from landscape.regular import expanded, is_folder
from landscape.surfaces.surface import MINIMA, NETS

NUMBER = re.compile(r"\d+")
# A step is a whole number, or one with a short fraction, as of epochs; a date behind a point is not a fraction.
STEP = r"(\d+(?:\.\d{1,4}(?![\d]))?)(?!,?\d)"
# Words before a number that counts training, the finest first.
CLOCKS = ("global_step", "step", "iteration", "iter", "checkpoint", "epoch", "ep")
NESTED = "checkpoints"
FINAL, CONFIG = "final.pt", "config.json"
LISTED = 3


@dataclass(frozen=True, eq=False)
class Trajectory:
    """The nets of one training run in their order, as files or in memory, and the training step of each.

    `clock`: what the steps count: "step", "epoch", or "net" where only the order is known. `notes`: what was left out.
    """

    name: str
    steps: tuple[float, ...]
    nets: tuple[Any, ...]
    clock: str = "step"
    notes: tuple[str, ...] = ()

    def of(self, numbers: Sequence[int]) -> Trajectory:
        """With these nets only."""
        steps, nets = tuple(self.steps[i] for i in numbers), tuple(self.nets[i] for i in numbers)
        return Trajectory(self.name, steps, nets, self.clock, self.notes)


def trajectories(runs: Any) -> list[Trajectory]:
    """One for each run folder, pattern, or list of nets; loose checkpoint files are together one.

    Raises:
        UsageError: nothing is found, a run has a single net, or the order of its nets cannot be told.
    """
    given = list(runs) if isinstance(runs, Iterable) and not isinstance(runs, (str, Path, Checkpoint)) else [runs]
    if not given:
        raise UsageError(
            "no run: expected a run folder, a pattern such as 'run/step_*.pt', or checkpoint files in order"
        )
    loose = [each for each in given if _is_net(each)]
    found = [] if not loose else [_of_nets(loose)]
    found += [_of_run(each) for each in given if not _is_net(each)]
    named = numbered([_printable(each.name) for each in found])
    return [Trajectory(name, t.steps, t.nets, t.clock, t.notes) for name, t in zip(named, found, strict=True)]


def _is_net(given: Any) -> bool:
    """Whether it is one net, rather than something that holds several."""
    if isinstance(given, (Checkpoint, nn.Module)):
        return True
    if not isinstance(given, (str, os.PathLike)):
        return False
    path = expanded(Path(given))
    if not path.exists() and not glob.has_magic(str(given)) and path.suffix.lower() not in READERS:
        raise UsageError(f"run {given}: there is no such folder or file")
    return _holds_weights(path) if is_folder(path) else not _is_pattern(str(given), path)


def _is_pattern(text: str, path: Path) -> bool:
    return glob.has_magic(text) and not path.exists()


def _holds_weights(folder: Path) -> bool:
    """Whether a folder is a net of Hugging Face."""
    return any(folder.glob("*.safetensors")) or any(folder.glob("*.safetensors.index.json"))


def _of_run(given: Any) -> Trajectory:
    if isinstance(given, (list, tuple)):
        return _of_nets(given, in_order=True)
    if not isinstance(given, (str, os.PathLike)):
        raise UsageError(
            f"run {shown(given)}: expected a run folder, a pattern, or a list of checkpoints in their order"
        )
    path = expanded(Path(given))
    if is_folder(path):
        return _of_folder(path)
    found = _matches(path)
    nets = [each for each in found if each.suffix.lower() in READERS or is_folder(each)]
    if not nets:
        raise UsageError(f"run '{given}': no checkpoint has such a name; expected a run folder or a pattern")
    return _of_files(nets, _name_of(nets[0].parent), str(given))


def _matches(pattern: Path) -> list[Path]:
    """The files of a pattern; the folders that exist are taken by their names, whatever signs these hold."""
    there = next(folder for folder in pattern.parents if folder.exists())
    rest = pattern.relative_to(there)
    return sorted(there / each for each in glob.glob(str(rest), root_dir=there, recursive=True))


def _of_folder(folder: Path) -> Trajectory:
    inner = folder / NESTED
    place = inner if is_folder(inner) and _nets_in(inner) else folder
    nets = _nets_in(place)
    numbered = [each for each, name in zip(nets, _names(nets), strict=True) if NUMBER.search(name)]
    left_out = [each.name for each in nets if each not in numbered]
    if not numbered:
        raise UsageError(
            f"{folder}: no nets with a step in their names in {place}; expected such as step_0000100.pt "
            "(landscape train --save-every, or ll.Recorder)"
        )
    found = _of_files(numbered, _name_of(folder), str(folder))
    notes = [] if not left_out else [f"{found.name}: left out {', '.join(left_out)}: no step in the name"]
    final, why = _final(folder / FINAL)
    if why:
        notes.append(f"{found.name}: left out {FINAL}: {why}")
    if place is inner and (folder / CONFIG).is_file() and not (folder / FINAL).exists():
        notes.append(
            f"{found.name}: its training is not over (no {FINAL}); drawn up to {found.clock} {found.steps[-1]:g}"
        )
    steps, files = found.steps, found.nets
    if final is not None and final > found.steps[-1]:
        steps, files = (*steps, final), (*files, folder / FINAL)
    return Trajectory(found.name, steps, files, found.clock, tuple(notes))


def _final(path: Path) -> tuple[float | None, str]:
    """(the step of a run's trained net, why it is not known)."""
    if not path.is_file():
        return None, ""
    try:
        step = load_checkpoint(path).meta.get("step")
    except CheckpointError as error:
        return None, str(error)
    if isinstance(step, (int, float)) and not isinstance(step, bool):
        return float(step), ""
    return None, "it does not say its step"


def _nets_in(folder: Path) -> list[Path]:
    there = sorted(folder.iterdir()) if os.access(folder, os.R_OK) else []
    found = []
    for each in there:
        if each.name.startswith(".") or each.name in (FINAL, "state.pt"):
            continue
        if is_folder(each):
            older = each / "pytorch_model.bin"
            found += [each] if _holds_weights(each) else [older] if older.exists() else []
        elif each.suffix.lower() in READERS:
            found.append(each)
    return found


def _of_nets(nets: Sequence[Any], *, in_order: bool = False) -> Trajectory:
    """Files in the order of their steps; nets in memory, and files `in_order` whose names have no steps, as listed."""
    if nets and all(isinstance(each, (str, os.PathLike)) for each in nets):
        paths = [expanded(Path(each)) for each in nets]
        name = _name_of(paths[0].absolute().parent)
        try:
            return _of_files(paths, name, str(paths[0]))
        except UsageError:
            if not in_order or len(paths) < 2:
                raise
            return Trajectory(name, tuple(map(float, range(len(paths)))), tuple(paths), "net")
    _check_several(len(nets), "the list")
    return Trajectory("trajectory", tuple(map(float, range(len(nets)))), tuple(nets), "net")


def _of_files(paths: Sequence[Path], name: str, given: str) -> Trajectory:
    _check_several(len(paths), given)
    places = [os.path.abspath(path) for path in paths]
    if len(set(places)) < len(places):
        twice = next(path for path, place in zip(paths, places, strict=True) if places.count(place) > 1)
        raise UsageError(f"{twice} is given twice; a path needs each net once")
    steps, clock = steps_of(_names(paths))
    order = sorted(range(len(paths)), key=lambda i: steps[i])
    return Trajectory(name, tuple(steps[i] for i in order), tuple(paths[i] for i in order), clock)


def _names(paths: Sequence[Path]) -> list[str]:
    """Without the suffix; files that all have the same name, such as pytorch_model.bin, go by their folders."""
    stems = [each.stem if each.suffix.lower() in READERS else each.name for each in paths]
    return [each.parent.name for each in paths] if len(set(stems)) == 1 and len(stems) > 1 else stems


def steps_of(names: Sequence[str]) -> tuple[list[float], str]:
    """(the training step of each name, what it counts).

    Raises:
        UsageError: two names have the same step, or none can be told.

    >>> steps_of(["epoch=0-step=50-loss=1.25", "epoch=1-step=100-loss=0.75"])
    ([50.0, 100.0], 'step')
    >>> steps_of(["resnet20_v2_5", "resnet20_v2_10"])
    ([5.0, 10.0], 'step')
    """
    clock, found = "", []
    for word in CLOCKS:
        if (counts := _counted(names, word)) is not None:
            clock, found = "epoch" if word.startswith("ep") else "step", counts
            if len(set(found)) == len(found):
                _check_epochs(names, found)
                return found, clock
    if not clock:
        columns = list(zip(*(NUMBER.findall(name) for name in names), strict=False))
        alike = len({len(NUMBER.findall(name)) for name in names}) == 1
        varying = [column for column in columns if len(set(column)) > 1]
        if alike and len(varying) == 1:
            clock, found = "step", list(map(float, varying[0]))
    if clock and len(set(found)) == len(found):
        return found, clock
    if clock:
        twice = next(step for step in found if found.count(step) > 1)
        which = " and ".join(name for name, step in zip(names, found, strict=True) if step == twice)
        raise UsageError(f"{which} are both of {clock} {twice:g}; a path needs one net at each {clock}")
    raise UsageError(
        f"the order of {listed(names, LISTED)} is not known: expected names with one number that differs, such as step_100.pt; "
        "in Python, pass a list of lists in their order"
    )


def _counted(names: Sequence[str], word: str) -> list[float] | None:
    """The number behind a word in each name; None if one of them has none."""
    pattern = re.compile(rf"(?<![a-z]){word}[ _=-]?{STEP}", re.IGNORECASE)
    hits = [pattern.search(name) for name in names]
    return [float(hit[1]) for hit in hits if hit] if all(hits) else None


def _check_epochs(names: Sequence[str], steps: Sequence[float]) -> None:
    """Raises UsageError if steps start again in each epoch, so that their order is not that of training."""
    epochs = _counted(names, "epoch")
    if epochs is None:
        return
    order = sorted(range(len(names)), key=lambda i: steps[i])
    for one, other in itertools.pairwise(order):
        if epochs[one] > epochs[other]:
            raise UsageError(
                f"{names[one]} would come before {names[other]}: expected steps that count through all epochs; in Python, pass a "
                "list of lists in their order"
            )


def _check_several(count: int, given: str) -> None:
    if count < 2:
        raise UsageError(
            f"{given}: one net is not a path; expected at least three along a run (landscape train --save-every, ll.Recorder)"
        )


def _name_of(folder: Path) -> str:
    folder = Path(os.path.abspath(folder))
    name = (folder.parent if folder.name == NESTED else folder).name or "trajectory"
    return f"{name} (run)" if name in (NETS, MINIMA) else name


def _printable(name: str) -> str:
    """A name that any file can hold."""
    return name.encode("utf-8", "replace").decode("utf-8")
