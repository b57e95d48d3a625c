"""Attacks and planes of inputs on a pretended GPU: no operation mixes devices, values are those of the CPU."""

import numpy as np
import pytest
import torch
from torch import nn

import landscape as ll
from landscape.data.normalize import PRESETS
from landscape.data.split import tensor_split
from landscape.objective.attack import attack_of
from landscape.objective.loss import make_measure
from landscape.objective.objective import Objective
from landscape.objective.robust import attacked
from tests.pretend_gpu import CPU, GPU, pretend_gpu

SOURCE = torch.Generator().manual_seed(0)
IMAGES = torch.randint(0, 255, (9, 8, 8, 1), dtype=torch.uint8, generator=SOURCE)
LABELS = torch.randint(0, 3, (9,), generator=SOURCE)


@pytest.fixture
def gpu():
    with pretend_gpu() as machine:
        yield machine


@pytest.fixture
def net():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 3, 3), nn.Tanh(), nn.Flatten(), nn.Linear(108, 3))


def test_an_attack_is_that_of_the_cpu_and_waits_once(net, gpu):
    def attacked_on(device):
        split, attack = (
            tensor_split(IMAGES, LABELS, PRESETS["digits"], of=9),
            attack_of("pgd(eps=0.5, steps=1, norm=2)"),
        )
        measure = attacked(make_measure("cross_entropy", None)[0], attack, {"train": split}, pixels=True)
        made = Objective(net, {"train": split}, measure, device=device, batch_size=5)
        made.check()
        return made

    there = attacked_on(GPU)
    gpu.waits.clear()
    found = there.evaluate()
    assert len(gpu.waits) == 1, gpu.waits
    assert found == attacked_on(CPU).evaluate()


def test_a_plane_of_inputs_is_that_of_the_cpu(net, gpu):
    options = {
        "normalize": "digits",
        "along": "adversarial",
        "x": (-1, 1, 2),
        "y": (-1, 1, 2),
        "plain": True,
        "quiet": True,
    }
    cpu, there = (ll.inputs(model=net, data=(IMAGES, LABELS), device=device, **options) for device in ("cpu", "cuda"))
    for name, values in cpu.values.items():
        np.testing.assert_array_equal(there.values[name], values)
