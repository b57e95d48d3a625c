"""A loss or a net that takes derivatives itself has the values of plain torch, also where it would not fail without gradients."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.autograd import functional

import landscape as ll

EXACT = {"x": (-1, 1, 3), "threads": 1}
X, Y = torch.randn(37, 5, generator=torch.Generator().manual_seed(0)), torch.arange(37) % 3


def net():
    torch.manual_seed(1)
    return nn.Sequential(nn.Linear(5, 8), nn.Tanh(), nn.Linear(8, 3))


def jacobian(model, batch):
    return functional.jacobian(lambda x: model(x).sum(0), batch[0], create_graph=True).square().sum((0, 2))


def jacobian_beside_much(model, batch):  # a small term in a large one
    return F.cross_entropy(model(batch[0]), batch[1], reduction="none") + 1e-3 * jacobian(model, batch)


def vjp(model, batch):
    return functional.vjp(lambda x: model(x).sum(0), batch[0], torch.ones(3), create_graph=True)[1].square().sum(1)


def hvp(model, batch):
    return functional.hvp(lambda x: model(x).square().sum(), batch[0], torch.ones_like(batch[0]))[1].square().sum(1)


def guarded(model, batch):
    inputs = batch[0].detach().requires_grad_()
    outputs = model(inputs)
    if not outputs.requires_grad:
        return outputs.square().sum(1)
    return outputs.square().sum(1) + torch.autograd.grad(outputs.sum(), inputs)[0].square().sum(1)


def suppressed(model, batch):
    outputs = model(batch[0])
    try:
        found = torch.autograd.grad(outputs.square().sum(), list(model.parameters()))
    except RuntimeError:
        return outputs.square().mean()
    return outputs.square().mean() + sum(each.square().sum() for each in found)


@pytest.mark.parametrize("precision", ["fp32", "fp64", "bf16"])
@pytest.mark.parametrize("loss", [jacobian, jacobian_beside_much, vjp, hvp, guarded, suppressed])
def test_a_loss_that_gives_another_number_without_gradients_has_that_of_plain_torch(loss, precision, capsys):
    found = ll.line(model=net(), data=[(X, Y)], loss=loss, precision=precision, **EXACT)
    wanted = loss(net(), (X, Y)).mean().item()
    assert found.at_origin("train_loss") == pytest.approx(wanted, rel=5e-2 if precision == "bf16" else 1e-5)
    said = capsys.readouterr().err
    if loss in (guarded, suppressed):  # the others switch gradients on themselves
        kind = "parameters" if loss is suppressed else "inputs"
        assert f"the loss differentiates by {kind}, so it is evaluated with gradients" in said
    else:
        assert "evaluated with gradients" not in said


def test_so_has_a_net_that_takes_derivatives_in_its_forward_pass():
    class Normalized(nn.Module):
        def __init__(self):
            super().__init__()
            self.inside = net()

        def forward(self, inputs):
            slopes = functional.jacobian(lambda x: self.inside(x).sum(0), inputs).square().sum((0, 2))
            return self.inside(inputs) / (1 + slopes[:, None])

    model = Normalized()
    wanted = F.cross_entropy(model(X), Y).item()
    assert ll.line(model=model, data=(X, Y), quiet=True, **EXACT).at_origin("train_loss") == pytest.approx(wanted)


def test_a_loss_without_derivatives_is_evaluated_without_gradients(capsys):
    seen = []

    def loss(outputs, targets):
        seen.append(outputs.requires_grad)
        return F.cross_entropy(outputs, targets, reduction="none")

    ll.line(model=net(), data=(X, Y), loss=loss, **EXACT)
    assert True in seen and not any(seen[-3:])  # it was tried with gradients, and the points are without
    assert "gradients" not in capsys.readouterr().err
