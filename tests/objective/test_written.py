"""A net or a loss that writes into what it is given writes into copies: the caller's data stay as they are."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from landscape.data.load import load_splits
from landscape.errors import EvaluationError
from landscape.objective.loss import make_measure
from landscape.objective.objective import Objective

GENERATOR = torch.Generator().manual_seed(3)


def data():
    inputs, targets = torch.randn(30, 5, generator=GENERATOR), torch.randint(0, 3, (30,), generator=GENERATOR)
    inputs[:8] = inputs[:8].abs()  # an activation in place changes none of the first samples
    return inputs, targets


FORMS = {
    "tensors": lambda x, y: (x, y),
    "batches": lambda x, y: [(x[:20], y[:20]), (x[20:], y[20:])],
    "entries": lambda x, y: [{"x": x, "labels": y}],
    "uneven": lambda x, y: [((x[:20], x[:20]), y[:20]), ((x[20:], x[20:]), y[20:])],
}


@pytest.fixture
def objective():
    """Like the usual one, for batches of any form."""

    def make(model, data, loss="cross_entropy", **options):
        measure, _, _ = make_measure(loss, None if loss == "cross_entropy" else ["loss"])
        splits = measure.read(load_splits(data, split=("train",)).splits, model)
        return Objective(model, splits, measure, **{"precision": "fp32", **options})

    return make


class Clipping(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.layer = nn.Linear(5, 3)

    def forward(self, x, again=None):
        return self.layer(F.relu(x, inplace=True))


def zeroing(outputs, targets):
    return F.cross_entropy(outputs, targets.mul_(0), reduction="none")


def behind(outputs, targets):
    """Writes in a way that torch does not count."""
    targets.data.mul_(0)
    return F.cross_entropy(outputs, targets, reduction="none")


@pytest.mark.parametrize("batchnorm", ["keep", "recompute"])
@pytest.mark.parametrize("loss", ["cross_entropy", zeroing, behind])
@pytest.mark.parametrize("form", FORMS)
def test_the_data_stay_and_the_values_are_those_of_torch(objective, form, loss, batchnorm):
    x, y = data()
    before = x.clone(), y.clone()
    net = Clipping()
    task = objective(net, FORMS[form](x, y), loss, batch_size=10, batchnorm=batchnorm)
    task.check()
    found = [task.evaluate()["train_loss"] for _ in range(2)]
    assert torch.equal(x, before[0]) and torch.equal(y, before[1])
    expected = F.cross_entropy(net(x.clone()), y if loss == "cross_entropy" else 0 * y).item()
    assert found == [pytest.approx(expected, rel=1e-6)] * 2


def test_what_writes_nothing_gets_no_copies(objective):
    x, y = data()
    task = objective(nn.Linear(5, 3), FORMS["batches"](x, y))
    task.check()
    assert not any(split.copies for split in task.splits.values())


def test_a_net_that_adds_to_its_inputs_is_refused_for_that_and_the_data_stay(objective):
    class Adding(Clipping):
        def forward(self, x):
            x += 1
            return self.layer(x)

    x, y = data()
    before = x.clone()
    with pytest.raises(EvaluationError, match=r"changes its batch in place \(as x \+= 1 does\)"):
        objective(Adding(), [{"x": x, "labels": y}]).check()
    assert torch.equal(x, before)
