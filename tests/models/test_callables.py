"""`package.module:name` and `file.py:name`: what is found, and what is said when it is not."""

import subprocess
import sys

import pytest

from landscape.callables import resolve_callable
from landscape.errors import LandscapeError, UsageError


def refused(spec, error, message, what="model"):
    with pytest.raises(error, match=message) as raised:
        resolve_callable(spec, what)
    text = str(raised.value)
    assert "\n" not in text and text.startswith(f"{what} '{spec}'")
    return raised.value


@pytest.mark.parametrize("spec", ["", "resnet56", ":name", "module:", "file.py:"])
def test_another_form_is_a_usage_error(spec):
    refused(spec, UsageError, "expected package.module:callable or path/to/file.py:callable", what="loss")


def test_a_dotted_name():
    assert resolve_callable("collections:OrderedDict.fromkeys")("ab") == {"a": None, "b": None}


def test_missing_module_file_and_name(tmp_path):
    refused("no_such_package:f", LandscapeError, "no module named 'no_such_package'")
    refused("json.no_such_part:f", LandscapeError, "no module named 'json.no_such_part'")
    refused("no/such.py:f", LandscapeError, "there is no file no/such.py")
    refused("math:sqr", LandscapeError, "it has no 'sqr'; did you mean sqrt")
    refused("math:pi", LandscapeError, "pi is a float, which cannot be called")
    empty = tmp_path / "empty.py"
    empty.write_text("")
    refused(f"{empty}:f", LandscapeError, "defines nothing that can be called")


@pytest.mark.parametrize(
    "body, message",
    [
        ("raise KeyError('boom')", "importing it raised KeyError: 'boom'"),
        ("import not_installed_anywhere", "ModuleNotFoundError: No module named 'not_installed_anywhere'"),
        ("def f(:\n  pass", "importing it raised SyntaxError"),
        ("import sys; sys.exit(3)", "importing it raised SystemExit: 3"),
    ],
)
def test_an_import_that_raises_is_named_and_leaves_nothing_behind(tmp_path, monkeypatch, body, message):
    (tmp_path / "broken_mod.py").write_text(body)
    monkeypatch.chdir(tmp_path)
    path, modules = list(sys.path), set(sys.modules)
    for place in (tmp_path / "broken_mod.py", "broken_mod"):
        error = refused(f"{place}:f", LandscapeError, message)
        assert error.__cause__ is not None
    assert sys.path == path
    assert not {name for name in set(sys.modules) - modules if "broken_mod" in name}


def test_the_current_folder_and_the_files_own_are_importable_meanwhile(tmp_path, monkeypatch):
    (tmp_path / "sub").mkdir()
    (tmp_path / "top_helper.py").write_text("A = 1\n")
    (tmp_path / "sub" / "side_helper.py").write_text("B = 2\n")
    (tmp_path / "sub" / "f.py").write_text(
        "from top_helper import A\nfrom side_helper import B\ndef f(): return A + B\n"
    )
    monkeypatch.chdir(tmp_path)
    path = list(sys.path)
    assert resolve_callable("sub/f.py:f")() == 3
    assert resolve_callable("top_helper:__loader__.get_source")("top_helper") == "A = 1\n"
    assert sys.path == path
    for name in ("top_helper", "side_helper"):
        del sys.modules[name]


def test_a_file_runs_once_until_it_is_edited(tmp_path):
    file = tmp_path / "twice.py"
    file.write_text("from dataclasses import dataclass\n@dataclass\nclass A:\n    x: int = 1\ndef f(): return A().x\n")
    first = resolve_callable(f"{file}:f")
    assert resolve_callable(f"{file}:A") is first.__globals__["A"]
    file.write_text(file.read_text().replace("= 1", "= 22"))
    assert (first(), resolve_callable(f"{file}:f")()) == (1, 22)


def test_no_torch_is_imported():
    code = "import sys, landscape.callables; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
