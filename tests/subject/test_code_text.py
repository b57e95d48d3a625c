"""What a loss or a net of the user's computes, as a hash: another one for other code or settings, the same after it was used."""

import collections
import functools
import operator
import subprocess
import sys
import textwrap
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from torch import distributions, fx, nn

from landscape.subject import program
from landscape.subject.code_names import names_in
from landscape.subject.program import callable_digest, program_of


def loss_of(held):
    def loss(outputs, targets):
        return held, outputs - targets

    return loss


def net_of(held):
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.held = held

        def forward(self, x):
            return x, self.held

    return Net()


def class_of(held):
    class Net(nn.Module):
        table = held

        def forward(self, x):
            return x, self.table

    return Net()


@dataclass(slots=True)
class Slots:
    alpha: float


class Silent:
    """Answers to every name, as proxies do."""

    def __init__(self, alpha):
        self.alpha = alpha

    def __getattr__(self, name):
        return None


PAIRS = {
    "range": (range(1), range(7)),
    "itemgetter": (operator.itemgetter(0), operator.itemgetter(1)),
    "deque": (collections.deque([1]), collections.deque([2])),
    "OrderedDict": (collections.OrderedDict(a=1), collections.OrderedDict(a=2)),
    "slots": (Slots(1.0), Slots(2.0)),
    "a class that answers to every name": (Silent(1), Silent(2)),
    "distribution": (distributions.Normal(0.0, 1.0), distributions.Normal(5.0, 1.0)),
    "sparse tensor": (torch.eye(2).to_sparse(), 2 * torch.eye(2).to_sparse()),
    "list": ([1.0], [9.0]),
    "table of functions": ({"relu": torch.relu}, {"relu": torch.sigmoid}),
}


CONSTANTS = ("list", "table of functions")
HOLDERS = [(made, name) for made in (loss_of, net_of) for name in PAIRS] + [(class_of, name) for name in CONSTANTS]


@pytest.mark.parametrize(("made", "name"), HOLDERS)
def test_other_values_of_any_kind_are_told_apart(made, name):
    check_differ(made, *PAIRS[name])


@pytest.mark.filterwarnings("ignore:Sparse CSR")
def test_sparse_rows_and_columns_are_told_apart():
    for layout in (torch.sparse_csr, torch.sparse_csc):
        check_differ(loss_of, torch.eye(2).to_sparse(layout=layout), 2 * torch.eye(2).to_sparse(layout=layout))


def check_differ(made, first, second):
    read = callable_digest if made is loss_of else lambda net: program_of(net).digest
    assert read(made(first)) != read(made(second))
    assert read(made(first)) == read(made(first))


def test_methods_that_keep_their_results_are_read():
    def made(power):
        class Net(nn.Module):
            @functools.lru_cache  # noqa: B019
            def scale(self):
                return 2**3 if power == 3 else 2**4

            @functools.cached_property
            def kept(self):
                return 1

            forward = (lambda self, x: self.scale() * x) if power == 3 else (lambda self, x: self.scale() + x)

        return program_of(Net()).digest

    assert made(3) != made(4)


def test_a_traced_net_is_known_by_its_graph():
    first, second = (nn.Sequential(nn.Linear(2, 2), nn.Identity()) for _ in range(2))

    class With(nn.Module):
        def __init__(self, function):
            super().__init__()
            self.net, self.function = first, function

        def forward(self, x):
            return self.function(self.net(x))

    relu, tanh = (program_of(fx.symbolic_trace(With(each))).digest for each in (torch.relu, torch.tanh))
    assert relu != tanh
    assert program_of(fx.symbolic_trace(second)).digest == program_of(fx.symbolic_trace(second)).digest


class Counting(nn.Module):
    """Changes whatever code may change of its own, in `forward` and in what that calls."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(3))
        self.calls, self.last, self.counts, self.seen, self.average = 0, None, {"all": 0}, [], torch.zeros(3)

    @functools.cached_property
    def size(self):
        return self.weight.numel()

    def attend(self, x):
        self.last = x.detach()
        self.counts["all"] += 1
        return x * self.size

    def forward(self, x):
        self.calls += 1
        self.seen.append(x.shape)
        self.average.mul_(0.9).add_(x.mean(0))
        return self.attend(x) * self.weight


def test_what_a_net_writes_into_itself_is_no_setting_of_it():
    net = Counting()
    before = program_of(net)
    net(torch.randn(4, 3))
    assert program_of(net) == before
    net.slope = 2
    assert program_of(net) != before


def test_what_a_loss_writes_into_is_no_setting_of_it():
    calls, seen, table = 0, [], {}

    def loss(outputs, targets):
        nonlocal calls
        calls += 1
        seen.append(1)
        table["all"] = table.get("all", 0) + 1
        return outputs - targets

    before = callable_digest(loss)
    loss(torch.ones(2), torch.ones(2))
    assert calls == 1 and callable_digest(loss) == before


def test_a_tensor_that_has_a_method_named_as_those_of_lists_is_a_setting():
    def made(shift):
        return callable_digest(lambda outputs, targets: shift.add(outputs) - targets)

    assert made(torch.zeros(2)) != made(torch.ones(2))


def test_containers_are_found_through_the_stack():
    table, key, lists = {}, "a", []

    def writes(self, x):
        table[key] += 1
        lists[0:1] = [3]
        self.a.b["c"] = self.d
        del self.gone[x]
        x.clamp_(0)
        return self.kept + x

    names = names_in(writes)
    assert names.changed == {"table", "lists", "b", "gone"} and not names.sets


def test_functions_of_no_module_are_read():
    spaces = [{}, {}]
    for space, code in zip(spaces, ("o - t", "o + t"), strict=True):
        exec(f"def loss(o, t): return {code}", space)
        space["loss"].__module__ = None
    assert callable_digest(spaces[0]["loss"]) != callable_digest(spaces[1]["loss"])


def test_nets_that_hold_each_other_are_read_once_each(monkeypatch):
    first, second = nn.Linear(2, 2), nn.Linear(2, 2)
    first.others, second.others = [second], [first]
    read = []
    monkeypatch.setattr(program, "program_of", lambda net, *within: [read.append(net), program_of(net, *within)][1])
    assert program_of(first).digest == program_of(first).digest
    assert read == [second, second]


def test_large_arrays_are_not_copied_as_text():
    held = np.zeros(2**22)
    before = callable_digest(loss_of(held))
    held[-1] = 1
    assert callable_digest(loss_of(held)) != before


def test_the_hash_is_the_same_in_every_process():
    """Python orders sets by another seed in each process."""
    program = textwrap.dedent("""
        import sys, types
        from landscape.subject.program import callable_digest
        helpers = types.ModuleType("helpers")
        helpers.__file__ = "/home/me/helpers.py"
        sys.modules["helpers"] = helpers
        exec('''
        def even(n): return n == 0 or odd(n - 1)
        def odd(n): return n != 0 and even(n - 1)
        ''', vars(helpers))
        names = {"b", "a", "c", even} if (even := helpers.even) else None
        def loss(o, t): return helpers.even(3) + helpers.odd(2) + o, names
        print(callable_digest(loss))
    """)
    found = {
        subprocess.run(
            [sys.executable, "-c", program], env={"PYTHONHASHSEED": seed, "PATH": ""}, capture_output=True, text=True, check=True
        ).stdout
        for seed in ("0", "2")
    }  # fmt: skip
    assert len(found) == 1
