"""The losses of all samples of a small net at all points of a plane, for tests of estimates from some of them."""

import numpy as np
import torch
from torch import nn

from landscape.objective.census import Census
from landscape.objective.frame import SamplingFrame

SIDE, CENTRE = 9, (0.0, 0.0)


def plane_losses():
    """(points, samples) of a small net, trained until it fits most of its noisy labels, over a random plane in float64."""
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(3000, 6, generator=generator, dtype=torch.float64)
    labels = (inputs[:, :4] + 0.7 * torch.randn(3000, 4, generator=generator)).argmax(1)
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 24), nn.ReLU(), nn.Linear(24, 24), nn.ReLU(), nn.Linear(24, 4)).double()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(150):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(inputs), labels).backward()
        optimizer.step()
    start = torch.nn.utils.parameters_to_vector(model.parameters()).detach()
    x, y = (torch.randn(start.shape, generator=generator) * start.abs().mean() for _ in range(2))
    found = []
    with torch.no_grad():
        for b in np.linspace(-1, 1, SIDE):
            for a in np.linspace(-1, 1, SIDE):
                torch.nn.utils.vector_to_parameters(start + a * x + b * y, model.parameters())
                found.append(nn.functional.cross_entropy(model(inputs), labels, reduction="none").numpy())
    return np.stack(found), labels.numpy()


def frame_of(losses, seed=0):
    values, labels = losses
    return SamplingFrame.of(Census({"loss": values[[len(values) // 2]]}, None, labels), "loss", seed)
