"""The hash of what a module computes: one for equal functions, others for other functions with the same weights."""

import copy
import functools

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from landscape.subject.program import program_of, unlike


def net(function, scale=1.0, layer=nn.ReLU):
    class Net(nn.Sequential):
        def __init__(self):
            super().__init__(nn.Linear(3, 2), layer())
            self.function, self.scale, self.named = function, scale, {"b", "a", "c"}

        def forward(self, x):
            return self.scale * self.function(super().forward(x))

    return Net()


def minus():
    class Net(nn.Sequential):
        def __init__(self):
            super().__init__(nn.Linear(3, 2), nn.ReLU())
            self.function, self.scale, self.named = F.relu, 1.0, {"b", "a", "c"}

        def forward(self, x):
            return self.scale - self.function(super().forward(x))

    Net.__qualname__ = type(net(F.relu)).__qualname__
    return Net()


def scaled(factor):
    return lambda x: factor * x


def test_a_copy_in_another_mode_with_other_weights_is_the_same():
    one = net(F.relu)
    other = copy.deepcopy(one).eval().double().requires_grad_(False)
    with torch.no_grad():
        other[0].weight.add_(1)
    assert program_of(one) == program_of(other) == program_of(net(F.relu))


@pytest.mark.parametrize(
    "other",
    [
        net(torch.tanh), net(F.relu, 2.0), net(F.relu, layer=nn.Tanh), minus(), net(lambda x: x + 1), net(lambda x: x - 1),
        net(scaled(2)), net(scaled(3)), net(functools.partial(F.softmax, dim=0)), net(functools.partial(F.softmax, dim=1)),
    ],
)  # fmt: skip
def test_another_function_has_another_hash(other):
    assert program_of(other).digest != program_of(net(F.relu)).digest


def test_functions_differ_by_their_code_and_by_what_they_were_made_with():
    pairs = [
        (lambda x: x + 1, lambda x: x - 1), (scaled(2), scaled(3)),
        (functools.partial(F.softmax, dim=0), functools.partial(F.softmax, dim=1)),
    ]  # fmt: skip
    for one, other in pairs:
        assert program_of(net(one)).digest != program_of(net(other)).digest


@pytest.mark.parametrize(
    "other, said",
    [
        (net(F.relu, 2.0), "setting scale is 1.0 in the first, 2.0 in the second"), (net(torch.tanh), "setting function "),
        (net(F.relu, layer=nn.Tanh), "class ReLU is in the first only"), (minus(), "code of class "),
    ],
)  # fmt: skip
def test_what_two_nets_differ_in_beside_their_weights_is_named(other, said):
    assert unlike(program_of(net(F.relu)), program_of(other)).startswith(said)
    assert unlike(program_of(other), program_of(copy.deepcopy(other).double())) is None


def test_what_a_librarys_layer_has_evaluated_is_no_setting():
    seen, checkpointed = net(F.relu), net(F.relu)
    fresh = net(F.relu)
    fresh[1].cache, seen[1].cache, checkpointed[1].cache = {}, {"cpu": torch.ones(2)}, {"cpu": 2.0}
    assert program_of(seen).digest == program_of(fresh).digest != program_of(checkpointed).digest
    seen[1].gradient_checkpointing, fresh[1].gradient_checkpointing = True, False
    assert program_of(seen).digest == program_of(fresh).digest


def test_what_only_the_optimizers_are_made_with_is_no_setting():
    class Lit(nn.Module):
        def __init__(self, power, **given):
            super().__init__()
            self._hparams, self.rate, self.power = given, given["lr"], power
            self.inner = nn.Linear(3, 2)

        @property
        def hparams(self):
            return self._hparams

        def forward(self, x):
            return self.inner(x) ** self.power * self.hparams["scale"]

        def configure_optimizers(self):
            scaled = self.hparams["lr"] * self.hparams["scale"] * self.power
            return torch.optim.SGD(self.parameters(), self.rate * scaled)

    usual = {"lr": 0.1, "scale": 1.0, "power": 2}
    first = program_of(Lit(**usual))
    assert program_of(Lit(**usual | {"lr": 0.2})) == first
    assert "power" in unlike(first, program_of(Lit(**usual | {"power": 3})))
    assert "_hparams" in unlike(first, program_of(Lit(**usual | {"scale": 3.0})))
