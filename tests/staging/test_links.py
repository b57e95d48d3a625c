"""docs/staging/links.py: a link of the site leads to the page of the file to which it leads in the project."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from staging.links import ROOT, page_of, relinked

STAGE = ROOT / "build" / "pages"
ELSEWHERE = [  # file, its link, its page, the link there
    ("docs/curvature.md", "options.md#norm", "curvature.md", "options.md#norm"),
    ("docs/tutorials/two-nets.md", "../../figures/batch/caption.md", "tutorials/two-nets.md", "../gallery/batch.md"),
    ("docs/tutorials/index.md", "digits.ipynb", "tutorials/index.md", "digits.md"),
    ("CONTRIBUTING.md", "docs/laws.md", "contributing.md", "laws.md"),
    ("docs/architecture.md", "../CONTRIBUTING.md#style", "architecture.md", "contributing.md#style"),
    ("figures/skip/caption.md", "../paper/caption.md", "gallery/skip.md", "paper.md"),
]


@pytest.mark.parametrize(("file", "target", "page", "there"), ELSEWHERE, ids=lambda each: each)
def test_a_link_leads_to_the_page_of_its_file(file, target, page, there):
    assert relinked(f"see [this]({target}).", file, page, STAGE) == f"see [this]({there})."


def test_a_picture_is_shown_from_where_it_lies():
    text = relinked("![a relief](../figures/skip/digits_surface.png)", "docs/index.md", "index.md", STAGE)
    place = Path(text.split("(")[1].rstrip(")"))
    assert (STAGE / place).resolve() == ROOT / "figures" / "skip" / "digits_surface.png"


@pytest.mark.parametrize("text", ["[a](https://arxiv.org)", "[a](#here)", "```sh\n[a](options.md)\n```"])
def test_other_links_and_code_stay(text):
    assert relinked(text, "docs/x/y.md", "z.md", STAGE) == text


def test_a_file_that_is_no_page_is_named():
    assert relinked("[the licence](LICENSE)", "README.md", "index.md", STAGE) == "`LICENSE`"


def test_every_page_of_the_manual_has_a_page_of_its_own():
    files = [os.path.relpath(path, ROOT) for path in (ROOT / "docs").rglob("*.md")]
    assert len({page_of(file) for file in files}) == len(files)
