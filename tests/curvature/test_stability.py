"""Thresholds of stability are those at which torch's own steps begin to grow."""

import pytest
import torch
from torch import nn

from landscape.curvature.stability import threshold_of

RATE = 0.1
CONFIGS = [
    {"optimizer": "sgd"},
    {"optimizer": "sgd", "momentum": 0.9},
    {"optimizer": "sgd", "momentum": 0.9, "weight_decay": 0.5},
    {"optimizer": "sgd", "momentum": 0.8, "optimizer_options": {"dampening": 0.3}},
    {"optimizer": "sgd", "momentum": 0.9, "optimizer_options": {"nesterov": True}},
    {"optimizer": "sgd", "momentum": 0.9, "nesterov": True},
    {"optimizer": "nesterov", "momentum": 0.9, "weight_decay": 0.5},
]


def grows(config, curvature):
    weight, options = nn.Parameter(torch.ones((), dtype=torch.float64)), dict(config.get("optimizer_options", {}))
    if config["optimizer"] == "nesterov" or config.get("nesterov"):
        options["nesterov"] = True
    given = {name: config.get(name, 0.0) for name in ("momentum", "weight_decay")}
    optimizer = torch.optim.SGD([weight], lr=RATE, **given, **options)
    for _ in range(1000):
        weight.grad = curvature * weight.detach()
        optimizer.step()
    return abs(weight.item()) > 1


@pytest.mark.parametrize("config", CONFIGS)
def test_steps_grow_beyond_the_threshold_and_shrink_below(config):
    bound = threshold_of(config, RATE)
    assert grows(config, 1.02 * bound) and not grows(config, 0.98 * bound)


def test_nothing_is_said_of_what_is_not_known():
    """Without momentum torch leaves dampening out; and some options are not those of these steps."""
    for more in ({"dampening": 0.5}, {"maximize": True}):
        assert threshold_of({"optimizer": "sgd", "optimizer_options": more}, RATE) is None
    assert threshold_of({"optimizer": "sgd", "momentum": 0.9, "optimizer_options": {"dampening": 1.0}}, RATE) is None
    assert threshold_of({"optimizer": "adam"}, RATE) is None and threshold_of({"optimizer": "sgd"}, 0.0) is None
