"""What decides values beside weights and samples is found, and is the same at every point."""

import random

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from landscape.errors import EvaluationError, UsageError
from landscape.objective.conduct import differ
from landscape.objective.steady import Held
from landscape.randomness import states


class Noisy(nn.Sequential):
    """Dropout that eval mode does not switch off, as in F.dropout(x) without `training`."""

    def forward(self, inputs):
        return super().forward(F.dropout(inputs, 0.5))


def noisy(kind):
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(6, 8), nn.Tanh(), Noisy(nn.Linear(8, 3)))
    losses = {
        "torch": F.cross_entropy,
        "numpy": lambda o, t: F.cross_entropy(o, t, reduction="none") * torch.from_numpy(np.random.rand(len(t))),
        "python": lambda o, t: F.cross_entropy(o, t, reduction="none") * random.random(),
    }
    return (net if kind == "torch" else net[:2].append(nn.Linear(8, 3))), losses[kind]


@pytest.fixture
def points():
    generator = torch.Generator().manual_seed(2)
    return torch.randn(100, 6, dtype=torch.float64, generator=generator), torch.arange(100) % 3


@pytest.mark.parametrize("kind", ["torch", "numpy", "python"])
def test_random_numbers_are_the_same_at_every_point(kind, points, objective):
    net, loss = noisy(kind)
    task, before = objective(net, points, loss), states()
    task.check()
    values = [task.evaluate()["train_loss"] for _ in range(2)]
    torch.rand(3), np.random.rand(3), random.random()
    again = objective(net, points, loss)
    again.check()
    assert len({*values, again.evaluate()["train_loss"]}) == 1
    assert task.conduct.random == ("2 (Noisy)" if kind == "torch" else "the loss")
    torch.rand(1)
    assert states() != before  # the law below could fail


@pytest.mark.parametrize("kind", ["torch", "numpy", "python"])
def test_the_users_generators_do_not_move(kind, points, objective):
    net, loss = noisy(kind)
    before = states()
    task = objective(net, points, loss, fast=True)
    task.check()
    task.evaluate()
    assert states() == before


def test_noise_of_a_batch_does_not_depend_on_who_computes_it(points, objective):
    net, loss = noisy("torch")
    task = objective(net, points, loss, batch_size=10)
    task.check()
    whole = task.sums(0, lambda chunk: 10)
    parts = task.sums(6, lambda chunk: 10), task.sums(0, lambda chunk: 6)
    assert [*parts[1], *parts[0]] == whole
    assert len({chunk["train_loss"].total for chunk in whole}) == 10


def test_a_plain_net_draws_nothing_and_is_left_as_it_is(points, mlp, objective):
    task = objective(mlp(), points)
    task.check()
    assert task.conduct.plain


def normed(**options):
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8, **options), nn.ReLU(), nn.Linear(8, 3))


class StaysInTrainMode(nn.BatchNorm1d):
    def train(self, mode=True):
        return super().train(True)


class Whitened(nn.Module):
    """The statistics of the batch without a layer of batch norm."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.first, self.last = nn.Linear(6, 8), nn.Linear(8, 3)

    def forward(self, inputs):
        hidden = self.first(inputs)
        return self.last((hidden - hidden.mean(0)) / (hidden.std(0) + 0.1))


def mixing(kind):
    if kind == "no running statistics":
        return normed(track_running_stats=False)
    if kind == "train mode":
        net = normed()
        net[1] = StaysInTrainMode(8)
        return net
    return Whitened()


class Masked(Whitened):
    """With a class that never is."""

    def forward(self, inputs):
        outputs = super().forward(inputs)
        return torch.cat([outputs, torch.full_like(outputs[:, :1], -torch.inf)], dim=1)


def test_outputs_that_are_infinite_by_design_hide_no_batch_statistics(points, objective):
    task = objective(Masked(), points, batch_size=20)
    task.check()
    assert task.conduct.mixes == "the net"
    assert task.evaluate()["train_loss"] == objective(Whitened(), points, batch_size=20).evaluate()["train_loss"]


@pytest.mark.parametrize("kind", ["no running statistics", "train mode", "by hand"])
def test_batch_statistics_are_found_and_the_batches_fixed(kind, points, objective):
    net = mixing(kind)
    values = []
    for options in ({}, {"batch_size": 100}, {"batch_size": 20}):
        task = objective(net, points, **options)
        task.check()
        assert "1 (" in task.conduct.mixes if kind != "by hand" else task.conduct.mixes == "the net"
        values.append(task.evaluate()["train_loss"])
    assert values[0] == pytest.approx(values[1], rel=1e-12) and abs(values[2] - values[1]) > 1e-4
    assert task.evaluate()["train_loss"] == values[2], "state of one point does not reach the next"


def test_the_users_batches_serve_batch_statistics(points, objective):
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(*points), batch_size=20)
    task, wanted = (objective(mixing("by hand"), data, **o) for data, o in ((loader, {}), (points, {"batch_size": 20})))
    task.check(), wanted.check()
    assert task.evaluate() == wanted.evaluate()


def test_a_last_batch_of_one_sample_is_named_or_avoided(points, objective):
    with pytest.raises(
        UsageError, match="batch-size 3: the last batch of the train data has 1 of 100 samples.*another"
    ):
        objective(mixing("train mode"), points, batch_size=3).check()
    more = tuple(torch.cat([part, part[:29]]) for part in points)
    task = objective(mixing("train mode"), more)
    task.check()
    assert task.batch_size == 127  # 128 would leave one sample


def leaking(model, batch):
    model.train()
    model(batch[0] + 1)
    return F.cross_entropy(model.eval()(batch[0]), batch[1], reduction="none")


def test_state_that_an_evaluation_changes_is_put_back(points, objective):
    net = normed()
    task = objective(net, points, leaking, batch_size=25)
    task.check()
    assert set(task.conduct.changes) == {"1.running_mean", "1.running_var", "1.num_batches_tracked"}
    first = task.sums(0, lambda chunk: 4)
    assert task.sums(0, lambda chunk: 4) == first, "not from point to point"
    assert task.sums(2, lambda chunk: 4) == first[2:], "not from batch to batch"
    with torch.no_grad():
        wanted = torch.cat(
            [leaking(normed().double(), [part[k : k + 25] for part in points]) for k in range(0, 100, 25)]
        )
    assert task.evaluate()["train_loss"] == pytest.approx(wanted.mean().item(), rel=1e-12)


def forgetful(model, batch):
    """Leaves the net in train mode."""
    model.train()
    return F.cross_entropy(model(batch[0]), batch[1], reduction="none")


def test_modes_are_put_back(points, objective):
    task = objective(normed(), points, forgetful, batch_size=100)
    task.check()
    assert "the net" in task.conduct.changes
    task.evaluate()
    assert not any(module.training for module in task.model.modules())


def descending(model, batch):
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(0.9)
    return F.cross_entropy(model(batch[0]), batch[1])


def test_a_loss_that_moves_the_net_is_refused(points, mlp, objective):
    with pytest.raises(EvaluationError, match="changes the weights that it is evaluated at"):
        objective(mlp(), points, descending).check()


class Counting(nn.Linear):
    calls = 0

    def forward(self, inputs):
        self.calls += 1
        return super().forward(inputs) * self.calls


def test_what_cannot_be_repeated_is_refused(points, objective):
    with pytest.raises(EvaluationError, match="two evaluations of the same batch at the same weights differ"):
        objective(nn.Sequential(Counting(6, 3)), points).check()


def equation(model, batch):
    """u_x = u_y, as physics-informed nets are trained."""
    inputs = batch[0].requires_grad_(True)
    (slope,) = torch.autograd.grad(model(inputs).sum(), inputs, create_graph=True)
    return (slope[:, 0] - slope[:, 1]).square()


def penalized(model, batch):
    loss = F.cross_entropy(model(batch[0]), batch[1])
    slopes = torch.autograd.grad(loss, list(model.parameters()), create_graph=True)
    return loss + sum(slope.square().sum() for slope in slopes)


@pytest.mark.parametrize("loss, by", [(equation, "inputs"), (penalized, "parameters")])
def test_losses_that_differentiate(loss, by, points, mlp, objective):
    task = objective(mlp(), points, loss, batch_size=100)
    task.check()
    assert task.conduct.gradients == by
    wanted = loss(mlp().double(), [part.clone() for part in points]).mean().item()
    assert task.evaluate()["train_loss"] == pytest.approx(wanted, rel=1e-12)
    assert task.evaluate()["train_loss"] == task.evaluate()["train_loss"]
    assert not any(parameter.requires_grad for parameter in task.model.parameters())


def test_an_error_of_the_loss_is_still_its_own(points, mlp, objective):
    def broken(model, batch):
        raise RuntimeError("no such thing")

    with pytest.raises(EvaluationError, match="RuntimeError: no such thing"):
        objective(mlp(), points, broken).check()


class Hamiltonian(nn.Module):
    """A net that differentiates itself."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.energy = nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 1))

    def forward(self, inputs):
        inputs = inputs.requires_grad_(True)
        return torch.autograd.grad(self.energy(inputs).sum(), inputs, create_graph=True)[0]


def test_nets_that_differentiate(points, objective):
    task = objective(Hamiltonian(), (points[0], points[0]), "mse")
    task.check()
    wanted = (Hamiltonian().double()(points[0].clone()) - points[0]).square().mean().item()
    assert task.evaluate()["train_loss"] == pytest.approx(wanted, rel=1e-12)


def test_random_numbers_in_the_users_batches(points, objective):
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(*points), batch_size=20)
    task = objective(noisy("torch")[0], loader)
    task.check()
    assert task.chunks == 5


def test_a_buffer_that_holds_nan_has_not_changed():
    net = nn.Sequential(nn.Flatten(), nn.Linear(64, 3))
    net.register_buffer("unset", torch.full((2,), float("nan")))
    net.register_buffer("mask", torch.tensor([True, False]))
    held = Held(net)
    assert held.changed() == []
    net.unset.fill_(1.0)
    assert held.changed() == ["unset"]


def test_states_know_every_bit_generator_of_numpy():
    before = np.random.get_bit_generator()
    try:
        np.random.set_bit_generator(np.random.PCG64(1))
        first = states()
        assert states() == first
        np.random.random()
        assert states() != first
    finally:
        np.random.set_bit_generator(before)


def test_the_rounding_of_a_loss_near_zero_is_no_difference():
    """The loss of a net that fits is a small difference of large numbers, so it is compared as if it were a hundredth."""
    one, two = torch.tensor([2e-7, 0.0], dtype=torch.float64), torch.tensor([5e-7, 1e-7], dtype=torch.float64)
    assert differ({"loss": one}, {"loss": two}, "fp32") is None
    assert differ({"loss": one}, {"loss": two}, "fp64") == "loss 1e-07, then 3e-07"
    assert differ({"loss": one + 1}, {"loss": two + 1.01}, "fp32") == "loss 1, then 1.01"
