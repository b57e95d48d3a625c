"""The principal axes of a path through weight space, seen from one of its points.

Owns: the Gram matrix of all differences to that point, the two axes that hold most of them, and the shares that a random walk
over the same steps would have on its own two axes. Knows no nets: a path is rows of numbers (rows.py).

The differences are taken from the anchor, not from their mean: the plane shall pass through the anchor, the trained net. Then
the first axes of a long random walk hold 8/pi^2 = 81 % and 9 % of the squared distances (eigenvalues of Brownian motion seen
from its end, 1/(k - 1/2)^2), where centred ones hold 61 % and 15 % (1/k^2: Antognini & Sohl-Dickstein 2018).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from landscape.direction.rows import Rows
from landscape.errors import LandscapeError

# The matrix product of a block is symmetric: only tiles on and above its diagonal are computed.
TILE = 256
# Columns over which products in float32 are summed at most. Measured on paths of 0.86 million weights, they put an axis off by
# 2e-10 at most divided by the distance of its eigenvalue from the next, as a share of the first; from this share on below 1e-6.
COLUMNS, APART = 8192, 1e-3
# A second axis that holds less than this share of the first one's squares is rounding.
FLAT = 1e-13
# Share of the largest eigenvalue of the Gram matrix of unit vectors; below it two directions are parallel.
RANK = 1e-13


@dataclass(frozen=True, eq=False)
class PrincipalAxes:
    """`axes` (2, size) float64, orthogonal and of unit length; `shares` of the squared distances from the anchor.

    `walk`: the same shares for a random walk over the same steps; None where there are several paths, or no steps.
    """

    axes: Tensor
    shares: tuple[float, float]
    walk: tuple[float, float] | None


def principal_axes(rows: Rows, anchor: int, steps: Sequence[float] | None) -> PrincipalAxes:
    """The two axes through row `anchor` that are nearest to all rows by least squares.

    Each axis points to the side where the row farthest from the anchor along it lies. `steps` (count,): the training step of
    each row of a single path.

    Raises:
        LandscapeError: a weight is not finite, or all rows lie on one line through the anchor.
    """
    gram = _products(rows, anchor, torch.float32) if rows.single else None
    if gram is None or not _apart(gram):
        gram = _products(rows, anchor, torch.float64)
    if not torch.isfinite(gram).all():
        raise LandscapeError("the nets of the path have weights that are NaN or inf, or differ by more than 1e154")
    squares, vectors = torch.linalg.eigh(gram)
    squares, vectors = squares.flip(0)[:2], vectors.flip(1)[:, :2]
    if len(squares) < 2 or not squares[1] > FLAT * squares[0]:
        apart = "are all the same" if not float(gram.diagonal().sum()) else "lie on one line"
        raise LandscapeError(
            f"the nets of the path {apart}, and a plane needs three that do not; for a line, use landscape line A --to B"
        )
    farthest = vectors.gather(0, vectors.abs().argmax(0, keepdim=True))
    vectors = vectors * farthest.sign()
    axes = torch.zeros(2, rows.shape[1], dtype=torch.float64)
    for part, block in rows.blocks(anchor):
        axes[:, part] = (vectors / squares.sqrt()).T @ block
    axes[0] /= axes[0].norm()
    axes[1] -= axes[0] * (axes[0] @ axes[1])
    axes[1] /= axes[1].norm()
    shares = squares / gram.diagonal().sum()
    return PrincipalAxes(axes, _pair(shares), None if steps is None else walk_shares(steps, anchor))


def project_rows(rows: Rows, anchor: int, directions: Sequence[Tensor]) -> tuple[np.ndarray, np.ndarray]:
    """(count, k) least-squares coordinates of all rows along k `directions` (size,) through the anchor; (count,) distances.

    As `Plane.project`, for all rows in two passes.
    """
    count = len(directions)
    gram, along = torch.zeros(count, count, dtype=torch.float64), torch.zeros(rows.shape[0], count, dtype=torch.float64)
    for part, block in rows.blocks(anchor):
        basis = torch.stack([direction[part].cpu().double() for direction in directions])
        gram += basis @ basis.T
        along += block @ basis.T
    coords = least_squares(gram, along.T).T
    squares = torch.zeros(rows.shape[0], dtype=torch.float64)
    for part, block in rows.blocks(anchor):
        basis = torch.stack([direction[part].cpu().double() for direction in directions])
        squares += block.addmm_(coords, basis, alpha=-1).square_().sum(1)
    return coords.numpy(), squares.sqrt().numpy()


def least_squares(gram: Tensor, along: Tensor) -> Tensor:
    """The coordinates whose combination of vectors is nearest, from the products of the vectors with each other and with it.

    Vectors may differ in length by many orders; of parallel ones the shortest combination is taken.
    """
    lengths = gram.diagonal().sqrt()
    scale = torch.where(lengths > 0, 1 / lengths, 0.0)
    scaled = gram * scale * scale[:, None]
    columns = along if along.ndim > 1 else along[:, None]
    found = scale[:, None] * (torch.linalg.pinv(scaled, rtol=RANK, hermitian=True) @ (scale[:, None] * columns))
    return found.reshape(along.shape)


def walk_shares(steps: Sequence[float], anchor: int) -> tuple[float, float] | None:
    """The expected shares of both axes for a random walk in very many dimensions that is seen at these steps.

    The expected product of two differences to the anchor is the number of steps that both have in common. None for steps that
    do not differ.

    >>> [round(share, 2) for share in walk_shares(range(1000), 999)]
    [0.81, 0.09]
    """
    away = np.asarray(steps, np.float64) - float(steps[anchor])
    common = np.where(np.sign(away)[:, None] == np.sign(away), np.minimum(abs(away)[:, None], abs(away)), 0.0)
    if not common.trace() > 0 or len(away) < 3:
        return None
    shares = np.linalg.eigvalsh(common)[::-1][:2] / common.trace()
    return float(shares[0]), float(shares[1])


def _products(rows: Rows, anchor: int, dtype: torch.dtype) -> Tensor:
    """(count, count) float64 Gram matrix of the differences; products in `dtype`, their sums in float64."""
    gram = torch.zeros(rows.shape[0], rows.shape[0], dtype=torch.float64)
    for _, block in rows.blocks(anchor, dtype):
        for part in block.split(COLUMNS, dim=1):
            _add_products(gram, part)
    return gram


def _apart(gram: Tensor) -> bool:
    """Whether the first three eigenvalues are far enough apart for products in float32."""
    if not torch.isfinite(gram).all():
        return False
    values = torch.linalg.eigvalsh(gram).flip(0)
    first = torch.cat([values, torch.zeros(3, dtype=values.dtype)])[:3]
    return bool((first[:2] - first[1:] > APART * first[0]).all())


def _add_products(gram: Tensor, block: Tensor) -> None:
    """gram += block block'."""
    for top in range(0, len(block), TILE):
        rows = slice(top, top + TILE)
        for left in range(top, len(block), TILE):
            columns = slice(left, left + TILE)
            product = block[rows] @ block[columns].T
            gram[rows, columns] += product
            if left > top:
                gram[columns, rows] += product.T


def _pair(values: Tensor) -> tuple[float, float]:
    return float(values[0]), float(values[1])
