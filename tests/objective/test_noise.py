"""Random numbers of a sample: a function of its seed and its values, distributed as they should be."""

import math

import torch

from landscape.objective.noise import normal, uniform

IMAGES = torch.randint(0, 256, (64, 3, 8, 8), generator=torch.Generator().manual_seed(0)) / 255


def test_a_sample_has_its_numbers_in_any_batch_and_any_precision():
    whole = uniform(IMAGES, 5)
    assert torch.equal(whole[7:9], uniform(IMAGES[7:9], 5))
    assert torch.equal(whole, uniform(IMAGES.double(), 5))


def test_another_seed_stream_or_pixel_gives_other_numbers():
    whole, other = uniform(IMAGES, 5), IMAGES.clone()
    other[0, 0, 0, 0] = 1 - other[0, 0, 0, 0]
    for found in (uniform(IMAGES, 6), uniform(IMAGES, 5, 1), uniform(other[:1], 5)):
        assert not torch.equal(whole[: len(found)], found)
        # four standard errors of a correlation of independent numbers
        pair = torch.stack([whole[: len(found)].flatten(), found.flatten()])
        assert abs(torch.corrcoef(pair)[0, 1]) < 4 / math.sqrt(found.numel())


def test_the_distributions_are_uniform_and_normal():
    flat, bell = uniform(IMAGES, 0).flatten().sort().values, normal(IMAGES, 0).flatten().sort().values
    assert flat[0] >= 0 and flat[-1] < 1
    # Kolmogorov's distance, at a level of 1e-4
    places, limit = (torch.arange(len(flat)) + 0.5) / len(flat), 2.23 / math.sqrt(len(flat))
    assert (flat - places).abs().max() < limit
    assert (torch.special.ndtr(bell) - places).abs().max() < limit
