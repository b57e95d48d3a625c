"""Rows and batches of Python lists of numbers, as `datasets` holds them, are read as the tensors of these numbers."""

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
