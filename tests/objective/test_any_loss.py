"""Losses and data as users bring them: what would be read otherwise than it is meant is said, the rest equals plain torch."""

from __future__ import annotations

import signal
from dataclasses import dataclass

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import landscape as ll
from landscape.errors import DataError, EvaluationError, Interrupted, UsageError
from landscape.objective.foreign import _same_parts
from landscape.objective.loss_copies import private_module
from landscape.training.trainer import Trainer

CPU = {"x": "-1:1:3", "precision": "fp64", "ignore": "none", "threads": 1}


@pytest.fixture
def data():
    torch.manual_seed(0)
    return torch.randn(50, 5), torch.randint(3, (50,))


def net():
    torch.manual_seed(1)
    return nn.Sequential(nn.Linear(5, 8), nn.Tanh(), nn.Linear(8, 3)).double()


def centre(loss, data, name="train_loss", **options):
    return ll.line(model=net(), data=data, loss=loss, **{**CPU, **options}).at_origin(name)


def of_all(data):
    return net()(data[0].double()), data[1]


PAIRS = {
    "mean and metric": lambda o, t: (F.cross_entropy(o, t), (o.argmax(1) == t).double().mean()),
    "mean and count": lambda o, t: (F.cross_entropy(o, t), len(t)),
    "mean and one": lambda o, t: (F.cross_entropy(o, t), 1),
    "negative mean and count": lambda o, t: (-F.cross_entropy(o, t), len(t)),
    "sum and mean weight": lambda o, t: (F.cross_entropy(o, t, reduction="sum"), torch.ones(len(t)).mean()),
}


@pytest.mark.parametrize("pair", PAIRS)
def test_a_pair_of_means_is_refused(pair, data):
    with pytest.raises(
        UsageError, match=r"a pair, which is read as \(sum, weight\), but the (sum|weight) is .* as a mean would be"
    ):
        centre(PAIRS[pair], data)


def test_a_sum_with_its_weight_is_taken_and_so_is_one_for_each_batch_of_the_user(data):
    outputs, targets = of_all(data)
    weight = torch.tensor([1.0, 2.0, 5.0], dtype=torch.float64)
    found = centre(lambda o, t: ((F.cross_entropy(o, t, reduction="none") * weight[t]).sum(), weight[t].sum()), data)
    assert found == pytest.approx(float(F.cross_entropy(outputs, targets, weight=weight)), rel=1e-12)
    signed = centre(lambda o, t: (o[:, 0].sum(), len(t)), data)
    assert signed == pytest.approx(float(outputs[:, 0].mean()), rel=1e-12)
    with_one = ll.Loss(lambda o, t: (F.cross_entropy(o, t), 1), over="batches")
    loader = DataLoader(TensorDataset(*data), batch_size=25)
    assert centre(with_one, loader) == pytest.approx(float(F.cross_entropy(outputs, targets)), rel=1e-12)


def test_sums_with_noise_are_not_compared(data):
    """Noise may let the sum over all lie between those over both halves; here it always does."""

    def noisy(outputs, targets):
        return (outputs.square().sum() * (2.0 if len(targets) < 40 else 1.0) + 1e-3 * torch.rand(())), len(targets)

    assert centre(noisy, data) > 0


def test_a_loss_by_the_classes_of_the_batch_is_seen_where_the_first_samples_are_of_one_class(data, capsys):
    inputs, targets = data[0], data[1].sort().values

    def balanced(o, t):
        weights = 1 / torch.bincount(t, minlength=3).clamp(min=1).to(o.dtype)[t]
        return F.cross_entropy(o, t, reduction="none") * weights / weights.sum() * len(t)

    found = [centre(balanced, (inputs, targets), batch_size=size) for size in (50, 10)]
    assert capsys.readouterr().err.count("samples), through the loss") == 2 and found[0] != found[1]


@dataclass
class Scaled:
    by: float

    def __call__(self, outputs, targets):
        return self.by * F.cross_entropy(outputs, targets, reduction="none")


class OfModel(nn.Module):
    """A loss of (model, batch) that counts its steps."""

    def __init__(self):
        super().__init__()
        self.register_buffer("n", torch.zeros(()))

    def forward(self, model, batch):
        self.n += self.training
        return F.cross_entropy(model(batch[0]), batch[1], reduction="none") * (1 + self.n)


def test_objects_that_cannot_be_hashed_and_modules_of_a_model_are_losses(data):
    plain = float(F.cross_entropy(*of_all(data)))
    assert centre(Scaled(3.0), data) == pytest.approx(3 * plain, rel=1e-12)
    assert centre(OfModel(), data) == pytest.approx(plain, rel=1e-12)


@pytest.mark.parametrize(
    "given", [lambda loss: loss, lambda loss: ll.Loss(loss, of="model")], ids=["itself", "described"]
)
def test_a_module_of_a_model_trains_as_a_copy(given, data, tmp_path):
    loss = OfModel()
    options = {"epochs": 2, "batch_size": 25, "optimizer": "sgd", "momentum": 0.0, "weight_decay": 0.0, "lr": 0.1, "quiet": True,
               "schedule": "constant", "threads": 1, "precision": "fp64"}  # fmt: skip
    run = ll.train(net(), data=data, loss=given(loss), out=tmp_path / "run", **options)
    assert loss.n == 0
    stored = torch.load(tmp_path / "run" / "final.pt", weights_only=True)["loss_state"]
    assert stored[0]["buffers"]["n"] == 4, "the trial does not count as a step"
    assert run.metrics["train_loss"] == pytest.approx(
        5 * float(F.cross_entropy(run.model(data[0].double()), data[1])), rel=1e-9
    )


def test_a_set_is_the_same_in_any_order():
    one, other = {0, 8}, {8, 0}  # which lie in one place of the table
    assert [*one] != [*other]
    assert _same_parts(one, other) and not _same_parts(one, {0, 9})


def stopping_after(step):
    advance = Trainer.advance

    def stopping(trainer):
        advance(trainer)
        if trainer.step == step:
            signal.raise_signal(signal.SIGINT)

    return stopping


class Headed(nn.Module):
    """Its layer has its size from the first batch on."""

    def __init__(self):
        super().__init__()
        self.head = nn.LazyLinear(3)

    def forward(self, outputs, targets):
        return F.cross_entropy(self.head(outputs), targets, reduction="none")


def test_a_loss_with_a_lazy_layer_works_and_leaves_others_alone(data, tmp_path, monkeypatch):
    loss, plain = Headed(), float(F.cross_entropy(*of_all(data)))
    copied = private_module(loss)
    assert copied.head.has_uninitialized_params()
    assert centre(Scaled(1.0), data) == pytest.approx(plain, rel=1e-12)
    assert centre(loss, data) > 0 and loss.head.has_uninitialized_params()
    options = {"out": tmp_path / "run", "quiet": True, "threads": 1, "save_every": 1, "batch_size": 25, "seed": 0}
    whole = ll.train(net(), data=data, loss=Headed(), epochs=2, **{**options, "out": tmp_path / "whole"})
    with monkeypatch.context() as patched, pytest.raises(Interrupted):
        patched.setattr(Trainer, "advance", stopping_after(2))
        ll.train(net(), data=data, loss=loss, epochs=2, **options)
    run = ll.train(net(), data=data, loss=loss, epochs=2, **options)
    assert torch.equal(run.model[0].weight, whole.model[0].weight)
    assert len(torch.load(run.folder / "final.pt", weights_only=True)["loss_state"]) == 2
    assert centre(Scaled(1.0), data) == pytest.approx(plain, rel=1e-12)


def test_a_shuffled_loader_with_a_generator_has_one_order(data):
    loader = DataLoader(TensorDataset(*data), 10, shuffle=True, generator=torch.Generator().manual_seed(3))
    of_batches = ll.Loss(lambda o, t: (o * torch.arange(len(t))[:, None]).mean(), over="batches")
    first, second = (centre(of_batches, loader) for _ in range(2))
    assert first == second


def test_samples_are_counted_by_the_targets_of_a_mapping(data):
    inputs, targets = data
    batches = [{"weights": torch.ones(3), "x": inputs[at], "y": targets[at]} for at in (slice(0, 40), slice(40, 50))]
    found = centre(lambda model, batch: F.cross_entropy(model(batch["x"]), batch["y"]), batches)
    assert found == pytest.approx(float(F.cross_entropy(*of_all(data))), rel=1e-12)


def test_of_several_targets_the_first_of_the_names_is_taken(data):
    inputs, targets = data
    batches = [{"x": inputs, "targets": (targets + 1) % 3, "label": targets}]
    assert centre(ll.Loss("cross_entropy", inputs="x"), batches) == pytest.approx(
        float(F.cross_entropy(*of_all(data))), rel=1e-12
    )


def test_iou_leaves_out_both_what_it_is_asked_to_and_what_is_to_be_ignored():
    torch.manual_seed(0)
    model = nn.Conv2d(3, 4, 3, padding=1).double()
    inputs, targets = torch.randn(6, 3, 5, 5), torch.randint(4, (6, 5, 5))
    targets[torch.rand(6, 5, 5) < 0.3] = 255
    targets[0, 0, :2] = -100
    counted = (targets != 255) & (targets != -100)
    right = model(inputs.double()).argmax(1)
    shares = [
        ((right == k) & (targets == k) & counted).sum() / (((right == k) | (targets == k)) & counted).sum()
        for k in range(4)
    ]

    def loss(model, batch):
        return model(batch[0]).square().flatten(1).mean(1)

    found = ll.line(model=model, data=(inputs, targets), loss=loss, metrics=["loss", "iou(ignore_index=255)"], **CPU)
    name = next(name for name in found.values if "iou" in name)
    assert found.at_origin(name) == pytest.approx(float(torch.stack(shares).mean()), rel=1e-6)


def test_images_of_bytes_are_said_to_be_divided(capsys):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 2, 3), nn.Flatten(), nn.Linear(72, 3)).double()
    images, targets = torch.randint(255, (20, 3, 8, 8), dtype=torch.uint8), torch.randint(3, (20,))
    found = ll.line(model=model, data=(images, targets), **CPU).at_origin("train_loss")
    assert found == pytest.approx(float(F.cross_entropy(model(images.double() / 255), targets)), rel=1e-9)
    assert "images of uint8 are divided by 255" in capsys.readouterr().err
    ll.line(model=model, data=(images / 255, targets), **CPU)
    assert "divided" not in capsys.readouterr().err


def test_training_names_the_sample_that_is_not_finite(data, tmp_path):
    inputs = data[0].clone()
    inputs[7, 2] = float("nan")
    with pytest.raises(EvaluationError, match="training sample 7 holds NaN or inf; leave it out"):
        ll.train(net(), data=(inputs, data[1]), out=tmp_path / "run", epochs=2, quiet=True, threads=1)


@pytest.mark.parametrize("metric", ["accuracy", "top2"])
def test_a_target_outside_the_classes_is_refused_beside_a_loss_of_the_model_too(metric, data):
    targets = data[1].clone()
    targets[3] = 255

    def loss(model, batch):
        return F.cross_entropy(model(batch[0]), batch[1], ignore_index=255, reduction="sum"), (batch[1] != 255).sum()

    with pytest.raises(DataError, match="label 255 in train is outside the model's 3 classes"):
        centre(loss, (data[0], targets), metrics=["loss", metric])
    outputs = net()(data[0].double())
    found = centre(loss, (data[0], targets))
    assert found == pytest.approx(float(F.cross_entropy(outputs, targets, ignore_index=255)), rel=1e-12)
