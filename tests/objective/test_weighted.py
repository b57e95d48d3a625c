"""A mean over targets, weights or whole batches is that of all data: the same for every batch size, or refused."""

import functools

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from landscape.errors import EvaluationError, UsageError
from landscape.objective.reducible import SINGLE_TOLERANCE, not_a_mean

CLASS_WEIGHTS = torch.tensor([10.0, 1.0, 0.1], dtype=torch.float64)
BATCH_SIZES = [1, 2, 5, 11, 23, 1000]


def outputs_of(net, images):
    with torch.no_grad():
        return net.double().eval()(images[0])


@pytest.fixture
def ignored(images):
    """Some targets are not to count: all of the first samples, so that a batch may have none that does."""
    inputs, targets = images
    return inputs, torch.where(torch.arange(len(targets)) % 4 < 2, -100, targets)


TORCHS = {
    "class weights": nn.CrossEntropyLoss(weight=CLASS_WEIGHTS),
    "class weights and smoothing": nn.CrossEntropyLoss(weight=CLASS_WEIGHTS, label_smoothing=0.2),
    "class weights in float32": nn.CrossEntropyLoss(weight=torch.tensor([10.0, 1.0, 0.5])),
    "an ignored class": nn.CrossEntropyLoss(ignore_index=1),
    "both": nn.CrossEntropyLoss(weight=CLASS_WEIGHTS, ignore_index=2),
    "nll": nn.Sequential(nn.LogSoftmax(1)),  # replaced below
    "a partial": functools.partial(F.cross_entropy, weight=CLASS_WEIGHTS),
    "a partial of nll": functools.partial(F.nll_loss, weight=CLASS_WEIGHTS, ignore_index=0),
}
TORCHS["nll"] = nn.NLLLoss(weight=CLASS_WEIGHTS)


@pytest.mark.parametrize("batch_size", BATCH_SIZES)
@pytest.mark.parametrize("name", TORCHS)
def test_torchs_means_over_targets(name, batch_size, cnn, images, objective):
    loss = TORCHS[name]
    task = objective(cnn(), images, loss, batch_size=batch_size)
    task.check()
    wanted = loss.double() if isinstance(loss, nn.Module) else loss
    assert task.evaluate()["train_loss"] == pytest.approx(
        wanted(outputs_of(cnn(), images), images[1]).item(), rel=1e-12
    )


@pytest.mark.parametrize("batch_size", BATCH_SIZES)
@pytest.mark.parametrize(
    "loss", ["cross_entropy", F.cross_entropy, nn.CrossEntropyLoss(), nn.CrossEntropyLoss(label_smoothing=0.1)]
)
def test_targets_of_minus_100_do_not_count(loss, batch_size, cnn, ignored, objective):
    task = objective(cnn(), ignored, loss, batch_size=batch_size)
    task.check()
    found, outputs, counted = task.evaluate(), outputs_of(cnn(), ignored), ignored[1] >= 0
    truth = loss if isinstance(loss, nn.Module) else F.cross_entropy
    assert found["train_loss"] == pytest.approx(truth(outputs, ignored[1]).item(), rel=1e-12)
    hits = (outputs.argmax(1) == ignored[1])[counted].double().mean().item()
    assert 0 < hits < 1 and found["train_accuracy"] == pytest.approx(hits, rel=1e-12)


def pixels(dtype=torch.float64):
    generator = torch.Generator().manual_seed(1)
    inputs = torch.randn(9, 2, 5, dtype=dtype, generator=generator)
    targets = torch.randint(0, 3, (9, 5), generator=generator)
    targets[:, 3:] = torch.where(torch.arange(9)[:, None] < 6, -100, targets[:, 3:])
    return nn.Conv1d(2, 3, 1).double(), (inputs, targets)


@pytest.mark.parametrize("batch_size", [1, 2, 9])
def test_pixels_count_one_by_one(batch_size, objective):
    net, data = pixels()
    found = objective(net, data, batch_size=batch_size).evaluate()
    wanted = F.cross_entropy(outputs_of(net, data), data[1]).item()
    per_sample = F.cross_entropy(outputs_of(net, data), data[1], reduction="none").mean(1).mean().item()
    assert found["train_loss"] == pytest.approx(wanted, rel=1e-12) and abs(wanted - per_sample) > 1e-3


@pytest.mark.parametrize("batch_size", [2, 5])
def test_probabilities_of_pixels_count_one_by_one(batch_size, objective):
    torch.manual_seed(0)
    inputs, targets = torch.randn(5, 2, 4, 4, dtype=torch.float64), torch.randn(5, 3, 4, 4).double().softmax(1)
    net, loss = nn.Conv2d(2, 3, 1).double(), nn.CrossEntropyLoss(CLASS_WEIGHTS)
    found = objective(net, (inputs, targets), loss, batch_size=batch_size).evaluate()
    assert found["train_loss"] == pytest.approx(loss(net(inputs), targets).item(), rel=1e-12)


def test_texts_of_different_length_are_averaged_over_their_tokens(objective):
    net, (inputs, targets) = pixels()
    batches = [(inputs[:4, :, :3], targets[:4, :3]), (inputs[4:], targets[4:].clamp(min=0))]
    found = objective(net, batches).evaluate()
    losses = [F.cross_entropy(outputs_of(net, batch), batch[1], reduction="none").flatten() for batch in batches]
    assert found["train_loss"] == pytest.approx(torch.cat(losses).mean().item(), rel=1e-12)


@pytest.mark.parametrize("batch_size", [1, 4, 23])
@pytest.mark.parametrize("form", ["numbers", "per sample", "of the model", "in a dict"])
def test_a_loss_may_return_its_sum_and_its_weight(form, batch_size, cnn, images, objective):
    def per_sample(outputs, targets):
        weights = CLASS_WEIGHTS[targets]
        return F.cross_entropy(outputs, targets, reduction="none") * weights, weights

    losses = {
        "numbers": lambda o, t: tuple(part.sum().item() for part in per_sample(o, t)),
        "per sample": per_sample,
        "of the model": lambda model, batch: tuple(part.sum() for part in per_sample(model(batch[0]), batch[1])),
        "in a dict": lambda model, batch: {"loss": per_sample(model(batch[0]), batch[1]), "one": torch.tensor(1.0)},
    }
    task = objective(cnn(), images, losses[form], batch_size=batch_size)
    task.check()
    wanted = F.cross_entropy(outputs_of(cnn(), images), images[1], weight=CLASS_WEIGHTS).item()
    assert task.evaluate()["train_loss"] == pytest.approx(wanted, rel=1e-12)


@pytest.mark.parametrize(
    "value, message",
    [
        ((1.0, 2.0, 3.0), "a tuple of 3; expected .sum, weight."),
        (("a", 1.0), "a tuple of str, float"),
        ((torch.ones(3), torch.ones(2)), r"shapes \[\(3,\), \(2,\)\]"),
    ],
)
def test_other_tuples_are_named(value, message, cnn, images, objective):
    with pytest.raises(EvaluationError, match=message):
        objective(cnn(), images, lambda outputs, targets: value).evaluate()


def test_weights_that_add_up_to_nothing_give_nan(cnn, images, objective):
    found = objective(cnn(), (images[0], torch.full_like(images[1], -100))).evaluate()
    assert found["train_loss"] != found["train_loss"]


NO_MEANS = {
    "a root": lambda o, t: F.mse_loss(o[:, 0], t.to(o.dtype)).sqrt(),
    "a sum": lambda o, t: F.cross_entropy(o, t, reduction="sum"),
    "class weights of one's own": lambda o, t: F.cross_entropy(o, t, weight=CLASS_WEIGHTS.to(o.dtype)),
    "class weights that do not take float64": lambda o, t: F.cross_entropy(o.float(), t, weight=CLASS_WEIGHTS.float()),
}


@pytest.mark.parametrize("name", NO_MEANS)
def test_a_loss_that_is_no_mean_over_samples_is_refused(name, cnn, images, objective):
    with pytest.raises(UsageError, match="loss is not a mean over samples .*return one value per sample, or a pair"):
        objective(cnn(), images, NO_MEANS[name], batch_size=8).check()


def test_a_weight_that_one_rare_class_has_is_seen(mlp, objective):
    """The first samples are all of the other classes, and so are nearly all."""
    targets = torch.arange(3000) // 1500
    targets[2345] = 2
    data = torch.randn(3000, 6, dtype=torch.float64), targets
    weight = torch.tensor([1.0, 1.0, 50.0], dtype=torch.float64)
    with pytest.raises(UsageError, match="not a mean over samples"):
        objective(mlp(), data, lambda o, t: F.cross_entropy(o, t, weight=weight)).check()


def test_weights_that_all_parts_of_the_data_have_alike_are_seen(objective):
    """Each seven samples are one of each class; single samples say what the weights do."""
    data, weight = (torch.randn(49, 6, dtype=torch.float64), torch.arange(49) % 7), 1 + torch.arange(7).double()
    with pytest.raises(UsageError, match="not a mean over samples"):
        objective(nn.Linear(6, 7), data, lambda o, t: F.cross_entropy(o, t, weight=weight), batch_size=8).check()


def test_rounding_makes_no_mean_another(objective, mlp):
    """Of a loss that takes float32 alone, and of one whose values nearly cancel."""
    data, own = (torch.randn(200, 6), torch.arange(200) % 3), torch.eye(3)
    losses = [lambda o, t: F.cross_entropy(o @ own, t), lambda o, t: ((o @ own) * (1 - 2 * (t[:, None] % 2))).mean()]
    for loss in losses:
        objective(mlp(), data, loss, precision="fp32", batch_size=8).check()
    half = torch.randn(100, generator=torch.Generator().manual_seed(0))
    assert not_a_mean(torch.mean, torch.cat([half, -half]), 200, SINGLE_TOLERANCE) is None


def test_means_over_samples_pass(cnn, images, objective):
    losses = [F.mse_loss, nn.SmoothL1Loss(), lambda o, t: F.cross_entropy(o, t), lambda o, t: (o.sum(1) * t).mean()]
    for loss in losses:
        soft = F.one_hot(images[1], 3).double() if not callable(loss) or loss in losses[:2] else images[1]
        objective(cnn(), (images[0], soft), loss, batch_size=8).check()


# losses of whole batches


def contrast(model, batch):
    one, other = (F.normalize(model(part), dim=1) for part in batch)
    return F.cross_entropy(one @ other.T / 0.1, torch.arange(len(one)))


@pytest.fixture
def pairs():
    generator = torch.Generator().manual_seed(3)
    points = torch.randn(200, 6, dtype=torch.float64, generator=generator)
    return points, points + 0.1


def own_loop(net, pairs, size):
    parts = list(zip(*(part.split(size) for part in pairs), strict=True))
    with torch.no_grad():
        return sum(contrast(net.double().eval(), part).item() * len(part[0]) for part in parts) / len(pairs[0])


def test_a_loss_of_whole_batches_gets_the_users_own(mlp, pairs, objective):
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(*pairs), batch_size=16)
    task = objective(mlp(), loader, contrast)
    task.check()
    assert task.evaluate()["train_loss"] == pytest.approx(own_loop(mlp(), pairs, 16), rel=1e-12)
    assert task.conduct.whole and task.chunks == 13


def test_without_batches_a_size_is_asked_for(mlp, pairs, objective):
    with pytest.raises(
        UsageError, match="not a mean over samples, so its value on the train data depends.*DataLoader. or batch-size"
    ):
        objective(mlp(), pairs, contrast).check()
    task = objective(mlp(), pairs, contrast, batch_size=16)
    task.check()
    assert task.evaluate()["train_loss"] == pytest.approx(own_loop(mlp(), pairs, 16), rel=1e-12)


def test_all_samples_at_once_need_no_batches(mlp, pairs, objective):
    few = tuple(part[:50] for part in pairs)
    task = objective(mlp(), few, contrast)
    task.check()
    assert task.evaluate()["train_loss"] == pytest.approx(own_loop(mlp(), few, 50), rel=1e-12)


def test_a_mean_over_samples_does_not_depend_on_the_users_batches(cnn, images, objective):
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(*images), batch_size=4)
    task = objective(cnn(), loader, lambda model, batch: F.cross_entropy(model(batch[0]), batch[1]), batch_size=10)
    task.check()
    assert task.conduct.plain and task.chunks == 3


def test_a_mean_over_tokens_of_uneven_texts_is_seen(objective):
    """Though all larger parts of the data have as many tokens as each other."""
    tokens, counts = torch.randn(200, 8, 6, dtype=torch.float64), 3 + torch.arange(200) % 4
    targets = torch.where(torch.arange(8) < counts[:, None], torch.randint(0, 3, (200, 8)), -100)
    net = nn.Linear(6, 3)

    def loss(model, batch):
        return F.cross_entropy(model(batch[0]).transpose(1, 2), batch[1])

    with pytest.raises(UsageError, match="the loss is not a mean over samples"):
        objective(net, (tokens, targets), loss, precision="fp32").check()
