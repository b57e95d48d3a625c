"""A row per layer, in the order of the net, from its smallest to its largest eigenvalue; what is not known is not drawn."""

import numpy as np
import pytest

from landscape.errors import UsageError
from landscape.scene.build import build_scene
from landscape.scene.colors import NEGATIVE_SIGN, OPEN_SIGN, POSITIVE_SIGN
from landscape.surfaces.spectrum import Block, Spectrum

ENDS = {
    "all parameters": [-22.0, -3.0, 100.0, 442.0],
    "conv1": [-0.5, 0.1, 2.0, 8.0],
    "layer1.0.conv1": [1e-6, 0.2, 3.0, 60.0],
    "fc": [0.5, 0.6, 0.7, 1.5],
}
ERRORS = [2e-6, 0.0, 0.0, 0.03]
MADE = {"matrix": "hessian", "ignore": "none", "per": "layer", "top": 2, "bottom": 2, "probes": 0}
PROVENANCE = {"model": {"name": "resnet20"}, "checkpoint": {"path": "a.pt"}, "data": {"name": "cifar10"}}


def layered(ends=ENDS, *, source="", **made):
    blocks = {
        name: Block(name, 100 * (i + 1), np.array(v), np.array(ERRORS[: len(v)]), trace=5.0, trace_stderr=0.1)
        for i, (name, v) in enumerate(ends.items())
    }
    return Spectrum(blocks, {**PROVENANCE, "spectrum": {**MADE, **made}}, source)


def view(given=None, **options):
    return build_scene(given or layered(), kind="layers", **options).views[0]


@pytest.mark.parametrize("scale", ["linear", "symlog"])
def test_rows_are_the_layers_from_smallest_to_largest(scale):
    found = view(scale=scale)
    assert [row.name for row in found.rows] == list(ENDS)
    assert [row.whole for row in found.rows] == [True, False, False, False]
    for row, values in zip(found.rows, ENDS.values(), strict=True):
        np.testing.assert_allclose([row.smallest, row.largest], found.axis.places([values[0], values[-1]]), atol=1e-12)
        assert (row.dots[0][0], row.dots[-1][0]) == (row.smallest, row.largest)
        np.testing.assert_allclose(row.dots[-1][1:3], found.axis.places([values[-1] - 0.03, values[-1] + 0.03]))
        assert (row.spans[0][0], row.spans[-1][1]) == (row.smallest, row.largest)
    low, high = found.axis.scale.vmin, found.axis.scale.vmax
    assert low < -22.0 and high > 442.0 and found.shaded == (found.axis.scale.low, 0.0)


def test_bars_change_colour_at_zero_and_dots_have_that_of_their_sign():
    whole, first, second, last = view().rows
    assert [span[2] for span in first.spans] == [NEGATIVE_SIGN, POSITIVE_SIGN]
    assert first.spans[0][1] == first.spans[1][0] == 0.0
    assert [span[2] for span in last.spans] == [POSITIVE_SIGN], "a bar that is all positive does not reach zero"
    assert last.spans[0][0] > 0.0
    assert [dot[3] for dot in whole.dots] == [NEGATIVE_SIGN, POSITIVE_SIGN]
    assert [dot[3] for dot in second.dots] == [OPEN_SIGN, POSITIVE_SIGN], "1e-6 ± 2e-6 may be negative"
    assert "grey: the error leaves the sign open" in view().notes


def test_layers_of_different_sizes_are_seen_on_the_axis():
    scene = build_scene(layered(), kind="layers")
    assert [v.axis.scale.kind for v in scene.views] == ["symlog", "linear"]
    unit = scene.views[0].axis.scale.unit
    assert 0.5 <= unit <= 0.8, "the smallest layer, of 1.5, is drawn a good part of a decade long"
    alike = {name: [-1.0, 5.0 + i] for i, name in enumerate(ENDS)}
    assert [v.axis.scale.kind for v in build_scene(layered(alike), kind="layers").views] == ["linear", "symlog"]
    assert view(layered(alike), scale="symlog").axis.scale.kind == "symlog"


def test_layers_that_are_small_beside_all_parameters_are_seen_too():
    ends = {"all parameters": [-40.0, 442.0], "conv1": [-1.0, 5.0], "layer1.0.conv1": [-0.8, 8.0], "fc": [0.2, 3.0]}
    found = view(layered(ends))
    low, high = found.axis.scale.low, found.axis.scale.high
    assert found.axis.scale.kind == "symlog"
    assert all(row.largest - max(0.0, row.smallest) > 0.05 * (high - low) for row in found.rows[1:])


def test_words():
    scene = build_scene(layered(), kind="layers")
    assert scene.title == "ResNet-20, CIFAR-10: Hessian spectrum of each layer"
    assert {"Hessian of 100 parameters (all)", "largest eigenvalue 442, smallest −22 (errors below 0.01 %)"} <= set(
        scene.facts
    )
    assert scene.views[0].rows[1].text == (
        "conv1, 200 parameters",
        "largest eigenvalue 8.000 ± 0.030",
        "smallest eigenvalue −0.5 (error below 0.01 %)",
        "trace 5.00 ± 0.10",
    )
    assert build_scene(layered(), kind="layers", title="Mine").title == "Mine"


def test_a_layer_that_is_not_there_yet_is_an_empty_row():
    found = view(layered({**ENDS, "conv1": []}))
    assert (found.rows[1].name, found.rows[1].spans, found.rows[1].dots) == ("conv1", (), ())
    assert "1 of 4 rows not computed" in found.notes
    assert not any("not computed" in note for note in view().notes)


def test_with_one_end_alone_bars_begin_at_zero():
    found = view(layered({name: values[2:] for name, values in ENDS.items()}, bottom=0))
    assert all(len(row.dots) == 1 and np.isnan(row.smallest) for row in found.rows)
    assert all(row.spans == ((0.0, row.largest, POSITIVE_SIGN),) for row in found.rows)


def test_limits_cut_bars_and_hide_dots():
    found = view(vmin=-1.0, vmax=50.0)
    assert (found.axis.scale.vmin, found.axis.scale.vmax) == (-1.0, 50.0)
    whole = found.rows[0]
    assert whole.dots == () and (whole.spans[0][0], whole.spans[1][1]) == (found.axis.scale.low, found.axis.scale.high)
    assert "3 eigenvalues beyond the axis not shown" in found.notes


def test_the_gauss_newton_matrix_has_no_negative_side():
    assert view(layered(matrix="ggn")).shaded is None


@pytest.mark.parametrize(
    ("given", "options", "message"),
    [
        (layered({"all parameters": [1.0]}, source="a.h5"), {}, "landscape spectrum a.pt --per layer -o a.h5 --overwrite"),
        (layered({name: [] for name in ENDS}), {}, "no eigenvalues of a layer yet; run its command again"),
        (layered({name: [] for name in ENDS}, top=0, bottom=0), {}, "spectrum a.pt --per layer --top 1 --bottom 1`"),
        (layered(), {"scale": "log"}, "scale 'log': eigenvalues have both signs"),
        (layered(), {"vmin": 1.0, "vmax": 1.0}, "vmin 1 must be smaller than vmax 1"),
    ],
)  # fmt: skip
def test_what_cannot_be_drawn_is_said(given, options, message):
    with pytest.raises(UsageError, match=message):
        build_scene(given, kind="layers", **options)
