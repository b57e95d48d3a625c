"""docs/staging/tutorials.py and execute.py: the tutorials and the notebook run, and a page shows what its blocks have shown.

Here grids have five points and training two epochs; ./scripts/site runs the pages as they stand.
"""

from __future__ import annotations

import json
import re
import sys

import pytest
from staging import tutorials
from staging.execute import session


def fewer(text: str) -> str:
    """The page with five points on each axis and two epochs."""
    text = re.sub(r"\((-?[\d.]+), ([\d.]+), \d+\)", r"(\1, \2, 5)", text)
    return re.sub(r"\b(epochs=|range\()\d+", r"\g<1>2", text)


@pytest.mark.parametrize("path", tutorials.sources(), ids=lambda path: path.name)
def test_a_page_runs_and_shows_its_pictures(path, tmp_path):
    text = tutorials.markdown(path) if path.suffix == ".ipynb" else path.read_text()
    blocks, page = tutorials.BLOCK.findall(text), tutorials.executed(fewer(text), tmp_path / path.stem)
    assert len(blocks) >= 4
    shown = re.findall(r"^!\[[^\]]*\]\((\S+)\)", page, re.MULTILINE)
    assert len(shown) == text.count('.png")') and all((tmp_path / place).stat().st_size > 5000 for place in shown)
    assert page.count("<iframe") == text.count('.html")')


def test_there_are_tutorials_and_a_notebook():
    assert len(tutorials.sources()) >= 4 and {path.suffix for path in tutorials.sources()} == {".md", ".ipynb"}


def test_what_a_block_shows_stands_below_it(tmp_path):
    page = tutorials.executed("```python\nprint(6 * 7)\n```\n\nthen\n\n```python\n'a' + 'b'\n```\n", tmp_path / "page")
    parts = re.findall(r":class: output\n\n(.*?)\n```", page, re.DOTALL)
    assert parts == ["42", "'ab'"] and page.index("42") < page.index("then") < page.index("'ab'")


def test_an_error_in_a_block_ends_the_build_and_leaves_the_interpreter_as_it_was(tmp_path):
    main, hook = sys.modules["__main__"], sys.excepthook
    with pytest.raises(ZeroDivisionError), session(tmp_path) as running:
        running.run("1 / 0")
    assert sys.modules["__main__"] is main and sys.excepthook is hook


def test_pages_do_not_see_each_other(tmp_path):
    with session(tmp_path) as running:
        running.run("mine = 1")
    with pytest.raises(NameError), session(tmp_path) as running:
        running.run("mine")


@pytest.mark.parametrize("path", sorted(tutorials.FOLDER.glob("*.ipynb")), ids=lambda path: path.name)
def test_a_notebook_is_kept_without_outputs(path):
    notebook = json.loads(path.read_text())
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert notebook["nbformat"] == 4 and len({cell["id"] for cell in notebook["cells"]}) == len(notebook["cells"])
    assert code and all(cell["outputs"] == [] and cell["execution_count"] is None for cell in code)
