"""The embedded digits: sizes, constants, and that both parts come from the published set."""

import numpy as np
import pytest

from landscape.data.digits import MEAN, STD, read_digits
from landscape.errors import UsageError


def test_shapes_and_types():
    for split, number in (("train", 1438), ("test", 359)):
        images, labels = read_digits(split)
        assert images.shape == (number, 8, 8, 1) and images.dtype == np.uint8
        assert labels.shape == (number,) and labels.dtype == np.int64
        assert images.max() == 240 and images.min() == 0 and not (images % 15).any()


def test_constants_are_those_of_the_training_pixels():
    pixels = read_digits("train")[0] / 255
    assert pytest.approx([pixels.mean()], abs=1e-6) == list(MEAN)
    assert pytest.approx([pixels.std()], abs=1e-6) == list(STD)


def test_every_class_has_the_same_share():
    train, test = (np.bincount(read_digits(split)[1], minlength=10) for split in ("train", "test"))
    assert np.abs(test / (train + test) - 0.2).max() < 0.01


def test_the_parts_are_disjoint_and_together_the_published_set():
    sklearn = pytest.importorskip("sklearn.datasets").load_digits()
    published = sorted(
        (image.astype(np.uint8) * 15).tobytes() + bytes([label])
        for image, label in zip(sklearn.images, sklearn.target, strict=True)
    )
    ours = sorted(
        image.tobytes() + bytes([label])
        for split in ("train", "test")
        for image, label in zip(*read_digits(split), strict=True)
    )
    assert ours == published


def test_another_split_is_a_usage_error():
    with pytest.raises(UsageError, match="split 'validation'"):
        read_digits("validation")
