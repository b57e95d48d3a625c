"""A net held in bfloat16: its weights move in float32 and are rounded once, in the products of precision bf16."""

import pytest
import torch
from torch import nn

import landscape as ll
from landscape.direction.filters import filter_rules
from landscape.direction.normalize import normalized
from landscape.direction.random import gaussian

POINTS = {"x": (-1, 1, 3), "y": (0, 0.3, 2), "quiet": True, "threads": 1}


def net():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(8, 40), nn.Tanh(), nn.Linear(40, 3)).bfloat16()


@pytest.fixture(scope="module")
def data():
    source = torch.Generator().manual_seed(1)
    return torch.randn(20, 8, generator=source), torch.randint(0, 3, (20,), generator=source)


def weights_met(data, **options):
    """The weights and first outputs that a loss meets at each point, as {(a, b): (weights, outputs)}, and the surface."""
    met = []

    def loss(model, batch):
        met.append((model[2].weight.clone(), model[0](batch[0])))
        return nn.functional.cross_entropy(model(batch[0]), batch[1])

    surface = ll.surface(model=net(), data=data, loss=ll.Loss(loss, of="model"), **POINTS, **options)
    points = [(a, b) for b in (0.0, 0.3) for a in (-1.0, 0.0, 1.0)]
    return dict(zip(points, met[-len(points) :], strict=True)), surface


def moved(a, b):
    """Each weight in float32: the stored one, and two multiples added to it."""
    model = net()
    stored = {name: each.detach().float() for name, each in model.named_parameters()}
    sums = {name: each.clone() for name, each in stored.items()}
    for axis, coordinate in enumerate((a, b)):
        drawn = normalized(gaussian(stored, seed=0, axis=axis), stored, filter_rules(model))
        for name, each in sums.items():
            each.add_(drawn[name], alpha=coordinate)
    return sums


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_weights_are_the_stored_ones_and_multiples_added_in_float32(data, precision):
    met, _ = weights_met(data, precision=precision)
    for place, (weight, _) in met.items():
        assert weight.dtype == torch.float32
        assert torch.equal(weight, moved(*place)["2.weight"]), place
    assert torch.equal(met[0.0, 0.0][0].bfloat16(), net()[2].weight), (
        "rounding gives the stored weights back, bit for bit"
    )


def test_products_round_the_sum_once(data):
    met, surface = weights_met(data, precision="bf16")
    for place, (_, outputs) in met.items():
        sums = moved(*place)
        narrow = [each.bfloat16() for each in (data[0], sums["0.weight"], sums["0.bias"])]
        assert torch.equal(outputs, nn.functional.linear(*narrow)), place
    model = net()
    with torch.autocast("cpu", torch.bfloat16):
        exact = nn.functional.cross_entropy(model(data[0].bfloat16()), data[1])
    assert surface.values["train_loss"][0, 1] == exact.item()
