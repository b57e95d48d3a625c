"""Making the second direction orthogonal to the first while it keeps its norms.

Owns: Gram-Schmidt per unit of normalization. With filter norms, each filter of y is made orthogonal to the same filter
of x and scaled back to its norm: the directions are then orthogonal, and every filter keeps its norm. (Removing the
component along x from the whole vector, as other tools do, changes the filter norms.)

A third direction is made orthogonal to the first and then to the second, which keeps it orthogonal to the first.

A unit with a single entry cannot be made orthogonal, nor one with two entries to two others. If the units of a tensor
have too few entries, the whole tensor is the unit; a tensor with a single entry becomes zero in y. Without
normalization (`none`, `weight`) the whole vector is one unit and keeps its norm.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor

from landscape.direction.filters import FilterRule
from landscape.direction.normalize import unit_of
from landscape.errors import LandscapeError

WHOLE = ("none", "weight")
# As a share of the length of y. Directions are float32, so a smaller remainder is rounding noise of a parallel one.
PARALLEL = 1e-6


def orthogonalized(
    y: Mapping[str, Tensor], x: Mapping[str, Tensor], rules: Mapping[str, FilterRule], *, norm: str
) -> dict[str, Tensor]:
    """`y` made orthogonal to `x` unit by unit; each unit keeps its norm.

    Raises:
        LandscapeError: y is parallel to x as a whole, so they span no plane.
    """
    own = {name: tensor.clone(memory_format=torch.contiguous_format) for name, tensor in y.items()}
    orthogonalize_(own, x, rules, norm=norm)
    return own


def orthogonalize_(
    y: Mapping[str, Tensor], x: Mapping[str, Tensor], rules: Mapping[str, FilterRule], *, norm: str, others: int = 1
) -> None:
    """`orthogonalized` in place; the tensors of `y` must be contiguous.

    `others`: to how many directions, x among them, y is made orthogonal one after the other; a unit needs more entries.
    """
    if norm in WHOLE:
        for name, tensor in _orthogonalize_whole(y, x).items():
            y[name].copy_(tensor)
        return
    for name, tensor in y.items():
        for y_part, x_part, unit in _parts(tensor, x[name], _divisible_unit(rules[name], norm, others)):
            y_part.copy_(_orthogonalize_unit(y_part, x_part, unit))


def _parts(y: Tensor, x: Tensor, unit: FilterRule) -> Iterator[tuple[Tensor, Tensor, FilterRule]]:
    """Blocks of whole units if these are rows, otherwise the whole tensors."""
    if len(unit.shape) != 2 or 0 in unit.dims:
        yield y, x, unit
        return
    for start, stop in unit.spans:
        rows = (stop - start) // max(1, unit.shape[1])
        yield y.view(-1)[start:stop], x.reshape(-1)[start:stop], FilterRule((rows, unit.shape[1]), unit.dims)


def _divisible_unit(rule: FilterRule, norm: str, others: int) -> FilterRule:
    unit = unit_of(rule, norm)
    return unit if unit.entries > others else unit_of(rule, "layer")


def _orthogonalize_unit(y: Tensor, x: Tensor, unit: FilterRule) -> Tensor:
    tiny = torch.finfo(torch.float64).tiny
    size, along = unit.norms(y), unit.norms(x)
    y64, x64 = y.reshape(unit.shape).double(), x.reshape(unit.shape).double()
    rest = y64 - x64 * (unit.dots(y, x) / (along * along).clamp_min(tiny))
    left = unit.norms(rest)
    # scaling up the remainder of a parallel unit would make a direction of rounding noise
    factors = torch.where(left > PARALLEL * size, size / left.clamp_min(tiny), torch.zeros_like(left))
    return (rest * factors).to(y.dtype).reshape(y.shape)


def _orthogonalize_whole(y: Mapping[str, Tensor], x: Mapping[str, Tensor]) -> dict[str, Tensor]:
    names = list(y)
    flat_y = torch.cat([y[name].double().reshape(-1) for name in names])
    flat_x = torch.cat([x[name].double().reshape(-1) for name in names])
    rest = flat_y - flat_x * (flat_y @ flat_x / (flat_x @ flat_x).clamp_min(torch.finfo(torch.float64).tiny))
    if rest.norm() <= PARALLEL * flat_y.norm():
        raise LandscapeError("the two directions are parallel, so they span no plane; give another --to-y or --seed")
    rest *= flat_y.norm() / rest.norm()
    parts = rest.split([y[name].numel() for name in names])
    return {name: part.to(y[name].dtype).reshape(y[name].shape) for name, part in zip(names, parts, strict=True)}
