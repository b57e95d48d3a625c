"""What is said of a net of another architecture, by every command that takes a second one."""

import pytest
import torch
from torch import nn
from torch.nn.utils import prune

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


class Buffered(nn.Module):
    """`numbers`: subtracted from the inputs. `places`: the order of their columns. `count`: read by nothing."""

    def __init__(self, numbers=0.0, places=(0, 1, 2, 3, 4, 5), count=0):
        super().__init__()
        self.inner = nn.Linear(6, 3)
        self.register_buffer("numbers", torch.full((6,), numbers))
        self.register_buffer("places", torch.tensor(places))
        self.register_buffer("count", torch.tensor(float(count)))

    def forward(self, x):
        return self.inner(x[:, self.places] - self.numbers)


def pruned(seed: int) -> nn.Module:
    torch.manual_seed(seed)
    made = nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 3))
    prune.l1_unstructured(made[0], "weight", 0.5)
    return made


def normal() -> nn.Module:
    return nn.Sequential(nn.Linear(6, 5), nn.BatchNorm1d(5), nn.Linear(5, 3))


def trained() -> nn.Module:
    """With batch norm whose statistics are not those of `normal`."""
    made = normal().train()
    for _ in range(3):
        made(DATA[0])
    return made.eval()


def value(module: nn.Module) -> float:
    return float(nn.functional.cross_entropy(module(DATA[0]), DATA[1]).detach())


BUFFERS = {
    "numbers": (Buffered(), Buffered(numbers=2.0), "numbers"),
    "places": (Buffered(), Buffered(places=(5, 4, 3, 2, 1, 0)), "places"),
    "masks": (pruned(0), pruned(1), "0.weight_mask"),
}


@pytest.mark.parametrize("file", [False, True])
@pytest.mark.parametrize("kind", BUFFERS)
def test_buffers_of_a_second_net_that_stay_behind_are_named_where_values_depend_on_them(kind, file, capsys):
    one, other, name = BUFFERS[kind]
    to = ll.Checkpoint(other.state_dict()) if file else other
    found = ll.line(model=one, to=to, data=DATA, x="0:1:2")
    assert found.values["train_loss"][1] != pytest.approx(value(other), rel=1e-4)
    assert f"has other buffers, which rest ({name})" in "".join(capsys.readouterr())


@pytest.mark.parametrize("one, other", [(Buffered(), Buffered(count=5)), (normal(), trained())])
def test_nothing_is_said_of_buffers_that_move_or_decide_nothing(one, other, capsys):
    found = ll.line(model=one.eval(), to=other, data=DATA, x="0:1:2")
    assert found.values["train_loss"][1] == pytest.approx(value(other), rel=1e-5)
    assert "other buffers" not in "".join(capsys.readouterr())


class Shifted(nn.Module):
    """With the place of the largest output as a parameter of a whole number."""

    def __init__(self, place, factor=1.0):
        super().__init__()
        torch.manual_seed(0)
        self.layer, self.place = nn.Linear(4, 3), nn.Parameter(torch.tensor([place]), requires_grad=False)
        self.layer.weight.data.mul_(factor)

    def forward(self, x):
        return self.layer(x).roll(int(self.place), 1)


def test_a_parameter_of_whole_numbers_that_differs_is_named(capsys):
    data = torch.randn(12, 4), torch.randint(3, (12,))
    one, other = Shifted(0), Shifted(1, 1.5)
    ll.line(model=one, to=other, data=data, x=(0, 1, 3))
    said = capsys.readouterr().err
    assert "the second net, has other parameters of whole numbers, which rest (place)" in said
    assert "are evaluated with those of the first" in said
    assert int(one.place) == 0 and int(other.place) == 1
    for net, scale in ((one, 1.0), (other, 2.0)):
        net.register_buffer("scale", torch.tensor(scale))
        net.register_forward_hook(lambda net, given, found: found * net.scale)
    ll.line(model=one, to=other, data=data, x=(0, 1, 3))
    assert "has other buffers and parameters of whole numbers, which rest (" in capsys.readouterr().err
    ll.line(model=Shifted(0), to=Shifted(0, 1.5), data=data, x=(0, 1, 3))
    assert "whole numbers" not in capsys.readouterr().err
