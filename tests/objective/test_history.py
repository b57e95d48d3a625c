"""Values must not depend on what was evaluated before: what a net or a loss keeps from call to call is found before a run."""

import functools

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from landscape.errors import EvaluationError

GENERATOR = torch.Generator().manual_seed(1)
INPUTS, TARGETS = torch.randn(50, 6, generator=GENERATOR), torch.randint(0, 3, (50,), generator=GENERATOR)


class Linear(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.layer = nn.Linear(6, 3)

    def forward(self, x):
        return self.layer(x)


class FirstBatch(Linear):
    """Normalized by the statistics of the first batch that it sees."""

    spread = None

    def forward(self, x):
        found = self.layer(x)
        if self.spread is None:
            self.spread = found.detach().std(0)
        return found / self.spread


class FirstInputs(Linear):
    """Centred by the first inputs that it sees."""

    centre = None

    def forward(self, x):
        if self.centre is None:
            self.centre = x.mean(0)
        return self.layer(x - self.centre)


class FirstWeights(Linear):
    """A kernel made of the weights, once."""

    kernel = None

    def forward(self, x):
        if self.kernel is None:
            self.kernel = self.layer.weight.softmax(0)
        return x @ self.kernel.T


@functools.lru_cache
def _softmax(weight):
    return weight.softmax(0)


class FirstWeightsElsewhere(Linear):
    """The same, kept outside of the net, by the parameter."""

    def forward(self, x):
        return x @ _softmax(self.layer.weight).T


class Slots(Linear):
    """Kept in an object that is not a module."""

    def __init__(self):
        super().__init__()
        self.notes = {}

    def forward(self, x):
        kernel = self.notes.setdefault("kernel", self.layer.weight.softmax(0))
        return x @ kernel.T


class Recorder(Linear):
    """Keeps its features for others to look at, and does not read them."""

    def __init__(self):
        super().__init__()
        self.features = []

    def forward(self, x):
        self.features.append(x.detach())
        return self.layer(x)


class Iterated(Linear):
    """A fixed point that exists only near its own weights; elsewhere it raises."""

    def forward(self, x):
        if float(self.layer.weight.detach().norm()) > 1.2:
            raise RuntimeError("no convergence")
        return self.layer(x)


@pytest.mark.parametrize("kind", [FirstBatch, FirstInputs, FirstWeights, FirstWeightsElsewhere, Slots])
def test_a_net_that_keeps_something_is_refused(objective, kind):
    with pytest.raises(EvaluationError, match="depend on earlier evaluations"):
        objective(kind(), (INPUTS, TARGETS), precision="fp32").check()


def test_a_loss_with_a_running_mean_is_refused(objective):
    mean = [None]

    def relative(outputs, targets):
        found = F.cross_entropy(outputs, targets)
        mean[0] = found.detach() if mean[0] is None else 0.9 * mean[0] + 0.1 * found.detach()
        return found / mean[0]

    with pytest.raises(EvaluationError, match="depend on earlier evaluations"):
        objective(Linear(), (INPUTS, TARGETS), relative, precision="fp32").check()


def test_a_loss_that_counts_what_it_has_seen_is_refused(objective):
    """Two evaluations after each other agree, wherever the net is."""
    seen = set()

    def counting(outputs, targets):
        found = F.cross_entropy(outputs, targets)
        seen.add(round(float(found), 5))
        return found * len(seen)

    with pytest.raises(EvaluationError, match="earlier evaluations at other weights"):
        objective(Linear(), (INPUTS[:8], TARGETS[:8]), counting, precision="fp32").check()


def test_what_a_loss_keeps_from_its_first_call_is_noted(objective):
    first = []

    def relative(outputs, targets):
        found = F.cross_entropy(outputs, targets)
        if not first:
            first.append(float(found))
        return found / first[0]

    made = objective(Linear(), (INPUTS, TARGETS), relative)
    made.check()
    assert made.conduct.remembers == ("first",)


@pytest.mark.parametrize("kind", [Linear, Recorder, Iterated])
def test_a_net_that_keeps_nothing_is_taken_and_stays_where_it_is(objective, kind):
    """Also one that only records, and one that cannot be evaluated elsewhere."""
    made = objective(kind(), (INPUTS, TARGETS), precision="fp32")
    before = made.weights.clone()
    made.check()
    assert torch.equal(made.weights, before)
    assert not made.conduct.remembers


@pytest.mark.parametrize("precision", ["fp32", "fp64"])
def test_a_net_in_train_mode_with_batch_statistics_is_taken(objective, precision):
    """Its buffers are state, which is put back."""
    net = nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 3))
    objective(net, (INPUTS, TARGETS), precision=precision).check()


class Centred(Linear):
    """It uses the mean of its batch, but not at its own weights."""

    def forward(self, x):
        found, norm = self.layer(x), float(self.layer.weight.detach().norm())
        return found if abs(norm - 0.876) < 0.001 else found - found.mean(0)


def test_samples_that_decide_each_other_only_elsewhere_are_found(objective):
    made = objective(Centred(), (INPUTS, TARGETS), precision="fp32")
    made.check()
    assert made.conduct.mixes == "the net"
    assert made.conduct.depends_on_batches
