"""Data of two tensors alike: inputs with their targets, or two batches without targets.

Owns: telling them by the net and the loss. One batch alone and three of them are batches; two look like a pair, and a language
model or a loss of (model, batch) would be measured on half of the data, against the other half.
"""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, nn

from landscape.members import parameters_in
from landscape.objective.language import are_the_tokens, parts_of_transformers, shifts_labels
from landscape.objective.measure import Measure, ModelMeasure
from landscape.objective.weighted import IGNORED

FEW = 4
READ = "the two tensors of the data are read as {}; {}"
AS_BATCHES = "two batches", "for inputs and their targets give a list of one pair, [(inputs, targets)]"
AS_PAIR = "inputs and their targets", "for two batches give a DataLoader, or a list of lists of one tensor, [[a], [b]]"


class TwoBatches:
    """Decides for one net and a measure, if that is known; `notes`: how data that leave a choice were read."""

    def __init__(self, model: nn.Module, measure: Measure | None = None):
        self._model, self._measure = model, measure
        self.notes: tuple[str, ...] = ()

    def __call__(self, first: Tensor, second: Tensor) -> bool:
        """Whether tensors (n, ...) and (m, ...) that differ in nothing else are two batches."""
        calls = isinstance(self._measure, ModelMeasure)
        causal = shifts_labels(parts_of_transformers(self._model))
        if not calls and (not causal or first.is_floating_point() or first.ndim != 2):
            return False
        if len(first) != len(second):
            return True
        found = self._works_as_batches(first, second) if calls else not _belong(first, second)
        if found is None:
            return False
        self.notes = (READ.format(*(AS_BATCHES if found else AS_PAIR)),)
        return found

    def _works_as_batches(self, first: Tensor, second: Tensor) -> bool | None:
        """Whether a loss of (model, batch) takes a tensor and no pair; None where it takes neither, or a pair alone."""
        try:
            model = copy.deepcopy(self._model).eval()
        except Exception:  # what cannot be copied is refused elsewhere
            return None
        pair, alone = (self._takes(model, batch) for batch in ((first[:FEW], second[:FEW]), first[:FEW]))
        return (not pair) if alone else None

    def _takes(self, model: nn.Module, batch: Any) -> bool:
        assert self._measure is not None
        kind = next((each.dtype for each in parameters_in(model) if each.is_floating_point()), torch.float32)
        try:
            with torch.random.fork_rng(devices=[]), torch.enable_grad():
                self._measure(model, _as(batch, kind))
        except Exception:  # of any kind: the loss is a stranger's
            return False
        return True


def _as(batch: Any, kind: torch.dtype) -> Any:
    if isinstance(batch, tuple):
        return tuple(_as(each, kind) for each in batch)
    return batch.to(kind) if batch.is_floating_point() else batch


def _belong(tokens: Tensor, targets: Tensor) -> bool:
    """Whether tokens and targets of one shape are of one text: the same, the next ones, or with some to be ignored."""
    follows = torch.equal(tokens[:, 1:], targets[:, :-1])
    return follows or are_the_tokens(targets, tokens) or bool((targets == IGNORED).any())
