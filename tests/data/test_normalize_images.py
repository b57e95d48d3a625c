"""Pixels -> inputs: (pixel / 255 - mean) / std, compared with plain float64 numpy."""

import numpy as np
import pytest
import torch

from landscape.data.load import load_splits
from landscape.data.normalize import PRESETS, Normalize, parse_normalize
from landscape.errors import DataError, UsageError

RGB = Normalize("mine", (0.5, 0.4, 0.3), (0.2, 0.25, 0.5))


def pixels(*shape):
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def expected(images, mean, std):
    """uint8 (N, H, W, C) -> float64 (N, C, H, W)"""
    return ((images / 255 - np.array(mean)) / np.array(std)).transpose(0, 3, 1, 2)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_uint8(dtype):
    images = pixels(2, 5, 4, 3)
    found = RGB(torch.from_numpy(images), dtype)
    assert found.dtype == dtype and found.is_contiguous()
    tolerance = 1e-12 if dtype == torch.float64 else 1e-6
    assert np.allclose(found.numpy(), expected(images, RGB.mean, RGB.std), rtol=0, atol=tolerance)


def test_uint8_with_channels_first_is_known_by_its_channels():
    images = pixels(2, 5, 7, 3)
    first = np.ascontiguousarray(images.transpose(0, 3, 1, 2))
    assert torch.equal(RGB(torch.from_numpy(first), torch.float64), RGB(torch.from_numpy(images), torch.float64))


def test_floats_are_taken_as_pixels_between_0_and_1():
    images = pixels(2, 5, 4, 3)
    floats = torch.from_numpy(images / 255).permute(0, 3, 1, 2)
    assert np.allclose(RGB(floats, torch.float64).numpy(), expected(images, RGB.mean, RGB.std), atol=1e-12)


def test_one_number_serves_all_channels():
    images = pixels(2, 5, 4, 3)
    found = Normalize("mine", (0.5,), (0.2,))(torch.from_numpy(images), torch.float64)
    assert np.allclose(found.numpy(), expected(images, [0.5] * 3, [0.2] * 3), atol=1e-12)


def test_none_only_scales_to_one():
    images = pixels(2, 5, 4, 1)
    found = PRESETS["none"](torch.from_numpy(images), torch.float64)
    assert np.allclose(found.numpy(), images.transpose(0, 3, 1, 2) / 255, atol=1e-15)


def test_li2018_is_what_the_original_does():
    images = pixels(2, 5, 4, 3)
    found = PRESETS["li2018"](torch.from_numpy(images), torch.float64)
    theirs = (images.astype(float) - [125.3, 123.0, 113.9]) / [63.0, 62.1, 66.7]
    assert np.allclose(found.numpy(), theirs.transpose(0, 3, 1, 2), atol=1e-12)


def test_images_of_another_number_of_channels():
    with pytest.raises(DataError, match="normalize 'mine' has 3 channels, the images have 1"):
        RGB(torch.from_numpy(pixels(2, 5, 4, 1)), torch.float32)


def test_specs():
    assert parse_normalize(None).name == "none"
    assert parse_normalize(None, "cifar10").name == "cifar10"
    assert parse_normalize("imagenet", "cifar10").name == "imagenet"
    mine = parse_normalize("0.49,0.48,0.45/0.25,0.24,0.26")
    assert mine.mean == (0.49, 0.48, 0.45) and mine.std == (0.25, 0.24, 0.26)
    assert parse_normalize(".5/.2").mean == (0.5,)


@pytest.mark.parametrize(
    "spec",
    ["imgnet", "0.5,0.5", "0.5/0.2/0.1", "0.5,0.5/0.2", "a/b", "0.5/0", "0.5/-1", "nan/1", "0/inf", "/", "1,/1,1"],
)
def test_specs_that_cannot_be_meant(spec):
    with pytest.raises(UsageError, match="normalize '.*': expected one of none, digits, cifar10") as raised:
        parse_normalize(spec)
    assert "\n" not in str(raised.value)


def test_the_data_set_brings_its_own_unless_one_is_named():
    assert load_splits("digits").splits["train"].normalize.name == "digits"
    assert load_splits("digits", normalize="none").splits["train"].normalize.name == "none"


def test_normalize_for_what_is_no_image():
    data = (torch.ones(4, 6), torch.zeros(4, dtype=torch.int64))
    with pytest.raises(UsageError, match=r"normalize 'cifar10': applies to images.*\(4, 6\)"):
        load_splits(data, normalize="cifar10")
    with pytest.raises(UsageError, match="normalize 'cifar10': applies to batches"):
        load_splits([{"x": torch.ones(4)}], normalize="cifar10")
