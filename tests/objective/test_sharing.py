"""Threads change how long an evaluation takes, and no bit of what it gives."""

import itertools
import threading
from typing import ClassVar

import numpy as np
import pytest
import torch
from torch import nn

from landscape.errors import EvaluationError
from landscape.objective import sharing, team, twins
from landscape.objective.chunks import Segment
from landscape.objective.reach import Reach
from landscape.objective.sharing import Division, Sharing

COUNT = 203


@pytest.fixture
def threads():
    """threads(n): torch, and with it an evaluation, may use n."""
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


@pytest.fixture
def most(monkeypatch):
    """Of the ways that give the same values the one with most threads is chosen, not the fastest."""
    monkeypatch.setattr(Sharing, "_fastest", lambda self, objective: self._equal_divisions(objective)[-1])


class Keeps(nn.Module):
    """Keeps what it has computed in an attribute, and reads it again later in the same call."""

    def __init__(self):
        super().__init__()
        self.first, self.norm, self.last = nn.Linear(72, 48), nn.LayerNorm(48), nn.Linear(48, 3)

    def forward(self, x):
        self.kept = self.norm(torch.tanh(self.first(x.flatten(1))))
        return self.last(self.kept) + self.kept.mean(1, keepdim=True)


class Shares(Keeps):
    """Keeps it where all nets of the class find it."""

    def forward(self, x):
        Shares.everyone = torch.tanh(self.first(x.flatten(1)))
        return self.last(self.norm(Shares.everyone))


class Fails(nn.Module):
    """Fails for samples that begin with one of some numbers."""

    def __init__(self):
        super().__init__()
        self.last, self.bad = nn.Linear(72, 3), ()

    def forward(self, x):
        for number in self.bad:
            if bool((x[:, 0, 0, 0] == number).any()):
                raise ValueError(f"no {number}")
        return self.last(x.flatten(1))


def data(count=COUNT, side=6):
    generator = torch.Generator().manual_seed(1)
    inputs = torch.randn(count, 2, side, side, generator=generator)
    labels = torch.arange(count) % 3
    return {"train": (inputs, labels), "test": (inputs[:57] + 1, labels[:57])}


def net_of(kind):
    torch.manual_seed(2)
    return {"keeps": Keeps, "shares": Shares, "fails": Fails}[kind]()


def mean_error(outputs, targets):
    return (outputs.softmax(1).amax(1) - targets).square().mean()


LOSSES = {
    "per sample": "cross_entropy",
    "mean": mean_error,
    "torch": nn.CrossEntropyLoss(torch.tensor([1.0, 2.0, 3.0])),
}


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("kind", ["folded", "keeps"])
def test_the_same_bits_with_any_number_of_threads(objective, threads, most, cnn, kind, loss):
    """Two splits, batches of 16, the last ones of 11 and 9."""
    found = []
    for count in (1, 2, 3):
        threads(count)
        net = cnn() if kind == "folded" else net_of(kind)
        made = objective(net, data(), LOSSES[loss], precision="fp32", batch_size=16, fast=True, l2=0.1)
        made.check()
        assert (made.net is not made.model) == (kind == "folded")
        found.append([made.evaluate(made.weights * scale) for scale in (1.0, 1.3)])
        assert count == 1 or made._sharing._division == Division(count, 1)
    for other in found[1:]:
        np.testing.assert_array_equal(
            [list(each.values()) for each in other], [list(each.values()) for each in found[0]]
        )
    assert found[0][0] != found[0][1]


def test_threads_have_the_precision_of_the_run(objective, threads, most):
    """Torch's autocast is one of a thread."""
    found = {}
    for precision, count in itertools.product(("bf16", "fp32"), (1, 2)):
        threads(count)
        made = objective(net_of("keeps"), data(), precision=precision, batch_size=16)
        made.check()
        found[precision, count] = made.evaluate()
        assert count == 1 or made._sharing._division == Division(2, 1)
    assert found["bf16", 2] == found["bf16", 1] != found["fp32", 1] == found["fp32", 2]


def test_part_of_a_point_is_shared_too(objective, threads, most):
    threads(2)
    made = objective(net_of("keeps"), data(), precision="fp32", batch_size=8)
    whole = made.sums(0, lambda chunk: made.chunks)
    assert made.sums(3, lambda chunk: 7) == whole[3:7]
    # the end comes nearer while chunks are in progress, as another rank takes some of them
    asked = itertools.count()
    assert made.sums(0, lambda chunk: 9 - next(asked)) == whole[:5]


def hooked(net):
    net.first.register_forward_hook(lambda *_: None)
    return net


@pytest.mark.parametrize(
    ("net", "loss", "shared"),
    [
        (lambda: net_of("keeps"), "cross_entropy", True),
        (lambda: net_of("shares"), "cross_entropy", False),
        (lambda: hooked(net_of("keeps")), "cross_entropy", False),
        (lambda: net_of("keeps"), lambda model, batch: (model(batch[0]) ** 2).mean(1), False),
        (lambda: nn.Sequential(nn.Dropout(), nn.Flatten(), nn.Linear(72, 3)), "cross_entropy", True),  # in eval mode
    ],
    ids=["attribute", "class", "hook", "model and batch", "dropout"],
)
def test_only_what_is_safe_beside_itself_is_shared(objective, threads, net, loss, shared):
    threads(2)
    made = objective(net(), data(), loss, precision="fp32", batch_size=16)
    made.check(lenient=True)
    assert bool(twins.twins(made, 2)) == shared
    made.evaluate()
    assert made._sharing._team.size == (2 if shared else 1)


class Grows(Shares):
    """Executes more lines each time, as collected garbage may at any time."""

    def forward(self, x):
        for _ in range(3 * next(TURNS)):
            pass
        return super().forward(x)


TURNS = itertools.count()


class Long(nn.Module):
    """Shares what it has computed with all nets of the class, from one of its many lines to the next; at 0: it does not."""

    kept: ClassVar = [None]

    def __init__(self, lines, at):
        super().__init__()
        self.last = nn.Linear(72, 3)
        body = ["y = self.last(x.flatten(1))", *["y = y + 0"] * lines, "return y"]
        if at:
            body[at:at] = ["self.kept[0] = y", "y = self.kept[0]"]
        exec("def forward(self, x):\n    " + "\n    ".join(body), found := {})
        type(self).forward = found["forward"]


def test_every_line_of_own_code_is_tried_on_a_busy_machine_too(objective, monkeypatch):
    """Lines are found again whatever else runs; the clock on the wall does not count, and without time nothing is shared."""
    monkeypatch.setattr(twins.time, "perf_counter", itertools.count(step=10).__next__)
    monkeypatch.setattr(Reach, "look", lambda *_: None)  # which sees most of it by reading

    def count(net):
        return len(twins.twins(objective(net, data(), precision="fp32", batch_size=16), 2))

    assert [count(net) for net in (Grows(), Long(300, 101), Long(300, 300))] == [0, 0, 0]
    assert count(Long(300, 0)) == 2
    monkeypatch.setattr(twins, "OWN_SECONDS", 1e-6)
    assert count(Long(300, 0)) == 0


class Late(nn.Module):
    """Shares something in the last turn of a loop only, from one line to the next."""

    kept: ClassVar = [None]

    def __init__(self):
        super().__init__()
        self.last = nn.Linear(72, 3)

    def forward(self, x):
        y = self.last(x.flatten(1))
        for turn in range(3):
            self.kept[0] = y if turn == 2 else None
            y = y if turn < 2 else self.kept[0]
        return y


class Settles(Shares):
    """Takes the way on which it shares something from the second call of any net of the class on."""

    def __init__(self):
        super().__init__()
        Settles.calls = itertools.count()

    def forward(self, x):
        if next(Settles.calls):
            return super().forward(x)
        return self.last(self.norm(torch.tanh(self.first(x.flatten(1)))))


class Global:
    """A loss that keeps its outputs in a variable of the module."""

    def __call__(self, outputs, targets):
        global kept
        kept = outputs.log_softmax(1)
        return -kept.gather(1, targets[:, None])[:, 0] * kept.exp().sum(1)


@pytest.mark.parametrize("policy", ["keep", "recompute"])
def test_a_loss_with_a_global_variable_and_recomputed_statistics_are_not_shared(objective, threads, cnn, policy):
    threads(2)
    loss = Global() if policy == "keep" else "cross_entropy"
    made = objective(cnn(), data(), loss, precision="fp32", batch_size=16, batchnorm=policy)
    made.check()
    assert not twins.twins(made, 2)


def test_twins_are_the_net_wherever_it_goes(objective):
    made = objective(net_of("keeps"), data(), precision="fp32", batch_size=16)
    found = twins.twins(made, 3)
    made.weights.mul_(1.5)
    batch = data()["train"][0][:5]
    for twin in found:
        assert twin.net is not made.model
        assert torch.equal(twin.net(batch), made.model(batch))
        for own, other in zip(twin.net.parameters(), made.model.parameters(), strict=True):
            assert own is other


def test_memory_limits_how_many_nets_run_at_a_time(objective, monkeypatch):
    made = objective(net_of("keeps"), data(), precision="fp32", batch_size=16)
    largest = 4 * 16 * 72  # bytes of the largest tensor of a batch: the flat inputs
    for nets, expected in ((1.5, 0), (2.5, 2), (99, 3)):
        monkeypatch.setattr(twins, "host_budget", lambda nets=nets: nets * twins.LIVE * largest)
        assert len(twins.twins(made, 3)) == expected


def test_the_fastest_way_is_chosen_and_chosen_again(objective, threads, monkeypatch):
    """By a clock that the ways advance themselves."""
    now, cost = [0.0], {Division(1, 1): 5e-3, Division(2, 1): 15e-3}

    def run(self, objective, way, work, items):
        items = list(items)
        now[0] += cost[way] * len(items)
        return [work(objective.net, objective.measure, item) for item in items]

    monkeypatch.setattr(Sharing, "_run", run)
    threads(2)
    made = objective(net_of("keeps"), data(), precision="fp32", batch_size=16)
    made._sharing = Sharing(made, 2, clock=lambda: now[0])
    expected = made.evaluate()
    assert made._sharing._division == Division(1, 1)  # never worse than one thread
    cost[Division(2, 1)] = 3e-3
    assert made.evaluate() == expected
    assert made._sharing._division == Division(1, 1)  # a choice holds for a while
    now[0] += sharing.AGAIN_SECONDS
    assert made.evaluate() == expected
    assert made._sharing._division == Division(2, 1)
    cost[Division(1, 1)] = 1.01 * sharing.LONG_SECONDS
    now[0] += sharing.AGAIN_SECONDS
    made.evaluate()
    assert made._sharing._division == Division(2, 1)


def test_torch_threads_that_change_bits_are_not_chosen_by_a_clock(objective, threads, monkeypatch):
    """One batch for two threads: one thread or two of torch, whichever is faster, if both give the same."""
    threads(2)
    made = objective(net_of("keeps"), {"train": data()["train"]}, precision="fp32", batch_size=COUNT)
    found = Sharing(made, 2)
    with made.ready():
        assert found._equal_divisions(made) == [Division(1, 1), Division(1, 2)]
        monkeypatch.setattr(sharing, "fetch_sums", lambda tallies: object())
        assert found._equal_divisions(made) == [Division(1, 2)]


def test_the_shorter_last_batch_of_each_split_is_tried_too(objective):
    """Torch's threads may change its bits alone."""
    made = objective(net_of("keeps"), data(), precision="fp32", batch_size=16)
    ends = [("train", 0), ("train", 12), ("test", 0), ("test", 3)]
    assert sharing._ends(made) == [[Segment(name, at, at + 1)] for name, at in ends]


def test_a_last_round_of_fewer_batches_has_all_threads_and_the_same_bits(objective, threads):
    """Three batches: two side by side, then one with two threads of torch; the net and the number of threads are seen within."""
    threads(2)
    made = objective(net_of("keeps"), {"train": data()["train"]}, precision="fp32", batch_size=80)
    expected, seen = made.evaluate(), []
    assert made.chunks == 3

    def work(net, measure, chunk):
        seen.append((chunk[0].first, torch.get_num_threads()))
        return made.tally(net, measure, chunk)

    for rest, last in ((1, 1), (2, 2)):
        made._sharing._division, made._sharing._chosen = Division(2, 1, rest), float("inf")
        assert made.evaluate() == expected
        seen.clear()
        with made.ready():
            made.map(work, made.segments)
        assert sorted(seen) == [(0, 1), (1, 1), (2, last)]
    with made.ready():  # two are left of a round of three: there is no second thread for each
        made._sharing._team, made._sharing._twins = team.Team(3), made._sharing._twins[:1] * 3
        made._sharing._division = Division(3, 1, 2)
        seen.clear()
        made.map(work, made.segments[:2])
    assert sorted(seen) == [(0, 1), (1, 1)]


@pytest.mark.parametrize(
    ("seconds", "equal", "size", "rest"),
    [
        (0.6, True, 80, 2),
        (1.2, True, 80, 1),  # slower than one thread
        (0.6, False, 80, 1),  # other bits
        (0.6, True, 51, 1),  # four batches: no round is left
        (0.6, True, 4, 1),  # 51 batches: the last one takes 2 % of the time
    ],
)
def test_the_last_round_is_divided_where_that_pays(objective, threads, monkeypatch, seconds, equal, size, rest):
    threads(2)
    made = objective(net_of("keeps"), {"train": data()["train"]}, precision="fp32", batch_size=size)
    found, taken = Sharing(made, 2), {1: 2 * sharing.LONG_SECONDS, 2: 2 * seconds * sharing.LONG_SECONDS}
    monkeypatch.setattr(found, "_seconds", lambda objective, division: taken[division.inner])
    if not equal:
        monkeypatch.setattr(sharing, "fetch_sums", lambda tallies: object())
    with made.ready():
        assert found._fastest(made) == Division(2, 1, rest)


def test_an_error_in_one_thread_is_the_error_of_a_loop(objective, threads, most):
    bad, texts = [float(data()["train"][0][number, 0, 0, 0]) for number in (60, 75, 100, 190)], []
    for count in (1, 3):
        threads(count)
        made = objective(net_of("fails"), data(), precision="fp32", batch_size=16)
        expected = made.evaluate()
        nets = [made.model, *(twin.net for twin in (made._sharing._twins if made._sharing else ()))]
        for net in nets:
            net.bad = bad
        with pytest.raises(ValueError, match="^no ") as caught:
            made.evaluate()
        texts.append(str(caught.value))
        for net in nets:
            net.bad = ()
        assert made.evaluate() == expected
    assert len(nets) == 4
    assert texts == [f"no {bad[0]}"] * 2


def test_a_gpu_is_one_thread(objective, threads):
    """The queue of a GPU is fed by one thread; nothing of the threads of CPUs is touched."""
    threads(2)
    made = objective(net_of("keeps"), data(), precision="fp32", batch_size=16)
    made.device = torch.device("cuda")
    seen = made.map(lambda net, measure, number: (net is made.model, threading.get_ident(), number), range(5))
    assert seen == [(True, threading.get_ident(), number) for number in range(5)]
    assert made._sharing is None
    assert torch.get_num_threads() == 2


def test_a_loss_without_values_says_so_with_threads_too(objective, threads):
    threads(2)
    made = objective(net_of("keeps"), data(), precision="fp32", batch_size=16)
    made.measure = type(made.measure)({})
    with pytest.raises(EvaluationError, match="returned no values"):
        made.evaluate()
