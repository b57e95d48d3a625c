"""Columns of a table beside the values: what stands in the provenance of a result that compares nets, point by point.

Owns: names of nets and paths and barriers of each path, for a table that needs no other file. Knows no format.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from landscape.printable import printable
from landscape.surfaces.barriers import barriers, has_paths, net_name, net_names, path_names, paths_of
from landscape.surfaces.flatness import categories, hypers, is_flatness, names
from landscape.surfaces.surface import Surface

NONE = ""


def columns_beside(surface: Surface) -> dict[str, list[Any]]:
    """Name -> one entry for each point, in their order; a surface that compares no nets has none."""
    if has_paths(surface) and surface.known.connect is not None:
        return _of_paths(surface)
    return _of_nets(surface) if is_flatness(surface) else {}


def _of_paths(surface: Surface) -> dict[str, list[Any]]:
    """The facts on the path of each point: name, kind, nets, length, step at which these parted, and barriers."""
    rows = dict(enumerate(_rows(surface)))
    columns = dict.fromkeys(name for row in rows.values() for name in row)
    count, width = surface.shape
    return {name: [rows.get(row, {}).get(name, NONE) for row in range(count) for _ in range(width)] for name in columns}


def _rows(surface: Surface) -> Iterator[dict[str, Any]]:
    nets, labels = net_names(surface), path_names(surface)
    known = {path.row: path for path in paths_of(surface)}
    found = barriers(surface)
    for row in range(surface.shape[0]):
        path = known.get(row)
        if path is None:
            yield {}
            continue
        facts = {
            "path": printable(labels[row]), "kind": printable(path.kind), "from": printable(net_name(nets, path.first)),
            "to": printable(net_name(nets, path.last)), "length": path.length,
        }  # fmt: skip
        if path.branch is not None:
            facts["copied_at_step"] = path.branch
        for each in found:
            if each.path.row == row:
                name = f"{each.metric}_barrier"
                facts |= {
                    f"{name}_over_mean": each.over_mean, f"{name}_stderr": each.stderr, f"{name}_over_line": each.over_line,
                    f"{name}_at": each.at,
                }  # fmt: skip
        yield facts


def _of_nets(surface: Surface) -> dict[str, list[Any]]:
    """The name of each net, and the texts behind the numbers of hyper-parameters."""
    texts = {name: each for name, each in hypers(surface).items() if categories(surface, name)}
    return {
        "net": list(map(printable, names(surface))),
        **{f"{name}_name": list(map(printable, each)) for name, each in texts.items()},
    }
