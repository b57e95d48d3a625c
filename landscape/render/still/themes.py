"""One SVG that is light on a light page and dark on a dark one.

Owns: how two drawings of one picture, for white paper and for a dark ground, become one. Where it is shown as an image, the
theme of the page chooses. Equal names in both are of equal shapes: matplotlib makes them from what they name.
"""

from __future__ import annotations

import re

_ROOT = re.compile(r"<svg\b[^>]*>")
# Points, which would be a third larger within another root than the units of its box.
_SIZE = re.compile(r' (?:width|height)="[^"]*"')
RULES = (
    ".night { display: none } @media (prefers-color-scheme: dark) { .day { display: none } .night { display: inline } }"
)


def in_both(light: str, dark: str) -> str:
    """The texts of two SVG in one, which is as large as the first.

    >>> in_both('<svg width="2pt"><a/></svg>', '<svg width="2pt"><b/></svg>').count("<svg")
    3
    """
    head, root, day = _parts(light)
    return f"{head}{root}\n<style>{RULES}</style>\n{_within(root, day, 'day')}\n{_within(*_parts(dark)[1:], 'night')}\n</svg>\n"


def _parts(svg: str) -> tuple[str, str, str]:
    """What stands before the root, its tag, and what it holds with its end."""
    found = _ROOT.search(svg)
    if found is None:
        raise ValueError("an SVG without its root")
    return svg[: found.start()], found[0], svg[found.end() :]


def _within(root: str, rest: str, name: str) -> str:
    """A drawing as a part, which fills the whole."""
    return _SIZE.sub("", root).replace("<svg", f'<svg class="{name}"', 1) + rest
