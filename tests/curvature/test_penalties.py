"""Losses that differentiate by all parameters, as penalties of the gradient do: their curvature is that of plain torch."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import landscape as ll

GENERATOR = torch.Generator().manual_seed(0)
X, Y = torch.randn(37, 5, generator=GENERATOR), torch.arange(37) % 3
BATCHES = [(X, Y)]


def net():
    torch.manual_seed(1)
    return nn.Sequential(nn.Linear(5, 6), nn.Tanh(), nn.Linear(6, 3))


def penalized(model, batch):
    loss = F.cross_entropy(model(batch[0]), batch[1])
    slopes = torch.autograd.grad(loss, list(model.parameters()), create_graph=True)
    return loss + 0.1 * sum(each.square().sum() for each in slopes)


def one_step(model, batch):
    """The loss after a step of training, as in MAML."""
    names, own = zip(*model.named_parameters(), strict=True)
    slopes = torch.autograd.grad(F.cross_entropy(model(batch[0]), batch[1]), own, create_graph=True)
    moved = {name: each - 0.5 * slope for name, each, slope in zip(names, own, slopes, strict=True)}
    return F.cross_entropy(torch.func.functional_call(model, moved, (batch[0],)), batch[1])


def ends(loss, counted):
    """The smallest and the largest eigenvalue of the Hessian by the parameters that count."""
    model = net()
    parameters = [each for name, each in model.named_parameters() if counted(name)]
    slopes = torch.autograd.grad(loss(model, (X, Y)), parameters, create_graph=True)
    flat = torch.cat([each.flatten() for each in slopes])
    rows = [torch.cat([g.flatten() for g in torch.autograd.grad(s, parameters, retain_graph=True)]) for s in flat]
    return torch.linalg.eigvalsh(torch.stack(rows))[[0, -1]].tolist()


@pytest.mark.parametrize("products", ["graph", "differences"])
@pytest.mark.parametrize("loss", [penalized, one_step])
def test_the_curvature_of_a_loss_that_differentiates_by_all_parameters_is_that_of_plain_torch(loss, products):
    given = {"model": net(), "data": BATCHES, "loss": loss, "threads": 1, "quiet": True}
    wanted = ends(loss, lambda name: "bias" not in name)
    whole = ll.spectrum(**given, products=products, top=1, bottom=1, probes=1).whole
    assert whole.values.tolist() == pytest.approx(wanted, rel=1e-2)
    line = ll.line(**given, x=(-1, 1, 3))
    found = ll.hessian(line, **given, products=products)
    assert found.at_origin("hessian_max") == pytest.approx(wanted[1], rel=1e-2)
    assert [each.requires_grad for each in given["model"].parameters()] == [True] * 4
