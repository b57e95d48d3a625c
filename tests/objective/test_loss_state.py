"""What a loss that is a module keeps is put back as it was, and two states are the same only if all of it is."""

import pytest
import torch
from torch import nn

from landscape.objective.loss_state import LossState, differing


class Keeps(nn.Module):
    """A buffer, a parameter, a list and a tensor in a dict, all of which a step of training changes in place."""

    def __init__(self):
        super().__init__()
        self.register_buffer("n", torch.zeros(()))
        self.register_buffer("queue", None)
        self.w = nn.Parameter(torch.ones(2))
        self.seen, self.by = [], {"c": torch.zeros(())}

    def step(self):
        self.n += 1
        self.w.data += 0.5
        self.seen.append(1.0)
        self.by["c"] += 1
        return self

    def numbers(self):
        return float(self.n), self.w.tolist(), len(self.seen), float(self.by["c"])


def state_of(loss):
    return LossState([loss]).state()


def restored(state, loss=None):
    loss = loss or Keeps()
    LossState([loss]).restore(state)
    return loss


def test_a_state_stays_as_it_is_whatever_those_that_have_it_do():
    """Several copies of a loss are made from the state of one net, and one of them may train."""
    state = state_of(trained := Keeps().step())
    trained.step()
    first = restored(state)
    first.step().step()
    assert restored(state).numbers() == (1.0, [1.5, 1.5], 1, 1.0)


def test_what_training_has_dropped_is_dropped_again():
    dropped = Keeps()
    del dropped.seen, dropped.n, dropped.w
    found = restored(state_of(dropped))
    assert not any(hasattr(found, name) for name in ("seen", "n", "w"))
    assert found.by["c"] == 0


def test_an_optimizer_within_the_loss_keeps_its_parameter():
    own = (loss := Keeps()).w
    assert restored(state_of(Keeps().step()), loss).w is own
    assert own.tolist() == [1.5, 1.5]


@pytest.mark.parametrize("trains", [True, False])
def test_a_parameter_of_another_shape_trains_as_the_own_one_does(trains):
    grown, loss = Keeps(), Keeps()
    grown.w = nn.Parameter(torch.ones(5))
    loss.w.requires_grad_(trains)
    state = state_of(grown)
    state[0]["parameters"]["w"] = state[0]["parameters"]["w"].detach()  # a file holds values alone
    found = restored(state, loss).w
    assert isinstance(found, nn.Parameter) and found.shape == (5,) and found.requires_grad == trains


def test_a_parameter_that_was_not_there_trains():
    loss = Keeps()
    loss.w = None
    state = state_of(Keeps().step())
    state[0]["parameters"]["w"] = state[0]["parameters"]["w"].detach()
    assert restored(state, loss).w.requires_grad


def test_a_buffer_that_was_emptied_is_empty_again():
    loss = Keeps()
    loss.queue = torch.ones(3)
    assert restored(state_of(Keeps()), loss).queue is None


@pytest.mark.filterwarnings("ignore:.*torch.jit.*")
def test_a_scripted_part_is_put_back():
    loss, other = (nn.Sequential(torch.jit.script(nn.BatchNorm1d(3))) for _ in range(2))
    loss(torch.randn(8, 3))
    LossState([other]).restore(state_of(loss))
    assert float(loss[0].num_batches_tracked) == float(other[0].num_batches_tracked) == 1
    assert torch.equal(loss[0].running_mean, other[0].running_mean)


def test_what_is_computed_with_a_graph_is_kept_as_values():
    loss = Keeps()
    loss.by["c"] = (loss.w * 2).sum()
    (kept,) = state_of(loss)
    assert kept["attributes"]["by"]["c"] == 4.0 and not kept["attributes"]["by"]["c"].requires_grad


@pytest.mark.parametrize(
    ("change", "names"),
    [
        (lambda loss: None, []),
        (lambda loss: setattr(loss, "later", 1.0), ["later"]),
        (lambda loss: delattr(loss, "seen"), ["seen"]),
        (lambda loss: loss.seen.append(2.0), ["seen"]),
        (lambda loss: loss.by.update(c=torch.ones(1)), ["by"]),
        (lambda loss: setattr(loss, "queue", torch.ones(2)), ["queue"]),
        (lambda loss: setattr(loss, "unset", float("inf")), ["unset"]),
        (lambda loss: setattr(loss, "seen", [1]), ["seen"]),  # a whole number
        (lambda loss: loss.step(), ["n", "w", "seen", "by"]),
        (lambda loss: loss.append(nn.Identity()), ["its parts"]),
    ],
)
def test_two_states_differ_in_what_was_changed(change, names):
    """NaN is NaN; what was added or dropped counts, and so does the kind of a number."""

    class Listed(Keeps):
        def __init__(self):
            super().__init__()
            self.unset, self.seen = float("nan"), [1.0]

        def append(self, part):
            self.part = part

    one, two = Listed(), Listed()
    change(two)
    assert sorted(differing(state_of(one), state_of(two))) == sorted(names)
