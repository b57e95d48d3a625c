"""`landscape line`: metrics along a line through a net's weights, or between two nets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from landscape.options.command import command
from landscape.options.groups import AxesOptions
from landscape.options.option import Given, again
from landscape.recipes.surface import CHECKPOINT, COMPUTE, PlaneRanges, compute, default_out, lines

if TYPE_CHECKING:
    from landscape.study.study import Plan
    from landscape.surfaces.surface import Surface


@dataclass(frozen=True, kw_only=True)
class LineRange:
    title: ClassVar[str] = "ranges"

    x: Any = again(
        PlaneRanges,
        "x",
        default=None,
        help="range of x, both ends included, or auto:N (default: -1:1:51, and 0:1:51 with --to)",
    )
    rise: float | None = again(PlaneRanges, "rise")


@command(
    "loss along a line through a net's weights, or between two nets (1-D)",
    LineRange,
    *COMPUTE,
    lines=lines,
    without=("to_y", "orthogonal"),
    positional=(CHECKPOINT,),
    out=default_out("line"),
    example="landscape line small_batch.pt --to large_batch.pt --split train --split test --plot",
)
def line(checkpoint: Any = None, *, given: Given) -> Surface | Plan:
    """Evaluates metrics along a line through the net's weights.

    Args:
        checkpoint: path, `Checkpoint`, or None with `model` a module that has its weights.

    Returns:
        A Surface with values of shape (nx,), under MPI on every rank; with `dry_run` a Plan.

    Raises:
        LandscapeError: bad input or a failing evaluation; what was computed is in `out`.
    """
    usual = "0:1:51" if given[AxesOptions].to is not None else "-1:1:51"
    chosen = given[LineRange]
    return compute(checkpoint, {"x": usual if chosen.x is None else chosen.x}, given, "line", chosen.rise)
