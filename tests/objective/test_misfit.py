"""Nets, losses and data that do not go together: the line says which of them refused, and what to write."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import landscape as ll
from landscape.errors import LandscapeError

EXACT = {"x": (-1, 1, 3), "quiet": True, "threads": 1}
X, Y = torch.randn(20, 5, generator=torch.Generator().manual_seed(0)), torch.arange(20) % 3


def net():
    torch.manual_seed(1)
    return nn.Sequential(nn.Linear(5, 4), nn.Tanh(), nn.Linear(4, 3))


class Parts(torch.utils.data.Dataset):
    def __len__(self):
        return len(X)

    def __getitem__(self, number):
        return X[number], Y[number], {"number": number}


def loaded(data):
    return torch.utils.data.DataLoader(data, batch_size=6)


def loaded_in_batches():
    return torch.utils.data.DataLoader(torch.utils.data.TensorDataset(X, Y), batch_size=6)


def loaded_singly():
    return torch.utils.data.DataLoader(torch.utils.data.TensorDataset(X, Y), batch_size=None)


def swapped(y_true, y_pred):
    return F.mse_loss(y_pred, y_true)


class Slotted:
    __slots__ = ("x", "y")

    def __init__(self):
        self.x, self.y = X, Y


class OwnLoss(nn.Module):
    def __init__(self):
        super().__init__()
        self.inside = net()

    def forward(self, x, labels):
        return F.cross_entropy(self.inside(x), labels)


class InPlace(nn.Linear):
    def forward(self, inputs):
        inputs += 1
        return super().forward(inputs)


def of_dict(outputs, targets):
    return {"loss": F.cross_entropy(outputs, targets)}


ONES = torch.ones(3)


def with_captured(outputs, targets):
    return (outputs @ ONES).square()


def of_three(m, x, y):
    return F.cross_entropy(m(x), y)


NAMES = [
    ("y_true, y_pred", "target, input", "expected, actual", "labels, preds", "actual, predicted", "Y_true, y_hat"),
    (
        "y_pred, y_true",
        "input, target",
        "actual, expected",
        "preds, labels",
        "predicted, actual",
        "x, y",
        "labels, target_scores",
    ),
]


@pytest.mark.parametrize("names", [*NAMES[0], *NAMES[1]])
def test_an_order_that_both_names_tell_is_refused_and_no_other(names):
    first, second = names.split(", ")
    made: dict = {}
    exec(f"def measured({names}): return (({first} - {second}) ** 2).mean(-1)", made)
    given = {"data": (X, torch.ones(20, 3)), "loss": "mse", "metrics": {"mine": made["measured"]}, **EXACT}
    if names in NAMES[0]:
        with pytest.raises(LandscapeError, match=rf"metric measured\({names}\): .*swap its parameters"):
            ll.line(model=net(), **given)
    else:
        assert ll.line(model=net(), **given).counts()["done"] == 3


@pytest.mark.parametrize("scale", [1, 100])
def test_an_accuracy_of_the_users_keeps_its_own_numbers_and_ours_is_in_percent(scale):
    def hits(outputs, targets):
        return scale * (outputs.argmax(1) == targets).double()

    own = ll.line(model=net(), data=(X, Y), metrics={"loss": "loss", "accuracy": hits}, **EXACT)
    ours = ll.line(model=net(), data=(X, Y), metrics=["loss", "accuracy"], **EXACT)
    assert torch.allclose(
        torch.tensor(own.values["train_accuracy"]), scale * torch.tensor(ours.values["train_accuracy"])
    )
    rows = [found.quantities["train_accuracy"] for found in (own, ours)]
    assert [(row.percent, row.better) for row in rows] == [(False, "highest"), (True, "highest")]


@pytest.mark.parametrize(
    ("given", "line"),
    [
        ({"data": [{"pixels": X, "kind": Y}]}, r"as in ll.Loss\('cross_entropy', inputs='pixels', targets='kind'\)"),
        ({"data": X}, r"does not say its targets; give \(inputs, targets\)"),
        ({"loss": swapped}, r"loss swapped\(y_true, y_pred\): it is called with \(outputs, targets\), in this order"),
        ({"metrics": ["loss", swapped]}, r"metric swapped\(y_true, y_pred\): .*swap its parameters"),
        ({"loss": of_three}, r"the loss does not accept .*a loss takes \(outputs, targets\), or \(model, batch\)"),
        ({"data": loaded(Parts())}, r"the model does not accept .*as in ll.Loss\(your_loss, inputs=0, targets=1\)"),
        ({"data": {"train": (X, Y), "val": (X, Y)}}, "entries train and val: splits are named train and test"),
        ({"data": [Slotted()]}, "keeps what it holds in __slots__"),
        ({"data": (X, Y, X[:, 0])}, r"data of 3 tensors with 20 rows each: .*in a list, \[\(a, b, targets\)\]"),
        ({"data": [{"x": X, "labels": Y}], "model": OwnLoss()}, r"its targets too, .*loss=lambda model, batch: model"),
        ({"loss": of_dict}, r"loss returned a dict; .* a loss of \(model, batch\) may return several values"),
        ({"loss": with_captured, "precision": "fp64"}, "create tensors of its own with dtype=outputs.dtype"),
        ({"model": InPlace(5, 3), "data": (X.clone(), Y)}, "changes its batch in place .* as in x = x . 1"),
        (
            {"model": nn.Embedding(9, 3, max_norm=0.5), "data": (Y, Y)},
            r"the net or the loss changes the weights .*max_norm",
        ),
        ({"data": loaded_singly()}, "these are single samples: give a DataLoader with a batch_size"),
        ({"data": (X.long(), Y)}, r"the model does not accept these batches .*Long and Float"),
        ({"metrics": {"my hits": F.mse_loss}}, "the name 'my hits': expected one such as my_metric"),
        (
            {"metrics": {"loss": F.mse_loss}},
            "the name 'loss' is that of the loss, 'loss': 'loss'; give another function",
        ),
        ({"loss": lambda outputs, targets: outputs[:, :1]}, r"shape \(8, 1\) for 8 samples.*flatten\(1\).mean\(1\)"),
        (
            {"data": (X, F.one_hot(Y, 3))},
            r"shape \(8, 3\) beside outputs .* class numbers of shape \(8,\): targets.argmax\(1\)",
        ),
        ({"data": (X, Y[:, None])}, r"class numbers of shape \(8,\): .*targets\[:, 0\] of a single column"),
        (
            {"data": [(x, int(label)) for x, label in zip(X, Y, strict=True)]},
            "the targets are of type int; .*DataLoader",
        ),
        ({"data": [(X, {"kind": Y})]}, "the targets are of type dict; .*a loss of your own"),
        ({"data": (X.tolist(), Y.tolist())}, "has no tensor in it.*as by torch.tensor"),
        ({"data": ((X, X), Y)}, r"one batch of several inputs is a list too, \[\(\(a, b\), targets\)\]"),
        ({"data": [{"x": X, "y": Y, "place": Y}]}, r"say which it takes, as in ll.Loss\(your_loss, inputs='x'\)"),
        (
            {"metrics": {"broken": lambda outputs, targets: outputs.nothing}},
            "the metric broken does not accept .*no attribute",
        ),
        (
            {"metrics": {"of_model": lambda model, batch: model(batch[0])}},
            "takes a model: metrics take .*return a dictionary",
        ),
        ({"loss": lambda batch, model: model(batch[0])}, r"\(batch, model\): .* with \(model, batch\), in this order"),
    ],
)
def test_what_does_not_go_together_is_one_line(given, line):
    with pytest.raises(LandscapeError, match=line):
        ll.line(**{"model": net(), "data": (X, Y), **EXACT, **given})


def test_what_the_lines_advise_has_the_values_of_plain_torch():
    wanted = F.cross_entropy(net()(X), Y).item()
    for data, loss in (
        ([{"pixels": X, "kind": Y}], ll.Loss("cross_entropy", inputs="pixels", targets="kind")),
        (loaded(Parts()), ll.Loss("cross_entropy", inputs=0, targets=1)),
    ):
        found = ll.line(model=net(), data=data, loss=loss, **EXACT)
        assert found.values["train_loss"][1] == pytest.approx(wanted, rel=1e-6)


def test_a_dict_names_its_metrics():
    def hits(outputs, targets):
        return outputs.argmax(1) == targets

    found = ll.line(model=net(), data=(X, Y), metrics={"loss": "loss", "hits": hits, "second": "top2"}, **EXACT)
    assert [*found.values] == ["train_loss", "train_hits", "train_second"]
    outputs = net()(X)
    assert found.values["train_hits"][1] == pytest.approx(hits(outputs, Y).float().mean().item())
    assert found.values["train_second"][1] == pytest.approx(
        (outputs.topk(2).indices == Y[:, None]).any(1).float().mean().item()
    )
    assert found.provenance["code"]["metrics"].keys() == {"hits", "second"}


class Answering:
    """A metric that answers == with something, like those of torchmetrics."""

    def __call__(self, outputs, targets):
        return (outputs.argmax(1) == targets).double()

    def __eq__(self, other):
        return "a comparison"

    __hash__ = object.__hash__


@pytest.mark.parametrize("form", [lambda m: {"share": m}, lambda m: {"loss": "loss", "share": m}])
def test_a_metric_that_answers_comparisons_is_a_metric(form):
    found = ll.line(model=net(), data=(X, Y), metrics=form(Answering()), **EXACT)
    ours = ll.line(model=net(), data=(X, Y), metrics=["accuracy"], **EXACT)
    assert found.values["train_share"] == pytest.approx(ours.values["train_accuracy"], abs=1e-12)


def test_a_net_made_in_inference_mode_is_evaluated_and_left_as_it_is():
    with torch.inference_mode():
        made = net()
    before = [parameter.clone() for parameter in made.parameters()]
    found, plain = (ll.line(model=each, data=(X, Y), **EXACT) for each in (made, net()))
    assert found.values["train_loss"] == pytest.approx(plain.values["train_loss"], abs=1e-12)
    assert all(torch.equal(a, b) for a, b in zip(before, made.parameters(), strict=True))
    assert len(ll.spectrum(model=made, data=(X, Y), probes=0, trace_products=0, quiet=True).whole.values)


def share_of_weights(outputs, targets):
    return ((outputs.argmax(1) == targets) * (targets + 1.0)).sum() / (targets + 1.0).sum()


def weighing(outputs, targets):
    weights = targets + 1.0
    return (weights * F.cross_entropy(outputs, targets, reduction="none")).sum(), weights.sum()


@pytest.mark.parametrize("loss", ["cross_entropy", "cross_entropy(ignore_index=0)", weighing])
def test_a_metric_of_whole_batches_does_not_make_the_loss_one(loss, capsys):
    given = {"model": net(), "data": loaded_in_batches(), "loss": loss}
    found = ll.line(**given, metrics=["loss", share_of_weights], x="-1:1:3", precision="fp64")
    assert "the metric share_of_weights is one of whole batches" in capsys.readouterr().err
    alone = ll.line(**given, x="-1:1:3", precision="fp64", quiet=True)
    assert found.values["train_loss"] == pytest.approx(alone.values["train_loss"], rel=1e-12)
    ends = [ll.hessian(each, **given, quiet=True).values["hessian_max"] for each in (found, alone)]
    assert ends[0] == pytest.approx(ends[1], rel=1e-3)
