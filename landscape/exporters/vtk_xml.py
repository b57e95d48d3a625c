"""VTK's XML files, which ParaView and PyVista open: structured grids (.vts), lines and polygons (.vtp), rectilinear grids (.vtr)
and hexahedra (.vtu).

Owns: the layout of these files, with arrays in base64. Knows arrays and texts only. Not through VTK itself: its package takes
566 MB for what is some tags around arrays; that VTK reads the same numbers back is a test.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from xml.sax.saxutils import quoteattr

import numpy as np

from landscape.printable import printable

Arrays = Mapping[str, np.ndarray]
TYPES = {"f8": "Float64", "i8": "Int64", "i4": "Int32", "u1": "UInt8"}
HEXAHEDRON = 12
HEAD = '<?xml version="1.0"?>\n<VTKFile type="{}" version="1.0" byte_order="LittleEndian" header_type="UInt64">'


def write_structured(
    path: Path, points: np.ndarray, *, point_data: Arrays, cell_data: Arrays, texts: Mapping[str, str], scalars: str
) -> None:
    """A grid whose points (ny, nx, 3) stand anywhere.

    `point_data` (ny, nx) and `cell_data` (ny - 1, nx - 1), by name; `scalars` names the one that is shown at first. `texts`
    belong to the file as a whole.
    """
    rows, columns, _ = points.shape
    extent = f"0 {columns - 1} 0 {rows - 1} 0 0"
    _write(path, "StructuredGrid", [
        f'<StructuredGrid WholeExtent="{extent}">', *_texts(texts), f'<Piece Extent="{extent}">',
        *_section("PointData", point_data, scalars), *_section("CellData", cell_data),
        "<Points>", _array("Points", points.reshape(-1, 3), 3), "</Points>", "</Piece>", "</StructuredGrid>",
    ])  # fmt: skip


def write_polygons(
    path: Path,
    points: np.ndarray,
    *,
    verts: Sequence[np.ndarray],
    lines: Sequence[np.ndarray],
    polygons: np.ndarray,
    point_data: Arrays,
    cell_data: Arrays,
    texts: Mapping[str, str],
    scalars: str,
) -> None:
    """Points (n, 3), with single points, lines and polygons (m, k) between them, by numbers of points.

    `point_data` (n,) and `cell_data`, (number of verts, lines and polygons in this order,), by name.
    """
    cells = {"Verts": verts, "Lines": lines, "Strips": [], "Polys": list(polygons)}
    counts = " ".join(f'NumberOf{name}="{len(each)}"' for name, each in cells.items())
    sections = [line for name, each in cells.items() for line in _cells(name, each)]
    _write(path, "PolyData", [
        "<PolyData>", *_texts(texts), f'<Piece NumberOfPoints="{len(points)}" {counts}>',
        *_section("PointData", point_data, scalars), *_section("CellData", cell_data),
        "<Points>", _array("Points", points, 3), "</Points>", *sections, "</Piece>", "</PolyData>",
    ])  # fmt: skip


def write_rectilinear(
    path: Path,
    axes: Mapping[str, np.ndarray],
    *,
    point_data: Arrays,
    cell_data: Arrays,
    texts: Mapping[str, str],
    scalars: str,
) -> None:
    """A grid at the coordinates x, y and z of `axes`, with `point_data` (nz, ny, nx) and `cell_data` (nz - 1, ny - 1, nx - 1)."""
    extent = " ".join(f"0 {len(values) - 1}" for values in axes.values())
    _write(path, "RectilinearGrid", [
        f'<RectilinearGrid WholeExtent="{extent}">', *_texts(texts), f'<Piece Extent="{extent}">',
        *_section("PointData", point_data, scalars), *_section("CellData", cell_data),
        "<Coordinates>", *(_array(name, values) for name, values in axes.items()), "</Coordinates>", "</Piece>",
        "</RectilinearGrid>",
    ])  # fmt: skip


def write_hexahedra(path: Path, points: np.ndarray, cells: np.ndarray, *, point_data: Arrays, scalars: str) -> None:
    """Points (n, 3) and hexahedra (m, 8) between them, in VTK's order of corners; `point_data` (n,)."""
    _write(path, "UnstructuredGrid", [
        "<UnstructuredGrid>", f'<Piece NumberOfPoints="{len(points)}" NumberOfCells="{len(cells)}">',
        *_section("PointData", point_data, scalars), "<Points>", _array("Points", points, 3), "</Points>", "<Cells>",
        _array("connectivity", cells.ravel().astype(np.int64)),
        _array("offsets", 8 * np.arange(1, len(cells) + 1, dtype=np.int64)),
        _array("types", np.full(len(cells), HEXAHEDRON, np.uint8)), "</Cells>", "</Piece>", "</UnstructuredGrid>",
    ])  # fmt: skip


def _write(path: Path, kind: str, lines: Sequence[str]) -> None:
    path.write_text("\n".join([HEAD.format(kind), *lines, "</VTKFile>", ""]), encoding="ascii")


def _cells(name: str, cells: Sequence[np.ndarray]) -> Iterator[str]:
    ends = np.cumsum([len(cell) for cell in cells], dtype=np.int64)
    yield f"<{name}>"
    yield _array("connectivity", np.concatenate([np.zeros(0, np.int64), *cells]).astype(np.int64))
    yield _array("offsets", ends)
    yield f"</{name}>"


def _section(name: str, arrays: Arrays, scalars: str = "") -> Iterator[str]:
    yield f"<{name} Scalars={_quoted(scalars)}>" if scalars else f"<{name}>"
    for each, array in arrays.items():
        yield _array(each, array.ravel())
    yield f"</{name}>"


def _array(name: str, array: np.ndarray, components: int = 1) -> str:
    """Its length in bytes and its bytes, as one text."""
    plain = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
    held = base64.b64encode(np.uint64(plain.nbytes).astype("<u8").tobytes() + plain.tobytes()).decode()
    kind = TYPES[plain.dtype.str[1:]]
    return f'<DataArray type="{kind}" Name={_quoted(name)} NumberOfComponents="{components}" format="binary">{held}</DataArray>'


def _texts(texts: Mapping[str, str]) -> Iterator[str]:
    """Each text as the numbers of its bytes, with a zero at its end."""
    yield "<FieldData>"
    for name, text in texts.items():
        numbers = " ".join(map(str, [*text.encode(), 0]))
        yield f'<Array type="String" Name={_quoted(name)} NumberOfTuples="1" format="ascii">{numbers}</Array>'
    yield "</FieldData>"


def _quoted(text: str) -> str:
    """An attribute; what ASCII has no letter for becomes a reference."""
    return quoteattr(printable(text)).encode("ascii", "xmlcharrefreplace").decode()
