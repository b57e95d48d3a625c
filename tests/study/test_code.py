"""The mark of a run's code follows its text, and is there for code that has none."""

import pytest

from landscape.study.code import code_mark

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
