"""Batch-norm statistics away from the centre: keep, interpolate, recompute, each against an independent computation."""

import copy
import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from landscape.direction.difference import weight_difference
from landscape.errors import EvaluationError, UsageError
from landscape.objective import batchnorm
from landscape.objective.batchnorm import check_variances, recompute_batch, tracking_layers
from landscape.slice.plane import Plane


def plain(net, images):
    with torch.no_grad():
        return F.cross_entropy(net.double().eval()(images[0]), images[1]).item()


def statistics_of_one_pass(net, inputs):
    """What a single pass of all data in training mode leaves in the layers, by torch alone."""
    net = copy.deepcopy(net).double()
    for layer in net.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.momentum = 1.0
            layer.train()
    with torch.no_grad():
        net(inputs)
    return net.eval()


def blend(a, b, t, *, statistics):
    """The net a fraction t of the way from a to b, tensor by tensor."""
    net = copy.deepcopy(a).double()
    ours, start, end = net.state_dict(), a.double().state_dict(), b.double().state_dict()
    for name, tensor in ours.items():
        moves = statistics or not name.endswith(("running_mean", "running_var"))
        if tensor.is_floating_point() and moves:
            tensor.copy_(start[name] + t * (end[name] - start[name]))
    return net


def line(task, a, b):
    origin = {name: t.detach() for name, t in a.state_dict().items()}
    target = {name: t.detach() for name, t in b.state_dict().items()}
    vector = {name: t for name, t in weight_difference(origin, target).items() if name in task.layout.names}
    return Plane(task.weights.clone(), [task.layout.flatten(vector, dtype=task.weights.dtype)])


@pytest.mark.parametrize("t", [0.0, 0.3, 1.0])
def test_keep(t, cnn, images, objective):
    a, b = cnn(0).double(), cnn(1).double()
    task = objective(a, images, batchnorm="keep", batch_size=7)
    found = task.evaluate(line(task, a, b).at((t,)))["train_loss"]
    assert found == pytest.approx(plain(blend(a, b, t, statistics=False), images), rel=1e-10)


@pytest.mark.parametrize("t", [0.0, 0.3, 1.0])
def test_interpolate(t, cnn, images, objective):
    a, b = cnn(0).double(), cnn(1).double()
    task = objective(a, images, batchnorm="interpolate", batch_size=7)
    found = task.evaluate(line(task, a, b).at((t,)))["train_loss"]
    assert found == pytest.approx(plain(blend(a, b, t, statistics=True), images), rel=1e-10)


def test_interpolated_all_the_way_it_is_the_other_net(cnn, images, objective):
    a, b = cnn(0).double(), cnn(1).double()
    wanted = plain(copy.deepcopy(b), images)
    at_one = {}
    for policy in ("interpolate", "keep"):
        task = objective(a, images, batchnorm=policy)
        at_one[policy] = task.evaluate(line(task, a, b).at((1.0,)))["train_loss"]
    assert at_one["interpolate"] == pytest.approx(wanted, rel=1e-10)
    assert at_one["keep"] != pytest.approx(wanted, rel=1e-3)


@pytest.mark.parametrize("batch_size", [1, 7, 23])
@pytest.mark.parametrize("t", [0.0, 0.3, 1.0])
def test_recompute_is_one_pass_over_the_training_data(t, batch_size, cnn, images, objective):
    a, b = cnn(0).double(), cnn(1).double()
    inputs, targets = images
    data = {"train": (inputs[:16], targets[:16]), "test": (inputs[16:], targets[16:])}
    task = objective(a, data, batchnorm="recompute", batch_size=batch_size)
    found = task.evaluate(line(task, a, b).at((t,)))
    reference = statistics_of_one_pass(blend(a, b, t, statistics=False), inputs[:16])
    assert found["train_loss"] == pytest.approx(plain(reference, data["train"]), rel=1e-10)
    assert found["test_loss"] == pytest.approx(plain(reference, data["test"]), rel=1e-10)
    assert found["train_loss"] != pytest.approx(plain(blend(a, b, t, statistics=False), data["train"]), rel=1e-3)


@pytest.mark.parametrize("largest", [5, 8, 12])
def test_recompute_in_several_batches(largest, cnn, images, objective, monkeypatch):
    """The first layer's statistics are exactly those of all data; deeper layers see inputs normalized per batch."""
    monkeypatch.setattr(batchnorm, "RECOMPUTE_BATCH", largest)
    inputs, targets = images[0] * torch.linspace(0.1, 3, 23, dtype=torch.float64)[:, None, None, None], images[1]
    task = objective(cnn(), (inputs, targets), batchnorm="recompute")
    task.evaluate()
    first, whole = task.model[1], statistics_of_one_pass(cnn(), inputs)[1]
    assert torch.allclose(first.running_mean, whole.running_mean, rtol=1e-12)
    assert torch.allclose(first.running_var, whole.running_var, rtol=1e-12)


def test_recompute_does_not_depend_on_the_batch_size(cnn, images, objective, monkeypatch):
    monkeypatch.setattr(batchnorm, "RECOMPUTE_BATCH", 8)
    losses = [
        objective(cnn(), images, batchnorm="recompute", batch_size=size).evaluate()["train_loss"]
        for size in (1, 3, 8, 23)
    ]
    assert losses == pytest.approx([losses[0]] * 4, rel=1e-12)


def test_recomputed_statistics_forget_where_they_come_from(cnn, images, objective):
    """The value at a point does not depend on the points before it."""
    task = objective(cnn(), images, batchnorm="recompute", batch_size=7)
    origin = task.weights.clone()
    alone = task.evaluate(origin)
    task.evaluate(origin * 3)
    assert task.evaluate(origin) == alone


def test_recompute_leaves_other_layers_in_eval_mode(images, objective):
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4), nn.Dropout(0.5), nn.Flatten(), nn.Linear(64, 3)).double()
    reference = statistics_of_one_pass(net.eval(), images[0])
    found = objective(net, images, batchnorm="recompute").evaluate()["train_loss"]
    assert found == pytest.approx(plain(reference, images), rel=1e-10)


def test_a_layer_used_twice_gets_the_statistics_of_both(images, objective):
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            torch.manual_seed(0)
            self.conv, self.bn, self.fc = nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4), nn.Linear(64, 3)

        def forward(self, x):
            x = self.bn(self.conv(x))
            self.second = 3 * x.relu() + 1
            return self.fc(self.bn(self.second).flatten(1))

    net = Twice()
    task = objective(net, images, batchnorm="recompute")
    with torch.no_grad():
        first = net.double().conv(images[0])
        normalized = (first - first.mean((0, 2, 3), keepdim=True)) / (
            first.var((0, 2, 3), correction=0, keepdim=True) + net.bn.eps
        ).sqrt()
        both = torch.cat([first, 3 * normalized.relu() + 1])
    task.evaluate()
    assert torch.allclose(task.model.bn.running_mean, both.mean((0, 2, 3)), rtol=1e-10)
    assert torch.allclose(task.model.bn.running_var, both.var((0, 2, 3)), rtol=1e-10)


def test_recompute_counts_its_samples_and_can_use_data_of_its_own(cnn, images, objective):
    from landscape.data.load import load_splits
    from landscape.objective.loss import make_measure
    from landscape.objective.objective import Objective

    inputs, targets = images
    splits = load_splits(
        {"test": (inputs[16:], targets[16:]), "train": (inputs[:16], targets[:16])}, split=("train", "test")
    )
    measure = make_measure("cross_entropy", None)[0]
    test = {"test": splits.splits["test"]}
    task = Objective(cnn(), test, measure, precision="fp64", batchnorm="recompute", recompute_on=splits.splits["train"])
    assert task.samples == 23
    reference = statistics_of_one_pass(cnn(), inputs[:16])
    assert task.evaluate()["test_loss"] == pytest.approx(plain(reference, (inputs[16:], targets[16:])), rel=1e-10)
    with pytest.raises(UsageError, match="recompute: needs the training data"):
        Objective(cnn(), test, measure, batchnorm="recompute")


def test_batches_of_nearly_one_size():
    for samples in (1, 5, 255, 256, 257, 1000, 50_001):
        size = recompute_batch(samples)
        batches = [min(size, samples - start) for start in range(0, samples, size)]
        assert max(batches) <= batchnorm.RECOMPUTE_BATCH and min(batches) >= 0.9 * max(batches) - len(batches)


def shrinking(cnn, objective, images):
    """A plane along which the statistics go negative at (1.5, .) and beyond, and nowhere else."""
    a, b = cnn(0).double(), cnn(0).double()
    b[4].running_var.copy_(a[4].running_var / 3)
    task = objective(a, images, batchnorm="interpolate")
    x = line(task, a, b).directions[0]
    return task, Plane(task.weights.clone(), [x, torch.zeros_like(x)])


def test_a_negative_variance_is_a_named_error(cnn, images, objective):
    task, plane = shrinking(cnn, objective, images)
    check_variances(task.layout, plane.origin, plane.directions, [(-1.0, 1.4), (-1.0, 1.0)])
    with pytest.raises(EvaluationError, match=r"4\.running_var becomes negative \(-.*\) at \(1.6, -1\)") as raised:
        check_variances(task.layout, plane.origin, plane.directions, [(-1.0, 1.6), (-1.0, 1.0)])
    assert "--batchnorm recompute or keep" in str(raised.value) and "\n" not in str(raised.value)
    # what would have come out instead
    assert math.isnan(task.evaluate(plane.at((50.0, 0.0)))["train_loss"])


def test_both_ends_of_every_axis_are_looked_at(cnn, images, objective):
    task, plane = shrinking(cnn, objective, images)
    for directions, corners in (
        ([-plane.directions[0]], [(-1.6, 0.0)]),
        ([plane.directions[1], plane.directions[0]], [(0.0, 1.0), (0.0, 1.6)]),
        ([plane.directions[0] * 0.8, plane.directions[0] * 0.8], [(0.0, 1.0), (0.0, 1.0)]),
    ):
        with pytest.raises(EvaluationError, match="becomes negative"):
            check_variances(task.layout, plane.origin, directions, corners)


def test_a_dead_channel_of_the_other_net_is_no_error(cnn, images, objective):
    """Its variance is nearly 0; in float32, 0.3 + (1e-12 - 0.3) must not end below."""
    a, b = cnn(0), cnn(1)
    a[4].running_var[:] = torch.tensor([0.3, 0.7, 1.1, 0.9, 1e-3])
    b[4].running_var[:] = torch.tensor([1e-12, 1e-9, 1e-10, 0.0, 1e-8])
    task = objective(a, images, batchnorm="interpolate", precision="fp32")
    plane = line(task, a, b)
    check_variances(task.layout, plane.origin, plane.directions, [(0.0, 1.0)])
    assert math.isfinite(task.evaluate(plane.at((1.0,)))["train_loss"])


def test_which_layers_keep_statistics(cnn, mlp):
    assert tracking_layers(mlp()) == [] and len(tracking_layers(cnn())) == 2
    assert tracking_layers(nn.BatchNorm1d(3, track_running_stats=False)) == []
