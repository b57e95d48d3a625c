"""A transform of the weights: what it names moves, the rest stays bit for bit, and the weights of the net are not written to."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from landscape.errors import LandscapeError
from landscape.grid import PARAMETER, parse_range
from landscape.layout import Layout
from landscape.slice.transform import Transform, Transformed

RANGES = [parse_range("1:3:3")]


class Power(Transform):
    """Weights to a power: through no plane."""

    labels = ("exponent",)

    def weights(self, tensors, coords):
        return {"weight": tensors["weight"].sign() * tensors["weight"].abs() ** coords[0]}


def made(transform: Transform) -> tuple[Transformed, torch.Tensor]:
    torch.manual_seed(0)
    layout = Layout.of(nn.Linear(3, 2))
    return Transformed(origin := torch.randn(layout.size), layout, transform, RANGES), origin.clone()


def test_what_is_named_moves_and_the_rest_stays():
    slice, origin = made(Power())
    out = torch.empty_like(origin)
    assert slice.at((2.0,), out=out) is out
    assert torch.equal(out[:6], origin[:6] * origin[:6].abs()) and torch.equal(out[6:], origin[6:])
    assert torch.equal(slice.at((1.0,)), origin) and not slice.buffers((2.0,))
    assert slice.project(slice.at((3.0,))) == ((3.0,), 0.0)
    assert [axis.kind for axis in slice.grid.axes] == [PARAMETER] and slice.nbytes == origin.nbytes


@pytest.mark.parametrize(("name", "shape"), [("weights", (2, 3)), ("weight", (3, 2))])
def test_a_tensor_that_the_net_does_not_have_is_refused(name, shape):
    class Odd(Transform):
        labels = ("x",)

        def weights(self, tensors, coords):
            return {name: torch.zeros(shape)}

    with pytest.raises(LandscapeError, match=f"odd: tensor {name} of shape"):
        made(Odd())[0].at((1.0,))


def test_a_transform_that_writes_to_the_net_is_refused():
    class Rude(Transform):
        labels = ("x",)

        def weights(self, tensors, coords):
            tensors["weight"].mul_(2)
            return {}

    with pytest.raises(LandscapeError, match="rude: it wrote to the net's tensors"):
        made(Rude())[0].at((1.0,))
