"""Checkpoints that lead out of their folder, never end, or would fill the memory are refused in one line."""

import json
import os
import zipfile
from pathlib import Path

import pytest
import torch

from landscape.checkpoint.checkpoint import load_checkpoint
from landscape.errors import CheckpointError


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def refused(path, message):
    with pytest.raises(CheckpointError, match=message) as raised:
        load_checkpoint(path)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    "shard", ["../outside.safetensors", "/tmp/outside.safetensors", "a/../../outside.safetensors", "..", "", 3]
)
def test_an_index_names_files_beside_it_and_nothing_else(shard):
    from safetensors.torch import save_file

    save_file({"w": torch.zeros(2)}, "outside.safetensors")
    Path("net").mkdir()
    Path("net/model.safetensors.index.json").write_text(json.dumps({"weight_map": {"w": shard}}))
    refused("net", "as a shard, expected a file beside the index")


def test_pipes_and_devices_are_not_opened():
    Path("net").mkdir()
    for name in ("a.pt", "a.safetensors", "net/model.safetensors.index.json"):
        os.mkfifo(name)
    refused("a.pt", "is a pipe, expected a regular file")
    refused("a.safetensors", "is a pipe, expected a regular file")
    refused("net", "is a pipe, expected a regular file")
    Path("net/model.safetensors.index.json").unlink()
    Path("net/model.safetensors.index.json").write_text(json.dumps({"weight_map": {"w": "one"}}))
    Path("net/one").symlink_to("/dev/zero")
    refused("net", "one: is a device, expected a regular file")


def test_what_is_declared_is_compared_with_the_size_of_the_file():
    torch.save({"w": torch.zeros(1).expand(10**6, 10**6)}, "wide.pt")
    refused("wide.pt", r"declares tensors of 4e\+03 GB, more than a file of its size can hold")
    torch.save({"w": torch.zeros(3)}, "good.pt")
    with zipfile.ZipFile("good.pt") as good, zipfile.ZipFile("bomb.pt", "w", zipfile.ZIP_DEFLATED) as bomb:
        for name in good.namelist():
            bomb.writestr(name, b"\0" * 150_000_000 if name.endswith("/data/0") else good.read(name), compresslevel=1)
    refused("bomb.pt", "declares more than a file of its size can hold")


def test_metadata_that_unfold_without_end():
    lists = ["lol"] * 10
    for _ in range(12):
        lists = [lists] * 10
    deep = []
    for _ in range(100):
        deep = [deep]
    for meta, message in ((lists, "more than 3,000,000 entries"), ({"a": deep}, "nested too deep")):
        torch.save({"state_dict": {"w": torch.zeros(3)}, "landscape": meta}, "net.pt")
        refused("net.pt", f"what it holds beside tensors is {message}")
    torch.save({"state_dict": {"w": torch.zeros(3)}, "landscape": {"a": 10**600, (1, 2): {3: -(10**30)}}}, "net.pt")
    assert load_checkpoint("net.pt").meta == {"a": float("inf"), "(1, 2)": {"3": -1e30}}
