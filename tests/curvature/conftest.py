"""What these tests share: products on a small problem, and the dense Hessian by autograd's own means as the truth."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call, hessian, jacrev


@pytest.fixture
def products():
    """products(model, (inputs, targets), loss, batch_size=..., precision=..., **options) -> CurvatureOperator, refreshed."""
    from landscape.curvature.operator import CurvatureOperator
    from landscape.data.load import load_splits
    from landscape.objective.loss import make_measure
    from landscape.objective.objective import Objective

    def make(model, data, loss="cross_entropy", *, batch_size=None, precision="fp64", **options):
        splits = load_splits(data, split=("train",)).splits
        measure = make_measure(loss, ["loss"])[0]
        objective = Objective(model, splits, measure, precision=precision, batch_size=batch_size)
        found = CurvatureOperator(objective, **options)
        found.refresh()
        return found

    return make


@pytest.fixture
def materialized():
    """materialized(products) -> (dimension, dimension) array, column by column, of the entries that count."""

    def make(products) -> np.ndarray:
        entries = {entry.name: entry for entry in products._objective.layout.entries}
        places = [entries[name].offset + i for name in products.names for i in range(entries[name].numel)]
        columns = []
        for place in places:
            unit = torch.zeros(products.size, dtype=torch.float64)
            unit[place] = 1.0
            column = products(unit)
            columns.append(column[places])
            column[places] = 0.0
            assert not column.any(), "entries that do not count stay zero"
        return torch.stack(columns, dim=1).numpy()

    return make


@pytest.fixture
def multiplied():
    """multiplied(products, matrix) -> (found, expected): (n, 3) arrays, the products of three random vectors by both.

    Two matrices that differ anywhere differ on nearly every vector, so that this takes the place of all n columns.
    """

    def make(products, matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        counts = torch.zeros(products.size, dtype=torch.bool)
        for entry in products._objective.layout.entries:
            if entry.name in products.names:
                counts[entry.offset : entry.offset + entry.numel] = True
        vectors = [products.gaussian(seed) for seed in range(3)]
        found = [products(vector) for vector in vectors]
        assert not any(product[~counts].any() for product in found), "entries that do not count stay zero"
        stacked = (torch.stack([each[counts] for each in many], dim=1).numpy() for many in (found, vectors))
        product, vector = stacked
        return product, matrix @ vector

    return make


@pytest.fixture
def dense():
    """dense(model, inputs, targets, mean_loss, names, matrix) -> (n, n) array: the Hessian or the Gauss-Newton matrix."""

    def make(model: nn.Module, inputs, targets, mean_loss, names, matrix="hessian") -> np.ndarray:
        model = model.double()
        own = {name: p.detach() for name, p in model.named_parameters()}
        shapes = [own[name].shape for name in names]
        start = torch.cat([own[name].flatten() for name in names])

        def outputs(flat: Tensor) -> Tensor:
            parts = torch.split(flat, [shape.numel() for shape in shapes])
            moved = {name: part.view(shape) for name, part, shape in zip(names, parts, shapes, strict=True)}
            return functional_call(model, moved, (inputs,))

        if matrix == "hessian":
            return hessian(lambda flat: mean_loss(outputs(flat), targets))(start).detach().numpy()
        jacobian = jacrev(lambda flat: outputs(flat).flatten())(start)
        logits = outputs(start).detach()
        bend = hessian(lambda z: mean_loss(z.view(logits.shape), targets))(logits.flatten())
        return (jacobian.T @ bend @ jacobian).detach().numpy()

    return make
