"""The batches a net is trained on: their order, their crops and flips, their wrong labels, their size."""

import numpy as np
import pytest
import torch

from landscape.data.load import load_splits
from landscape.errors import UsageError
from landscape.training.loader import TensorLoader, downsampled, with_label_noise

CPU = {"device": torch.device("cpu"), "dtype": torch.float32}
SIDE = 8


def loader_of(images, labels, *, batch_size=16, normalize=None, **options) -> TensorLoader:
    split = load_splits((images, labels), normalize=normalize).splits["train"]
    return TensorLoader(split, batch_size, **{"augment": (), "label_noise": 0.0, "seed": 0, **CPU, **options})


@pytest.fixture
def coded():
    """Images whose pixels say where they were: channel 0 the row, 1 the column (from 1), 2 the image; label = image."""
    count = 60
    rows, columns = np.meshgrid(np.arange(1, SIDE + 1), np.arange(1, SIDE + 1), indexing="ij")
    one = np.stack([rows, columns, np.zeros_like(rows)], -1)
    images = np.repeat(one[None], count, 0)
    images[..., 2] = np.arange(count)[:, None, None]
    return torch.from_numpy(images.astype(np.uint8)), torch.arange(count)


def test_an_epoch_shows_each_sample_at_most_once_and_the_next_one_has_another_order(coded):
    loader = loader_of(*coded)
    assert loader.steps == 60 // 16
    epochs = [torch.cat([loader.batch(epoch * loader.steps + k)[1] for k in range(loader.steps)]) for epoch in (0, 1)]
    for labels in epochs:
        assert len(set(labels.tolist())) == loader.steps * 16
    assert not torch.equal(*epochs)


def test_batches_are_a_function_of_seed_and_step(coded):
    options = {"augment": ("crop", "flip"), "label_noise": 0.3}
    first, again, other = (loader_of(*coded, seed=seed, **options) for seed in (3, 3, 4))
    for step in (7, 0, 5):  # in any order
        for a, b in zip(first.batch(step), again.batch(step), strict=True):
            assert torch.equal(a, b)
    assert not torch.equal(first.batch(0)[0], other.batch(0)[0])


def test_without_augmentation_images_are_the_normalized_ones(coded):
    images, labels = coded
    inputs, targets = loader_of(images, labels, normalize="cifar10").batch(2)
    mean, std = (torch.tensor(v).view(3, 1, 1) for v in ((0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)))
    wanted = (images[targets].permute(0, 3, 1, 2) / 255 - mean) / std
    torch.testing.assert_close(inputs, wanted)


def read_off(image):
    """(shift down, shift right, mirrored, number) of a coded image, from any pixel that is not margin; checks all."""
    rows, columns, number = (image[k].round().long() for k in range(3))
    inside = rows > 0
    y, x = (part[0] for part in torch.nonzero(inside, as_tuple=True))
    mirrored = bool((columns[inside].view(-1).diff() < 0).any() and columns[y, x] > columns[y, x + 1])
    down, edge = int(rows[y, x] - 1 - y), int(columns[y, x] - 1)
    right = edge - int(SIDE - 1 - x) if mirrored else edge - int(x)
    for i in range(SIDE):
        for j in range(SIDE):
            row, column = i + down, (SIDE - 1 - j if mirrored else j) + right
            kept = 0 <= row < SIDE and 0 <= column < SIDE
            assert (int(rows[i, j]), int(columns[i, j])) == ((row + 1, column + 1) if kept else (0, 0))
    return down, right, mirrored, int(number[inside][0])


def test_crops_and_flips_are_shifts_and_mirrorings_with_a_black_margin(coded):
    loader = loader_of(*coded, augment=("crop", "flip"))
    seen = set()
    for step in range(20 * loader.steps):
        inputs, targets = loader.batch(step)
        for image, target in zip((inputs * 255), targets, strict=True):
            down, right, mirrored, number = read_off(image)
            assert number == target
            seen.add((down, right, mirrored))
    # an eighth of 8 pixels is 1: nine shifts, each with and without a flip
    assert seen == {(down, right, flip) for down in (-1, 0, 1) for right in (-1, 0, 1) for flip in (False, True)}


@pytest.mark.parametrize("augment", [(), ("crop",), ("flip",), ("crop", "flip")])
def test_floats_are_augmented_as_bytes_are(coded, augment):
    images, labels = coded
    loaders = [loader_of(part, labels, augment=augment) for part in (images, images.permute(0, 3, 1, 2) / 255)]
    torch.testing.assert_close(*(loader.batch(1)[0] for loader in loaders))
    assert [loader.sides for loader in loaders] == [(SIDE, SIDE)] * 2


def test_label_noise_replaces_that_share_by_all_classes_alike():
    labels = torch.zeros(20_000, dtype=torch.long)
    labels[-1] = 3
    found = with_label_noise(labels, 0.4, seed=1)
    shares = torch.bincount(found[:-1], minlength=4) / len(labels)
    # of the 40 % replaced labels a quarter falls on each class; four standard errors are 0.012
    assert shares.tolist() == pytest.approx([0.7, 0.1, 0.1, 0.1], abs=0.014)
    assert torch.equal(found, with_label_noise(labels, 0.4, seed=1)) and not torch.equal(
        found, with_label_noise(labels, 0.4, seed=2)
    )
    assert torch.equal(with_label_noise(labels, 0.0, seed=1), labels)


def test_smaller_images_are_means_of_the_pixels_they_stand_for(coded):
    images = torch.rand(2, 3, 8, 8)
    assert torch.allclose(downsampled(images, 4)[:, :, 1, 2], images[:, :, 2:4, 4:6].mean((2, 3)))
    assert loader_of(*coded).batch(0, side=4)[0].shape == (16, 3, 4, 4)
    with pytest.raises(UsageError, match="progressive 8.*larger"):
        downsampled(images, 8)


def test_what_has_no_images_or_classes_is_refused():
    values, numbers = torch.rand(20, 5), torch.rand(20)
    with pytest.raises(UsageError, match=r"augment flip.*\(20, 5\)"):
        loader_of(values, numbers, augment=("flip",))
    with pytest.raises(UsageError, match=r"label-noise 0\.1.*class"):
        loader_of(values, numbers, label_noise=0.1)
