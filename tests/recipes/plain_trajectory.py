"""The nets of a run and their losses in plain torch."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from landscape.callables import resolve_callable


def images() -> tuple[torch.Tensor, torch.Tensor]:
    """As --normalize digits has them."""
    from landscape.data.normalize import parse_normalize

    stored = np.load("data.npz")
    pixels = torch.from_numpy(stored["images"]).permute(0, 3, 1, 2)
    return parse_normalize("digits")(pixels, torch.float64), torch.from_numpy(stored["labels"])


def state(number: int) -> dict:
    return torch.load(f"run/checkpoints/step_{number:07d}.pt", weights_only=True)["state_dict"]


def loss_of(tensors: dict) -> float:
    net = resolve_callable("net.py:build")().double().eval()
    net.load_state_dict({name: value.double() for name, value in tensors.items()})
    inputs, labels = images()
    with torch.no_grad():
        return float(nn.functional.cross_entropy(net(inputs), labels))


def weights(tensors: dict) -> np.ndarray:
    names = [name for name, _ in resolve_callable("net.py:build")().named_parameters()]
    return np.concatenate([tensors[name].double().numpy().ravel() for name in names])


def same_trails(one, other) -> bool:
    for name, trail in one.trails.items():
        there = other.trails[name]
        for field in ("x", "y", "step", "residual", "status"):
            np.testing.assert_array_equal(getattr(trail, field), getattr(there, field))
        for metric, values in trail.metrics.items():
            np.testing.assert_array_equal(values, there.metrics[metric])
        assert trail.nets == there.nets
    return one.trails.keys() == other.trails.keys()
