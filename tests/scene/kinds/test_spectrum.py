"""Spectra: equal areas are equal shares of the eigenvalues, on either axis, and nothing is told apart that the probes do not."""

import numpy as np
import pytest

from landscape.errors import UsageError
from landscape.scene.build import build_scenes
from landscape.scene.colors import NEGATIVE_SIGN, OPEN_SIGN, POSITIVE_SIGN
from landscape.scene.compare import build_comparison
from landscape.scene.facts.spectrum import with_error
from landscape.scene.kinds.spectrum import OWN_AXIS
from landscape.scene.views.eigen_axis import FLOOR
from landscape.surfaces.spectrum import Block, Density, Spectrum
from tests.scene.kinds.spectra import (
    MADE,
    NODES,
    VALUES,
    WEIGHTS,
    area,
    drawn,
    positive,
    spectrum,
    spread_out,
    view,
)


def test_on_a_linear_axis_the_density_is_that_of_the_block():
    given = spectrum()
    found = view(given, "linear")
    places, density = drawn(found)
    np.testing.assert_allclose(density, given.whole.density.at(places, found.axis.width), rtol=1e-12)
    assert found.left.label == "density of eigenvalues (log scale)"
    assert any(note.endswith(f"standard deviation {found.axis.width:g}") for note in found.notes)


@pytest.mark.parametrize("scale", ["linear", "symlog"])
def test_areas_are_shares_of_the_eigenvalues(scale):
    given = spectrum()
    found = view(given, scale)
    places, density = drawn(found)
    assert area(density, places) == pytest.approx(1.0, abs=1e-4)
    # No mass is near 22 or 90: there smoothing moves nothing from one side to the other.
    for bound in (22.0, 90.0):
        right = places >= found.axis.places(bound)
        share = 1 - given.whole.density.share_below(bound)[0]
        assert area(density[right], places[right]) == pytest.approx(share, rel=0.02)


@pytest.mark.parametrize("scale", ["linear", "symlog"])
def test_a_single_eigenvalue_is_seen_and_as_high_as_the_line_says(scale):
    found = view(spectrum(), scale)
    places, density = drawn(found)
    lone = density[np.argmin(np.abs(places - found.axis.places(162.0)))]
    assert lone == pytest.approx(found.lone, rel=1e-3)
    assert found.left.low == pytest.approx(FLOOR * found.lone)
    assert found.left.high > density.max()


@pytest.mark.parametrize("scale", ["linear", "symlog"])
@pytest.mark.parametrize("given", [spectrum, spread_out, positive])
def test_the_axis_ends_where_the_density_does(given, scale):
    found = view(given(), scale)
    places, density = drawn(found)
    assert density[0] < found.left.low and density[-1] < found.left.low
    seen = places[density >= found.left.low]
    span = found.axis.scale.high - found.axis.scale.low
    assert min(seen.min() - found.axis.scale.low, found.axis.scale.high - seen.max()) < 0.15 * span
    assert found.axis.scale.low < found.axis.places(0.0) < found.axis.scale.high


def test_the_symmetric_log_axis_is_odd_linear_at_zero_and_decades_outside():
    axis = view(spectrum(), "symlog").axis
    values = np.array([1e-3, 0.1, 7.0, 162.0, 5000.0])
    np.testing.assert_allclose(axis.places(-values), -axis.places(values))
    assert axis.places(0.0) == 0.0
    assert axis.places(1e6) - axis.places(1e5) == pytest.approx(1.0)
    assert axis.places(2e-4) == pytest.approx(2 * axis.places(1e-4), rel=1e-6)
    np.testing.assert_allclose(axis.places([float(t.replace("−", "-")) for t in axis.ticks.labels]), axis.ticks.heights)


def test_the_axis_looks_no_nearer_at_zero_than_the_nodes_do():
    assert view(spectrum(), "symlog").axis.scale.unit == pytest.approx(0.6)
    assert view(spectrum(NODES / 10), "symlog").axis.scale.unit == pytest.approx(0.06)
    wide = view(spectrum(), "linear").axis.width
    assert wide == pytest.approx(0.004 * 170, rel=0.05), "a small part of the range"
    near = view(spectrum(), "linear", vmin=-1.0, vmax=1.0).axis.width
    assert near == pytest.approx(0.55 / 2, rel=0.05), "half the distance of the nodes, however near one looks"


def test_the_bulk_decides_on_the_axis_and_the_other_one_follows():
    assert [v.axis.scale.kind for v in build_scenes([spectrum()], kind="spectrum")[0].views] == ["symlog", "linear"]
    assert [v.axis.scale.kind for v in build_scenes([spread_out()], kind="spectrum")[0].views] == ["linear", "symlog"]
    assert [v.axis.scale.kind for v in build_scenes([spectrum()], kind="spectrum", scale="linear")[0].views] == [
        "linear",
        "symlog",
    ]
    assert view(spread_out(), "symlog").axis.scale.kind == "symlog"


def test_sides_have_their_colours_and_meet_at_zero():
    found = view(spectrum())
    negative, positive = [curve for curve in found.curves if not curve.faint]
    assert (negative.color, positive.color) == (NEGATIVE_SIGN, POSITIVE_SIGN)
    assert (negative.x.max(), positive.x.min()) == (0.0, 0.0)
    assert negative.y[-1] == positive.y[0]
    assert found.shaded == (found.axis.scale.low, 0.0)
    np.testing.assert_array_equal(positive.high, np.maximum(positive.y, found.left.low))


def test_each_probe_stands_behind_their_mean():
    given = spectrum()
    found = view(given, "linear")
    probes = [curve for curve in found.curves if curve.faint]
    for row, curve in enumerate(probes):
        alone = Density(NODES[[row]], WEIGHTS[[row]], VALUES, given.whole.dimension)
        np.testing.assert_allclose(curve.y, alone.at(curve.x, found.axis.width))
    assert len(probes) == 2 and "thin lines: each probe alone" in found.notes
    one = view(spectrum(NODES[:1], WEIGHTS[:1]))
    assert not any(curve.faint for curve in one.curves) and "thin lines: each probe alone" not in one.notes


def test_the_rug_marks_what_was_found_one_by_one():
    found = view(spectrum(errors=[1e-9, 0.05, 50.0, 0.002]))
    (rug,) = found.rugs
    np.testing.assert_allclose(found.axis.scale.values(rug.places), VALUES)
    np.testing.assert_allclose(found.axis.scale.values(rug.low[1]), -7.05)
    np.testing.assert_allclose(found.axis.scale.values(rug.high[1]), -6.95)
    assert rug.colors == (NEGATIVE_SIGN, NEGATIVE_SIGN, OPEN_SIGN, POSITIVE_SIGN), "40 ± 50 may be negative"
    assert rug.texts[:2] == ("eigenvalue −8 (error below 0.01 %)", "eigenvalue −7.000 ± 0.050")
    assert "grey: the error leaves the sign open" in found.notes
    assert "grey: the error leaves the sign open" not in view(spectrum()).notes


def test_a_bound_nearer_to_zero_than_the_nodes_is_called_rough():
    assert not any("rough" in note for note in view(spectrum()).notes)
    fine = view(spectrum(made={"index": 1e-4}))
    assert any("its bound −0.016 is closer to 0 than the probes resolve (0.55)" in note for note in fine.notes)


def test_the_gauss_newton_matrix_has_no_negative_side():
    scene = build_scenes([positive()], kind="spectrum")[0]
    found = scene.views[0]
    assert scene.title.endswith("Gauss-Newton spectrum")
    assert found.shaded is None and not any("negative" in fact for fact in scene.facts)
    assert {curve.color for curve in found.curves if not curve.faint} == {POSITIVE_SIGN}
    assert any(note.startswith("left of 0 is smoothing") for note in found.notes)


@pytest.mark.parametrize("scale", ["linear", "symlog"])
def test_limits_are_eigenvalues_and_what_is_beyond_is_told(scale):
    found = view(spectrum(), scale, vmin=-7.5, vmax=50.0)
    assert (found.axis.scale.vmin, found.axis.scale.vmax) == (-7.5, 50.0)
    np.testing.assert_allclose(found.rugs[0].places, found.axis.places([-7.0, 40.0]))
    assert pytest.approx(3.69e-4, rel=1e-3) == 100 / 270896, "one of them"
    assert "3.69e-4 % of eigenvalues above 50 not shown, up to 162" in found.notes
    assert any("below −7.5 not shown, down to −8" in note for note in found.notes)
    assert not any("not shown" in note for note in view(spectrum(), scale).notes)


def test_several_spectra_have_a_colour_a_name_and_a_row_each():
    other = spectrum(NODES / 2, values=VALUES / 2)
    scene = build_scenes([spectrum(), other], kind="spectrum", names=["before", "after"])[0]
    found = scene.views[0]
    assert [curve.label for curve in found.curves] == ["before", "after"]
    assert len({curve.color for curve in found.curves}) == 2 and found.legend
    for curve, rug, given in zip(found.curves, found.rugs, (VALUES, VALUES / 2), strict=True):
        assert set(rug.colors) == {curve.color}
        np.testing.assert_allclose(found.axis.scale.values(rug.places), given)
    linear = scene.views[1]
    for curve, given in zip(linear.curves, (spectrum(), other), strict=True):
        np.testing.assert_allclose(curve.y, given.whole.density.at(curve.x, linear.axis.width))
    assert found.lone is not None and "cross-entropy" in scene.facts
    assert [fact.split(":")[0] for fact in scene.facts[-2:]] == ["before", "after"]
    smaller = spectrum(dimension=1000)
    assert build_scenes([spectrum(), smaller], kind="spectrum")[0].views[0].lone is None, (
        "a single eigenvalue is higher in the smaller net"
    )
    many = build_scenes([spectrum()] * 12, kind="spectrum")[0].views[0].curves
    assert len({(curve.color, curve.dashed) for curve in many}) == 12


def test_names_tell_spectra_apart():
    def named(**changed):
        return Spectrum(spectrum().blocks, {**spectrum().provenance, **changed}, "a.h5")

    assert [r.name for r in build_scenes([named(), named(model="resnet56")], kind="spectrum")[0].views[0].rugs] == [
        "ResNet-20",
        "ResNet-56",
    ]
    ggn = named(spectrum={**MADE, "matrix": "ggn"})
    assert [rug.name for rug in build_scenes([named(), ggn], kind="spectrum")[0].views[0].rugs] == [
        "Hessian",
        "Gauss-Newton",
    ]
    assert build_scenes([named(), ggn], kind="spectrum")[0].title == "ResNet-20, CIFAR-10: curvature spectra"
    twice = build_scenes([named(), named()], kind="spectrum")[0].views[0].rugs
    assert [rug.name for rug in twice] == ["ResNet-20", "ResNet-20 #2"], "one file given twice"


def test_side_by_side_all_share_axes_and_tell_common_facts_once():
    given = [spectrum(), spectrum(NODES / 2, values=VALUES / 2, dimension=1000)]
    found = build_comparison(given, kind="spectrum", names=["one", "two"])
    assert (found.names, found.title) == (("one", "two"), "Hessian spectrum")
    for number in range(2):
        one, two = (panel.views[number] for panel in found.panels)
        assert (one.axis.scale, one.axis.width, one.left) == (two.axis.scale, two.axis.width, two.left)
    for panel, each in zip(found.panels, given, strict=True):
        linear = panel.views[1]
        places, density = drawn(linear)
        np.testing.assert_allclose(density, each.whole.density.at(places, linear.axis.width))
    assert {"cross-entropy", "ticks: eigenvalues found one by one"} <= set(found.facts)
    assert "cross-entropy" not in found.panels[0].facts
    assert "Hessian of 1,000 parameters (those of more than one dimension)" in found.panels[1].facts
    assert build_comparison(given, kind="spectrum", title="Mine").title == "Mine"


@pytest.mark.parametrize(
    ("given", "options", "message"),
    [
        (spectrum([], [], source="a.h5", made={"probes": 0}), {}, "landscape spectrum nets/resnet20.pt --probes 4 -o a.h5"),
        (spectrum(weights=np.nan * WEIGHTS), {}, "none of its 2 probes is done; run its command again"),
        (spectrum(), {"scale": "log"}, "scale 'log': eigenvalues have both signs; choose one of auto, linear, symlog"),
        (spectrum(), {"vmin": 2.0, "vmax": -1.0}, "vmin 2 must be smaller than vmax -1"),
        (spectrum(), {"vmax": np.inf}, "vmax inf: expected a finite eigenvalue"),
        (spectrum(), {"names": ["a", "b"]}, "2 names for 1 spectra"),
    ],
)  # fmt: skip
def test_what_cannot_be_drawn_is_said(given, options, message):
    with pytest.raises(UsageError, match=message):
        build_scenes([given], kind="spectrum", **options)[0]


def test_the_number_of_spectra_is_checked():
    with pytest.raises(UsageError, match="at least two spectra, not 1"):
        build_comparison([spectrum()], kind="spectrum")
    for count in (0, 13):
        with pytest.raises(UsageError, match=f"{count} spectra: a picture holds 1 to 12"):
            build_scenes([spectrum()] * count, kind="spectrum")[0]


@pytest.mark.parametrize(
    ("nodes", "weights", "values"),
    [
        (np.zeros((2, 1)), np.zeros((2, 1)), [-1.0, 0.01, 30.0]),
        (np.zeros((1, 1)), np.ones((1, 1)), []),
        (np.zeros((1, 3)), [[1.0, 0.0, 0.0]], [0.0, 0.0]),
        ([[3.0, 3.0]], [[0.5, 0.5]], [3.0]),
    ],
)
@pytest.mark.parametrize("scale", ["auto", "linear", "symlog"])
def test_degenerate_spectra_are_drawn_too(nodes, weights, values, scale):
    for found in build_scenes([spectrum(nodes, weights, values, np.zeros(len(values)))], kind="spectrum", scale=scale)[
        0
    ].views:
        places, density = drawn(found)
        assert found.axis.scale.low < found.axis.scale.high and found.left.low < found.left.high
        assert density.max() >= 0.99 * found.lone and (np.diff(found.axis.ticks.heights) > 0).all()


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        (0.33025, 0.0339, "0.330 ± 0.034"),
        (2074.1, 66.98, "2074 ± 67"),
        (-7.6448, 0.012, "−7.645 ± 0.012"),
        (2.7e-6, 6.4e-6, "(2.7 ± 6.4)e-6"),
        (426.045, 1e-9, "426"),
        (0.0, 0.0, "0"),
        (5.0, np.nan, "5"),
    ],
)
def test_numbers_have_the_digits_that_their_error_allows(value, error, text):
    assert with_error(value, error) == text


def test_a_spectrum_that_the_shared_axis_does_not_resolve_gets_an_axis_of_its_own():
    def of(largest):
        nodes = np.linspace(-0.04, 1.0, 14)[None] * largest
        block = Block("all", 1000, nodes=nodes, weights=np.full((1, 14), 1 / 14))
        return Spectrum({"all": block}, {}, source=f"{largest}.h5")

    wide, narrow = of(1e4), of(0.07)
    near, far = (panel.views[0] for panel in build_comparison([narrow, wide], kind="spectrum").panels)
    assert near.axis.scale.unit < 0.07 < far.axis.scale.unit and near.left == far.left
    assert near.axis.scale.kind == far.axis.scale.kind
    shared = build_comparison([wide, of(5e3)], kind="spectrum")
    assert len({panel.views[0].axis.scale.unit for panel in shared.panels}) == 1 and OWN_AXIS not in shared.facts
    view = build_scenes([narrow, wide], kind="spectrum", scale="symlog")[0].views[0]
    assert len(view.curves) == 1 and any("no curve, as all eigenvalues" in note for note in view.notes)
