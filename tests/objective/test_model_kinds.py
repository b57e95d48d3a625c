"""Nets of all kinds: dropout, tied weights, half precision, outputs in tuples and records, what cannot be copied."""

import copy
from collections import namedtuple

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from landscape.errors import LandscapeError


def wanted(model, images):
    with torch.no_grad():
        return F.cross_entropy(copy.deepcopy(model).double().eval()(images[0]), images[1]).item()


def test_dropout_is_off(images, objective):
    torch.manual_seed(0)
    net = nn.Sequential(nn.Flatten(), nn.Dropout(0.9), nn.Linear(72, 3)).train()
    task = objective(net, images)
    assert task.evaluate() == task.evaluate()
    assert task.evaluate()["train_loss"] == pytest.approx(wanted(net, images), rel=1e-12)


class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.first, self.second = nn.Linear(72, 72, bias=False), nn.Linear(72, 72, bias=False)
        self.second.weight = self.first.weight
        self.head = nn.Linear(72, 3)

    def forward(self, x):
        return self.head(self.second(self.first(x.flatten(1)).relu()))


def test_tied_weights_move_as_one(images, objective):
    net = Tied()
    task = objective(net, images)
    assert task.layout.names == ("first.weight", "head.weight", "head.bias")
    assert sum(entry.numel for entry in task.layout.entries) == 72 * 72 + 72 * 3 + 3
    assert task.evaluate()["train_loss"] == pytest.approx(wanted(net, images), rel=1e-12)
    task.weights.mul_(0.5)
    moved = copy.deepcopy(net)
    with torch.no_grad():
        for parameter in moved.parameters():
            parameter.mul_(0.5)
    assert moved.second.weight is moved.first.weight
    assert task.evaluate()["train_loss"] == pytest.approx(wanted(moved, images), rel=1e-10)


@pytest.mark.parametrize("stored", [torch.float16, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("precision", ["fp32", "fp64"])
def test_weights_stored_in_another_precision(stored, precision, cnn, images, objective):
    net = cnn().to(stored)
    task = objective(net, images, precision=precision)
    assert task.weights.dtype == (torch.float64 if precision == "fp64" else torch.float32)
    assert task.evaluate()["train_loss"] == pytest.approx(
        wanted(net, images), rel=1e-5 if precision == "fp32" else 1e-12
    )


def test_mixed_precisions_are_evaluated_in_one(cnn, images, objective):
    net = cnn()
    net[7].half()
    assert objective(net, images).evaluate()["train_loss"] == pytest.approx(wanted(net, images), rel=1e-12)


def test_precisions_agree_as_far_as_they_reach(cnn, images, objective):
    truth = wanted(cnn(), images)
    for precision, tolerance in (("fp64", 1e-12), ("fp32", 1e-5), ("tf32", 1e-5), ("bf16", 3e-2)):
        found = objective(cnn(), images, precision=precision, batch_size=7).evaluate()["train_loss"]
        assert found == pytest.approx(truth, rel=tolerance), precision
    assert objective(cnn(), images, precision="bf16").evaluate()["train_loss"] != pytest.approx(truth, rel=1e-7)


Record = namedtuple("Record", "logits hidden")


@pytest.mark.parametrize(
    "wrap",
    [
        lambda y: (y, None),
        lambda y: [y, y * 2],
        lambda y: Record(y, None),
        lambda y: type("Output", (), {"logits": y})(),
    ],
    ids=["tuple", "list", "namedtuple", "object"],
)
def test_outputs_in_tuples_and_records(wrap, cnn, images, objective):
    class Wrapped(nn.Module):
        def __init__(self, inner):
            super().__init__()
            self.inner = inner

        def forward(self, x):
            return wrap(self.inner(x))

    task = objective(Wrapped(cnn()), images)
    task.check()
    assert task.evaluate()["train_loss"] == pytest.approx(wanted(cnn(), images), rel=1e-12)


def test_a_compiled_or_parallel_module(cnn, images, objective):
    assert objective(nn.DataParallel(cnn()), images).evaluate()["train_loss"] == pytest.approx(
        wanted(cnn(), images), rel=1e-12
    )


def test_parametrized_weights(cnn, images, objective):
    net = cnn()
    nn.utils.parametrizations.weight_norm(net[0])
    task = objective(net, images)
    first = task.evaluate()["train_loss"]
    assert first == pytest.approx(wanted(net, images), rel=1e-10)
    task.weights.mul_(1.3)
    assert task.evaluate()["train_loss"] != pytest.approx(first, rel=1e-3)


def test_a_net_that_cannot_be_copied(images, objective):
    net = nn.Sequential(nn.Flatten(), nn.Linear(72, 3))
    expected = wanted(net, images)
    net.kept = {"outputs": net(images[0].to(net[1].weight.dtype))}  # has a graph, which is left out
    assert objective(net, images).evaluate()["train_loss"] == pytest.approx(expected, rel=1e-10)
    net.kept = {"outputs": [net(images[0].float())]}  # too deep to be found
    with pytest.raises(LandscapeError, match="the model cannot be copied .RuntimeError") as raised:
        objective(net, images)
    assert "\n" not in str(raised.value)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("net", "message"),
    [
        (nn.ReLU(), "the model has no floating-point parameters, so it has no loss landscape"),
        (nn.LazyLinear(3), "parameter weight is not initialized yet: run the model once"),
    ],
    ids=["no parameters", "lazy"],
)
def test_nets_without_a_landscape(net, message, images, objective):
    with pytest.raises(LandscapeError, match=message):
        objective(net, images)


def test_the_result_of_train_and_eval_is_not_used(tmp_path):
    import landscape as ll

    class Silent(nn.Module):
        """Freezes a layer's mode, as fine-tuned nets do, and returns nothing."""

        def __init__(self):
            super().__init__()
            torch.manual_seed(0)
            self.one, self.two = nn.Linear(4, 5), nn.Linear(5, 3)

        def train(self, mode=True):
            super().train(mode)
            self.one.training = False

        def forward(self, x):
            return self.two(self.one(x).relu())

    x, y = torch.randn(30, 4), torch.randint(0, 3, (30,))
    one, other = Silent(), Silent()
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.add_(torch.randn_like(parameter) / 4)
    expected = [nn.functional.cross_entropy(net(x), y).item() for net in (one, other)]
    found = ll.line(model=one, to=other, data=(x, y), x="0:1:2", quiet=True)
    assert list(found.values["train_loss"]) == pytest.approx(expected, rel=1e-5)
    ll.align(one, other, x)
    ll.flatness(one, data=(x, y), measures="path_norm", quiet=True)
    ll.train(one, data=(x, y), epochs=1, out=tmp_path / "run", quiet=True)


def test_an_eval_that_fails_is_named():
    import landscape as ll

    class Failing(nn.Sequential):
        def eval(self):
            raise ZeroDivisionError("of mine")

    with pytest.raises(ll.LandscapeError, match=r"Failing cannot be put into evaluation mode: .*of mine"):
        ll.line(model=Failing(nn.Linear(4, 3)), data=(torch.randn(9, 4), torch.arange(9) % 3), quiet=True)


def test_embeddings_with_sparse_gradients_have_the_curvature_of_dense_ones():
    import landscape as ll

    def made(sparse):
        torch.manual_seed(0)
        return nn.Sequential(nn.Embedding(10, 4, sparse=sparse), nn.Flatten(), nn.Linear(12, 3))

    data = torch.randint(0, 10, (20, 3)), torch.randint(0, 3, (20,))
    found = []
    for net in (made(True), made(False)):
        line = ll.line(model=net, data=data, x=(-1, 1, 3), quiet=True)
        found.append(ll.hessian(line, model=net, data=data, quiet=True).values["hessian_max"])
        assert net[0].sparse == (len(found) == 1)
    assert list(found[0]) == pytest.approx(list(found[1]), rel=1e-5)
