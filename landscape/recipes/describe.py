"""What a file is, as plain values.

Owns: recognizing surfaces, spectra, direction files, checkpoints and run folders, and the facts on each. Loads torch for
checkpoints only.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from landscape.regular import is_folder
from landscape.surfaces.run_log import CONFIG, load_run
from landscape.trust import code_named, harmless

HDF5 = (".h5", ".hdf5")


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
    """Facts about a surface file, a spectrum, a direction file, a checkpoint or the folder of a training run.

    Raises:
        LandscapeError: missing, unreadable, or of no known kind.
    """
    path = Path(path)
    if path.suffix.lower() in HDF5:
        return _directions(path) or _spectrum(path) or _surface(path)
    return _run(path) if is_folder(path) and (path / CONFIG).is_file() else _checkpoint(path)


def _surface(path: Path) -> dict[str, Any]:
    from landscape.surfaces import load_surface

    surface = load_surface(path)
    axes = {a.name: f"{a.values[0]:g}:{a.values[-1]:g}:{len(a.values)}" for a in surface.grid.axes}
    return {
        "kind": "surface",
        "file": str(path),
        "axes": axes,
        "points": surface.counts(),
        "metrics": {name: _range(array, surface.at_origin(name)) for name, array in surface.values.items()},
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


def _range(array: np.ndarray, centre: float | None) -> dict[str, Any]:
    finite = array[np.isfinite(array)]
    return {
        "min": float(finite.min()) if finite.size else None,
        "max": float(finite.max()) if finite.size else None,
        "at_origin": centre,
        "nan": int(np.isnan(array).sum()),
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
        **_code(run.config),
        "config": run.config,
    }


def _checkpoint(path: Path) -> dict[str, Any]:
    from landscape.checkpoint.checkpoint import load_checkpoint
    from landscape.models.recognize import recognize

    checkpoint = load_checkpoint(path)
    recognized = " or ".join(recognize(checkpoint.state_dict)) or None
    return {
        "kind": "checkpoint",
        "file": str(path),
        "sha256": checkpoint.sha256,
        "model": harmless(checkpoint.meta).get("model") or recognized,
        **({"state_dicts": list(checkpoint.entries), "entry": checkpoint.entry} if checkpoint.several else {}),
        "tensors": len(checkpoint.state_dict),
        "entries": sum(tensor.numel() for tensor in checkpoint.state_dict.values()),
        "dtypes": sorted({str(tensor.dtype).removeprefix("torch.") for tensor in checkpoint.state_dict.values()}),
        **_code(checkpoint.meta),
        "metadata": checkpoint.meta,
    }
