"""From a surface file's provenance back to what it was computed from.

Owns: reading the options of a run out of its provenance, and refusing when the checkpoint, the data or the directions are no
longer those of the file. Knows nothing of what is then computed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from landscape.direction.files import LOSS_KINDS
from landscape.errors import UsageError
from landscape.recipes.job import Job, make_job
from landscape.recipes.net import IN_MEMORY
from landscape.recipes.options import Options
from landscape.surfaces.provenance import difference
from landscape.surfaces.surface import Surface
from landscape.sweep.launch import World

# What a job of another purpose may have otherwise: it measures other things, with other numerics.
FREE = ("metrics", "l2", "tolerance", "precision", "hessian")


def revived(
    surface: Surface, given: Mapping[str, Any], world: World, *, split: str | None, precision: str | None
) -> Job:
    """The job that evaluates the loss of one split on the plane of `surface`, net and loss as they are.

    `given` are options that take the place of those in the provenance, for what is not where it was or was never a file;
    None leaves the provenance's. `split` None is train if the file has it.

    Raises:
        LandscapeError: something is missing, moved, or not what it was; the message says what differs.
    """
    where = surface.source or "this surface"
    known = surface.provenance
    if "checkpoint" not in known or "directions" not in known:
        raise UsageError(
            f"{where} does not say what it was computed from (a file of the original program never does); compute the "
            "surface with landscape surface, with --directions FILE for the same plane"
        )
    chosen = _split(known, split, where)
    options = _options(known, given, chosen, where)
    precision = precision or ("fp64" if known.get("precision") == "fp64" else "fp32")
    options = replace(options, precision=precision)
    ranges = {
        axis.name: (float(axis.values[0]), float(axis.values[-1]), len(axis.values)) for axis in surface.grid.axes
    }
    job = make_job(options, ranges, world, "hessian")
    if found := difference(_compared(known, chosen), _compared(job.provenance, chosen)):
        raise UsageError(f"{where} was computed from something else: {found}; put back what it was, or compute it anew")
    return replace(job, grid=surface.grid)


def _split(known: Mapping, split: str | None, where: str) -> str:
    there = list(known["data"]["splits"])
    if split is None:
        return "train" if "train" in there else there[0]
    if split not in there:
        raise UsageError(f"split '{split}': {where} was computed on {' and '.join(there)}")
    return split


def _options(known: Mapping, given: Mapping[str, Any], split: str, where: str) -> Options:
    made, run, data = known["directions"], known.get("run", {}), known["data"]
    path = known["checkpoint"]["path"]
    stored = {
        "checkpoint": None if path == IN_MEMORY else path,
        "model": known["model"].get("spec") if path != IN_MEMORY else None,
        "data": data.get("spec"),
        "data_root": data.get("root"),
        "loss": known.get("loss"),
        "to": made.get("to"),
        "to_y": made.get("to_y"),
        "directions": made.get("file"),
    }
    if made.get("kind") in LOSS_KINDS and not made.get("file") and given.get("directions") is None:
        raise UsageError(
            f"{where} lies along the {made['kind']}, and its directions were in memory; pass them as directions"
        )
    options = {**stored, **{name: value for name, value in given.items() if value is not None}}
    if options["checkpoint"] is None and options["model"] is None:
        raise UsageError(f"{where} was computed from a net in memory; pass it again as model")
    if options["data"] is None:
        raise UsageError(f"{where} was computed on data in memory; pass them again as data")
    for name in ("checkpoint", "to", "to_y", "directions"):
        _check_there(options[name], name, where)
    count = data["splits"][split]
    options |= {
        "split": (split,),
        "samples": None if count["samples"] == count.get("of") else count["samples"],
        "normalize": data.get("normalize"),
        "metrics": ("loss",),
        "orthogonal": made.get("orthogonal", False),
        "state": made.get("state") or "weights",
        "batchnorm": None if made.get("state") == "states" else known.get("batchnorm"),
        "lean": bool(run.get("lean")),
        "seed": made.get("seed", 0),
        "plain": True,
    }
    if not options["directions"]:
        options |= {name: _one(made.get(name)) for name in ("norm", "ignore")}
    return Options(**options)


def _one(entry: Any) -> str | None:
    """What was said once for all axes; None where axes differ, as they do by default toward nets and at random."""
    text = str(entry or "")
    return text if text and ", " not in text else None


def _check_there(path: Any, name: str, where: str) -> None:
    if isinstance(path, (str, Path)) and path != IN_MEMORY and not Path(path).exists():
        option = name.replace("_", "-")
        raise UsageError(f"{where} was computed from {path}, which is not there; give its new place with --{option}")


def _compared(provenance: Mapping, split: str) -> dict:
    """The part of a provenance that both runs must share."""
    found = {name: value for name, value in provenance.items() if name not in FREE}
    data = found["data"]
    return {**found, "data": {**data, "splits": {split: data["splits"][split]}}}
