"""Surfaces along directions that the loss names: what they are, and that they are computed once."""

from pathlib import Path

import h5py
import numpy as np
import pytest

import landscape as ll
from landscape.errors import UsageError
from landscape.surfaces import load_surface

OPTIONS = {"model": "net.py:build", "data": "npz:data.npz", "normalize": "digits", "threads": 1, "quiet": True}
FINE = {"precision": "fp64", **OPTIONS}


def bends(surface):
    """Second differences of the loss at the middle of a 3 x 3 plane, along x and along y."""
    loss, step = surface.values["train_loss"], surface.x[1] - surface.x[0]
    return (
        (loss[1, 0] - 2 * loss[1, 1] + loss[1, 2]) / step**2,
        (loss[0, 1] - 2 * loss[1, 1] + loss[2, 1]) / step**2,
    )


def test_along_the_hessian_the_loss_bends_as_its_eigenvalues_say(here):
    spectrum = ll.spectrum("net.pt", probes=0, trace_products=0, tolerance=1e-4, **FINE).whole
    plane = ll.surface("net.pt", x="-1e-5:1e-5:3", y="-1e-5:1e-5:3", along="hessian", **FINE)
    x, y = bends(plane)
    assert x == pytest.approx(spectrum.values[-1], rel=0.02)
    assert y == pytest.approx(spectrum.values[0], rel=0.05)
    labels = [axis.label for axis in plane.grid.axes]
    assert labels[0] == f"x: eigenvector of the largest eigenvalue, {spectrum.values[-1]:.3g}"
    assert "smallest eigenvalue, -" in labels[1]


def test_along_the_gradient_the_loss_rises_by_its_norm(here):
    plane = ll.surface("net.pt", x="-1e-4:1e-4:3", y="-1e-4:1e-4:3", along="gradient", **FINE)
    loss = plane.values["train_loss"]
    slope_x, slope_y = (loss[1, 2] - loss[1, 0]) / 2e-4, (loss[2, 1] - loss[0, 1]) / 2e-4
    assert slope_x > 0 and abs(slope_y) < 1e-4 * slope_x
    random = ll.line("net.pt", x="-1e-4:1e-4:3", norm="none", **FINE).values["train_loss"]
    assert slope_x > abs(random[2] - random[0]) / 2e-4 / np.sqrt(3000), "no direction of unit length rises faster"
    assert abs(plane.provenance["directions"]["cosine"]) < 1e-6


def test_directions_are_written_once_and_read_again(here):
    made = {"x": "-1:1:3", "y": "-1:1:3", "along": "hessian", "out": "s.h5", **OPTIONS}
    first = ll.surface("net.pt", **made)
    written = Path("s.directions.h5").read_bytes()
    again = ll.surface("net.pt", **{**made, "threads": 2})
    assert Path("s.directions.h5").read_bytes() == written
    np.testing.assert_array_equal(first.values["train_loss"], again.values["train_loss"])
    with h5py.File("s.directions.h5") as file:
        assert file["x"].attrs["kind"] == "hessian" and float(file["x"].attrs["eigenvalue"]) > 0


def test_two_ranks_read_what_the_leader_wrote(here, command, basic):
    done = command(
        "surface", "net.pt", *basic, "-x", "-1:1:3", "-y", "-1:1:3", "--along", "gradient", "-o", "s.h5", ranks=2
    )
    assert done.returncode == 0, done.stderr
    alone = ll.surface("net.pt", x="-1:1:3", y="-1:1:3", directions="s.directions.h5", **OPTIONS)
    np.testing.assert_array_equal(load_surface("s.h5").values["train_loss"], alone.values["train_loss"])


def test_another_net_gets_directions_of_its_own(here):
    made = {"x": "-1:1:3", "along": "gradient", **OPTIONS}
    ll.line("net.pt", out="s.h5", **made)
    written = Path("s.directions.h5").read_bytes()
    with pytest.raises(UsageError, match="s.directions.h5 holds other directions .their checkpoint differs"):
        ll.line("other.pt", out="s.h5", **made)
    with pytest.raises(UsageError, match="their loss differs"):
        ll.line("net.pt", out="s.h5", loss="mse", **made)
    assert Path("s.directions.h5").read_bytes() == written, "what a surface was computed along is never replaced"
    ll.line("net.pt", out="s.h5", **made)
    found = ll.line("other.pt", out="s.h5", overwrite=True, **made)
    assert found.provenance["directions"]["kind"] == "gradient"


def test_a_curvature_map_on_such_a_plane(here):
    ll.surface("net.pt", x="-1:1:3", y="-1:1:3", along="hessian", out="s.h5", **OPTIONS)
    found = ll.hessian("s.h5", every=2, threads=1, quiet=True)
    assert (found.status["hessian"] == 1).sum() == 1
    kept = ll.surface("net.pt", x="-1:1:3", y="-1:1:3", along="hessian", **OPTIONS)
    with pytest.raises(UsageError, match="pass them as directions"):
        ll.hessian(kept, threads=1)


@pytest.mark.parametrize(
    "options, words",
    [
        ({"along": "luck"}, "along 'luck': expected random, hessian, gradient or pca:RUN"),
        ({"to": "other.pt"}, "excludes to"),
        ({"lean": True}, "excludes lean"),
        ({"batchnorm": "interpolate"}, "excludes batchnorm interpolate"),
        ({"state": "states"}, "excludes state states"),
    ],
)
def test_bad_input(here, options, words):
    with pytest.raises(UsageError) as error:
        ll.surface("net.pt", x="-1:1:3", y="-1:1:3", **{"along": "hessian", **OPTIONS, **options})
    assert words in str(error.value)


def test_a_plan_writes_nothing(here):
    plan = ll.line("net.pt", x="-1:1:3", along="hessian", out="s.h5", dry_run=True, **OPTIONS)
    assert plan.points == 3 and not Path("s.directions.h5").exists() and not Path("s.h5").exists()
