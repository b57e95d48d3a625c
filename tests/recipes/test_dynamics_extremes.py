"""Training dynamics where a loss rises at once, or does not move at all."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

import landscape as ll


def test_relative_sharpness_is_infinite_where_the_other_loss_rises_at_once(tmp_path):
    inputs = torch.randn(300, 5, generator=torch.Generator().manual_seed(0))
    classes = (inputs[:, 0] > 0).long()
    data = {"train": (inputs, classes), "test": (inputs, 1 - classes)}
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(5, 8), nn.Tanh(), nn.Linear(8, 2))  # in float32 tiny steps seem to lower the loss
    ll.train(model, data=data, epochs=2, save_every=1, batch_size=32, out=tmp_path / "run", quiet=True)
    found = ll.dynamics(tmp_path / "run", model=model, data=data, measures="relative,critical", quiet=True)
    assert np.isinf(found.values["relative_sharpness"]).all() and np.isfinite(found.values["critical_sharpness"]).all()


def test_without_a_gradient_there_is_no_sharpness_along_it(tmp_path):
    inputs = torch.randint(-3, 4, (30, 5), generator=torch.Generator().manual_seed(0)).float()  # whose sums are exact
    model = nn.Linear(5, 2, bias=False)
    with torch.no_grad():
        model.weight.copy_(torch.randint(-3, 4, (2, 5), generator=torch.Generator().manual_seed(1)).float())
        targets = model(inputs)
    data, task = {"train": (inputs, targets), "test": (inputs, targets + 1)}, {"loss": "mse", "quiet": True}
    ll.train(model, data=data, epochs=1, save_every=1, batch_size=30, weight_decay=0.0, out=tmp_path / "run", **task)
    found = ll.dynamics(tmp_path / "run", model=model, data=data, measures="relative,critical,gradient", **task).values
    assert (found["gradient_norm"] == 0).all()
    assert np.isnan(found["relative_sharpness"]).all() and np.isnan(found["critical_sharpness"]).all()
