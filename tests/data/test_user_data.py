"""A user's own data: tensors, Datasets, loaders, callables. Read once, and the same at every pass."""

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, Dataset, IterableDataset, TensorDataset

from landscape.data.load import load_splits, subset
from landscape.data.rows import RowsSplit
from landscape.data.split import BatchSplit, StreamSplit, TensorSplit
from landscape.errors import DataError, UsageError

CPU = torch.device("cpu")
INPUTS, TARGETS = torch.randn(23, 2, 3, 3, generator=torch.Generator().manual_seed(0)), torch.arange(23) % 3


class Plain:
    """A batch that holds a tensor and cannot be moved."""

    def __init__(self, x):
        self.x = x


def load(data, **options):
    return load_splits(data, **options).splits[options.get("split", ("train",))[0]]


def content(split, batch_size=7):
    pairs = list(split.on(CPU, torch.float32, 1e9).batches(batch_size))
    return tuple(torch.cat([pair[i] for pair in pairs]) for i in (0, 1))


def is_all(split):
    inputs, targets = content(split)
    assert torch.equal(inputs, INPUTS) and torch.equal(targets, TARGETS) and (split.size, split.of) == (23, 23)


@pytest.mark.parametrize(
    "data",
    [
        (INPUTS, TARGETS),
        [INPUTS, TARGETS],
        (INPUTS.numpy(), TARGETS.numpy()),
        TensorDataset(INPUTS, TARGETS),
        DataLoader(TensorDataset(INPUTS, TARGETS), batch_size=5),
        [(INPUTS[:10], TARGETS[:10]), (INPUTS[10:], TARGETS[10:])],
        {"train": (INPUTS, TARGETS)},
    ],
    ids=["pair", "list", "numpy", "Dataset", "DataLoader", "batches", "splits"],
)
def test_forms(data):
    is_all(load(data))
    assert isinstance(load(data), TensorSplit)


def test_a_generator_of_batches_is_read_once():
    is_all(load((INPUTS[i : i + 4], TARGETS[i : i + 4]) for i in range(0, 23, 4)))


class Stream(IterableDataset):
    def __iter__(self):
        return iter(zip(INPUTS, TARGETS, strict=True))


def test_an_iterable_dataset_yields_samples_not_batches():
    is_all(load(Stream()))


def test_a_shuffling_loader_is_read_once_and_the_same_at_every_pass():
    torch.manual_seed(0)
    split = load(DataLoader(TensorDataset(INPUTS, TARGETS), batch_size=5, shuffle=True))
    first, second = content(split), content(split, batch_size=23)
    assert torch.equal(first[0], second[0]) and torch.equal(first[1], second[1])
    assert not torch.equal(first[1], TARGETS), "the loader did not shuffle: the test shows nothing"
    assert torch.equal(first[1].sort().values, TARGETS.sort().values)


def test_splits_by_name():
    data = {"train": (INPUTS, TARGETS), "test": (INPUTS[:4], TARGETS[:4])}
    found = load_splits(data, split=("test", "train")).splits
    assert {name: split.size for name, split in found.items()} == {"test": 4, "train": 23}
    with pytest.raises(UsageError, match="split 'test': the data have only train"):
        load({"train": (INPUTS, TARGETS)}, split=("test",))
    with pytest.raises(UsageError, match="pass data={'train': ..., 'test': ...} for several"):
        load((INPUTS, TARGETS), split=("test",))


@pytest.mark.parametrize("kind", ["pair", "Dataset", "DataLoader"])
def test_samples(kind):
    data = {
        "pair": (INPUTS, TARGETS),
        "Dataset": TensorDataset(INPUTS, TARGETS),
        "DataLoader": DataLoader(TensorDataset(INPUTS, TARGETS), batch_size=5),
    }[kind]
    split, taken = load(data, samples=6), subset(23, 6)
    assert (split.size, split.of) == (6, 23)
    assert torch.equal(content(split)[0], INPUTS[taken])


def test_packed_sequences_count_once_each():
    parts = [torch.ones(length, 3) for length in (5, 4, 3)]
    batch = {"texts": torch.nn.utils.rnn.pack_sequence(parts), "labels": torch.arange(3)}
    split = load_splits([batch, batch]).splits["train"].on(torch.device("cpu"), torch.float64, float("inf"))
    first = next(split.batches(2))["texts"]
    assert split.size == 6 and first.data.dtype == torch.float64 and first.batch_sizes.tolist() == [3, 3, 3, 2, 1]


class Noisy(Dataset):
    def __len__(self):
        return 5

    def __getitem__(self, index):
        return torch.rand(3), index


@pytest.mark.parametrize("kind", ["Dataset", "loader", "callable"])
def test_random_numbers_drawn_while_reading_follow_from_a_seed(kind, tmp_path):
    def source():
        made = {"Dataset": Noisy(), "loader": DataLoader(Noisy(), batch_size=2, shuffle=True)}
        return made.get(kind, f"{tmp_path / 'noisy_data.py'}:load")

    (tmp_path / "noisy_data.py").write_text("import torch\ndef load():\n    return torch.rand(5, 3), torch.arange(5)\n")
    before = torch.get_rng_state()
    splits = [load_splits(source()).splits["train"] for _ in range(2)]
    assert splits[0].fingerprint == splits[1].fingerprint and splits[0].inputs.std() > 0
    assert torch.equal(torch.get_rng_state(), before)


class Tokens(Dataset):
    """Samples of another form than (input, target), as language models have."""

    def __len__(self):
        return 10

    def __getitem__(self, i):
        return {"ids": torch.arange(4) + i, "weight": torch.tensor(float(i))}


@pytest.mark.parametrize("budget", [1e9, 0.0], ids=["kept", "streamed"])
def test_a_dataset_of_other_samples_follows_the_batch_size(budget):
    split = load(Tokens(), samples=7, budget=budget).on(CPU, torch.float64, 1e9)
    for batch_size in (1, 3, 7):
        batches = list(split.batches(batch_size))
        assert all(len(batch["ids"]) <= batch_size for batch in batches)
        assert torch.cat([batch["ids"] for batch in batches])[:, 0].tolist() == subset(10, 7).tolist()
        assert batches[0]["weight"].dtype == torch.float64
    assert (split.size, split.of) == (7, 10)


def test_batches_of_another_form_are_kept_as_they_are():
    batches = [{"ids": torch.ones(3, 4)}, {"ids": torch.ones(2, 5)}]
    split = load(batches)
    assert isinstance(split, BatchSplit) and split.size == 5
    assert [len(batch["ids"]) for batch in split.batches(1)] == [3, 2]
    with pytest.raises(UsageError, match="these batches cannot be sampled"):
        load(batches, samples=2)


def test_samples_of_batches_of_one_form_can_be_picked():
    """The user's batches stay; a few samples come in batches of his size."""
    ids = torch.arange(28).reshape(7, 4)
    batches = [{"ids": part, "more": (part[:, 0].double(),)} for part in ids.split(3)]
    split = load(batches)
    assert isinstance(split, RowsSplit) and split.size == 7 and split.targets is None
    given = [batch["ids"].tolist() for batch in split.batches(1)]
    assert given == [part.tolist() for part in ids.split(3)]
    taken = split.take(torch.tensor([5, 0]))
    assert taken["ids"].tolist() == ids[[5, 0]].tolist() and taken["more"][0].tolist() == [20.0, 0.0]
    few = load(batches, samples=5)
    assert [len(batch["ids"]) for batch in few.batches(1)] == [3, 2] and (few.size, few.of) == (5, 7)
    assert torch.cat([batch["ids"] for batch in few.batches(1)]).tolist() == ids[subset(7, 5)].tolist()
    assert few.fingerprint != split.fingerprint


def test_pairs_whose_inputs_differ_in_length_stay_batches():
    batches = [(torch.ones(2, 5), torch.ones(2)), (torch.ones(2, 7), torch.ones(2))]
    split = load(batches)
    assert isinstance(split, BatchSplit) and split.size == 4


def test_a_dataset_that_does_not_fit_is_streamed_bit_for_bit():
    kept, streamed = load(TensorDataset(INPUTS, TARGETS)), load(TensorDataset(INPUTS, TARGETS), budget=50.0)
    assert isinstance(streamed, StreamSplit)
    for batch_size in (1, 5, 100):
        assert all(
            torch.equal(a, b) for a, b in zip(content(kept, batch_size), content(streamed, batch_size), strict=True)
        )


class Augmented(Dataset):
    def __len__(self):
        return 23

    def __getitem__(self, i):
        return INPUTS[i] + torch.rand(()), TARGETS[i]


def test_random_augmentation_is_frozen_when_kept_and_refused_when_streamed():
    split = load(Augmented())
    assert torch.equal(content(split)[0], content(split)[0])
    with pytest.raises(DataError, match="different values each time they are read"):
        load(Augmented(), budget=50.0)


class Broken(Dataset):
    def __len__(self):
        return 3

    def __getitem__(self, i):
        raise OSError("disk\nis gone")


@pytest.mark.parametrize(
    ("data", "error", "message"),
    [
        ((INPUTS, TARGETS[:-1]), DataError, "23 inputs and 22 targets; expected one target for each input"),
        ((INPUTS[:0], TARGETS[:0]), DataError, "the data are empty; expected at least one sample"),
        ([], DataError, "the data are empty; expected at least one batch"),
        (TensorDataset(INPUTS[:0], TARGETS[:0]), DataError, "the data are empty; expected at least one sample"),
        (Broken(), DataError, r"reading the data failed \(OSError: disk is gone\)"),
        (17, DataError, "data of type int: expected .inputs, targets., a Dataset, a DataLoader"),
        ({"a": INPUTS}, DataError, "splits are named train and test"),
        ([DataLoader(TensorDataset(INPUTS))], DataError, "the data are DataLoaders; expected batches"),
        ([("text", "more")], DataError, "has no tensor in it"),
        ([Plain(torch.zeros(3, 2))], DataError, r"type Plain holds tensors in attributes \(x\) and has no method `to`"),
    ],
)
def test_data_of_no_use(data, error, message):
    with pytest.raises(error, match=message) as raised:
        load(data)
    assert "\n" not in str(raised.value)


CALLABLES = """
import torch
X, Y = torch.ones(4, 3), torch.zeros(4, dtype=torch.int64)
def pair(): return X, Y
def both(split): return (X, Y) if split == "train" else (X[:1], Y[:1])
def fails(): raise KeyError("no\\nsuch")
def nothing(): return None
def parts(): return {"train": (X, Y), "test": (X[:3], Y[:3])}
def drawn():
    order = torch.randperm(4)
    return {"train": (X[order[:2]], order[:2]), "test": (X[order[2:]], order[2:])}
def kept(): return {"test": (X[:3], Y[:3])}
"""


def test_callables(tmp_path):
    file = tmp_path / "mydata.py"
    file.write_text(CALLABLES)
    assert load(f"{file}:pair").size == 4
    assert load(f"{file}:both", split=("test",)).size == 1
    assert (load(f"{file}:parts").size, load(f"{file}:parts", split=("test",)).size) == (4, 3)
    both = load_splits(f"{file}:drawn", split=("train", "test")).splits  # called once, or the splits would overlap
    assert sorted(torch.cat([both[name].targets for name in both]).tolist()) == [0, 1, 2, 3]
    with pytest.raises(UsageError, match="split 'train': the data have only test"):
        load(f"{file}:kept")
    for name, message in (
        ("pair", "no split test, because pair has no parameter 'split' and returns no {'train': ..., 'test': ...}"),
        ("fails", "calling it failed .KeyError"),
    ):
        with pytest.raises(DataError, match=message):
            load(f"{file}:{name}", split=("test",))
    with pytest.raises(DataError, match="calling it failed .KeyError") as raised:
        load(f"{file}:fails")
    assert "\n" not in str(raised.value)
    with pytest.raises(DataError, match="data of type NoneType"):
        load(f"{file}:nothing")


def test_numpy_integers_of_any_width_are_labels():
    split = load((INPUTS.numpy(), TARGETS.numpy().astype(np.int32)))
    assert split.targets.dtype == torch.int32 and split.size == 23
