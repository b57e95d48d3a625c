"""Pixels are normalized as the net was trained, wherever they come from; what comes ready is left alone."""

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

import landscape as ll
from landscape.data.load import load_splits

PIXELS = np.random.default_rng(0).integers(0, 256, (12, 6, 5, 3), dtype=np.uint8)
LABELS = np.arange(12) % 3
BYTES, CLASSES = torch.from_numpy(PIXELS), torch.from_numpy(LABELS)


def preset(data, **options) -> str:
    loaded = load_splits(data, recorded="li2018", **options)
    assert loaded.provenance["normalize"] == loaded.splits["train"].normalize.name
    return loaded.provenance["normalize"]


@pytest.fixture
def files(tmp_path):
    np.savez(tmp_path / "data.npz", images=PIXELS, labels=LABELS)
    return f"npz:{tmp_path / 'data.npz'}"


def test_of_files(files, tmp_path):
    from PIL import Image

    (tmp_path / "pictures" / "a").mkdir(parents=True)
    Image.fromarray(PIXELS[0]).save(tmp_path / "pictures" / "a" / "0.png")
    assert preset(files) == preset(f"folder:{tmp_path / 'pictures'}") == "li2018"
    assert preset(files, normalize="imagenet") == "imagenet" and preset(files, normalize="none") == "none"


def test_of_bytes_of_a_user():
    pairs = TensorDataset(BYTES, CLASSES)
    for data in ((BYTES, CLASSES), pairs, DataLoader(pairs, batch_size=5)):
        assert preset(data) == "li2018"
    assert preset(pairs, budget=1) == "li2018"  # streamed
    assert preset((BYTES, CLASSES), normalize="none") == "none"


def test_not_of_what_comes_ready():
    assert preset((torch.rand(12, 3, 6, 5), CLASSES)) == "none"
    assert preset((torch.zeros(12, 7), CLASSES)) == "none"


def test_a_run_that_names_its_data_once_more_is_the_same_run(files, tmp_path):
    """`--data` beside a checkpoint that records both gave another loss once, as the normalization was dropped."""
    (tmp_path / "net.py").write_text(
        "from torch import nn\n\ndef build():\n    return nn.Sequential(nn.Flatten(), nn.Linear(90, 3))\n"
    )
    own = {"threads": 1, "quiet": True}
    model = f"{tmp_path / 'net.py'}:build"
    ll.train(model, data=files, normalize="cifar10", epochs=1, out=tmp_path / "run", **own)

    def loss(**given) -> float:
        where = {"x": (0, 1, 2), "trust": [str(tmp_path / "net.py")], "overwrite": True, "out": tmp_path / "line.h5"}
        return ll.line(tmp_path / "run" / "final.pt", **where, **own, **given).values["train_loss"][0]

    assert loss() == loss(data=files) == loss(data=(BYTES, CLASSES)) != loss(data=files, normalize="none")
