"""How data are held makes no difference: resident, converted batch by batch, or streamed, the bits are the same."""

import numpy as np
import pytest
import torch

from landscape.data.normalize import PRESETS, Normalize
from landscape.data.split import BatchSplit, StreamSplit, fingerprint_of, tensor_split
from landscape.data.structure import batch_length, to_device
from landscape.errors import DataError

CPU = torch.device("cpu")
RGB = Normalize("mine", (0.5, 0.4, 0.3), (0.2, 0.25, 0.3))


def images(kind, n=37):
    generator = np.random.default_rng(0)
    if kind == "uint8":
        return torch.from_numpy(generator.integers(0, 256, (n, 7, 5, 3), dtype=np.uint8))
    return torch.from_numpy(generator.random((n, 3, 7, 5))).to(getattr(torch, kind))


def labels(n=37):
    return torch.arange(n) % 4


def joined(split, batch_size):
    pairs = list(split.batches(batch_size))
    assert all(len(x) == len(y) <= batch_size for x, y in pairs)
    return tuple(torch.cat([pair[i] for pair in pairs]) for i in (0, 1))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("kind", ["uint8", "float32", "float64"])
@pytest.mark.parametrize("batch_size", [1, 8, 37, 100])
def test_resident_or_not_bit_for_bit(kind, dtype, batch_size):
    split = tensor_split(images(kind), labels(), RGB, of=37)
    resident, passing = split.on(CPU, dtype, float("inf")), split.on(CPU, dtype, 0)
    assert resident.resident and not passing.resident

    def read(size):
        return zip(images(kind).split(size), labels().split(size), strict=True)

    streamed = StreamSplit(read, 37, 37, "", RGB).on(CPU, dtype, 0)
    wanted = joined(resident, batch_size)
    assert wanted[0].dtype == dtype and wanted[0].shape == (37, 3, 7, 5)
    for other in (passing, streamed):
        found = joined(other, batch_size)
        assert all(torch.equal(a, b) for a, b in zip(found, wanted, strict=True))


def test_more_images_than_one_block_of_the_conversion(monkeypatch):
    import landscape.data.split as module

    monkeypatch.setattr(module, "BLOCK", 10)
    split = tensor_split(images("uint8"), labels(), RGB, of=37)
    found = joined(split.on(CPU, torch.float32, 1e9), 37)[0]
    assert torch.equal(found, RGB(images("uint8"), torch.float32))


def test_the_budget_is_compared_with_the_converted_size():
    split = tensor_split(images("uint8"), labels(), RGB, of=37)
    size = 37 * 7 * 5 * 3
    assert split.on(CPU, torch.float32, 4 * size).resident
    assert not split.on(CPU, torch.float32, 4 * size - 1).resident
    assert not split.on(CPU, torch.float64, 4 * size).resident


def test_every_pass_gives_the_same_batches():
    split = tensor_split(images("uint8"), labels(), RGB, of=37).on(CPU, torch.float32, 0)
    first, second = list(split.batches(10)), list(split.batches(10))
    assert [len(y) for _, y in first] == [10, 10, 10, 7]
    assert all(torch.equal(a[0], b[0]) and torch.equal(a[1], b[1]) for a, b in zip(first, second, strict=True))


def test_the_callers_tensors_are_left_alone():
    inputs, before = images("float32"), images("float32")
    split = tensor_split(inputs, labels(), PRESETS["none"], of=37).on(CPU, torch.float32, 1e9)
    next(split.batches(37))[0].add_(1)
    assert torch.equal(inputs, before)


def test_token_numbers_stay_integers():
    tokens = torch.arange(12).reshape(4, 3)
    split = tensor_split(tokens, tokens, PRESETS["none"], of=4).on(CPU, torch.float64, 1e9)
    assert next(split.batches(4))[0].dtype == torch.int64


def test_float_targets_follow_the_precision():
    split = tensor_split(images("float32"), torch.rand(37), PRESETS["none"], of=37)
    for budget in (0, 1e9):
        assert next(split.on(CPU, torch.float64, budget).batches(4))[1].dtype == torch.float64


def test_ready_made_batches_keep_their_form():
    from collections import namedtuple

    Pair = namedtuple("Pair", "a b")
    batch = {"ids": torch.arange(6).reshape(2, 3), "more": [torch.rand(2), Pair(torch.rand(2), None)], "name": "x"}
    split = BatchSplit([batch], 2, 2, "").on(CPU, torch.float64, 0)
    (found,) = split.batches(1)
    assert found["ids"].dtype == torch.int64 and found["more"][0].dtype == torch.float64
    assert isinstance(found["more"][1], Pair) and found["more"][1].b is None and found["name"] == "x"
    assert batch["more"][0].dtype == torch.float32
    assert batch_length(found) == 2 and split.nbytes == 6 * 8 + 2 * 8 + 2 * 8


def test_a_batch_without_tensors_has_no_length():
    with pytest.raises(DataError, match="has no tensor in it"):
        batch_length({"text": "abc"})


def test_moved_copies_nothing_that_is_there_already():
    tensor = torch.rand(3)
    assert to_device(tensor, CPU, torch.float32) is tensor


def test_fingerprint_changes_with_any_value_shape_or_type():
    base = torch.arange(6)
    other = base.clone()
    other[3] = 7
    marks = {
        fingerprint_of(tensors)
        for tensors in ((base,), (other,), (base.reshape(2, 3),), (base.int(),), (base, base), (base.flip(0),), ())
    }
    assert len(marks) == 7
    assert fingerprint_of((base.reshape(2, 3).t(),)) == fingerprint_of((base.reshape(2, 3).t().contiguous(),))
    assert fingerprint_of((torch.ones(3, dtype=torch.bfloat16),)) != fingerprint_of((torch.ones(3).half(),))
