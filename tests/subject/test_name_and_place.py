"""Named tuples whose names and places say other targets are read by one of them, and a note says by which."""

from typing import NamedTuple

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader

import landscape as ll

made = torch.Generator().manual_seed(0)
X, T = torch.randn(20, 5, generator=made), torch.randn(20, 5, generator=made)


class NameFirst(NamedTuple):
    y: Tensor
    t: Tensor


class InputLast(NamedTuple):
    t: Tensor
    x: Tensor


class Usual(NamedTuple):
    x: Tensor
    y: Tensor


class Exchanged(NamedTuple):
    y: Tensor
    x: Tensor


class Weighted(NamedTuple):
    x: Tensor
    y: Tensor
    weight: Tensor


class Kinds(NamedTuple):
    label: Tensor
    image: Tensor


def cleaned(model, batch):
    return (model(batch.y) - batch.t).square().mean(1)


def measured(data, loss, capsys):
    torch.manual_seed(1)
    net = nn.Linear(5, 5)
    found = ll.line(model=net, data=data, loss=loss, x=(-1, 1, 3), threads=1).at_origin("train_loss")
    return found, net, capsys.readouterr().err


FORMS = {
    "bare": lambda kind: kind(X, T),
    "a list": lambda kind: [kind(X[:9], T[:9]), kind(X[9:], T[9:])],
    "a DataLoader": lambda kind: DataLoader([kind(x, t) for x, t in zip(X, T, strict=True)], batch_size=7),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_name_of_targets_in_another_place_is_noted(form, capsys):
    found, net, said = measured(FORMS[form](NameFirst), "mse", capsys)
    assert found == pytest.approx(F.mse_loss(net(T), X).item(), rel=1e-5)
    assert said.count("the targets of NameFirst(y, t) are y, by its name; if they are t, give ll.Loss(your_loss, ") == 1
    found, net, said = measured(FORMS[form](NameFirst), ll.Loss("mse", inputs="y", targets="t"), capsys)
    assert found == pytest.approx(F.mse_loss(net(X), T).item(), rel=1e-5) and "the targets of" not in said


def test_a_name_of_inputs_in_the_place_of_the_targets_is_noted(capsys):
    found, net, said = measured(InputLast(T, X), "mse", capsys)
    assert found == pytest.approx(F.mse_loss(net(T), X).item(), rel=1e-5)
    assert "the targets of InputLast(t, x) are x, the last part; if they are t, give ll.Loss(" in said


def test_names_in_their_places_and_targets_of_another_kind_need_no_note(capsys):
    found, net, said = measured(Usual(X, T), "mse", capsys)
    assert found == pytest.approx(F.mse_loss(net(X), T).item(), rel=1e-5) and "the targets of" not in said
    kinds = torch.arange(20) % 5
    found, net, said = measured([Kinds(kinds, X)], "cross_entropy", capsys)
    assert found == pytest.approx(F.cross_entropy(net(X), kinds).item(), rel=1e-5) and "the targets of" not in said
    assert "the targets of" not in measured(NameFirst(X, T), cleaned, capsys)[2]
    assert "the targets of" not in measured([Exchanged(T, X)], "mse", capsys)[2]  # both names agree


def test_of_more_than_two_parts_names_alone_say_which_they_are(capsys):
    """The last part may be weights or a mask, which nobody means as targets."""

    class TakesBoth(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(5, 5)

        def forward(self, inputs):
            return self.layer(inputs["x"]) * inputs["weight"]

    net, weight = TakesBoth(), torch.rand(20, 5, generator=made)
    found = ll.line(model=net, data=[Weighted(X, T, weight)], loss="mse", x=(-1, 1, 3), threads=1)
    assert found.at_origin("train_loss") == pytest.approx(F.mse_loss(net.layer(X) * weight, T).item(), rel=1e-5)
    assert "the targets of" not in capsys.readouterr().err
