"""Laws of single colours: each has one owner."""

from pathlib import Path

import landscape
from landscape.scene.colors import INK

PACKAGE = Path(landscape.__file__).parent


def test_only_the_colors_of_scenes_spell_the_ink():
    spelled = [path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py") if INK in path.read_text("utf-8")]
    assert spelled == ["scene/colors.py"]


def test_the_style_of_pages_has_the_same_ink():
    for style in ("render/page/page.css", "watching/page.css"):
        assert f"--ink: {INK};" in (PACKAGE / style).read_text("utf-8"), style
