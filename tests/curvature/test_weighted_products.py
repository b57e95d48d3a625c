"""Products with the Hessian are those of the mean that is reported, whatever it is a mean over."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from landscape.errors import UsageError

WEIGHT = torch.tensor([10.0, 1.0, 0.1], dtype=torch.float64)


def pair(outputs, targets):
    return F.cross_entropy(outputs, targets, weight=WEIGHT, reduction="sum"), WEIGHT[targets].sum()


def pair_of_model(model, batch):
    return pair(model(batch[0]), batch[1])


CLASSES = nn.CrossEntropyLoss(weight=WEIGHT)
WAYS = [(loss, way) for loss in (CLASSES, pair, pair_of_model) for way in ("program", "graph", "differences")]
WAYS.remove((pair_of_model, "program"))  # the outputs are hidden


@pytest.fixture
def points():
    generator = torch.Generator().manual_seed(2)
    return torch.randn(40, 6, dtype=torch.float64, generator=generator), torch.arange(40) ** 2 % 3


@pytest.fixture
def net():
    torch.manual_seed(1)
    return nn.Sequential(nn.Linear(6, 4), nn.Tanh(), nn.Linear(4, 3)).double()


def mean(outputs, targets):
    return F.cross_entropy(outputs, targets, weight=WEIGHT)


@pytest.mark.parametrize("batch_size", [1, 7, 40])
@pytest.mark.parametrize("loss, backend", WAYS)
def test_the_hessian_of_a_weighted_mean(loss, backend, batch_size, net, points, products, multiplied, dense):
    found = products(net, points, loss, batch_size=batch_size, ignore="none", backend=backend)
    wanted = dense(net, *points, mean, found.names)
    product, expected = multiplied(found, wanted)
    error = np.abs(product - expected).max() / np.abs(expected).max()
    assert error < (1e-10 if backend != "differences" else 1e-7)  # the rounding of a small step
    assert found.loss == pytest.approx(mean(net(points[0]), points[1]).item(), rel=1e-12)


@pytest.mark.parametrize("backend", ["program", "graph"])
@pytest.mark.parametrize("matrix", ["hessian", "ggn"])
def test_targets_that_do_not_count(backend, matrix, net, points, products, materialized, dense):
    """None of the first samples does, on which products are tried."""
    inputs, targets = points[0], torch.where(torch.arange(40) < 9, -100, points[1])
    found = products(net, (inputs, targets), batch_size=4, ignore="none", backend=backend, matrix=matrix)
    wanted = dense(net, inputs[9:], targets[9:], F.cross_entropy, found.names, matrix)
    assert np.abs(materialized(found) - wanted).max() < 1e-12


@pytest.mark.parametrize("backend", ["program", "graph"])
def test_weights_that_follow_from_outputs_are_those_of_the_point(backend, net, points, products):
    def confident(outputs, targets):
        weights = outputs.detach().softmax(1).amax(1)
        return (F.cross_entropy(outputs, targets, reduction="none") * weights).sum(), weights.sum()

    found = products(net, points, confident, batch_size=7, ignore="none", backend=backend)
    vector, before = found.gaussian(0), found.loss
    found._objective.weights.mul_(1.5)
    found.refresh()
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.mul_(1.5)
    expected = products(net, points, confident, batch_size=7, ignore="none", backend=backend)
    assert found.loss == pytest.approx(expected.loss, rel=1e-12) != before
    torch.testing.assert_close(found(vector), expected(vector), rtol=1e-10, atol=1e-12)


def test_a_mean_in_a_list_of_one_is_a_mean(net, points, products):
    vector = (plain := products(net, points, F.cross_entropy, batch_size=7)).gaussian(0)
    found = products(net, points, lambda o, t: F.cross_entropy(o, t)[None], batch_size=7)
    torch.testing.assert_close(found(vector), plain(vector), rtol=1e-10, atol=1e-12)


def test_the_weight_must_not_depend_on_the_net(net, points, products):
    def attending(outputs, targets):
        weights = outputs[:, 0].exp()
        return (F.cross_entropy(outputs, targets, reduction="none") * weights).sum(), weights.sum()

    with pytest.raises(UsageError, match="the weight in .sum, weight. depends on the parameters"):
        products(net, points, attending)


class Dropped(nn.Sequential):
    def forward(self, inputs):
        return super().forward(F.dropout(inputs, 0.5))


def leaking(model, batch):
    """Its own value does not depend on what it leaves in batch norm; derivatives take that as fixed."""
    values = F.cross_entropy(model.eval()(batch[0]), batch[1], reduction="none")
    model.train()(batch[0] + 1)
    return values


CASES = {
    "random numbers": (lambda: nn.Sequential(nn.Linear(6, 4), nn.Tanh(), Dropped(nn.Linear(4, 3))), "cross_entropy"),
    "batch statistics": (
        lambda: nn.Sequential(
            nn.Linear(6, 4), nn.BatchNorm1d(4, track_running_stats=False), nn.Tanh(), nn.Linear(4, 3)
        ),
        "cross_entropy",
    ),
    "state": (lambda: nn.Sequential(nn.Linear(6, 4), nn.BatchNorm1d(4), nn.Tanh(), nn.Linear(4, 3)), leaking),
}


@pytest.mark.parametrize("name", CASES)
def test_products_are_those_of_the_values_reported(name, points):
    """Second differences of the evaluated loss itself are the truth: the same noise, batches and state at every point."""
    from landscape.curvature.operator import CurvatureOperator
    from landscape.data.load import load_splits
    from landscape.objective.loss import make_measure
    from landscape.objective.objective import Objective

    torch.manual_seed(0)
    make, loss = CASES[name]
    measure = make_measure(loss, ["loss"])[0]
    objective = Objective(make(), load_splits(points).splits, measure, precision="fp64", batch_size=20)
    objective.check()
    products = CurvatureOperator(objective, ignore="none")
    products.refresh()
    vector, start, step = products.gaussian(0), objective.weights.clone(), 1e-3
    vector /= vector.norm()
    before, here, after = (objective.evaluate(start + k * step * vector)["train_loss"] for k in (-1, 0, 1))
    objective.weights.copy_(start)
    assert float(vector @ products(vector)) == pytest.approx((before - 2 * here + after) / step**2, rel=1e-4)
    assert products.loss == pytest.approx(here, rel=1e-12) and products.backend == "graph"


def test_a_loss_of_all_samples_at_once_is_not_cut_into_batches(net, materialized, dense):
    from landscape.curvature.operator import CurvatureOperator
    from landscape.data.load import load_splits
    from landscape.objective.loss import make_measure
    from landscape.objective.objective import Objective

    generator = torch.Generator().manual_seed(2)
    data = torch.randn(100, 6, generator=generator).double(), torch.randn(100, 3, generator=generator).double()

    def root(outputs, targets):
        return F.mse_loss(outputs, targets).sqrt()

    objective = Objective(net, load_splits(data).splits, make_measure(root, None)[0], precision="fp64", batch_size=100)
    objective.check()
    products = CurvatureOperator(objective, ignore="none")
    products.refresh()
    wanted = dense(net, *data, root, products.names)
    assert np.abs(materialized(products) - wanted).max() < 1e-12
