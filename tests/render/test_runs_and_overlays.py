"""Learning curves, spreads and overlays on paper and on the page: what the scene says, in its place."""

import numpy as np
import pytest
from matplotlib.image import imread

from landscape.grid import Grid, Range
from landscape.render.page import picture as html
from landscape.render.still import overlay
from landscape.render.still import picture as still
from landscape.render.still.relief import dress
from landscape.scene.build import build_scene, build_scenes
from landscape.scene.compare import build_comparison
from landscape.scene.look import PLAIN
from landscape.surfaces.run_log import RunLog
from landscape.surfaces.surface import Surface
from tests.render.conftest import formats, once


def run(epochs=20, **config):
    epoch = np.arange(epochs + 1.0)
    loss = 2.3 * np.exp(-0.3 * epoch)
    columns = {"epoch": epoch, "lr": np.where(epoch < 10, 0.1, 0.001), "train_loss": loss, "test_loss": loss + 0.1}
    columns |= {"train_accuracy": 1 - loss / 3, "test_accuracy": 0.9 - loss / 3}
    given = {name: np.ones(epochs + 1, bool) for name in columns}
    return RunLog({"model": "resnet56", "data": "cifar10", "epochs": 20, **config}, columns, given, "runs/one")


def bowls(gap, n=13):
    """Train and test loss, the second higher by `gap` everywhere."""
    grid = Grid.of(Range(-1, 1, n), Range(-1, 1, n))
    x, y = np.meshgrid(*(axis.values for axis in grid.axes))
    loss = 3 + x**2 + y**2
    return Surface(grid, {"train_loss": loss, "test_loss": loss + gap})


def seeds(count=4):
    grid = Grid.of(Range(-1, 1, 21))
    x = grid.axes[0].values
    made = []
    for seed in range(count):
        loss = 0.05 + (seed + 1) * x**2
        known = {"directions": {"kind": "random", "seed": seed}}
        made.append(Surface(grid, {"train_loss": loss, "train_accuracy": np.exp(-loss)}, provenance=known))
    return made


SCENES = once(
    {
        "curves": lambda: build_scenes([run()], kind="curves")[0],
        "compared": lambda: build_comparison([run(), run(12, seed=2)], kind="curves"),
        "spread": lambda: build_scenes(seeds(), kind="spread")[0],
        "overlay": lambda: build_scene(bowls(0.5), kind="overlay"),
        "overlay3d": lambda: build_scene(bowls(0.5), kind="overlay3d"),
    }
)


def ticks_within(axis):
    """The labels of the ticks that are drawn: matplotlib keeps others beyond the ends."""
    low, high = sorted(axis.get_view_interval())
    both = [*axis.get_major_ticks(), *axis.get_minor_ticks()]
    texts = [text for tick in both if low <= tick.get_loc() <= high for text in (tick.label1, tick.label2)]
    return [text for text in texts if text.get_text() and text.get_visible()]


@pytest.mark.parametrize("name", SCENES)
def test_nothing_is_cut_off_and_words_do_not_overlap(name):
    figure = still.figure_of(SCENES[name]())
    figure.canvas.draw()
    width, height = figure.canvas.get_width_height()
    boxes = []
    for axes in figure.axes:
        boxes += [text.get_window_extent() for text in (axes.xaxis.label, axes.yaxis.label) if text.get_text()]
        if axes.name == "rectilinear":
            boxes += [text.get_window_extent() for axis in (axes.xaxis, axes.yaxis) for text in ticks_within(axis)]
    words = [*figure.texts, *(text for legend in figure.legends for text in legend.get_texts())]
    written = [text.get_window_extent() for text in words]
    for box in (*boxes, *written):
        assert box.x0 >= 0 and box.y0 >= 0 and box.x1 <= width + 1 and box.y1 <= height + 1
    for number, one in enumerate(written):
        assert not any(one.overlaps(other) for other in written[number + 1 :])


@pytest.mark.parametrize("name, suffix", formats(SCENES))
def test_every_format_is_written(name, suffix, tmp_path):
    draw = html.draw if suffix == ".html" else still.draw
    assert draw(SCENES[name](), tmp_path / f"a{suffix}").stat().st_size > 5000


def test_the_strip_stands_under_the_curves_on_their_axis():
    left, right, strip = still.figure_of(SCENES["curves"]()).axes
    assert left.get_xlim() == strip.get_xlim()
    one, other = left.get_position(), strip.get_position()
    assert (one.x0, one.x1) == pytest.approx((other.x0, other.x1))
    assert other.y1 < one.y0
    assert (left.get_yscale(), right.get_ylim(), strip.get_yscale()) == ("log", (0.0, 102.5), "log")
    np.testing.assert_allclose(strip.lines[0].get_ydata(), run().columns["lr"])


def test_the_page_of_a_run_hovers_curves_and_learning_rate(tmp_path):
    scene = SCENES["curves"]()
    figure = html.panel_of(scene, compared=False).drawn.figures[0]
    seen = [trace for trace in figure.data if trace.meta["view"] == 0]
    assert [trace.name for trace in seen][-1] == "learning rate"
    assert all(trace.hovertemplate for trace in seen)
    assert (seen[-1].yaxis, figure.layout.yaxis3.anchor) == ("y3", "x")
    assert figure.layout.yaxis3.domain[1] < figure.layout.yaxis.domain[0]


def test_a_spread_has_thin_lines_behind_one_strong_line_and_no_name_for_them():
    figure = still.figure_of(SCENES["spread"]())
    left, below = figure.axes
    widths = sorted(line.get_linewidth() for line in left.lines)
    assert len(widths) == 5 and widths[3] < 0.6 * widths[4]
    strongest = max(left.lines, key=lambda line: line.get_linewidth())
    assert all(strongest.zorder > line.zorder for line in left.lines if line is not strongest)
    assert len(below.lines) == 5 and len(left.collections) == len(below.collections) == 1
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["train loss", "train accuracy"]
    page = html.panel_of(SCENES["spread"](), compared=False).drawn.figures[0]
    named = [t.name for t in page.data if t.meta["view"] == 0 and t.showlegend is not False]
    assert named == ["train loss", "train accuracy"]


def test_overlaid_lines_are_where_their_values_are_solid_and_dashed():
    scene = SCENES["overlay"]()
    axes = still.figure_of(scene).axes[0]
    # Contour sets are the collections with levels.
    one, other = [c for c in axes.collections if hasattr(c, "levels")]
    np.testing.assert_array_equal(one.levels, other.levels)
    assert one.get_linestyle()[0][1] is None and other.get_linestyle()[0][1] is not None
    scale = scene.views[0].layers[0].field.scale
    for drawn, gap in ((one, 0.0), (other, 0.5)):
        for height, path in zip(drawn.levels, drawn.get_paths(), strict=True):
            if len(path.vertices):
                loss = 3 + (path.vertices**2).sum(axis=1) + gap
                np.testing.assert_allclose(loss, scale.values(height), atol=0.02)


def orange_share(gap, tmp_path):
    """How much of the bowl's inside the wires of a test loss take that lies higher by `gap`."""
    image = imread(still.draw(build_scene(bowls(gap), kind="overlay3d"), tmp_path / "a.png", dpi=60))
    inside = image[60:140, 110:220, :3]
    return ((inside[..., 0] > 0.5) & (inside[..., 2] < 0.35)).mean()


def test_wires_are_seen_above_the_sheet_and_hidden_below_it(tmp_path):
    above, below = orange_share(0.4, tmp_path), orange_share(-0.4, tmp_path)
    assert above > 0.1
    assert below < 0.01
    assert orange_share(0.0, tmp_path) > 0.8 * above, "wires that lie on the sheet are not cut by its tiles"


def test_no_tile_lets_light_through_which_would_show_the_seams_between_them():
    (drawn,) = still.figure_of(SCENES["overlay3d"]()).axes[0].collections
    assert set(drawn._facecolor3d[:, 3]) == {0.0, 1.0}, "tiles of the sheet, and wires, which have no face"


def test_moving_toward_the_eye_moves_nothing_on_paper():
    scene = SCENES["overlay3d"]()
    axes = still.figure_of(scene).axes[0]
    dress(axes, scene, scene.views[0].layers[0].field, PLAIN)
    eye, matrix = overlay._eye(axes), axes.get_proj()

    def on_paper(point):
        x, y, z, w = matrix @ np.append(point, 1.0)
        return np.array([x / w, y / w, z / w])

    for point in np.array([[0.3, -0.7, 4.0], [-1.0, 1.0, 3.0]]):
        here, nearer = on_paper(point), on_paper(point + 0.1 * (eye - point))
        np.testing.assert_allclose(here[:2], nearer[:2], atol=1e-9)
        assert nearer[2] < here[2], "and it is drawn later"


def test_the_page_of_an_overlay_shows_both_and_hovers_both_values():
    surface = bowls(0.5)
    panel = html.panel_of(build_scene(surface, kind="overlay3d"), compared=False)
    relief, flat = panel.drawn.figures
    for view in range(2):
        kinds = [t.type for t in relief.data if t.meta["view"] == view]
        assert kinds.count("surface") == 2 and "scatter3d" in kinds
        assert [t.line.dash for t in flat.data if t.meta["view"] == view and t.type == "contour"] == ["solid", "dash"]
    assert [reading.metric for reading in panel.tables[0].readings] == ["train_loss", "test_loss"]
    assert panel.drawn.table == (0, 0)
    wires = next(t for t in relief.data if t.name == "test loss" and t.type == "scatter3d")
    x, y, z = (np.asarray(wires[axis], float) for axis in "xyz")
    on = np.isfinite(x)
    scale = build_scene(surface, kind="overlay").views[0].layers[0].field.scale
    np.testing.assert_allclose(
        scale.values(scale.low + z[on] * (scale.high - scale.low)), 3.5 + x[on] ** 2 + y[on] ** 2, atol=0.01
    )
    assert {t.visible for t in relief.data if t.meta["view"] == 1} == {False}


@pytest.mark.parametrize("kind", ["overlay", "overlay3d"])
def test_an_overlay_without_a_point_or_with_holes_is_drawn(kind, tmp_path):
    empty, holed = bowls(0.5), bowls(0.5)
    for values in empty.values.values():
        values[:] = np.nan
    holed.values["test_loss"][2:5, 3] = np.inf
    for number, surface in enumerate((empty, holed)):
        scene = build_scene(surface, kind=kind)
        still.draw(scene, tmp_path / f"{number}.png", dpi=40)
        html.draw(scene, tmp_path / f"{number}.html")
