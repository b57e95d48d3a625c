"""Numbers at the ends of float64 are drawn or named as infinite: no error, no warning, the same for every kind of picture."""

from dataclasses import replace

import numpy as np
import pytest

import landscape as ll
from landscape.errors import SurfaceFileError
from landscape.grid import Grid, parse_range
from landscape.scene.kinds.kind import SURFACE
from landscape.scene.reach import LARGEST, within_reach
from landscape.surfaces.spectrum import Block, Spectrum, load_spectrum, write_spectrum
from landscape.surfaces.surface import Surface

ODD = (np.inf, 1e308, 5e-324, -9e37)
MIXED = (1e308, -1e308, 5e-324, 1e37, 1.0)


def surface(values: np.ndarray, more: dict | None = None) -> Surface:
    axes = (parse_range("-1:1:5"),) * values.ndim
    return Surface(Grid.of(*axes), {"train_loss": values, **(more or {})})


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(("shape", "kind", "metric", "filling"), [
    pytest.param(*made, filling, id=f"{made[1]} {made[2]} {filling}", marks=pytest.mark.slow if made[2] in usual else ())
    for fillings, usual in ((((each,) for each in ODD), ("hessian_max",)), ((MIXED,), ()))
    for filling in fillings
    for made in (((5,), "line", "train_loss"), ((5, 5), "surface", "train_loss"), ((5, 5), "ratio", "hessian_min"),
                 ((5, 5), "ratio", "hessian_max"))
])  # fmt: skip
def test_values_at_the_ends_of_float64_are_drawn_without_a_warning(filling, shape, kind, metric, tmp_path):
    usual = np.linspace(1.0, 2.0, int(np.prod(shape))).reshape(shape)
    values = {"train_loss": usual, "hessian_max": usual, "hessian_min": -usual}
    values[metric] = np.resize(filling, shape).astype(float)
    made = surface(values.pop("train_loss"), values if kind == "ratio" else None)
    ll.plot(made, kind=kind, out=tmp_path / "p.html")


def test_the_reach_changes_nothing_within_it():
    values = np.array([0.0, -0.0, LARGEST, -LARGEST, 1e-38, np.nan, 3.0])
    assert within_reach(values) is values
    made = surface(np.arange(5.0))
    assert SURFACE.prepare(made, None).values["train_loss"] is made.values["train_loss"]


# an error may be unknown (NaN), a probe not done (weights that are not finite)
REFUSED = {
    "values": (np.inf, 1e308, np.nan),
    "nodes": (np.inf, 1e308, np.nan),
    "errors": (np.inf, 1e308),
    "weights": (1e308,),
}


@pytest.mark.parametrize(("array", "odd"), [(array, odd) for array, odds in REFUSED.items() for odd in odds])
def test_a_spectrum_of_no_hessian_is_refused_in_one_line(array, odd, tmp_path):
    block = Block("all", 12, np.ones(2), np.zeros(2), np.ones((2, 4)), np.full((2, 4), 0.25))
    write_spectrum(Spectrum({"all": block}, {}), tmp_path / "good.h5")
    assert load_spectrum(tmp_path / "good.h5").whole.density is not None
    odd_block = replace(block, **{array: np.full_like(getattr(block, array), odd)})
    write_spectrum(Spectrum({"all": odd_block}, {}), tmp_path / "odd.h5")
    with pytest.raises(SurfaceFileError, match="'all' has .*(not finite|beyond|not shares)") as caught:
        load_spectrum(tmp_path / "odd.h5")
    assert "\n" not in str(caught.value)
