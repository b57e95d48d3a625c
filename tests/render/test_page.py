"""The page is whole in itself, and what it holds is what the scene says."""

import base64
import json
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest

from landscape.errors import UsageError
from landscape.render.page import picture as html
from landscape.scene.build import build_scene
from landscape.scene.compare import build_comparison


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


def traces(figure, kind, view=0):
    return [t for t in figure["data"] if t["type"] == kind and t["meta"]["view"] == view]


def readings(panel, view=0):
    """What hovering tells in a view, by metric."""
    return {reading["metric"]: reading for reading in panel["tables"][panel["table"][view]]["readings"]}


def test_the_page_needs_no_network(surfaces, tmp_path):
    page = page_of(build_scene(surfaces["bowl"], kind="contour"), tmp_path)
    assert not re.search(r"<(script|link|img)[^>]+(src|href)=[\"']?(https?:)?//", page)
    assert "showSendToCloud: false" in page, "no button may send a user's results to a service"
    assert "Plotly.newPlot" in page
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
    relief, flat = data_of(page_of(scene, tmp_path))["panels"][0]["figures"]
    heat = traces(flat, "heatmap")[0]
    z, x, y = array(heat["z"]), array(heat["x"]), array(heat["y"])
    assert np.argwhere(z == 5.0).tolist() == [[3, 9]]
    assert x[9] < hot.x[9] < x[10]
    assert y[3] < hot.y[3] < y[4]
    surface = traces(relief, "surface")[0]
    peak = array(surface["z"]) > 4.95
    across, along = np.meshgrid(array(surface["x"]), array(surface["y"]))
    assert across[peak].mean() == pytest.approx(hot.x[9], abs=0.05)
    assert along[peak].mean() == pytest.approx(hot.y[3], abs=0.05)


def test_holes_stay_holes_and_hover_knows_the_values(surfaces, tmp_path):
    surface = surfaces["chaos"]
    (panel,) = data_of(page_of(build_scene(surface, kind="contour"), tmp_path))["panels"]
    relief, flat = panel["figures"]
    assert np.isnan(array(traces(relief, "surface")[0]["z"])).any()
    holes = array(traces(flat, "heatmap")[0]["z"])
    assert set(holes[np.isfinite(holes)]) == {1, 2, 3}
    known = readings(panel)["train_loss"]["values"]
    assert known[2][3] is None
    assert known[10] == [None] * 13
    assert known[8][8] == 1e12, "hover tells the true value, also of a clipped point"
    assert known[5][6] == pytest.approx(0.05)


def test_bands_lie_between_their_levels(surfaces, tmp_path):
    scene = build_scene(surfaces["bowl"], kind="contour")
    field = scene.views[0].field
    contour = traces(data_of(page_of(scene, tmp_path))["panels"][0]["figures"][1], "contour")[0]
    number = array(contour["z"])
    for index, height in enumerate(field.level_ticks.heights):
        np.testing.assert_array_equal(number >= index + 1, field.mesh.z >= height - 1e-6)
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
    ranges = [layout[0]["scene.zaxis.range"] for layout in panel["layouts"]]
    assert ranges[0] != ranges[1]
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


CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
PROBE = """
<script>
addEventListener("load", () => setTimeout(() => {
  const eye = number => document.getElementById("relief" + number).layout.scene.camera.eye;
  let told = 0;
  document.getElementById("relief0").on("plotly_relayout", () => told++);
  Plotly.relayout("relief1", { "scene.camera": { eye: { x: 0.25, y: 2, z: 0.5 } } });
  setTimeout(() => {
    const buttons = [...document.querySelectorAll("#controls button")].map(b => b.textContent);
    document.querySelector("#controls button").click();
    setTimeout(() => {
      const kept = eye(0), type = document.getElementById("relief0")._fullLayout.scene.zaxis.range;
      document.body.dataset.probe = JSON.stringify({ eye: kept, told: told, buttons: buttons, range: type });
    }, 1500);
  }, 1500);
}, 2500));
</script></body>
"""


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine")
def test_cameras_move_together_in_a_browser(surfaces, tmp_path):
    comparison = build_comparison([surfaces["bowl"], surfaces["bowl"]], kind="surface", names=["P", "Q"])
    page = page_of(comparison, tmp_path)
    (tmp_path / "probe.html").write_text(PROBE.strip().join(page.rsplit("</body>", 1)), encoding="utf-8")
    flags = "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    flags += "--disable-component-update --disable-sync --use-gl=angle --use-angle=swiftshader "
    flags += "--enable-unsafe-swiftshader --ignore-gpu-blocklist --window-size=1400,900 "
    flags += f"--virtual-time-budget=20000 --enable-logging=stderr --v=0 --user-data-dir={tmp_path / 'profile'}"
    command = [CHROMIUM, *flags.split(), "--dump-dom", f"file://{tmp_path / 'probe.html'}"]
    run = subprocess.run(command, capture_output=True, text=True, timeout=120)
    found = re.search(r'data-probe="([^"]*)"', run.stdout)
    assert found, run.stderr[-2000:]
    probe = json.loads(found.group(1).replace("&quot;", '"'))
    assert probe["eye"] == {"x": 0.25, "y": 2, "z": 0.5}
    assert probe["told"] <= 3, "no endless exchange"
    assert probe["buttons"] == ["linear", "log"]
    assert probe["range"][1] > 100, "the linear scale was switched to"
    assert "Uncaught" not in run.stderr
