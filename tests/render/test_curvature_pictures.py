"""Maps and panels of curvature on paper and on the page: what the scene says, in its place."""

import numpy as np
import pytest
from matplotlib.collections import PolyCollection, QuadMesh
from matplotlib.colors import to_hex
from matplotlib.image import imread

from landscape.grid import Axis, Grid, Range
from landscape.render.page import picture as html
from landscape.render.page.lines import line_changes
from landscape.render.still import picture as still
from landscape.scene.build import build_scene
from landscape.scene.compare import build_comparison
from landscape.surfaces.surface import Surface, Trail
from tests.browser import CHROMIUM, WITHOUT
from tests.render.conftest import formats, once


def fields_of(scene):
    return [view.field for view in scene.views]


def curved(n=17, every=4, **other):
    """A bowl with curvature at every fourth point; the ratio is x^2 + y^2, one point has failed."""
    grid = Grid.of(Range(-0.7, 0.7, n), Range(-0.7, 0.7, n))
    x, y = np.meshgrid(*(axis.values for axis in grid.axes))
    status = np.zeros((n, n), np.uint8)
    status[::every, ::every] = 1
    status[0, every] = 2
    values = {"hessian_max": np.full((n, n), 8.0), "hessian_min": -8 * (x**2 + y**2), "hessian_max_error": 0.5 + 0 * x}
    values = {name: np.where(status == 1, array, np.nan) for name, array in values.items()}
    marks = {"evaluation": np.ones((n, n), np.uint8), "hessian": status}
    return Surface(grid, {"train_loss": 0.1 + x**2 + y**2, **values}, status=marks, **other)


def path():
    """A run of ten nets, whose eigenvalues span three decades to both sides."""
    fall = np.exp(-np.arange(10) / 2)
    grid = Grid((Axis("x", np.arange(10) * 50.0, "training step", "step"),))
    values = {
        "train_loss": 2 * fall,
        "hessian_max": 300 + fall,
        "hessian_min": -5 * fall,
        "hessian_negative": 0.3 * fall,
    }
    nets = {"nets": Trail(np.array([200.0]), labels=("best",))}
    return Surface(grid, values, {"hessian_negative": 0.01 + 0 * fall}, {"hessian": np.ones(10, np.uint8)}, nets)


SCENES = once(
    {
        "ratio": lambda: build_scene(curved(), kind="ratio"),
        "signed": lambda: build_scene(curved(), kind="ratio", metric="hessian_min"),
        "compared": lambda: build_comparison([curved(), curved(13, 2)], kind="ratio", names="PQ"),
        "curvature": lambda: build_scene(path(), kind="curvature"),
        "runs": lambda: build_comparison([path(), path()], kind="curvature", names="PQ"),
    }
)


def cells(figure):
    return figure.axes[0].findobj(QuadMesh)[0]


def contour_sets(axes):
    return [collection for collection in axes.collections if hasattr(collection, "levels")]


@pytest.mark.parametrize("name, suffix", formats(SCENES))
def test_every_format_is_written(name, suffix, tmp_path):
    draw = html.draw if suffix == ".html" else still.draw
    assert draw(SCENES[name](), tmp_path / f"a{suffix}").stat().st_size > 5000


@pytest.mark.parametrize("name", SCENES)
def test_no_text_is_cut_off_and_no_words_overlap(name):
    figure = still.figure_of(SCENES[name]())
    figure.canvas.draw()
    width, height = figure.canvas.get_width_height()
    words = [*figure.texts, *(text for legend in figure.legends for text in legend.get_texts())]
    words += [label for axes in figure.axes for label in (axes.xaxis.label, axes.yaxis.label) if label.get_text()]
    boxes = [text.get_window_extent() for text in words]
    for box in boxes:
        assert box.x0 >= 0 and box.y0 >= 0 and box.x1 <= width + 1 and box.y1 <= height + 1
    for number, one in enumerate(boxes):
        assert not any(one.overlaps(other) for other in boxes[number + 1 :]), words[number].get_text()


@pytest.mark.parametrize("name", ["ratio", "signed"])
def test_the_cells_have_the_edges_values_and_colours_of_the_scene(name):
    scene = SCENES[name]()
    field, mesh = scene.views[0].field, cells(still.figure_of(scene))
    corners = np.asarray(mesh.get_coordinates())
    np.testing.assert_allclose(corners[0, :, 0], field.x_edges)
    np.testing.assert_allclose(corners[:, 0, 1], field.y_edges)
    drawn = np.ma.filled(np.ma.asarray(mesh.get_array()).reshape(field.heights.shape).astype(float), np.nan)
    np.testing.assert_array_equal(drawn, field.heights)
    assert (to_hex(mesh.cmap(0.0)), to_hex(mesh.cmap(1.0))) == (field.colors[0], field.colors[-1])


def test_the_colour_on_paper_is_that_of_the_ratio_at_that_place(tmp_path):
    scene, surface = SCENES["ratio"](), curved()
    field, dpi = scene.views[0].field, 100
    figure = still.figure_of(scene)
    figure.set_dpi(dpi)
    figure.canvas.draw()
    image = imread(still.draw(scene, tmp_path / "a.png", dpi=dpi))[::-1, :, :3]
    found = {}
    # A quarter of a cell off the points: there stand neither the mark of the centre nor lines.
    for x, y in ((0.06, -0.06), (0.64, 0.64)):
        column, row = figure.axes[0].transData.transform((x, y)).astype(int)
        found[x, y] = image[row, column].sum()
    assert found[0.06, -0.06] < 1 < 2 < found[0.64, 0.64]
    assert field.values[2, 2] == 0.0 and field.values[4, 4] == pytest.approx(2 * surface.x[-1] ** 2)


def test_the_lines_lie_over_the_cells_where_the_loss_is():
    scene = SCENES["ratio"]()
    axes = still.figure_of(scene).axes[0]
    (lines,) = contour_sets(axes)
    assert lines.zorder > cells(axes.figure).zorder
    np.testing.assert_array_equal(lines.levels, scene.views[0].over.level_ticks.heights)
    for level, outline in zip(scene.views[0].over.levels, lines.get_paths(), strict=True):
        assert len(outline.vertices)
        np.testing.assert_allclose(0.1 + (outline.vertices**2).sum(axis=1), level, rtol=0.02)


def test_the_ink_of_the_lines_is_that_of_the_map():
    for name in ("ratio", "signed"):
        scene = SCENES[name]()
        (lines,) = contour_sets(still.figure_of(scene).axes[0])
        assert to_hex(lines.get_edgecolor()[0]) == scene.views[0].field.ink[0]


def test_holes_are_cells_and_named():
    scene = SCENES["ratio"]()
    field, axes = scene.views[0].field, still.figure_of(scene).axes[0]
    (grey,) = [each for each in axes.collections if isinstance(each, PolyCollection) and not hasattr(each, "levels")]
    (outline,) = grey.get_paths()
    assert outline.vertices.min(axis=0).tolist() == [field.x_edges[1], field.y_edges[0]]
    assert outline.vertices.max(axis=0).tolist() == [field.x_edges[2], field.y_edges[1]]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["failed"]


def test_panels_share_one_colour_bar_and_have_lines_each():
    figure = still.figure_of(SCENES["compared"]())
    assert len(figure.axes) == 3
    one, two = (contour_sets(axes)[0] for axes in figure.axes[:2])
    np.testing.assert_array_equal(one.levels, two.levels)


def panel_of(name):
    return html.panel_of(SCENES[name](), compared=False)


def test_the_page_has_one_map_with_cells_for_each_view():
    scene, panel = SCENES["ratio"](), panel_of("ratio")
    assert (panel.drawn.places, len(panel.drawn.figures), panel.drawn.table) == (
        ("map",),
        1,
        (0,) * len(fields_of(scene)),
    )
    (figure,) = panel.drawn.figures
    for view, field in enumerate(fields_of(scene)):
        (heat,) = [t for t in figure.data if t.type == "heatmap" and t.meta.get("view") == view and t.name != "holes"]
        sheet, (low, high) = panel.drawn.sheets[heat.meta["sheet"]], (field.scale.low, field.scale.high)
        np.testing.assert_allclose(low + sheet.z * (high - low), field.heights, atol=1e-5)
        np.testing.assert_allclose(sheet.x, field.x_edges)
        assert (heat.zmin, heat.zmax, heat.visible) == (0, 1, view == 0)
        assert [color for _, color in heat.colorscale] == list(field.colors)


def test_each_view_of_the_page_has_the_lines_once_in_its_ink():
    scene, (figure,) = SCENES["ratio"](), panel_of("ratio").drawn.figures
    lines = [trace for trace in figure.data if trace.type == "contour"]
    assert len({field.ink for field in fields_of(scene)}) == 2 and len(lines) == 4
    for view, field in enumerate(fields_of(scene)):
        over = [trace for trace in lines if view in trace.meta["views"]]
        assert [trace.line.color for trace in over] == [field.ink[1], field.ink[0]], "the rim lies below"
        assert all(trace.visible == (0 in trace.meta["views"]) for trace in over)


def test_the_panels_stand_under_each_other_on_one_axis():
    scene = SCENES["curvature"]()
    top, ends, share = still.figure_of(scene).axes
    boxes = [axes.get_position() for axes in (top, ends, share)]
    assert boxes[0].y0 > boxes[1].y1 > boxes[1].y0 > boxes[2].y1
    assert len({axes.get_xlim() for axes in (top, ends, share)}) == 1
    assert (top.get_yscale(), ends.get_yscale(), share.get_ylim()[0]) == ("log", "asinh", 0.0)
    drawn = {line.get_label(): line.get_ydata() for axes in (top, ends, share) for line in axes.lines}
    for curve in (*scene.views[0].curves, *(c for strip in scene.views[0].strips for c in strip.curves)):
        np.testing.assert_array_equal(drawn[curve.label], curve.y)


def test_the_symmetric_scale_of_matplotlib_is_that_of_the_scene():
    scene = SCENES["curvature"]()
    ends = still.figure_of(scene).axes[1]
    axis = scene.views[0].strips[0].axis
    places = ends.transAxes.inverted().transform(ends.transData.transform([(0, value) for value in axis.ticks]))[:, 1]
    heights = np.arcsinh(np.array([axis.low, *axis.ticks, axis.high]) / (2 * axis.unit))
    np.testing.assert_allclose(places, ((heights - heights[0]) / (heights[-1] - heights[0]))[1:-1], atol=1e-9)


def test_the_legend_names_the_curves_of_all_panels():
    figure = still.figure_of(SCENES["curvature"]())
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert names == [
        "train loss",
        "largest Hessian eigenvalue",
        "smallest Hessian eigenvalue",
        "negative Hessian eigenvalues",
    ]
    assert figure.axes[2].get_ylabel().split() == ["negative", "eigenvalues", "(%)"]


def test_the_page_draws_heights_and_tells_values():
    scene, panel = SCENES["curvature"](), panel_of("curvature")
    (figure,) = panel.drawn.figures
    assert panel.drawn.places == ("stack",)
    smallest = next(t for t in figure.data if t.name == "smallest Hessian eigenvalue" and t.meta["view"] == 0)
    curve, axis = scene.views[0].strips[0].curves[1], scene.views[0].strips[0].axis
    np.testing.assert_allclose(np.asarray(smallest.customdata, float), curve.y)
    np.testing.assert_allclose(np.asarray(smallest.y, float) * np.log(10), np.arcsinh(curve.y / (2 * axis.unit)))
    low, high = figure.layout.yaxis3.range
    assert low < np.min(smallest.y) and np.max(smallest.y) < 0 < high
    assert figure.layout.yaxis3.zeroline and not figure.layout.yaxis4.zeroline
    domains = [figure.layout[name].domain for name in ("yaxis", "yaxis3", "yaxis4")]
    assert domains[0][0] > domains[1][1] > domains[1][0] > domains[2][1] >= domains[2][0] == pytest.approx(0)
    assert figure.layout.xaxis.anchor == "y4"


def test_switching_the_scale_changes_every_panel_and_keeps_the_line_at_zero():
    first, other = (line_changes(lines) for lines in SCENES["curvature"]().views)
    assert (first["yaxis.type"], other["yaxis.type"]) == ("log", "linear")
    assert first["yaxis3.range"][1] < 10 < 300 < other["yaxis3.range"][1]
    assert not any(key.endswith("zeroline") and not key.startswith("yaxis.") for key in first)


@pytest.mark.skipif(CHROMIUM is None, reason=WITHOUT)
def test_hovering_and_switching_in_a_browser(tmp_path, opened):
    page = html.draw(SCENES["ratio"](), tmp_path / "a.html")
    opened.open(page)
    opened.wait("document.documentElement.dataset.drawn")
    texts = opened.run(
        "(heat => [heat.text[2][2], heat.text[0][0]])(document.getElementById('map0').data"
        ".find(t => t.type === 'heatmap' && t.name !== 'holes' && t.meta.view === 0))"
    )
    opened.run("(s => { s.value = 'hessian_min'; s.onchange(); })(document.querySelector('#controls select'))")
    opened.wait("document.getElementById('title').textContent.includes('smallest Hessian eigenvalue')")
    shown = opened.run(
        "document.getElementById('map0').data.filter(t => t.visible).map(t => [t.type, t.line && t.line.color])"
    )
    assert "<b>8</b> ± 0.5" in texts[0] and "train loss: <b>0.1</b>" in texts[0]
    assert "|smallest / largest| Hessian eigenvalue: <b>0.98</b>" in texts[1]
    assert [line for kind, line in shown if kind == "contour"] == ["#ffffff", "#101018"]
