"""The mark of a run's code follows its text, and is there for code that has none."""

import json
import sys

import pytest

from landscape.errors import LandscapeError
from landscape.study.code import code_mark, modules_mark
from landscape.study.ranks import _check_modules

BLOCK = "def loss(outputs, targets):\n    return outputs - targets\n"


def compiled(name):
    """The function of a block of code that was compiled under a name, as notebooks and pages with examples do."""
    names: dict = {}
    exec(compile(BLOCK, name, "exec"), names)
    return names["loss"]


@pytest.mark.parametrize("text", ["# A page\n\nwith (an open bracket\n", "  a\n    b\n c\n", "def loss(a\n", ""])
def test_a_file_of_that_name_that_is_not_the_source_stops_nothing(tmp_path, monkeypatch, text):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "page.md").write_text(text)
    assert len(code_mark(compiled("page.md"))) == 64


def test_other_text_is_another_mark(tmp_path):
    marks = set()
    for number, body in enumerate(("outputs", "outputs", "targets")):
        path = tmp_path / f"own{number}.py"
        path.write_text(f"def loss(outputs, targets):\n    return {body}\n")
        marks.add(code_mark(f"{path}:loss"))
    assert len(marks) == 2


def test_modules_of_one_name_must_be_one_text_and_others_may_be_missing(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "own_helper.py").write_text("FACTOR = 2\n")
    import own_helper  # noqa: F401

    first = json.loads(modules_mark())
    assert first["own_helper"][1] == str(tmp_path / "own_helper.py")
    assert not {"torch", "numpy", "json", "landscape.study.code"} & set(first), (
        "installed ones are known by their versions"
    )
    (tmp_path / "own_helper.py").write_text("FACTOR = 3\n")
    second = json.loads(modules_mark())
    with pytest.raises(
        LandscapeError, match="module own_helper is .* on rank 0, and another text, .*, on rank 1; start"
    ):
        _check_modules(first, second, 1)
    del second["own_helper"]
    _check_modules(first, second | {"only_here": ["0", "only_here.py"]}, 1)
    monkeypatch.delitem(sys.modules, "own_helper")
