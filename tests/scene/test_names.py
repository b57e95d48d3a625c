"""scene/ and render/ know no metric by name: they read labels, kinds and roles of quantities."""

import ast
import re
from pathlib import Path

import pytest

from landscape import render, scene
from landscape.quantity import HESSIAN_QUANTITIES

NAMES = "|".join(re.escape(row.name) for row in HESSIAN_QUANTITIES)
# Whole strings, as code compares them; sentences of messages may mention an example.
METRIC = re.compile(rf"({NAMES}|loss_l2|accuracy|(train|test)_\w*|_(loss|accuracy|error|stderr|l2)|hessian_)")
FILES = [path for room in (scene, render) for path in sorted(Path(room.__path__[0]).rglob("*.py"))]


def strings(path):
    """The strings of a file that are not docstrings; of formatted ones, the fixed parts."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    notes = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    return [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in notes
    ]


@pytest.mark.parametrize("path", FILES, ids=lambda path: "/".join(path.parts[-3:]))
def test_no_string_is_a_metric(path):
    # "accuracy" names the axis that several accuracies share.
    assert [text for text in strings(path) if METRIC.fullmatch(text) and text != "accuracy"] == []


def test_the_search_finds_metrics(tmp_path):
    (tmp_path / "a.py").write_text('"""train_loss"""\nname = "test_loss" if x.endswith("_error") else f"train_{x}"\n')
    found = [text for text in strings(tmp_path / "a.py") if METRIC.fullmatch(text)]
    assert sorted(found) == ["_error", "test_loss", "train_"]
