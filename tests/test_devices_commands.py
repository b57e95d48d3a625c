"""On a GPU (pretended, `tests.pretend_gpu`) commands have the results of the CPU, and mix no devices."""

import numpy as np
import pytest
import torch
from torch import nn

import landscape
from tests.pretend_gpu import pretend_gpu

SAMPLES = 20
PLANE = {"x": "-1:1:2", "y": "-1:1:2"}


def net(seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    found = nn.Sequential(
        nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 3)
    )
    found.train()(torch.randn(9, 1, 8, 8))
    return found.eval()


COMMANDS = {
    "line --to": lambda given: landscape.line(model=net(), to=net(1), x="0:1:3", **given),
    "surface --along": lambda given: landscape.surface(model=net(), along="gradient", **PLANE, **given),
    "points per pass": lambda given: landscape.surface(model=net(), points_per_pass=4, plain=True, **PLANE, **given),
    "late layers": lambda given: landscape.surface(model=net(), only="5.*", **PLANE, **given),
    "attack": lambda given: landscape.surface(model=net(), attack="pgd(eps=0.1, steps=2)", **PLANE, **given),
    "inputs": lambda given: landscape.inputs(model=net(), sample=3, along="adversarial", **PLANE, **given),
    "connect": lambda given: landscape.connect([net(), net(1)], points=3, curve="bezier", epochs=1, **given),
    "connect --align": lambda given: landscape.connect([net(), net(1)], points=3, align=True, **given),
    "trajectory": lambda given: landscape.trajectory([net(0), net(1), net(2)], x="auto:2", y="auto:2", **given),
}


@pytest.fixture(scope="module")
def images():
    source = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 255, (SAMPLES, 8, 8, 1), dtype=torch.uint8, generator=source)
    return pixels, torch.randint(0, 3, (SAMPLES,), generator=source)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_has_the_results_of_the_cpu(name: str, images):
    given = {"data": images, "normalize": "digits", "quiet": True}
    cpu = COMMANDS[name](given | {"device": "cpu"})
    with pretend_gpu():
        there = COMMANDS[name](given | {"device": "cuda"})
    assert there.provenance["run"]["device"] == "a GPU that is not there"
    assert cpu.values.keys() == there.values.keys()
    for metric, array in cpu.values.items():
        np.testing.assert_allclose(there.values[metric], array, rtol=1e-5, atol=1e-6, err_msg=metric)
