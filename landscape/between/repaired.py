"""Straight lines between aligned nets, with the statistics of units repaired at each place (alignment/repair.py).

Owns: `RepairedLine`, a path that is not a sum of its control points, and what its statistics are taken from. The ends are the
given nets bit for bit.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import torch
from torch import Tensor

from landscape.alignment.repair import Repair, Statistics
from landscape.errors import UsageError
from landscape.objective.batchnorm import recompute_batch, tracking_layers
from landscape.objective.private import private_copy
from landscape.randomness import forked
from landscape.slice.paths import LINE, Path
from landscape.subject.subject import Subject

REPAIRED = "repaired"
TEXT = "repaired: mean and deviation of each unit brought between those of the nets on {} training samples"


class Repairs:
    """Repairs weights in the layout of a subject, on its device and in its precision."""

    def __init__(self, subject: Subject, movable: Collection[str]):
        """`movable`: the tensors of the net whose units may be permuted.

        Raises:
            LandscapeError: there is no layer to rescale. UsageError: batch norm does it already, or there is no training data.
        """
        objective = self._objective = subject.objective
        if tracking_layers(objective.model):
            raise UsageError(
                f"repair: {subject.net.name} has batch norm, whose statistics are estimated at every place, which is the same; "
                "leave repair out"
            )
        if "train" not in objective.splits:
            raise UsageError("repair: takes statistics of the training samples; add --split train")
        split, model = objective.splits["train"], private_copy(objective.model)
        self._weights = objective.weights.clone()
        objective.layout.attach(model, self._weights)
        # of a fixed size, so that nothing depends on --batch-size
        self._repair = Repair(
            model, movable, lambda: split.batches(recompute_batch(split.size)), objective.measure, name=subject.net.name
        )
        self._known: dict[int, Statistics] = {}
        taken = f"all {split.size:,}" if split.size == split.of else f"{split.size:,} of {split.of:,}"
        self.text = TEXT.format(taken)
        """What is repaired, and on which samples."""

    def __call__(self, ends: tuple[Tensor, Tensor], t: float, weights: Tensor) -> None:
        """Repairs `weights` (n,) at place `t` of the line between the `ends` (n,), in place."""
        with self._objective.numbers(), torch.no_grad(), forked(self._objective.device, seed=0):
            first, last = (self._of(end) for end in ends)
            self._weights.copy_(weights)
            self._repair((first, last), t)
            weights.copy_(self._weights)

    def _of(self, net: Tensor) -> Statistics:
        """The statistics of a net (n,), taken once."""
        if id(net) not in self._known:
            self._weights.copy_(net)
            self._known[id(net)] = self._repair.statistics()
        return self._known[id(net)]


@dataclass(frozen=True, eq=False)
class RepairedLine(Path):
    """The line between `points`, which are two nets, with `repairs` made everywhere but at these."""

    repairs: Repairs

    def at(self, t: float, out: Tensor) -> Tensor:
        super().at(t, out)
        if 0.0 < t < 1.0:
            first, last = self.points
            self.repairs((first, last), t, out)
        return out

    def length(self) -> float:
        """-1: not known, as it would take a repair at each of many places."""
        return -1.0


def repaired_line(points: tuple[Tensor, Tensor], repairs: Repairs) -> RepairedLine:
    """From one net (n,) to another."""
    return RepairedLine(LINE, points, repairs)
