"""One row for each kind: the command line, the files of the room and the defaults agree with the registry."""

import importlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from landscape.errors import UsageError
from landscape.scene import kinds as room
from landscape.scene.build import build_scene
from landscape.scene.kinds import KIND_FILES, default_kind, kind_named, kinds

FILES = sorted(path.stem for path in Path(room.__file__).parent.glob("*.py") if path.stem not in ("__init__", "kind"))


def test_every_kind_of_every_file_has_a_row():
    built = {row.name: file for file in FILES for row in importlib.import_module(f"{room.__name__}.{file}").KINDS}
    assert built == KIND_FILES


def test_each_kind_is_found_by_its_name_and_can_be_drawn():
    for name in KIND_FILES:
        assert kind_named(name).name == name
    assert all(kind.apart or kind.together for kind in kinds())
    assert all(kind.alone for kind in kinds() if kind.apart is None), "a comparison needs one scene each"


def test_the_command_line_lists_the_kinds_without_loading_numpy():
    code = (
        "import sys; from landscape.cli.main import main\n"
        "try: main(['plot', '--help'])\n"
        "except SystemExit: pass\n"
        "print(*[name for name in ('numpy', 'torch', 'matplotlib') if name in sys.modules], file=sys.stderr)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ", ".join(KIND_FILES) in " ".join(run.stdout.split())
    assert run.stderr.split() == []


def test_each_source_has_one_default(make_surface):
    assert default_kind(make_surface()).name == "contour"
    assert default_kind(make_surface(np.ones(5))).name == "line"


@pytest.mark.parametrize("kind", [kind for kind in kinds() if "levels" in kind.unused], ids=lambda kind: kind.name)
def test_options_without_meaning_are_refused_by_name(kind, make_surface):
    if kind.ndim == 1:
        with pytest.raises(UsageError, match=f"levels do not apply to kind '{kind.name}'"):
            build_scene(make_surface(np.ones(5)), kind=kind.name, levels=3)
    assert "{kind}" in kind.unused["levels"]
