"""`landscape hessian`: the ends of the Hessian's spectrum over a surface, along a line, or along a training run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from landscape.options.groups import AxesOptions, OutputOptions
from landscape.options.option import Given, again, option
from landscape.quantity import HESSIAN
from landscape.recipes.added import add, addition
from landscape.recipes.words import plan_lines, spread

if TYPE_CHECKING:
    from landscape.measurement.ends import EndsSettings, HessianEnds
    from landscape.study.extend import Extended
    from landscape.study.study import Plan
    from landscape.surfaces.surface import Surface
    from landscape.sweep.world import World

COUNTED = (
    "parameters that count, all others do not: WHAT as for surface --only (default: those that move along the surface)"
)
IGNORED = (
    "parameters that do not count: WHAT as for surface --ignore (default: biasbn, those with one dimension, as in Li et al. "
    "2018; none with --only)"
)
PRODUCTS = ("program", "graph", "differences")


@dataclass(frozen=True, kw_only=True)
class EndsOptions:
    title: ClassVar[str] = "curvature"

    tolerance: float = option(
        0.01, "accepted relative error of an eigenvalue; an end smaller than a thousandth of the other counts as that large "
        "(default: 0.01)", type=float, metavar="T",
    )  # fmt: skip
    only: str | Sequence[str] | None = again(AxesOptions, "only", help=COUNTED)
    ignore: str | Sequence[str] | None = again(AxesOptions, "ignore", help=IGNORED)
    index: float | None = option(
        None, "also the saddle index: the share of eigenvalues below -T times the largest magnitude, such as 0.001, as "
        "hessian_negative with its standard error", type=float, metavar="T",
    )  # fmt: skip
    products: str | None = option(
        None, "how products with the Hessian are computed (default: the first that the net allows)", choices=PRODUCTS
    )
    search: str = option(
        "auto", "find the ends by products in bfloat16 where these are faster here (auto), always, or never; reported "
        "values come from full-precision products only (default: auto)", choices=("auto", "bf16", "exact"),
    )  # fmt: skip


def lines(result: Any, shell: Mapping[str, Any]) -> list[str]:
    """Both ends over all finished points, and the number of points outside the tolerance."""
    import numpy as np

    from landscape.quantity import LARGEST, NEGATIVE, PRODUCTS, ROUGH_PRODUCTS, SETTLED, SMALLEST
    from landscape.study.study import Plan

    if isinstance(result, Plan):
        return plan_lines(result)
    found = {role: result.find(role) for role in (LARGEST, SMALLEST, NEGATIVE, SETTLED, PRODUCTS, ROUGH_PRODUCTS)}
    array = {role: result.values[name] for role, name in found.items() if name}
    low = array.get(ROUGH_PRODUCTS)
    besides = f" and {np.nanmean(low):.1f} in bfloat16" if low is not None and np.nansum(low) else ""
    each = f"{np.nanmean(array[PRODUCTS]):.1f} products with the Hessian{besides} at each"
    said = [f"{result.source or 'surface'}: {result.counts(HESSIAN)['done']} points, {each}"]
    said += [f"  {role} eigenvalue: {spread(result, found[role])}" for role in (LARGEST, SMALLEST)]
    if count := int((array[SETTLED] == 0).sum()) if SETTLED in array else 0:
        said.append(
            f"  outside the tolerance at {count} point{'s' if count != 1 else ''}; see hessian_max_error and "
            "hessian_min_error"
        )
    if NEGATIVE in array:
        shares = 100 * array[NEGATIVE]
        said.append(f"  negative eigenvalues: {np.nanmin(shares):.3g} % to {np.nanmax(shares):.3g} %")
    return said


def picture(surface: Any) -> dict[str, Any]:
    kind = "ratio" if surface.ndim > 1 else "curvature"
    return {"kind": kind, "suffix": f".{kind}.png"}


@addition(
    "largest and smallest Hessian eigenvalue at every point of a surface, or along a training run",
    EndsOptions,
    group=HESSIAN,
    lines=lines,
    picture=picture,
    example="mpiexec -n 4 landscape hessian resnet56.h5 --every 2; landscape plot resnet56.h5 --kind ratio",
)
def hessian(surface: Surface | str | Path, *, given: Given) -> Surface | Plan:
    """Adds the largest and the smallest eigenvalue of the Hessian of the mean loss to every point of a surface file.

    The plane, the net, the data and the loss are those of the file's provenance; if one of them has changed, that is an
    error. Adds `hessian_max`, `hessian_min`, the error of each as `hessian_max_error`, ..., `hessian_settled` (whether both
    are within the tolerance), `hessian_products` (the number of products that the point took), and `hessian_rough` (those in
    bfloat16).

    Args:
        surface: a surface file, which is extended; a `Surface`, of which an extended copy is returned; or the folder of a
            training run: its checkpoints are the points of FOLDER/hessian.h5, with the training step as x.

    Returns:
        The surface with the values added, under MPI on every rank; with `dry_run` a Plan.

    Raises:
        LandscapeError: bad input, a loss without second derivatives; what was computed is kept.
    """
    from landscape.measurement.ends import EndsSettings

    ends = given[EndsOptions]
    settings = EndsSettings(tolerance=ends.tolerance, index=ends.index).checked()
    goes_on = None if given[OutputOptions].overwrite else HESSIAN

    def measure(of: Extended, world: World) -> HessianEnds:
        return ends_of(
            of, settings, usual="biasbn", products=ends.products, search=ends.search, loss=of.loss, group=goes_on
        )

    return add(surface, HESSIAN, measure, given, EndsOptions, counted=(ends.only, ends.ignore))


def ends_of(
    of: Extended,
    settings: EndsSettings,
    *,
    usual: str,
    products: str | None,
    search: str,
    loss: str | None,
    group: str | None,
) -> HessianEnds:
    """The measurement of both ends.

    `usual`: what is ignored by default; `loss`: see `HessianEnds`; `group`: of the file that goes on, None for a new start.
    """
    from landscape.curvature.operator import AUTO, BF16, EXACT, CurvatureOperator
    from landscape.measurement.ends import HessianEnds
    from landscape.objective.numerics import memory_budget
    from landscape.surfaces.provenance import LatestFacts

    objective = of.subject.objective
    budget = memory_budget(objective.device, of.subject.sharers)
    ignore, names = of.subject.counted.moving(usual)
    operator = CurvatureOperator(objective, ignore="none", only=names, backend=products, budget=budget)
    earlier = LatestFacts.read(of.surface.provenance.get("run", {}).get(group)).search if group else None
    if search == AUTO and (earlier == EXACT or (earlier == BF16 and operator.has_low_precision)):
        search = earlier  # a file that goes on keeps to what its points were found by
    counted = replace(settings, ignore=ignore, only=of.subject.counted.only)
    return HessianEnds(of.subject, of.slice, operator, counted, loss, search)
