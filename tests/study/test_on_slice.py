"""A shape within a plane as a run: its values are the plane's, and the file of one shape is not continued with another."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
import torch

import landscape as ll
from landscape.options.option import Given
from landscape.recipes.surface import compute
from landscape.scene.facts.surface import facts
from landscape.slice.shape import Shape


@dataclass(frozen=True)
class Bow(Shape):
    height: float

    labels, directions = ("place on the bow",), 2

    def place(self, coords):
        return coords[0], self.height * (1 - coords[0] ** 2)


@pytest.fixture
def options(mlp) -> dict:
    torch.manual_seed(3)
    return {"model": mlp(), "data": (torch.randn(20, 6), torch.arange(20) % 3), "threads": 1, "quiet": True}


def bow(options: dict, height: float = 0.5, x=(-1, 1, 5), **more):
    return compute(None, {"x": x}, Given({**options, **more}), "bow", shape=Bow(height))


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
        if len(seen) == 9:
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
