"""Nets with complex parameters: their surfaces, directions, penalties and curvature are those of plain torch on both parts."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

import landscape as ll
from landscape.direction.filters import filter_rules
from landscape.direction.normalize import normalized
from landscape.direction.random import gaussian
from landscape.layout import Layout, placed, real_form

GENERATOR = torch.Generator().manual_seed(3)
INPUTS = torch.randn(20, 4, generator=GENERATOR, dtype=torch.float64)
LABELS = torch.randint(0, 3, (20,), generator=GENERATOR)
USUAL = {"data": (INPUTS, LABELS), "precision": "fp64", "quiet": True}


class Waves(nn.Module):
    """A complex layer, a complex buffer that must keep its imaginary part, and a real layer."""

    def __init__(self, seed: int = 0):
        super().__init__()
        torch.manual_seed(seed)
        self.first = nn.Linear(4, 5, dtype=torch.complex64)
        self.last = nn.Linear(5, 3)
        self.register_buffer("turn", torch.polar(torch.ones(5), torch.arange(5.0)))

    def forward(self, inputs):
        waves = self.first(inputs.to(self.first.weight.dtype)) * self.turn
        return self.last((waves + 0.3j).abs() + waves.real)


def wide(seed: int = 0) -> Waves:
    return placed(Waves(seed), torch.device("cpu"), torch.float64)


def loss_at(net: nn.Module) -> float:
    with torch.no_grad():
        return float(F.cross_entropy(net(INPUTS), LABELS))


@pytest.mark.parametrize("norm", ["filter", "none"])
def test_a_line_is_that_of_plain_torch_along_filters_of_the_same_norms(norm):
    found = ll.line(model=Waves(), x=(-1, 1, 3), norm=norm, ignore="biasbn", l2=0.1, **USUAL)
    net = wide()
    own = dict(net.named_parameters())
    # both parts are independent; biases are told by their own number of dimensions
    drawn = gaussian({name: real_form(each.detach()) for name, each in own.items()}, seed=0, axis=0)
    start = {name: each.detach().clone() for name, each in own.items()}
    for index, place in enumerate(found.x):
        square = 0.0
        for name, parameter in own.items():
            step = torch.view_as_complex(drawn[name].double()) if parameter.is_complex() else drawn[name].double()
            if norm == "filter" and parameter.ndim > 1:
                norms = [torch.linalg.vector_norm(each, dim=1, keepdim=True) for each in (start[name], step)]
                step = step * norms[0] / norms[1]
            parameter.data = start[name] + place * (step if parameter.ndim > 1 else 0 * step)
            square += float(parameter.detach().abs().square().sum())
        assert found.values["train_loss"][index] == pytest.approx(loss_at(net), rel=1e-6)
        assert found.values["train_loss_l2"][index] == pytest.approx(loss_at(net) + 0.05 * square, rel=1e-6)


def test_the_own_net_is_unchanged_and_the_other_end_is_reached():
    one, two = Waves(), Waves(1)
    before = {name: each.clone() for name, each in one.state_dict().items()}
    found = ll.line(model=one, to=two, x=(0, 1, 2), **USUAL)
    assert found.values["train_loss"].tolist() == pytest.approx([loss_at(wide()), loss_at(wide(1))], rel=1e-6)
    for name, each in one.state_dict().items():
        assert torch.equal(each, before[name]) and each.dtype == before[name].dtype


@pytest.mark.parametrize("products", ["graph", "differences"])
def test_the_hessian_is_that_by_both_parts(products):
    found = ll.spectrum(model=Waves(), ignore="none", products=products, top=2, bottom=0, **USUAL)
    net = wide()
    layout = Layout.of(net)
    flat = layout.flatten(layout.tensors(net), dtype=torch.float64)
    kept = torch.cat([torch.arange(e.offset, e.offset + e.numel) for e in layout.entries])

    def loss(weights):
        whole = torch.zeros(layout.size, dtype=torch.float64).index_put((kept,), weights)
        tensors = {entry.name: entry.own(view) for entry, view in layout.views(whole)}
        return F.cross_entropy(torch.func.functional_call(net, tensors, (INPUTS,)), LABELS)

    exact = torch.linalg.eigvalsh(torch.autograd.functional.hessian(loss, flat[kept]))
    values = np.sort(found.blocks["all parameters"].values)[::-1]
    assert len(kept) == found.blocks["all parameters"].dimension == 2 * 25 + 18
    np.testing.assert_allclose(values[:2], exact.flip(0)[:2].numpy(), rtol=1e-4)


def test_a_filter_of_a_complex_layer_is_its_row_of_both_parts():
    net = Waves()
    reference = {name: real_form(each.detach()) for name, each in net.named_parameters()}
    found = normalized(gaussian(reference, seed=1, axis=0), reference, filter_rules(net), ignore="none")
    rows = torch.view_as_complex(found["first.weight"])
    torch.testing.assert_close(
        torch.linalg.vector_norm(rows, dim=1), torch.linalg.vector_norm(net.first.weight.detach(), dim=1)
    )
    torch.testing.assert_close(found["first.bias"].norm(dim=1), net.first.bias.detach().abs())


class Turned(nn.Module):
    """Real parameters and a complex buffer, as rotary embeddings and Fourier layers have."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.linear = nn.Linear(4, 3)
        self.register_buffer("turn", torch.polar(torch.ones(3), torch.arange(3.0)))

    def forward(self, inputs):
        return (self.linear(inputs) * self.turn).imag


def test_a_complex_buffer_keeps_its_imaginary_part():
    found = ll.line(model=Turned(), x=(-1, 1, 3), **USUAL)
    own = placed(Turned(), torch.device("cpu"), torch.float64)
    assert own.turn.dtype == torch.complex128
    assert found.at_origin("train_loss") == pytest.approx(loss_at(own), rel=1e-9)


def test_flatness_of_complex_nets_is_refused():
    with pytest.raises(ll.UsageError, match="has complex parameters, for which measures of flatness are not defined"):
        ll.flatness([Waves()], **USUAL)


def test_training_and_paths_between_nets_move_both_parts(tmp_path):
    net = Waves()
    before = {name: each.clone() for name, each in net.state_dict().items()}
    data = {"train": (INPUTS.float(), LABELS)}
    run = ll.train(model=net, data=data, epochs=1, batch_size=10, lr=0.1, out=tmp_path / "run", quiet=True)
    after = run.model.state_dict()
    moved = (after["first.weight"] - before["first.weight"]).abs()
    assert after["first.weight"].is_complex() and moved.max() > 0
    assert (after["first.weight"] - before["first.weight"]).imag.abs().max() > 0
    assert torch.equal(after["turn"], before["turn"])
    torch.save(Waves(1).state_dict(), tmp_path / "other.pt")
    torch.save(before, tmp_path / "net.pt")
    found = ll.connect(
        [tmp_path / "net.pt", tmp_path / "other.pt"], model=f"{__file__}:Waves", data=data, points=3, curve="bezier", epochs=1,
        batch_size=10, quiet=True,
    )  # fmt: skip
    assert np.isfinite(found.values["train_loss"]).all()
