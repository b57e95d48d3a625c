"""Losses and metrics by name: against torch on all samples at once in float64, whatever the batch size."""

import functools

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

import landscape as ll
from landscape.data.load import load_splits
from landscape.errors import DataError, LandscapeError, UsageError
from landscape.objective.loss import make_measure
from landscape.objective.named import named_loss
from landscape.objective.objective import Objective

N, CLASSES = 23, 6


@pytest.fixture
def net():
    torch.manual_seed(0)
    return nn.Linear(5, CLASSES).double()


def evaluated(net, data, loss, metrics=None, batch_size=4):
    measure = make_measure(loss, metrics)[0]
    splits = measure.read(load_splits(data).splits, net)
    made = Objective(net, splits, measure, precision="fp64", batch_size=batch_size)
    made.check()
    return made.evaluate()


def inputs():
    return torch.randn(N, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def classes(high=CLASSES):
    return torch.randint(0, high, (N,), generator=torch.Generator().manual_seed(2))


def soft():
    return torch.randn(N, CLASSES, dtype=torch.float64, generator=torch.Generator().manual_seed(3)).softmax(1)


WEIGHT = [1.0, 2.0, 0.5, 3.0, 0.0, 1.5]
BY_TORCH = {
    "cross_entropy": (classes, F.cross_entropy),
    "cross_entropy(label_smoothing=0.2)": (classes, functools.partial(F.cross_entropy, label_smoothing=0.2)),
    f"cross_entropy(weight={WEIGHT}, ignore_index=2)": (
        classes,
        functools.partial(F.cross_entropy, weight=torch.tensor(WEIGHT).double(), ignore_index=2),
    ),
    f"nll(weight={WEIGHT})": (classes, functools.partial(F.nll_loss, weight=torch.tensor(WEIGHT).double())),
    "nll": (classes, F.nll_loss),
    "kl": (soft, lambda o, t: F.kl_div(o.log_softmax(1), t, reduction="batchmean")),
    "bce": (soft, F.binary_cross_entropy_with_logits),
    "mse": (soft, F.mse_loss),
    "mae": (soft, F.l1_loss),
    "huber(delta=0.3)": (soft, functools.partial(F.huber_loss, delta=0.3)),
}


@pytest.mark.parametrize("name", BY_TORCH)
def test_a_named_loss_is_that_of_torch_on_all_samples(net, name):
    make, reference = BY_TORCH[name]
    x, y = inputs(), make()
    expected = float(reference(net(x).detach(), y))
    assert evaluated(net, (x, y), name, ["loss"])["train_loss"] == pytest.approx(expected, rel=1e-12)
    assert make_measure(name, ["loss"])[1] == name


def test_bce_takes_one_logit_and_class_numbers():
    torch.manual_seed(0)
    net, x, y = nn.Linear(5, 1).double(), inputs(), classes(2)
    expected = float(F.binary_cross_entropy_with_logits(net(x).detach()[:, 0], y.double()))
    assert evaluated(net, (x, y), "bce", ["loss"])["train_loss"] == pytest.approx(expected, rel=1e-12)
    with pytest.raises(LandscapeError, match=r"bce: the outputs have shape \(4, 6\), the targets \(4,\)"):
        evaluated(nn.Linear(5, 6).double(), (x, y), "bce", ["loss"])


def test_margin_ranking():
    torch.manual_seed(0)
    net, x, y = nn.Linear(5, 2).double(), inputs(), classes(2) * 2.0 - 1
    scores = net(x).detach()
    expected = float(F.margin_ranking_loss(scores[:, 0], scores[:, 1], y.double(), margin=0.4))
    assert evaluated(net, (x, y), "margin_ranking(margin=0.4)")["train_loss"] == pytest.approx(expected, rel=1e-12)
    with pytest.raises(DataError, match=r"margin_ranking: the outputs have shape \(4, 6\)"):
        evaluated(nn.Linear(5, 6).double(), (x, y), "margin_ranking")


def test_top_k_and_nan(net):
    x, y = inputs(), classes()
    x[0] = float("nan")
    ranks, truth = net(x).detach().numpy().argsort(1)[:, ::-1], y.numpy()
    for k in (1, 2, 5):
        right = [(truth[i] in ranks[i, :k]) and i != 0 for i in range(N)]
        name = "accuracy" if k == 1 else f"top{k}"
        found = evaluated(net, (x, y), "cross_entropy", ["loss", name])
        assert found[f"train_{name}"] == pytest.approx(np.mean(right), abs=1e-12)
    with pytest.raises(DataError, match="top9: the model has 6 classes"):
        evaluated(net, (x, y), "cross_entropy", ["top9"])


@pytest.mark.parametrize("batch_size", [3, 23])
def test_perplexity_is_of_the_mean_over_all_data(net, batch_size):
    """And not the mean of exponentials; its error is that of the mean, carried through the exponential."""
    x, y = inputs(), classes()
    each = F.cross_entropy(net(x), y, reduction="none").detach().numpy()
    found = evaluated(net, (x, y), "cross_entropy", ["loss", "perplexity"], batch_size)
    assert found["train_perplexity"] == pytest.approx(np.exp(each.mean()), rel=1e-12)
    assert found["stderr/train_perplexity"] == pytest.approx(np.exp(each.mean()) * each.std(ddof=1) / N**0.5, rel=1e-9)
    ignoring = evaluated(net, (x, y), "cross_entropy(ignore_index=3)", ["loss", "perplexity"], batch_size)
    expected = np.exp(float(F.cross_entropy(net(x), y, ignore_index=3)))
    assert ignoring["train_perplexity"] == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("batch_size", [2, 9])
def test_iou_over_all_pixels(batch_size):
    """Against counting sets of pixels; class 4 is nowhere, and pixels of 255 do not count."""
    torch.manual_seed(0)
    net = nn.Conv2d(2, 5, 1).double()
    net.bias.data[4] = -100.0
    x, y = torch.randn(9, 2, 3, 4).double(), torch.randint(0, 4, (9, 3, 4))
    y[torch.rand(9, 3, 4) < 0.3] = 255
    found = evaluated(net, (x, y), "cross_entropy(ignore_index=255)", ["loss", "iou", "accuracy"], batch_size)
    best, counts = net(x).argmax(1), y != 255
    ious = []
    for c in range(4):
        a, b = (best == c) & counts, (y == c) & counts
        ious.append(int((a & b).sum()) / int((a | b).sum()))
    assert found["train_iou"] == pytest.approx(np.mean(ious), rel=1e-12)
    assert found["train_accuracy"] == pytest.approx(float((best == y)[counts].double().mean()), rel=1e-12)


def test_classes_may_come_last(net):
    """(n, positions, classes) beside (n, positions), as models of sequences give them."""
    torch.manual_seed(0)
    net, x, y = nn.Linear(3, 4).double(), torch.randn(7, 5, 3).double(), torch.randint(0, 4, (7, 5))
    expected = float(F.cross_entropy(net(x).flatten(0, 1), y.flatten()))
    found = evaluated(net, (x, y), "cross_entropy", ["loss", "accuracy", "mse"])
    assert found["train_loss"] == pytest.approx(expected, rel=1e-12)
    assert found["train_accuracy"] == pytest.approx(float((net(x).argmax(-1) == y).double().mean()), rel=1e-6)
    assert found["train_mse"] == pytest.approx(float((net(x) - F.one_hot(y, 4)).square().mean()), rel=1e-12)


def test_what_leaves_nothing_to_average_is_an_error(net):
    """A surface of NaN without a word would be computed to its end."""
    x, y = inputs(), torch.full((N,), 2)
    with pytest.raises(DataError, match="all targets of the train data are 2, which is to be ignored"):
        evaluated(net, (x, y), "cross_entropy(ignore_index=2)")
    with pytest.raises(LandscapeError, match="a class weight of the loss is -1; expected numbers from 0 on"):
        evaluated(net, (x, y), nn.CrossEntropyLoss(weight=torch.tensor([-1.0, 1, 1, 1, 1, 1])))


def test_a_net_that_is_not_finite_at_its_own_weights_is_named(net, capsys):
    net.bias.data[0] = float("nan")
    found = ll.line(model=net, data=(inputs(), classes()), x=(-1, 1, 3), precision="fp64")
    assert np.isnan(found.values["train_loss"]).all()
    said = capsys.readouterr().err
    assert "not a finite number at the net's own weights: train loss (nan) of the first samples" in said
    assert f"; bias holds NaN or inf (1 of {net.bias.numel()} numbers)" in said


def test_samples_that_are_not_finite_are_named(net, capsys):
    x = inputs()
    x[1, 0] = float("inf")
    ll.line(model=net, data=(x, classes()), x=(-1, 1, 3), precision="fp64")
    assert f"; the first batch of the data holds NaN or inf (1 of {x[:8].numel()} numbers)" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("given", "ours"),
    [
        ("binary_cross_entropy", "bce"),
        ("BCEWithLogitsLoss", "bce"),
        ("CrossEntropyLoss", "cross_entropy"),
        ("cross-entropy", "cross_entropy"),
        ("l1_loss", "mae"),
        ("SmoothL1Loss", "huber"),
        ("kl_div", "kl"),
        ("crossentropi", "cross_entropy"),
    ],
)
def test_a_name_of_torch_is_answered_by_ours(given, ours):
    with pytest.raises(UsageError, match=f"did you mean {ours}\\?"):
        named_loss(given)
