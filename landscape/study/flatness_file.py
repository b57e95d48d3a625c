"""How a file of flatness goes on: with the nets that it holds, and with more of them.

Owns: which row of the file is of which net, and the rows of the nets of this run. A net is known by its weights, its
model and its weights before training, as far as these are at hand, so that its files may have moved. Knows no measure.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from landscape.checkpoint.checkpoint import load_checkpoint
from landscape.errors import SurfaceFileError
from landscape.printable import listed
from landscape.quantity import AROUND, FLATNESS, HYPER, MEASURE, Quantity
from landscape.slice.nets import Nets
from landscape.subject.net import Net
from landscape.surfaces.file import surface_of_run
from landscape.surfaces.flatness import FEW, evaluations, first_values, marks, names, rows
from landscape.surfaces.hdf5 import read_surface_file
from landscape.surfaces.longer import rearranged
from landscape.surfaces.same_net import draw_alike, other_number, tolerance_between
from landscape.surfaces.same_run import difference, plain
from landscape.surfaces.surface import DONE, PENDING, Surface

# Of hashes in the mark of a net.
DIGITS, BETWEEN = 16, ", "
# How a net is evaluated; among the entries of a file it is that of the last net, whose others are with what nets are known by.
EVALUATION = "evaluation"
# What a file says of all of its nets together, which changes when it grows.
OF_ALL = ("model", "checkpoint", EVALUATION)
ADVICE = "give another -o, or --overwrite to start again"


def mark_of(net: Net, first: Path | None, code: str | None) -> str:
    """What a file knows a net by: all that its values depend on beside what the nets of a file have in common.

    Args:
        first: its weights before training. code: what it computes, where its name does not say that.

    Raises:
        CheckpointError: `first` cannot be read.
    """
    start = None if first is None else load_checkpoint(first).sha256[:DIGITS]
    parts = {"entry": net.checkpoint.entry, "code": code, "start": start}
    said = [f"{name} {value}" for name, value in parts.items() if value]
    return BETWEEN.join([str(net.checkpoint.sha256)[:DIGITS], f"model {net.name}", *said])


class Known(NamedTuple):
    """What a net is known by: its `mark`, and what it gives on the first samples (objective/probe.py).

    `evaluation`: what decides its values beside weights and samples, such as random numbers, which other nets may not draw.
    """

    mark: str
    values: Mapping[str, float]
    evaluation: Mapping[str, Any]


def held(
    path: Path, nets: Nets, these: Sequence[Known], provenance: Mapping[str, Any], quantity: Callable[[str], Quantity]
) -> Surface:
    """What a file holds of the nets of this run, in their order; the rest of them is pending.

    Args:
        these: what each net is known by. provenance: of a run over these nets. quantity: the rows of its results.

    Raises:
        SurfaceFileError: it holds another run, or a net that is not among these.
    """
    old, now = read_surface_file(path), [each.mark for each in these]
    known = marks(old)
    if not known:  # by an earlier version, or stopped at once
        begun = surface_of_run(path, nets.grid, provenance)
        if FLATNESS not in begun.status or (begun.status[FLATNESS] == PENDING).all():
            return begun
    if not known or not all(BETWEEN in mark for mark in known):
        raise SurfaceFileError(
            f"{path} does not say of which models, entries and first nets its values are: an earlier version began it; {ADVICE}"
        )
    same = {**plain(provenance), **{name: old.provenance[name] for name in OF_ALL if name in old.provenance}}
    same = {name: value for name, value in same.items() if name not in OF_ALL or name in old.provenance}
    if found := difference(old.provenance, same, added=old.added):
        raise SurfaceFileError(f"{path} holds another run: {found}; {ADVICE}")
    known = [_known_as(mark, now) for mark in known]
    for name, mark in zip(names(old), known, strict=True):
        if mark not in now and (other := next((each for each in now if _weights(each) == _weights(mark)), None)):
            raise SurfaceFileError(f"{path} holds {name} with {_rest(mark)}; now it has {_rest(other)}; {ADVICE}")
    if lost := [name for name, mark in zip(names(old), known, strict=True) if mark not in now]:
        raise SurfaceFileError(
            f"{path} holds {listed(lost, FEW)}, not among the nets given; give all nets of the file with the new ones, {ADVICE}"
        )
    _check_each(path, old, known, these, plain(provenance))
    places = [known.index(mark) if mark in known else -1 for mark in now]
    kept = {name: value for name, value in old.provenance.items() if name not in OF_ALL}
    return replace(_arranged(old, places, nets, quantity), provenance={**kept, **_of_all(provenance)})


def _check_each(
    path: Path, old: Surface, marks: Sequence[str], these: Sequence[Known], provenance: Mapping[str, Any]
) -> None:
    """Raises SurfaceFileError where a net of the file is evaluated otherwise now, or gives other numbers on the first samples."""
    values, made = (dict(zip(marks, each, strict=False)) for each in (first_values(old), evaluations(old)))
    if not made:  # an earlier version, which says it of the last net
        made = {marks[-1]: old.provenance.get(EVALUATION) or {}}
    known, tolerance = {each.mark: each for each in these}, tolerance_between(old.provenance, provenance)
    for name, mark in zip(names(old), marks, strict=True):
        now = known[mark]
        one = {**old.provenance, EVALUATION: made.get(mark, now.evaluation)}
        other = {**provenance, EVALUATION: now.evaluation}
        if found := difference(*({EVALUATION: each[EVALUATION]} for each in (one, other))):
            raise SurfaceFileError(f"{path} holds another run: of {name}, {found}; {ADVICE}")
        if not now.values or not draw_alike(one, other):
            continue
        if differs := other_number(values.get(mark, {}), now.values, tolerance):
            raise SurfaceFileError(
                f"{path} holds another run: of {name}, {differs[0]} is {differs[1]} in the file, {differs[2]} now; the code or "
                f"what it reads has changed; {ADVICE}"
            )


def code_in(mark: str) -> list[str]:
    """[the version of Python, a hash] of the code of a net, if its mark has them."""
    return next((part.split()[1:] for part in mark.split(BETWEEN) if part.startswith("code ")), [])


def without_code(mark: str) -> str:
    return BETWEEN.join(part for part in mark.split(BETWEEN) if not part.startswith(("code ", "program ")))


def _known_as(mark: str, now: Sequence[str]) -> str:
    """The mark as it reads now, where its code cannot be compared: of an earlier version (`program`), or by another Python."""
    same = [each for each in now if without_code(each) == without_code(mark) and code_in(each)[:1] != code_in(mark)[:1]]
    return same[0] if same and mark not in now else mark


def _weights(mark: str) -> str:
    return mark.partition(BETWEEN)[0]


def _rest(mark: str) -> str:
    return mark.partition(BETWEEN)[2]


def _of_all(provenance: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in plain(provenance).items() if name in OF_ALL}


def _arranged(old: Surface, places: Sequence[int], nets: Nets, quantity: Callable[[str], Quantity]) -> Surface:
    """The rows of the old surface at these places, -1 for a new net. Settings in which nets differ depend on all of them."""
    found = rearranged(old, nets.grid, places)
    gone = [row.name for row in rows(old, HYPER)]
    values = {name: array for name, array in found.values.items() if name not in gone}
    hypers: dict[str, np.ndarray] = {}
    for net in np.flatnonzero(found.status[FLATNESS] == DONE):
        for name, number in nets.numbers(int(net)).items():
            hypers.setdefault(f"{HYPER}_{name}", np.full(len(places), np.nan))[net] = number
    measures = [name for name in values if old.quantity(name).role in (MEASURE, AROUND)]
    values = (
        {name: array for name, array in values.items() if name not in measures}
        | hypers
        | {name: values[name] for name in measures}
    )  # as a run has them
    return replace(
        found,
        values=values,
        quantities={
            **{name: row for name, row in old.quantities.items() if name not in gone},
            **{name: quantity(name) for name in hypers},
        },
    )
