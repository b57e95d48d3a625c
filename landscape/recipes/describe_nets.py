"""What a result that compares nets says, as plain values: paths and their barriers, copies of a run, flatness.

Owns: the facts of `landscape info` on such files and on the folders that they were computed in, of which `landscape connect`
prints the same. Looks beside a file only under names that its command gives, whatever the file says. Knows no torch.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from landscape.correlation import LEAST
from landscape.errors import LandscapeError
from landscape.quantity import MEASURE, risen
from landscape.recipes.connect import CURVES
from landscape.recipes.net_lines import FLAT, INSTABILITY, PATHS, RANKED
from landscape.regular import is_folder
from landscape.surfaces.barriers import barriers, by_branch, measured, net_name, net_names, path_names, paths_of
from landscape.surfaces.flatness import hypers, names, rankings, rows, targets, without_value
from landscape.surfaces.run_log import CONFIG, load_run
from landscape.surfaces.surface import Surface

TRUNK, RESULT = "trunk", "instability.h5"


def paths_facts(surface: Surface) -> dict[str, Any]:
    """Of a file of paths: nets, barriers of each path by both definitions, how its curves were found, and what lies beside it."""
    known, nets = surface.known, net_names(surface)
    labels, found = path_names(surface), barriers(surface)
    paths = []
    for path in paths_of(surface):
        ends = {"from": net_name(nets, path.first), "to": net_name(nets, path.last)}
        branch = {} if path.branch is None else {"copied at step": path.branch}
        rises = {each.metric: _rise(each) for each in found if each.path == path}
        paths.append(
            {"name": labels[path.row], "kind": path.kind, **ends, "length": path.length, **branch, "barriers": rises}
        )
    facts = {
        "kind": INSTABILITY if any("copied at step" in each for each in paths) else PATHS,
        "file": surface.source,
        "nets": list(nets),
        "places on a path": len(surface.x),
        "batch norm": known.batchnorm,
        "barriers of": {row.name: {"label": risen(row).label, "percent": row.percent} for row in measured(surface)},
        "paths": paths,
        "curve": known.connect.curve if known.connect else None,
        "repair": known.connect.repair if known.connect else None,
        **_beside(Path(surface.source)),
    }
    return facts if facts["kind"] == PATHS else {**facts, "by step": _steps(surface)}


def _rise(each: Any) -> dict[str, Any]:
    return {
        "over_mean": each.over_mean, "stderr": each.stderr, "over_line": each.over_line, "highest": each.highest, "at": each.at,
        "ends": list(each.ends),
    }  # fmt: skip


def _steps(surface: Surface) -> dict[str, dict[str, dict[str, float]]]:
    """The mean barrier of each metric by the step at which copies part."""
    found: dict[str, dict[str, dict[str, float]]] = {}
    for row in measured(surface):
        by_step = by_branch(surface, row.name)
        for step, value, error in zip(by_step.steps, by_step.values, by_step.errors, strict=True):
            found.setdefault(f"{step:.0f}", {})[row.name] = {"over_mean": float(value), "stderr": float(error)}
    return found


def _beside(path: Path) -> dict[str, Any]:
    """The curves' run folders and planes beside a file."""
    if not path.name:
        return {}
    planes = [path.with_suffix(f".{kind}.plane.h5") for kind in CURVES]
    folders = [path.with_suffix(f".{kind}") for kind in CURVES]
    return {
        "planes": [str(plane) for plane in planes if plane.is_file()],
        "training of curves": {str(each): _training(each) for each in folders if (each / CONFIG).is_file()},
    }


def _training(folder: Path) -> str:
    try:
        run = load_run(folder)
    except LandscapeError as error:
        return str(error)
    last = {name: float(column[-1]) for name, column in run.columns.items() if run.given[name][-1]}
    loss = f", last training loss {last['train_loss']:.4g}" if "train_loss" in last else ""
    return (
        "finished" if (folder / "final.pt").exists() else "not finished"
    ) + f" at step {last.get('step', 0):g}{loss}"


def flatness_facts(surface: Surface) -> dict[str, Any]:
    """Of a file of flatness: its nets, their values, what has none and why, and how the measures rank the first gap."""
    nets = names(surface)
    values = {
        name: {net: float(value) for net, value in zip(nets, surface.values[name], strict=True)}
        for name in surface.values if not surface.quantity(name).aside
    }  # fmt: skip
    settings = {
        name.removeprefix("hyper_"): dict(zip(nets, texts, strict=True)) for name, texts in hypers(surface).items()
    }
    return {
        "kind": FLAT,
        "file": surface.source,
        "nets": nets,
        "measures": [row.name for row in rows(surface, MEASURE)],
        "settings": settings,
        "values": values,
        "without a value": without_value(surface),
        **_ranked(surface),
    }


def _ranked(surface: Surface) -> dict[str, Any]:
    against = targets(surface)
    if not against or surface.grid.size < LEAST:
        return {}
    found = {
        each.measure.name: {"tau": each.tau.value, "low": each.tau.low, "high": each.tau.high, "psi": each.psi}
        for each in rankings(surface, against[0]) if math.isfinite(each.tau.value)
    }  # fmt: skip
    return {f"{RANKED} with the {against[0].label}": found} if found else {}


def instability_folder(path: Path) -> dict[str, Any] | None:
    """Of a folder of `landscape instability`, of its trunk, or of the copies of one step; None for another one."""
    is_step = path.name.startswith("step_") and any(path.glob("copy_*"))
    root = path if is_folder(path / TRUNK) else path.parent
    if not is_folder(root / TRUNK) or not (root == path or path.name == TRUNK or is_step):
        return None
    kept = sorted(_number(each) for each in (root / TRUNK).glob("state_*.pt"))
    copies = {str(_number(each)): _copies(each) for each in sorted(root.glob("step_*")) if is_folder(each)}
    what = "instability" if root == path else "trunk of an instability run" if path.name == TRUNK else "copies of a run"
    facts: dict[str, Any] = {"kind": what, "folder": str(path), "states of the trunk at steps": kept}
    if is_step:
        step = _number(path)
        facts, copies = {"kind": what, "folder": str(path), "copied at step": step}, {str(step): copies[str(step)]}
    return {**facts, "copies by step": copies, **_measured(root, path, copies)}


def branch_of(folder: Path, config: dict) -> dict[str, Any]:
    """Of a copy of a run: the step at which it parted, and the barriers there; nothing for another run."""
    branch = config.get("branch")
    step = branch.get("step") if isinstance(branch, dict) else None
    if not isinstance(step, int):
        return {}
    root = folder.absolute().parent.parent
    return {"copied at step": step, **_measured(root, folder, {str(step): ""})}


def _measured(root: Path, asked: Path, steps: dict[str, str]) -> dict[str, Any]:
    """The barriers of these steps, where they are known."""
    file = root / RESULT
    if not file.is_file():
        return {"barriers": "not measured yet: run the same command again"} if root == asked else {}
    from landscape.surfaces import load_surface

    try:
        surface = load_surface(file)
        found, risen_by = _steps(surface), {row.name: risen(row) for row in measured(surface)}
    except LandscapeError as error:
        return {"barriers": str(error)}
    mine = {
        step: {risen_by[name].label: _short(each, risen_by[name].percent) for name, each in found[step].items()}
        for step in steps if step in found
    }  # fmt: skip
    return {"result": str(file), "barriers by step": mine}


def _short(each: dict[str, float], percent: bool) -> str:
    value, error = (100 * each[name] if percent else each[name] for name in ("over_mean", "stderr"))
    return f"{value:.4g}" + (f" +- {error:.2g}" if math.isfinite(error) else "") + (" %" if percent else "")


def _copies(folder: Path) -> str:
    all_of = [each for each in sorted(folder.glob("copy_*")) if is_folder(each)]
    done = sum((each / "final.pt").is_file() for each in all_of)
    return f"{done} finished" + (f", {len(all_of) - done} begun" if len(all_of) > done else "")


def _number(path: Path) -> int:
    digits = path.stem.rpartition("_")[2]
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 20 else 0
