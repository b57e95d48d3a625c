"""What a file is, as plain values.

Owns: recognizing surfaces, spectra, direction files, checkpoints and run folders, and the facts on each; those on results that
compare nets are in describe_nets.py. Loads torch for checkpoints only.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from landscape.errors import LandscapeError
from landscape.quantity import FLATNESS
from landscape.recipes.describe_nets import branch_of, flatness_facts, instability_folder, paths_facts
from landscape.regular import is_folder, reason_unreadable
from landscape.surfaces.barriers import has_paths
from landscape.surfaces.flatness import is_flatness
from landscape.surfaces.run_log import CONFIG, load_run
from landscape.surfaces.surface import PENDING, Surface
from landscape.trust import code_named, harmless

HDF5, MAGIC = (".h5", ".hdf5"), b"\x89HDF\r\n\x1a\n"
CHECKPOINTS = (".pt", ".pth", ".th", ".t7", ".ckpt", ".bin", ".tar", ".pkl", ".safetensors")
WEIGHTS = ("*.safetensors*", "pytorch_model.bin", "adapter_model.bin")
PICTURES = (".png", ".pdf", ".svg", ".html", ".gif", ".jpg", ".jpeg")
EXPECTED = "a result (.h5), a checkpoint (.pt, .safetensors, ...), or the folder of a run"


def _trail(trail: Any) -> Any:
    """The labels of named nets; of a training path how long it is and how far from the plane."""
    if trail.status is None or trail.step is None or trail.residual is None or not len(trail.x):
        return list(trail.labels)
    return {
        "nets": len(trail.x),
        "evaluated": int((trail.status == 1).sum()),
        f"first {trail.clock}": float(trail.step[0]),
        f"last {trail.clock}": float(trail.step[-1]),
        "farthest from the plane": float(trail.residual.max()),
    }


def describe(path: str | Path) -> dict[str, Any]:
    """Facts about a result, a direction file, a checkpoint, or the folder of a training run or of an instability analysis.

    Raises:
        LandscapeError: missing, unreadable, or of no known kind.
    """
    path = Path(path)
    if is_folder(path):
        return _folder(path)
    if path.suffix.lower() in HDF5 or (path.suffix.lower() not in CHECKPOINTS and _is_hdf5(path)):
        return _directions(path) or _spectrum(path) or _surface(path)
    if path.suffix.lower() not in CHECKPOINTS:
        raise LandscapeError(f"{path}: {reason_unreadable(path) or _what(path)}; expected {EXPECTED}")
    return _checkpoint(path)


def _folder(path: Path) -> dict[str, Any]:
    weights = any(any(path.glob(form)) for form in WEIGHTS)
    if (path / CONFIG).is_file() and not weights:
        return _run(path)
    if found := instability_folder(path):
        return found
    if not weights:
        raise LandscapeError(f"{path}: a folder without {CONFIG} or model.safetensors; expected {EXPECTED}")
    return _checkpoint(path)


def _is_hdf5(path: Path) -> bool:
    """Whether a file of another suffix holds HDF5, as results may have any name."""
    if reason_unreadable(path):
        return False
    with path.open("rb") as stream:
        return stream.read(len(MAGIC)) == MAGIC


def _what(path: Path) -> str:
    if path.suffix.lower() in PICTURES:
        return "a picture"
    return f"a file with the suffix '{path.suffix}'" if path.suffix else "a file without a suffix"


def _surface(path: Path) -> dict[str, Any]:
    from landscape.surfaces import load_surface

    surface = load_surface(path)
    own: dict[str, Any] = {"kind": "surface"}
    if has_paths(surface):
        own = paths_facts(surface)
    elif is_flatness(surface):
        own = flatness_facts(surface)
    axes = {a.name: f"{a.values[0]:g}:{a.values[-1]:g}:{len(a.values)}" for a in surface.grid.axes}
    return {
        **own,
        "file": str(path),
        "axes": axes,
        "points": surface.counts(FLATNESS) if is_flatness(surface) else surface.counts(),
        "metrics": {name: _range(surface, name) for name in surface.values},
        "trails": {name: _trail(trail) for name, trail in surface.trails.items()},
        **_code(specs_of(surface.provenance)),
        "provenance": surface.provenance,
    }


def specs_of(provenance: Mapping[str, Any]) -> dict[str, Any]:
    """The specs in the provenance of a result, by the option that takes each."""
    groups = {name: provenance.get(name) for name in ("model", "data")}
    specs = {name: group.get("spec") for name, group in groups.items() if isinstance(group, Mapping)}
    return {**specs, "loss": provenance.get("loss")}


def _code(specs: Mapping[str, Any]) -> dict[str, Any]:
    """What a file would like to run, if anything."""
    named = code_named(specs)
    return {"names code, not run": named} if named else {}


def _range(surface: Surface, name: str) -> dict[str, Any]:
    array, status = surface.values[name], surface.status.get(surface.quantity(name).group)
    finite = array[np.isfinite(array)]
    pending = np.zeros(array.shape, dtype=bool) if status is None else status == PENDING
    centre = surface.at_origin(name)
    return {
        "min": float(finite.min()) if finite.size else None,
        "max": float(finite.max()) if finite.size else None,
        "at_origin": None if centre is None or pending[surface.origin()] else centre,
        "pending": int(pending.sum()),
        "nan": int(np.isnan(array[~pending]).sum()),
        "inf": int(np.isinf(array).sum()),
    }


def _spectrum(path: Path) -> dict[str, Any] | None:
    from landscape.surfaces.spectrum import is_spectrum, load_spectrum

    if not is_spectrum(path):
        return None
    spectrum = load_spectrum(path)
    blocks = {}
    for name, block in spectrum.blocks.items():
        share, error = block.negative(spectrum.index)
        blocks[name] = {
            "parameters": block.dimension,
            "eigenvalues": block.values.tolist(),
            "errors": block.errors.tolist(),
            "trace": block.trace,
            "trace_stderr": block.trace_stderr,
            "negative": share,
            "negative_stderr": error,
            "products": block.products,
            "critical_sharpness": block.sharpness,
        }
    return {"kind": "spectrum", "file": str(path), "blocks": blocks, **_code(specs_of(spectrum.provenance)),
            "provenance": spectrum.provenance}  # fmt: skip


def _directions(path: Path) -> dict[str, Any] | None:
    from landscape.direction.contents import contents

    groups = contents(path)
    return {"kind": "directions", "file": str(path), "groups": groups} if groups else None


def _run(path: Path) -> dict[str, Any]:
    run = load_run(path)
    last = {name: float(column[-1]) for name, column in run.columns.items() if run.given[name][-1]}
    nets = sorted(net.name for net in path.glob("checkpoints/*.pt"))
    return {
        "kind": "run",
        "folder": str(path),
        "finished": (path / "final.pt").exists(),
        "rows": len(run.times),
        "last": last,
        "nets": {"number": len(nets), "first": nets[0], "last": nets[-1]} if nets else {},
        **branch_of(path, run.config),
        **_code(run.config),
        "config": run.config,
    }


def _checkpoint(path: Path) -> dict[str, Any]:
    from landscape.checkpoint.checkpoint import load_checkpoint
    from landscape.models.from_config import SPEC, named_class
    from landscape.models.recognize import recognize

    checkpoint = load_checkpoint(path)
    recognized = " or ".join(recognize(checkpoint.state_dict)) or None
    if name := named_class(path):
        recognized = f"{SPEC}{name}"
    return {
        "kind": "checkpoint",
        "file": str(path),
        "sha256": checkpoint.sha256,
        "model": harmless(checkpoint.meta).get("model") or recognized,
        **(_entries(checkpoint) if checkpoint.several else {}),
        "tensors": len(checkpoint.state_dict),
        "entries": sum(tensor.numel() for tensor in checkpoint.state_dict.values()),
        "dtypes": sorted({str(tensor.dtype).removeprefix("torch.") for tensor in checkpoint.state_dict.values()}),
        **({"loss state": _names(checkpoint.loss_state)} if checkpoint.loss_state else {}),
        **_code(checkpoint.meta),
        "metadata": checkpoint.meta,
    }


def _entries(checkpoint: Any) -> dict[str, Any]:
    """The entries of a file with several, and which of them the facts are of."""
    return {
        "state_dicts": {
            path: {"tensors": len(tensors), "entries": sum(each.numel() for each in tensors.values())}
            for path, tensors in checkpoint.entries.items()
        },
        "entry": checkpoint.entry,
    }


def _names(loss_state: Any) -> list[str]:
    """Of what the loss of a training has kept."""
    parts = [part for part in loss_state if isinstance(part, Mapping)]
    found = [name for part in parts for held in part.values() if isinstance(held, Mapping) for name in held]
    return sorted({str(name) for name in found})
