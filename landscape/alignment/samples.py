"""Inputs to follow a net with: those of its data, and guessed ones where none are given.

Owns: guessing their shape from the first layer with weights, by trying. What is in them does not matter: which units may be
permuted does not depend on it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from landscape.alignment.trace import Run
from landscape.errors import LandscapeError
from landscape.objective.reading import Reading, forward
from landscape.options.groups import DataOptions
from landscape.randomness import forked
from landscape.subject.net import Net
from landscape.subject.subject import reader_of
from landscape.sweep.launch import connect
from landscape.sweep.progress import note

SAMPLES = 3
# Heights and widths of images, lengths of signals and texts, in the order in which they are tried.
SIDES = (32, 28, 8, 64, 16, 96, 224, 48, 24, 40, 20, 12, 10, 128, 299)
LENGTHS = (16, 64, 128, 32, 100, 256, 8, 1000)


class NoneFits(LandscapeError):
    """The net takes none of the inputs that were tried."""


def of_data(net: Net, data: DataOptions, batch_size: int) -> tuple[Callable[[], Iterable[Any]], Run]:
    """(what gives all inputs in batches, how they are passed through a net)."""
    world = connect()
    loaded = reader_of(net, data, world)(data.splits)
    for text in loaded.notes:
        note(text, label="align", quiet=not world.leads)
    splits = Reading().splits(loaded.splits, net.module)
    ready = [split.on(torch.device("cpu"), torch.float32, float("inf")) for split in splits.values()]

    def batches() -> Iterable[Any]:
        for split in ready:
            for inputs, _ in split.batches(batch_size):
                yield inputs

    return batches, forward


def guessed(net: nn.Module, name: str, dtype: torch.dtype) -> Tensor:
    """Random inputs that a net in eval mode takes.

    Raises:
        NoneFits: it takes none of those that are tried.
    """
    with torch.no_grad(), forked(seed=0):
        for inputs in _candidates(net, dtype):
            try:
                net(inputs)
            except Exception:  # whatever a net says to inputs of another shape
                continue
            return inputs
    raise NoneFits(
        f"align: {name} takes none of the inputs that were tried; give --data, or in Python inputs=..., a few samples"
    )


def _candidates(net: nn.Module, dtype: torch.dtype) -> Iterator[Any]:
    generator = torch.Generator().manual_seed(0)

    def normal(*shape: int) -> Tensor:
        return torch.randn(SAMPLES, *shape, generator=generator, dtype=torch.float64).to(dtype)

    for layer in net.modules():
        if isinstance(layer, nn.Embedding):
            for length in LENGTHS:
                yield torch.randint(layer.num_embeddings, (SAMPLES, length), generator=generator)
        elif isinstance(layer, nn.Linear):
            size = layer.in_features
            yield normal(size)
            yield normal(5, size)
            for channels in (1, 3):
                side = math.isqrt(size // channels)
                if channels * side**2 == size:
                    yield normal(channels, side, side)
        elif isinstance(layer, (nn.Conv1d, nn.Conv2d, nn.Conv3d)):
            ndim = len(layer.kernel_size)
            for side in LENGTHS if ndim == 1 else SIDES[:5] if ndim == 3 else SIDES:
                yield normal(layer.in_channels, *[side] * ndim)
        elif isinstance(layer, (nn.LSTM, nn.GRU, nn.RNN)):
            yield normal(5, layer.input_size)
        else:
            continue
        return
