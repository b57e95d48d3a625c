"""The same random numbers and the same state of the net for a batch, at every point and on every process.

Owns: `Steady`, which puts both in place before each batch. The random numbers of a batch follow from its number
alone, so all points see the same noise (common random numbers), and a point divided among processes has the values of
one that is not. Buffers and modes that an evaluation changes are put back before each batch, so nothing leaks from
one to the next.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from landscape.errors import EvaluationError
from landscape.randomness import forked, seed_all

SEED = 1_000_003


def same(tensor: Tensor, other: Tensor) -> bool:
    """Whether all entries are equal; NaN is equal to itself."""
    if tensor.shape != other.shape:
        return False
    return bool(((tensor == other) | ((tensor != tensor) & (other != other))).all())


class Held:
    """Buffers and modes of a net as they are now, to compare with and to put back."""

    def __init__(self, model: nn.Module):
        self._modes = [(name, module, module.training) for name, module in model.named_modules()]
        self._buffers = [
            (f"{name}.{key}".strip("."), module, key, buffer, buffer.detach().clone())
            for name, module, _ in self._modes
            for key, buffer in module._buffers.items()
            if buffer is not None
        ]

    def changed(self) -> list[str]:
        """The names of buffers and modules that have changed since."""
        buffers = [
            name
            for name, module, key, buffer, before in self._buffers
            if module._buffers.get(key) is not buffer or not same(buffer, before)
        ]
        return buffers + [name or "the net" for name, module, mode in self._modes if module.training != mode]

    def put_back(self) -> None:
        for _, module, key, buffer, before in self._buffers:
            buffer.data.copy_(before)  # `data`: what autograd has kept of the buffer stays valid
            module._buffers[key] = buffer
        for _, module, mode in self._modes:
            module.training = mode


class Steady:
    """`with steady(): steady.before(number)`, then the batch of that number is evaluated."""

    def __init__(self, model: nn.Module, device: torch.device, *, seeded: bool = False, keeps: bool = False):
        """`seeded`: evaluations draw random numbers; `keeps`: they change buffers or modes."""
        self._model, self._device = model, device
        self._seeded, self._keeps = seeded, keeps
        self._held: Held | None = None

    def __call__(self) -> contextlib.AbstractContextManager[None]:
        """Within the block `before` may be called; after it generators, buffers and modes are as they were."""
        return self._kept() if self._seeded or self._keeps else contextlib.nullcontext()

    @contextlib.contextmanager
    def _kept(self) -> Iterator[None]:
        with forked(self._device) if self._seeded else contextlib.nullcontext():
            before = self._held
            self.note()
            try:
                yield
            finally:
                if self._held:
                    self._held.put_back()
                self._held = before

    def note(self) -> None:
        """From here on the present buffers are those to put back."""
        self._held = Held(self._model) if self._keeps else None

    def before(self, number: int) -> None:
        if self._held:
            self._held.put_back()
        self.seed(number)

    def seed(self, number: int) -> None:
        if self._seeded:
            seed_all(SEED + number, self._device)


def checksum(weights: Tensor) -> tuple[float, float]:
    """Two numbers that change with any usual change of the weights; takes no memory."""
    return float(weights.sum()), float(weights @ weights)


def refuse_moved(weights: Tensor, before: tuple[float, float]) -> None:
    """Raises EvaluationError when an evaluation has changed the weights that it was to be evaluated at."""
    after = checksum(weights)
    if after != before and not any(value != value for value in (*after, *before)):
        raise EvaluationError(
            "the net or the loss changes the weights that it is evaluated at (as Embedding(max_norm=...) does, or weights "
            "that are set from the first batch); let it change a copy, or apply such changes before"
        )
