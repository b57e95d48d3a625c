"""`landscape basins`: the topology of surfaces and lines, as numbers. Imports neither torch nor MPI."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from landscape.options.command import Positional, command
from landscape.options.option import Option

if TYPE_CHECKING:
    from landscape.surfaces.surface import Surface
    from landscape.topology.landform import Basin, Landform

FILES = Positional("surfaces", "FILE", "files of surfaces or lines, ours or the original program's", nargs="+")
# Basins that the shell lists; a file for all.
LISTED = 12
HEAD = ("", "minimum", "at", "saddle", "to", "at", "depth", "certain", "points", "width")


def lines(found: Any, shell: Mapping[str, Any]) -> Iterator[str]:
    """For each file a line on all of it, a row for each basin that counts, and what limits these."""
    from landscape.topology.words import count_words, gaps, limits, roughness_words, summary

    for each in found if isinstance(found, list) else [found]:
        yield f"{each.source or 'surface'}: {summary(each)}"
        if not each.points:
            yield "  no point is known"
            continue
        yield f"  {count_words(each)}; {roughness_words(each)}"
        yield from _table(each.basins[:LISTED])
        if len(each.basins) > LISTED:
            yield f"  and {len(each.basins) - LISTED} more; --csv FILE has all"
        yield from (f"  {note}" for note in (*limits(each), *gaps(each)))


def _table(basins: Sequence[Basin]) -> Iterator[str]:
    rows = [HEAD, *map(_cells, basins)] if basins else []
    wide = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield ("  " + "  ".join(f"{cell:>{width}}" for cell, width in zip(row, wide, strict=True))).rstrip()


def _cells(basin: Basin) -> tuple[str, ...]:
    ground = (str(int(basin.region.mask.sum())), str(basin.region.width)) if basin.region else ("", "")
    if not basin.joins:
        edge = f"{basin.spill:.4g}" if basin.spill == basin.spill else "none"
        return str(basin.number), f"{basin.value:.4g}", _at(basin.place), edge, "edge", "", "", "", *ground
    return (
        str(basin.number), f"{basin.value:.4g}", _at(basin.place), f"{basin.saddle_value:.4g}", str(basin.joins),
        _at(basin.saddle), f"{basin.depth:.3g}", f"{basin.certain:.3g}", *ground,
    )  # fmt: skip


def _at(place: tuple[float, float]) -> str:
    return f"({place[0]:.3g}, {place[1]:.3g})" if place[1] == place[1] else f"{place[0]:.3g}"


@command(
    "basins of surfaces, with their depths, and which of these the errors leave standing",
    lines=lines,
    rows={
        "metric": Option("such as test_loss (default: the first loss); a share is taken as an error", metavar="NAME"),
        "errors": Option("standard errors that a basin must stand out of (default: 2)", type=float, metavar="N"),
        "neighbours": Option("of a point on a plane: 8 or 4 (default: 8)", type=int, metavar="N"),
        "csv": Option("write all basins into a table", metavar="FILE"),
    },
    positional=(FILES,),
    example="landscape basins skip.h5 noskip.h5 --csv basins.csv",
)
def basins(
    surfaces: Surface | str | Path | Sequence[Surface | str | Path],
    *,
    metric: str | None = None,
    errors: float = 2.0,
    neighbours: int = 8,
    csv: str | Path | None = None,
) -> Landform | list[Landform]:
    """The basins of surfaces or lines: minima of the sublevel sets, their depths, and the saddles between them.

    Args:
        surfaces: a `Surface` or the path of a file, or a list of these.
        metric: default the first loss; a share, such as an accuracy, is taken as an error, 1 - share.
        errors: a basin counts when it is there in every function within this number of standard errors at each point.
        neighbours: of a point on a plane: 8, which joins cells at their corners, or 4.
        csv: a table of all basins that count, a row for each.

    Returns:
        A Landform; of a list, a list of these.

    Raises:
        LandscapeError: an unreadable file, a result that is neither surface nor line, or options out of range.
    """
    from landscape.errors import UsageError
    from landscape.options.option import shown
    from landscape.scene.thin import thinned
    from landscape.surfaces import Surface, load_surface
    from landscape.topology.find import landform

    single = isinstance(surfaces, (Surface, str, Path))
    given: list[Any] = list(surfaces) if isinstance(surfaces, (list, tuple)) else [surfaces]
    if odd := [each for each in given if not isinstance(each, (Surface, str, Path))]:
        raise UsageError(f"surfaces {shown(odd[0])}: expected a surface or the name of a file")
    if not given:
        raise UsageError("no file given: expected the name of one or more")
    found = []
    for each in given:
        surface = each if isinstance(each, Surface) else load_surface(each)
        if surface.ndim > 2:
            who = surface.source or "this surface"
            raise UsageError(
                f"{who} is a volume, and basins takes planes and lines: compute it without z, or draw the volume with plot"
            )
        name = surface.metric(metric)
        found.append(landform(thinned(surface, name), name, errors=errors, neighbours=neighbours))
    if csv is not None:
        _write(found, csv)
    return found[0] if single else found


def _write(found: Sequence[Landform], out: str | Path) -> None:
    """One row for each basin."""
    from landscape.atomic import disk_named, missing_folder, whole_file
    from landscape.errors import LandscapeError
    from landscape.options.values import named_path
    from landscape.replacing import check_replaced
    from landscape.topology.words import COLUMNS, rows

    path = named_path("csv", out)
    check_replaced(path)
    if missing := missing_folder(path):
        raise LandscapeError(f"csv {path}: {missing}; create it or give another name")
    with disk_named(path, "give another name"), whole_file(path) as scratch, scratch.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(COLUMNS)
        for each in found:
            writer.writerows(rows(each))
