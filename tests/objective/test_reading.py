"""Batches of any form: the loss of the net at its own weights is that of plain torch, and what needs outputs works too."""

from typing import NamedTuple

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils.rnn import pack_sequence
from torch.utils.data import DataLoader, TensorDataset

import landscape as ll
from landscape.errors import DataError, LandscapeError, UsageError
from landscape.objective.reading import Call, Reading
from tests.objective.batches import EXPECTED, FORMS, GENERATOR, N, T, Two, U, V, cut


@pytest.mark.parametrize("form", FORMS)
def test_any_form_of_batches(form):
    make, data = FORMS[form]
    given = {"model": make(), "data": data, "precision": "fp64", "quiet": True}
    found = ll.surface(x=(-1, 1, 3), y=(-1, 1, 3), **given)
    assert found.at_origin("train_loss") == pytest.approx(EXPECTED, rel=1e-12)
    right = (Two()(U, V).argmax(1) == T).double().mean().item()
    assert found.at_origin("train_accuracy") == pytest.approx(right, rel=1e-12)
    spread = F.cross_entropy(Two()(U, V), T, reduction="none").std().item() / N**0.5
    assert found.stderr["train_loss"][1, 1] == pytest.approx(spread, rel=1e-9)


@pytest.mark.parametrize("form", ["tuple of three", "dict", "dataset of dicts"])
def test_samples_and_tolerance_work_on_batches_of_one_form(form):
    make, data = FORMS[form]
    given = {"model": make(), "data": data, "precision": "fp64", "quiet": True, "x": (-1, 1, 3), "y": (-1, 1, 3)}
    few = ll.surface(samples=5, **given)
    assert few.provenance["data"]["splits"]["train"]["samples"] == 5
    whole, about = ll.surface(**given), ll.surface(tolerance=0.2, **given)
    assert about.values["train_loss"] == pytest.approx(whole.values["train_loss"], rel=0.2)
    assert "train_samples" in about.values


def test_the_gauss_newton_matrix_of_a_net_of_two_inputs():
    """It needs the outputs apart from the loss; against the dense matrix J' H J in float64."""
    net = Two()
    found = ll.spectrum(model=net, data=FORMS["dict"][1], matrix="ggn", precision="fp64", ignore="none", quiet=True)
    names, values = zip(*net.named_parameters(), strict=True)

    def outputs(*parameters):
        return torch.func.functional_call(net, dict(zip(names, parameters, strict=True)), (U, V))

    jacobian = torch.cat([j.flatten(2) for j in torch.autograd.functional.jacobian(outputs, values)], dim=2)
    p = outputs(*values).softmax(1).detach()
    inner = torch.diag_embed(p) - p[:, :, None] * p[:, None, :]
    dense = torch.einsum("nia,nij,njb->ab", jacobian, inner, jacobian) / N
    assert found.whole.values[-1] == pytest.approx(torch.linalg.eigvalsh(dense)[-1].item(), rel=1e-3)


def test_a_loss_described_by_its_author():
    net = Two()
    batches = cut(4, lambda s: {"p": U[s], "q": V[s], "species": T[s]})
    loss = ll.Loss("cross_entropy", inputs=lambda batch: {"u": batch["p"], "v": batch["q"]}, targets="species")
    given = {"model": net, "data": batches, "x": (-1, 1, 3), "y": (-1, 1, 3), "precision": "fp64", "quiet": True}
    found = ll.surface(loss=loss, **given)
    assert found.at_origin("train_loss") == pytest.approx(EXPECTED, rel=1e-12)
    assert found.provenance["loss"].startswith("cross_entropy [inputs=<lambda> ")
    with pytest.raises(DataError, match="a batch with the entries p, q and species has no entry 'kind'"):
        ll.surface(loss=ll.Loss(targets="kind"), **given)
    with pytest.raises(UsageError, match="of 'output' of a Loss: expected outputs or model"):
        ll.Loss(of="output")


def test_a_loss_of_model_and_batch_has_metrics_of_the_outputs_too():
    """The net is called once: the metrics take what the loss was given."""
    net, calls = Two(), []

    def loss(m, batch):
        calls.append(1)
        return F.cross_entropy(m(batch.pop("u"), batch["v"]), batch["labels"], reduction="none")

    given = {"model": net, "data": FORMS["dict"][1], "x": (-1, 1, 3), "precision": "fp64", "quiet": True}
    found = ll.line(loss=ll.Loss(loss, of="model"), metrics=["loss", "accuracy", "top2", "perplexity"], **given)
    assert list(found.values) == ["train_loss", "train_accuracy", "train_top2", "train_perplexity"]
    assert found.at_origin("train_loss") == pytest.approx(EXPECTED, rel=1e-12)
    top = (Two()(U, V).topk(2).indices == T[:, None]).any(1).double().mean().item()
    assert found.at_origin("train_top2") == pytest.approx(top, rel=1e-12)
    assert calls and not net._forward_hooks


def test_what_a_mean_is_over_can_be_said():
    """A trial would find a root of a mean, and refuse it; its author may say that it is one of his batches."""
    torch.manual_seed(0)
    net, batches = nn.Linear(3, 4).double(), DataLoader(TensorDataset(U, T), batch_size=4)

    def root(outputs, targets):
        return F.cross_entropy(outputs, targets).sqrt()

    given = {"model": net, "data": batches, "x": (-1, 1, 3), "precision": "fp64", "quiet": True}
    with pytest.raises(UsageError, match="is not a mean over samples"):
        ll.line(loss=root, batch_size=4, **given)
    found = ll.line(loss=ll.Loss(root, over="batches"), **given)
    parts = [(F.cross_entropy(net(U[s]), T[s]).sqrt().item(), len(T[s])) for s in cut(4, lambda s: s)]
    expected = sum(value * count for value, count in parts) / N
    assert found.at_origin("train_loss") == pytest.approx(expected, rel=1e-12)
    assert found.provenance["evaluation"]["mean"] == "batches"


@pytest.mark.parametrize("over", ["samples", "batches", None])
def test_so_can_that_of_a_loss_of_the_model(over):
    """What its author says of it is not tried."""
    net = nn.Linear(3, 4).double()

    def root(model, batch):
        return F.cross_entropy(model(batch[0]), batch[1]).sqrt()

    loss = ll.Loss(root, of="model", over=over)
    found = ll.line(model=net, data=(U, T), loss=loss, batch_size=4, x=(-1, 1, 3), precision="fp64", quiet=True)
    assert found.provenance.get("evaluation", {}).get("mean") == (None if over == "samples" else "batches")


def test_packed_sequences_count_as_sequences():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            torch.manual_seed(0)
            self.rnn, self.out = nn.GRU(3, 5, batch_first=True), nn.Linear(5, 4)

        def forward(self, packed):
            return self.out(self.rnn(packed)[1][-1])

    net = Net().double()
    sequences = [torch.randn(k, 3, dtype=torch.float64, generator=GENERATOR) for k in (6, 4, 2, 5, 3)]
    batches = [
        (pack_sequence(part, enforce_sorted=False), T[a:b])
        for part, a, b in ((sequences[:3], 0, 3), (sequences[3:], 3, 5))
    ]
    found = ll.line(model=net, data=batches, x=(-1, 1, 3), precision="fp64", quiet=True)
    every = F.cross_entropy(net(pack_sequence(sequences, enforce_sorted=False)), T[:5], reduction="none")
    assert found.at_origin("train_loss") == pytest.approx(every.mean().item(), rel=1e-12)
    assert found.provenance["data"]["splits"]["train"]["samples"] == 5


@pytest.mark.parametrize(
    ("model", "batch", "message"),
    [
        (Two, {"u": U, "w": V, "y": T}, "the net takes u, v, and a batch has the entries u and w"),
        (Two, {"u": U, "v": V}, "a batch with the entries u and v does not say its targets; name one of them labels"),
        (Two, {"u": U, "v": V, "y": T.double()}, r"cross_entropy: the targets are torch.float64 of shape \(11,\)"),
        (Two, [U], "a batch with 1 parts does not say its targets"),
        (
            lambda: OfParts().double(),
            {"x": U, "y": T},
            "the outputs are a dict with the entries a, b; expected a tensor",
        ),
    ],
)
def test_batches_that_cannot_be_read(model, batch, message):
    with pytest.raises(LandscapeError, match=message) as raised:
        ll.line(model=model(), data=[batch, batch], x=(-1, 1, 3), precision="fp64", quiet=True)
    assert "\n" not in str(raised.value)


class OfParts(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Linear(3, 4)

    def forward(self, x):
        return {"a": self.a(x), "b": x}


def test_an_image_and_a_label_by_name_take_the_fast_way():
    """One tensor and targets are a pair like any other."""
    call = Call((U,))
    assert call.alone is U and Call((U,), classes_last=True).alone is None and Call((U, V)).alone is None


def test_optional_parameters_count_and_what_is_left_out_is_said(capsys):
    class Masked(nn.Module):
        def __init__(self):
            super().__init__()
            torch.manual_seed(0)
            self.a = nn.Linear(3, 4).double()

        def forward(self, x, mask=None):
            return self.a(x if mask is None else x * mask)

    mask = (U > 0).double()
    expected = F.cross_entropy(Masked()(U, mask), T).item()
    given = {"model": Masked(), "x": (-1, 1, 3), "precision": "fp64"}
    for data in (TensorDataset(U, mask, T), [{"x": U.numpy(), "mask": mask.numpy(), "y": T.numpy()}]):
        assert ll.line(data=data, quiet=True, **given).at_origin("train_loss") == pytest.approx(expected, rel=1e-12)
    ll.line(data=[{"x": U, "attention_mask": mask, "y": T}], **given)
    assert "the net does not take attention_mask of a batch, which is left out" in capsys.readouterr().err


def test_accuracy_leaves_out_what_the_loss_ignores_whatever_else_is_measured():
    net, given = Two(), {"data": FORMS["dict"][1], "x": (-1, 1, 3), "precision": "fp64", "quiet": True}
    counted = T != 2
    expected = (net(U, V).argmax(1) == T)[counted].double().mean().item()
    for metrics in ("loss,accuracy", "loss,accuracy,mse,cross_entropy"):
        found = ll.line(model=net, loss="cross_entropy(ignore_index=2)", metrics=metrics, **given)
        assert found.at_origin("train_accuracy") == pytest.approx(expected, rel=1e-12)


def test_a_description_holds_for_pairs_too():
    net, data = nn.Linear(3, 4).double(), (U, V.new_tensor(T.tolist()).long())
    loss = ll.Loss(inputs=lambda batch: 3 * batch[0], targets=lambda batch: batch[1] % 2)
    found = ll.line(model=net, data=data, loss=loss, x=(-1, 1, 3), precision="fp64", quiet=True)
    assert found.at_origin("train_loss") == pytest.approx(F.cross_entropy(net(3 * U), T % 2).item(), rel=1e-12)


def test_entries_under_other_names_are_another_run(tmp_path):
    """And so is another function that takes the targets: the first run's values would be given back without a word."""
    given = {"x": (-1, 1, 3), "precision": "fp64", "quiet": True, "model": Two(), "out": tmp_path / "a.h5"}
    wide = torch.cat([V, V[:, :1]], dim=1)
    ll.line(data=[{"u": U, "v": V, "y": T, "w": wide}], **given)
    with pytest.raises(LandscapeError, match="another run"):
        ll.line(data=[{"w": U, "v": V, "y": T, "u": wide}], **given)
    given["out"] = tmp_path / "b.h5"
    data = FORMS["dict"][1]
    ll.line(data=data, loss=ll.Loss(targets=lambda batch: batch["labels"]), **given)
    with pytest.raises(LandscapeError, match="another run"):
        ll.line(data=data, loss=ll.Loss(targets=lambda batch: (batch["labels"] + 1) % 4), **given)


def test_batches_that_cannot_be_cut_are_taken_whole():
    """A matrix of the samples of a batch looks like a row for each sample."""

    class Dense(nn.Module):
        def __init__(self):
            super().__init__()
            torch.manual_seed(0)
            self.a = nn.Linear(3, 4).double()

        def forward(self, x, adjacent):
            return adjacent @ self.a(x)

    adjacent = torch.rand(N, N, dtype=torch.float64, generator=GENERATOR)
    given = {"model": Dense(), "data": [{"x": U, "adjacent": adjacent, "y": T}], "precision": "fp64", "quiet": True}
    expected = F.cross_entropy(Dense()(U, adjacent), T).item()
    for tolerance in (0.0, 0.1):
        found = ll.line(x=(-1, 1, 3), tolerance=tolerance, **given)
        assert found.at_origin("train_loss") == pytest.approx(expected, rel=1e-12)


def test_classes_that_come_last_are_read_alike_in_all_batches():
    """With as many positions as classes their order cannot be seen: torch's would be taken there, and the other elsewhere."""
    net, batches = nn.Embedding(9, 6), [torch.randint(0, 6, (5, length), generator=GENERATOR) for length in (3, 6)]
    found = ll.line(model=net, data=[(each, each) for each in batches], x=(-1, 1, 3), quiet=True)
    wanted = sum(F.cross_entropy(net(each).mT, each, reduction="sum").item() for each in batches) / (5 * (3 + 6))
    assert found.at_origin("train_loss") == pytest.approx(wanted, rel=1e-5)


def test_cross_entropy_of_one_class_is_refused():
    with pytest.raises(DataError, match="of one class the loss is 0; give bce for two classes"):
        ll.line(model=nn.Linear(3, 1), data=(U.float(), T), x=(-1, 1, 3), quiet=True)


class Labelled(NamedTuple):
    """Its targets come first; names, not places, say what they are."""

    label: torch.Tensor
    u: torch.Tensor


def test_the_names_of_a_named_tuple_say_what_its_parts_are():
    torch.manual_seed(0)
    net = nn.Linear(3, 4).double()
    at_centre = {"x": (-1, 1, 3), "precision": "fp64", "quiet": True, "threads": 1}
    found = ll.line(model=net, data=[Labelled(T, U)], **at_centre).values["train_loss"][1]
    assert found == pytest.approx(F.cross_entropy(net(U), T).item(), abs=1e-12)
    entries = Call(named={"u": U, "v": V})
    three = NamedTuple("Three", [("v", torch.Tensor), ("target", torch.Tensor), ("u", torch.Tensor)])  # noqa: UP014
    inputs, targets = Reading().pair(three(V, T, U), Two())
    assert targets is T and inputs.named.keys() == entries.named.keys() and inputs.named["u"] is U


@pytest.mark.parametrize("whole", ["by its code", "by its annotation", None])
def test_an_entry_alone_is_passed_by_itself_unless_forward_takes_a_mapping(whole):
    class Net(nn.Linear):
        def forward(self, given):
            return super().forward(given)

    class ByCode(nn.Linear):
        def forward(self, given):
            return super().forward(given["u"])

    class ByAnnotation(nn.Linear):
        def forward(self, given: dict[str, torch.Tensor]):
            return super().forward(next(iter(given.values())))

    torch.manual_seed(0)
    net = {"by its code": ByCode, "by its annotation": ByAnnotation, None: Net}[whole](3, 4).double()
    for batch in ({"u": U, "y": T}, ({"u": U}, T)):
        found = ll.line(model=net, data=[batch], x=(-1, 1, 3), precision="fp64", quiet=True, threads=1)
        plain = F.cross_entropy(F.linear(U, net.weight, net.bias), T)
        assert found.values["train_loss"][1] == pytest.approx(plain.item(), abs=1e-12)
