"""Rows and batches of Python lists of numbers, as `datasets` holds them, are read as the tensors of these numbers."""

import datetime

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

import landscape as ll
from landscape.data.number_lists import are_lists, are_samples, as_tensors
from landscape.errors import DataError, EvaluationError

torch.manual_seed(0)
IDS, KINDS = torch.randint(0, 9, (12, 5)), torch.randint(0, 3, (12,))
ROWS = [{"input_ids": ids.tolist(), "text": "so", "labels": int(kind)} for ids, kind in zip(IDS, KINDS, strict=True)]


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.embed, self.last = nn.Embedding(9, 4), nn.Linear(4, 3)

    def forward(self, input_ids):
        return self.last(self.embed(input_ids).mean(1).tanh())


class Table:
    """Rows by number and one after another, as a data set of `datasets`."""

    def __len__(self):
        return len(ROWS)

    def __getitem__(self, i):
        return ROWS[i]

    def __iter__(self):
        return iter(ROWS)


BATCHES = [{"input_ids": IDS[i : i + 4].tolist(), "labels": KINDS[i : i + 4].tolist()} for i in (0, 4, 8)]


@pytest.mark.parametrize("data", [ROWS, Table(), BATCHES], ids=["rows", "table", "batches"])
@pytest.mark.parametrize(
    "loss", [None, lambda model, batch: F.cross_entropy(model(batch["input_ids"]), batch["labels"])]
)
def test_the_numbers_are_those_of_the_lists(data, loss):
    net, given = Net(), {"loss": loss} if loss else {}
    found = ll.line(model=net, data=data, x=(-1, 1, 3), quiet=True, **given)
    assert found.at_origin("train_loss") == pytest.approx(F.cross_entropy(net(IDS), KINDS).item(), rel=1e-5)


def test_what_holds_a_tensor_is_left_as_it_is():
    batch = {"input_ids": IDS, "labels": KINDS, "numbers": [1, 2, 3]}
    assert not are_lists([batch]) and not are_lists([{"text": "a"}]) and are_lists(ROWS)
    assert are_samples(ROWS) and not are_samples(BATCHES) and are_samples([{"input_ids": [1, 2]}])
    seen = []

    def loss(model, batch):
        seen.append(batch["numbers"])
        return F.cross_entropy(model(batch["input_ids"]), batch["labels"])

    ll.line(model=Net(), data=[batch], loss=loss, x=(-1, 1, 3), quiet=True)
    assert all(each == [1, 2, 3] for each in seen)


def test_lists_of_different_lengths_are_refused():
    for rows in ([{**ROWS[0]}, {**ROWS[1], "input_ids": [1, 2]}], [{"input_ids": [[1, 2], [3]], "labels": [0, 1]}]):
        with pytest.raises(DataError, match="the lists of the entry 'input_ids' differ in length.*pad them"):
            ll.line(model=Net(), data=rows, x=(-1, 1, 3), quiet=True)
    assert as_tensors({"a": [[1.5, 2], [3, 4]], "b": "x", "c": []}) | {"a": 0} == {"a": 0, "b": "x", "c": []}


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (
            torch.utils.data.DataLoader(ROWS, batch_size=4),
            "let samples hold tensors, as by torch.tensor, or give a collate_fn",
        ),
        (
            [{"input_ids": IDS[0], "labels": KINDS[0]}],
            r"if these are single samples, give a DataLoader\(data, batch_size=...\)",
        ),
        ([{"text": "so", "labels": 1}], "pass texts through its tokenizer first"),
    ],
)
def test_what_a_net_cannot_take_says_what_to_do(data, said):
    with pytest.raises(EvaluationError, match=said):
        ll.line(model=Net(), data=data, x=(-1, 1, 3), quiet=True)


INPUTS, VALUES = torch.randn(12, 5), torch.randn(12, 2)


def rows_of(**columns):
    return [
        {name: part.tolist() for name, part in zip(columns, row, strict=True)}
        for row in zip(*columns.values(), strict=True)
    ]


def line(net, data, loss):
    return ll.line(model=net, data=data, loss=loss, x=(-1, 1, 3), quiet=True).at_origin("train_loss")


def test_rows_whose_targets_are_lists_are_samples():
    net = nn.Sequential(nn.Linear(5, 2), nn.BatchNorm1d(2)).eval()
    expected = F.mse_loss(net(INPUTS), VALUES).item()
    assert line(net, rows_of(x=INPUTS, y=VALUES), "mse") == pytest.approx(expected, rel=1e-5)

    def spread(outputs, targets):
        return (outputs - targets).square().mean(0).sqrt().sum()

    expected = spread(net(INPUTS), VALUES).item()
    assert line(net, rows_of(x=INPUTS, y=VALUES), ll.Loss(spread, over="batches")) == pytest.approx(expected, rel=1e-5)


def test_rows_of_images_with_shares_of_classes_are_samples():
    net, shares = nn.Sequential(nn.Flatten(), nn.Linear(4, 3)), torch.softmax(torch.randn(12, 3), 1)
    images = INPUTS[:, :4].view(12, 2, 2)
    expected = F.cross_entropy(net(images), shares).item()
    assert line(net, rows_of(x=images, y=shares), "cross_entropy") == pytest.approx(expected, rel=1e-5)


def test_batches_of_lists_with_numbers_of_their_own_stay_batches():
    net = nn.Linear(5, 2)
    data = [{"x": INPUTS[i : i + 6].tolist(), "y": VALUES[i : i + 6].tolist(), "w": [1.0, 2.0]} for i in (0, 6)]

    def weighted(model, batch):
        assert batch["x"].shape == (6, 5)
        return ((model(batch["x"]) - batch["y"]).square() * batch["w"]).mean(1)

    expected = ((net(INPUTS) - VALUES).square() * torch.tensor([1.0, 2.0])).mean().item()
    assert line(net, data, weighted) == pytest.approx(expected, rel=1e-5)


def test_a_choice_is_told(capsys):
    """Lists of one length may be batches of numbers, or samples."""
    net, values = nn.Embedding(9, 1), torch.randn(2, 5)
    data = [{"x": IDS[i].tolist(), "y": values[i].tolist()} for i in (0, 1)]
    given = {"model": net, "data": data, "x": (-1, 1, 3)}
    found = ll.line(loss=lambda model, batch: (model(batch["x"])[:, 0] - batch["y"]) ** 2, **given)
    expected = ((net(IDS[:2])[..., 0] - values) ** 2).mean().item()
    assert found.at_origin("train_loss") == pytest.approx(expected, rel=1e-5)
    said = "the 2 rows of the data hold lists of one length and are read as batches, of 5 samples each; where each row is one"
    assert said in capsys.readouterr().err
    with pytest.raises(EvaluationError, match=r"hold one number for each sample.*give a DataLoader\(data, batch_size"):
        ll.line(loss=lambda model, batch: (model(batch["x"])[:, :, 0] - batch["y"]) ** 2, quiet=True, **given)


def test_numbers_of_numpy_are_numbers():
    rows = [{**row, "labels": np.int64(row["labels"])} for row in ROWS]
    assert line(Net(), rows, "cross_entropy") == pytest.approx(F.cross_entropy(Net()(IDS), KINDS).item(), rel=1e-5)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"day": datetime.date(2020, 1, 1)}, "the entry 'day' of the data holds a date, of which there are no batches; leave"),
        ({"day": None}, "a NoneType, of which there are no batches; leave it out, keeping input_ids, text and la"),
        ({"day": 2**63}, "the entry 'day' of the data holds whole numbers beyond 64 bits"),
        ({"day": [2**63, 1]}, "the entry 'day' of the data holds whole numbers beyond 64 bits"),
        ({"mask": [0] * 7, "other": [1] * 7}, "'mask' differ in length.*; rows with a number, here 'labels', are read as"),
    ],
)  # fmt: skip
def test_what_is_no_tensor_is_named(more, said):
    rows = [{**row, **more} for row in ROWS]
    rows[1] |= {"mask": [0] * 6} if "mask" in more else {}
    with pytest.raises(DataError, match=said):
        line(Net(), rows, "cross_entropy")
    with pytest.raises(DataError, match="row 1 of the data has no entry 'day', which the first has"):
        line(Net(), [{**ROWS[0], "day": 1}, *ROWS[1:]], "cross_entropy")
