"""What a net returns is passed on as in plain torch: all of it to the user's own functions, and classes in their place."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import landscape as ll
from landscape.errors import LandscapeError

EXACT = {"x": (-1, 1, 3), "threads": 1}
X, Y = torch.randn(37, 5, generator=torch.Generator().manual_seed(0)), torch.arange(37) % 3


class Parts(nn.Module):
    """Returns its input, decoded, and a code; with classes beside."""

    def __init__(self, kind=tuple):
        super().__init__()
        torch.manual_seed(1)
        self.encode, self.decode, self.kind = nn.Linear(5, 3), nn.Linear(3, 5), kind

    def forward(self, inputs):
        code = self.encode(inputs)
        found = self.decode(code), code
        return {"out": found[0], "code": code} if self.kind is dict else self.kind(found)


def of_both(outputs, targets):
    decoded, code = outputs.values() if isinstance(outputs, dict) else (outputs[0], outputs[1])
    return (decoded - targets).square().mean(1) + 0.1 * code.square().mean(-1)


def of_rows(outputs, targets):
    return (outputs[0] - targets).square().mean(1) + 0.1 * outputs[1].square().mean(-1)


def of_main(outputs, targets):
    return (outputs - targets).abs().mean(1)


@pytest.mark.parametrize("batch_size", [None, 10])
@pytest.mark.parametrize("kind", [tuple, list, dict])
def test_a_loss_of_the_users_gets_all_that_the_net_returns(kind, batch_size, capsys):
    net, loss = Parts(kind), of_both if kind is dict else of_rows
    metrics = {"loss": "loss", "mine": of_main, "mae": "mae"}
    found = ll.line(model=net, data=(X, X), loss=loss, metrics=metrics, batch_size=batch_size, **EXACT)
    returned = net(X)
    main = returned["out"] if kind is dict else returned[0]
    assert found.at_origin("train_loss") == pytest.approx(loss(returned, X).mean().item(), rel=1e-6)
    for name in ("mine", "mae"):
        assert found.at_origin(f"train_{name}") == pytest.approx((main - X).abs().mean().item(), rel=1e-6)
    assert found.provenance["evaluation"]["whole"] == ["loss"]
    assert "the net returns several parts, and loss takes all of them" in capsys.readouterr().err


def test_in_bfloat16_it_gets_all_of_it_in_float32():
    """What it sums would be rounded to eight bits."""
    found = ll.line(model=Parts(), data=(X, X), loss=of_rows, precision="bf16", quiet=True, **EXACT)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        returned = [each.float() for each in Parts()(X)]
    assert found.at_origin("train_loss") == pytest.approx(of_rows(returned, X).mean().item(), rel=1e-6)


def test_its_curvature_is_that_of_all_of_it():
    net = Parts()
    line = ll.line(model=net, data=(X, X), loss=of_rows, quiet=True, **EXACT)
    found = ll.hessian(line, model=net, data=(X, X), loss=of_rows, quiet=True, threads=1)
    names = [name for name, _ in net.named_parameters() if "bias" not in name]
    sizes = [dict(net.named_parameters())[name] for name in names]

    def at(flat):
        parts = [part.view_as(w) for part, w in zip(flat.split([w.numel() for w in sizes]), sizes, strict=True)]
        return of_rows(torch.func.functional_call(net, dict(zip(names, parts, strict=True)), (X,)), X).mean()

    whole = torch.cat([w.detach().flatten() for w in sizes])
    wanted = torch.linalg.eigvalsh(torch.autograd.functional.hessian(at, whole))
    assert found.at_origin("hessian_max") == pytest.approx(wanted[-1].item(), rel=1e-3)


def test_a_loss_that_takes_the_main_part_alone_gets_that_and_so_do_torchs_own():
    for loss, wanted in ((of_main, F.l1_loss), (F.mse_loss, F.mse_loss), (nn.HuberLoss(), F.huber_loss)):
        found = ll.line(model=Parts(), data=(X, X), loss=loss, quiet=True, **EXACT)
        assert found.at_origin("train_loss") == pytest.approx(wanted(Parts()(X)[0], X).item(), rel=1e-6)
        assert "whole" not in (found.provenance.get("evaluation") or {})


def test_a_loss_that_takes_neither_is_one_line():
    with pytest.raises(
        LandscapeError, match=r"loss takes neither what the net returns, a tuple \(.*main part alone, of shape"
    ):
        ll.line(model=Parts(), data=(X, X), loss=lambda outputs, targets: outputs.nothing, quiet=True, **EXACT)


class Tagger(nn.Module):
    """(n, positions, classes), or with `second` (n, classes, positions); `scaled`: by no layer that says it."""

    def __init__(self, classes, second=False, scaled=False):
        super().__init__()
        torch.manual_seed(2)
        self.rnn, self.out = nn.GRU(5, 6, batch_first=True), nn.Linear(6, classes)
        self.second, self.scaled = second, scaled

    def forward(self, inputs):
        outputs = self.out(self.rnn(inputs)[0])
        outputs = outputs.mT if self.second else outputs
        return outputs * 1.5 if self.scaled else outputs


def tags(classes, *lengths):
    torch.manual_seed(3)
    return [(torch.randn(4, n, 5), torch.randint(0, classes, (4, n))) for n in lengths]


def over_tokens(net, batches):
    found = [(net(x) if net.second else net(x).mT, y) for x, y in batches]
    return sum(F.cross_entropy(o, y, reduction="sum").item() for o, y in found) / sum(y.numel() for _, y in batches)


def hits(net, batches):
    found = [((net(x) if net.second else net(x).mT).argmax(1) == y).float() for x, y in batches]
    return sum(each.sum().item() for each in found) / sum(y.numel() for _, y in batches)


@pytest.mark.parametrize("second", [False, True])
@pytest.mark.parametrize(
    ("lengths", "scaled"), [((6,), False), ((6, 9, 4), False), ((9, 6), False), ((6, 9), True), ((9, 6), True)]
)
def test_classes_are_in_their_place_where_a_sequence_is_as_long_as_there_are_classes(lengths, scaled, second):
    net, batches = Tagger(6, second, scaled), tags(6, *lengths)
    found = ll.line(model=net, data=batches, metrics=["loss", "accuracy", "perplexity"], quiet=True, **EXACT)
    wanted = over_tokens(net, batches)
    assert found.at_origin("train_loss") == pytest.approx(wanted, rel=1e-5)
    assert found.at_origin("train_perplexity") == pytest.approx(torch.tensor(wanted).exp().item(), rel=1e-5)
    assert found.at_origin("train_accuracy") == pytest.approx(hits(net, batches), rel=1e-5)
    assert (found.provenance.get("evaluation") or {}).get("classes") == (None if second else "last")


def test_the_users_own_get_classes_where_the_net_has_them():
    def mine(outputs, targets):
        return F.cross_entropy(outputs.mT, targets, reduction="none").mean(1)

    net, batches = Tagger(6), tags(6, 6)
    found = ll.line(model=net, data=batches, metrics={"loss": "loss", "mine": mine}, quiet=True, **EXACT)
    wanted = over_tokens(net, batches)
    assert [found.at_origin(f"train_{name}") for name in ("loss", "mine")] == pytest.approx([wanted] * 2, rel=1e-5)


def test_so_are_those_of_curvature():
    net, batches = Tagger(6), tags(6, 6)
    given = {"model": net, "data": batches, "threads": 1, "quiet": True, "top": 1, "bottom": 1, "probes": 1}
    own = ll.spectrum(loss=lambda o, t: F.cross_entropy(o.mT, t, reduction="none").mean(1), **given)
    named = ll.spectrum(**given)
    assert named.whole.values.tolist() == pytest.approx(own.whole.values.tolist(), rel=1e-3)


def test_where_nothing_says_where_classes_stand_it_is_refused_with_what_to_write():
    net, batches = Tagger(6, scaled=True), tags(6, 6)
    with pytest.raises(
        LandscapeError, match=r"\(4, 6, 6\), the targets \(4, 6\): the classes can be the second or the last"
    ):
        ll.line(model=net, data=batches, quiet=True, **EXACT)

    def loss(outputs, targets):
        return F.cross_entropy(outputs.transpose(1, 2), targets)

    found = ll.line(model=net, data=batches, loss=loss, quiet=True, **EXACT)
    assert found.at_origin("train_loss") == pytest.approx(over_tokens(net, batches), rel=1e-5)
