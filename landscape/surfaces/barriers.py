"""Barriers: how far a loss rises along paths between nets.

Owns: the numbers, made of the values of a file that `landscape connect` wrote. Two definitions are in use, and both are given:
over the mean of the ends (Frankle et al. 2020, arXiv:1912.05671), and over the line between the values of the ends, at the place
where the path is farthest above it (Entezari et al. 2022, arXiv:2110.06296). They are equal where both ends have the same loss.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from landscape.errors import UsageError
from landscape.grid import PATH
from landscape.quantity import LOSS, RISE, Quantity
from landscape.surfaces.surface import DONE, Surface


@dataclass(frozen=True)
class PathName:
    """One row of a file: its kind, the numbers of its nets in `labels`, and its Euclidean length.

    `branch`: the training step at which its nets parted; None where they did not train together.
    """

    row: int
    kind: str
    first: int
    last: int
    length: float
    branch: float | None = None


@dataclass(frozen=True)
class Barrier:
    """A metric along one path. Shares are taken as errors, 1 - share, so that every barrier is a rise.

    `ends` are the values at the nets, `highest` the largest along the path, at place `at`. `over_mean` is `highest` less the mean
    of the ends; `over_line` the largest rise over the line between them. `stderr` is the standard error of `over_mean` from the
    differences of single samples; for a metric that has no values for these, the sum of the errors of its parts, which bounds it.
    """

    path: PathName
    metric: str
    ends: tuple[float, float]
    highest: float
    at: float
    over_mean: float
    over_line: float
    stderr: float


def has_paths(surface: Surface) -> bool:
    """Whether its rows are paths between nets."""
    return surface.ndim == 2 and surface.grid.axes[1].kind == PATH


def net_names(surface: Surface) -> tuple[str, ...]:
    """The names of the nets."""
    known = surface.known.connect
    return tuple((known and known.nets) or ())


def paths_of(surface: Surface) -> list[PathName]:
    """The rows of a file.

    Raises:
        UsageError: it holds no paths between nets.
    """
    known = surface.known.connect
    if not has_paths(surface) or known is None:
        raise UsageError(
            f"{surface.source or 'this surface'} holds no paths between nets; landscape connect A B computes some"
        )
    weights, found = known.weights or [], []
    lengths, branches = known.lengths or [], known.branches or []
    for row, text in enumerate((known.paths or [])[: surface.shape[0]]):
        kind, first, last, *_ = [*text.split(" "), "", ""]
        if first in weights and last in weights:
            length = lengths[row] if row < len(lengths) else float("nan")
            branch = branches[row] if row < len(branches) and branches[row] >= 0 else None
            found.append(PathName(row, kind, weights.index(first), weights.index(last), length, branch))
    return found


def net_name(nets: Sequence[str], number: int) -> str:
    """The name of a net, which a damaged file may lack."""
    return nets[number] if number < len(nets) else f"net {number + 1}"


def path_names(surface: Surface) -> dict[int, str]:
    """A name for each row: its kind alone where all paths join the same nets; numbered where several would be the same."""
    paths, nets = paths_of(surface), net_names(surface)
    alone = len({(path.first, path.last) for path in paths}) == 1
    found: dict[int, str] = {}
    for path in paths:
        between = f"{net_name(nets, path.first)} to {net_name(nets, path.last)}"
        text = path.kind if alone else between if path.kind == "line" else f"{path.kind} from {between}"
        same = sum(name == text or name.startswith(f"{text} (") for name in found.values())
        found[path.row] = f"{text} ({same + 1})" if same else text
    return found


def measured(surface: Surface) -> list[Quantity]:
    """The metrics that have barriers: losses and shares."""
    rows = [surface.quantity(name) for name in surface.values if not surface.quantity(name).aside]
    return [row for row in rows if row.kind == LOSS or row.percent]


def rising(surface: Surface, metric: str) -> np.ndarray:
    """The values (paths, places) as something that a barrier raises: errors instead of shares."""
    values = surface.values[metric]
    return 1.0 - values if surface.quantity(metric).percent else values


def barriers(surface: Surface | str | Path, metric: str | None = None) -> list[Barrier]:
    """The barrier of each path in each loss and share, or in one metric; paths that are not computed to the end are left out.

    `surface`: a result of `landscape.connect` or `landscape.instability`, or its file.

    Raises:
        UsageError: no such metric; no paths between nets.
    """
    if not isinstance(surface, Surface):
        from landscape.surfaces import load_surface

        surface = load_surface(surface)
    paths = paths_of(surface)
    names = [row.name for row in measured(surface)] if metric is None else [surface.metric(metric)]
    with np.errstate(invalid="ignore", over="ignore"):  # values may be infinite, and numbers of others anything
        return [found for name in names for found in _of_metric(surface, name, paths)]


def _of_metric(surface: Surface, metric: str, paths: list[PathName]) -> Iterator[Barrier]:
    values, errors = rising(surface, metric), surface.stderr.get(metric)
    places, status, paired = surface.x, surface.status.get("evaluation"), surface.values.get(f"{metric}{RISE}")
    for path in paths:
        row = values[path.row]
        if status is not None and (status[path.row] != DONE).any():
            continue
        first, last = float(row[0]), float(row[-1])
        row = np.where(np.isnan(row), np.inf, row)  # a loss that is not a number is as high as any
        top = int(np.argmax(row))
        above = row - ((1 - places) * first + places * last)
        error = float("nan")
        if errors is not None:
            error = float(errors[path.row, top] + (errors[path.row, 0] + errors[path.row, -1]) / 2)
        if paired is not None and np.isfinite(paired[path.row, top]):
            error = float(paired[path.row, top])
        yield Barrier(
            path, metric, (first, last), float(row[top]), float(places[top]), float(row[top]) - (first + last) / 2,
            float(np.max(above)), error,
        )  # fmt: skip


def matrix(surface: Surface, metric: str, *, over_line: bool = False) -> np.ndarray:
    """(nets, nets) barriers of the straight lines, symmetric, with 0 on the diagonal and NaN for pairs that were not computed."""
    count = len(net_names(surface))
    found = np.full((count, count), np.nan)
    np.fill_diagonal(found, 0.0)
    for each in barriers(surface, metric):
        if each.path.kind == "line":
            value = each.over_line if over_line else each.over_mean
            found[each.path.first, each.path.last] = found[each.path.last, each.path.first] = value
    return found


@dataclass(frozen=True, eq=False)
class ByBranch:
    """Mean barriers of a metric between copies of a run: `steps`, `values`, `errors` (n,), by the step at which they part.

    Errors are standard errors: of one pair as `Barrier.stderr`; of the mean over several pairs by the jackknife over copies, as
    pairs that share a copy are not independent.
    """

    steps: np.ndarray
    values: np.ndarray
    errors: np.ndarray


def by_branch(surface: Surface, metric: str) -> ByBranch:
    """The barriers of `landscape instability`; steps whose lines are not computed to the end are left out."""
    groups: dict[float, list[Barrier]] = {}
    for each in barriers(surface, metric):
        if each.path.branch is not None:
            groups.setdefault(each.path.branch, []).append(each)
    steps = sorted(groups)
    values = [float(np.mean([each.over_mean for each in groups[step]])) for step in steps]
    return ByBranch(np.array(steps), np.array(values), np.array([_error(groups[step]) for step in steps]))


def _error(group: list[Barrier]) -> float:
    if len(group) == 1:
        return group[0].stderr
    copies = sorted({number for each in group for number in (each.path.first, each.path.last)})
    left = [
        np.mean([each.over_mean for each in group if number not in (each.path.first, each.path.last)])
        for number in copies
    ]
    return float(np.sqrt((len(copies) - 1) * np.mean(np.square(left - np.mean(left)))))
