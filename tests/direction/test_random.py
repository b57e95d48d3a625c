"""Random directions: what a seed promises."""

import numpy as np
import torch

from landscape.direction.direction import Direction, fingerprint
from landscape.direction.random import gaussian

SHAPES = {"conv.weight": (3, 2, 3, 3), "conv.bias": (3,), "scale": (), "fc.weight": (4, 27)}


def reference(device="cpu", dtype=torch.float32):
    return {name: torch.ones(shape, device=device, dtype=dtype) for name, shape in SHAPES.items()}


def mark(seed, axis=0, **where):
    return fingerprint([Direction(gaussian(reference(**where), seed=seed, axis=axis))])


def test_the_same_seed_gives_the_same_bytes():
    assert mark(7) == mark(7)


def test_another_seed_gives_another_direction():
    assert len({mark(seed, axis) for seed in range(20) for axis in (0, 1)}) == 40
    x, y = (gaussian(reference(), seed=seed, axis=0)["fc.weight"] for seed in (0, 1))
    cosine = float((x * y).sum() / x.norm() / y.norm())
    assert abs(cosine) < 0.4  # 4 standard deviations for 108 numbers


def test_y_does_not_depend_on_whether_x_was_drawn():
    alone = mark(3, axis=1)
    gaussian(reference(), seed=3, axis=0)
    assert mark(3, axis=1) == alone


def test_global_generators_have_no_say_and_are_left_alone():
    wanted = mark(5)
    torch.manual_seed(123)
    np.random.seed(123)
    before = torch.random.get_rng_state(), np.random.get_state()[1].copy()
    assert mark(5) == wanted
    assert torch.equal(torch.random.get_rng_state(), before[0])
    assert np.array_equal(np.random.get_state()[1], before[1])


def test_drawn_on_the_cpu_in_float32_whatever_the_net_lives_on():
    for where in ({"device": "meta"}, {"dtype": torch.float64}, {"dtype": torch.bfloat16}):
        drawn = gaussian(reference(**where), seed=0, axis=0)
        assert all(t.device.type == "cpu" and t.dtype == torch.float32 for t in drawn.values())
        assert mark(0, **where) == mark(0)


def test_drawn_with_the_philox_of_numpy():
    """torch's own normal numbers differ between processors; these are numpy's, drawn name after name."""
    generator = np.random.Generator(np.random.Philox(np.random.SeedSequence([11, 1])))
    drawn = gaussian(reference(), seed=11, axis=1)
    assert list(drawn) == list(SHAPES)
    for name, shape in SHAPES.items():
        assert np.array_equal(drawn[name].numpy(), generator.standard_normal(shape, dtype=np.float32)), name


def test_frozen_numbers():
    """A picture made with a seed can be made again: these numbers must never change."""
    drawn = gaussian({"w": torch.empty(4)}, seed=0, axis=0)["w"]
    assert np.allclose(drawn.numpy(), FROZEN, rtol=1e-6), drawn.tolist()


def test_standard_normal():
    drawn = gaussian({"w": torch.empty(100, 1000)}, seed=0, axis=0)["w"].double()
    assert abs(float(drawn.mean())) < 0.015 and abs(float(drawn.std()) - 1) < 0.01
    assert abs(float((drawn**4).mean()) - 3) < 0.1


FROZEN = [-0.2482292, -0.026767, -1.9444163, 0.524578]
