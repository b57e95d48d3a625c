"""`npz:PATH`: images uint8 NHWC or float NCHW with labels; every fault is one line that names the file."""

import numpy as np
import pytest

from landscape.data.load import load_splits
from landscape.errors import DataError

IMAGES = np.random.default_rng(0).integers(0, 256, (12, 6, 5, 3), dtype=np.uint8)
LABELS = np.arange(12) % 3


@pytest.fixture
def write(tmp_path):
    def write(**arrays):
        np.savez(tmp_path / "data.npz", **arrays)
        return f"npz:{tmp_path / 'data.npz'}"

    return write


def refused(spec, message, **options):
    with pytest.raises(DataError, match=message) as raised:
        load_splits(spec, **options)
    assert "\n" not in str(raised.value) and spec in str(raised.value)


def test_uint8_and_float(write):
    split = load_splits(write(images=IMAGES, labels=LABELS)).splits["train"]
    assert np.array_equal(split.inputs.numpy(), IMAGES) and np.array_equal(split.targets.numpy(), LABELS)
    assert split.normalize.name == "none" and (split.size, split.of) == (12, 12)
    floats = IMAGES.transpose(0, 3, 1, 2) / 255
    split = load_splits(write(images=floats, labels=LABELS.astype(np.uint8))).splits["train"]
    assert np.array_equal(split.inputs.numpy(), floats) and str(split.targets.dtype) == "torch.int64"


def test_the_test_split_has_keys_of_its_own(write):
    spec = write(images=IMAGES, labels=LABELS, test_images=IMAGES[:5], test_labels=LABELS[:5])
    splits = load_splits(spec, split=("train", "test")).splits
    assert (splits["train"].size, splits["test"].size) == (12, 5)
    assert splits["train"].fingerprint != splits["test"].fingerprint


def test_samples(write):
    split = load_splits(write(images=IMAGES, labels=LABELS), samples=4).splits["train"]
    assert (split.size, split.of) == (4, 12)
    assert all(any(np.array_equal(image, other) for other in IMAGES) for image in split.inputs.numpy())


def test_missing_keys(write):
    refused(write(x=IMAGES, labels=LABELS), r"no 'images' in it for split train \(it has x, labels\)")
    refused(write(images=IMAGES), "no 'labels' in it")
    refused(write(images=IMAGES, labels=LABELS), "no 'test_images' in it for split test", split=("test",))
    refused(write(), r"\(it has nothing\)")


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        (
            {"images": IMAGES.astype(np.int64), "labels": LABELS},
            "images are int64; expected uint8 .N, H, W, C. or float",
        ),
        ({"images": IMAGES[..., 0], "labels": LABELS}, r"images have shape \(12, 6, 5\); expected \(N, H, W, C\)"),
        ({"images": IMAGES, "labels": LABELS[:-1]}, r"12 images and labels of shape \(11,\)"),
        ({"images": IMAGES, "labels": LABELS[:, None]}, r"labels of shape \(12, 1\); expected one label each"),
        ({"images": IMAGES, "labels": LABELS / 2}, "labels are float64; expected integers"),
        ({"images": IMAGES[:0], "labels": LABELS[:0]}, "is empty"),
        ({"images": np.array([None] * 12), "labels": LABELS}, "truncated or not an npz of plain arrays"),
    ],
)
def test_arrays_of_another_form(arrays, message, write):
    refused(write(**arrays), message)


def test_files_that_are_not_npz(tmp_path):
    path = tmp_path / "data.npz"
    refused(f"npz:{path}", "no such file")
    np.savez(path, images=IMAGES, labels=LABELS)
    whole = path.read_bytes()
    for content in (b"", b"text", whole[: len(whole) // 2], whole[:-10], whole[:200] + b"x" * 100 + whole[300:]):
        path.write_bytes(content)
        refused(f"npz:{path}", "truncated or not an npz of plain arrays")
    with path.open("wb") as stream:
        np.save(stream, IMAGES)
    refused(f"npz:{path}", "truncated or not an npz of plain arrays")
    refused(f"npz:{tmp_path}", "is a folder, expected a regular file")


def test_a_file_that_moved_is_the_same_data(write, tmp_path):
    from landscape.surfaces.same_run import difference

    spec = write(images=IMAGES, labels=LABELS)
    first = load_splits(spec).provenance
    moved = (tmp_path / "data.npz").rename(tmp_path / "other.npz")
    second = load_splits(f"npz:{moved}").provenance
    assert first != second and difference({"data": first}, {"data": second}) is None
    np.savez(moved, images=IMAGES[::-1], labels=LABELS)
    third = load_splits(f"npz:{moved}").provenance
    assert "fingerprint" in difference({"data": first}, {"data": third})
