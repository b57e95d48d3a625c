"""Metrics are means over samples: the same for every batch size, and equal to a plain loop in float64."""

import copy
import math

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from landscape.errors import EvaluationError
from landscape.objective.tally import Tally, fetch_sums, means, merge_sums

# 23 samples: most sizes leave a shorter last batch; 2, 11 and 22 leave one of a single sample
BATCH_SIZES = [1, 2, 5, 11, 22, 23, 1000]


def plain_loop(model, inputs, targets):
    """Sample by sample, with nothing of ours."""
    model = copy.deepcopy(model).double().eval()
    losses, hits = [], []
    with torch.no_grad():
        for x, y in zip(inputs.double(), targets, strict=True):
            logits = model(x[None])[0].numpy()
            losses.append(math.log(np.exp(logits - logits.max()).sum()) + logits.max() - logits[int(y)])
            hits.append(float(np.argmax(logits) == int(y)))
    return np.array(losses), np.array(hits)


@pytest.mark.parametrize("batch_size", BATCH_SIZES)
def test_loss_accuracy_and_standard_errors(batch_size, cnn, images, objective):
    losses, hits = plain_loop(cnn(), *images)
    assert 0 < hits.mean() < 1 and losses.std() > 0.1
    found = objective(cnn(), images, batch_size=batch_size).evaluate()
    wanted = {
        "train_loss": losses.mean(),
        "train_accuracy": hits.mean(),
        "stderr/train_loss": losses.std(ddof=1) / np.sqrt(len(losses)),
        "stderr/train_accuracy": hits.std(ddof=1) / np.sqrt(len(hits)),
    }
    assert found == pytest.approx(wanted, rel=1e-12)


@pytest.mark.parametrize("batch_size", BATCH_SIZES)
def test_in_float32_to_float32_rounding(batch_size, cnn, images, objective):
    losses, hits = plain_loop(cnn(), *images)
    found = objective(cnn(), images, batch_size=batch_size, precision="fp32").evaluate()
    assert found["train_loss"] == pytest.approx(losses.mean(), rel=1e-5)
    assert found["train_accuracy"] == pytest.approx(hits.mean(), rel=1e-12)


def mean_loss(outputs, targets):
    return F.cross_entropy(outputs, targets)


def model_loss(model, batch):
    return {"loss": F.cross_entropy(model(batch[0]), batch[1]), "largest": model(batch[0]).amax(dim=1)}


@pytest.mark.parametrize("batch_size", BATCH_SIZES)
@pytest.mark.parametrize("loss", [mean_loss, model_loss, F.cross_entropy], ids=["outputs", "model", "torch's own"])
def test_a_mean_over_the_batch_counts_as_often_as_the_batch_has_samples(loss, batch_size, cnn, images, objective):
    losses, _ = plain_loop(cnn(), *images)
    found = objective(cnn(), images, loss, batch_size=batch_size).evaluate()
    assert found["train_loss"] == pytest.approx(losses.mean(), rel=1e-12)
    assert ("stderr/train_loss" in found) == (loss is F.cross_entropy)


def test_the_mean_of_batch_means_would_be_wrong(cnn, images):
    losses, _ = plain_loop(cnn(), *images)
    assert abs(np.mean([losses[i : i + 5].mean() for i in range(0, 23, 5)]) - losses.mean()) > 1e-4


def test_splits_are_named(cnn, images, objective):
    inputs, targets = images
    data = {"train": (inputs[:10], targets[:10]), "test": (inputs[10:], targets[10:])}
    found = objective(cnn(), data, batch_size=4).evaluate()
    losses, hits = plain_loop(cnn(), inputs, targets)
    assert found["train_loss"] == pytest.approx(losses[:10].mean(), rel=1e-12)
    assert found["test_loss"] == pytest.approx(losses[10:].mean(), rel=1e-12)
    assert found["test_accuracy"] == pytest.approx(hits[10:].mean(), rel=1e-12)
    assert objective(cnn(), data).samples == 23


def test_evaluating_twice_gives_the_same_bits(cnn, images, objective):
    task = objective(cnn(), images, batch_size=5, precision="fp32")
    there = task.weights.clone().mul_(1.5)
    first = task.evaluate()
    task.evaluate(there)
    origin = task.layout.flatten(task.layout.tensors(cnn()), dtype=torch.float32)
    assert task.evaluate(origin) == first


def test_one_sample_has_no_standard_error(cnn, images, objective):
    found = objective(cnn(), (images[0][:1], images[1][:1])).evaluate()
    assert set(found) == {"train_loss", "train_accuracy"}


def test_equal_values_have_standard_error_zero(objective, images, cnn):
    found = objective(cnn(), images, lambda outputs, targets: 0.1 + 0 * outputs[:, 0], batch_size=5).evaluate()
    assert found["train_loss"] == pytest.approx(0.1, rel=1e-15) and found["stderr/train_loss"] < 1e-9


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("batch_size", [1, 5, 23])
def test_values_that_are_not_numbers_are_results(bad, batch_size, cnn, images, objective):
    def loss(outputs, targets):
        values = F.cross_entropy(outputs, targets, reduction="none")
        return torch.where(targets == 2, bad, values)

    found = objective(cnn(), images, loss, ["loss", "accuracy"], batch_size=batch_size).evaluate()
    assert found["train_loss"] == bad or (math.isnan(bad) and math.isnan(found["train_loss"]))
    assert math.isnan(found["stderr/train_loss"])
    assert 0 < found["train_accuracy"] < 1


@pytest.mark.filterwarnings("error")
def test_an_exploding_net_gives_inf_or_nan_and_no_error(cnn, images, objective):
    task = objective(cnn(), images, precision="fp32")
    task.weights.mul_(1e15)
    found = task.evaluate()
    assert not math.isfinite(found["train_loss"])
    assert 0 <= found["train_accuracy"] <= 1


def test_nan_outputs_are_no_hits(cnn, images, objective):
    """argmax of NaN logits is some class, and would be right now and then."""
    task = objective(cnn(), (images[0], images[1] * 0))
    task.weights.fill_(math.nan)
    assert task.evaluate()["train_accuracy"] == 0.0


def test_large_finite_losses_stay_finite(cnn, images, objective):
    found = objective(cnn(), images, lambda o, t: torch.full((len(t),), 1e200, dtype=torch.float64)).evaluate()
    assert found["train_loss"] == pytest.approx(1e200, rel=1e-12)


def test_l2(cnn, images, objective):
    inputs, targets = images
    task = objective(cnn(), {"train": images, "test": (inputs[:4], targets[:4])}, l2=0.3)
    found = task.evaluate()
    squares = sum(float(p.detach().double().square().sum()) for p in cnn().parameters())
    for split in ("train", "test"):
        assert found[f"{split}_loss_l2"] == pytest.approx(found[f"{split}_loss"] + 0.15 * squares, rel=1e-12)


def test_l2_counts_no_statistics(cnn, images, objective):
    """With moving BN statistics the vector holds more than parameters."""
    keep, move = (objective(cnn(), images, l2=1.0, batchnorm=policy).evaluate() for policy in ("keep", "interpolate"))
    assert move["train_loss_l2"] == pytest.approx(keep["train_loss_l2"], rel=1e-12)


def test_a_tally_of_nothing():
    with pytest.raises(EvaluationError, match="the loss returned no values"):
        fetch_sums([Tally()])


def test_tally_against_numpy():
    values = np.random.default_rng(0).normal(3.0, 2.0, 1000)
    for size in (1, 7, 1000):
        tally = Tally()
        for start in range(0, 1000, size):
            part = torch.from_numpy(values[start : start + size])
            tally.add("s", {"m": part}, len(part))
        found = means(merge_sums(fetch_sums([tally])))
        assert found["s_m"] == pytest.approx(values.mean(), rel=1e-13)
        assert found["stderr/s_m"] == pytest.approx(values.std(ddof=1) / 1000**0.5, rel=1e-12)


def test_a_view_with_other_splits_follows_the_weights_and_leaves_the_objective_as_it_is(cnn, images, objective):
    inputs, targets = images
    task, few = objective(cnn(), images), objective(cnn(), (inputs[:7], targets[:7]))
    view = task.view(splits=few.splits)
    assert view.samples == 7 and task.samples == 23
    for factor in (1.0, 1.5):
        task.weights.mul_(factor)
        few.weights.mul_(factor)
        assert view.evaluate() == few.evaluate() != task.evaluate()
