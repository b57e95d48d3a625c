"""Planes of inputs: where their points and directions lie, and which part is valid."""

import numpy as np
import pytest
import torch

from landscape.data.normalize import Normalize
from landscape.data.pixels import UNIT, Pixels
from landscape.errors import EvaluationError, UsageError
from landscape.grid import Grid, parse_range
from landscape.objective.attack import attack_of
from landscape.slice.input_directions import InputAxes, directions_of
from landscape.slice.inputs import Inputs

NORMALIZE = Normalize("two", (0.4, 0.6), (0.5, 0.2))
PIXELS = Pixels(NORMALIZE, UNIT)
IMAGES = torch.rand(3, 2, 4, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
SAMPLES = NORMALIZE(IMAGES, torch.float64)
GRID = Grid.of(parse_range("-2:2:5"), parse_range("-1:3:5"))
SLOPE = torch.randn(2, 4, 4, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def losses(inputs):
    return (inputs * SLOPE).flatten(1).sum(dim=1)


def directions(text, attack="fgsm"):
    along = InputAxes.of(text)
    samples = SAMPLES if along.others else SAMPLES[:1]
    return directions_of(along, samples, losses, attack_of(attack), PIXELS, seed=4)


def test_a_point_is_the_sample_moved_in_pixels():
    first, second = directions("random")
    plane = Inputs(SAMPLES[:1], (first, second), GRID, PIXELS)
    assert torch.equal(plane.at((0.0, 0.0)), SAMPLES[0].flatten()), "at zero bit for bit"
    moved = NORMALIZE(IMAGES[:1] + 0.3 * first - 0.7 * second, torch.float64)
    torch.testing.assert_close(plane.at((0.3, -0.7)), moved.flatten())
    coords, distance = plane.project(plane.at((0.3, -0.7)))
    assert coords == pytest.approx((0.3, -0.7)) and distance < 1e-9


def test_clipped_points_have_valid_pixels_and_their_share_is_counted():
    moves = directions("signs")
    plane, clipped = (Inputs(SAMPLES[:1], moves, GRID, PIXELS, clip=clip) for clip in (False, True))
    there = IMAGES[:1] + 0.4 * moves[0] + 0.2 * moves[1]
    assert plane.outside((0.4, 0.2)) == pytest.approx(float(((there < 0) | (there > 1)).double().mean()))
    torch.testing.assert_close(PIXELS.of(clipped.at((0.4, 0.2)).reshape(1, 2, 4, 4)), there.clamp(0, 1))
    assert torch.equal(clipped.at((0.0, 0.0)), SAMPLES[0].flatten())


@pytest.mark.parametrize(
    ("text", "attack"),
    [
        ("random", "fgsm"),
        ("signs", "fgsm"),
        ("adversarial", "fgsm"),
        ("adversarial", "fgsm(norm=2)"),
        ("adversarial", "pgd(eps=0.3)"),
    ],
)
def test_directions_are_orthogonal_of_unit_root_mean_square_and_follow_from_the_seed(text, attack):
    first, second = directions(text, attack)
    for each in (first, second):
        assert float(each.square().mean()) == pytest.approx(1)
    assert float((first * second).sum()) == pytest.approx(0, abs=1e-9)
    again = directions(text, attack)
    assert torch.equal(first, again[0]) and torch.equal(second, again[1])
    if "signs" in text or (text == "adversarial" and attack == "fgsm"):
        assert torch.equal(first.abs(), torch.ones_like(first)) and torch.equal(second.abs(), torch.ones_like(second))


def test_adversarial_directions_are_those_of_the_gradient_by_the_pixels():
    slope = SLOPE / torch.tensor([0.5, 0.2], dtype=torch.float64).view(2, 1, 1)
    torch.testing.assert_close(directions("adversarial")[0][0], slope.sign())
    norm2 = directions("adversarial", "fgsm(norm=2)")[0][0]
    torch.testing.assert_close(norm2, slope / slope.square().mean().sqrt())


def test_a_plane_towards_two_samples_goes_through_them():
    moves = directions("to:1,2")
    plane = Inputs(SAMPLES[:1], moves, GRID, PIXELS)
    for place, sample in (((1.0, 0.0), SAMPLES[1]), ((0.0, 1.0), SAMPLES[2])):
        torch.testing.assert_close(plane.at(place), sample.flatten())


@pytest.mark.parametrize("text", ["random", "to:1,2"])
def test_the_valid_part_is_where_no_pixel_is_out_of_range(text):
    plane = Inputs(SAMPLES[:1], directions(text), Grid.of(parse_range("-1:1:3"), parse_range("-1:1:3")), PIXELS)
    corners = plane.valid()
    middle = corners.mean(axis=0)
    assert len(corners) >= 3
    for (
        corner
    ) in corners:  # just within the corners all are valid; just beyond, unless the grid ends there, some are not
        assert plane.outside(tuple(middle + 0.999 * (corner - middle))) == 0
        if np.abs(corner).max() < 1 - 1e-6:
            assert plane.outside(tuple(middle + 1.001 * (corner - middle))) > 0


@pytest.mark.parametrize(
    ("run", "says"),
    [
        (lambda: InputAxes.of("sideways"), "expected random, signs, adversarial, or to:A,B"),
        (lambda: InputAxes.of("to:3"), "expected random, signs, adversarial, or to:A,B"),
        (lambda: InputAxes.of("to:3,3"), "names sample 3 twice"),
        (
            lambda: directions_of(InputAxes.of("to:1,2"), SAMPLES[[0, 1, 1]], losses, attack_of("fgsm"), PIXELS, 0),
            "on a line",
        ),
        (
            lambda: directions_of(
                InputAxes.of("adversarial"), SAMPLES[:1], lambda x: 0 * losses(x), attack_of("fgsm"), PIXELS, 0
            ),
            "no direction leads up",
        ),
    ],
)
def test_what_spans_no_plane_is_refused(run, says):
    with pytest.raises((UsageError, EvaluationError), match=says):
        run()
