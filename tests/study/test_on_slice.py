"""A form of a slice as a run: values are those of its weights, and the file of one form is not continued with another."""

from __future__ import annotations

import copy
from dataclasses import dataclass

import numpy as np
import pytest
import torch

import landscape as ll
from landscape.objective.objective import Objective
from landscape.options.option import Given
from landscape.recipes.surface import compute
from landscape.scene.facts.surface import facts
from landscape.slice.shape import Shape
from landscape.slice.transform import Transform


@dataclass(frozen=True)
class Bow(Shape):
    height: float

    labels, directions = ("place on the bow",), 2

    def place(self, coords):
        return coords[0], self.height * (1 - coords[0] ** 2)


@dataclass(frozen=True)
class Rounded(Transform):
    """All weights rounded to multiples of a step, and then scaled."""

    step: float

    labels = ("scale",)

    def weights(self, tensors, coords):
        return {name: coords[0] * self.step * torch.round(tensor / self.step) for name, tensor in tensors.items()}


@pytest.fixture
def options(mlp) -> dict:
    torch.manual_seed(3)
    return {"model": mlp(), "data": (torch.randn(20, 6), torch.arange(20) % 3), "threads": 1, "quiet": True}


def bow(options: dict, height: float = 0.5, x=(-1, 1, 5), **more):
    return compute(None, {"x": x}, Given({**options, **more}), "bow", form=Bow(height))


def test_its_values_are_those_of_the_plane_bit_for_bit(options):
    found, plane = bow(options), ll.surface(x=(-1, 1, 5), y=(0, 0.5, 5), **options)
    values = plane.values["train_loss"]
    expected = [values[0, 0], values[3, 1], values[4, 2], values[3, 3], values[0, 4]]
    np.testing.assert_array_equal(found.values["train_loss"], expected)
    assert found.at_origin("train_loss") is None and found.trails == {}


def test_a_file_is_continued_with_the_same_shape_only(options, tmp_path):
    out = tmp_path / "bow.h5"
    bow(options, out=out)
    before = out.read_bytes()
    bow(options, out=out)
    assert out.read_bytes() == before
    with pytest.raises(ll.LandscapeError, match=r"slice\.height is 0\.5 in the file, 0\.75 now"):
        bow(options, 0.75, out=out)
    stored = ll.load_surface(out)
    assert stored.known.slice == {"kind": "bow", "height": 0.5}
    assert "bow within the plane, height 0.5" in facts(stored) and "5 points in [−1, 1]" in facts(stored)
    with pytest.raises(ll.UsageError, match="only lines and planes along directions can be extended"):
        ll.hessian(out, **options)


def test_weights_outside_of_a_plane_have_the_loss_of_plain_torch_and_their_own_file(options, tmp_path, monkeypatch):
    def rounded(step, **more):
        return compute(None, {"x": (0.5, 1, 3)}, Given({**options, **more}), "rounded", form=Rounded(step))

    found = rounded(0.25, out=tmp_path / "rounded.h5")
    for place, value in zip((0.5, 0.75, 1.0), found.values["train_loss"], strict=True):
        net, (inputs, targets) = copy.deepcopy(options["model"]), options["data"]
        with torch.no_grad():
            for parameter in net.parameters():
                parameter.copy_(place * 0.25 * torch.round(parameter / 0.25))
            expected = torch.nn.functional.cross_entropy(net(inputs), targets)
        assert value == pytest.approx(float(expected), rel=1e-6)
    assert "rounded, step 0.25" in facts(found)
    with pytest.raises(ll.LandscapeError, match=r"slice\.step is 0\.25 in the file, 0\.5 now"):
        rounded(0.5, out=tmp_path / "rounded.h5")
    with pytest.raises(ll.UsageError, match="only lines and planes along directions can be extended"):
        ll.hessian(tmp_path / "rounded.h5", **options)
    with pytest.raises(ll.UsageError, match="tolerance leaves out"):
        rounded(0.25, tolerance=0.1)
    with monkeypatch.context() as patch, pytest.raises(ll.UsageError, match="shard-data: .*they are read in order"):
        patch.setattr(Objective, "indivisible", "they are read in order")
        rounded(0.25, shard_data=True)


@pytest.mark.parametrize(
    ("more", "said"),
    [({"tolerance": 0.1}, "tolerance leaves out"), ({"x": "auto:5"}, "x range auto looks along a dir")],
)
def test_what_only_planes_have_is_refused(options, more, said):
    with pytest.raises(ll.UsageError, match=said):
        bow(options, **more)


def test_directions_that_depend_on_the_loss_are_those_of_the_plane(options, tmp_path):
    found = bow(options, along="gradient", out=tmp_path / "bow.h5")
    plane = ll.surface(
        x=(-1, 1, 5), y=(0, 0.5, 5), directions=tmp_path / "bow.directions.h5", out=tmp_path / "plane.h5", **options
    )
    assert found.values["train_loss"][2] == plane.values["train_loss"][4, 2]


@pytest.mark.parametrize("order", ["rows", "coarse"])
def test_the_order_of_points_changes_no_value_and_a_file_is_continued_in_another(options, order, tmp_path):
    seen = []

    def loss(outputs, targets):
        if len(seen) == 25:
            raise ValueError("stopped here")
        seen.append(1)
        return torch.nn.functional.cross_entropy(outputs, targets, reduction="none")

    plane = {**options, "x": "-1:1:5", "y": "-1:1:5", "out": tmp_path / "s.h5", "metrics": "loss"}
    whole = ll.surface(**{**plane, "out": None, "loss": "cross_entropy"})
    with pytest.raises(ll.LandscapeError, match="stopped here"):
        ll.surface(**plane, order=order, loss=loss)
    done = np.flatnonzero(ll.load_surface(plane["out"]).status["evaluation"] == 1).tolist()
    assert 4 < len(done) < 10 and (done == list(range(len(done))) if order == "rows" else 12 in done)
    seen.append("goes on")
    again = ll.surface(**plane, loss=loss)
    np.testing.assert_allclose(again.values["train_loss"], whole.values["train_loss"], rtol=1e-6)


def test_an_order_beside_a_tolerance_is_refused(options):
    with pytest.raises(ll.UsageError, match="order coarse: a tolerance decides itself"):
        ll.line(**options, order="coarse", tolerance=0.1)
