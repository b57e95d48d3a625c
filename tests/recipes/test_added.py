"""A metric of a point as a command of its own: its options and one call."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import landscape as ll
from landscape.cli.main import perform
from landscape.measurement.added import Added
from landscape.options.command import Command
from landscape.options.option import Given
from landscape.quantity import Quantity
from landscape.recipes.added import add, addition


class WeightNorm(Added):
    """How long the weights are, whatever the loss."""

    group, label = "norm", "norm"
    rows = (Quantity("norm_weights", "norm of the weights"),)

    def here(self) -> Mapping[str, float]:
        return {"norm_weights": float(self.subject.objective.weights.double().norm())}


@addition("norm of the weights at every point of a surface", group="norm", example="landscape norm mine.h5 --plot")
def norm(surface: Any, *, given: Given) -> Any:
    """Adds the norm of the weights."""
    return add(surface, "norm", lambda of, world: WeightNorm(of.subject, of.slice), given)


COMMAND: Command = norm.command


@pytest.fixture
def made(mlp, monkeypatch, tmp_path) -> dict:
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(4)
    options = {"model": mlp(), "data": (torch.randn(20, 6), torch.arange(20) % 3), "threads": 1, "quiet": True}
    ll.surface(x="-1:1:5", y="-1:1:3", out="s.h5", **options)
    return options


def test_the_metric_is_added_at_every_point_and_told(made):
    found = norm("s.h5", **made)
    vector = torch.cat([each.detach().flatten() for each in made["model"].parameters()]).double()
    assert found.values["norm_weights"][1, 2] == pytest.approx(float(vector.norm()), rel=1e-6)
    assert found.counts("norm")["done"] == 15 and "train_loss" in found.values
    # filters of a direction are as long as those of the net, so squared norms are parabolas of known curvature
    squares = found.values["norm_weights"] ** 2
    length = sum(float(each.detach().double().square().sum()) for each in made["model"].parameters() if each.ndim > 1)
    assert np.diff(squares, 2, axis=1) == pytest.approx(np.full((3, 3), 2 * 0.5**2 * length), rel=1e-4)
    assert found.quantity("norm_weights").label == "norm of the weights"
    (points, row) = COMMAND.lines(found, {})
    assert points.endswith("s.h5: 15 points") and row.startswith("  norm of the weights: ")


def test_every_other_point_first_and_other_samples_are_refused(made):
    assert norm("s.h5", **made, every=2).counts("norm")["done"] == 3
    with pytest.raises(ll.LandscapeError, match="samples is 20 in the file, 8 now"):
        norm("s.h5", **made, samples=8)
    assert norm("s.h5", **made).counts("norm")["done"] == 15
    assert norm("s.h5", **made, dry_run=True).pending == 0


def test_plot_draws_the_metric_that_was_added(made, monkeypatch):
    drawn = []
    monkeypatch.setattr(
        "landscape.drawing.draw_each",
        lambda source, kind, how, out, *_: drawn.append((source, how["metric"], out)) or [],
    )
    perform(COMMAND, {"surface": "s.h5", **made, "draw": True})
    assert drawn == [("s.h5", "norm_weights", Path("s.norm.png"))]
