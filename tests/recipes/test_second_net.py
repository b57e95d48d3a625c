"""What is said of a net of another architecture, by every command that takes a second one."""

import pytest
import torch
from torch import nn

import landscape as ll
from landscape.errors import CheckpointError

DATA = (torch.randn(12, 6), torch.arange(12) % 3)


class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(6, 6), nn.Linear(6, 6)
        self.second.weight = self.first.weight

    def forward(self, x):
        return self.second(self.first(x).relu())[:, :3]


def net(width: int = 5) -> nn.Module:
    torch.manual_seed(width)
    return nn.Sequential(nn.Linear(6, width), nn.ReLU(), nn.Linear(width, 3))


COMMANDS = {
    "connect": lambda one, other: ll.connect([one, other], data=DATA, points=2, quiet=True),
    "align": lambda one, other: ll.align(one, other, torch.zeros(1, 6)),
    "line": lambda one, other: ll.line(model=one, to=other, data=DATA, x="0:1:2", quiet=True),
    "trajectory": lambda one, other: ll.trajectory(
        [[other, ll.Checkpoint(one.state_dict())]], model=one, data=DATA, x="auto:3", y="auto:3", quiet=True
    ),
}


@pytest.mark.parametrize("command", COMMANDS)
def test_a_second_net_of_another_architecture_is_refused_with_an_advice_that_can_be_followed(command):
    """`model` names the first net, so that it cannot help a second one."""
    with pytest.raises(
        CheckpointError, match=r"does not fit Sequential: of another shape 0\.weight .*one architecture"
    ) as caught:
        COMMANDS[command](net(), ll.Checkpoint(net(4).state_dict(), source="other.pt"))
    assert "model=" not in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("command", COMMANDS)
def test_so_is_one_with_two_tensors_where_the_first_net_has_one(command):
    parted = {**Tied().state_dict(), "second.weight": torch.ones(6, 6)}
    with pytest.raises(CheckpointError, match="first.weight and second.weight are one tensor there") as caught:
        COMMANDS[command](Tied(), ll.Checkpoint(parted, source="other.pt"))
    assert "model=" not in str(caught.value) and "one architecture" in str(caught.value)


def test_the_advice_on_a_first_net_is_not_what_was_done_already():
    other = ll.Checkpoint(net(4).state_dict(), source="other.pt")
    with pytest.raises(CheckpointError, match="give the model that it fits, or another checkpoint"):
        ll.line(other, model=net(), data=DATA, x="0:1:2", quiet=True)
