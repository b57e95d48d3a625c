"""Laws: whatever a net does beside returning something, values are those of the whole net, bit for bit; what rests is called once
where that can be proven, and what is not kept cannot be read."""

import contextlib

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from landscape.installed import is_installed
from landscape.objective import kept as kept_module
from landscape.objective import recall
from landscape.objective.calls import Hollow
from landscape.objective.rehearsal import Rehearsal
from tests.objective.kept_nets import Counted, Net, compared, pairs, reused


@pytest.fixture(autouse=True)
def as_if_installed(monkeypatch):
    """The nets of these tests are of the user's code, whose modules are not recalled."""
    monkeypatch.setattr(recall, "is_installed", lambda kind: True)


class Remembers(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight, self.seen = nn.Parameter(torch.ones(5)), None

    def forward(self, x):
        self.seen = x.tanh()
        return x * self.weight


class Log(nn.Module):
    """Keeps what passes where nobody looks for it."""

    def __init__(self):
        super().__init__()
        self.weight, self.seen = nn.Parameter(torch.ones(5)), [None]

    def forward(self, x):
        self.seen[0] = x.tanh()
        return x * self.weight


class Writes(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.rand(5))

    def forward(self, x):
        return x.mul_(self.weight)


def in_place(net, x):
    h = net.early(x)
    h += net.middle(h)
    return net.late(h)


def twice(net, x):
    h = net.early(x)
    y = h * 2
    net.writes(h)  # what it returns is not used, but h is
    return net.late(h + y)


def tied_unseen(net, x):
    return net.late(net.early(F.linear(x, net.hidden[0].weight[:1].expand(5, 5))))


def by_batch(net, x):
    h = net.early(x)
    if len(x) == 7:  # in the last batch, not in the rehearsal: one call more, with the same result
        h = net.early(x)
    return net.late(torch.relu(h))


def swallowing(net, x):
    h = net.early(x)
    y = net.more(h)
    if len(x) == 7:  # in the last batch, not in the rehearsal
        with contextlib.suppress(RuntimeError):
            y = y + h
    return net.late(torch.relu(y))


def alone_after(net, x):
    y = net.late(x)
    return y + net.out(net.early(x))


def remembered(net, x):
    h = net.keeper(x)
    return net.late(net.early(h) + net.keeper.seen)


def logged(net, x):
    h = net.keeper(x)
    return net.late(net.early(h) + net.keeper.seen[0])


def passed_on(net, x):
    h = net.same(net.early(x))
    return net.late(h + net.same(h))


class Thin(nn.Module):
    def forward(self, x):
        return x.relu().to_sparse()


class Pair(nn.Module):
    def forward(self, x):
        return x, {"half": x / 2}["half"]


# name -> (net, whether its layer that rests is not called again)
NETS = {
    "sequential": (lambda: Net(), True),
    "in place behind": (lambda: Net(lambda n, x: n.late(n.act(n.early(x))), act=nn.ReLU(inplace=True)), True),
    "a skip across the cut": (lambda: Net(lambda n, x: n.late(n.early(x)) + n.early(x)[:, :3]), True),
    "the skip is read and then written": (lambda: Net(in_place, middle=nn.Linear(5, 5)), False),
    "a module writes to a result": (lambda: Net(twice, writes=Writes()), False),
    "a branch that rests after what moves": (lambda: Net(alone_after, out=nn.Linear(5, 3)), True),
    "other calls in other batches": (lambda: Net(by_batch), False),
    "an attribute read later": (lambda: Net(remembered, keeper=Remembers()), True),
    "a list read later": (lambda: Net(logged, keeper=Log()), False),
    "one module, twice, that returns what it is given": (lambda: Net(passed_on, same=nn.Identity()), True),
    "errors swallowed in other batches": (lambda: Net(swallowing, more=nn.Linear(5, 5)), False),
    "dropout that rests": (lambda: Net(lambda n, x: n.late(n.drop(n.early(x))), drop=nn.Dropout(0.5)), True),
    "noise": (lambda: Net(lambda n, x: n.late(n.early(x) + torch.randn(5).to(x))), False),
    "functional dropout": (lambda: Net(lambda n, x: n.late(F.dropout(n.early(x), 0.5))), False),
    "a tuple": (lambda: Net(lambda n, x: n.late(n.pair(n.early(x))[1]), pair=Pair()), True),
    "a sparse tensor": (lambda: Net(lambda n, x: n.late(n.thin(n.early(x)).to_dense()), thin=Thin()), True),
    "a recurrent net": (
        lambda: Net(lambda n, x: n.late(n.rnn(n.early(x)[:, None])[0][:, 0]), rnn=nn.LSTM(5, 5, batch_first=True)),
        True,
    ),
}


@pytest.mark.parametrize("name", NETS)
def test_values_are_those_of_the_whole_net_whatever_it_does(name, monkeypatch):
    make, once = NETS[name]
    torch.manual_seed(0)
    net = make()
    compared(net)
    assert reused(net) == once
    if name != "a list read later":  # which is found out by comparing with the whole net alone
        monkeypatch.setattr(kept_module, "VERIFIED", 0)
        compared(net)


def test_a_moving_weight_that_is_read_outside_of_its_layer_is_seen(monkeypatch):
    torch.manual_seed(0)
    net = Net(tied_unseen)
    net.hidden = [net.late]  # not registered
    compared(net)
    monkeypatch.setattr(kept_module, "VERIFIED", 0)
    compared(net)


def test_a_moving_weight_that_decides_which_layer_is_called_is_seen(monkeypatch):
    def chosen(net, x):
        return net.late(net.early(x) if float(net.late.weight[0, 0]) > 0.2 else net.more(x))

    torch.manual_seed(0)
    net = Net(chosen, more=nn.Linear(5, 5))
    with torch.no_grad():
        net.late.weight[0, 0] = 0.2
    compared(net)
    monkeypatch.setattr(kept_module, "VERIFIED", 0)
    compared(net)


class Follows(Net):
    """A module that rests follows a moving weight, by a step that lies beyond the batches that are computed both ways."""

    def forward(self, x):
        self.early.scale = 1 + float(self.late.weight.detach().norm() > 4.0)
        return self.late(self.early(x) * self.early.scale)


def test_modules_of_a_users_code_are_not_recalled(monkeypatch):
    assert compared(Net(), pairs()) is not None
    monkeypatch.setattr(recall, "is_installed", is_installed)
    assert compared(Net(), pairs()) is None
    assert compared(Follows(), pairs()) is None


def test_tied_weights_on_both_sides():
    torch.manual_seed(0)
    rests, moves = Net(lambda n, x: n.late(n.head(n.early(x))), head=nn.Linear(5, 5)), Net(nn.Linear(5, 5))
    rests.head.weight = rests.early.weight
    assert compared(rests) is not None
    moves = Net(lambda n, x: n.head(n.early(x)), head=nn.Linear(5, 3))
    moves.late = nn.Linear(5, 5)
    moves.late.weight = moves.early.weight  # what moves is in the first layer, under another name
    assert compared(moves, moving="early") is None


def test_several_inputs_in_dicts():
    class Two(nn.Module):
        def __init__(self):
            super().__init__()
            self.left, self.right, self.late = Counted(5, 4), nn.Linear(2, 4), nn.Linear(4, 3)

        def forward(self, a, b):
            return self.late(self.left(a) * torch.sigmoid(self.right(b)))

    torch.manual_seed(0)
    (a, kind), b = pairs(), torch.randn(23, 2)
    data = [{"a": a[i : i + 7], "b": b[i : i + 7], "y": kind[i : i + 7]} for i in range(0, 23, 7)]
    kept = compared(Two(), data)
    assert kept.way.layers == 2
    assert compared(Two(), data, moving="right").way.layers == 1


def test_what_is_hollow_cannot_be_read():
    class Owner:
        failed = False

    for read in (
        lambda h: h + 1,
        lambda h: h.item(),
        lambda h: h[0],
        lambda h: h.numpy(),
        lambda h: h.tolist(),
        torch.clone,
    ):
        hollow = Hollow(torch.ones(1), Owner())
        assert (hollow.shape, hollow.dtype) == ((1,), torch.float32)
        with pytest.raises((RuntimeError, TypeError)):
            read(hollow)


def test_the_rehearsal_does_not_import_the_compiler():
    assert Rehearsal._should_skip_dynamo() is False
    assert not hasattr(Rehearsal.__torch_dispatch__, "__wrapped__")
