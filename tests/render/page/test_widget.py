"""The widget of a notebook: its traits, and its script with a model of the test's in a browser."""

import json
import math
import sys

import pytest
from PIL import Image

import landscape as ll
from tests.browser import CHROMIUM, WITHOUT
from tests.render.conftest import bowl, chaos

CAMERA = {"azimuth": 0.5, "elevation": math.pi / 6, "zoom": 1.0, "center": [0, 0, 0]}
# What Jupyter does with a widget's script and traits, in as few lines as that takes.
NOTEBOOK = """<!doctype html><title>notebook</title><body style="margin: 0"><div id="el" style="width: 600px"></div><script>
const traits = {traits}, heard = {{}};
const model = {{
  saved: 0,
  get: name => traits[name],
  set(name, value) {{ traits[name] = value; (heard["change:" + name] || []).forEach(told => told()); }},
  save_changes() {{ this.saved++; }},
  on(name, told) {{ (heard[name] = heard[name] || []).push(told); }},
  off(name, told) {{ heard[name] = heard[name].filter(each => each !== told); }},
}};
import(URL.createObjectURL(new Blob([{esm}], {{ type: "text/javascript" }}))).then(made => {{
  window.end = made.default.render({{ model, el: document.getElementById("el") }});
}});
</script>"""


def test_traits_are_the_page_and_what_both_sides_change():
    surface = bowl()
    widget = ll.widget(surface, kind="surface", height=480)
    assert widget.page == ll.show(surface, kind="surface").html and widget.height == 480
    assert {"page", "height", "metric", "scale", "camera", "_esm"} <= set(
        widget.keys
    ) and "export default" in widget._esm
    assert (widget.camera, widget.view) == ({}, None)
    widget.camera = CAMERA
    assert widget.view == pytest.approx((30, math.degrees(0.5)))


def test_what_is_missing_and_what_cannot_be(monkeypatch):
    with pytest.raises(ll.UsageError, match="widget has no option 'kinds'; did you mean kind"):
        ll.widget(bowl(), kinds="surface")
    monkeypatch.setitem(sys.modules, "anywidget", None)
    monkeypatch.delitem(sys.modules, "landscape.render.page.widget", raising=False)
    with pytest.raises(ll.LandscapeError, match=r"needs anywidget: pip install 'nn-landscape\[notebook\]'"):
        ll.widget(bowl())


@pytest.mark.skipif(CHROMIUM is None, reason=WITHOUT)
def test_a_reader_and_python_turn_the_same_camera(tmp_path, opened):
    widget = ll.widget([bowl(), chaos()], kind="surface", height=460)
    traits = {name: getattr(widget, name) for name in ("page", "height", "metric", "camera")} | {"scale": "linear"}
    text = json.dumps(traits).replace("</", "<\\/")
    page = tmp_path / "notebook.html"
    page.write_text(NOTEBOOK.format(traits=text, esm=json.dumps(widget._esm)), encoding="utf-8")
    opened.open(page, 600, 480)
    start = opened.wait("traits.camera.azimuth && traits.scale === 'linear' && traits.camera")
    assert opened.run("[traits.metric, document.querySelector('iframe').clientHeight]") == ["train_loss", 460]
    opened.drag((150, 270), (190, 270))
    turned = opened.wait(f"traits.camera.azimuth !== {start['azimuth']} && traits.camera")
    assert turned["elevation"] == start["elevation"] and turned["zoom"] == 1
    # What cannot be is brought to what can, and comes back; anything else than a camera changes nothing.
    opened.run("model.set('camera', { azimuth: 1 })")
    opened.run("model.set('camera', { azimuth: 1, elevation: 3, zoom: 100, center: [0, 0, 0] })")
    steep = opened.wait("traits.camera.zoom === 8 && traits.camera")
    assert (steep["azimuth"], steep["elevation"]) == (1, pytest.approx(math.pi / 2)) and steep["center"] == [
        0,
        0,
        0,
    ]
    opened.run("model.set('camera', {azimuth: 1, elevation: 1, zoom: 1, center: [0, 0, 0]})")
    opened.wait("traits.camera.zoom === 1 && model.saved > 3")
    opened.picture(tmp_path / "seen.png")
    with Image.open(tmp_path / "seen.png") as seen:
        assert len(seen.convert("RGB").getcolors(1 << 20) or ()) > 500, "a relief has many colours"
    opened.run("end(); model.set('camera', {})")
    assert opened.run("Object.values(heard).flat().length") == 0 and opened.errors == []
