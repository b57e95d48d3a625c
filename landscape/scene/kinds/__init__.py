"""The kinds of pictures, one row each.

Owns: the names of the kinds, the file of this room that builds each, and the choice among them. The rows are plain words,
so that the command line lists the kinds without loading numpy; a file is loaded when one of its kinds is looked up.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING

from landscape.errors import UsageError

if TYPE_CHECKING:
    from landscape.scene.kinds.kind import Kind
    from landscape.surfaces.source import Source

KIND_FILES = {
    "contour": "plane",
    "filled": "plane",
    "heatmap": "plane",
    "surface": "plane",
    "overlay": "overlay",
    "overlay3d": "overlay",
    "difference": "difference",
    "trajectory": "trajectory",
    "ratio": "ratio",
    "basins": "basins",
    "classes": "classes",
    "volume": "volume",
    "line": "line",
    "spread": "spread",
    "ridgeline": "ridgeline",
    "barcode": "barcode",
    "curvature": "curvature",
    "dynamics": "dynamics",
    "flatness": "flatness",
    "mostcase": "flatness",
    "response": "response",
    "rates": "rates",
    "curves": "curves",
    "connection": "connection",
    "barriers": "barriers",
    "instability": "instability",
    "spectrum": "spectrum",
    "layers": "layers",
}

# What else a kind is called.
SYNONYMS = {"3d": "surface", "relief": "surface", "map": "contour", "contours": "contour", "heat": "heatmap"}


@cache
def kind_named(name: str) -> Kind:
    """The kind of picture of this name.

    Raises:
        UsageError: there is none.
    """
    if name not in KIND_FILES:
        known = SYNONYMS.get(name.lower())
        hint = f"did you mean {known}?" if known else f"expected one of {', '.join(KIND_FILES)}"
        raise UsageError(f"kind '{name}': {hint}")
    rows: tuple[Kind, ...] = import_module(f"{__name__}.{KIND_FILES[name]}").KINDS
    return next(row for row in rows if row.name == name)


def kinds() -> tuple[Kind, ...]:
    """All kinds."""
    return tuple(map(kind_named, KIND_FILES))


def default_kind(source: Source) -> Kind:
    """The picture of a source when no kind is given: the last kind that claims it."""
    return next(kind for kind in reversed(kinds()) if kind.fits(source) and kind.default(source))
