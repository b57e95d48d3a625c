"""Every form in which a net is found on disk gives the same tensors under the same names."""

import argparse
import json
import pathlib

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from landscape.checkpoint.checkpoint import READERS, Checkpoint, load_checkpoint
from landscape.errors import CheckpointError


def same(found, wanted):
    assert list(found) == list(wanted)
    for name, tensor in wanted.items():
        assert found[name].dtype == tensor.dtype and torch.equal(found[name], tensor), name


def prefixed(state, prefix):
    return {prefix + name: tensor for name, tensor in state.items()}


@pytest.fixture
def state(cnn):
    return dict(cnn().state_dict())


WRAPPED = {
    "bare": lambda s: s,
    "state_dict": lambda s: {"state_dict": s, "best_prec1": 91.7, "epoch": 3},
    "model": lambda s: {"model": s, "args": argparse.Namespace(lr=0.1, out=pathlib.PurePosixPath("/x"))},
    "model_state_dict": lambda s: {"epoch": 3, "model_state_dict": s, "loss": 0.1},
    "optimizer beside": lambda s: {"model": s, "optimizer": {"state": {0: {"exp_avg": torch.ones(2)}}, "groups": []}},
    "nested": lambda s: {"state_dict": {"model": s, "optimizer": {"lr": 0.1}}},
    "numpy beside": lambda s: {"net": s, "acc": np.float64(0.9), "n": np.int64(3), "curve": np.arange(3.0)},
    "DataParallel": lambda s: {"state_dict": prefixed(s, "module.")},
    "compiled": lambda s: prefixed(s, "_orig_mod."),
    "DataParallel of compiled": lambda s: prefixed(s, "module._orig_mod."),
    "compiled DataParallel": lambda s: prefixed(s, "_orig_mod.module."),
    "a compiled part": lambda s: {name.replace("3.", "3._orig_mod.", 1): t for name, t in s.items()},
}


@pytest.mark.parametrize("form", WRAPPED)
@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "old-style"])
def test_torch_files(form, zipped, state, tmp_path):
    path = tmp_path / "net.pt"
    torch.save(WRAPPED[form](state), path, _use_new_zipfile_serialization=zipped)
    same(load_checkpoint(path).state_dict, state)


@pytest.mark.parametrize("suffix", [suffix for suffix in READERS if suffix != ".safetensors"])
def test_suffixes_of_torch_files(suffix, state, tmp_path):
    path = tmp_path / f"net{suffix.upper()}"
    torch.save(state, path)
    same(load_checkpoint(path).state_dict, state)


def test_numpy_values_named_as_numpy_1_names_them(state, tmp_path):
    """`best_acc` of a file written before 2024 is a `numpy.core.multiarray.scalar`."""
    path = tmp_path / "net.pt"
    content = {"state_dict": state, "best_acc": np.float64(0.9), "curve": np.arange(3.0)}
    torch.save(content, path, _use_new_zipfile_serialization=False)
    bytes_now = path.read_bytes()
    assert b"numpy._core.multiarray" in bytes_now or b"numpy.core.multiarray" in bytes_now
    path.write_bytes(bytes_now.replace(b"cnumpy._core.multiarray", b"cnumpy.core.multiarray"))
    same(load_checkpoint(path).state_dict, state)


def test_order_and_names_of_the_file_are_kept(tmp_path):
    path = tmp_path / "net.pt"
    torch.save({"z": torch.zeros(1), "a": torch.ones(2)}, path)
    assert list(load_checkpoint(path).state_dict) == ["z", "a"]


def test_module_prefix_stays_when_it_is_a_layer_of_the_net(tmp_path):
    path = tmp_path / "net.pt"
    torch.save({"module.weight": torch.zeros(1), "head.weight": torch.ones(2)}, path)
    assert list(load_checkpoint(path).state_dict) == ["module.weight", "head.weight"]


def test_safetensors(state, tmp_path):
    path = tmp_path / "net.safetensors"
    save_file(prefixed(state, "module."), path, {"landscape": json.dumps({"model": "resnet20"})})
    found = load_checkpoint(path)
    assert found.meta == {"model": "resnet20"}
    same(dict(sorted(found.state_dict.items())), dict(sorted(state.items())))
    for foreign in ("not json", '"a text"'):
        save_file(state, path, {"landscape": foreign, "format": "pt"})
        assert load_checkpoint(path).meta == {}


def test_folder_with_one_safetensors_file(state, tmp_path):
    save_file(state, tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text("{}")
    assert load_checkpoint(tmp_path).state_dict.keys() == state.keys()


@pytest.fixture
def sharded(state, tmp_path):
    names = list(state)
    shards = {"model-00001-of-00002.safetensors": names[::2], "model-00002-of-00002.safetensors": names[1::2]}
    for file, part in shards.items():
        save_file({name: state[name] for name in part}, tmp_path / file)
    weight_map = {name: file for name in names for file, part in shards.items() if name in part}
    index = tmp_path / "model.safetensors.index.json"
    index.write_text(json.dumps({"metadata": {"total_size": 1}, "weight_map": weight_map}))
    return tmp_path


def test_sharded_folder(sharded, state):
    same(load_checkpoint(sharded).state_dict, state)


def test_sharded_folder_with_a_missing_shard_or_tensor(sharded, state):
    shard = sharded / "model-00002-of-00002.safetensors"
    content = shard.read_bytes()
    shard.unlink()
    with pytest.raises(CheckpointError, match="names missing shards model-00002-of-00002.safetensors"):
        load_checkpoint(sharded)
    shard.write_bytes(content[:-5])
    with pytest.raises(CheckpointError, match="model-00002.*truncated or not a safetensors file"):
        load_checkpoint(sharded)
    save_file({"other": torch.zeros(1)}, shard)
    with pytest.raises(CheckpointError, match=f"its shards lack {list(state)[1]}"):
        load_checkpoint(sharded)


@pytest.mark.parametrize("text", ["{}", "[]", "not json", '{"weight_map": 3}', '{"weight_map": {}}'])
def test_folder_with_a_useless_index(text, tmp_path):
    (tmp_path / "model.safetensors.index.json").write_text(text)
    with pytest.raises(CheckpointError) as raised:
        load_checkpoint(tmp_path)
    assert "\n" not in str(raised.value)


def test_metadata(tmp_path):
    path = tmp_path / "net.pt"
    stored = {"state_dict": {"w": torch.zeros(1)}, "epoch": 7, "landscape": {"model": "vgg9", "data": "digits"}}
    torch.save(stored, path)
    assert load_checkpoint(path).meta == {"model": "vgg9", "data": "digits", "epoch": 7}


def test_sha256_is_of_every_byte(state, tmp_path):
    path = tmp_path / "net.pt"
    torch.save(state, path)
    first = load_checkpoint(path).sha256
    assert first == load_checkpoint(path).sha256 and len(first) == 64
    state["0.weight"].view(-1)[0] += 1
    torch.save(state, path)
    assert load_checkpoint(path).sha256 != first


def test_a_checkpoint_made_in_memory_is_known_by_its_tensors(state):
    """Else a run with other weights would be taken for the same run."""
    marks = [Checkpoint(dict(state)).sha256]
    state["0.weight"] = state["0.weight"] + 1
    marks.append(Checkpoint(dict(state)).sha256)
    state["0.weight"] = state["0.weight"].double()
    marks.append(Checkpoint(dict(state)).sha256)
    assert len(set(marks)) == 3 and marks[2] == Checkpoint(dict(state)).sha256 and all(len(m) == 64 for m in marks)


def test_a_path_from_the_home_folder(state, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    torch.save(state, tmp_path / "net.pt")
    same(load_checkpoint("~/net.pt").state_dict, state)


def test_a_checkpoint_of_the_original(original):
    found = load_checkpoint(original.folder / "checkpoint.th")
    assert list(found.state_dict)[:2] == ["conv1.weight", "bn1.weight"]
    assert found.state_dict["linear.weight"].shape == (10, 64)
