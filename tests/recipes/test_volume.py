"""A third direction: the net at the centre, planes of the volume, a quadratic loss, resuming, and what is refused."""

import h5py
import numpy as np
import pytest
import torch
from torch import nn

import landscape as ll
from landscape.errors import LandscapeError, UsageError
from landscape.surfaces.cut import cut

GRID = {"x": "-1:1:5", "y": "-0.5:1:4", "z": "-1:1:3"}


@pytest.fixture
def linear():
    """A linear net with mean squared error: the loss is a quadratic function of the weights."""
    generator = torch.Generator().manual_seed(3)
    net = nn.Linear(6, 1, bias=False).double()
    inputs = torch.randn(32, 6, generator=generator, dtype=torch.float64)
    data = (inputs, inputs.sum(1, keepdim=True) + 0.1)
    with torch.no_grad():
        net.weight.copy_(torch.tensor([[1.1, 0.9, 1.0, 1.2, 0.8, 1.05]]))
    return {"model": net, "data": data, "loss": "mse", "precision": "fp64", "quiet": True, "seed": 5}


def closed_form(linear, file, x, y, z):
    """The loss at coordinates, by numpy, from the directions that were kept."""
    with h5py.File(file) as stored:
        axes = np.array([stored[f"{name}/weight"][0] for name in "xyz"], dtype=np.float64)
    inputs, targets = (part.numpy() for part in linear["data"])
    weights = linear["model"].weight.detach().numpy()[0] + np.stack([x, y, z], axis=-1) @ axes
    return ((weights @ inputs.T - targets[:, 0]) ** 2).mean(axis=-1)


def test_every_value_is_that_of_the_closed_form(linear, tmp_path):
    volume = ll.surface(**linear, **GRID, out=tmp_path / "v.h5", save_directions=True)
    assert volume.shape == (3, 4, 5) and volume.known.directions.seed == 5
    z, y, x = np.meshgrid(*(axis.values for axis in reversed(volume.grid.axes)), indexing="ij")
    expected = closed_form(linear, tmp_path / "v.directions.h5", x, y, z)
    np.testing.assert_allclose(volume.values["train_loss"], expected, rtol=1e-6)
    again = ll.load_surface(tmp_path / "v.h5")
    assert again.grid.same_as(volume.grid)
    np.testing.assert_array_equal(again.values["train_loss"], volume.values["train_loss"])


def test_the_plane_at_z_0_is_the_surface_of_the_same_directions(mlp):
    generator = torch.Generator().manual_seed(0)
    data = (torch.randn(24, 6, generator=generator), torch.randint(3, (24,), generator=generator))
    usual = {"model": mlp(), "data": data, "quiet": True}
    for orthogonal in (False, True):
        volume = ll.surface(**usual, **GRID, orthogonal=orthogonal)
        plane = ll.surface(**usual, x=GRID["x"], y=GRID["y"], orthogonal=orthogonal)
        found, at = cut(volume, 2)
        assert at == 0.0 and found.grid.same_as(plane.grid)
        for name, array in plane.values.items():
            np.testing.assert_array_equal(found.values[name], array)
        across, at = cut(volume, 1)
        np.testing.assert_array_equal(across.values["train_loss"], volume.values["train_loss"][:, 1])
        assert at == volume.y[1] == 0 and across.shape == (3, 5)


def test_orthogonal_is_of_each_two_of_the_three(mlp, tmp_path):
    data = (torch.randn(4, 6, generator=torch.Generator().manual_seed(0)), torch.tensor([0, 1, 2, 0]))
    grid = {"x": "-1:1:2", "y": "-1:1:2", "z": "-1:1:2"}
    ll.surface(model=mlp(), data=data, quiet=True, **grid, orthogonal=True, out=tmp_path / "v.h5", save_directions=True)
    with h5py.File(tmp_path / "v.directions.h5") as stored:
        axes = np.array(
            [np.concatenate([np.ravel(part) for part in stored[name].values()]) for name in "xyz"], np.float64
        )
    gram = axes @ axes.T
    assert np.abs(gram - np.diag(np.diag(gram))).max() < 1e-6 * np.diag(gram).min()


def test_curvature_is_added_to_a_volume(linear, tmp_path):
    volume = ll.surface(**linear, x="-1:1:2", y="-1:1:2", z="-1:1:2", out=tmp_path / "v.h5")
    inputs = linear["data"][0].numpy()
    found = ll.hessian(volume, model=linear["model"], data=linear["data"], quiet=True).values["hessian_max"]
    np.testing.assert_allclose(found, np.full((2, 2, 2), 2 * np.linalg.norm(inputs, 2) ** 2 / len(inputs)), rtol=0.01)


def test_the_centre_is_the_net_itself(mlp):
    generator = torch.Generator().manual_seed(0)
    data = (torch.randn(24, 6, generator=generator), torch.randint(3, (24,), generator=generator))
    volume = ll.surface(model=mlp(), data=data, quiet=True, x="-1:1:3", y="-1:1:3", z="-1:1:3")
    line = ll.line(model=mlp(), data=data, quiet=True, x="-1:1:3", seed=9)
    assert volume.at_origin("train_loss") == line.at_origin("train_loss")


def test_a_volume_that_was_begun_is_continued(linear, tmp_path):
    whole = ll.surface(**linear, **GRID, out=tmp_path / "v.h5")
    with h5py.File(tmp_path / "v.h5", "r+") as file:
        file["status/evaluation"][1:] = 0
        file["values/train_loss"][1:] = np.nan
        file["values/train_loss"][0] = 7.0
    continued = ll.surface(**linear, **GRID, out=tmp_path / "v.h5").values["train_loss"]
    assert (continued[0] == 7).all()
    np.testing.assert_array_equal(continued[1:], whole.values["train_loss"][1:])
    with pytest.raises(LandscapeError, match=r"holds another run: the grid is .* z -1:1:3 in the file"):
        ll.surface(**linear, x=GRID["x"], y=GRID["y"], out=tmp_path / "v.h5")


def test_ranges_are_found_on_each_of_three_axes(linear):
    found = ll.surface(**linear, x="-1:1:3", y="-1:1:3", z="auto:3", rise=3.0)
    along = found.values["train_loss"][:, 1, 1]
    assert found.known.ranges.axes == ["z"] and found.shape == (3, 3, 3)
    assert max(along[0], along[2]) == pytest.approx(3 * along[1], rel=0.04)


@pytest.mark.parametrize(
    "given, said", [({"tolerance": 0.1}, "drop z, or tolerance"), ({"along": "gradient"}, "drop z, or along")]
)
def test_what_takes_planes_only_is_refused(linear, given, said):
    with pytest.raises(UsageError, match=said):
        ll.surface(**linear, **GRID, **given)


def test_commands_for_planes_say_what_to_do(linear, tmp_path):
    volume = ll.surface(**linear, **GRID, out=tmp_path / "v.h5")
    for call in (
        lambda: ll.basins(volume),
        lambda: ll.export(volume, tmp_path / "v.stl"),
        lambda: ll.export(volume, tmp_path / "old.h5", format="li2018"),
        lambda: ll.plot(volume, kind="contour", out=tmp_path / "v.png"),
        lambda: ll.compare([volume, volume], out=tmp_path / "v.png"),
    ):
        with pytest.raises(UsageError, match="volume"):
            call()
