"""A net that cannot be copied, because its parameters are divided among processes: the caller's own, lent for each evaluation.

Owns: putting this process's parts of the weights in place before an evaluation, and the caller's own values, buffers and modes
back after it, also after an error. Outside of `at` the net is as the caller left it, bit for bit.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from landscape.layout import Layout
from landscape.objective.numerics import switched
from landscape.objective.steady import Held
from landscape.passing import passing
from landscape.shards import given_up, put_away


class Lent:
    """`layout` is of this process's parts."""

    def __init__(self, model: nn.Module, layout: Layout):
        self._model, self._layout = model, layout
        self._own = {name: part.clone() for name, part in layout.tensors(model).items()}
        self._inside = False

    @property
    def nbytes(self) -> int:
        """Bytes of the caller's own values, which are kept to be put back."""
        return sum(part.nbytes for part in self._own.values())

    @contextlib.contextmanager
    def at(self, weights: Tensor) -> Iterator[None]:
        """Within the block the net is at `weights` (layout.size,), in evaluation mode; an inner block changes nothing.

        Weights of a narrower type are rounded once, from the sum.
        """
        if self._inside:
            self._put(self._layout.named(weights))
            with given_up(self._model):  # a caller may go on after the error, as trials do
                yield
            return
        held, self._inside = Held(self._model), True
        try:
            with passing(), given_up(self._model):
                self._model.eval()
                self._put(self._layout.named(weights))
                yield
        finally:
            self._put(self._own)
            held.put_back()
            self._inside = False

    @contextlib.contextmanager
    def numbers(self, weights: Tensor, precision: str, device: torch.device) -> Iterator[None]:
        """As `numerics`, at `weights`. Not in inference mode, whose tensors FSDP2 would keep for the caller's next pass."""
        with self.at(weights), switched(precision, device), torch.no_grad():
            yield

    def _put(self, values: dict[str, Tensor]) -> None:
        put_away(self._model)
        with torch.no_grad():
            for name, part in self._layout.tensors(self._model).items():
                part.copy_(values[name])
