"""The nets and the data of figure `lecture`, and the closed forms that its surfaces are compared with.

Usage: lecture_nets.py RUNS: writes the nets that span the planes of the two smallest ones, with weights (0, 0), (1, 0), (0, 1).

Owns: what is trained and evaluated. Nets with two weights are in float64, so that what is drawn is exact.
"""

from __future__ import annotations

import math
import sys
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

# Two samples at x = -1 and 1: where one neuron is active, the other is not, unless both weights have the same sign.
PAIR = ((-1.0, 1.0), (1.0, 2.0))
# A neuron that should learn y = 1.5 x + 0.5, and where its training begins.
SLOPE, OFFSET, POINTS, LINE_NOISE, LINE_START = 1.5, 0.5, 32, 0.6, (-1.6, 1.7)
# A noisy sine, sampled sparsely enough to be learned by heart; validated on as many samples as drawn from the same.
CURVE_POINTS, CURVE_NOISE, CURVE_WIDTH = 24, 0.3, 64
DEPTH, WIDTH = 20, 64
# The variance of a first weight times the number of inputs, in layers of as many outputs: Glorot and Bengio 2010, He et al. 2015,
# and the usual one of torch's nn.Linear, which is uniform there.
GAINS = {"glorot": 1.0, "he": 2.0, "torch": 1 / 3}


class TwoReLU(nn.Module):
    """f(x) = relu(w1 x) + relu(w2 x): two neurons side by side, their outputs added."""

    def __init__(self, first: float = 0.0, second: float = 0.0):
        super().__init__()
        self.w1 = nn.Parameter(torch.tensor([first], dtype=torch.float64))
        self.w2 = nn.Parameter(torch.tensor([second], dtype=torch.float64))

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.w1 * x) + torch.relu(self.w2 * x)


class Neuron(nn.Module):
    """f(x) = w x + b."""

    def __init__(self, w1: float = 0.0, w2: float = 0.0):
        super().__init__()
        self.w1 = nn.Parameter(torch.tensor([w1], dtype=torch.float64))
        self.w2 = nn.Parameter(torch.tensor([w2], dtype=torch.float64))

    def forward(self, x: Tensor) -> Tensor:
        return self.w1 * x + self.w2


def two_relu() -> nn.Module:
    return TwoReLU()


def from_mixed() -> nn.Module:
    """Begins where the neurons have different signs: from there descent reaches the minimum (2, -1)."""
    return TwoReLU(0.4, -2.2)


def from_positive() -> nn.Module:
    """Begins where both weights are positive: no neuron is active at x = -1, and none will be."""
    return TwoReLU(2.8, 1.4)


def from_negative() -> nn.Module:
    return TwoReLU(-2.0, -1.6)


def neuron() -> nn.Module:
    return Neuron(*LINE_START)


def pair() -> tuple[Tensor, Tensor]:
    return tuple(torch.tensor(values, dtype=torch.float64)[:, None] for values in PAIR)  # type: ignore[return-value]


def two_relu_loss(w1: np.ndarray, w2: np.ndarray) -> np.ndarray:
    """((p - 2)^2 + (q - 1)^2) / 2, with p the sum of the positive weights and q that of the negative ones' magnitudes."""
    p = np.maximum(w1, 0.0) + np.maximum(w2, 0.0)
    q = np.maximum(-w1, 0.0) + np.maximum(-w2, 0.0)
    return ((p - PAIR[1][1]) ** 2 + (q - PAIR[1][0]) ** 2) / 2


def line() -> tuple[Tensor, Tensor]:
    """32 samples with x from -1 to 2 and Gaussian noise."""
    chance = np.random.default_rng(3)
    x = chance.uniform(-1.0, 2.0, POINTS)
    y = SLOPE * x + OFFSET + LINE_NOISE * chance.standard_normal(POINTS)
    return torch.from_numpy(x)[:, None], torch.from_numpy(y)[:, None]


def line_loss(w1: np.ndarray, w2: np.ndarray) -> np.ndarray:
    """(w - w*)' H (w - w*) / 2 + the loss at the minimum w*, with H = 2 X'X / n."""
    hessian, best, least = line_facts()
    away = np.stack([w1 - best[0], w2 - best[1]], axis=-1)
    return least + np.einsum("...i,ij,...j", away, hessian, away) / 2


def line_facts() -> tuple[np.ndarray, np.ndarray, float]:
    """((2, 2) Hessian, (2,) minimum, loss there) of the neuron's mean squared error."""
    x, y = (values.numpy() for values in line())
    rows = np.hstack([x, np.ones_like(x)])
    best = np.linalg.lstsq(rows, y, rcond=None)[0]
    return 2 * rows.T @ rows / len(rows), best[:, 0], float(((rows @ best - y) ** 2).mean())


def wave(split: str = "train") -> tuple[Tensor, Tensor]:
    """A sine over two periods with Gaussian noise; `test` has the same places half way between, with noise of its own."""
    chance = np.random.default_rng({"train": 5, "test": 6}[split])
    x = np.linspace(-1.0, 1.0, CURVE_POINTS) if split == "train" else np.linspace(-0.96, 0.96, CURVE_POINTS)
    y = wave_without_noise(x) + CURVE_NOISE * chance.standard_normal(CURVE_POINTS)
    return torch.from_numpy(x).float()[:, None], torch.from_numpy(y).float()[:, None]


def wave_without_noise(x: np.ndarray) -> np.ndarray:
    return np.sin(math.pi * x)


def mlp() -> nn.Module:
    """Two hidden layers of 64 tanh units."""
    return nn.Sequential(
        nn.Linear(1, CURVE_WIDTH), nn.Tanh(), nn.Linear(CURVE_WIDTH, CURVE_WIDTH), nn.Tanh(), nn.Linear(CURVE_WIDTH, 1)
    )


def deep(unit: type[nn.Module], gain: float) -> nn.Module:
    """20 hidden layers of 64 units; weights of variance `gain` / inputs, biases 0."""
    hidden = [part for _ in range(DEPTH) for part in (nn.Linear(WIDTH, WIDTH), unit())]
    net = nn.Sequential(nn.Flatten(), *hidden, nn.Linear(WIDTH, 10))
    for part in net:
        if isinstance(part, nn.Linear):
            nn.init.normal_(part.weight, std=math.sqrt(gain / part.in_features))
            nn.init.zeros_(part.bias)
    return net


def relu_glorot() -> nn.Module:
    return deep(nn.ReLU, GAINS["glorot"])


def relu_he() -> nn.Module:
    return deep(nn.ReLU, GAINS["he"])


def relu_torch() -> nn.Module:
    return deep(nn.ReLU, GAINS["torch"])


def tanh_glorot() -> nn.Module:
    return deep(nn.Tanh, GAINS["glorot"])


def tanh_he() -> nn.Module:
    return deep(nn.Tanh, GAINS["he"])


def tanh_torch() -> nn.Module:
    return deep(nn.Tanh, GAINS["torch"])


def write_corners(runs: Path) -> None:
    """The nets with weights (0, 0), (1, 0) and (0, 1), which span the plane of all weights."""
    import landscape as ll

    for name, kind in (("two_relu", TwoReLU), ("neuron", Neuron)):
        (runs / name).mkdir(parents=True, exist_ok=True)
        for corner, weights in (("0", (0.0, 0.0)), ("w1", (1.0, 0.0)), ("w2", (0.0, 1.0))):
            ll.save_checkpoint(runs / name / f"{corner}.pt", kind(*weights).state_dict(), {})


if __name__ == "__main__":
    write_corners(Path(sys.argv[1]))
