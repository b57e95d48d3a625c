"""Normalization of a direction to the weights, and parameters left out.

Owns: the norms `filter`, `layer`, `weight`, `dfilter`, `dlayer`, `none` of Li et al. 2018, and the plain words for what is left
out, biasbn, none and regular expressions. What a module must be known for is said in selection.py.
The default is that of the paper, `filter` with `biasbn` ignored: a filter of the direction gets the norm of the same
filter of the net, which removes the scale invariance of ReLU nets from the picture.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from typing import Protocol

import torch
from torch import Tensor

from landscape.direction.filters import FilterRule
from landscape.errors import UsageError

# A new norm needs a branch in `_scaled`, its word in scene/facts, its choice in options/groups.py and its row in options.md.
# The law to test: what it promises of every filter or tensor, for every kind of layer, and zero for zero.
NORMS = ("filter", "layer", "weight", "dfilter", "dlayer", "none")


class Dimensioned(Protocol):
    """What a word is looked up in: a tensor, or what is known of one."""

    @property
    def ndim(self) -> int: ...


def named_by(what: str, tensors: Mapping[str, Dimensioned], option: str = "ignore") -> set[str]:
    """The names that one of the plain words stands for.

    `biasbn`: tensors with fewer than two dimensions (biases and BN); `none`: no tensors; otherwise a regular expression
    that is searched in the names.

    Raises:
        UsageError: not a regular expression.
    """
    if what == "none":
        return set()
    if what == "biasbn":
        return {name for name, tensor in tensors.items() if tensor.ndim <= 1}
    try:
        pattern = re.compile(what)
    except re.error as error:
        raise UsageError(f"{option} '{what}': expected biasbn, none or a regular expression ({error})") from None
    return {name for name in tensors if pattern.search(name)}


def ignored_names(tensors: Mapping[str, Dimensioned], ignore: str | Collection[str]) -> set[str]:
    """The names of tensors that a direction does not move: those that `named_by` gives, or the names themselves.

    Raises:
        UsageError: not a regular expression, or all tensors match.
    """
    found = named_by(ignore, tensors) if isinstance(ignore, str) else set(ignore)
    if len(found) and found >= tensors.keys():
        raise UsageError(f"ignore '{ignore}' leaves out all {len(tensors)} parameters, so nothing would move")
    return found


def normalized(
    vector: Mapping[str, Tensor],
    reference: Mapping[str, Tensor],
    rules: Mapping[str, FilterRule],
    *,
    norm: str = "filter",
    ignore: str | Collection[str] = "biasbn",
) -> dict[str, Tensor]:
    """The vector scaled to the reference weights (same names and shapes), zero where ignored.

    filter: each filter gets the norm of the reference's filter. layer: each tensor gets the norm of the reference's.
    weight: each entry is multiplied by the reference's. dfilter, dlayer: each filter or tensor gets norm 1. none: not
    scaled. A filter of norm zero, in the vector or in the reference, gives zeros, not NaN.

    Raises:
        UsageError: unknown norm, or an `ignore` that leaves nothing to move.
    """
    own = {name: tensor.clone(memory_format=torch.contiguous_format) for name, tensor in vector.items()}
    normalize_(own, reference, rules, norm=norm, ignore=ignore)
    return own


def normalize_(
    vector: Mapping[str, Tensor],
    reference: Mapping[str, Tensor],
    rules: Mapping[str, FilterRule],
    *,
    norm: str = "filter",
    ignore: str | Collection[str] = "biasbn",
) -> None:
    """`normalized` in place; the tensors of `vector` must be contiguous."""
    check_norm(norm)
    left_out = ignored_names(reference, ignore)
    for name, tensor in vector.items():
        if name in left_out:
            tensor.zero_()
        elif norm == "weight":
            tensor.mul_(reference[name].to(tensor.device, tensor.dtype))
        elif norm != "none":
            flat, unit = tensor.view(-1), unit_of(rules[name], norm)
            parts = (flat[start:stop] for start, stop in unit.spans)
            wanted = reference[name].to(tensor.device).reshape(-1)
            factors = scale_factors(parts, (wanted[start:stop] for start, stop in unit.spans), unit, norm)
            unit.scale_(tensor, factors)


def scale_factors(blocks: Iterable[Tensor], reference: Iterable[Tensor], unit: FilterRule, norm: str) -> Tensor:
    """The float64 factor for each unit of a vector; vector and reference are given in the blocks of `unit.spans`."""
    have = unit.norms_of(blocks)
    want = torch.ones_like(have) if norm in ("dfilter", "dlayer") else unit.norms_of(reference)
    return torch.where(have > 0, want / have.clamp_min(torch.finfo(torch.float64).tiny), torch.zeros_like(have))


def check_norm(norm: str) -> None:
    """Raises UsageError for an unknown norm."""
    if norm not in NORMS:
        raise UsageError(f"norm '{norm}': expected one of {', '.join(NORMS)}")


def unit_of(rule: FilterRule, norm: str) -> FilterRule:
    """The rule for the entries that a norm scales together: one filter, or the whole tensor."""
    if norm in ("filter", "dfilter"):
        return rule
    return FilterRule(rule.shape, tuple(range(len(rule.shape))))
