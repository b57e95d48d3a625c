"""A landform in words, and as rows of a table.

Owns: the sentences that the shell and pictures share, on what stands out and on what limits it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from landscape.printable import printable
from landscape.topology.landform import Basin, Landform

# A basin of fewer points across is as wide as the grid can show: it may be a crack that runs between the points.
NARROW = 3
COLUMNS = (
    "file", "metric", "basin", "x", "y", "value", "saddle_x", "saddle_y", "saddle_value", "joins", "depth", "certain_depth",
    "spill", "closed", "points", "width", "area", "volume",
)  # fmt: skip


def summary(found: Landform) -> str:
    """What was looked at."""
    shape = " x ".join(str(n) for n in reversed(found.shape))
    low, high = found.span
    reach = f"{low:.4g} to {high:.4g}" if low == low else "no finite value"
    return f"{found.quantity.label}, {shape} points, {reach}"


def count_words(found: Landform) -> str:
    """How many basins there are, and which of them count."""
    if not found.points:
        return "no point is known"
    count, rest = len(found.basins), len(found.within)
    if not found.errors and not found.bounded:
        return f"{count} basin{'s' * (count != 1)}"
    survive = "survives" if count == 1 else "survive"
    others = f"{rest} {'does' if rest == 1 else 'do'} not"
    return f"{count} basin{'s' * (count != 1)} {survive} {errors_words(found)}, {others}"


def errors_words(found: Landform) -> str:
    """What a basin must survive."""
    if found.bounded:
        return "the error bounds"
    return "two standard errors" if found.errors == 2 else f"{found.errors:g} standard errors"


def roughness_words(found: Landform) -> str:
    """The roughness, and which part of it is certain."""
    if found.roughness != found.roughness:
        return "no finite value"
    certain = f" (certain: {found.certain_roughness:.3g})" if found.errors or found.bounded else ""
    log = f", of the logarithm {found.log_roughness:.3g}" if found.log_roughness == found.log_roughness else ""
    return f"roughness {found.roughness:.3g}{certain}{log}"


def narrow(found: Landform) -> list[Basin]:
    """The basins that are less than `NARROW` points wide, in a result that has room for wider ones."""
    least = min(NARROW, *(n for n in found.shape if n > 1), NARROW)
    return [each for each in found.basins if each.region is not None and each.joins and each.region.width < least]


def limits(found: Landform) -> Iterator[str]:
    """What limits these numbers, except for points that are not computed."""
    if found.points and not found.errors and not found.bounded:
        yield "no standard errors in the file: nothing says which basins are real"
    if found.span[0] == found.span[1]:
        yield "all finite values are equal"
    if thin := narrow(found):
        seen = sum(each.region is not None for each in found.basins)
        yield (
            f"{len(thin)} of {seen} basins {_are(len(thin))} less than {NARROW} points wide, as narrow as the grid can show: a "
            "finer grid may join or divide them"
        )
    if found.exact and found.errors:
        yield f"{_points(found.exact)} without a standard error, taken as exact"


def gaps(found: Landform) -> Iterator[str]:
    """What limits these numbers in points that are not computed."""
    if found.interpolated:
        yield (
            f"{found.interpolated} of {found.points} points {_are(found.interpolated)} interpolated: what lies between the "
            "computed ones is not seen"
        )
    if found.holes:
        yield f"{_points(found.holes)} {_are(found.holes)} not known: no part of the domain, and its edge"


def _are(count: int) -> str:
    return "is" if count == 1 else "are"


def _points(count: int) -> str:
    return f"{count} point{'s' * (count != 1)}"


def rows(found: Landform) -> Iterator[list[Any]]:
    """One row of `COLUMNS` for each basin; what is not known is empty."""
    for each in found.basins:
        ground = each.region
        measures = [int(ground.mask.sum()), ground.width, ground.area, ground.volume] if ground else [""] * 4
        row = [
            printable(found.source), found.quantity.name, each.number, *each.place, each.value, *each.saddle, each.saddle_value,
            each.joins or "", each.depth, each.certain, each.spill, int(each.closed), *measures,
        ]  # fmt: skip
        yield ["" if cell != cell else cell for cell in row]
