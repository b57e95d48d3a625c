"""Pages in a notebook are those that are written to files, and stand in frames of their own."""

from html.parser import HTMLParser

import pytest

import landscape as ll
from tests.render import conftest


class Frames(HTMLParser):
    """The attributes of all frames."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[dict[str, str | None]] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        assert tag == "iframe", "nothing of the page is outside of its frame"
        self.found.append(dict(attrs))


def test_a_frame_holds_the_page_that_plot_writes(tmp_path):
    surface = conftest.bowl()
    (path,) = ll.plot(surface, kind="surface", title='a "title" & <b>', out=tmp_path / "a.html")
    shown = ll.show(surface, kind="surface", title='a "title" & <b>', height=480)
    (frame,) = Frames(shown._repr_html_()).found
    assert frame["srcdoc"] == shown.html == path.read_text(encoding="utf-8")
    assert "height: 480px" in frame["style"] and "allow-same-origin" not in frame["sandbox"]


def test_several_stand_side_by_side(tmp_path):
    pair = [conftest.bowl(), conftest.bowl()]
    (path,) = ll.compare(pair, kind="contour", names=["one", "two"], out=tmp_path / "a.html")
    assert ll.show(pair, kind="contour", names=["one", "two"]).html == path.read_text(encoding="utf-8")


def test_what_cannot_be_is_refused():
    with pytest.raises(ll.UsageError, match="height 5: expected 100 to 10000"):
        ll.show(conftest.bowl(), height=5)
    with pytest.raises(ll.UsageError, match="show has no option 'kinds'; did you mean kind"):
        ll.show(conftest.bowl(), kinds="surface")
    with pytest.raises(ll.UsageError, match="view 'up': expected"):
        ll.show(conftest.bowl(), view="up")
