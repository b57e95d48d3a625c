"""From a surface file's provenance back to what it was computed from.

Owns: reading the options of a run from its provenance, and the error when the checkpoint, the data or the directions are no
longer those of the file. Does not know what is then computed.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from landscape.direction.files import COMPUTED_KINDS
from landscape.errors import AnotherRun, UsageError
from landscape.grid import DIRECTION
from landscape.objective.conduct import OF_LOSS
from landscape.options.option import Given
from landscape.options.what import What, parted
from landscape.slice.plane import Plane
from landscape.study.on_slice import Asked, OnSlice, on_plane
from landscape.subject.net import IN_MEMORY
from landscape.surfaces.barriers import has_paths
from landscape.surfaces.provenance import DataFacts, DirectionFacts, Provenance
from landscape.surfaces.same_net import has_values, other_values
from landscape.surfaces.same_run import difference, of_rank, unknown_code
from landscape.surfaces.surface import Surface
from landscape.sweep.world import World
from landscape.trust import taken

# Facts that may differ in a run of another purpose: it measures other things, with other numerics.
FREE = ("metrics", "l2", "tolerance", "precision")


def revived(
    surface: Surface,
    group: str,
    given: Mapping[str, Any],
    world: World,
    *,
    split: str | None,
    precision: str | None,
    counted: tuple[What, What] = (None, None),
) -> OnSlice:
    """The subject and plane of `surface`, with the loss of one split, with net and loss unchanged.

    `given` are options that replace those in the provenance, for files that have moved and for objects in memory; None
    keeps the provenance's. `split` None is train if the file has it. `counted`: `only` and `ignore` of what is added.

    Raises:
        LandscapeError: something is missing, has moved, or has changed; the message says what differs.
    """
    where = surface.source or "this surface"
    known = surface.known
    if known.descent is not None:
        raise UsageError(
            f"{where} is of the function {known.descent.function}, not of a net; give a file of landscape surface"
        )
    if known.input is not None:
        raise UsageError(f"{where} is a plane of inputs, where the weights rest; give a file of landscape surface")
    if known.connect is not None and has_paths(surface):
        raise UsageError(
            f"{where} holds paths between nets; give a file of landscape surface, or of landscape line A --to B"
        )
    if other := next((axis for axis in surface.grid.axes if axis.kind != DIRECTION), None):
        raise UsageError(
            f"{where} has an axis {other.name} of kind {other.kind}, and only lines and planes along directions can be extended; "
            "give a file of landscape surface or landscape line"
        )
    if known.checkpoint is None or known.directions is None or not known.splits or known.loss is None:
        raise UsageError(
            f"{where} does not say what it was computed from (a file of the original program never does); compute the "
            "surface with landscape surface, with --directions FILE for the same plane"
        )
    chosen = _split(known, split, where)
    precision = precision or ("fp64" if known.precision == "fp64" else "fp32")
    asked = replace(_asked(surface, {**given, "precision": precision}, chosen), counted=counted)
    ranges = {
        axis.name: (float(axis.values[0]), float(axis.values[-1]), len(axis.values)) for axis in surface.grid.axes
    }
    on = on_plane(asked, ranges, world, group, plain=True)
    now = of_rank(on.provenance.json(), leads=world.leads)
    before = _without_a_metrics(surface.provenance, now)
    compared = (_compared(each, chosen, values=has_values(before, now)) for each in (before, now))
    # values again, as what is compared lacks the precision, by which they may differ
    if found := difference(*compared, added=surface.added) or other_values(before, now):
        raise AnotherRun(f"{where} was computed from something else: {found}; restore it, or compute the surface again")
    plane = on.slice
    assert isinstance(plane, Plane)
    # the grid of the file to the bit, whatever the ranges that it was made from
    unknown = unknown_code(surface.provenance, on.provenance.json())
    subject = replace(on.subject, notes=(*on.subject.notes, *unknown))
    return replace(on, subject=subject, slice=Plane(plane.origin, plane.directions, surface.grid, plane.facts))


def _split(known: Provenance, split: str | None, where: str) -> str:
    there = list(known.splits)
    if split is None:
        return "train" if "train" in there else there[0]
    if split not in there:
        raise UsageError(f"split '{split}': {where} was computed on {' and '.join(there)}")
    return split


def _asked(surface: Surface, given: Mapping[str, Any], split: str) -> Asked:
    known, where = surface.known, surface.source or "this surface"
    made, data = known.directions or DirectionFacts(), known.data or DataFacts()
    path = known.checkpoint.path if known.checkpoint else None
    stored = {
        "checkpoint": None if path == IN_MEMORY else path,
        "model": known.model.spec if known.model and path != IN_MEMORY else None,
        "entry": known.checkpoint.entry if known.checkpoint else None,
        "data": data.spec,
        "data_root": data.root,
        "batch_size": known.evaluation.batch_size if known.evaluation else None,
        "loss": known.loss,
        "attack": known.attack,
        "to": made.to,
        "to_y": made.to_y,
        "directions": made.file,
    }
    if made.kind in COMPUTED_KINDS and not made.file and given.get("directions") is None:
        raise UsageError(
            f"{where} lies along the {made.kind}, and its directions were in memory; pass them as directions"
        )
    chosen = {name: value for name, value in given.items() if value is not None}
    used = {name: stored[name] for name in ("model", "data", "loss") if name not in chosen}
    taken(used, surface.source, given.get("trust", ()))
    options = {**stored, **chosen}
    if options["checkpoint"] is None and options["model"] is None:
        raise UsageError(f"{where} was computed from a net in memory; pass it again as model")
    if options["data"] is None:
        raise UsageError(f"{where} was computed on data in memory; pass them again as data")
    for name in ("checkpoint", "to", "to_y", "directions"):
        _check_there(options[name], name, where)
    count = known.splits[split]
    options |= {
        "split": (split,),
        "samples": None if count.samples == count.of else count.samples,
        "normalize": data.normalize,
        "metrics": ("loss",),
        "orthogonal": bool(made.orthogonal),
        "state": made.state or "weights",
        "batchnorm": None if made.state == "states" else known.batchnorm,
        "lean": bool(known.run and known.run.lean),
        "seed": made.seed or 0,
    }
    if not options["directions"]:
        options |= {"norm": _one(made.norm), "only": parted(made.only), "ignore": _ignored(made.ignore)}
    return Asked.of(options["checkpoint"], Given(options))


def _one(entry: str | None) -> str | None:
    """A value that holds for all axes; None where axes differ, as one toward a net and a random one do by default."""
    text = entry or ""
    return text if text and ", " not in text else None


def _ignored(entry: str | None) -> tuple[str, ...] | None:
    return None if entry == "none, biasbn" else parted(entry)


def _check_there(path: Any, name: str, where: str) -> None:
    if isinstance(path, (str, Path)) and path != IN_MEMORY and not os.path.exists(path):
        option = name.replace("_", "-")
        raise UsageError(f"{where} was computed from {path}, which is not there; give its new place with --{option}")


def _compared(provenance: Mapping, split: str, *, values: bool) -> dict:
    """The part of a provenance that both runs must share; `values`: those of the first samples too."""
    free = FREE if values else (*FREE, "run")
    found = {name: value for name, value in provenance.items() if name not in free}
    if isinstance(code := found.get("code"), Mapping):
        found["code"] = {name: value for name, value in code.items() if name != "metrics"}
    data = found["data"]
    if len(data["splits"]) > 1 and "evaluation" in found:  # these may tell of the other split
        found["evaluation"] = {
            name: fact for name, fact in found["evaluation"].items() if name not in ("mean", "batches")
        }
    if "evaluation" in found:  # without what it says of metrics
        whole = [name for name in found["evaluation"].get("whole", ()) if name == "loss"]
        found["evaluation"] = {**found["evaluation"], "whole": whole or None}
    if "evaluation" in found and _batches_of_a_metric(found["evaluation"]):  # only the loss is differentiated
        found["evaluation"] = {
            name: fact for name, fact in found["evaluation"].items() if name not in ("batches", "batch_size")
        }
    return {**found, "data": {**data, "splits": {split: data["splits"][split]}}}


def _without_a_metrics(stored: Mapping, now: Mapping) -> Mapping:
    """The provenance of a file without the random numbers that one of its metrics draws, and the loss does not.

    A file does not say which of them does. If it was the loss, its value on the first samples is another one now.
    """
    made, alone = stored.get("evaluation") or {}, now.get("evaluation") or {}
    if made.get("random") != OF_LOSS or alone.get("random") or set(stored.get("metrics") or ()) <= {"loss"}:
        return stored
    without = {**stored, "evaluation": {name: fact for name, fact in made.items() if name != "random"}}
    leads = "run" in now  # the other ranks compare no values
    return without if not leads or has_values(without, now) else stored


def _batches_of_a_metric(made: Mapping) -> bool:
    """Whether batches decide the values of a metric alone: then no other entry names what they decide."""
    return "batches" in made and not (made.get("mean") == "batches" or made.get("mixes") or made.get("random"))
