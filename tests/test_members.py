"""A net whose own methods leave out or rename parameters has the landscape that torch gives with all of them."""

import copy

import pytest
import torch
from torch import nn
from torch.nn import functional as F

import landscape as ll
from landscape.checkpoint.checkpoint import Checkpoint
from landscape.checkpoint.fit import fit, fitting
from landscape.errors import CheckpointError
from landscape.members import has_own_names, left_out, load_state, own_names, saved_state, state_of


class Base(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b, self.norm = nn.Linear(6, 4), nn.Linear(4, 3), nn.BatchNorm1d(3)

    def forward(self, inputs):
        return self.norm(self.b(self.a(inputs).tanh()))


class Filtered(Base):
    def state_dict(self, *args, **kwargs):
        return {name: each for name, each in super().state_dict(*args, **kwargs).items() if not name.startswith("a")}


class Renamed(Base):
    def state_dict(self, *args, **kwargs):
        found = super().state_dict(*args, **kwargs).items()
        return {f"inner.{name}": each for name, each in found if not name.startswith("a")}


class WithoutArguments(Base):
    def state_dict(self):
        return {f"x{name}": each for name, each in super().state_dict().items()}


class Hooked(Base):
    def __init__(self):
        super().__init__()
        self.register_state_dict_post_hook(lambda module, state, *_: [state.pop("a.weight")].clear())


class Head(Base):
    def parameters(self, recurse=True):
        return self.b.parameters(recurse)


class NamedHead(Base):
    def named_parameters(self, prefix="", recurse=True):
        return self.b.named_parameters(prefix, recurse)


def around(kind):
    return nn.Sequential(kind(), nn.Linear(3, 3))


KINDS = [Filtered, Renamed, WithoutArguments, Hooked, Head, NamedHead, lambda: around(Renamed)]


@pytest.fixture
def data():
    torch.manual_seed(0)
    return torch.randn(36, 6), torch.randint(0, 3, (36,))


def tensors(net):
    return [*nn.Module.named_parameters(net), *nn.Module.named_buffers(net)]


def between(net, other, x):
    """torch's own loss with all weights and statistics at `x` between two nets."""

    def at(inputs, targets):
        moved = copy.deepcopy(net).eval()
        with torch.no_grad():
            for (_, own), (_, a), (_, b) in zip(tensors(moved), tensors(net), tensors(other), strict=True):
                own.copy_(a + x * (b - a))
            return F.cross_entropy(moved(inputs), targets).item()

    return at


@pytest.mark.parametrize("make", KINDS)
def test_all_parameters_move_whatever_the_methods_of_a_net_leave_out(make, data):
    net, other = make(), make()
    line = ll.line(model=net, data=data, to=other, x=(0, 1, 3), quiet=True)
    expected = [between(net, other, x)(*data) for x in (0, 0.5, 1)]
    assert line.values["train_loss"] == pytest.approx(expected, rel=2e-5)
    curved = ll.hessian(line, model=net, data=data, to=other, quiet=True, every=2)
    assert curved.values["hessian_max"][0] > 0


@pytest.mark.parametrize("make", [Filtered, Renamed, WithoutArguments, Hooked])
def test_files_have_the_names_of_the_net_or_those_of_torch(make, data, tmp_path):
    """What a file leaves out stays as the net is built."""
    net, other = make(), make()
    assert has_own_names(net)
    for state in (other.state_dict(), saved_state(other)):
        torch.save(state, tmp_path / "other.pt")
        there = copy.deepcopy(net)
        names = own_names(other)
        nn.Module.load_state_dict(there, {names.get(name, name): each for name, each in state.items()}, strict=False)
        line = ll.line(model=net, data=data, to=tmp_path / "other.pt", x=(0, 1, 3), quiet=True)
        expected = [between(net, there, x)(*data) for x in (0, 0.5, 1)]
        assert line.values["train_loss"] == pytest.approx(expected, rel=2e-5)
        read = make()
        fit(read, Checkpoint(dict(state)))
        stored = {names.get(name, name) for name in state}
        assert all(torch.equal(each, dict(tensors(other))[name]) for name, each in tensors(read) if name in stored)
    with pytest.raises(CheckpointError, match="does not fit"):
        fitting(net, Checkpoint({"inner.b.weight": torch.zeros(3, 4)}))


@pytest.mark.parametrize("make", KINDS)
def test_a_run_stores_all_that_was_trained(make, data, tmp_path):
    run = ll.train(model=make(), data=data, epochs=2, batch_size=12, out=tmp_path / "run", quiet=True)
    read = ll.line(tmp_path / "run", model=make(), data=data, x=(-1, 1, 3), quiet=True)
    trained = copy.deepcopy(run.model).eval()
    assert read.at_origin("train_loss") == pytest.approx(F.cross_entropy(trained(data[0]), data[1]).item(), rel=2e-5)


def test_what_a_method_leaves_out_is_said(data, capsys):
    for make, method in ((Head, "parameters"), (NamedHead, "named_parameters"), (Filtered, "state_dict")):
        assert left_out(make())[0] == method
        ll.line(model=make(), data=data, x=(-1, 1, 3))
        said = capsys.readouterr().err
        assert f"the net's own {method}() leaves out a.weight" in said and "name them with ignore" in said
    ll.line(model=Head(), data=data, x=(-1, 1, 3), only="^b")
    assert "leaves out" not in capsys.readouterr().err
    assert left_out(Base()) == left_out(WithoutArguments()) == ("", ())


def test_a_plain_net_keeps_its_own_state_dict():
    net = Base()
    assert not has_own_names(net) and list(state_of(net)) == list(net.state_dict())
    assert state_of(net)["a.weight"] is net.a.weight and hasattr(saved_state(net), "_metadata")
    load_state(net, saved_state(Base()))


class Scaled(nn.Linear):
    """A layer whose state dict has its weight in another unit."""

    def _save_to_state_dict(self, destination, prefix, keep_vars):
        super()._save_to_state_dict(destination, prefix, keep_vars)
        destination[f"{prefix}weight"] = (self.weight * 10).detach()

    def _load_from_state_dict(self, state, prefix, *rest):
        super()._load_from_state_dict({**state, f"{prefix}weight": state[f"{prefix}weight"] / 10}, prefix, *rest)


class InAnotherUnit(Base):
    def __init__(self):
        super().__init__()
        self.a = Scaled(6, 4)


class Transposed(Base):
    def state_dict(self, *args, **kwargs):
        found = super().state_dict(*args, **kwargs)
        return {**found, "a.weight": found["a.weight"].t().contiguous().reshape(4, 6)}

    def load_state_dict(self, state, strict=True, **kwargs):
        return super().load_state_dict({**state, "a.weight": state["a.weight"].reshape(6, 4).t()}, strict)


class WithSetting(Base):
    """Stores a number beside its tensors."""

    def __init__(self, factor=2.0):
        super().__init__()
        self.factor = factor

    def get_extra_state(self):
        return {"factor": self.factor}

    def set_extra_state(self, state):
        self.factor = state["factor"]

    def forward(self, inputs):
        return self.factor * super().forward(inputs)


@pytest.mark.parametrize("kind", [InAnotherUnit, Transposed, WithSetting])
def test_a_state_dict_that_is_turned_back_when_it_is_loaded(kind, tmp_path):
    torch.manual_seed(0)
    one, other, data = kind().eval(), kind().eval(), (torch.randn(24, 6), torch.arange(24) % 3)
    torch.save(other.state_dict(), tmp_path / "other.pt")
    expected = []
    for share in (0.0, 0.5, 1.0):
        between = copy.deepcopy(one)
        with torch.no_grad():
            for own, first, last in zip(between.parameters(), one.parameters(), other.parameters(), strict=True):
                own.copy_(first + share * (last - first))
            expected.append(float(F.cross_entropy(between(data[0]), data[1])))
    for to in (other, tmp_path / "other.pt", Checkpoint(other.state_dict())):
        found = ll.line(model=one, data=data, to=to, x=(0, 1, 3), quiet=True)
        assert found.values["train_loss"] == pytest.approx(expected, rel=1e-5)
    alone = ll.line(tmp_path / "other.pt", model=kind(), data=data, x=(-1, 1, 3), quiet=True)
    assert alone.values["train_loss"][1] == pytest.approx(expected[2], rel=1e-5)


@pytest.mark.parametrize("kind", [InAnotherUnit, Transposed, WithSetting])
def test_a_run_of_such_a_net_states_its_own_loss(kind, tmp_path):
    torch.manual_seed(0)
    data = torch.randn(24, 6), torch.arange(24) % 3
    run = ll.train(kind(), data=data, epochs=2, batch_size=8, lr=0.1, out=tmp_path / "run", quiet=True)
    own = copy.deepcopy(run.model).eval()
    loss = float(F.cross_entropy(own(data[0]), data[1]))
    assert run.metrics["train_loss"] == pytest.approx(loss, rel=1e-5)
    found = ll.line(tmp_path / "run", model=kind(), data=data, x=(-1, 1, 3), quiet=True)
    assert found.values["train_loss"][1] == pytest.approx(loss, rel=1e-5)


class InGroups(Base):
    def parameters(self, which):
        return [{"params": [*super().parameters()], "lr": which}]


def test_parameters_that_need_an_argument_or_come_in_groups_are_all_trained(tmp_path):
    torch.manual_seed(0)
    net, data = InGroups(), (torch.randn(24, 6), torch.arange(24) % 3)
    before = copy.deepcopy(net.state_dict())
    run = ll.train(net, data=data, epochs=1, batch_size=8, lr=0.1, out=tmp_path / "run", quiet=True)
    assert all(not torch.equal(each, before[name]) for name, each in nn.Module.named_parameters(run.model))


class Hidden(nn.Module):
    """Keeps its layer where torch does not look for one."""

    def __init__(self):
        super().__init__()
        self.layers = [nn.Linear(6, 3)]

    def forward(self, inputs):
        return self.layers[0](inputs)

    def parameters(self, recurse=True):
        return self.layers[0].parameters(recurse)

    def named_parameters(self, *args, **kwargs):
        return self.layers[0].named_parameters(*args, **kwargs)

    def state_dict(self, *args, **kwargs):
        return self.layers[0].state_dict(*args, **kwargs)

    def load_state_dict(self, *args, **kwargs):
        return self.layers[0].load_state_dict(*args, **kwargs)


class HiddenInPart(Hidden):
    """One layer is registered; the names that its own methods give lead to no module."""

    def __init__(self):
        super().__init__()
        self.layers, self.head = [nn.Linear(6, 5)], nn.Linear(5, 3)

    def forward(self, inputs):
        return self.head(self.layers[0](inputs).tanh())

    def parameters(self, recurse=True):
        return iter([each for _, each in self.named_parameters()])

    def named_parameters(self, *args, **kwargs):
        for prefix, layer in (("back", self.layers[0]), ("head", self.head)):
            for name, each in layer.named_parameters():
                yield f"{prefix}.{name}", each

    def state_dict(self, *args, **kwargs):
        return {name: each.detach() for name, each in self.named_parameters()}

    def load_state_dict(self, state, strict=True):
        with torch.no_grad():
            for name, each in self.named_parameters():
                each.copy_(state[name])


@pytest.mark.parametrize("kind", [Hidden, HiddenInPart])
def test_layers_that_its_own_methods_alone_know_move_and_are_trained(kind, tmp_path):
    torch.manual_seed(0)
    net, data = kind(), (torch.randn(24, 6), torch.arange(24) % 3)
    found = ll.line(model=net, data=data, x=(-1, 1, 3), quiet=True).values["train_loss"]
    assert found[1] == pytest.approx(float(F.cross_entropy(net(data[0]), data[1])), rel=1e-5) and found[0] != found[1]
    run = ll.train(net, data=data, epochs=2, batch_size=8, lr=0.5, out=tmp_path / "run", quiet=True)
    assert run.metrics["train_loss"] == pytest.approx(float(F.cross_entropy(run.model(data[0]), data[1])), rel=1e-5)
    ends = [ll.Checkpoint(each.state_dict()) for each in (net, run.model)]
    path = ll.connect(ends, model=net, data=data, points=3, quiet=True)
    last = float(F.cross_entropy(run.model(data[0]), data[1]))
    assert float(path.values["train_loss"].ravel()[-1]) == pytest.approx(last, rel=1e-5)


class Square(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(6, 6), nn.Linear(6, 6)

    def forward(self, inputs):
        return self.b(self.a(inputs).tanh()).relu()


def exchanged(state):
    return {{"a": "b", "b": "a"}[name[0]] + name[1:]: each for name, each in state.items()}


class Exchanged(Square):
    """Its own state dict has the tensors of one layer under the names of the other, which torch's `load_state_dict` takes."""

    def state_dict(self, *args, **kwargs):
        return exchanged(super().state_dict(*args, **kwargs))


class ExchangedBack(Exchanged):
    def load_state_dict(self, state, strict=True, **kwargs):
        return super().load_state_dict(exchanged(state), strict, **kwargs)


@pytest.mark.parametrize("kind", [Exchanged, ExchangedBack])
def test_a_net_that_exchanges_names_is_stored_as_it_is_and_its_files_are_loaded_as_torch_loads_them(kind, tmp_path):
    torch.manual_seed(0)
    net, other, loaded = kind().eval(), kind().eval(), kind().eval()
    inputs, targets = torch.randn(16, 6), torch.randint(0, 6, (16,))
    loaded.load_state_dict(other.state_dict())
    torch.save(other.state_dict(), tmp_path / "other.pt")
    found = ll.line(model=net, data=(inputs, targets), to=tmp_path / "other.pt", x=(0, 1, 2), quiet=True)
    expected = [F.cross_entropy(each(inputs), targets).item() for each in (net, loaded)]
    assert found.values["train_loss"].tolist() == pytest.approx(expected, rel=1e-5)
    run = ll.train(model=net, data=(inputs, targets), epochs=1, batch_size=8, out=tmp_path / "run", quiet=True)
    trained = F.cross_entropy(run.model.eval()(inputs), targets).item()
    assert run.metrics["train_loss"] == pytest.approx(trained, rel=1e-5)
    again = ll.line(tmp_path / "run", model=kind(), data=(inputs, targets), x=(-1, 1, 3), quiet=True)
    assert again.at_origin("train_loss") == pytest.approx(trained, rel=1e-5)


class Averaged(nn.Module):
    """Stores copies of its averaged weights alone, under other names."""

    def __init__(self):
        super().__init__()
        self.net = Base()
        self.average = copy.deepcopy(self.net)

    def forward(self, inputs):
        return (self.net if self.training else self.average)(inputs)

    def state_dict(self):
        return {name: each.detach().clone() for name, each in self.average.state_dict().items()}


def test_copies_under_other_names_are_known_for_what_they_are_of(data, tmp_path):
    """Also where net and average hold the same numbers, as they do at first."""
    torch.manual_seed(0)
    net, other = Averaged().eval(), Averaged().eval()
    assert own_names(net)["a.weight"] == "average.a.weight"
    with torch.no_grad():
        for each in other.average.parameters():
            each.normal_()
    torch.save(other.state_dict(), tmp_path / "other.pt")
    before, drawn = copy.deepcopy(tensors(net)), torch.random.get_rng_state()
    found = ll.line(model=net, data=data, to=tmp_path / "other.pt", x=(0, 1, 2), quiet=True)
    expected = [F.cross_entropy(each(data[0]), data[1]).item() for each in (net, other)]
    assert found.values["train_loss"].tolist() == pytest.approx(expected, rel=1e-5)
    assert torch.equal(drawn, torch.random.get_rng_state())
    assert all(torch.equal(each, dict(before)[name]) for name, each in tensors(net))


def test_a_name_of_the_nets_own_state_dict_is_said_to_be_torchs(data):
    names = r"inner\.b\.weight is the same tensor as b\.weight; name that"
    for given in ({"only": "inner.b.weight"}, {"ignore": "^inner.b.weight"}):
        with pytest.raises(ll.LandscapeError, match=names):
            ll.line(model=Renamed().eval(), data=data, x=(-1, 1, 3), quiet=True, **given)
