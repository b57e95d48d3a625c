"""Laws: where only late layers move, values are those of the whole net at every point, bit for bit, whatever the net does; what
rests is computed once where that can be proven; memory has a limit; what changes is not remembered."""

import contextlib

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from landscape.data.load import load_splits
from landscape.models.zoo import build_zoo
from landscape.objective import kept as kept_module
from landscape.objective.calls import Hollow
from landscape.objective.kept_plan import expected
from landscape.objective.loss import make_measure
from landscape.objective.objective import Objective
from landscape.objective.rehearsal import Rehearsal

POINTS = (0.0, 0.5, -1.0, 0.0)
CALLS = []


class Counted(nn.Linear):
    """A layer whose calls are counted."""

    def forward(self, x):
        CALLS.append(len(x))
        return super().forward(x)


class Net(nn.Module):
    """A layer that rests, one that moves, and a way to use them."""

    def __init__(self, way=lambda net, x: net.late(net.early(x)), **modules):
        super().__init__()
        self.early, self.late = Counted(5, 5), nn.Linear(5, 3)
        for name, module in modules.items():
            setattr(self, name, module)
        self.way = way

    def forward(self, x):
        return self.way(self, x)


def pairs(n=23, width=5):
    torch.manual_seed(3)
    return torch.randn(n, width), torch.randint(0, 3, (n,))


def built(net, data, moving, *, keeps=True, precision="fp64", **options):
    measure, _, _ = make_measure("cross_entropy", None)
    splits = measure.read(load_splits(data, split=("train",)).splits, net)
    names = [name for name, _ in net.named_parameters() if name.startswith(moving)]
    made = Objective(net, splits, measure, precision=precision, fast=keeps, names=names, **{"batch_size": 8} | options)
    made.check()
    return made


def points(objective, coordinates=POINTS):
    """The values at points along a direction."""
    origin = objective.weights.clone()
    direction = torch.randn(origin.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    return [objective.evaluate(origin + t * direction.to(origin)) for t in coordinates]


def compared(net, data=None, moving="late", whole=None, **options):
    """What is kept of the net, after its values were found to be those of the whole net.

    `whole`: options of the other objective, which keeps nothing.
    """
    net, data = net.eval(), pairs() if data is None else data
    objective, other = built(net, data, moving, **options), built(net, data, moving, **options)
    other.keeping.__init__(0.0, wanted=False)
    assert points(objective) == points(other)
    return objective.keeping.kept


def reused(net, **options):
    """How often the layer that rests was passed, beside the batches of the whole net."""
    objective = built(net.eval(), pairs(), "late", **options)
    points(objective, (0.0, 0.5))  # the first batches of the second point are computed both ways
    CALLS.clear()
    points(objective, (1.0, 2.0))
    return not CALLS


def test_a_layer_that_rests_is_called_once_for_each_batch():
    objective = built(Net().eval(), pairs(), "late")
    CALLS.clear()
    points(objective, (0.0, 1.0, 2.0, 3.0))
    verified = 8 * kept_module.VERIFIED
    assert sum(CALLS) == 23 + verified + min(CALLS)  # all samples, the rehearsal, and what is computed both ways
    assert objective.keeping.kept.nbytes == (23 * 5) * 8
    assert not any("forward" in vars(module) or module._forward_pre_hooks for module in objective.model.modules())


def test_only_a_checked_objective_keeps_anything():
    net = Net().eval()
    measure, _, _ = make_measure("cross_entropy", None)
    splits = load_splits(pairs(), split=("train",)).splits
    made = Objective(net, splits, measure, fast=True, names=["late.weight"])
    points(made)
    assert made.keeping.kept is None


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


class Thin(nn.Module):
    def forward(self, x):
        return x.relu().to_sparse()


class Pair(nn.Module):
    def forward(self, x):
        return x, {"half": x / 2}["half"]


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


def images(n=6):
    torch.manual_seed(3)
    return torch.randn(n, 3, 16, 16), torch.randint(0, 10, (n,))


@pytest.mark.parametrize("batchnorm", ["keep", "interpolate", "recompute"])
def test_programs_of_residual_nets(batchnorm):
    """In the middle of the net the skip of a block crosses the cut."""
    kept = compared(build_zoo("resnet20"), images(), "layer3.1", precision="fp32", batchnorm=batchnorm)
    assert (kept is None) == (batchnorm == "recompute")
    if batchnorm == "keep":
        assert kept.way.layers == 17 and 0 < kept.nbytes <= 6 * 64 * 4 * 4 * 4 * 2


@pytest.mark.parametrize("precision", ["fp32", "fp64"])
def test_what_rests_may_change_between_points(precision):
    """Parameters and buffers that others write to, with and without torch's notice, and ones that are replaced."""
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 14 * 14, 10)
    ).eval()
    both = [built(net, images(), "4", precision=precision) for _ in range(2)]
    both[1].keeping.__init__(0.0, wanted=False)

    def replace(own):
        own[0].bias = nn.Parameter(own[0].bias.detach() + 1.0, requires_grad=False)

    before = points(both[0])
    writes = [lambda own: own[0].weight.mul_(1.5), lambda own: own[1].running_mean.data.add_(1.0), replace]
    for write in writes:
        with torch.no_grad():
            for objective in both:
                write(objective.model)
        found = points(both[0])
        assert found == points(both[1]) and found != before
        before = found


def test_other_data_are_other_activations():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 14 * 14, 10)).eval()
    objective, (inputs, targets) = built(net, images(), "3", precision="fp32"), images()
    before = points(objective)
    view = objective.with_splits(load_splits((inputs.flip(0), targets), split=("train",)).splits)
    assert objective.keeping.kept.nbytes > 0 and points(view) != before == points(objective)


def test_memory_has_a_limit():
    """Batches beyond it are passed through the whole net."""
    size = 8 * 5 * 8  # of a batch
    net, room = Net().eval(), 2 * 1.5 * size  # a half of the room is that of the data
    kept = compared(net, budget=room)
    assert kept.nbytes == size <= kept.limit
    assert compared(net, budget=0.0).nbytes == 0


def test_where_values_differ_nothing_is_kept_from_then_on(monkeypatch):
    """Whatever the reason; here what was kept is spoiled."""
    torch.manual_seed(0)
    net = Net().eval()
    objective = built(net, pairs(), "late")
    objective.evaluate()
    kept = objective.keeping.kept
    for memo in kept._memos.values():
        for done in memo.kept.done.values():
            with torch.inference_mode():
                done.outputs.add_(1.0)
    other = built(net, pairs(), "late")
    other.keeping.__init__(0.0, wanted=False)
    assert points(objective, (0.5, 1.0)) == points(other, (0.5, 1.0))
    assert kept.nbytes == 0


def test_threads_share_what_is_kept():
    torch.manual_seed(0)
    net, threads = Net().eval(), torch.get_num_threads()
    alone = points(built(net, pairs(200), "late"))
    torch.set_num_threads(2)
    try:
        objective = built(net, pairs(200), "late")
        assert points(objective) == alone
        assert len(objective.keeping.kept._memos) == 25
    finally:
        torch.set_num_threads(threads)


@pytest.mark.parametrize("why", ["hooks", "a loss of (model, batch)", "nothing rests", "another cache", "not wanted"])
def test_nothing_is_kept_where_it_cannot_be_proven(why):
    net = Net().eval()
    if why == "hooks":
        net.early.register_forward_hook(lambda *given: None)
    if why == "another cache":
        net.early.forward = net.early.forward
    objective = built(net, pairs(), "" if why == "nothing rests" else "late", keeps=why != "not wanted")
    if why == "a loss of (model, batch)":
        objective.measure, _, _ = make_measure(lambda model, batch: F.cross_entropy(model(batch[0]), batch[1]), None)
    with contextlib.suppress(TypeError):  # of the loss, which changed on the way
        objective.evaluate()
    assert objective.keeping.kept is None


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


def test_a_plan_says_what_is_kept():
    objective = built(Net().eval(), pairs(), "late")
    found = expected(objective)
    assert (found.layers, found.of, found.share) == (1, 2, 1.0)
    assert found.nbytes == pytest.approx(23 * 5 * 8)
    assert expected(built(Net().eval(), pairs(), "")) is None
