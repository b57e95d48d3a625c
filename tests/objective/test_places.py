"""A net whose evaluation replaces its weights by other tensors would not follow the plane, so it is refused."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils import parameters_to_vector, prune, vector_to_parameters

from landscape.errors import EvaluationError

GENERATOR = torch.Generator().manual_seed(2)
INPUTS, TARGETS = torch.randn(20, 6, generator=GENERATOR), torch.randint(0, 3, (20,), generator=GENERATOR)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.first, self.last = nn.Linear(6, 5), nn.Linear(5, 3)

    def forward(self, x):
        return self.last(self.first(x).tanh())


class InFloat32(Net):
    """The last layer in another precision, as for losses that need it."""

    def forward(self, x):
        self.last.float()
        found = self.last(self.first(x).tanh().float()).double()
        self.last.double()
        return found


class Normalized(Net):
    def forward(self, x):
        self.first.weight.data = F.normalize(self.first.weight.data)
        return super().forward(x)


class Made(Net):
    def forward(self, x):
        self.first.weight = nn.Parameter(self.first.weight.detach() * 1.0)
        return super().forward(x)


def loss_of(model, batch):
    return F.cross_entropy(model(batch[0]), batch[1], reduction="none")


def perturbed(model, batch):
    before = parameters_to_vector(model.parameters()).detach().clone()
    vector_to_parameters(before * 1.3, model.parameters())
    found = loss_of(model, batch)
    vector_to_parameters(before, model.parameters())
    return found


def assigned(model, batch):
    state = {name: value.clone() for name, value in model.state_dict().items()}
    model.load_state_dict({name: value * 1.3 for name, value in state.items()}, assign=True)
    found = loss_of(model, batch)
    model.load_state_dict(state, assign=True)
    return found


def pruned(model, batch):
    prune.l1_unstructured(model.first, "weight", 0.5)
    found = loss_of(model, batch)
    prune.remove(model.first, "weight")
    return found


@pytest.mark.parametrize("net", [InFloat32, Normalized, Made])
def test_a_net_that_replaces_its_weights_is_refused(net, objective):
    of = objective(net(), (INPUTS.double(), TARGETS))
    with pytest.raises(EvaluationError, match=r"replaces (first|last)\.weight.*write into the tensor"):
        of.check()


@pytest.mark.parametrize("loss", [perturbed, assigned, pruned])
def test_a_loss_that_replaces_weights_is_refused(loss, objective):
    of = objective(Net(), (INPUTS.double(), TARGETS), loss)
    with pytest.raises(EvaluationError, match=r"replaces first\.weight"):
        of.check()


def copied(model, batch):
    before = [parameter.clone() for parameter in model.parameters()]
    with torch.no_grad():
        for parameter, old in zip(model.parameters(), before, strict=True):
            parameter.copy_(old * 1.3)
        found = loss_of(model, batch)
        for parameter, old in zip(model.parameters(), before, strict=True):
            parameter.copy_(old)
    return found


def test_a_loss_that_writes_into_weights_and_back_follows_the_plane(objective):
    of, net = objective(Net(), (INPUTS.double(), TARGETS), copied), Net().double()
    of.check()
    moved = parameters_to_vector(net.parameters()).detach() * 0.7
    of.weights.copy_(of.layout.flatten(dict(net.named_parameters()), dtype=torch.float64) * 0.7)
    vector_to_parameters(moved * 1.3, net.parameters())
    expected = F.cross_entropy(net(INPUTS.double()), TARGETS).item()
    assert of.evaluate()["train_loss"] == pytest.approx(expected, rel=1e-12)
