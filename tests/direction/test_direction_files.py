"""Direction files, ours and the original's: read as written, checked entry by entry, never changed."""

import os

import h5py
import numpy as np
import pytest
import torch
from torch import nn

from landscape.direction.direction import Direction, fingerprint
from landscape.direction.files import read_directions, write_directions
from landscape.direction.random import gaussian
from landscape.errors import LandscapeError
from landscape.layout import Layout
from tests import forked


@pytest.fixture
def net(cnn):
    return cnn()


def drawn(net, state="weights"):
    tensors = Layout.of(net, state=state).tensors(net)
    return [Direction(gaussian(tensors, seed=0, axis=axis), {"kind": "random", "seed": 0}) for axis in (0, 1)]


def write_original(path, net, *, states=False, counters=False, groups=("xdirection", "ydirection")):
    """As the original's h5_util.write_list does: data sets "0", "1", ... of a list of tensors."""
    named = net.state_dict().items() if states else net.named_parameters()
    kept = [(name, t) for name, t in named if counters or not name.endswith("num_batches_tracked")]
    generator = np.random.default_rng(0)
    written = []
    with h5py.File(path, "w") as file:
        for group in groups:
            arrays = [generator.normal(size=tuple(tensor.shape)).astype(np.float32) for _, tensor in kept]
            for number, array in enumerate(arrays):
                file.create_dataset(f"{group}/{number}", data=array)
            written.append({name: array for (name, _), array in zip(kept, arrays, strict=True)})
    return written


def read(path, net, ndim=2, state="weights"):
    return read_directions(path, net, Layout.of(net, state=state), ndim=ndim)


def refused(path, net, message, ndim=2):
    before = path.read_bytes() if path.is_file() else None
    with pytest.raises(LandscapeError, match=message) as raised:
        read(path, net, ndim)
    assert "\n" not in str(raised.value) and str(path) in str(raised.value)
    if before is not None:
        assert path.read_bytes() == before, "an input file was changed"


@pytest.mark.parametrize("state", ["weights", "states"])
def test_ours_round_trip(state, net, tmp_path):
    path, written = tmp_path / "d.h5", drawn(net, state)
    write_directions(path, written)
    assert fingerprint(read(path, net, state=state)) == fingerprint(written)
    assert os.listdir(tmp_path) == ["d.h5"]


def test_half_and_double_precision_round_trip(net, tmp_path):
    for dtype in (torch.bfloat16, torch.float16, torch.float64):
        written = [Direction({k: t.to(dtype) for k, t in d.vector.items()}) for d in drawn(net)]
        write_directions(tmp_path / "d.h5", written)
        for found, wanted in zip(read(tmp_path / "d.h5", net), written, strict=True):
            assert all(torch.equal(found.vector[k], t.to(found.vector[k].dtype)) for k, t in wanted.vector.items())


def test_a_line_needs_the_first_direction_only(net, tmp_path):
    write_directions(tmp_path / "d.h5", drawn(net)[:1])
    assert len(read(tmp_path / "d.h5", net, ndim=1)) == 1
    refused(tmp_path / "d.h5", net, r"no group 'y' in it \(it has x\); 2 directions needed")


def test_the_originals_parameters_come_in_the_order_of_the_net(net, tmp_path):
    """With more than ten entries, which HDF5 lists as 0, 1, 10, 11, 2."""
    net = nn.Sequential(net, nn.Linear(3, 3), nn.Linear(3, 3))
    written = write_original(tmp_path / "d.h5", net)
    assert len(written[0]) > 10
    for found, wanted in zip(read(tmp_path / "d.h5", net), written, strict=True):
        assert found.vector.keys() == wanted.keys()
        assert all(np.array_equal(found.vector[name].numpy(), array) for name, array in wanted.items())


@pytest.mark.parametrize("counters", [False, True], ids=["torch 0.4", "torch now"])
def test_the_originals_states_come_in_the_order_of_the_state_dict(counters, net, tmp_path):
    written = write_original(tmp_path / "d.h5", net, states=True, counters=counters)
    for state in ("states", "weights"):
        layout = Layout.of(net, state=state)
        for found, wanted in zip(read(tmp_path / "d.h5", net, state=state), written, strict=True):
            assert set(found.vector) == set(layout.names)
            assert all(np.array_equal(t.numpy(), wanted[name]) for name, t in found.vector.items())


def test_a_direction_of_parameters_leaves_the_statistics_where_they_are(net, tmp_path):
    write_original(tmp_path / "d.h5", net)
    (x, _) = read(tmp_path / "d.h5", net, state="states")
    assert not any("running" in name for name in x.vector)


def test_a_file_of_the_original(original):
    from landscape.models.zoo import build_zoo

    net = build_zoo("resnet20_a")
    x, y = read(original.folder / "directions.h5", net)
    with h5py.File(original.folder / "directions.h5", "r") as file:
        for direction, group in ((x, "xdirection"), (y, "ydirection")):
            for number, name in enumerate(dict(net.named_parameters())):
                assert np.array_equal(direction.vector[name].numpy(), file[f"{group}/{number}"][()]), name


def test_directions_of_another_net(net, mlp, tmp_path):
    write_original(tmp_path / "li.h5", net)
    refused(tmp_path / "li.h5", mlp(), "another net: 9 tensors in it, 6 parameters and 6 states in the model")
    write_directions(tmp_path / "ours.h5", drawn(net))
    refused(tmp_path / "ours.h5", mlp(), "another net: (0.weight is float32 of shape|it has no 2.weight)")
    wider = nn.Sequential(*net[:-1], nn.Linear(20, 4))
    refused(tmp_path / "li.h5", wider, r"entry 7, 7.weight is float32 of shape \(3, 20\) in it, \(4, 20\) in the model")
    refused(tmp_path / "ours.h5", wider, r"7.weight is float32 of shape \(3, 20\) in it, \(4, 20\) in the model")
    refused(tmp_path / "ours.h5", nn.Sequential(*net, nn.Linear(3, 2)), "it has no 8.weight")
    refused(tmp_path / "ours.h5", net[:-1], r"this one has no 7\.(weight|bias)")


def test_a_missing_group_is_an_error_and_the_file_is_left_alone(net, tmp_path):
    """The original opens such a file for writing and truncates it."""
    write_original(tmp_path / "d.h5", net, groups=("xdirection",))
    refused(tmp_path / "d.h5", net, "no group 'ydirection' in it .it has xdirection.; 2 directions needed")
    with h5py.File(tmp_path / "flat.h5", "w") as file:
        file["xdirection"], file["ydirection"] = np.ones(3), np.ones(3)
    refused(tmp_path / "flat.h5", net, "no group 'xdirection'")


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_values_that_are_not_numbers(bad, net, tmp_path):
    write_original(tmp_path / "d.h5", net)
    with h5py.File(tmp_path / "d.h5", "r+") as file:
        file["ydirection/3"][0] = bad
    refused(tmp_path / "d.h5", net, "entry 3, 3.weight holds NaN or inf")


def test_data_sets_that_are_not_numbered_or_not_numeric(net, tmp_path):
    with h5py.File(tmp_path / "d.h5", "w") as file:
        for name in net.state_dict():
            file[f"xdirection/{name}"] = np.zeros(1)
    refused(tmp_path / "d.h5", net, "no '0' among them", ndim=1)
    write_directions(tmp_path / "d.h5", drawn(net))
    with h5py.File(tmp_path / "d.h5", "r+") as file:
        del file["x/1.bias"]
        file["x/1.bias"] = [b"a"] * 4
    refused(tmp_path / "d.h5", net, "1.bias is .* of shape")


def test_missing_truncated_and_foreign_files(net, tmp_path):
    refused(tmp_path / "none.h5", net, "no such file")
    write_original(tmp_path / "d.h5", net)
    whole = (tmp_path / "d.h5").read_bytes()
    for content in (b"", b"text", whole[: len(whole) // 2], whole[:-100]):
        (tmp_path / "d.h5").write_bytes(content)
        refused(tmp_path / "d.h5", net, "truncated or damaged|is not HDF5")
    with h5py.File(tmp_path / "d.h5", "w"):
        pass
    refused(tmp_path / "d.h5", net, r"no group 'xdirection' in it \(it has nothing\)")


def test_files_that_may_only_be_read(net, tmp_path):
    write_original(tmp_path / "d.h5", net)
    (tmp_path / "d.h5").chmod(0o444)
    before = (tmp_path / "d.h5").stat().st_mtime_ns
    read(tmp_path / "d.h5", net)
    assert (tmp_path / "d.h5").stat().st_mtime_ns == before


def test_writing_into_a_missing_folder(net, tmp_path):
    with pytest.raises(LandscapeError, match="cannot write .*no/d.h5: .*(No such file|unable to)"):
        write_directions(tmp_path / "no" / "d.h5", drawn(net))


FULL = """
import resource, sys, torch
from landscape.direction.direction import Direction
from landscape.direction.files import write_directions
from landscape.errors import LandscapeError
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
try:
    write_directions(sys.argv[1], [Direction({"w": torch.ones(100_000)})])
except LandscapeError as error:
    print(error, file=sys.stderr)
"""


def test_full_disk_leaves_the_old_file(net, tmp_path):
    path = tmp_path / "d.h5"
    write_directions(path, drawn(net))
    before = path.read_bytes()
    _, said = forked.Started("-c", FULL, str(path)).end()
    assert said.startswith(f"cannot write {path}: ") and said.count("\n") == 1
    assert path.read_bytes() == before and os.listdir(tmp_path) == ["d.h5"]
