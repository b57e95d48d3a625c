"""The names that a user gives: of the results in a picture, and of the nets in each of them.

Owns: which name belongs to what, and a surface whose nets have other names. Knows no kind of picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from landscape.errors import UsageError
from landscape.grid import Axis, Grid, from_net
from landscape.printable import listed
from landscape.quantity import FLATNESS
from landscape.surfaces.barriers import has_paths, net_names
from landscape.surfaces.flatness import is_flatness
from landscape.surfaces.flatness import names as nets_of_table
from landscape.surfaces.source import Source
from landscape.surfaces.surface import NETS, Surface

CONNECT, RUN = "connect", "run"
# Nets that a message names.
LISTED = 5
NETS_OF = "expected one for each of the {count} nets in the picture ({nets})"
NO_NETS = "this picture names no nets, and the panels of a comparison have titles; leave names out"


def named(
    names: Sequence[str], sources: Sequence[Source], plural: str, *, titled: bool
) -> tuple[tuple[str, ...], list[Source]]:
    """(the names of the sources, the sources with the names of their nets).

    `names` are one for each source if these are `titled`, then one for each net of a source, or none of these. `plural` is the
    word for the sources.

    Raises:
        UsageError: another number of names.
    """
    titles, nets = len(sources) if titled else 0, {len(nets_in(source)) for source in sources}
    count = nets.pop() if len(nets) == 1 else 0
    if len(names) in (0, titles):
        return tuple(names), list(sources)
    if count and len(names) == titles + count:
        return tuple(names[:titles]), [renamed(source, names[titles:]) for source in sources]
    said = f"{len(names)} name{'s' * (len(names) != 1)}"
    if not titled:
        expected = NETS_OF.format(count=count, nets=listed(nets_in(sources[0]), LISTED)) if count else NO_NETS
        raise UsageError(f"{said}: {expected}")
    more = f", or {titles + count} with those of the {count} nets in each" if count else ""
    raise UsageError(f"{said} for {len(sources)} {plural}: expected one each{more}")


def nets_in(source: Source) -> tuple[str, ...]:
    """The names of the nets in a result; most have none."""
    if not isinstance(source, Surface):
        return ()
    if has_paths(source):
        return net_names(source)
    if is_flatness(source):
        return tuple(nets_of_table(source))
    return source.trails[NETS].labels if NETS in source.trails else ()


def renamed(source: Source, names: Sequence[str]) -> Source:
    """A surface whose nets have these names: in its table, beside its marks, and on its axes."""
    if not isinstance(source, Surface):
        return source
    if has_paths(source):
        return replace(source, provenance=_with_nets(source.provenance, (CONNECT,), names))
    if is_flatness(source):
        return replace(source, provenance=_with_nets(source.provenance, (RUN, FLATNESS), names))
    nets = source.trails[NETS]
    axes = tuple(_axis(axis, nets.labels, names, number + 1) for number, axis in enumerate(source.grid.axes))
    return replace(source, grid=Grid(axes), trails={**source.trails, NETS: replace(nets, labels=tuple(names))})


def _with_nets(known: Any, keys: Sequence[str], names: Sequence[str]) -> dict[str, Any]:
    """The same facts with other names of nets in the group that `keys` lead to."""
    group = known if isinstance(known, dict) else {}
    if not keys:
        return {**group, "nets": list(names)}
    return {**group, keys[0]: _with_nets(group.get(keys[0]), keys[1:], names)}


def _axis(axis: Axis, old: Sequence[str], new: Sequence[str], other: int) -> Axis:
    """An axis from the first net to that of number `other`; one that leads elsewhere keeps its name."""
    direction, _, _ = axis.label.partition(": ")
    if other >= len(old) or axis.label != from_net(direction, old[0], old[other]):
        return axis
    return replace(axis, label=from_net(direction, new[0], new[other]))
