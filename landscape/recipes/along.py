"""`--along hessian` and `--along gradient`: directions that the loss itself names.

Owns: these directions, and that they are computed once: the leader writes them beside the surface, every rank and every later
run reads them there. Two computations of an eigenvector agree to rounding only, and a file is not to be continued with other
directions than it was begun with.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from torch import Tensor

from landscape.curvature.extremes import extremes
from landscape.curvature.operator import CurvatureOperator
from landscape.direction.direction import Direction
from landscape.direction.files import stored_facts, write_directions
from landscape.direction.filters import filter_rules
from landscape.direction.normalize import normalize_
from landscape.errors import EvaluationError, UsageError
from landscape.objective.numerics import memory_budget
from landscape.recipes.job import Job, default_threads, make_job
from landscape.recipes.options import HESSIAN, RANDOM, Options
from landscape.recipes.ranks import together
from landscape.sweep.launch import World

# The error of an eigenvector is about the square root of that of its eigenvalue.
TOLERANCE = 1e-5
SEED = 0


def with_directions(options: Options, ranges: dict, path: Path | None, world: World) -> Options:
    """The options with directions in place of `along`: a file that is there already, or one written now.

    Args:
        path: FILE.directions.h5 of the surface; None keeps the directions in memory, on a single process.

    Raises:
        UsageError: MPI without a file. EvaluationError: no second derivatives, or no gradient.
    """
    if path is None and world.size > 1:
        raise UsageError(f"along {options.along}: under MPI the directions are kept beside the surface; give -o")
    # all ranks take part in this; what follows is the leader's alone
    options = replace(options, threads=options.threads or default_threads(world))

    def made() -> list[Direction] | None:
        if not world.leads:
            return None
        # which plane that is does not matter: the objective at its origin does
        job = make_job(
            replace(options.completed(len(ranges)), along=RANDOM, tolerance=0, refine=None), ranges, world, "along"
        )
        facts = {"kind": options.along, "checkpoint": job.provenance["checkpoint"]["sha256"]}
        facts |= {"data": str(job.provenance["data"]["splits"]), "ignore": options.ignore or "biasbn"}
        facts |= {"norm": options.norm or "none", "loss": job.provenance["loss"]}
        facts |= {"normalize": str(job.provenance["data"]["normalize"]), "batchnorm": job.provenance["batchnorm"]}
        if path is not None and path.exists() and not options.overwrite:
            _check_same(path, facts, len(ranges))
            return None
        return _directions(options, job, len(ranges), facts)

    found = together(world, made)
    if path is not None:
        together(world, lambda: write_directions(path, found) if found else None)
    # as they are from here on: what was to be normalized is
    return replace(options, directions=found if path is None else path, norm=None, ignore=None, save_directions=False)


def _check_same(path: Path, facts: dict, ndim: int) -> None:
    """Raises UsageError unless a file holds just these directions; a file that is there is never replaced in silence."""
    stored = stored_facts(path)
    differing = [name for name, value in facts.items() for each in stored[:ndim] if each.get(name) != str(value)]
    if len(stored) < ndim or differing:
        what = f"their {differing[0]} is another" if differing else f"there are {len(stored)} of them"
        raise UsageError(f"{path} holds other directions ({what}); give another -o, or --overwrite to start anew")


def _directions(options: Options, job: Job, ndim: int, facts: dict) -> list[Direction]:
    objective = job.objective
    objective.weights.copy_(job.plane.origin)
    products = CurvatureOperator(objective, ignore=facts["ignore"], budget=memory_budget(objective.device))
    products.refresh()
    make = _eigenvectors if options.along == HESSIAN else _gradients
    found = []
    for vector, which in make(products, ndim):
        if not float(vector.norm()) > 0:
            raise EvaluationError(f"along {options.along}: the {which['which']} is zero at these weights")
        direction = Direction.laid(
            objective.layout, {name: view.cpu() for name, view in objective.layout.named(vector / vector.norm()).items()},
            {**facts, **which},
        )  # fmt: skip
        if facts["norm"] != "none":
            rules, origin = filter_rules(objective.model), objective.layout.named(job.plane.origin.cpu())
            normalize_(direction.vector, origin, rules, norm=facts["norm"], ignore=facts["ignore"])
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
    """x: the gradient; y: what the Hessian makes of it, orthogonal to it: the plane of two steps of gradient descent."""
    gradient = products.gradient()
    found = [(gradient, {"which": "gradient"})]
    if ndim > 1:
        changed = products(gradient)
        square = float(gradient @ gradient)
        rest = changed - gradient * (float(changed @ gradient) / square if square else 0.0)
        found.append((rest, {"which": "change of the gradient along itself"}))
    return found


def signed(vector: Tensor) -> Tensor:
    """The vector or its opposite: eigenvectors have no sign of their own, so the largest entry is made positive."""
    return vector * vector[vector.abs().argmax()].sign()
