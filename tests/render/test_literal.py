"""Names from files are text on a page: they neither end its data, nor are they markup to the browser or to plotly."""

import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest

from landscape.drawing import draw_each, draw_side_by_side
from landscape.grid import Grid, Range
from landscape.render.page.literal import JOINER, embedded, literal
from landscape.surfaces.spectrum import Block, Spectrum
from landscape.surfaces.surface import Surface, Trail

PAYLOADS = (
    "<b>bold</b>", "<i>", "</i>", "<sup>2</sup>", "<sub>2</sub>", "<br>", "<em>x", "<span style='color:red'>x</span>", "<s>x</s>",
    "<u>x</u>", "<a href='https://example.org'>x</a>", "<a href=\"javascript:alert(1)\">x</a>", "<img src=x onerror=alert(1)>",
    "<script>alert(1)</script>", "</script><script>alert(1)</script>", "<!--<script>", "<!--", "-->", "<![CDATA[", "</title><b>",
    "</style><b>", "</h2><b>", "<svg onload=alert(1)>", "&lt;b&gt;", "&amp;", "&#60;b&#62;", "&#x3c;", "\u2028alert(1)//",
    "\u2029", "\\u003cb\\u003e", "%{customdata}", "%{y:.3g}<extra></extra>", "{{x}}", "${alert(1)}", "'\"`", "\\\"},{\"a\":\"",
    "\x00\x1b[2J", "a\nb", "\ud800", "$\\frac{1}{2}$", "]]>", "<?php", "<B >x</B >", "< b>", "<b\t>x",
)  # fmt: skip
ACTIVE = re.compile(
    r"</?\s*(b|i|br|sup|sub|em|a|span|s|u|script|img|svg)\b[^<>]*>|&(#\d+|#x[\da-f]+|[a-z]+);|%\{", re.I
)
OURS = re.compile(r"<br>|</?b>|%\{(x|y|text|customdata)[^}]*\}|<extra></extra>")


class Page(HTMLParser):
    """The elements of a page, and the text of its data."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.data, self._in_data = [], "", False
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self._in_data = ("id", "data") in attributes

    def handle_endtag(self, tag):
        self._in_data = False

    def handle_data(self, text):
        self.data += text if self._in_data else ""


def surface(name):
    grid = Grid.of(Range(-1, 1, 3), Range(-1, 1, 3), labels=(f"x {name}", f"y {name}"))
    values = {f"train_{name}": np.ones((3, 3)), f"test_{name}": np.arange(9.0).reshape(3, 3)}
    known = {"model": {"name": name}, "data": {"name": name}, "directions": {"kind": name, "norm": name}}
    return Surface(
        grid, values, trails={name: Trail(np.zeros(1), np.zeros(1), labels=(name,))}, provenance=known, source=name
    )


def spectrum(name):
    block = Block(name, 4, np.array([-1.0, 2.0]), np.zeros(2), np.ones((1, 3)), np.ones((1, 3)) / 3)
    return Spectrum({"all": block, name: block}, {"model": {"name": name}, "spectrum": {"matrix": "hessian"}})


def shown(tree):
    """The texts that plotly shows: of figures and their layouts, and of the tables for hovering."""
    if isinstance(tree, str):
        yield tree
    for part in tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else ():
        yield from shown(part)


def test_a_name_is_text_everywhere(tmp_path):
    assert len(PAYLOADS) >= 30
    name = " ".join(PAYLOADS)
    pages = draw_each(surface(name), "surface,contour", {"title": name}, tmp_path / "a.html", 200)
    pages += draw_each(spectrum(name), "layers,spectrum", {}, tmp_path / "b.html", 200)
    pages += draw_side_by_side([surface(name), surface(name)], "contour", [name, "b"], {}, tmp_path / "c.html", 10)
    plain = draw_each(surface("plain"), "surface,contour", {"title": "plain"}, tmp_path / "d.html", 200)
    expected = [Page(path.read_text(encoding="utf-8")) for path in plain]
    for number, path in enumerate(pages):
        text = path.read_text(encoding="utf-8")
        assert not re.search("[\u2028\u2029\x00\x1b]", text.split('id="data">')[1])
        page = Page(text)
        data = json.loads(page.data)  # nothing in it ended the element early
        if number < len(expected):
            assert page.tags == expected[number].tags
        for panel in data["panels"]:
            for part in shown([panel["figures"], panel["layouts"], panel["tables"]]):
                assert not ACTIVE.search(OURS.sub("", part)), part
    title = json.loads(Page(pages[0].read_text(encoding="utf-8")).data)["captions"][0]["title"]
    assert title.startswith("<b>bold</b> <i>") and JOINER not in title  # set as text, not by plotly


@pytest.mark.parametrize("payload", PAYLOADS)
def test_each_alone(payload):
    assert not ACTIVE.search(literal(payload)) and literal(payload).replace(JOINER, "") == payload
    text = embedded({"a": payload})
    assert json.loads(text) == {"a": payload} and not re.search("[<>&\u2028\u2029]", text)


def test_a_still_picture_of_such_a_name_is_whole(tmp_path):
    import xml.etree.ElementTree as xml

    name = " ".join(PAYLOADS)
    for path in draw_each(surface(name), "contour", {"title": name}, [tmp_path / "a.svg", ".png"], 50):
        assert path.stat().st_size > 1000
    xml.parse(tmp_path / "a.svg")
