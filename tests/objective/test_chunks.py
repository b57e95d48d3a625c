"""A point divided among processes has the value it has in one: bit for bit, however its chunks are grouped."""

import random

import pytest
import torch

from landscape.data.normalize import PRESETS
from landscape.data.split import BatchSplit, StreamSplit, tensor_split
from landscape.objective.chunks import MAX_CHUNKS, divide


def pieces(chunks, draw):
    """The numbers 0 .. chunks - 1 cut at random places."""
    cuts = sorted(draw.sample(range(1, chunks), draw.randint(1, chunks - 1)))
    return list(zip([0, *cuts], [*cuts, chunks], strict=True))


@pytest.mark.parametrize("l2", [None, 0.01])
@pytest.mark.parametrize("precision", ["fp32", "fp64"])
def test_any_grouping_gives_the_same_bits(cnn, images, objective, l2, precision):
    data = {"train": images, "test": (images[0][:9] * 2, images[1][:9])}
    options = {"batch_size": 2, "l2": l2, "precision": precision}
    whole = objective(cnn(), data, **options).evaluate()
    workers = [objective(cnn(), data, **options) for _ in range(3)]
    assert workers[0].chunks == 12 + 5
    draw = random.Random(0)
    for _ in range(10):
        parts = pieces(17, draw)
        # in any order, by anyone
        done = {
            first: draw.choice(workers).sums(first, lambda chunk, last=last: last)
            for first, last in draw.sample(parts, len(parts))
        }
        assert workers[0].join([chunk for first, _ in parts for chunk in done[first]]) == whole


def test_a_part_may_shrink_while_it_is_done(cnn, images, objective):
    task = objective(cnn(), images, batch_size=2)
    asked = []

    def end(chunk):
        asked.append(chunk)
        return 10 if chunk < 6 else 7

    shrunk = task.sums(4, end)
    assert asked == [4, 5, 6, 7]
    assert len(shrunk) == 3
    rest = task.sums(7, lambda chunk: 12)
    assert task.join([*task.sums(0, lambda chunk: 4), *shrunk, *rest]) == task.evaluate()


def test_chunks_cover_all_batches_once_and_are_as_long_as_each_other():
    draw = random.Random(0)
    for _ in range(200):
        counts = {name: draw.randint(1, 700) for name in ("train", "test", "more")[: draw.randint(1, 3)]}
        chunks = divide(counts)
        assert len(chunks) <= MAX_CHUNKS
        batches = [(split, k) for chunk in chunks for split, first, last in chunk for k in range(first, last)]
        assert batches == [(split, k) for split, count in counts.items() for k in range(count)]
        lengths = [sum(last - first for _, first, last in chunk) for chunk in chunks]
        assert set(lengths[:-1]) <= {lengths[0]} and lengths[-1] <= lengths[0]


def test_what_cannot_be_divided_is_one_chunk_and_says_why(cnn, images, objective):
    recomputing = objective(cnn(), images, batchnorm="recompute", batch_size=2)
    assert recomputing.chunks == 1
    assert recomputing.indivisible.startswith("batchnorm recompute")
    divided = objective(cnn(), images, batch_size=2)
    assert divided.indivisible is None
    streamed = divided.view(splits={"train": StreamSplit(lambda size: iter([images]), 23, 23, "")})
    assert "train data do not fit into memory" in streamed.indivisible
    assert streamed.chunks == 1
    assert divided.chunks == 12


def splits():
    inputs, targets = torch.arange(23.0)[:, None], torch.arange(23)
    pairs = list(zip(inputs.split(4), targets.split(4), strict=True))
    whole = tensor_split(inputs, targets, PRESETS["none"], of=23)
    resident = whole.on(torch.device("cpu"), torch.float32, 1e9)
    return [whole, resident, BatchSplit(pairs, 23, 23, ""), StreamSplit(lambda size: pairs, 23, 23, "")]


@pytest.mark.parametrize("split", splits(), ids=lambda split: type(split).__name__)
@pytest.mark.parametrize(("first", "last"), [(0, 1), (1, 4), (4, 6), (5, None), (0, None)])
def test_a_range_of_batches_is_that_of_all(split, first, last):
    everything = list(split.batches(4))
    assert split.count(4) in (len(everything), None)
    found = list(split.batches(4, first, last))
    assert [pair[1].tolist() for pair in found] == [pair[1].tolist() for pair in everything[first:last]]
