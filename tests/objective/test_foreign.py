"""Values follow the copy that is evaluated, or the run is refused: nothing leads back to the module that the caller holds."""

import copy
import functools
import weakref

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from landscape.errors import EvaluationError

GENERATOR = torch.Generator().manual_seed(2)
DATA = torch.randn(30, 5, generator=GENERATOR), torch.randint(0, 3, (30,), generator=GENERATOR)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.first, self.last = nn.Linear(5, 4), nn.Linear(4, 3)
        self.also()

    def also(self):
        pass

    def encode(self, x):
        return self.first(x).tanh()

    def forward(self, x):
        return self.last(self.encode(x))


class Lambda(Net):
    def also(self):
        self.call = lambda x: self.encode(x)

    def forward(self, x):
        return self.last(self.call(x))


class Listed(Net):
    def also(self):
        self.calls = [lambda x: self.encode(x), lambda x: self.last(x)]

    def forward(self, x):
        return functools.reduce(lambda found, call: call(found), self.calls, x)


class Weights(Net):
    """No layer is called: a function closes over a parameter."""

    def also(self):
        weight = self.first.weight
        self.call = lambda x: (x @ weight.T).tanh()

    def forward(self, x):
        return self.last(self.call(x))


class Weak(Net):
    def also(self):
        self.whole = [weakref.ref(self)]

    def forward(self, x):
        return self.last(self.whole[0]().encode(x))


class Hooked(Net):
    def also(self):
        self.first.register_forward_hook(lambda layer, inputs, output: setattr(self, "features", output))

    def forward(self, x):
        self.first(x)
        return self.last(self.features.tanh())


class Stored(Net):
    def also(self):
        self.store = {}
        self.first.register_forward_hook(lambda layer, inputs, output: self.store.update(features=output))


class Method(Net):
    def also(self):
        self.table = {"encode": self.encode}
        self.first.register_forward_hook(self.keep)

    def keep(self, layer, inputs, output):
        self.features = output

    def forward(self, x):
        self.table["encode"](x)
        return self.last(self.features.tanh())


class Parent(Net):
    """A layer that holds its parent, as a module and not as a function."""

    def also(self):
        object.__setattr__(self.last, "parent", self)


class Placed(Net):
    """A function that takes of the net only where it is."""

    def also(self):
        self.call = lambda x: x.to(self.first.weight.device).reshape(-1, self.first.weight.shape[1])

    def forward(self, x):
        return super().forward(self.call(x))


@pytest.mark.parametrize("precision", ["fp32", "fp64"])
@pytest.mark.parametrize("kind", [Lambda, Listed, Weights, Weak])
def test_a_copy_that_computes_with_the_callers_weights_is_refused(objective, kind, precision):
    net = kind()
    with pytest.raises(EvaluationError, match=r"the net computes with .* of the module that it was copied from"):
        objective(net, DATA, precision=precision).check()


@pytest.mark.parametrize("kind", [Hooked, Stored])
def test_a_copy_that_writes_to_the_callers_module_is_refused_and_the_module_is_as_it_was(objective, kind):
    net = kind()
    with pytest.raises(EvaluationError, match=r"changes the net that was given \((features|store)\)"):
        objective(net, DATA).check()
    assert not hasattr(net, "features") and not getattr(net, "store", None)


@pytest.mark.parametrize("kind", [Net, Method, Parent, Placed])
def test_a_copy_that_computes_with_its_own_weights_has_the_values_of_torch_elsewhere(objective, kind):
    task = objective(kind(), DATA, precision="fp32")
    task.check()
    task.weights.mul_(1.5)
    moved = kind()
    with torch.no_grad():
        for parameter in moved.parameters():
            parameter.mul_(1.5)
    assert task.evaluate()["train_loss"] == pytest.approx(F.cross_entropy(moved(DATA[0]), DATA[1]).item(), rel=1e-5)


def each(outputs, targets):
    return F.cross_entropy(outputs, targets, reduction="none")


@pytest.mark.parametrize("precision", ["fp32", "fp64"])
@pytest.mark.parametrize("weight", [1e-4, 1.0])
def test_a_loss_with_a_term_of_the_callers_weights_is_refused(objective, weight, precision):
    net = Net()

    def loss(outputs, targets):
        return each(outputs, targets) + weight * sum(p.square().sum() for p in net.parameters())

    with pytest.raises(EvaluationError, match=r"the loss computes with first.weight.* use its model.* l2"):
        objective(net, DATA, loss, precision=precision).check()


def test_so_is_one_that_calls_the_callers_net_in_place_of_its_own_and_a_metric_that_does(objective):
    net = Net()
    with pytest.raises(EvaluationError, match="the loss computes with"):
        objective(net, DATA, lambda model, batch: each(net(batch[0]), batch[1]), precision="fp32").check()
    with pytest.raises(EvaluationError, match="the loss computes with"):
        objective(net, DATA, metrics=["loss", ("norm", lambda o, t: each(o, t) * net.last.bias.norm())]).check()


def test_a_teacher_and_a_look_at_the_callers_net_are_not(objective):
    net, torch_loss = Net(), F.cross_entropy
    teacher = copy.deepcopy(net)

    def loss(outputs, targets):
        width, device = net.last.weight.shape[0], net.last.weight.device
        anchor = sum(p.square().sum() for p in teacher.parameters())
        return torch_loss(outputs.reshape(-1, width), targets.to(device), reduction="none") + anchor

    task = objective(net, DATA, loss, precision="fp32")
    task.check()
    expected = loss(net(DATA[0]), DATA[1]).mean().item()
    assert task.evaluate()["train_loss"] == pytest.approx(expected, rel=1e-5)


def test_a_loss_that_reads_the_callers_net_beside_a_checkpoint_is_refused_too():
    import landscape as ll

    net = Net()
    with pytest.raises(EvaluationError, match="the loss computes with"):
        ll.line(
            ll.Checkpoint(Net().state_dict()), model=net, data=DATA, x=(-1, 1, 3), quiet=True,
            loss=lambda outputs, targets: each(outputs, targets) + net.last.weight.norm(),
        )  # fmt: skip


class Centred(Net):
    def also(self):
        self.norm = nn.BatchNorm1d(3)
        self.register_buffer("centre", torch.randn(3))

    def forward(self, x):
        return self.norm(super().forward(x))


class Compiled(Net):
    def also(self):
        self.first = torch.compile(self.first, backend="eager")


def _view(net):
    weight = net.last.weight.data
    return lambda: weight.square().sum()


def _row(net):
    row = net.last.weight.detach()[1]
    return lambda: row.norm()


def _array(net):
    weight = net.last.weight.detach().numpy()
    return lambda: float((weight**2).sum())


def _part_of_array(net):
    parts = [net.last.weight.detach().numpy()[::-1, 1]]
    return lambda: float(sum(abs(each).sum() for each in parts))


def _nested_array(net):
    held = {"parts": [net.last.weight.detach().numpy()]}
    return lambda: float((held["parts"][0] ** 2).sum())


def _within_func(net):
    return lambda: torch.func.vmap(lambda row: row.square().sum())(net.last.weight).sum()


@torch.jit.script
def _squares(weight: torch.Tensor) -> torch.Tensor:
    return weight.square().sum()


def _scripted(net):
    return lambda: _squares(net.last.weight)


def _order(net):
    return lambda: net.last.weight.argmax().float()


def _listed(net):
    return lambda: sum(sum(row) for row in net.last.weight.tolist())


def _penalty(net):
    return lambda: sum(p.square().sum() for p in net.parameters())


def _with(term):
    return lambda outputs, targets: each(outputs, targets) + term()


@pytest.mark.parametrize(
    "make", [_view, _row, _array, _part_of_array, _nested_array, _within_func, _scripted, _order, _listed]
)
def test_so_is_one_of_what_shares_memory_with_the_callers_weights(objective, make):
    net = Net()
    with pytest.raises(EvaluationError, match=r"the loss computes with .*last.weight of the net that was given"):
        objective(net, DATA, _with(make(net)), precision="fp32").check()
    if make not in (_array, _part_of_array, _nested_array):  # a copy of the same numbers rests, and is fine
        rests = make(copy.deepcopy(net))
        objective(net, DATA, _with(rests), precision="fp32").check()


def test_so_is_one_of_a_net_with_a_part_that_is_compiled(objective):
    net = Compiled()
    with pytest.raises(EvaluationError, match=r"the loss computes with first\._orig_mod\.weight"):
        objective(net, DATA, _with(_penalty(net)), precision="fp32").check()
    objective(net, DATA, each, precision="fp32").check()


def _statistic(net):
    return lambda: net.norm.running_mean.square().sum() + net.norm.running_var.sum()


def _centre(net):
    return lambda: (net.centre - 1).square().sum()


@pytest.mark.parametrize("kind", ["line to another net", "statistics estimated at each point", "training"])
@pytest.mark.parametrize("make", [_statistic, _centre])
def test_a_loss_of_the_callers_buffers_is_refused_where_they_move_alone(kind, make, tmp_path):
    import landscape as ll

    net, other = Centred().eval(), Centred().eval()
    with torch.no_grad():
        for tensor in other.state_dict().values():
            tensor.add_(1)
    given = {"model": net, "data": DATA, "loss": _with(make(net)), "quiet": True}
    run = {
        "line to another net": lambda: ll.line(to=other, x=(0, 1, 3), **given),
        "statistics estimated at each point": lambda: ll.line(x=(-1, 1, 3), batchnorm="recompute", **given),
        "training": lambda: ll.train(epochs=1, batch_size=15, out=tmp_path / "run", **given),
    }[kind]
    if make is _centre and kind != "line to another net":
        assert run() is not None  # which rests there
        return
    with pytest.raises(EvaluationError, match="the loss computes with (norm.running_mean|centre)"):
        run()


def test_a_buffer_that_rests_may_be_read(objective):
    net = Centred().eval()
    task = objective(net, DATA, _with(_centre(net)), precision="fp32")
    task.check()
    task.weights.mul_(1.5)
    moved = copy.deepcopy(net)
    with torch.no_grad():
        for parameter in moved.parameters():
            parameter.mul_(1.5)
    expected = (each(moved(DATA[0]), DATA[1]) + _centre(net)()).mean().item()
    assert task.evaluate()["train_loss"] == pytest.approx(expected, rel=1e-5)


class Penalized(nn.Module):
    def __init__(self, store):
        super().__init__()
        self.store = store

    def forward(self, outputs, targets):
        return each(outputs, targets) + 0.3 * self.store["a"].square().mean()


def _closes_over(store):
    return lambda layer, inputs, output: store.update(a=output.detach())


def _with_its_graph(store):
    return lambda layer, inputs, output: store.update(a=output)


def _is_given(store):
    return functools.partial(lambda kept, layer, inputs, output: kept.update(a=output.detach()), store)


def _through_another(store):
    def keep(output):
        store["a"] = output.detach()

    return lambda layer, inputs, output: keep(output)


@pytest.mark.parametrize("called", [True, False])
@pytest.mark.parametrize("hook", [_closes_over, _with_its_graph, _is_given, _through_another])
def test_a_loss_module_that_keeps_what_a_hook_stores_into_is_refused(objective, hook, called):
    net, store = Net(), {}
    loss = Penalized(store)
    net.first.register_forward_hook(hook(store))
    if called:
        net(DATA[0])
    with pytest.raises(EvaluationError, match="the loss Penalized keeps store, into which a hook of the net stores"):
        objective(net, DATA, loss, precision="fp32").check()


class Holds(nn.Module):
    """A loss that is a module, and holds the net or its parameters."""

    def __init__(self, net, way):
        super().__init__()
        if way == "net":
            self.net = net
        elif way == "list":
            self.kept = [*net.parameters()]
        else:
            self.kept = {"one": {"weight": net.last.weight}}
        self.way = way

    def forward(self, outputs, targets):
        held = {"net": lambda: self.net.parameters(), "list": lambda: self.kept}.get(
            self.way, lambda: self.kept["one"].values()
        )
        return each(outputs, targets) + 0.1 * sum(p.square().sum() for p in held())


@pytest.mark.parametrize("way", ["net", "list", "nested"])
def test_a_loss_module_that_holds_the_callers_weights_is_refused_and_one_that_holds_copies_is_not(objective, way):
    net = Net()
    loss = Holds(net, way)
    with pytest.raises(EvaluationError, match="the loss computes with .* of the net that was given"):
        objective(net, DATA, loss, precision="fp32").check()
    objective(net, DATA, Holds(copy.deepcopy(net), way), precision="fp32").check()


def test_what_a_loss_makes_and_keeps_can_be_trained_with_afterwards(objective):
    net, kept = Net(), {}

    def loss(outputs, targets):
        if "weight" not in kept:
            kept["weight"] = torch.tensor([1.0, 2.0, 3.0])
        return F.cross_entropy(outputs, targets, weight=kept["weight"], reduction="none")

    objective(net, DATA, loss, precision="fp32").check()
    loss(net(DATA[0]), DATA[1]).mean().backward()
    assert net.last.weight.grad is not None


def test_a_loss_of_the_jacobian_by_torch_func_has_the_value_of_torch(objective):
    net = Net()

    def loss(model, batch):
        slopes = torch.func.vmap(torch.func.jacrev(lambda x: model(x[None])[0]))(batch[0])
        return each(model(batch[0]), batch[1]) + 0.1 * slopes.square().sum((1, 2))

    task = objective(net, DATA, loss, precision="fp32")
    task.check()
    assert task.evaluate()["train_loss"] == pytest.approx(loss(net, DATA).mean().item(), rel=1e-5)


def test_a_frozen_part_of_the_callers_net_may_be_read_in_training(tmp_path):
    import landscape as ll

    net = Net()
    net.first.requires_grad_(False)
    given = {"data": DATA, "epochs": 1, "batch_size": 15, "quiet": True}
    run = ll.train(net, loss=_with(lambda: net.first.weight.square().sum()), out=tmp_path / "run", **given)
    expected = (each(run.model(DATA[0]), DATA[1]) + net.first.weight.square().sum()).mean().item()
    assert run.metrics["train_loss"] == pytest.approx(expected, rel=1e-5)
    with pytest.raises(EvaluationError, match="the loss computes with last.weight"):
        ll.train(net, loss=_with(lambda: net.last.weight.square().sum()), out=tmp_path / "other", **given)
