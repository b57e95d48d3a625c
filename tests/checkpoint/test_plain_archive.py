"""Plain archives of torch.save: the same objects as torch reads, and nothing of what is not plain."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from landscape.checkpoint import torch_file
from landscape.checkpoint.plain_archive import KINDS, NotPlain, read_plain
from landscape.errors import CheckpointError


def plain(path: Path) -> object:
    with zipfile.ZipFile(path) as archive:
        return read_plain(archive)


def check_same(one: object, other: object) -> None:
    assert type(one) is type(other)
    if isinstance(one, torch.Tensor):
        assert (one.dtype, one.stride(), one.requires_grad) == (other.dtype, other.stride(), other.requires_grad)
        assert torch.equal(one, other)
    elif isinstance(one, dict):
        assert list(one) == list(other) and getattr(one, "_metadata", 0) == getattr(other, "_metadata", 0)
        for key, value in one.items():
            check_same(value, other[key])
    elif isinstance(one, (list, tuple)):
        assert len(one) == len(other)
        for value, same in zip(one, other, strict=True):
            check_same(value, same)
    else:
        assert one == other


def run_of_lightning() -> dict:
    net = nn.Sequential(nn.Conv2d(1, 3, 2), nn.BatchNorm2d(3))
    optimizer = torch.optim.Adam(net.parameters())
    net(torch.ones(2, 1, 4, 4)).sum().backward()
    optimizer.step()
    about = {
        "epoch": 3,
        "step": 70_000,
        "big": 2**40,
        "low": -5,
        "rate": 1e-3,
        "names": ["a", "\u00e9"],
        "of": (1, 2),
        "x": None,
    }
    return {"state_dict": net.state_dict(), "optimizer": optimizer.state_dict(), **about, "flags": [True, False], 7: ()}


def views() -> dict:
    """Tensors of every dtype; two that share memory; transposed, empty, of no dimension, and with a gradient."""
    whole = torch.arange(12.0)
    kinds = {name: torch.tensor([[0, 1], [1, 1]]).to(dtype) for name, dtype in KINDS.items()}
    return {**kinds, "part": whole[2:8:2], "all": whole, "t": whole.view(3, 4).T, "no": whole[:0], "one": whole[3].clone(),
            "learns": torch.ones(2, requires_grad=True)}  # fmt: skip


@pytest.mark.parametrize("make", [run_of_lightning, views])
def test_plain_files_are_read_as_torch_reads_them(tmp_path, make):
    torch.save(make(), tmp_path / "net.pt")
    found = plain(tmp_path / "net.pt")
    check_same(found, torch.load(tmp_path / "net.pt", weights_only=True))
    if make is views:
        found["all"][2] = 9
        assert found["part"][0] == 9


@pytest.mark.parametrize(
    "make",
    [
        lambda: {"w": nn.Parameter(torch.ones(2))},
        lambda: {"w": torch.ones(2), "seen": np.float64(1.5)},
        lambda: {"w": torch.ones(2).to_sparse()},
        lambda: {"w": torch.ones(2), "where": Path("a")},
    ],
)
def test_what_is_not_plain_is_left_to_torch(tmp_path, make):
    torch.save(make(), tmp_path / "net.pt")
    with pytest.raises(NotPlain):
        plain(tmp_path / "net.pt")
    assert isinstance(torch_file.read(tmp_path / "net.pt")[0]["w"], torch.Tensor)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"QK\x00K\x02K\x03\x86", b"QK\x00K\x09K\x03\x86"),  # a shape beyond its storage
        (b"QK\x00K\x02", b"QK\x07K\x02"),  # an offset beyond it
        (b"cpuq\x06K\x06", b"cpuq\x06K\x60"),  # a storage of more numbers than bytes
        (b"torch._utils\n_rebuild_tensor_v2", b"torch._tools\n_rebuild_tensor_v2"),  # another name
    ],
)
def test_files_that_lie_are_refused(tmp_path, old, new):
    path = tmp_path / "net.pt"
    torch.save({"w": torch.arange(6.0).view(2, 3)}, path)
    content = path.read_bytes()
    assert content.count(old) == 1
    path.write_bytes(content.replace(old, new))
    with pytest.raises(NotPlain):
        plain(path)
    with pytest.raises(CheckpointError):
        torch_file.read(path)


def test_a_file_that_is_replaced_or_written_over_while_it_is_read_gives_no_mixture(tmp_path):
    path, other = tmp_path / "net.pt", tmp_path / "other.pt"
    torch.save({"w": torch.ones(600)}, path)
    torch.save({"more": torch.zeros(9), "w": torch.full((600,), 2.0)}, other)
    with zipfile.ZipFile(path) as archive:
        written = other.read_bytes()
        other.replace(path)
        assert torch.equal(read_plain(archive)["w"], torch.ones(600))
    with zipfile.ZipFile(path) as archive:
        path.write_bytes(written[: len(written) // 2])
        with pytest.raises(NotPlain):
            read_plain(archive)
    path.write_bytes(written)
    with zipfile.ZipFile(path) as archive:
        path.write_bytes(bytes(len(written)))
        with pytest.raises(NotPlain):
            read_plain(archive)


def written_again(path: Path, change) -> None:
    """The archive of `path` with the (name, bytes) of its entries as `change` gives them."""
    with zipfile.ZipFile(path) as archive:
        entries = [(name, archive.read(name)) for name in archive.namelist()]
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in change(entries):
            archive.writestr(name, content)


@pytest.mark.parametrize(
    "change",
    [
        lambda entries: [each for each in entries if not each[0].endswith("/version")],
        lambda entries: [(name, b"999" if name.endswith("/version") else held) for name, held in entries],
        lambda entries: [(name, b"" if name.endswith("/byteorder") else held) for name, held in entries],
        lambda entries: [("first/of", b"another folder"), *entries],
    ],
)
def test_an_archive_that_torch_refuses_is_refused(tmp_path, change):
    path = tmp_path / "net.pt"
    torch.save({"w": torch.ones(2, dtype=torch.uint8)}, path)
    written_again(path, change)
    with pytest.raises((RuntimeError, ValueError)):
        torch.load(path, weights_only=True)
    with pytest.raises(CheckpointError):
        torch_file.read(path)


# Where in an entry of the directory the method is, the compressed size, and the attributes, whose bit 16 marks a folder.
@pytest.mark.parametrize(("place", "value"), [(10, zipfile.ZIP_DEFLATED), (10, 213), (20, 0), (38, 16)])
def test_an_entry_without_the_bytes_that_it_declares_is_refused(tmp_path, place, value):
    """torch.load returns memory that it never wrote for it, and no error."""
    path = tmp_path / "net.pt"
    torch.save({"w": torch.ones(2)}, path)
    content = bytearray(path.read_bytes())
    entry = content.rindex(b"net/data/0") - 46
    assert content[entry : entry + 4] == b"PK\1\2"
    content[entry + place] = value
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match="truncated"):
        torch_file.read(path)


KIND = b"ctorch\nByteStorage\n"
STORAGE = b"(X\7\0\0\0storage" + KIND + b"X\1\0\0\x000X\3\0\0\0cpuK\x02tQ"
BUILD, REST = b"ctorch._utils\n_rebuild_tensor_v2\n", b"K\0K\x02\x85K\x01\x85"
HOOKS = b"ccollections\nOrderedDict\n)R"
TENSOR = BUILD + b"(" + STORAGE + REST + b"\x89" + HOOKS + b"tR"


@pytest.mark.parametrize(
    "code",
    [
        KIND,
        STORAGE,
        b"}X\1\0\0\0w" + KIND + b"s",
        b"}X\1\0\0\0w" + STORAGE + b"s",
        b"](" + KIND + b"K\1\x86e",
        b"]" + BUILD + b"a",
        BUILD + b"(" + STORAGE + REST + b"K\0" + HOOKS + b"tR",  # a number for requires_grad
        b"]("
        + TENSOR
        + BUILD
        + b"("
        + STORAGE.replace(KIND, b")")
        + REST
        + b"\x89"
        + HOOKS
        + b"tRe",  # another kind, later
        BUILD + b"(" + TENSOR + REST + b"\x89" + HOOKS + b"tR",
    ],
)
def test_what_a_name_stands_for_is_no_value(tmp_path, code):
    """Kinds of storages, storages, and tensors for storages: torch reads other things there, or nothing."""
    path = tmp_path / "net.pt"
    torch.save({"w": torch.ones(2, dtype=torch.uint8)}, path)
    written_again(
        path, lambda entries: [(n, b"\x80\2" + code + b"." if n.endswith("data.pkl") else held) for n, held in entries]
    )
    with pytest.raises(NotPlain):
        plain(path)


def test_the_device_of_new_tensors_does_not_matter(tmp_path):
    torch.save(torch.empty(0), tmp_path / "net.pt")
    with torch.device("meta"):
        assert plain(tmp_path / "net.pt").device.type == "cpu"


def test_an_archive_that_is_changed_raises_nothing_else(tmp_path):
    torch.save(views(), tmp_path / "net.pt")
    content, chance = (tmp_path / "net.pt").read_bytes(), np.random.default_rng(0)
    start = content.index(b"}q")
    for place in chance.integers(start, start + 1500, 150):
        damaged = bytearray(content)
        damaged[place] = chance.integers(256)
        (tmp_path / "bad.pt").write_bytes(damaged)
        try:
            plain(tmp_path / "bad.pt")
        except NotPlain:
            continue
