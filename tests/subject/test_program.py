"""The hash of what a module computes: one for equal functions, others for other functions with the same weights."""

import builtins
import copy
import functools
import operator

import pytest
import torch
from torch import nn
from torch.nn import functional as F

import landscape as ll
from landscape.errors import UsageError
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


def module(forward=lambda self, x: self.inner(x), *, set=None, **members):
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner, self.drop, self.losses = nn.Linear(3, 2), nn.Dropout(0.1), []

        def training_step(self, batch):
            self.losses.append(self(batch).sum())

    Net.forward = forward
    for name, member in members.items():
        setattr(Net, name, member)
    made = Net()
    for name, value in (set or {}).items():
        setattr(made, name, value)
    return made


def with_rate(rate, **members):
    made = module(lambda self, x: self.drop(self.inner(x)), **members)
    made.drop = nn.Dropout(rate, inplace=rate > 0.5)
    return made


NAME, FETCH, GETTER, PARTIAL = "scale", getattr, operator.attrgetter("scale"), functools.partial(getattr)


def outside(net, x):
    return x * net.scale


@pytest.mark.parametrize(
    "first, second",
    [
        (module(set={"name": "run-1"}), module()), (module(set={"losses": [1.0]}), module()),
        (module(set={"name": "run-1"}), module(set={"name": "run-2"})), (with_rate(0.2), with_rate(0.7)),
        (nn.LSTM(3, 2, 2, dropout=0.1), nn.LSTM(3, 2, 2, dropout=0.2)),
    ],
)  # fmt: skip
def test_what_no_code_reads_when_a_net_is_evaluated_is_no_difference(first, second):
    assert unlike(program_of(first), program_of(second)) is None
    assert unlike(program_of(second), program_of(first)) is None


READS = {
    "by its name": lambda self, x: self.inner(x) * self.scale,
    "by a name made up": lambda self, x: self.inner(x) * getattr(self, "".join(("sca", "le"))),
    "in the table": lambda self, x: self.inner(x) * self.__dict__["".join(("sca", "le"))],
    "by a function of the file": lambda self, x: outside(self, self.inner(x)),
    "in a text": lambda self, x: self.inner(x) * float("{0.scale}".format(self)),  # noqa: UP030, UP032  this is the case
    "by a property": lambda self, x: self.inner(x) * self.gain,
    "by a static method": lambda self, x: self.through(self, self.inner(x)),
    "by a getter": lambda self, x: self.inner(x) * GETTER(self),
    "by another name of getattr": lambda self, x: self.inner(x) * FETCH(self, NAME),
    "by getattr of a module": lambda self, x: self.inner(x) * builtins.getattr(self, NAME),
    "by a function with arguments": lambda self, x: self.inner(x) * PARTIAL(self, NAME),
}


def test_what_a_method_gives_back_is_read_though_lists_are_filled_by_its_name():
    one, two = (module(lambda self, x: self.shift.add(self.inner(x)), set={"shift": torch.ones(1) * n}) for n in (1, 2))
    assert unlike(program_of(one), program_of(two)).startswith("setting shift ")


@pytest.mark.parametrize("how", READS)
def test_what_code_reads_in_whatever_way_is_a_difference(how):
    member = {
        "by a property": {"gain": property(lambda self: self.scale)},
        "by a static method": {"through": staticmethod(outside)},
    }.get(how, {})
    one, two = (program_of(module(READS[how], set={"scale": scale}, **member)) for scale in (1.0, 2.0))
    assert unlike(one, two) == "setting scale is 1.0 in the first, 2.0 in the second"


def test_a_rate_counts_where_code_reads_it_or_trains_a_layer():
    def always(self, mode=True):
        self.drop.train(True)
        return self

    assert "setting p" in unlike(*(program_of(with_rate(rate, train=always)) for rate in (0.1, 0.2)))
    in_forward = [module(lambda self, x: F.dropout(x, self.drop.p, True)) for _ in range(2)]
    in_forward[0].drop.p = 0.5
    assert "setting p" in unlike(*map(program_of, in_forward))


def test_what_another_code_reads_counts_beside_it():
    program = program_of(module(set={"name": "run-1", "scale": 1.0}))
    assert set(program.undecided()) == {"name", "scale", "losses", "p", "inplace"}
    assert program.undecided(lambda model, batch: model(batch) * model.scale) == ["inplace", "losses", "name", "p"]
    assert program.undecided(lambda model, batch: model.train()(batch)) == ["losses", "name", "scale"]
    assert program.undecided(lambda model, batch: vars(model)["name"]) == []


class Times:
    def __init__(self, factor):
        self.factor = factor

    def __get__(self, net, kind=None):
        return lambda x: self.factor * x


def times(factor):
    def decorated(function):
        @functools.wraps(function)
        def inner(self, x):
            return factor * function(self, x)

        return inner

    return decorated


MEMBERS = {
    "property": lambda factor: {
        "gain": property(lambda self: factor),
        "forward": lambda self, x: self.inner(x) * self.gain,
    },
    "static method": lambda factor: {"gain": staticmethod(lambda x: factor * x)},
    "class method": lambda factor: {"gain": classmethod(lambda kind, x: factor * x)},
    "partial method": lambda factor: {"gain": functools.partialmethod(lambda self, by, x: by * x, factor)},
    "descriptor": lambda factor: {"gain": Times(factor)},
    "function of torch": lambda factor: {"gain": staticmethod(torch.tanh if factor > 2 else torch.relu)},
    "decorator": lambda factor: {"forward": times(factor)(lambda self, x: self.inner(x))},
}


@pytest.mark.parametrize("how", MEMBERS)
def test_members_of_a_class_are_code_of_whatever_kind_they_are(how):
    usual = {"forward": lambda self, x: self.gain(self.inner(x))}
    two, other, three = (program_of(module(**usual | MEMBERS[how](factor))) for factor in (2, 2, 3))
    assert unlike(two, other) is None
    assert unlike(two, three) == "code of class module.<locals>.Net differs"


@pytest.mark.parametrize("reads", [True, False])
def test_a_second_net_may_differ_in_what_neither_net_nor_loss_reads(reads):
    """A line to a net whose attribute the loss multiplies with would have the first net's; one that nothing reads is a name."""

    class Weighted(nn.Module):
        def __init__(self, weighting):
            super().__init__()
            self.layer, self.weighting = nn.Linear(3, 2), weighting

        def forward(self, x):
            return self.layer(x)

    def weighted(net, batch):
        return F.cross_entropy(net(batch[0]), batch[1]) * net.weighting

    def plain(net, batch):
        return F.cross_entropy(net(batch[0]), batch[1])

    torch.manual_seed(0)
    data, loss = (torch.randn(9, 3), torch.arange(9) % 2), weighted if reads else plain
    first, second = Weighted(1.0), Weighted(3.0)
    if reads:
        with pytest.raises(UsageError, match=r"setting weighting is 1.0 in the first, 3.0 in the second"):
            ll.line(model=first, to=second, data=data, loss=loss, x="0:1:2")
    else:
        found = ll.line(model=first, to=second, data=data, loss=loss, x="0:1:2").values["train_loss"]
        assert found[1] == pytest.approx(float(plain(second, data)), rel=1e-6)
