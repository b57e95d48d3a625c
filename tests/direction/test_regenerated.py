"""A direction regenerated from its seed is, bit for bit, the one kept in memory."""

import itertools

import pytest
import torch
from torch import nn

from landscape.direction import blocks
from landscape.direction.direction import Direction, cosine, fingerprint
from landscape.direction.filters import filter_rules
from landscape.direction.normalize import NORMS, normalize_
from landscape.direction.random import GaussianSource, gaussian
from landscape.direction.regenerated import Regenerated
from landscape.layout import Layout
from landscape.slice.plane import Plane
from landscape.stored import Stored


class Net(nn.Module):
    """Every rule of filters.py, a scalar, and tensors of several blocks with a ragged last one."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.conv, self.up = nn.Conv2d(2, 7, 3), nn.ConvTranspose2d(200, 6, 2, groups=2)
        self.fc, self.scale = nn.Linear(37, 90), nn.Parameter(torch.tensor(0.7))
        self.long = nn.Parameter(torch.randn(4099))
        self.wide = nn.Conv1d(1, 2, 3000)


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    monkeypatch.setattr(blocks, "BLOCK", 1000)


def both(norm, ignore, dtype=torch.float32):
    """(kept directions, regenerated ones, origin) of one seed."""
    net = Net()
    layout, rules = Layout.of(net), filter_rules(net)
    origin = layout.flatten(layout.tensors(net), dtype=dtype)
    reference = layout.named(origin)
    kept, regenerated = [], []
    for axis in (0, 1):
        direction = Direction.zeros(layout, {})
        gaussian(reference, seed=5, axis=axis, out=direction.vector)
        normalize_(direction.vector, reference, rules, norm=norm, ignore=ignore)
        kept.append(direction)
        weights = Stored(layout, reference)
        regenerated.append(Regenerated(layout, weights, rules, GaussianSource(5, axis), norm=norm, ignore=ignore))
    return kept, regenerated, origin


@pytest.mark.parametrize("ignore", ["biasbn", "none", "conv"])
@pytest.mark.parametrize("norm", NORMS)
def test_every_entry_has_the_same_bits(norm, ignore):
    kept, regenerated, origin = both(norm, ignore)
    for stored, drawn in zip(kept, regenerated, strict=True):
        assert drawn.vector(origin).numpy().tobytes() == stored.flat.numpy().tobytes()
        assert drawn.vector(origin).numpy().tobytes() == stored.flat.numpy().tobytes(), "and at every drawing"


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("norm", NORMS)
def test_every_point_has_the_same_bits(norm, dtype):
    kept, regenerated, origin = both(norm, "none", dtype)
    stored, drawn = Plane(origin, [d.flat.to(dtype) for d in kept]), Plane(origin, regenerated)
    for coords in itertools.product((-0.7, 0.0, 1 / 3), (0.0, 1.9)):
        assert drawn.at(coords).numpy().tobytes() == stored.at(coords).numpy().tobytes(), coords


@pytest.mark.parametrize("norm", ["filter", "none"])
def test_the_provenance_is_the_same(norm):
    kept, regenerated, _ = both(norm, "biasbn")
    assert fingerprint(regenerated) == fingerprint(kept)
    assert cosine(*regenerated) == cosine(*kept)


def test_it_holds_factors_and_scratch_not_itself():
    _, regenerated, origin = both("filter", "biasbn")
    assert regenerated[0].nbytes < origin.nbytes / 2
    assert Plane(origin, regenerated).nbytes == origin.nbytes + sum(line.nbytes for line in regenerated)


def test_projecting_on_it_is_the_inverse_of_at():
    _, regenerated, origin = both("filter", "biasbn", torch.float64)
    plane = Plane(origin, regenerated)
    assert plane.project(plane.at((0.25, -2.0)))[0] == pytest.approx((0.25, -2.0), abs=1e-9)
