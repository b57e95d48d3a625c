"""docs/staging/gallery.py: every figure is in the gallery, with its pictures, its caption and its script."""

from __future__ import annotations

import re

import pytest
from staging import gallery
from staging.links import ROOT

STAGE = ROOT / "build" / "pages"
PAGES = gallery.pages(STAGE)


def test_every_figure_has_a_page_and_a_card():
    names = {script.name for script in gallery.SCRIPTS.iterdir() if script.is_file() and not script.suffix}
    assert {f"gallery/{name}.md" for name in names} == set(PAGES) - {"gallery/index.md"}
    assert all(f":link: {name}\n" in PAGES["gallery/index.md"] for name in names)


@pytest.mark.parametrize("folder", gallery.figures(), ids=lambda folder: folder.name)
def test_a_page_shows_every_picture_the_caption_and_the_script(folder):
    page = PAGES[f"gallery/{folder.name}.md"]
    shown = {(STAGE / "gallery" / place).resolve() for place in re.findall(r"^```{figure} (\S+)", page, re.MULTILINE)}
    assert shown == set(folder.glob("*.png"))
    assert (gallery.SCRIPTS / folder.name).read_text() in page
    last = (folder / "caption.md").read_text().strip().splitlines()[-1]
    assert last in page or "](" in last


@pytest.mark.parametrize("folder", gallery.figures(), ids=lambda folder: folder.name)
def test_a_caption_begins_with_one_sentence_for_its_card(folder):
    heading, first = (folder / "caption.md").read_text().split("\n\n")[:2]
    assert heading.startswith("# ") and re.fullmatch(r"\*[^*\n]+[.]\*", first)


def test_a_thumbnail_is_as_wide_as_its_card_needs(tmp_path, monkeypatch):
    from PIL import Image

    monkeypatch.setattr(gallery, "figures", lambda: [gallery.FIGURES / "paper"])
    gallery.write_thumbnails(tmp_path)
    (thumb,) = (tmp_path / "gallery" / "thumbs").iterdir()
    with Image.open(thumb) as small, Image.open(gallery.FIGURES / "paper" / "surface.png") as whole:
        assert small.width == gallery.WIDTH
        assert abs(small.height / small.width - whole.height / whole.width) < 0.01
