"""Laws of replays: the same values as without, whatever changes in between; what cannot be recorded is computed as before.

A CPU records nothing, so a recording here is the work itself, run again into the tensors that it gave when it was recorded: it
reads and writes the memory that a GPU would.
"""

import pytest
import torch
from torch import nn

from landscape.curvature import tapes
from landscape.curvature.operator import CurvatureOperator
from landscape.curvature.replayed import ReplayedProduct
from landscape.data.load import load_splits
from landscape.models.zoo import build_zoo
from landscape.objective.loss import make_measure
from landscape.objective.objective import Objective
from landscape.program import replay
from landscape.program.forward import folded_net
from landscape.program.replay import COMES_AGAIN, padded
from landscape.program.rules import ROUNDED_LAYOUT
from tests.program.test_forward import images, lived_in


class Recording:
    def __init__(self, work):
        self.work, self.found = work, work()
        if self.found is not None:
            self.found.fill_(float("nan"))  # recording computes nothing

    def replay(self):
        again = self.work()
        if self.found is not None:
            self.found.copy_(again)


class Pool:
    """See above; `made` counts the recordings."""

    made = 0

    def record(self, work, name):
        Pool.made += 1
        recording = Recording(work)
        return recording, recording.found

    def within(self):
        return torch.no_grad()


class Broken(Pool):
    def record(self, work, name):
        return None


@pytest.fixture(autouse=True)
def pool(monkeypatch):
    Pool.made = 0
    monkeypatch.setattr(replay, "pool_on", lambda device: Pool())


@pytest.fixture
def net():
    found = lived_in(build_zoo("resnet20", in_channels=1))
    found.requires_grad_(False)
    return found


def replayed(net):
    found = folded_net(net, images(4, 1, 8))
    found.replay()
    return found


@pytest.mark.parametrize("size", [1, 31, 32, 33, 100])
def test_replays_have_the_values_of_the_net_as_weights_and_inputs_change(net, size):
    fast, plain = replayed(net), folded_net(net, images(4, 1, 8))
    inputs = images(size + 6, 1, 8)
    for number in range(COMES_AGAIN + 3):
        net.conv1.weight.mul_(1.1)
        net.bn1.running_mean.add_(0.01)
        net.linear.bias.add_(0.1)
        batch = inputs[number : number + size]
        for each in (fast, plain):
            each.refresh()
        assert torch.equal(fast(batch), plain(padded(batch))[:size])
        torch.testing.assert_close(fast(batch), net(batch), rtol=1e-4, atol=1e-4)
    assert Pool.made == 2, "one of the folding and one of the pass"


def test_outputs_that_are_kept_do_not_change(net):
    fast, inputs = replayed(net), images(40, 1, 8)
    for _ in range(COMES_AGAIN):
        kept = fast(inputs[:32])
    before = kept.clone()
    fast(inputs[8:])
    assert torch.equal(kept, before)


def test_a_tensor_that_is_replaced_is_read_at_its_new_place(net):
    fast, inputs = replayed(net), images(32, 1, 8)
    for _ in range(COMES_AGAIN + 1):
        fast.refresh()
        fast(inputs)
    before = Pool.made
    net.linear.weight = nn.Parameter(2 * net.linear.weight, requires_grad=False)
    for _ in range(COMES_AGAIN + 1):
        fast.refresh()
        torch.testing.assert_close(fast(inputs), net(inputs), rtol=1e-4, atol=1e-4)
    assert Pool.made == 2 * before, "what was recorded reads the old place"


@pytest.mark.parametrize("broken", [Broken, lambda: None])
def test_what_cannot_be_recorded_is_computed_as_before(net, broken, monkeypatch):
    asked = []
    monkeypatch.setattr(replay, "pool_on", lambda device: asked.append(device) or broken())
    fast, inputs = replayed(net), images(40, 1, 8)
    for _ in range(COMES_AGAIN + 2):
        fast.refresh()
        torch.testing.assert_close(fast(inputs), net(inputs), rtol=1e-4, atol=1e-4)
    assert len(asked) == 1


def test_few_sizes_are_recorded(net):
    """Batches of any size, as estimates draw them; each value is that of the sample, whatever it is padded with."""
    fast, inputs = replayed(net), images(64, 1, 8)
    whole = fast(inputs)
    for size in range(1, 64):
        torch.testing.assert_close(fast(inputs[:size]), whole[:size], rtol=1e-5, atol=1e-5)
    assert Pool.made == 2, "of 32 and of 64"


def test_large_inputs_are_not_padded():
    small, large = torch.zeros(5, 3, 8, 8), torch.zeros(5, 3, 400, 400)
    assert [len(padded(each)) for each in (small, large, small[:0])] == [32, 5, 0]
    assert [len(padded(torch.zeros(size, 2))) for size in (31, 32, 33, 1023, 1024, 1025)] == [
        32,
        32,
        64,
        1024,
        1024,
        1025,
    ]


def test_a_net_that_keeps_no_folded_weights_records_its_pass_alone(net, monkeypatch):
    monkeypatch.setattr("landscape.program.forward.KEPT_BYTES", 0)
    fast, inputs = replayed(net), images(32, 1, 8)
    for _ in range(COMES_AGAIN + 1):
        net.conv1.weight.mul_(1.1)
        fast.refresh()
        torch.testing.assert_close(fast(inputs), net(inputs), rtol=1e-4, atol=1e-4)
    assert Pool.made == 1


def operator(layout=torch.channels_last, pool=None, monkeypatch=None):
    monkeypatch.setattr(tapes, "pool_on", lambda device: pool)
    monkeypatch.setattr(tapes, "layout_for", lambda *_: layout)
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(3, 6, 3, padding=1), nn.BatchNorm2d(6), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 6, 3, stride=2), nn.ReLU(),
        nn.AvgPool2d(1), nn.Flatten(), nn.Linear(6, 3),
    )  # fmt: skip
    data = images(30, 3, 8), torch.arange(30) % 3
    measure = make_measure("cross_entropy", ["loss"])[0]
    objective = Objective(lived_in(net), load_splits(data, split=("train",)).splits, measure, batch_size=8)
    found = CurvatureOperator(objective, backend="program")
    return found, found.low_precision("bf16")


def test_products_do_not_depend_on_the_layout(monkeypatch):
    """In full precision and in bfloat16."""
    found = []
    for layout in (torch.channels_last, torch.contiguous_format):
        exact, rough = operator(layout, monkeypatch=monkeypatch)
        exact.refresh()
        backend, vector = exact._backend, exact.gaussian(0)
        held = (backend._program, backend._tapes, layout), (backend._low, backend._low_tapes, ROUNDED_LAYOUT)
        for program, kept, used in held:
            convolved = kept[0].kept[[step.rule.parameters for step in program._steps].index(("4.weight",))]
            assert convolved.shape[1] == 6 and convolved.is_contiguous(memory_format=used)
        found.append((exact(vector), rough(vector)))
    for (one, other), limit in zip(zip(*found, strict=True), (1e-5, 2e-2), strict=True):
        assert (one - other).norm() < limit * one.norm()


def test_products_that_are_replayed_are_those_of_the_weights_there(monkeypatch):
    plain, rough = operator(monkeypatch=monkeypatch)
    again, roughly = operator(pool=Pool(), monkeypatch=monkeypatch)
    for _ in range(2):  # at two points
        for each in (plain, again):
            each._objective.weights.mul_(1.1)
            each.refresh()
        Pool.made = 0
        for number in range(4):
            vector = plain.gaussian(number)
            assert torch.equal(again(vector), plain(vector))
            assert torch.equal(roughly(vector), rough(vector))
        assert Pool.made == 2, "one of each precision"
    assert isinstance(again._backend._product, ReplayedProduct)


def test_products_that_cannot_be_recorded_are_computed(monkeypatch):
    plain, _ = operator(monkeypatch=monkeypatch)
    again, _ = operator(pool=Broken(), monkeypatch=monkeypatch)
    for each in (plain, again):
        each.refresh()
    for number in range(4):
        assert torch.equal(again(plain.gaussian(number)), plain(plain.gaussian(number)))


def test_without_room_for_all_tapes_nothing_is_recorded(monkeypatch):
    """A product then reads data and waits for their loss."""
    found, _ = operator(pool=Pool(), monkeypatch=monkeypatch)
    found._backend._budget = 0.0
    found.refresh()
    Pool.made = 0
    for number in range(3):
        found(found.gaussian(number))
    assert Pool.made == 0
