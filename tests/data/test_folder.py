"""`folder:PATH`: one sub-folder per class, decoded like torchvision's ImageFolder, kept in memory or streamed."""

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision import datasets, transforms

from landscape.data.load import load_splits
from landscape.data.split import StreamSplit, TensorSplit
from landscape.errors import DataError

CPU = torch.device("cpu")


def fill(folder, sizes, classes=("cat", "bird", "dog"), seed=0, mode="RGB", suffix="png"):
    """One image for each size in each class; sizes are (width, height)."""
    generator = np.random.default_rng(seed)
    for name in classes:
        (folder / name).mkdir(parents=True)
        for number, (width, height) in enumerate(sizes):
            shape = (height, width, 3) if mode == "RGB" else (height, width)
            pixels = generator.integers(0, 256, shape, dtype=np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{number}.{suffix}")
    return folder


def load(folder, split="train", **options):
    return load_splits(f"folder:{folder}", split=(split,), **options).splits[split]


def refused(folder, message, **options):
    with pytest.raises(DataError, match=message) as raised:
        split = load(folder, **options)
        list(split.batches(4))
    assert "\n" not in str(raised.value) and str(folder) in str(raised.value)


def torchvisions(folder, *steps):
    """What torchvision's ImageFolder yields: uint8 (N, H, W, C) and labels."""
    pairs = list(datasets.ImageFolder(folder, transforms.Compose([*steps, np.asarray])))
    return np.stack([image for image, _ in pairs]), np.array([label for _, label in pairs])


SAME, MANY = [(6, 5)] * 4, [(300, 230), (256, 400), (225, 224), (120, 90), (257, 1000)]


def test_images_of_one_size_are_taken_as_they_are(tmp_path):
    split = load(fill(tmp_path, SAME))
    images, labels = torchvisions(tmp_path)
    assert images.shape == (12, 5, 6, 3)
    assert np.array_equal(split.inputs.numpy(), images) and np.array_equal(split.targets.numpy(), labels)


def test_images_of_different_sizes_are_resized_and_cropped_as_torchvision_does(tmp_path):
    split = load(fill(tmp_path, MANY, classes=("a", "b")))
    images, labels = torchvisions(tmp_path, transforms.Resize(256), transforms.CenterCrop(224))
    assert split.inputs.shape == (10, 224, 224, 3)
    assert np.array_equal(split.inputs.numpy(), images) and np.array_equal(split.targets.numpy(), labels)


def test_grey_images_get_three_channels(tmp_path):
    assert load(fill(tmp_path, SAME, mode="L")).inputs.shape == (12, 5, 6, 3)


def test_train_and_test_folders(tmp_path):
    fill(tmp_path / "train", SAME)
    fill(tmp_path / "val", SAME[:2], seed=1)
    splits = load_splits(f"folder:{tmp_path}", split=("train", "test")).splits
    assert (splits["train"].size, splits["test"].size) == (12, 6)
    fill(tmp_path / "test", SAME[:1], seed=2)
    assert load(tmp_path, "test").size == 3  # before val


def test_a_flat_folder_is_the_training_split_only(tmp_path):
    fill(tmp_path, SAME)
    assert load(tmp_path).size == 12
    refused(tmp_path, "no test or val", split="test")


def test_a_folder_with_a_test_part_only_has_no_training_split(tmp_path):
    fill(tmp_path / "test", SAME)
    refused(tmp_path, "no train folder in it for split train")


def test_samples_reads_only_those(tmp_path):
    """An image that cannot be decoded does not matter unless it is drawn."""
    fill(tmp_path, SAME * 5)
    split = load(tmp_path, samples=7)
    assert (split.size, split.of) == (7, 60)
    images, labels = torchvisions(tmp_path)
    from landscape.data.load import subset

    taken = subset(60, 7)
    assert np.array_equal(split.inputs.numpy(), images[taken]) and np.array_equal(split.targets.numpy(), labels[taken])
    files = [file for file, _ in datasets.ImageFolder(tmp_path).samples]
    for number in set(range(60)) - set(taken.tolist()):
        with open(files[number], "wb") as stream:
            stream.write(b"not an image")
    assert load(tmp_path, samples=7).fingerprint == split.fingerprint


@pytest.mark.parametrize("sizes", [SAME, MANY], ids=["one size", "cropped"])
@pytest.mark.parametrize("batch_size", [1, 4, 100])
def test_streamed_when_it_does_not_fit_bit_for_bit(sizes, batch_size, tmp_path):
    fill(tmp_path, sizes, classes=("a", "b"))
    kept, streamed = load(tmp_path), load(tmp_path, budget=100.0)
    assert isinstance(kept, TensorSplit) and isinstance(streamed, StreamSplit)
    assert (streamed.size, streamed.of, streamed.nbytes) == (kept.size, kept.of, 0)
    assert streamed.fingerprint == kept.fingerprint, "a run could not be continued on a machine with less memory"
    kept, streamed = (split.on(CPU, torch.float32, 1e9) for split in (kept, streamed))
    for _ in range(2):
        pairs = list(zip(kept.batches(batch_size), streamed.batches(batch_size), strict=True))
        assert all(torch.equal(a[i], b[i]) for a, b in pairs for i in (0, 1))


def test_the_decoded_size_decides(tmp_path):
    fill(tmp_path, SAME)
    size = 12 * 6 * 5 * 3
    assert isinstance(load(tmp_path, budget=float(size)), TensorSplit)
    assert isinstance(load(tmp_path, budget=size - 1.0), StreamSplit)


def test_streaming_normalizes_too(tmp_path):
    fill(tmp_path, SAME)
    kept, streamed = (load(tmp_path, budget=b, normalize="imagenet").on(CPU, torch.float64, 1e9) for b in (1e9, 0.0))
    assert torch.equal(next(kept.batches(12))[0], next(streamed.batches(12))[0])


def test_a_stream_may_be_left_half_read(tmp_path):
    fill(tmp_path, SAME)
    split = load(tmp_path, budget=0.0).on(CPU, torch.float32, 0)
    first = next(iter(split.batches(2)))[0]
    assert torch.equal(next(iter(split.batches(2)))[0], first)


def test_fingerprint_is_of_the_content_and_not_of_the_place(tmp_path):
    mark = load(fill(tmp_path / "a", SAME)).fingerprint
    assert load(fill(tmp_path / "b", SAME)).fingerprint == mark
    assert load(fill(tmp_path / "c", SAME, seed=1)).fingerprint != mark
    (tmp_path / "b" / "dog" / "0.png").rename(tmp_path / "b" / "cat" / "9.png")
    assert load(tmp_path / "b").fingerprint != mark


@pytest.mark.parametrize("budget", [1e9, 0.0], ids=["kept", "streamed"])
def test_an_unreadable_image_is_named(budget, tmp_path):
    fill(tmp_path, SAME)
    bad = tmp_path / "dog" / "2.png"
    whole = bad.read_bytes()
    # no image, and images that begin well: PIL raises another type for each
    for content in (b"text", b"", whole[:-30], whole[:60] + bytes(len(whole) - 60)):
        bad.write_bytes(content)
        refused(tmp_path, f"image {bad}: cannot be decoded", budget=budget)


def test_folders_that_hold_no_images(tmp_path):
    refused(tmp_path / "none", "no such folder")
    refused(tmp_path, "expected one sub-folder per class with images in each")
    (tmp_path / "cat").mkdir()
    refused(tmp_path, "expected one sub-folder per class with images in each")
    (tmp_path / "cat" / "readme.txt").write_text("no image")
    refused(tmp_path, "expected one sub-folder per class with images in each")


def test_one_class_without_images(tmp_path):
    fill(tmp_path, SAME)
    (tmp_path / "empty").mkdir()
    refused(tmp_path, "expected one sub-folder per class with images in each .*empty")
