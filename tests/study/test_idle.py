"""Parameters without a part in the values are named, and no others."""

import pytest
import torch
from torch import nn

import landscape as ll


class Net(nn.Module):
    """`branch`: which of the two layers are in use."""

    def __init__(self, branch: str = "first"):
        super().__init__()
        torch.manual_seed(0)
        self.first, self.second, self.last = nn.Linear(4, 5), nn.Linear(4, 5), nn.Linear(5, 3)
        self.gate = nn.Parameter(torch.ones(2, 2))
        self.branch = branch

    def forward(self, x):
        hidden = 0.0
        if self.branch in ("first", "both", "functional"):
            hidden = hidden + self.first(x)
        if self.branch == "both":
            hidden = hidden + self.second(x)
        if self.branch == "functional":
            hidden = hidden + x @ self.second.weight.T + self.second.bias
        if self.branch != "first":
            hidden = hidden + self.gate.data.sum()
        return self.last(torch.relu(hidden))


@pytest.fixture
def data():
    source = torch.Generator().manual_seed(0)
    return torch.randn(12, 4, generator=source), torch.randint(0, 3, (12,), generator=source)


def said(capsys, data, net, **options) -> str:
    ll.surface(model=net, data=data, x="-1:1:2", y="-1:1:2", **options)
    return "".join(line for line in capsys.readouterr().err.splitlines() if "no part in the values" in line)


def test_a_layer_that_is_not_in_use_is_named(capsys, data):
    """By default biases rest, so they are not named."""
    assert "Net: gate and second.weight have no part in the values of the first samples" in said(capsys, data, Net())
    assert "Net: gate, second.weight and second.bias have" in said(capsys, data, Net(), ignore="none")
    assert "second.weight and second.bias have no part" in said(capsys, data, Net(), only="type:Linear")


@pytest.mark.parametrize("branch", ["both", "functional"])
def test_what_is_read_in_any_way_is_in_use(capsys, data, branch):
    """By a layer, by a function, or past autograd."""
    assert not said(capsys, data, Net(branch))


def test_what_rests_is_not_named(capsys, data):
    assert not said(capsys, data, Net(), only="first.*")


def test_operations_out_of_sight_name_nothing(capsys, data):
    scripted = torch.jit.trace(nn.Linear(4, 3), torch.zeros(1, 4))
    with pytest.raises(ll.LandscapeError):
        said(capsys, data, scripted)
    inner = nn.Sequential(nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 3))
    assert not said(capsys, data, torch.compile(inner, backend="eager"))
