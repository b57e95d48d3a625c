"""A gradient that is not the slope of the loss, and second derivatives that are not those of the gradient, are named."""

import re

import numpy as np
import pytest
import torch
from torch import nn

from landscape.curvature.agreement import _other_slope

GENERATOR = torch.Generator().manual_seed(1)
DATA = torch.randn(40, 4, generator=GENERATOR), torch.randint(0, 3, (40,), generator=GENERATOR)


class Two(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.first, self.last = nn.Linear(4, 3, bias=False), nn.Linear(3, 3, bias=False)

    def forward(self, x):
        return self.last(torch.tanh(self.first(x)))


class Detached(Two):
    def forward(self, x):
        found = super().forward(x)
        return found + found.detach()


class _Reversed(torch.autograd.Function):
    @staticmethod
    def forward(context, x):
        return x.clone()

    @staticmethod
    def backward(context, gradient):
        return -gradient


class Reversed(Two):
    def forward(self, x):
        return self.last(_Reversed.apply(torch.tanh(self.first(x))))


class Hooked(Two):
    def forward(self, x):
        hidden = torch.tanh(self.first(x))
        if hidden.requires_grad:
            hidden.register_hook(lambda gradient: 0.1 * gradient)
        return self.last(hidden)


class StraightThrough(Two):
    def forward(self, x):
        hidden = torch.tanh(self.first(x))
        return self.last(hidden + ((8 * hidden).round() / 8 - hidden).detach())


class _Once(torch.autograd.Function):
    """The right gradient, from a result that torch does not know to depend on the input."""

    @staticmethod
    def forward(context, x):
        context.found = torch.from_numpy(np.exp(x.detach().numpy()))
        return context.found.clone()

    @staticmethod
    def backward(context, gradient):
        return gradient * context.found


class WrongSecond(Two):
    def forward(self, x):
        return self.last(_Once.apply(0.3 * self.first(x)))


class Kinks(Two):
    def forward(self, x):
        return self.last(torch.relu(self.first(x)).abs())


class Narrow(Two):
    """Computed in float32, whatever its weights are in: small differences are rounding."""

    def forward(self, x):
        hidden = torch.tanh(x.float() @ self.first.weight.float().T)
        return (hidden @ self.last.weight.float().T).to(x.dtype)


class Shifted(Two):
    """A batch norm and a pooling of absolute values."""

    def __init__(self):
        super().__init__()
        self.norm = nn.BatchNorm1d(3)

    def forward(self, x):
        return self.last(self.norm(self.first(x)).abs())


@pytest.fixture
def operator(products):
    return lambda kind, precision: products(kind(), DATA, precision=precision)


@pytest.mark.parametrize("kind", [Detached, Reversed, Hooked, StraightThrough])
@pytest.mark.parametrize("precision", ["fp32", "fp64"])
def test_a_gradient_of_another_function_is_noted(operator, kind, precision):
    notes = " ".join(operator(kind, precision).notes)
    assert "torch's gradient says" in notes and "curvature is that of the gradient, not of the surface" in notes


@pytest.mark.parametrize("kind", [Two, Kinks, Shifted, Narrow])
@pytest.mark.parametrize("precision", ["fp32", "fp64"])
def test_a_net_that_is_differentiated_right_has_nothing_noted(operator, kind, precision):
    assert operator(kind, precision).notes == []


def test_wrong_second_derivatives_are_replaced_by_differences(operator):
    """Beside autograd on the same net without the hand-written function."""

    class Right(Two):
        def forward(self, x):
            return self.last(torch.exp(0.3 * self.first(x)))

    wrong, right = operator(WrongSecond, "fp64"), operator(Right, "fp64")
    assert wrong.backend == "differences" and "off by" in wrong.notes[0]
    vector = right.gaussian(0)
    np.testing.assert_allclose(wrong(vector).numpy(), right(vector).numpy(), rtol=1e-4, atol=1e-6)


TOKENS = torch.randint(1, 6, (40, 5), generator=GENERATOR)
TOKENS[:, 3:] = 0


class Tokens(nn.Module):
    def __init__(self, tied=False, detached=False, **settings):
        super().__init__()
        torch.manual_seed(0)
        self.detached = detached
        self.plain, self.embed, self.last = (
            nn.Embedding(6, 3),
            nn.Embedding(6, 3, **settings),
            nn.Linear(3, 6, bias=False),
        )
        if tied:
            self.last.weight = self.embed.weight
        with torch.no_grad():
            self.embed.weight.normal_()

    def forward(self, tokens):
        found = self.last((self.embed(tokens).mean(1) + self.plain(tokens[:, 0])).tanh())
        return found + found.detach() if self.detached else found


def torchs(net, data):
    """(what torch says of the loss along the padding row, the central difference along it)."""
    row, loss = net.embed.weight, nn.functional.cross_entropy
    loss(net(data[0]), data[1]).backward()
    ends = []
    for sign in (-1, 1):
        with torch.no_grad():
            row[0] += sign * 1e-3
            ends.append(loss(net(data[0]), data[1]).item())
            row[0] -= sign * 1e-3
    return row.grad[0].sum().item(), (ends[1] - ends[0]) / 2e-3


@pytest.mark.parametrize("precision", ["fp32", "fp64"])
@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"padding_idx": 0}, r"the embedding embed.weight gives row 0 no gradient \(padding_idx\)"),
        ({"padding_idx": 0, "tied": True}, r"embed.weight gives row 0 no gradient \(padding_idx\)"),
        ({"scale_grad_by_freq": True}, r"embed.weight counts rows the less .*\(scale_grad_by_freq\)"),
        ({"padding_idx": 0, "detached": True}, r"padding_idx\), .* depends on it, and part of the net .* is detached"),
    ],
)
def test_an_embedding_whose_gradient_torch_changes_is_named(products, settings, said, precision):
    data = TOKENS, DATA[1]
    notes = products(Tokens(**settings), data, precision=precision).notes
    assert re.search(said, notes[0]) and ("detached" in notes[0]) == ("detached" in settings)
    if settings == {"padding_idx": 0}:
        by_torch, slope = torchs(Tokens(**settings), data)
        assert by_torch == 0 and abs(slope) > 1e-4


@pytest.mark.parametrize("settings", [{}, {"padding_idx": 0}])
def test_an_embedding_whose_padding_does_not_count_has_nothing_noted(products, settings):
    assert products(Tokens(**settings), (TOKENS.clamp(min=1), DATA[1])).notes == []


class Functional(Tokens):
    def forward(self, tokens):
        rows = nn.functional.embedding(tokens, self.embed.weight, padding_idx=0)
        return self.last((rows.mean(1) + self.plain(tokens[:, 0])).tanh())


def test_an_embedding_that_is_no_layer_is_among_what_is_named(products):
    data = TOKENS, DATA[1]
    by_torch, slope = torchs(Functional(), data)
    assert by_torch == 0 and abs(slope) > 1e-4
    assert "as F.embedding with padding_idx" in products(Functional(), data).notes[0]


def test_along_a_vector_that_happens_to_be_level_rounding_is_no_difference():
    """`usual` is how much a random direction changes the loss."""
    assert _other_slope(1e-6, [3e-6, 3e-6], usual=1.0) == ""
    assert "says 0.5, and the loss changes by 1" in _other_slope(0.5, [1.0, 1.0], usual=1.0)
    assert _other_slope(0.5, [1.0, 1.5], usual=1.0) == ""  # a kink: the steps themselves do not agree
