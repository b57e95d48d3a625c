"""The page of a volume: its slices by value; in a browser, the camera stays while level, slices, metric and ground change."""

import json

import numpy as np
import pytest

from landscape.grid import Grid, Range
from landscape.render.page import picture as html
from landscape.render.page.volume import draw
from landscape.scene.build import build_scene
from landscape.surfaces.surface import Surface
from tests.browser import CHROMIUM, WITHOUT

CAMERA = "JSON.stringify(document.getElementById('volume0')._fullLayout.scene.camera.eye)"
SHOWN = "document.getElementById('volume0').data"


@pytest.fixture
def scene():
    grid = Grid.of(Range(-1, 1, 7), Range(-1, 1, 5), Range(-2, 1, 7))
    z, y, x = np.meshgrid(*(axis.values for axis in grid.axes[::-1]), indexing="ij")
    loss = 0.1 + x**2 + 2 * y**2 + 3 * z**2 + 0.1 * x
    return build_scene(Surface(grid, {"train_loss": loss, "test_loss": 1 + loss}), kind="volume", metric="train_loss")


def test_slices_lie_in_their_planes_and_have_the_values_there(scene):
    slices = [trace for trace in draw(scene).figures[0].data if trace.name == "slice" and trace.meta["view"] == 0]
    assert len(slices) == 3
    for trace, fixed in zip(slices, "zyx", strict=True):
        x, y, z = (np.asarray(trace[axis], dtype=float) for axis in "xyz")
        assert np.unique(trace[fixed]).tolist() == [0.0]
        assert np.asarray(trace.customdata) == pytest.approx(0.1 + x**2 + 2 * y**2 + 3 * z**2 + 0.1 * x, rel=1e-6)


@pytest.mark.skipif(CHROMIUM is None, reason=WITHOUT)
def test_the_camera_stays_whatever_is_shown(scene, tmp_path, opened):
    path, levels = html.draw(scene, tmp_path / "volume.html"), draw(scene).levels[0]["at"]
    opened.open(path, 400, 500)
    opened.wait("document.documentElement.dataset.drawn")
    start = opened.run(CAMERA)
    opened.drag((200, 280), (250, 300))
    turned = opened.wait(f"{CAMERA} !== {json.dumps(start)} && {CAMERA}")
    opened.run("(s => { s.value = s.max; s.dispatchEvent(new Event('input')); })(document.getElementById('level'))")
    opened.wait(f"{SHOWN}[0].isomin === {levels[-1]} && {SHOWN}[0].isomax === {levels[-1]}")
    assert opened.run(CAMERA) == turned
    assert opened.run(f"{SHOWN}.filter(trace => trace.name === 'slice').map(trace => trace.visible)") == [False] * 3
    opened.run("document.getElementById('slices').click()")
    opened.wait(f"{SHOWN}.filter(trace => trace.name === 'slice').every(trace => trace.visible)")
    opened.run("document.getElementById('theme').click()")
    opened.run("document.querySelector('select').value = 'test_loss'")
    opened.run("document.querySelector('select').dispatchEvent(new Event('change'))")
    opened.wait(f"{SHOWN}[0].hovertemplate.includes('test loss')")
    assert opened.run(CAMERA) == turned and opened.errors == []
