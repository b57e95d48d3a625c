"""A class, or a function without parameters, that a spec names as loss, metric, model or data is made into an object of it; where
that cannot be, one line says what to name.
"""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

import landscape as ll
from landscape.callables import resolve_callable, resolve_function
from landscape.errors import LandscapeError
from landscape.made import one_run

FILE = """
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import Dataset

class Net(nn.Linear):
    def __init__(self, width=3):
        super().__init__(5, width)

class Sized(Net):
    def __init__(self, width):
        super().__init__(width)

class Squared(nn.Module):
    def forward(self, outputs, targets):
        return F.cross_entropy(outputs, targets, reduction="none") ** 2

class Power:
    def __init__(self, power):
        self.power = power
    def __call__(self, outputs, targets):
        return F.cross_entropy(outputs, targets, reduction="none") ** self.power

class Right:
    def __call__(self, outputs, targets):
        return (outputs.argmax(1) == targets).float()

class Pairs(Dataset):
    def __init__(self):
        torch.manual_seed(1)
        self.inputs, self.kinds = torch.randn(30, 5), torch.randint(0, 3, (30,))
    def __len__(self):
        return 30
    def __getitem__(self, i):
        return self.inputs[i], self.kinds[i]

class OfPath(Pairs):
    def __init__(self, path):
        super().__init__()

class Warming:
    "Weighs the first steps of a training less, and counts them."
    def __init__(self):
        self.steps = 0
    def __call__(self, model, batch):
        self.steps += model.training
        weight = min(1.0, self.steps / 10) if model.training else 1.0
        return weight * F.cross_entropy(model(batch[0]), batch[1], reduction="none")

def warming():
    return Warming()

def squared():
    return Power(2)

def three():
    return 3

pairs = Pairs()
"""


@pytest.fixture
def task(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "task.py").write_text(FILE)
    torch.manual_seed(0)
    net = nn.Linear(5, 3)
    torch.save(net.state_dict(), "net.pt")
    torch.manual_seed(1)
    return net, torch.randn(30, 5), torch.randint(0, 3, (30,))


def line(**given):
    return ll.line("net.pt", x=(-1, 1, 3), quiet=True, **{"model": "task.py:Net", "data": "task.py:Pairs", **given})


@pytest.mark.parametrize("loss", ["Squared", "squared"])
def test_what_a_class_makes_is_the_loss(task, loss):
    net, inputs, targets = task
    found = line(loss=f"task.py:{loss}", metrics=["loss", "task.py:Right"])
    outputs = net(inputs)
    assert found.at_origin("train_loss") == pytest.approx(
        F.cross_entropy(outputs, targets, reduction="none").square().mean().item()
    )
    assert found.at_origin("train_Right") == pytest.approx((outputs.argmax(1) == targets).float().mean().item())
    ll.hessian(found, loss=f"task.py:{loss}", quiet=True)


def test_a_class_of_torch_is_its_loss(task):
    net, inputs, targets = task
    found = line(loss="torch.nn:CrossEntropyLoss")
    assert found.at_origin("train_loss") == pytest.approx(F.cross_entropy(net(inputs), targets).item())
    assert found.stderr["train_loss"][1] > 0  # as with the object


def test_a_class_of_nets_takes_the_weights_of_the_file(task):
    class Net(nn.Linear):
        def __init__(self):
            super().__init__(5, 3)

    assert line(model=Net).at_origin("train_loss") == line().at_origin("train_loss")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"loss": "task.py:Power"}, r"Power is a class, .*; name an object, such as loss = Power\(\.\.\.\)"),
        ({"loss": "task.py:three"}, r"three\(\) returned an object of type int, which cannot be called"),
        ({"metrics": ["task.py:Power"]}, r"metric 'task.py:Power': Power is a class, .*name an object"),
        ({"model": "task.py:Sized"}, r"name a function that builds it, such as def build\(\): return Sized\(\.\.\.\)"),
        ({"model": nn.Linear}, r"model Linear is a class, and calling it without arguments raised .*; pass a module"),
        ({"data": "task.py:OfPath"}, r"'path'\); name a function that takes no arguments, or split alone, and returns the data"),
        ({"data": "task.py:pairs"}, r"pairs is a Pairs, which cannot be called; name a function that returns it"),
        ({"data": nn.Linear}, "data Linear is a class: expected the data themselves"),
        ({"loss": nn.Linear}, "loss Linear is a class: expected an object of it"),
        ({"loss": dict}, "loss dict is a class: expected an object of it"),
    ],
)  # fmt: skip
def test_what_cannot_be_made_is_one_line(task, given, said):
    with pytest.raises(LandscapeError, match=said):
        line(**given)


@pytest.mark.parametrize("loss", ["Warming", "warming"])
def test_each_run_has_an_object_of_its_own(task, loss):
    """What the loss of one training has counted is not that of the next."""
    net, *data = task

    def weights(loss, out):
        found = ll.train(model=net, data=tuple(data), loss=loss, epochs=3, batch_size=15, lr=0.5, out=out, quiet=True)
        return torch.cat([each.reshape(-1) for each in found.model.state_dict().values()])

    first, second = (weights(f"task.py:{loss}", f"runs/{number}") for number in range(2))
    assert torch.equal(first, second)
    assert torch.equal(first, weights(resolve_callable("task.py:Warming")(), "runs/object"))


def test_copies_of_a_training_have_objects_of_their_own(task):
    """So that what one copy has counted is not that of another: it is the same whichever is trained first."""
    with one_run():
        one = resolve_function("task.py:Warming", "loss")
        assert resolve_function("task.py:Warming", "loss") is one
        with one_run():
            assert resolve_function("task.py:Warming", "loss") is not one
        assert resolve_function("task.py:Warming", "loss") is one


MAKERS = """
from torch.nn import functional as F

def smoothed(smoothing=0.2):
    return lambda outputs, targets: F.cross_entropy(outputs, targets, label_smoothing=smoothing, reduction="none")

def by_name(*, smoothing=0.2):
    return smoothed(smoothing)

def loss(outputs=None, targets=None):
    return F.cross_entropy(outputs, targets, label_smoothing=0.2, reduction="none")

def several(*given):
    return loss(*given)

def raises():
    raise ValueError("no")
"""


@pytest.mark.parametrize("name", ["smoothed", "by_name", "loss", "several"])
def test_a_function_that_takes_no_batch_makes_the_loss(task, tmp_path, name):
    net, inputs, targets = task
    (tmp_path / "makers.py").write_text(MAKERS)
    expected = F.cross_entropy(net(inputs), targets, label_smoothing=0.2).item()
    assert line(loss=f"makers.py:{name}").at_origin("train_loss") == pytest.approx(expected)


def test_a_function_that_fails_to_make_a_loss_is_no_class(task, tmp_path):
    (tmp_path / "makers.py").write_text(MAKERS)
    with pytest.raises(
        LandscapeError, match=r"raises is a function, .* ValueError: no; let it return a loss, or name one"
    ):
        line(loss="makers.py:raises")


@pytest.mark.parametrize(
    ("wrap", "name"), [(nn.DataParallel, "module"), (lambda net: torch.compile(net, backend="eager"), "_orig_mod")]
)
def test_a_loss_that_looks_for_the_wrapper_of_the_net_is_told_that_there_is_none(task, wrap, name):
    net, *data = task

    def loss(model, batch):
        return F.cross_entropy(getattr(model, name)(batch[0]), batch[1])

    with pytest.raises(LandscapeError, match=rf"evaluated without the wrapper that has \.{name}: use model itself"):
        ll.line(model=wrap(net), data=tuple(data), loss=loss, x=(-1, 1, 3), quiet=True)
