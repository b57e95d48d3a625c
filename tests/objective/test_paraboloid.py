"""A loss that is quadratic in the weights gives an exact paraboloid over any plane: the whole way in closed form."""

import numpy as np
import pytest
import torch
from torch import nn

from landscape.slice.plane import Plane


def test_linear_least_squares(objective):
    """L(w) = |A w - b|^2 / n over w0 + a dx + b dy, against the six coefficients of the paraboloid in numpy."""
    generator = np.random.default_rng(0)
    inputs, targets = generator.normal(size=(31, 4)), generator.normal(size=(31, 1))
    torch.manual_seed(0)
    net = nn.Linear(4, 1).double()
    task = objective(net, (torch.from_numpy(inputs), torch.from_numpy(targets)), "mse", batch_size=8)
    # the direction lives in the layout, which has gaps
    vectors = [
        task.layout.flatten(
            {"weight": torch.from_numpy(generator.normal(size=(1, 4))), "bias": torch.tensor([scale])},
            dtype=torch.float64,
        )
        for scale in (0.7, -30.0)
    ]
    plane = Plane(task.weights.clone(), vectors)

    design = np.column_stack([inputs, np.ones(31)])
    as_row = lambda flat: np.concatenate([view.numpy().ravel() for _, view in task.layout.views(flat)])  # noqa: E731
    w0, dx, dy = (as_row(flat) for flat in (plane.origin, *plane.directions))
    rest, along_x, along_y = design @ w0 - targets[:, 0], design @ dx, design @ dy
    for a in (-1.0, 0.0, 0.4, 2.0):
        for b in (-1.5, 0.0, 0.3):
            quadratic = (
                rest @ rest
                + 2 * a * rest @ along_x
                + 2 * b * rest @ along_y
                + a * a * along_x @ along_x
                + b * b * along_y @ along_y
                + 2 * a * b * along_x @ along_y
            ) / 31
            assert task.evaluate(plane.at((a, b)))["train_loss"] == pytest.approx(quadratic, rel=1e-11)


def test_value_at_a_point_is_that_of_the_net_moved_there_by_hand(cnn, images, objective):
    """A deep net, moved parameter by parameter with nothing of ours."""
    import copy

    from landscape.direction.filters import filter_rules
    from landscape.direction.normalize import normalized
    from landscape.direction.random import gaussian

    net = cnn()
    task = objective(net, images, batch_size=7)
    weights = {name: p.detach() for name, p in net.named_parameters()}
    vectors = [normalized(gaussian(weights, seed=0, axis=k), weights, filter_rules(net)) for k in (0, 1)]
    plane = Plane(task.weights.clone(), [task.layout.flatten(v, dtype=torch.float64) for v in vectors])
    for a, b in ((0.0, 0.0), (0.5, -1.0), (-0.9, 0.2)):
        moved = copy.deepcopy(net).double()
        with torch.no_grad():
            for name, parameter in moved.named_parameters():
                parameter += a * vectors[0][name].double() + b * vectors[1][name].double()
            wanted = nn.functional.cross_entropy(moved(images[0]), images[1]).item()
        assert task.evaluate(plane.at((a, b)))["train_loss"] == pytest.approx(wanted, rel=1e-12)


def test_at_the_origin_bit_for_bit_the_untouched_model(cnn, images, objective):
    """In float32: moving away and back changes no bit of the outputs."""
    net, inputs = cnn(), images[0].float()
    outputs = []

    def loss(out, targets):
        outputs.append(out.clone())
        return out.sum(dim=1)

    task = objective(net, (inputs, images[1]), loss, precision="fp32", batch_size=23)
    direction = torch.randn_like(task.weights)
    plane = Plane(task.weights.clone(), [direction, direction.flip(0)])
    for coords in ((0.0, 0.0), (0.7, -0.3), (0.0, 0.0)):
        task.evaluate(plane.at(coords, out=task.weights))
    with torch.no_grad():
        untouched = net(inputs)
    assert torch.equal(outputs[0], untouched) and torch.equal(outputs[2], untouched)
    assert not torch.equal(outputs[1], untouched)
