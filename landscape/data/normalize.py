"""Normalization of images as in the training of the net.

Owns: the named presets, and the formula (pixel / 255 - mean) / std for resident and for streamed data.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from landscape.data import digits
from landscape.data.transfer import sent
from landscape.errors import DataError, UsageError

# Numbers of channels. In practice no image is this narrow, so they distinguish (N, C, H, W) from (N, H, W, C).
CHANNELS = (1, 3, 4)


@dataclass(frozen=True)
class Normalize:
    """Mean and standard deviation of each channel, for pixels scaled to 0..1."""

    name: str
    mean: tuple[float, ...]
    std: tuple[float, ...]

    def __call__(self, images: Tensor, dtype: torch.dtype) -> Tensor:
        """uint8 (N, H, W, C) or floats (N, C, H, W) -> (N, C, H, W) of `dtype`, contiguous.

        uint8 (N, C, H, W) is recognized by its number of channels.

        Raises:
            DataError: the images have another number of channels than the mean and standard deviation.
        """
        if images.dtype == torch.uint8:
            channels_first = images.shape[1] in CHANNELS and images.shape[3] not in CHANNELS
            images = (images if channels_first else images.permute(0, 3, 1, 2)).to(dtype).div(255)
        else:
            images = images.to(dtype)
        if self.name == "none":
            return images.contiguous()
        channels = images.shape[1]
        if len(self.mean) not in (1, channels):
            raise DataError(f"normalize '{self.name}' has {len(self.mean)} channels, the images have {channels}")
        mean, std = (sent(torch.tensor(v, dtype=dtype), images.device).view(1, -1, 1, 1) for v in (self.mean, self.std))
        return images.sub(mean).div(std).contiguous()


def is_images(inputs: Tensor) -> bool:
    """Whether inputs are images, to which `Normalize` applies: four dimensions, uint8 or floating point."""
    return inputs.ndim == 4 and (inputs.dtype == torch.uint8 or inputs.is_floating_point())


# cifar10, cifar100, mnist, svhn: published channel statistics of the training pixels; imagenet: torchvision's; li2018:
# the constants of the original program; digits: measured on the embedded set.
PRESETS = {
    "none": Normalize("none", (), ()),
    "digits": Normalize("digits", digits.MEAN, digits.STD),
    "cifar10": Normalize("cifar10", (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)),
    "cifar100": Normalize("cifar100", (0.5071, 0.4865, 0.4409), (0.2673, 0.2564, 0.2762)),
    "mnist": Normalize("mnist", (0.1307,), (0.3081,)),
    "fashionmnist": Normalize("fashionmnist", (0.2860,), (0.3530,)),
    "svhn": Normalize("svhn", (0.4377, 0.4438, 0.4728), (0.1980, 0.2010, 0.1970)),
    "imagenet": Normalize("imagenet", (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    "li2018": Normalize(
        "li2018",
        (125.3 / 255, 123.0 / 255, 113.9 / 255),
        (63.0 / 255, 62.1 / 255, 66.7 / 255),
    ),
}


def parse_normalize(spec: str | None, default: str = "none") -> Normalize:
    """A preset by name, or `mean,mean,mean/std,std,std`.

    Raises:
        UsageError: another form, or numbers that are not finite or not positive standard deviations.
    """
    spec = spec or default
    if spec in PRESETS:
        return PRESETS[spec]
    hint = (
        f"normalize '{spec}': expected one of {', '.join(PRESETS)}, or mean,mean,mean/std,std,std "
        "such as 0.5,0.5,0.5/0.2,0.2,0.2, or 0.5/0.2 for one channel"
    )
    try:
        mean, std = (tuple(float(part) for part in half.split(",")) for half in spec.split("/"))
    except ValueError:
        raise UsageError(hint) from None
    if len(mean) != len(std) or not all(math.isfinite(number) for number in mean + std) or min(std) <= 0:
        raise UsageError(hint + "; expected as many means as stds, all finite, and every std above 0")
    return Normalize(spec, mean, std)
