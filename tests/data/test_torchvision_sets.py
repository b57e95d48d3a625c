"""Data sets of torchvision: read from `--data-root`; what is not there is one line. Nothing is downloaded in tests."""

import pickle

import numpy as np
import pytest
from torchvision import datasets

from landscape.data.load import load_splits
from landscape.data.sources import TORCHVISION
from landscape.errors import DataError


@pytest.mark.parametrize("name", TORCHVISION)
def test_not_there(name, tmp_path):
    with pytest.raises(
        DataError, match=f"data '{name}': not found or damaged in .*; add --download, or name"
    ) as raised:
        load_splits(name, data_root=str(tmp_path))
    assert "\n" not in str(raised.value)


def test_a_failing_download(tmp_path, monkeypatch):
    def fails(*_, **__):
        raise RuntimeError("no\nnetwork")

    monkeypatch.setattr(datasets.CIFAR10, "download", fails)
    with pytest.raises(DataError, match="data 'cifar10': download into .* failed .no.") as raised:
        load_splits("cifar10", data_root=str(tmp_path), download=True)
    assert "\n" not in str(raised.value)


def test_cifar10_as_torchvision_keeps_it(tmp_path, monkeypatch):
    """Two made-up batches in its file format; the check sums are of the true ones, so that check is left out."""
    pixels = np.random.default_rng(0).integers(0, 256, (6, 3072), dtype=np.uint8)
    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    for name in ("data_batch_1", "test_batch"):
        (folder / name).write_bytes(pickle.dumps({"data": pixels, "labels": [0, 1, 2, 3, 4, 9]}))
    (folder / "batches.meta").write_bytes(pickle.dumps({"label_names": list("abcdefghij")}))
    monkeypatch.setattr(datasets.CIFAR10, "train_list", [["data_batch_1", ""]])
    monkeypatch.setattr(datasets.CIFAR10, "_check_integrity", lambda self: True)
    monkeypatch.setattr("torchvision.datasets.cifar.check_integrity", lambda *_: True)
    found = load_splits("cifar10", split=("train", "test"), data_root=str(tmp_path))
    split = found.splits["train"]
    assert np.array_equal(split.inputs.numpy(), pixels.reshape(6, 3, 32, 32).transpose(0, 2, 3, 1))
    assert split.targets.tolist() == [0, 1, 2, 3, 4, 9] and split.normalize.name == "cifar10"
