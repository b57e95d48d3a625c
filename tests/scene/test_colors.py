"""Laws of single colours: each has one owner, and pages, watched runs and stills take theirs from it."""

import re
from pathlib import Path

import pytest

import landscape
from landscape.options.looks import LookOptions
from landscape.render.variables import variables
from landscape.scene.colors import AT_NIGHT, INK, LIGHT, LINES_AT_NIGHT, NIGHT, on_dark, rgb_of
from landscape.scene.look import look_of

PACKAGE = Path(landscape.__file__).parent
OWNER = "scene/colors.py"
# A hex colour, the parts of one, or white and black by name.
SPELLED = re.compile(r"#(?:[0-9a-f]{8}|[0-9a-f]{6}|[0-9a-f]{3,4})\b|\brgba?\(\s*\d|[\"'](?:white|black)[\"']", re.I)


def luminance(color):
    parts = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in rgb_of(color)]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


def contrast(one, other):
    """WCAG 2: 1 to 21."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_only_one_file_spells_colours():
    kinds = (".py", ".js", ".css", ".html")
    texts = {
        path.relative_to(PACKAGE).as_posix(): path.read_text("utf-8")
        for path in PACKAGE.rglob("*.*")
        if path.suffix in kinds
    }
    assert [path for path, text in texts.items() if SPELLED.search(text)] == [OWNER]


@pytest.mark.parametrize(
    "text", ["'#1a1a1a'", "border: 1px solid #fff;", "'white'", "rgba(255,255,255,0.5)", "#11223344"]
)
def test_a_spelled_colour_is_found(text):
    assert SPELLED.search(text)


def test_pages_take_the_table():
    style = variables(":root[data-theme=dark] {}")
    light, dark = style.splitlines()
    for name in ("ground", "ink", "soft", "line", "accent"):
        assert f"--{name}: {LIGHT.colors[name]};" in light and f"--{name}: {NIGHT.colors[name]};" in dark
    assert dark.startswith(":root[data-theme=dark] { --")


def test_every_variable_of_a_style_is_written():
    written = set(re.findall(r"--([\w-]+):", variables("{}")))
    for style in ("render/page/page.css", "watching/page.css"):
        text = (PACKAGE / style).read_text("utf-8")
        used, own = set(re.findall(r"var\(--([\w-]+)", text)), {"wide", "high", "zoom", "side"}
        assert used and used - own <= written, style


def test_stills_take_the_table():
    dark = look_of(LookOptions(style="dark"))
    assert {dark.shown(color) for color in AT_NIGHT} == set(AT_NIGHT.values())


def test_lines_and_words_can_be_read_on_both_grounds():
    for color in (INK, LIGHT.soft, *LINES_AT_NIGHT):
        assert contrast(color, LIGHT.ground) >= 4.5, color
        assert contrast(on_dark(color), NIGHT.ground) >= 4.5, color


def test_each_colour_has_one_partner():
    own = [color for name, color in LIGHT.colors.items() if name != "accent"]
    assert len({*own}) == len(own) and not {*own} & {*LINES_AT_NIGHT}
