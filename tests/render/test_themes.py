"""One SVG with both drawings of a picture: each is whole, and the page's theme chooses."""

import xml.etree.ElementTree as ET

import pytest

from landscape.options.looks import LookOptions
from landscape.render.still import picture
from landscape.render.still.themes import in_both
from landscape.scene.build import build_scene
from landscape.scene.colors import LIGHT, NIGHT
from landscape.scene.look import PLAIN, look_of
from tests.browser import CHROMIUM, WITHOUT
from tests.render.conftest import bowl

SVG = "{http://www.w3.org/2000/svg}"
PAGE = '<meta name="color-scheme" content="light dark"><style>body {{ margin: 0 }}</style><img src="{}">'


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    scene, folder = build_scene(bowl(), kind="contour"), tmp_path_factory.mktemp("themes")
    looks = PLAIN, look_of(LookOptions(style="dark"))
    drawn = [picture.draw(scene, folder / f"{number}.svg", look=look).read_text() for number, look in enumerate(looks)]
    return *drawn, in_both(*drawn)


def test_both_drawings_are_whole_in_it(both):
    light, dark, made = both
    root = ET.fromstring(made)
    day, night = root.findall(f"{SVG}svg")
    assert (day.get("class"), night.get("class")) == ("day", "night")
    assert root.get("viewBox") == day.get("viewBox") == night.get("viewBox")
    for part, alone in ((day, light), (night, dark)):
        del part.attrib["class"]
        part.attrib |= {name: root.get(name) for name in ("width", "height")}
        assert ET.canonicalize(ET.tostring(part), strip_text=True) == ET.canonicalize(
            ET.tostring(ET.fromstring(alone)), strip_text=True
        )
    names = {}
    for one in (ET.fromstring(light), ET.fromstring(dark)):
        for each in one.iter():
            if (name := each.get("id")) and each.tag in (f"{SVG}clipPath", f"{SVG}path"):
                shape = ET.canonicalize(ET.tostring(each), strip_text=True)
                assert names.setdefault(name, shape) == shape, "a name that both have is of one shape"


@pytest.mark.skipif(CHROMIUM is None, reason=WITHOUT)
def test_a_browser_shows_that_of_its_theme(both, tmp_path, opened):
    (tmp_path / "both.svg").write_text(both[2])
    (tmp_path / "page.html").write_text(PAGE.format("both.svg"))
    grounds = []
    for theme in ("light", "dark"):
        opened.send("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": theme}])
        opened.open(tmp_path / "page.html")
        opened.wait("document.querySelector('img').complete")
        opened.picture(tmp_path / f"{theme}.png")
        grounds.append(_ground(tmp_path / f"{theme}.png"))
    opened.send("Emulation.setEmulatedMedia", features=[])
    assert grounds == [LIGHT.ground, NIGHT.ground]


def _ground(path):
    from matplotlib.colors import to_hex
    from PIL import Image

    with Image.open(path) as image:
        return to_hex([each / 255 for each in image.convert("RGB").getpixel((3, 3))])
