"""docs/staging/check.py: what leads nowhere, and what a page would load from the network, is found."""

from __future__ import annotations

import pytest
from staging.check import faults

GOOD = (
    '<a href="b.html#here">b</a> <a href="https://arxiv.org">out</a> <img src="p.png"> <a href="#top" id="top">up</a>'
)


@pytest.fixture
def site(tmp_path):
    (tmp_path / "b.html").write_text('<h1 id="here">b</h1>')
    (tmp_path / "p.png").write_bytes(b"")
    (tmp_path / "a.html").write_text(GOOD)
    return tmp_path


def test_a_whole_site_has_no_faults(site):
    assert faults(site) == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('<a href="c.html">c</a>', "a.html: <a> leads to c.html, which is not there"),
        ('<a href="b.html#there">b</a>', "a.html: <a> leads to b.html#there, but that page has no such place"),
        ('<a href="#nowhere">b</a>', "a.html: <a> leads to #nowhere, but that page has no such place"),
        ('<img src="q.png">', "a.html: <img> leads to q.png, which is not there"),
        ('<script src="https://cdn.example/x.js"></script>', "a.html: <script> loads https://cdn.example/x.js from the network"),
        ('<link href="//fonts.example/f.css">', "a.html: <link> loads //fonts.example/f.css from the network"),
    ],
)  # fmt: skip
def test_a_fault_is_one_line(site, text, said):
    (site / "a.html").write_text(text)
    assert faults(site) == [said]
