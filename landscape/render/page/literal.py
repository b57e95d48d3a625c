"""Texts of a scene on a page: shown as they are, never as markup.

Owns: the two ways in which a text could act. Plotly takes tags, entities and templates in titles, names and labels for markup,
in SVG and in WebGL; and within the page's script element `<` could end the data or begin a comment.
"""

from __future__ import annotations

import json
import re
from typing import Any

# Invisible and without width: a tag, an entity or a template with it inside is none, and looks as before.
JOINER = "\u2060"
_ACTIVE = re.compile(r"[<&]|%(?=\{)")


def literal(text: str) -> str:
    """The text as plotly shows it letter by letter.

    >>> literal("<b>a & b</b>").replace(JOINER, "|")
    '<|b>a &| b<|/b>'
    """
    return _ACTIVE.sub(lambda found: found[0] + JOINER, text)


def embedded(data: Any) -> str:
    """JSON that may stand inside a script element: no letter in it means anything to HTML."""
    text = json.dumps(data, allow_nan=False)  # with everything beyond ASCII as escapes, line separators too
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")
