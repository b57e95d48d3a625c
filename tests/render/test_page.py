"""The page is whole in itself, and what it holds is what the scene says."""

import base64
import json
import re
import subprocess
import sys
import zlib

import numpy as np
import pytest
from plotly.offline import get_plotlyjs

from landscape.errors import UsageError
from landscape.grid import Grid, Range
from landscape.render.page import picture as html
from landscape.render.page.packed import FEWER_BITS, Numbers
from landscape.scene.build import build_scene
from landscape.scene.compare import build_comparison
from landscape.surfaces.surface import Surface


def fields_of(scene):
    return [view.field for view in scene.views]


def page_of(scene, tmp_path):
    return html.draw(scene, tmp_path / "a.html").read_text(encoding="utf-8")


def data_of(page):
    text = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.S).group(1)
    return json.loads(text.replace("<\\/", "</"))


def array(values):
    """What plotly stored, as numpy: base64 in new versions, lists in old ones; a missing number is NaN."""
    if isinstance(values, dict):
        flat = np.frombuffer(base64.b64decode(values["bdata"]), dtype=values["dtype"])
        return flat.reshape([int(n) for n in str(values.get("shape", flat.size)).split(",")])
    return np.array(values, dtype=float)


def stored(block, reference):
    """An array of the block, by the rules that packed.py states."""
    shape, at, drop = reference["shape"], reference["at"], reference["drop"]
    count = int(np.prod(shape))
    if reference["kind"] == "f8":
        return np.frombuffer(block, "<f8", count, at).reshape(shape)
    folded = sum(np.frombuffer(block, np.uint8, count, at + k * count).astype(np.int64) << 8 * k for k in range(4))
    steps = np.where(folded % 2, -(folded + 1) // 2, folded // 2)
    return ((np.cumsum(steps) << drop) % 2**32).astype("<u4").view("<f4").reshape(shape)


def reader_of(page):
    block = zlib.decompress(base64.b64decode(re.search('id="numbers">(.*?)</script>', page, re.S)[1]))
    return lambda reference: stored(block, reference)


def sheet_of(panel, trace):
    return panel["sheets"][trace["meta"]["sheet"]]


def traces(figure, kind, view=0):
    return [t for t in figure["data"] if t["type"] == kind and t["meta"]["view"] == view]


def readings(panel, view=0):
    """What hovering tells in a view, by metric."""
    return {reading["metric"]: reading for reading in panel["tables"][panel["table"][view]]["readings"]}


def test_the_page_needs_no_network(surfaces, tmp_path):
    page = page_of(build_scene(surfaces["bowl"], kind="contour"), tmp_path)
    assert not re.search(r"<(script|link|img)[^>]+(src|href)=[\"']?(https?:)?//", page)
    assert "showSendToCloud: false" in page, "no button may send a user's results to a service"
    assert len(page) > 1_000_000, "plotly.js is inside"
    assert page.count("</script>") == page.count("<script")


@pytest.mark.parametrize("name", ["bowl", "oblong", "chaos", "constant", "missing"])
@pytest.mark.parametrize("kind", ["contour", "heatmap"])
def test_every_surface_has_a_relief_and_a_map(surfaces, tmp_path, name, kind):
    scene = build_scene(surfaces[name], kind=kind)
    (panel,) = data_of(page_of(scene, tmp_path))["panels"]
    relief, flat = panel["figures"]
    assert len(traces(relief, "surface")) == (name != "missing"), "plotly fails on a surface without a point"
    assert relief["data"], "the axes need a trace to be drawn"
    assert len(traces(flat, "contour" if kind == "contour" else "heatmap")) >= 1
    assert len(panel["layouts"]) == len(panel["notes"]) == len(fields_of(scene))


def test_rows_are_y_and_columns_are_x(hot, tmp_path):
    scene = build_scene(hot, kind="heatmap")
    page = page_of(scene, tmp_path)
    (panel,), read = data_of(page)["panels"], reader_of(page)
    relief, flat = panel["figures"]
    heat = sheet_of(panel, traces(flat, "heatmap")[0])
    z, x, y = (read(heat[axis]) for axis in "zxy")
    assert np.argwhere(z == 1.0).tolist() == [[3, 9]]
    assert x[9] < hot.x[9] < x[10]
    assert y[3] < hot.y[3] < y[4]
    surface = sheet_of(panel, traces(relief, "surface")[0])
    peak = read(surface["z"]) > 0.9875
    across, along = np.meshgrid(read(surface["x"]), read(surface["y"]))
    assert across[peak].mean() == pytest.approx(hot.x[9], abs=0.05)
    assert along[peak].mean() == pytest.approx(hot.y[3], abs=0.05)


def test_holes_stay_holes_and_hover_knows_the_values(surfaces, tmp_path):
    surface = surfaces["chaos"]
    page = page_of(build_scene(surface, kind="contour"), tmp_path)
    (panel,), read = data_of(page)["panels"], reader_of(page)
    relief, flat = panel["figures"]
    assert np.isnan(read(sheet_of(panel, traces(relief, "surface")[0])["z"])).any()
    holes = array(traces(flat, "heatmap")[0]["z"])
    assert set(holes[np.isfinite(holes)]) == {1, 2, 3}
    known = read(readings(panel)["train_loss"]["values"])
    assert np.isnan(known[2][3])
    assert np.isnan(known[10]).all()
    assert known[8][8] == np.float32(1e12), "hover tells the true value, also of a clipped point"
    assert known[5][6] == pytest.approx(0.05)


def test_bands_lie_between_their_levels(surfaces, tmp_path):
    scene = build_scene(surfaces["bowl"], kind="contour")
    field = scene.views[0].field
    page = page_of(scene, tmp_path)
    (panel,) = data_of(page)["panels"]
    contour = traces(panel["figures"][1], "contour")[0]
    z, edges = reader_of(page)(sheet_of(panel, contour)["z"]), contour["meta"]["edges"]
    assert len(edges) == len(field.levels) + 2
    for edge, height in zip(edges[1:-1], field.level_ticks.heights, strict=True):
        np.testing.assert_array_equal(
            z >= edge - 1e-6, field.mesh.z >= height - 1e-6 * (field.scale.high - field.scale.low)
        )
    assert contour["colorbar"]["ticktext"] == list(field.level_ticks.labels)
    assert contour["contours"]["end"] == len(field.levels)


def test_views_switch_metric_scale_and_words(surfaces, tmp_path):
    data = data_of(page_of(build_scene(surfaces["bowl"], kind="contour"), tmp_path))
    assert [(v["metric"], v["scale"]) for v in data["views"]] == [
        ("train_loss", "log"),
        ("train_loss", "linear"),
        ("train_accuracy", "linear"),
    ]
    (panel,) = data["panels"]
    for figure in panel["figures"]:
        shown = {(t["meta"]["view"], t["visible"]) for t in figure["data"]}
        assert shown == {(0, True), (1, False), (2, False)}
    assert "train accuracy" in data["captions"][2]["title"]
    ticks = [layout[0]["scene.zaxis.ticktext"] for layout in panel["layouts"]]
    assert ticks[0] != ticks[1]
    assert panel["steps"][0][0] == "0.05" and panel["steps"][2][-1].endswith(" %")
    assert panel["layouts"][2][0]["scene.zaxis.ticktext"][-1].endswith(" %")


def test_facts_and_titles_are_on_the_page_and_cannot_break_it(surfaces, tmp_path):
    page = page_of(build_scene(surfaces["bowl"], kind="contour", title="</script><b>A & B"), tmp_path)
    data = data_of(page)
    assert data["captions"][0]["title"] == "</script><b>A & B"
    assert "seed 0" in " ".join(data["captions"][0]["facts"])
    assert page.count("</script>") == page.count("<script")


def test_lines_have_two_axes_and_both_scales(surfaces, tmp_path):
    data = data_of(page_of(build_scene(surfaces["line"], kind="line"), tmp_path))
    (figure,) = data["panels"][0]["figures"]
    assert figure["layout"]["yaxis"]["type"] == "log"
    assert figure["layout"]["yaxis2"]["range"] == [0, 102.5]
    low, high = figure["layout"]["yaxis"]["range"]
    assert 10**low < 0.01
    assert 10**high > 56
    assert [layout[0]["yaxis.type"] for layout in data["panels"][0]["layouts"]] == ["log", "linear"]
    names = [t["name"] for t in figure["data"] if t["meta"]["view"] == 0 and t.get("name")]
    assert names == ["train loss", "test loss", "train accuracy"]


def test_comparisons_have_a_panel_each_on_one_scale(surfaces, tmp_path):
    comparison = build_comparison([surfaces["bowl"], surfaces["oblong"]], kind="surface", names=["P", "Q"])
    data = data_of(page_of(comparison, tmp_path))
    reliefs = [panel["figures"][0] for panel in data["panels"]]
    assert len(reliefs) == 2
    assert len({(t["cmin"], t["cmax"]) for r in reliefs for t in traces(r, "surface")}) == 1
    assert reliefs[0]["layout"]["scene"]["camera"] == reliefs[1]["layout"]["scene"]["camera"]
    assert reliefs[0]["layout"]["scene"]["zaxis"] == reliefs[1]["layout"]["scene"]["zaxis"]


def test_other_suffixes_are_refused(surfaces, tmp_path):
    with pytest.raises(UsageError, match=r"\.html"):
        html.draw(build_scene(surfaces["bowl"], kind="contour"), tmp_path / "a.png")


def test_no_matplotlib_is_loaded():
    code = "import sys, landscape.render.page.picture; print('matplotlib' in sys.modules, 'torch' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["False", "False"]


def test_arrays_come_back_as_they_were():
    rng = np.random.default_rng(0)
    wide = 10.0 ** rng.uniform(-300, 300, (5, 7))
    heights = rng.uniform(0, 1, (9, 4))
    heights[2, 3], heights[0, 0], heights[8, 3] = np.nan, 0.0, 1.0
    numbers = Numbers()
    references = [numbers.add(heights), numbers.add(wide), numbers.add(heights, FEWER_BITS), numbers.add(heights)]
    block = zlib.decompress(base64.b64decode(numbers.text()))
    exact, same, rough, again = (stored(block, reference) for reference in references)
    np.testing.assert_array_equal(exact, heights.astype(np.float32))
    np.testing.assert_array_equal(same, wide)
    np.testing.assert_allclose(rough, heights, rtol=2.0 ** -(FEWER_BITS + 1))
    np.testing.assert_array_equal(again, exact)
    assert references[0] == references[3], "each array is stored once"


def test_a_page_of_two_nets_at_101_x_101_weighs_less_than_4_mb(tmp_path):
    def rough(seed):
        grid, rng = Grid.of(Range(-1, 1, 101), Range(-1, 1, 101)), np.random.default_rng(seed)
        x, y = np.meshgrid(*(axis.values for axis in grid.axes))
        loss = np.exp(4 * (x**2 + y**2)) * (1 + 0.002 * rng.standard_normal(x.shape))
        accuracy = np.round(5e4 * np.exp(-0.1 * loss)) / 5e4
        names = ("train_loss", "test_loss", "train_accuracy", "test_accuracy")
        return Surface(grid, dict(zip(names, (loss, 1.1 * loss, accuracy, 0.97 * accuracy), strict=True)))

    page = page_of(build_comparison([rough(0), rough(1)], kind="surface"), tmp_path)
    assert len(data_of(page)["views"]) == 6
    assert len(page.encode()) < 4_000_000
    assert len(re.search('id="data">(.*?)</script>', page, re.S)[1]) < 200_000, "arrays are not among the words"
    library = zlib.decompress(base64.b64decode(re.search('id="plotly">(.*?)</script>', page, re.S)[1]))
    assert library.decode() == get_plotlyjs()


def test_a_sentence_says_what_a_figure_shows(hot, surfaces):
    said = html.panel_of(build_scene(hot, kind="contour")).spoken[0]
    assert said.startswith(
        "train loss: lowest 1 at (-0.5, -1), highest 5 at (1.3, -0.375); over x direction from -0.5 to 1.5"
    )
    assert (
        html.panel_of(build_scene(surfaces["missing"], kind="contour"))
        .spoken[0]
        .startswith("train loss: nothing drawn")
    )
    assert (
        html.panel_of(build_scene(surfaces["line"], kind="line"))
        .spoken[0]
        .startswith("train loss, test loss, train accuracy; over")
    )
