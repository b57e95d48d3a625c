"""Small data and nets to train."""

from __future__ import annotations

import pytest
import torch
from torch import nn


@pytest.fixture
def images():
    """Makes {"train": (images, labels), "test": ...}: uint8 (n, 8, 8, 3) whose class shows in their brightness."""

    def make(count: int = 70, classes: int = 3) -> dict:
        chance = torch.Generator().manual_seed(1)

        def part(n: int):
            labels = torch.arange(n) % classes
            noise = torch.randint(0, 60, (n, 8, 8, 3), generator=chance)
            return (noise + 60 * labels[:, None, None, None]).to(torch.uint8), labels

        return {"train": part(count), "test": part(20)}

    return make


@pytest.fixture
def small():
    """Makes a convolutional net with batch norm and dropout for images of any size: small(seed)."""

    def make(seed: int = 0) -> nn.Module:
        torch.manual_seed(seed)
        return nn.Sequential(
            nn.Conv2d(3, 6, 3, padding=1, bias=False),
            nn.BatchNorm2d(6),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(2),
            nn.Flatten(),
            nn.Dropout(0.2),
            nn.Linear(24, 3),
        )

    return make
