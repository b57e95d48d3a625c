"""The colours of pages as CSS variables.

Owns: their names, and their text in light and in dark. Pages of all kinds begin their style with it; which colours there are is
scene/colors.py's.
"""

from __future__ import annotations

from landscape.scene.colors import LIGHT, NIGHT, OVER_DARK

# The ring around a point of a picture, with its rim.
STEADY = {"mark": OVER_DARK[0], "rim": OVER_DARK[1]}


def variables(dark: str) -> str:
    """The rules for a page; `dark` is `{}` in what selects the root of a dark page, such as `:root[data-theme=dark] {}`."""
    light = _rules({**LIGHT.colors, "on-accent": LIGHT.ground, **STEADY}, "light")
    night = _rules({**NIGHT.colors, "on-accent": NIGHT.ground}, "dark")
    return f":root {{ {light} }}\n" + dark.replace("{}", f"{{ {night} }}") + "\n"


def _rules(colors: dict[str, str], scheme: str) -> str:
    return " ".join([*(f"--{name}: {color};" for name, color in colors.items()), f"color-scheme: {scheme};"])
