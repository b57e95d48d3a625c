"""A net's weights, and the mean loss of its training samples wherever these are moved.

Owns: `Neighbourhood`, which moves a private net away from its weights and back. All losses and gradients of a measure come from
here, so two of them are compared on the same samples and in the same numbers.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator
from dataclasses import dataclass

from torch import Tensor

from landscape.curvature.operator import CurvatureOperator
from landscape.direction.filters import FilterRule, filter_rules
from landscape.direction.normalize import normalize_
from landscape.direction.random import gaussian
from landscape.objective.objective import Objective


@dataclass(frozen=True, eq=False)
class Slope:
    """The rise of the loss at a place, and the gradient (size,) there."""

    rise: float
    gradient: Tensor


class Neighbourhood:
    """The surroundings of the weights that an objective holds now; `loss` is the mean loss at them.

    Offsets are flat vectors (size,) in the layout of the objective, zero in its gaps.
    """

    def __init__(self, objective: Objective, operator: CurvatureOperator, seed: int = 0):
        """`operator`: that of the objective, of all parameters. `seed`: of every random vector."""
        self.objective, self.operator, self.seed = objective, operator, seed
        self.origin = objective.weights.clone()
        self._name = f"{next(iter(objective.splits))}_loss"
        self.loss = objective.evaluate()[self._name]
        self._start = operator.refresh()  # the same loss in the sums of the operator, to which slopes are compared

    def rise(self, offset: Tensor) -> float:
        """L(w + offset) - L(w), by a forward pass over all samples."""
        return self.objective.evaluate(self.origin + offset)[self._name] - self.loss

    def slope(self, offset: Tensor | None = None) -> Slope:
        """The rise and the gradient at an offset; None is zero."""
        self.objective.weights.copy_(self.origin if offset is None else self.origin + offset)
        loss = self.operator.refresh()
        return Slope(loss - self._start, self.operator.gradient())

    @functools.cached_property
    def gradient(self) -> Tensor:
        """(size,) that at the net itself, where several measures begin."""
        return self.slope().gradient

    @contextlib.contextmanager
    def home(self) -> Iterator[CurvatureOperator]:
        """Within: the net is at its own weights, where the operator gives products with the Hessian; afterwards too."""
        self.objective.weights.copy_(self.origin)
        self.operator.refresh()
        try:
            yield self.operator
        finally:
            self.objective.weights.copy_(self.origin)

    def named(self, vector: Tensor) -> dict[str, Tensor]:
        """The views of a flat vector by parameter."""
        return self.objective.layout.named(vector)

    @property
    def rules(self) -> dict[str, FilterRule]:
        """Which entries of each parameter form a filter."""
        return filter_rules(self.objective.model)

    def random(self, number: int) -> Tensor:
        """(size,) standard normal numbers, the same on every rank, and for every net of these layers."""
        return self.operator.gaussian(self.seed, number)

    def direction(self, number: int) -> Tensor:
        """(size,) a filter-normalized random direction (Li et al. 2018, section 4), zero for biases and batch norm.

        The numbers are those of `landscape surface` for this seed and axis.
        """
        drawn = gaussian(self.named(self.origin), seed=self.seed, axis=number)
        normalize_(drawn, self.named(self.origin), self.rules, norm="filter", ignore="biasbn")
        layout, origin = self.objective.layout, self.origin
        return layout.flatten(drawn, dtype=origin.dtype, device=origin.device)
