"""Law: each elementwise row of program/table.py gives the products of the dense Hessian, and is found where nets call it."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from landscape.program.rules import Smooth
from landscape.program.table import TABLE

SMOOTH = [row for row in TABLE if row.rule is Smooth]


class Elementwise(nn.Module):
    """A function between two layers."""

    def __init__(self, function):
        super().__init__()
        self.first, self.function, self.last = nn.Linear(72, 5), function, nn.Linear(5, 3)

    def forward(self, x):
        return self.last(self.function(self.first(x.flatten(1))))


@pytest.mark.parametrize("make", [each for row in SMOOTH for each in row.modules], ids=lambda make: make.__name__)
def test_every_elementwise_module_of_the_table_has_a_right_rule(make, images, products, multiplied, dense):
    torch.manual_seed(0)
    net = Elementwise(make())
    found = products(net, images, backend="program", ignore="none")
    product, expected = multiplied(found, dense(net, *images, F.cross_entropy, found.names))
    np.testing.assert_allclose(product, expected, rtol=0, atol=1e-12 * np.abs(expected).max())


@pytest.mark.parametrize(
    "function",
    [F.tanh, F.sigmoid, *(each for row in SMOOTH for each in row.functions)],
    ids=lambda each: each.__qualname__,
)
def test_every_elementwise_function_of_the_table_is_found(function, images, products):
    assert products(Elementwise(function), images).backend == "program"
