"""`--along hessian`, `gradient` and `pca:RUN`: directions that are computed.

Owns: those that depend on the loss, and that all are computed once: the leader writes them beside the surface, every rank and
every later run reads them there. Two computations of an eigenvector agree only to rounding, and a file must be continued with
the same directions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import Tensor

from landscape.curvature.extremes import extremes
from landscape.curvature.operator import CurvatureOperator
from landscape.direction.direction import Direction, signed
from landscape.direction.files import directions_path, stored_facts, write_directions
from landscape.direction.filters import filter_rules
from landscape.direction.normalize import normalize_
from landscape.errors import EvaluationError, UsageError
from landscape.objective.attack import check_curvature
from landscape.objective.numerics import memory_budget
from landscape.options.groups import GRADIENT, HESSIAN, PCA, RANDOM, ToleranceOptions
from landscape.slice.trajectory import trajectories
from landscape.study.on_slice import Asked, OnSlice, on_plane
from landscape.study.principal import PathRows, principal_directions
from landscape.study.ranks import together
from landscape.subject.code_facts import code_mark_of
from landscape.surfaces.file import check_folder
from landscape.sweep.world import World

# The error of an eigenvector is about the square root of that of its eigenvalue.
TOLERANCE = 1e-5
SEED = 0
ReadPaths = Callable[[OnSlice, Path | None], PathRows]


def with_directions(asked: Asked, ranges: Mapping[str, Any], world: World, read: ReadPaths | None = None) -> Asked:
    """`asked` with directions in place of `along`: from the existing file, or computed and written now.

    They are kept in FILE.directions.h5 of the surface; without a file they stay in memory, on a single process. Collective:
    all ranks call this. `read` reads the paths of `pca`; None: as `along` names them.

    Raises:
        UsageError: MPI without a file. EvaluationError: no second derivatives, or no gradient.
    """
    path = directions_path(asked.output.path) if asked.output.path else None

    def checked() -> None:
        asked.check(len(ranges))
        if asked.axes.along in (HESSIAN, GRADIENT):
            check_curvature(asked.loss.attack)
        if asked.output.path and world.leads:
            check_folder(asked.output.path)

    together(world, checked)
    if path is None and world.size > 1:
        raise UsageError(f"along {asked.axes.along}: under MPI the directions are kept beside the surface; give -o")
    found = together(world, lambda: _made(asked, ranges, path, world, read) if world.leads else None)
    if path is not None:
        together(world, lambda: write_directions(path, found) if found else None)
    # from here on they are used unchanged: they are already normalized
    axes = replace(
        asked.axes, directions=found if path is None else path, along=RANDOM, norm=None, only=None, ignore=None
    )
    return replace(asked, axes=axes, output=replace(asked.output, save_directions=False))


def _made(
    asked: Asked, ranges: Mapping[str, Any], path: Path | None, world: World, read: ReadPaths | None
) -> list[Direction] | None:
    """The directions, unless `path` holds them already."""
    # any plane will do: only the objective at its origin matters
    on = on_plane(
        replace(asked, axes=replace(asked.axes, along=RANDOM), tolerance=ToleranceOptions()), ranges, world, "along"
    )
    principal = asked.axes.along.startswith(f"{PCA}:")
    rows = None
    if principal:
        rows = (read or _named(asked.axes.along))(on, path.parent if path else None)
    facts = _facts(asked, on, rows)
    if path is not None and path.exists() and not asked.output.overwrite:
        _check_same(path, facts, len(ranges))
        return None
    if rows is not None:
        return principal_directions(on, rows, len(ranges), facts)
    return _directions(asked.axes.along, on, len(ranges), facts)


def _named(along: str) -> ReadPaths:
    return lambda on, folder: PathRows.read(on, trajectories(along.removeprefix(f"{PCA}:")), folder)


def _facts(asked: Asked, on: OnSlice, rows: PathRows | None) -> dict[str, str]:
    """What must be the same where directions are used again."""
    known = on.provenance
    weights = " ".join(filter(None, (on.subject.net.checkpoint.sha256, on.subject.net.checkpoint.entry)))
    usual = {
        "checkpoint": weights,
        "ignore": on.subject.chosen.moving("none" if rows else "biasbn")[0],
        "norm": asked.axes.norm or "none",
    }
    if on.subject.chosen.only:
        usual["only"] = on.subject.chosen.only
    if rows is not None:
        return {"kind": PCA, **usual, "path": rows.digest, "state": asked.axes.state}
    data = known.data.json() if known.data else {}
    return {
        "kind": asked.axes.along,
        **usual,
        "data": str(data.get("splits")),
        "loss": str(known.loss),
        "normalize": str(data.get("normalize")),
        "batchnorm": str(known.batchnorm),
        "code": code_mark_of(known.code),
    }


def _check_same(path: Path, facts: dict, ndim: int) -> None:
    """Raises UsageError unless a file holds exactly these directions; an existing file is never replaced silently."""
    stored = stored_facts(path)
    wanted = {"only": None, **facts}
    differing = [
        name for name, value in wanted.items() for each in stored[:ndim] if _differs(name, each.get(name), value)
    ]
    if len(stored) < ndim or differing:
        what = f"their {differing[0]} differs" if differing else f"there are {len(stored)} of them"
        raise UsageError(f"{path} holds other directions ({what}); give another -o, or --overwrite to start again")


def _differs(name: str, stored: str | None, wanted: str | None) -> bool:
    """A hash of code can be compared where there is one, by the same version of Python."""
    if name == "code" and str(stored).split()[:1] != str(wanted).split()[:1]:
        return False
    return stored != wanted


def _directions(along: str, on: OnSlice, ndim: int, facts: dict[str, str]) -> list[Direction]:
    objective, origin = on.subject.objective, on.slice.at((0.0,) * ndim)
    objective.weights.copy_(origin)
    _, names = on.subject.chosen.moving("biasbn")
    budget = memory_budget(objective.device, on.subject.sharers)
    products = CurvatureOperator(objective, ignore="none", only=names, budget=budget)
    products.refresh()
    make = _eigenvectors if along == HESSIAN else _gradients
    found = []
    for vector, which in make(products, ndim):
        if not float(vector.norm()) > 0:
            raise EvaluationError(f"along {along}: the {which['which']} is zero at these weights")
        direction = Direction.from_tensors(
            objective.layout, {name: view.cpu() for name, view in objective.layout.named(vector / vector.norm()).items()},
            {**facts, **which},
        )  # fmt: skip
        if facts["norm"] != "none":
            rules, named = filter_rules(objective.model), objective.layout.named(origin.cpu())
            fixed = objective.layout.named(origin).keys() - set(names)
            normalize_(direction.vector, named, rules, norm=facts["norm"], ignore=fixed)
        found.append(direction)
    return found


def _eigenvectors(products: CurvatureOperator, ndim: int) -> list[tuple[Tensor, dict]]:
    """x: of the largest eigenvalue; y: of the smallest."""
    ends = extremes(products, lambda k: products.gaussian(SEED, k), products.dimension, tolerance=TOLERANCE)
    named = [(ends.vectors[1], "largest", ends.largest), (ends.vectors[0], "smallest", ends.smallest)]
    return [
        (signed(vector), {"which": f"{which} eigenvalue", "eigenvalue": value}) for vector, which, value in named[:ndim]
    ]


def _gradients(products: CurvatureOperator, ndim: int) -> list[tuple[Tensor, dict]]:
    """x: the gradient; y: its product with the Hessian, orthogonal to x: the plane of two steps of gradient descent."""
    gradient = products.gradient()
    found = [(gradient, {"which": "gradient"})]
    if ndim > 1:
        changed = products(gradient)
        square = float(gradient @ gradient)
        rest = changed - gradient * (float(changed @ gradient) / square if square else 0.0)
        found.append((rest, {"which": "change of the gradient along itself"}))
    return found
