"""What these tests share: a small classification problem, and an Objective for it in one call."""

from __future__ import annotations

import pytest


@pytest.fixture
def objective():
    """objective(model, (inputs, targets) or {split: ...}, loss, metrics, **options) -> Objective, in float64."""
    from landscape.data.load import load_splits
    from landscape.objective.loss import make_measure
    from landscape.objective.objective import Objective

    def make(model, data, loss="cross_entropy", metrics=None, **options):
        names = tuple(data) if isinstance(data, dict) else ("train",)
        measure, _, _ = make_measure(loss, metrics)
        splits = load_splits(data, split=names).splits
        return Objective(model, splits, measure, **{"precision": "fp64", **options})

    return make
