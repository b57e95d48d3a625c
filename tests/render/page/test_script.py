"""Pages in a browser: what a user's mouse, wheel and keys do, on narrow and on wide screens, in light and in dark."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from landscape.grid import Grid, Range
from landscape.render.page import picture as html
from landscape.scene.build import build_scene
from landscape.scene.colors import LIGHT, NIGHT, rgb_of
from landscape.scene.compare import build_comparison
from landscape.scene.views.relief import Relief
from landscape.surfaces.surface import Surface
from tests.browser import CHROMIUM, WITHOUT
from tests.render.conftest import behind_a_ridge, bowl, chaos, flat, line

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason=WITHOUT)

DRAWN = "document.documentElement.dataset.drawn"
CAMERAS = "[...document.querySelectorAll('.relief')].map(div => div.dataset.camera)"
LONG = "n" * 200


def named(name):
    grid = Grid.of(Range(-1, 1, 5), Range(-1, 1, 5), labels=("x " + name, "y " + name))
    return Surface(grid, {"train_" + name: np.arange(1.0, 26).reshape(5, 5)}, provenance={"model": {"name": name}})


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pages")
    pair = [bowl(), chaos()]
    scenes = {
        "two": build_comparison(pair, kind="surface", names=["P", "Q"]),
        "three": build_comparison([*pair, bowl(9, 7, (-0.5, 1.5), (-1, 0.25))], kind="contour", names=["P", LONG, "R"]),
        "one": build_scene(bowl(), kind="contour"),
        "line": build_scene(line(), kind="line"),
        "long": build_scene(named(LONG), kind="contour"),
        "missing": build_scene(flat(np.nan), kind="surface"),
    }
    return {name: html.draw(scene, folder / f"{name}.html") for name, scene in scenes.items()}


def cameras(opened):
    """Those that all reliefs were last drawn with, once they are those of the page."""
    opened.wait("window.landscape.resting()")
    return [json.loads(text) for text in opened.run(CAMERAS)]


def middle(opened, number, place="relief"):
    box = opened.run(
        f"(r => [r.x + r.width / 2, r.y + r.height / 2])(document.getElementById('{place}{number}').getBoundingClientRect())"
    )
    return tuple(box)


def test_reliefs_turn_and_zoom_together_to_the_last_tick(opened, pages):
    opened.open(pages["two"], 1200, 900)
    opened.wait(DRAWN)
    start = cameras(opened)
    assert len(start) == 2 and start[0] == start[1]
    x, y = middle(opened, 0)
    opened.drag((x, y), (x + 90, y + 40))
    turned = cameras(opened)
    assert turned[0] == turned[1]
    height = opened.run("document.getElementById('relief0').clientHeight")
    assert turned[0]["azimuth"] == pytest.approx(start[0]["azimuth"] - math.pi * 90 / height)
    assert turned[0]["elevation"] == pytest.approx(start[0]["elevation"] + math.pi * 40 / height)
    for _ in range(3):
        opened.wheel(middle(opened, 1), 100)
    near = cameras(opened)
    assert near[0] == near[1]
    assert near[0]["zoom"] == pytest.approx(math.exp(0.0012 * 300))
    opened.run("document.getElementById('back').click()")
    assert cameras(opened) == start
    assert opened.errors == []


def test_a_place_is_shown_in_all_figures(opened, pages):
    opened.open(pages["two"], 1200, 1100)
    opened.wait(DRAWN)
    words = "[...document.querySelectorAll('.tip:not([hidden])')].map(tip => tip.textContent.split('\\n')[0])"
    x, y = middle(opened, 0)
    opened.mouse("mouseMoved", x, y)
    (one, other) = opened.wait(f"{words}.length === 2 && {words}")
    assert one == other and one.startswith("x ")
    opened.wait("document.querySelectorAll('.flat .hovertext').length === 2")
    x, y = middle(opened, 1, "flat")
    opened.mouse("mouseMoved", x + 20, y)
    opened.wait("document.querySelectorAll('.flat .hovertext').length === 2")
    opened.wait(f"{words}.length === 2 && {words}[0] === {words}[1] && {words}[0] !== {json.dumps(one)}")
    assert opened.errors == []


def test_maps_are_enlarged_together(opened, pages):
    opened.open(pages["two"], 1200, 1100)
    opened.wait(DRAWN)
    opened.run("document.getElementById('flat0').focus()")
    opened.key("+")
    ranges = [
        f"document.getElementById('flat{number}')._fullLayout.{axis}axis.range" for number in (0, 1) for axis in "xy"
    ]
    opened.wait(f"{ranges[0]}[0] > -0.9 && {ranges[2]}[0] > -0.9")
    found = [opened.run(each) for each in ranges]
    assert found[:2] == found[2:] and found[0] == pytest.approx([-1 / 1.15, 1 / 1.15])


def test_keys_turn_zoom_and_go_back(opened, pages):
    opened.open(pages["two"], 1200, 900)
    opened.wait(DRAWN)
    start = cameras(opened)
    opened.run("document.getElementById('relief1').focus()")
    opened.key("ArrowRight")
    opened.key("+")
    moved = cameras(opened)
    assert moved[0] == moved[1]
    assert moved[0]["azimuth"] == pytest.approx(start[0]["azimuth"] + math.radians(5)) and moved[0]["zoom"] < 1
    opened.key("-")
    assert cameras(opened)[0]["zoom"] == pytest.approx(start[0]["zoom"])
    opened.key("0")
    assert cameras(opened) == start


def test_switches_keep_the_focus_and_figures_say_what_they_show(opened, pages):
    opened.open(pages["one"])
    opened.wait(DRAWN)
    said = opened.run(
        "[...document.querySelectorAll('.figure')].map(f => [f.getAttribute('role'), f.tabIndex, f.getAttribute('aria-label')])"
    )
    assert [each[:2] for each in said] == [["img", 0]] * 2
    assert all("lowest 0.05 at (0, 0), highest" in text for _, _, text in said)
    opened.run("document.querySelector('[data-scale=linear]').focus(); document.activeElement.click()")
    assert opened.run("document.activeElement.textContent") == "linear"
    assert opened.run("document.activeElement.getAttribute('aria-pressed')") == "true"
    assert opened.run("document.querySelector('#bar span').textContent") == "train loss"


def test_the_sliders_cut_the_heights(opened, pages):
    opened.open(pages["one"])
    opened.wait(DRAWN)
    whole = opened.run("document.getElementById('heights').textContent")
    opened.run("(s => { s.value = 100; s.dispatchEvent(new Event('input')); })(document.getElementById('high'))")
    assert opened.run("document.getElementById('relief0').dataset.heights").startswith("[-0.04")
    assert json.loads(opened.run("document.getElementById('relief0').dataset.heights"))[1] == pytest.approx(0.5)
    assert opened.run("document.getElementById('heights').textContent") != whole
    # And those of the map beside it: what is drawn ends at the same height, and all comes back.
    contour = "document.getElementById('flat0').data.find(trace => trace.type === 'contour')"
    drawn = f"{contour}.z.flatMap(row => [...row]).filter(z => !isNaN(z)).length"
    dots = "document.getElementById('flat0').calcdata.find(each => each[0].trace.name === 'grid').length"
    part = opened.wait(f"{dots} < 143 && {dots}")
    cells = opened.run(drawn)
    opened.run("(s => { s.value = 200; s.dispatchEvent(new Event('input')); })(document.getElementById('high'))")
    opened.wait(f"{dots} === 143")
    heights = build_scene(bowl(), kind="contour").views[0].field
    shares = (heights.mesh.z - heights.scale.low) / (heights.scale.high - heights.scale.low)
    # Heights are kept to a part in 260,000, so that a point at the end may be on either side.
    assert np.sum(shares <= 0.5 - 4e-6) <= cells <= np.sum(shares <= 0.5 + 4e-6) and opened.run(drawn) == shares.size
    dotted = (heights.dots[:, 2] - heights.scale.low) / (heights.scale.high - heights.scale.low)
    assert part == np.sum(dotted.round(4) <= 0.5), "the page has their heights to four digits"


@pytest.mark.parametrize("name", ["three", "long", "missing"])
def test_no_page_is_wider_than_its_window(opened, pages, name):
    opened.open(pages[name], 390, 900)
    opened.wait(DRAWN)
    for width in (390, 2500):
        opened.size(width, 900)
        opened.wait(f"innerWidth === {width} && window.landscape.fitted()")
        assert opened.run("document.documentElement.scrollWidth") == width
        # No corner of a box is outside of its figure.
        corners = opened.run("window.landscape.corners().flat()")
        assert corners and [each for each in corners if not (0 < each[0] < each[2] and 0 < each[1] < each[3])] == []
    assert opened.errors == []


def test_a_dark_screen_gets_a_dark_page(opened, pages):
    opened.send("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark"}])
    opened.open(pages["line"])
    opened.wait(DRAWN)
    ground = "getComputedStyle(document.body).backgroundColor"
    figure = "document.getElementById('line0')._fullLayout.paper_bgcolor"
    (night, light) = ("rgb" + str(tuple(round(255 * part) for part in rgb_of(each.ground))) for each in (NIGHT, LIGHT))
    assert opened.run(ground) == night and opened.run(figure) == NIGHT.ground
    # Paper is white, and only while it is printed.
    opened.run("window.dispatchEvent(new Event('beforeprint'))")
    opened.wait(f"{figure} === '{LIGHT.ground}'")
    assert opened.run(ground) == light
    opened.run("window.dispatchEvent(new Event('afterprint'))")
    opened.wait(f"{figure} === '{NIGHT.ground}'")
    opened.run("document.getElementById('theme').click()")
    assert opened.run(ground) == light
    assert opened.run(figure) == LIGHT.ground
    opened.send("Emulation.setEmulatedMedia", features=[])


ROUND = """[...document.querySelectorAll('#flat0 .contourlevel path')].map(path => {
  const { x, y, width, height } = path.getBBox(), long = path.getTotalLength();
  const at = i => path.getPointAtLength(long * i / 400), away = p => Math.hypot(p.x - x - width / 2, p.y - y - height / 2);
  const radii = Array.from({ length: 401 }, (_, i) => away(at(i)));
  return Math.max(...radii) / Math.min(...radii) - 1;
})"""


def test_lines_of_a_round_bowl_are_round_where_levels_are_uneven(opened, tmp_path):
    """Where the distance of levels changes tenfold, too: there a number of levels with a kink makes a line zigzag."""
    grid = Grid.of(Range(-1, 1, 41), Range(-1, 1, 41))
    x, y = np.meshgrid(*(axis.values for axis in grid.axes))
    surface = Surface(grid, {"train_loss": 0.05 * np.exp(3 * (x**2 + y**2))})
    scene = build_scene(surface, kind="basins", levels=[0.06, 0.07, 0.08, 0.09, 0.1, 0.2, 0.3])
    opened.open(html.draw(scene, tmp_path / "bowl.html"), 1000, 800)
    opened.wait(DRAWN)
    found = opened.run(ROUND)
    assert len(found) == 7 and max(found) < 0.004, found
    assert opened.errors == []


@pytest.mark.parametrize("elevation, seen", [pytest.param(70.0, 1.0, marks=pytest.mark.slow), (8.0, 0.6)])
def test_a_cross_behind_a_ridge_shows_through_it(opened, tmp_path, elevation, seen):
    """Each of its two colours covers what is behind it by this share."""
    scene = build_scene(behind_a_ridge(), kind="surface", view=(elevation, -90.0))
    bare = replace(
        scene, views=tuple(replace(view, field=replace(view.field, traces=())) for view in scene.views_as(Relief))
    )
    shots = []
    for name, each in (("cross", scene), ("bare", bare)):
        opened.open(html.draw(each, tmp_path / f"{name}.html"), 800, 900)
        opened.wait(DRAWN)
        cameras(opened)
        opened.picture(tmp_path / f"{name}.png")
        shots.append(np.asarray(Image.open(tmp_path / f"{name}.png").convert("RGB"), dtype=float))
    with_cross, without = shots
    changed = np.abs(with_cross - without).max(axis=2) > 3
    assert 20 < changed.sum() < 400, "the cross alone"
    for color in (LIGHT.ground, LIGHT.ink):
        mixed = seen * 255 * np.array(rgb_of(color)) + (1 - seen) * without[changed]
        hit = np.abs(with_cross[changed] - mixed).max(axis=1) < 4
        assert hit.sum() >= 8, color
    assert opened.errors == []


def test_a_browser_that_cannot_unpack_says_so(opened, pages):
    added = opened.send("Page.addScriptToEvaluateOnNewDocument", source="delete window.DecompressionStream")
    opened.open(pages["line"])
    opened.wait(
        "document.getElementById('trouble').textContent.includes('Firefox 113')"
    )  # in place of what stands before scripts run
    opened.send("Page.removeScriptToEvaluateOnNewDocument", identifier=added["identifier"])
