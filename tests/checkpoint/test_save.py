"""The checkpoints we write: they load as what was saved, and are written whole or not at all."""

import os

import pytest
import torch

from landscape.checkpoint.checkpoint import load_checkpoint
from landscape.checkpoint.save import save_checkpoint
from landscape.errors import CheckpointError
from tests import forked


def test_round_trip(cnn, tmp_path):
    meta = {"model": "resnet20", "data": "digits", "metrics": {"test_accuracy": 0.9}}
    save_checkpoint(tmp_path / "net.pt", cnn().state_dict(), meta)
    found = load_checkpoint(tmp_path / "net.pt")
    assert found.meta == meta
    assert all(torch.equal(found.state_dict[name], tensor) for name, tensor in cnn().state_dict().items())
    assert os.listdir(tmp_path) == ["net.pt"]


def test_missing_folder(cnn, tmp_path):
    with pytest.raises(CheckpointError, match="cannot write .*: No such file or directory"):
        save_checkpoint(tmp_path / "no" / "net.pt", cnn().state_dict(), {})


FULL = """
import resource, sys, torch
from landscape.checkpoint.save import save_checkpoint
from landscape.errors import CheckpointError
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
try:
    save_checkpoint(sys.argv[1], {"w": torch.ones(100_000)}, {})
except CheckpointError as error:
    print(error, file=sys.stderr)
"""


def test_full_disk_leaves_the_old_file(tmp_path):
    path = tmp_path / "net.pt"
    save_checkpoint(path, {"w": torch.zeros(3)}, {})
    before = path.read_bytes()
    _, said = forked.Started("-c", FULL, str(path)).end()
    assert said.startswith(f"cannot write {path}: ") and said.count("\n") == 1
    assert path.read_bytes() == before and os.listdir(tmp_path) == ["net.pt"]
