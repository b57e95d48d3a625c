"""Files that are damaged, foreign, hostile or not there: one line that names the file, and nothing changed or run."""

import json
import os
import pickle
import stat
import warnings

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from landscape.checkpoint.checkpoint import load_checkpoint
from landscape.checkpoint.fit import fit
from landscape.errors import CheckpointError
from tests import forked


def refused(path, message):
    with pytest.raises(CheckpointError, match=message) as raised:
        load_checkpoint(path)
    text = str(raised.value)
    assert "\n" not in text and str(path) in text
    return text


class Hostile:
    """Unpickling it writes a file."""

    def __init__(self, target):
        self.target = str(target)

    def __reduce__(self):
        return (open, (self.target, "w"))


@pytest.fixture
def net():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2))


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "old-style"])
def test_code_in_a_pickle_is_refused_and_not_run(zipped, net, tmp_path):
    path, target = tmp_path / "net.pt", tmp_path / "written-by-the-pickle"
    content = {"state_dict": net.state_dict(), "extra": Hostile(target)}
    torch.save(content, path, _use_new_zipfile_serialization=zipped)
    text = refused(path, r"holds io\.open, not only tensors.*could run code")
    assert "torch.save(model.state_dict()" in text
    assert not target.exists()
    # the trap works: loading the file without the check runs it
    torch.load(path, weights_only=False)["extra"].close()
    assert target.exists()


def test_a_bare_pickle_is_not_run_either(tmp_path):
    path, target = tmp_path / "net.pt", tmp_path / "written-by-the-pickle"
    for protocol in (2, 4):
        path.write_bytes(pickle.dumps(Hostile(target), protocol=protocol))
        refused(path, "holds io.open|not a file of torch.save")
    assert not target.exists()


def test_a_pickled_module_is_refused_with_the_safe_way(net, tmp_path):
    torch.save(net, tmp_path / "net.pt")
    refused(tmp_path / "net.pt", r"holds torch\.nn\.modules\.\S+, not only tensors.*save the weights alone")


@pytest.mark.filterwarnings(
    "ignore:.*torch.jit:FutureWarning", "ignore:.*torch.jit:DeprecationWarning", "error::UserWarning"
)
def test_torchscript(net, tmp_path):
    torch.jit.script(net).save(str(tmp_path / "net.pt"))
    refused(tmp_path / "net.pt", "is a TorchScript program, not weights")


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "old-style"])
@pytest.mark.parametrize("keep", [3, 30, 0.3, 0.6, 0.9, -1])
def test_truncated_torch_file(zipped, keep, net, tmp_path):
    path = tmp_path / "net.pt"
    torch.save(net.state_dict(), path, _use_new_zipfile_serialization=zipped)
    whole = path.read_bytes()
    path.write_bytes(whole[: keep if isinstance(keep, int) else int(keep * len(whole))])
    refused(path, "truncated or not a file of torch.save|is not a file of torch.save")


@pytest.mark.parametrize("keep", [0, 4, 40, -1])
def test_truncated_safetensors(keep, net, tmp_path):
    path = tmp_path / "net.safetensors"
    save_file(net.state_dict(), path)
    path.write_bytes(path.read_bytes()[:keep])
    refused(path, "truncated or not a safetensors file" if keep else "is empty")


def test_files_that_are_something_else(tmp_path):
    path = tmp_path / "net.pt"
    for content, message in (
        (b"", r"is empty \(0 bytes\)"),
        (b"hello world", "is not a file of torch.save; it starts with b'hello world'"),
        (b"<html><body>404 not found</body></html>", "it starts with b'<html>"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", "Git LFS pointer.*git lfs pull"),
        (b"\0" * 1000, "is not a file of torch.save"),
        (pickle.dumps({"a": 1}), "not a file of torch.save"),
    ):
        path.write_bytes(content)
        refused(path, message)


def test_no_such_file_names_what_is_there(net, tmp_path):
    refused(tmp_path / "nte.pt", "no such file; .* holds no checkpoint")
    torch.save(net.state_dict(), tmp_path / "net.pt")
    refused(tmp_path / "nte.pt", "no such file; .* holds net.pt")
    refused(tmp_path / "away" / "net.pt", "the folder .* does not exist either")


def test_a_pointer_and_a_class_are_named_whatever_the_form(net, tmp_path):
    (tmp_path / "net.safetensors").write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")
    refused(tmp_path / "net.safetensors", "Git LFS pointer.*git lfs pull")
    torch.save({"state_dict": net.state_dict(), "when": np.datetime64("2026-01-01")}, tmp_path / "dated.pt")
    refused(tmp_path / "dated.pt", "holds numpy.*DateTime64.*, not only tensors")


@pytest.mark.parametrize("form", ["zip", "old", "safetensors"])
def test_a_file_whose_name_says_nothing_is_read_by_its_content(form, net, tmp_path):
    state, path = net.state_dict(), tmp_path / "weights"
    if form == "safetensors":
        save_file(state, path)
    else:
        torch.save(state, path, _use_new_zipfile_serialization=form == "zip")
    found = load_checkpoint(path).state_dict
    assert all(torch.equal(found[name], tensor) for name, tensor in state.items())


def test_weights_of_quantized_layers_are_named(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        quantized = torch.ao.quantization.quantize_dynamic(nn.Sequential(nn.Linear(3, 2)), {nn.Linear})
    torch.save(quantized.state_dict(), tmp_path / "net.pt")
    with pytest.raises(CheckpointError, match="its layers are quantized; give the net as it was before quantization"):
        fit(nn.Sequential(nn.Linear(3, 2)), load_checkpoint(tmp_path / "net.pt"), name="net")


def test_unknown_suffix_and_folder_without_weights(tmp_path):
    (tmp_path / "net.onnx").write_bytes(b"x")
    refused(tmp_path / "net.onnx", r"unknown suffix '.onnx'; expected one of \.pt, \.pth")
    refused(tmp_path, "holds neither model.safetensors nor a")


@pytest.mark.parametrize("stored", [{"epoch": 3, "args": {"lr": 0.1}}, [1, 2], torch.zeros(2), {}], ids=str)
def test_no_weights_inside(stored, tmp_path):
    torch.save(stored, tmp_path / "net.pt")
    refused(tmp_path / "net.pt", "no weights found; it holds|expected a state dict")


def test_reading_changes_nothing(net, tmp_path):
    """Works on files that may only be read, and leaves bytes, mode and time of change as they were."""
    paths = [tmp_path / "zip.pt", tmp_path / "old.pt", tmp_path / "net.safetensors", tmp_path / "hf"]
    torch.save(net.state_dict(), paths[0])
    torch.save(net.state_dict(), paths[1], _use_new_zipfile_serialization=False)
    save_file(net.state_dict(), paths[2])
    paths[3].mkdir()
    save_file(net.state_dict(), paths[3] / "part.safetensors")
    index = {"weight_map": dict.fromkeys(net.state_dict(), "part.safetensors")}
    (paths[3] / "model.safetensors.index.json").write_text(json.dumps(index))
    files = [file for file in tmp_path.rglob("*") if file.is_file()]
    for file in files:
        file.chmod(0o444)
    tmp_path.chmod(0o555)
    before = {file: (file.read_bytes(), file.stat().st_mtime_ns, stat.S_IMODE(file.stat().st_mode)) for file in files}
    try:
        for path in paths:
            load_checkpoint(path)
        assert {p for p in tmp_path.rglob("*") if p.is_file()} == set(files)
        for file, (content, changed, mode) in before.items():
            now = file.stat()
            assert (file.read_bytes(), now.st_mtime_ns, stat.S_IMODE(now.st_mode)) == (content, changed, mode)
    finally:
        tmp_path.chmod(0o755)


WITHOUT_WRITE = """
import builtins, os, sys
real = os.open
def guard(event, args):
    if event == "open" and isinstance(args[0], str) and args[0].startswith(sys.argv[1]):
        flags = args[2] or 0
        if (args[1] and set(args[1]) & set("wax+")) or flags & (os.O_WRONLY | os.O_RDWR):
            raise SystemExit(f"opened for writing: {args}")
sys.addaudithook(guard)
from landscape.checkpoint.checkpoint import load_checkpoint
load_checkpoint(sys.argv[1])
"""


def test_files_are_opened_for_reading_only(net, tmp_path):
    path = tmp_path / "net.pt"
    torch.save(net.state_dict(), path)
    status, said = forked.Started("-c", WITHOUT_WRITE, str(path)).end()
    assert status == 0, said


def test_a_file_that_may_not_be_read(net, tmp_path, monkeypatch):
    path = tmp_path / "net.pt"
    torch.save(net.state_dict(), path)
    if os.geteuid() == 0:  # root may read everything
        import pathlib

        def denied(self, *_, **__):
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(pathlib.Path, "open", denied)
    else:
        path.chmod(0)
    refused(path, r"cannot be opened \(Permission denied\)")
