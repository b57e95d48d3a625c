"""Ends of Hessians against dense ones: an end that is reported as settled is the end, within the error stated beside it.

Owns: twelve small nets along rows of random planes, ten kinds of made spectra, their dense eigenvalues in float64
by plain torch and numpy, and the count of ends that are off. Searches run in float32, as those of maps do.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call

TOLERANCE, SMALL = 0.01, 1e-3
SPECTRUM_SIZE, SAMPLES = 400, 96


class Convolutions(nn.Module):
    """A few blocks with or without shortcuts and batch norm."""

    def __init__(self, skip: bool, norm: bool, blocks: int, width: int = 4):
        super().__init__()
        self.stem, self.skip, self.out = nn.Conv2d(1, width, 3, 2, 1), skip, nn.Linear(width, 10)
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.Conv2d(width, width, 3, 1, 1), nn.BatchNorm2d(width) if norm else nn.Identity())
            for _ in range(blocks)
        )

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.stem(x))
        for block in self.blocks:
            moved = torch.relu(block(x))
            x = x + moved if self.skip else moved
        return self.out(x.mean((2, 3)))


class Attention(nn.Module):
    """One head over the rows of an image."""

    def __init__(self, width: int = 6):
        super().__init__()
        self.into, self.heads, self.norm = nn.Linear(8, width), nn.Linear(width, 3 * width), nn.LayerNorm(width)
        self.out = nn.Linear(width, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.into(x.squeeze(1))
        q, k, v = self.heads(x).chunk(3, dim=2)
        return self.out(self.norm(x + torch.softmax(q @ k.mT, dim=-1) @ v).mean(1))


def layers(activation: type[nn.Module], width: int, deep: int) -> nn.Module:
    inner = [part for _ in range(deep) for part in (nn.Linear(width, width), activation())]
    return nn.Sequential(nn.Flatten(), nn.Linear(64, width), activation(), *inner, nn.Linear(width, 10))


# (a net, steps of training)
NETS: dict[str, tuple[Callable[[], nn.Module], int]] = {
    "tanh": (lambda: layers(nn.Tanh, 8, 1), 300),
    "relu": (lambda: layers(nn.ReLU, 8, 1), 300),
    "untrained": (lambda: layers(nn.GELU, 8, 3), 0),
    "half trained": (lambda: layers(nn.Tanh, 9, 1), 60),
    "deep relu": (lambda: layers(nn.ReLU, 8, 5), 300),
    "linear (convex)": (lambda: nn.Sequential(nn.Flatten(), nn.Linear(64, 10)), 300),
    "deep linear": (lambda: layers(nn.Identity, 6, 2), 300),
    "attention": (Attention, 500),
    "convolutions, batch norm": (lambda: Convolutions(False, True, 2), 300),
    "shortcuts, batch norm": (lambda: Convolutions(True, True, 3), 300),
    "deep, no shortcuts": (lambda: Convolutions(False, True, 5), 300),
    "shortcuts, no norm": (lambda: Convolutions(True, False, 2), 300),
}


def spectrum(kind: str, draw: np.random.Generator) -> np.ndarray:
    values = 0.02 * draw.standard_normal(SPECTRUM_SIZE)
    if kind == "few":
        values[:5], values[-5:] = -draw.uniform(0.2, 2, 5), draw.uniform(2, 50, 5)
    elif kind == "second within 5 %":
        values[:6], values[-4:] = -(1 - 0.05 * draw.random(6)), 30 * (1 - 0.05 * draw.random(4))
    elif kind == "nearly degenerate":
        values[:4], values[-3:] = -1 - draw.uniform(0, 5e-3, 4), 20 + draw.uniform(0, 2e-3, 3)
    elif kind == "degenerate":
        values[:3], values[-3:] = -1, 8
    elif kind == "crowded below":
        values[:40], values[-6:] = -np.linspace(1, 0.6, 40) * draw.uniform(0.98, 1.02, 40), draw.uniform(5, 60, 6)
    elif kind == "one negative":
        values = np.abs(values)
        values[0], values[-20:] = -0.5, np.geomspace(1, 200, 20)
    elif kind in ("positive definite", "negative definite"):
        values = np.geomspace(1e-4, 10, SPECTRUM_SIZE) * draw.uniform(0.9, 1.1, SPECTRUM_SIZE)
        values *= -1 if kind == "negative definite" else 1
    elif kind == "dense ends":
        values = 2 * np.cos(np.pi * (np.arange(SPECTRUM_SIZE) + 0.5) / SPECTRUM_SIZE)
    else:
        values[-10:] = np.geomspace(0.1, 10, 10)
        values[:-10] *= 1e-3
    return values


SPECTRA = (
    "few", "second within 5 %", "nearly degenerate", "degenerate", "crowded below", "one negative", "positive definite",
    "negative definite", "dense ends", "nothing below zero",
)  # fmt: skip


def of_spectra(kind: str, points: int, seed: int) -> Iterator[np.ndarray]:
    draw = np.random.default_rng([seed, SPECTRA.index(kind)])
    for _ in range(points):
        turn = np.linalg.qr(draw.standard_normal((SPECTRUM_SIZE, SPECTRUM_SIZE)))[0]
        matrix = (turn * spectrum(kind, draw)) @ turn.T
        yield (matrix + matrix.T) / 2


def of_net(kind: str, points: int, seed: int) -> Iterator[np.ndarray]:
    """Dense Hessians by plain torch in float64 along rows of a plane through the net."""
    from sklearn.datasets import load_digits

    digits, generator = load_digits(), torch.Generator().manual_seed(seed)
    chosen = torch.randperm(len(digits.target), generator=generator)[:SAMPLES]
    inputs = torch.tensor(digits.data / 16).reshape(-1, 1, 8, 8)[chosen]
    targets = torch.tensor(digits.target)[chosen]
    make, steps = NETS[kind]
    torch.manual_seed(seed)
    net = make().double()
    optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
    for _ in range(steps):
        optimizer.zero_grad()
        nn.functional.cross_entropy(net(inputs), targets).backward()
        optimizer.step()
    net.eval()
    held = {name: value.detach() for name, value in net.state_dict().items()}
    moved = {name: held[name] for name, value in net.named_parameters() if value.ndim > 1}
    shapes, sizes = [value.shape for value in moved.values()], [value.numel() for value in moved.values()]
    center = torch.cat([value.flatten() for value in moved.values()])

    def loss(flat: Tensor) -> Tensor:
        parts = [part.reshape(shape) for part, shape in zip(flat.split(sizes), shapes, strict=True)]
        outputs = functional_call(net, {**held, **dict(zip(moved, parts, strict=True))}, (inputs,))
        return nn.functional.cross_entropy(outputs, targets)

    axes = [torch.cat([_filterwise(value, generator).flatten() for value in moved.values()]) for _ in range(2)]
    for point in range(points):
        x, y = -1 + 2 * (point % 16) / 15, -1 + 2 * (point // 16) / max(1, (points - 1) // 16)
        weights = (center + x * axes[0] + y * axes[1]).requires_grad_()
        (gradient,) = torch.autograd.grad(loss(weights), weights, create_graph=True)
        rows = [torch.autograd.grad(each, weights, retain_graph=True)[0] for each in gradient]
        matrix = torch.stack(rows).numpy()
        yield (matrix + matrix.T) / 2


def _filterwise(value: Tensor, generator: torch.Generator) -> Tensor:
    drawn = torch.randn(value.shape, generator=generator, dtype=value.dtype).flatten(1)
    return drawn * (value.flatten(1).norm(dim=1) / drawn.norm(dim=1))[:, None]


@dataclass
class Count:
    points: int = 0
    off: int = 0
    beyond: int = 0
    open: int = 0
    products: int = 0
    worst: float = 0.0

    def add(self, matrix: np.ndarray, seed: int, low: bool) -> None:
        from landscape.curvature.extremes import extremes

        true, lower = np.linalg.eigvalsh(matrix)[[0, -1]], torch.from_numpy(matrix).float()

        def random(number: int) -> Tensor:
            generator = torch.Generator().manual_seed(1000 * seed + number)
            return torch.randn(len(lower), generator=generator)

        def rounded(vector: Tensor) -> Tensor:
            return lower.bfloat16().float() @ vector.bfloat16().float()

        low_precision = rounded if low else None
        found = extremes(lambda v: lower @ v, random, len(lower), tolerance=TOLERANCE, low_precision=low_precision)
        sizes = np.maximum(np.abs(true), SMALL * np.abs(true).max())
        distance = np.abs(np.array([found.smallest, found.largest]) - true)
        self.points += 1
        self.products += found.products
        self.open += not found.converged
        self.beyond += bool((distance > np.array(found.errors)).any())
        if found.converged:
            self.off += bool((distance > TOLERANCE * sizes).any())
            self.worst = max(self.worst, float((distance / sizes).max()))


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="scripts/attack curvature", description=__doc__.splitlines()[0])
    parser.add_argument("--points", type=int, default=64, help="points of each net and of each spectrum")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--bf16", action="store_true", help="search by products in bfloat16")
    parser.add_argument("--only", nargs="*", default=[*NETS, *SPECTRA], help="names of nets and spectra")
    given = parser.parse_args(argv)
    print(f"seed {given.seed}, tolerance {TOLERANCE:g}, float32 searches against float64 eigenvalues")
    print(f"{'':26}{'points':>8}{'off':>6}{'beyond':>8}{'open':>6}{'products':>10}{'worst':>10}")
    total = Count()
    for name in given.only:
        count, make = Count(), of_net if name in NETS else of_spectra
        for number, matrix in enumerate(make(name, given.points, given.seed)):
            count.add(matrix, 10_000 * given.seed + number, given.bf16)
        _print(name, count)
        for field in ("points", "off", "beyond", "open", "products"):
            setattr(total, field, getattr(total, field) + getattr(count, field))
        total.worst = max(total.worst, count.worst)
    _print("all", total)
    print("off: settled, but by more than the tolerance; beyond: by more than the stated error; open: not settled")
    if total.points and not total.off:  # the rule of three
        print(f"a settled point is off with a probability below {3 / total.points:.2%} (95 % confidence)")
    return int(total.off + total.beyond > 0)


def _print(name: str, count: Count) -> None:
    each = count.products / max(1, count.points)
    print(
        f"{name:26}{count.points:8}{count.off:6}{count.beyond:8}{count.open:6}{each:10.1f}{count.worst:10.2%}",
        flush=True,
    )
