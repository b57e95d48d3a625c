"""Still pictures show each value in its place, and are files that others can open."""

import subprocess
import sys

import matplotlib
import numpy as np
import pytest
from matplotlib.collections import QuadMesh
from matplotlib.colors import to_hex
from matplotlib.image import imread

from landscape.errors import UsageError
from landscape.grid import Grid, Range
from landscape.render.still import picture as still
from landscape.render.still.bars import color_map
from landscape.scene.build import build_scene
from landscape.scene.compare import build_comparison
from landscape.scene.look import LIGHT
from landscape.scene.views.sight import height_in_sight
from landscape.surfaces.surface import Surface
from tests.render import conftest

SIGNATURES = {
    ".png": b"\x89PNG\r\n",
    ".pdf": b"%PDF-",
    ".svg": b"<?xml",
    ".eps": b"%!PS-Adobe",
    ".jpg": b"\xff\xd8\xff",
    ".tif": b"II*\x00",
}
FLAT = ["contour", "filled", "heatmap"]


def texts(figure):
    return [text.get_text() for text in figure.findobj(matplotlib.text.Text) if text.get_text()]


def plane_axes(figure):
    return figure.axes[0]


@pytest.mark.parametrize("suffix", SIGNATURES)
@pytest.mark.parametrize("kind", ["contour", "surface"])
def test_files_are_what_their_suffix_says(surfaces, tmp_path, kind, suffix):
    path = still.draw(build_scene(surfaces["bowl"], kind=kind), tmp_path / f"a{suffix}", dpi=60)
    data = path.read_bytes()
    assert data.startswith(SIGNATURES[suffix])
    assert 5_000 < len(data) < 3_000_000


@pytest.mark.parametrize("name", ["bowl", "oblong", "chaos", "constant", "missing"])
@pytest.mark.parametrize("kind", [*FLAT, "surface"])
def test_every_kind_draws_every_surface(surfaces, tmp_path, name, kind):
    scene = build_scene(surfaces[name], kind=kind)
    image = imread(still.draw(scene, tmp_path / "a.png", dpi=40))
    assert image[..., :3].std() > 0.02


def test_pictures_have_the_size_that_dpi_says(surfaces, tmp_path):
    scene = build_scene(surfaces["bowl"], kind="surface")
    width, height = still.figure_of(scene).get_size_inches()
    image = imread(still.draw(scene, tmp_path / "a.png", dpi=50))
    assert image.shape[1] == pytest.approx(50 * width, abs=1.5)
    assert image.shape[0] == pytest.approx(50 * height, abs=1.5)


@pytest.mark.parametrize("name", ["a.bmp", "a", "a.html"])
def test_other_suffixes_are_refused(surfaces, tmp_path, name):
    with pytest.raises(UsageError, match=r"\.png, \.pdf, \.svg"):
        still.draw(build_scene(surfaces["bowl"], kind="contour"), tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_heat_map_cells_are_centred_on_the_grid(hot):
    figure = still.figure_of(build_scene(hot, kind="heatmap"))
    (mesh,) = plane_axes(figure).findobj(QuadMesh)
    corners = np.asarray(mesh.get_coordinates())
    row, column = np.argwhere(np.asarray(mesh.get_array()).reshape(7, 11) > 4)[0]
    centre = corners[row : row + 2, column : column + 2].mean(axis=(0, 1))
    np.testing.assert_allclose(centre, [hot.x[9], hot.y[3]])
    np.testing.assert_allclose(corners[1:, 1:] - corners[:-1, :-1], np.broadcast_to([0.2, 1.25 / 6], (7, 11, 2)))


def test_the_hot_cell_is_where_its_coordinates_are_on_paper(hot, tmp_path):
    scene = build_scene(hot, kind="heatmap")
    figure = still.figure_of(scene)
    dpi = 100
    figure.set_dpi(dpi)
    figure.canvas.draw()
    x, y = plane_axes(figure).transData.transform((hot.x[9], hot.y[3]))
    image = imread(still.draw(scene, tmp_path / "a.png", dpi=dpi))[::-1, :, :3]
    warmest = color_map(scene.views[0].field.colors)(1.0)[:3]
    rows, columns = np.nonzero(np.abs(image - warmest).max(axis=2) < 0.03)
    inside = columns < figure.axes[1].get_window_extent().x0 - 5
    assert columns[inside].mean() == pytest.approx(x, abs=1.5)
    assert rows[inside].mean() == pytest.approx(y, abs=1.5)


@pytest.mark.parametrize("kind", FLAT)
def test_axes_end_where_the_frame_ends(surfaces, kind):
    scene = build_scene(surfaces["oblong"], kind=kind)
    axes = plane_axes(still.figure_of(scene))
    assert axes.get_xlim() == scene.frame.x_range
    assert axes.get_ylim() == scene.frame.y_range
    box = axes.get_window_extent()
    lengths = np.diff(scene.frame.x_range)[0] / np.diff(scene.frame.y_range)[0]
    assert box.width / box.height == pytest.approx(lengths, rel=1e-6)


def test_the_colour_bar_has_the_values_of_the_levels(surfaces):
    scene = build_scene(surfaces["bowl"], kind="contour")
    bar = still.figure_of(scene).axes[1]
    shown = dict(zip(bar.get_yticks(), (t.get_text() for t in bar.get_yticklabels()), strict=True))
    for height, label in shown.items():
        assert 10**height == pytest.approx(float(label))
    assert set(np.round(list(shown), 9)) == set(np.round(scene.views[0].field.level_ticks.heights, 9))


def test_inline_labels_name_the_line_they_stand_on(surfaces):
    field = build_scene(surfaces["bowl"], kind="contour").views[0].field
    axes = plane_axes(still.figure_of(build_scene(surfaces["bowl"], kind="contour")))
    labels = [text for text in axes.texts if text.get_text() in field.level_ticks.labels]
    assert len(labels) == len(field.label_points)
    for text in labels:
        x, y = text.get_position()
        assert 0.05 * np.exp(6 * (x**2 + y**2)) == pytest.approx(float(text.get_text()), rel=0.12)


def test_all_numbers_of_lines_have_the_colour_of_letters():
    """Also where one panel of a comparison has lines of its own, drawn after the others."""
    low, high = conftest.bowl(), conftest.bowl()
    high.values["train_loss"] = 0.5 + high.values["train_loss"] / 100
    comparison = build_comparison([low, high], kind="contour")
    assert any(len(panel.views[0].field.extra_ticks.labels) for panel in comparison.panels)
    figure = still.figure_of(comparison)
    numbers = [text for axes in figure.axes for text in axes.texts if text.get_path_effects()]
    assert len(numbers) > 6 and {to_hex(text.get_color()) for text in numbers} == {LIGHT.ink}


def test_figures_carry_title_facts_and_notes(surfaces):
    for kind in ("contour", "surface"):
        scene = build_scene(surfaces["chaos"], kind=kind)
        written = " ".join(texts(still.figure_of(scene)))
        for phrase in (*scene.facts, *scene.notes, scene.title):
            for word in phrase.split():
                assert word in written


def test_holes_are_named_in_a_legend(surfaces):
    axes = plane_axes(still.figure_of(build_scene(surfaces["chaos"], kind="heatmap")))
    assert [t.get_text() for t in axes.get_legend().get_texts()] == ["not finite", "not computed", "failed"]
    assert plane_axes(still.figure_of(build_scene(surfaces["bowl"], kind="heatmap"))).get_legend() is None


def test_text_stays_on_the_sheet(surfaces):
    for kind, name in (("contour", "chaos"), ("line", "line"), ("surface", "oblong")):
        figure = still.figure_of(build_scene(surfaces[name], kind=kind, title="A title that is long " * 6))
        figure.canvas.draw()
        width, height = figure.canvas.get_width_height()
        for text in figure.texts:
            box = text.get_window_extent()
            assert box.x0 >= 0, text
            assert box.x1 <= width + 1, text
            assert box.y0 >= 0, text
            assert box.y1 <= height + 1, text


def test_lines_have_two_axes_bands_and_marks(surfaces, tmp_path):
    scene = build_scene(surfaces["line"], kind="line")
    figure = still.figure_of(scene)
    left, right = figure.axes
    assert (left.get_yscale(), right.get_ylim()) == ("log", (0.0, 102.5))
    assert [line.get_label() for line in left.lines if "loss" in line.get_label()] == ["train loss", "test loss"]
    assert {"small batch", "large batch", "train accuracy"} <= set(texts(figure))
    assert len(left.collections) == 1
    still.draw(scene, tmp_path / "a.pdf")


@pytest.mark.parametrize("kind", [*FLAT, "surface"])
def test_comparisons_have_one_colour_bar_and_a_name_per_panel(surfaces, tmp_path, kind):
    comparison = build_comparison([surfaces["bowl"], surfaces["oblong"], surfaces["bowl"]], kind=kind, names="PQR")
    figure = still.figure_of(comparison)
    assert len(figure.axes) == 4
    assert set("PQR") <= set(texts(figure))
    first, second = figure.axes[:2]
    assert first.get_xlim() == second.get_xlim()
    if kind == "surface":
        assert first.get_zlim() == second.get_zlim()
    still.draw(comparison, tmp_path / "a.png", dpi=40)


def test_more_panels_than_a_row_holds(surfaces, tmp_path):
    comparison = build_comparison([surfaces["bowl"]] * 5, kind="heatmap")
    assert len(still.figure_of(comparison).axes) == 6
    lines = build_comparison([surfaces["line"]] * 2, kind="line")
    assert len(still.figure_of(lines).axes) == 4


def test_pdf_text_is_truetype(surfaces, tmp_path):
    data = still.draw(build_scene(surfaces["bowl"], kind="contour"), tmp_path / "a.pdf").read_bytes()
    assert b"/Type3" not in data
    assert b"/CIDFontType2" in data


def test_the_same_scene_is_the_same_file(surfaces, tmp_path):
    scene = build_scene(surfaces["bowl"], kind="contour")
    for suffix in SIGNATURES:
        one, two = (still.draw(scene, tmp_path / f"{name}{suffix}", dpi=50).read_bytes() for name in "ab")
        assert one == two


def test_the_user_s_matplotlib_is_left_alone(surfaces, tmp_path):
    before = dict(matplotlib.rcParams)
    still.draw(build_scene(surfaces["bowl"], kind="surface"), tmp_path / "a.svg", dpi=40)
    assert dict(matplotlib.rcParams) == before
    code = (
        "import sys, landscape.render.still.picture; print('matplotlib.pyplot' in sys.modules, 'plotly' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["False", "False"]


def test_a_dollar_in_a_name_is_a_dollar(surfaces, tmp_path):
    scene = build_scene(surfaces["bowl"], kind="contour", title="costs $5 or $x_1^{$ each")
    figure = still.figure_of(scene)
    assert not figure.texts[-1].get_parse_math()
    still.draw(scene, tmp_path / "a.png", dpi=40)


@pytest.mark.parametrize("levels", [[1e-9, 1e-8], [1e-9, 0.5, 1e9], 1, 40])
def test_any_levels_can_be_drawn(surfaces, tmp_path, levels):
    for kind in FLAT:
        still.draw(build_scene(surfaces["bowl"], kind=kind, levels=levels), tmp_path / "a.png", dpi=30)


def test_a_pin_rises_from_a_hidden_centre_until_it_is_seen():
    """Behind a ridge the cross is paler, and a pin leads from it to the least height that is seen, and a little further."""

    def marks(elevation):
        scene = build_scene(conftest.behind_a_ridge(), kind="surface", scale="linear", view=(elevation, -90.0))
        (axes,) = [each for each in still.figure_of(scene).axes if each.name == "3d"]
        found = {line.get_marker(): line for line in axes.lines if len(line.get_data_3d()[0]) == 1}
        return scene, found["+"], found.get("o")

    scene, cross, head = marks(8.0)
    field = scene.views[0].field
    (x,), (y,), (z,) = cross.get_data_3d()
    assert (x, y) == (0.0, 0.0) and cross.get_alpha() < 1
    ridge = height_in_sight(field.mesh, scene.camera, x, y, z)
    (top,) = head.get_data_3d()[2]
    assert z < 2 < ridge < 5 < field.scale.high and ridge < top < ridge + 0.1 * (field.scale.high - field.scale.low)
    _, cross, head = marks(70.0)
    assert cross.get_alpha() == 1 and head is None


@pytest.mark.parametrize("kind", ["contour", "surface"])
def test_a_name_of_an_axis_is_cut_where_it_has_no_room(kind):
    """A relief is not made smaller for it."""

    def extent(name):
        grid = Grid.of(Range(-1, 1, 9), Range(-1, 1, 9), labels=(f"x: {name}", f"y: {name}"))
        figure = still.figure_of(build_scene(Surface(grid, conftest.bowl(9, 9).values), kind=kind))
        figure.draw_without_rendering()
        axes, sheet = figure.axes[0], figure.bbox
        boxes = [axis.label.get_window_extent() for axis in (axes.xaxis, axes.yaxis)]
        assert all(box.x0 >= 0 and box.x1 <= sheet.x1 and box.y0 >= 0 and box.y1 <= sheet.y1 for box in boxes)
        assert ("…" in axes.xaxis.label.get_text()) == (len(name) > 100)
        return np.diff(axes.transData.transform([(-1, -1), (1, 1)]), axis=0) if kind == "contour" else axes._box_aspect

    assert extent("n" * 200) == pytest.approx(extent("random direction"), rel=0.15)
