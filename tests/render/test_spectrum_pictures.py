"""Spectra on paper and on the page: what the scene says, in its place."""

import json
import re

import numpy as np
import pytest
from matplotlib.colors import to_hex

from landscape.render.page import picture as html
from landscape.render.still import picture as still
from landscape.scene.build import build_scene, build_scenes
from landscape.scene.compare import build_comparison
from landscape.surfaces.spectrum import Block, Spectrum
from tests.render.conftest import formats, once

NODES = np.array([[-3.0, -1.2, -0.4, 0.0, 0.4, 1.2, 3.0, 9.0], [-2.9, -1.1, -0.4, 0.0, 0.4, 1.3, 3.1, 9.2]])
WEIGHTS = np.array(
    [[1e-4, 1e-3, 0.02, 0.95, 0.0259, 2e-3, 8e-4, 2e-4], [2e-4, 2e-3, 0.02, 0.95, 0.024, 2.6e-3, 1e-3, 2e-4]]
)
MANY = 80  # rows of layers: more than fit on a page of the usual height
PROVENANCE = {
    "model": {"name": "resnet20", "parameters": 272474},
    "checkpoint": {"path": "nets/resnet20_cifar10.pt", "sha256": "0123456789abcdef"},
    "data": {"name": "cifar10", "splits": {"train": {"samples": 64, "of": 50000}}},
    "loss": "cross_entropy",
    "spectrum": {"matrix": "hessian", "ignore": "biasbn", "top": 2, "bottom": 2, "probes": 2, "index": 0.001},
}


def block(name, scale=1.0, **density):
    values = scale * np.array([-8.0, -7.0, 40.0, 162.0])
    return Block(
        name, 270896, values, np.array([0.01, 0.0, 0.0, 1.0]) * scale, trace=2074.0, trace_stderr=67.0, **density
    )


def spectrum(scale=1.0, layers=0):
    blocks = [block("all parameters", scale, nodes=scale * NODES, weights=WEIGHTS)]
    blocks += [block(f"layer{i // 9}.{i % 9}.conv_{i}", 10.0 ** -(i % 3)) for i in range(layers)]
    return Spectrum({each.name: each for each in blocks}, PROVENANCE)


SCENES = once(
    {
        "alone": lambda: build_scenes([spectrum()], kind="spectrum")[0],
        "linear": lambda: build_scenes([spectrum()], kind="spectrum", scale="linear")[0],
        "several": lambda: build_scenes(
            [spectrum(), spectrum(0.3), spectrum(0.1)], kind="spectrum", names=["first", "second", "third"]
        )[0],
        "compared": lambda: build_comparison([spectrum(), spectrum(0.3)], kind="spectrum", names=["before", "after"]),
        "layers": lambda: build_scene(spectrum(layers=22), kind="layers"),
        "many layers": lambda: build_scene(spectrum(layers=MANY), kind="layers"),
    }
)


def panel_of(scene):
    return html.panel_of(scene, compared=False)


def named(panel, view):
    return [t for t in panel.drawn.figures[0].data if t.meta["view"] == view and t.hovertemplate]


@pytest.mark.parametrize("name, suffix", formats(SCENES))
def test_every_format_is_written(name, suffix, tmp_path):
    draw = html.draw if suffix == ".html" else still.draw
    assert draw(SCENES[name](), tmp_path / f"a{suffix}").stat().st_size > 5000


@pytest.mark.parametrize("name", SCENES)
def test_nothing_is_cut_off_and_words_do_not_overlap(name):
    figure = still.figure_of(SCENES[name]())
    figure.set_dpi(200)
    figure.canvas.draw()
    width, height = figure.canvas.get_width_height()
    marked = []
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            low, high = sorted(axis.get_view_interval())
            ticks = [t.label1 for t in axis.get_major_ticks() if low <= t.get_loc() <= high]
            marked.append([text.get_window_extent() for text in ticks if text.get_text() and text.get_visible()])
    words = [*figure.texts, *(text for legend in figure.legends for text in legend.get_texts())]
    words += [a.xaxis.label for a in figure.axes if a.get_xlabel()] + [
        a.yaxis.label for a in figure.axes if a.get_ylabel()
    ]
    words += [text for axes in figure.axes for text in axes.texts]
    written = [text.get_window_extent() for text in words]
    for box in (*written, *(box for row in marked for box in row)):
        assert box.x0 >= 0 and box.y0 >= 0 and box.x1 <= width + 1 and box.y1 <= height + 1
    for boxes in (written, *marked):
        for number, one in enumerate(boxes):
            assert not any(one.overlaps(other) for other in boxes[number + 1 :])


@pytest.mark.parametrize("name", ["alone", "linear", "several"])
def test_densities_stand_over_their_rug_on_the_same_axis(name):
    scene = SCENES[name]()
    view = scene.views[0]
    above, below = still.figure_of(scene).axes
    assert above.get_xlim() == below.get_xlim() == (view.axis.scale.low, view.axis.scale.high)
    one, other = above.get_position(), below.get_position()
    assert (one.x0, one.x1) == pytest.approx((other.x0, other.x1)) and other.y1 <= one.y0 + 1e-9
    assert (above.get_yscale(), above.get_ylim()) == ("log", (view.left.low, view.left.high))
    lines = [line for line in above.lines if len(line.get_xdata()) > 2]
    for line, curve in zip(lines, view.curves, strict=True):
        np.testing.assert_array_equal(line.get_xdata(), curve.x)
        np.testing.assert_array_equal(line.get_ydata(), curve.y)
        assert to_hex(line.get_color()) == curve.color
    ticks = [c for c in below.collections if hasattr(c, "get_segments")]
    upright = [segment for c in ticks for segment in c.get_segments() if segment[0][0] == segment[1][0]]
    places = np.concatenate([rug.places for rug in view.rugs])
    assert {round(float(s[0][0]), 9) for s in upright} >= {round(float(p), 9) for p in places}
    assert [text.get_text() for text in below.get_xticklabels()] == list(view.axis.ticks.labels)


def test_only_several_spectra_have_a_legend():
    assert still.figure_of(SCENES["alone"]()).legends == []
    (legend,) = still.figure_of(SCENES["several"]()).legends
    assert [text.get_text() for text in legend.get_texts()] == ["first", "second", "third"]
    assert panel_of(SCENES["several"]()).drawn.figures[0].layout.showlegend
    assert not panel_of(SCENES["alone"]()).drawn.figures[0].layout.showlegend


def test_panels_share_their_axes():
    figure = still.figure_of(SCENES["compared"]())
    one, rug, other, other_rug = figure.axes
    assert one.get_xlim() == other.get_xlim() == rug.get_xlim() == other_rug.get_xlim()
    assert one.get_ylim() == other.get_ylim()
    written = {text.get_text() for text in figure.texts}
    assert {"before", "after", "Hessian spectrum"} <= written


def test_rows_of_layers_run_from_top_to_bottom():
    scene = SCENES["layers"]()
    (axes,) = still.figure_of(scene).axes
    names = [row.name for row in scene.views[0].rows]
    assert [text.get_text() for text in axes.get_yticklabels()] == names
    assert axes.get_ylim()[0] > axes.get_ylim()[1], "the first row is on top"
    dots = {(float(line.get_xdata()[0]), line.get_ydata()[0]) for line in axes.lines if line.get_marker() == "o"}
    assert dots == {(dot[0], number) for number, row in enumerate(scene.views[0].rows) for dot in row.dots}


def test_the_page_hovers_densities_and_eigenvalues():
    scene = SCENES["alone"]()
    panel = panel_of(scene)
    assert [choice.scale for choice in panel.choices] == ["symlog", "linear"]
    for number, view in enumerate(scene.views):
        negative, positive, rug = named(panel, number)
        np.testing.assert_allclose(positive.customdata, view.axis.scale.values(positive.x), rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(negative.y, view.curves[-2].y, rtol=1e-6)
        assert rug.yaxis == "y2" and list(rug.text) == list(view.rugs[0].texts)
        np.testing.assert_allclose(rug.x, view.rugs[0].places)
        np.testing.assert_allclose(rug.x + rug.error_x.array, view.rugs[0].high)
        assert ("per decade" in positive.hovertemplate) == (view.axis.scale.kind == "symlog")
    assert {t.visible for t in panel.drawn.figures[0].data if t.meta["view"] == 1} == {False}


def test_switching_the_scale_changes_both_axes():
    scene = SCENES["alone"]()
    panel = panel_of(scene)
    figure = panel.drawn.figures[0]
    assert list(figure.layout.xaxis.range) == list(scene.frame.x_range), "the first view is that of the layout"
    for (changes,), view in zip(panel.drawn.layouts, scene.views, strict=True):
        assert changes["xaxis.range"] == [view.axis.scale.low, view.axis.scale.high]
        np.testing.assert_allclose(10 ** np.array(changes["yaxis.range"]), [view.left.low, view.left.high])
        shade, zero, lone = changes["shapes"]
        assert (shade["x1"], zero["x0"], lone["y0"]) == (0.0, 0.0, view.lone)
        assert 10 ** changes["annotations"][0]["y"] == pytest.approx(view.lone)
    linear = panel.drawn.layouts[1][0]
    assert linear["xaxis.tickvals"] is None, "plotly marks values itself, also when one looks nearer"


def test_the_page_of_layers_is_as_high_as_its_rows(tmp_path):
    few, many = (panel_of(SCENES[name]()) for name in ("layers", "many layers"))
    assert many.drawn.figures[0].layout.height - few.drawn.figures[0].layout.height >= (MANY - 22) * 12
    dots = [t for t in few.drawn.figures[0].data if t.meta["view"] == 0 and t.mode == "markers"]
    assert len(dots) == 23 and dots[3].hovertemplate == "%{text}"
    assert dots[3].text.startswith("layer0.2.conv_2, 270,896 parameters")
    page = html.draw(SCENES["layers"](), tmp_path / "a.html").read_text(encoding="utf-8")
    data = json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.S).group(1))
    assert data["panels"][0]["figures"][0]["layout"]["yaxis"]["ticktext"][:2] == [
        "<b>all parameters</b>",
        "layer0.0.conv_0",
    ]
    assert [view["scale"] for view in data["views"]] == ["symlog", "linear"]
