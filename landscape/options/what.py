"""The words for a choice of parameters, `WHAT` in the help of `--only` and `--ignore`, and how a choice is recorded.

Owns: the words, one or several from an option, and the text of both that provenance keeps. What they stand for in a net is the
business of direction/selection.py.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence

from landscape.errors import UsageError

# A new word needs a branch in `direction.selection.matching`, its phrases in scene/facts/moving.py, and its row in
# docs/options.md.
BIASBN, NONE, FROZEN, TRAINABLE, ADAPTER, TYPE = "biasbn", "none", "frozen", "trainable", "adapter", "type:"
JOINT = " + "
QUOTED = re.compile(r"""'[^']*'(?:"'"'[^']*')*""")  # as shlex writes it

What = str | Sequence[str] | None


def several(what: What, option: str) -> tuple[str, ...]:
    """One or several, as a tuple without repetitions.

    Raises:
        UsageError: not a text or a list of texts, or an empty text.
    """
    unordered = isinstance(what, (set, frozenset))  # and ranks must agree on the order
    found = (what,) if isinstance(what, str) else tuple(sorted(what, key=str) if unordered and what else what or ())
    for each in found:
        if not isinstance(each, str) or not each.strip():
            raise UsageError(
                f"{option} {each!r}: expected biasbn, frozen, trainable, adapter, type:LAYER or a regular expression"
            )
    return tuple(dict.fromkeys(found))


def joined(several: Sequence[str]) -> str:
    """The recorded form: one word unchanged, several with a plus between.

    >>> joined(["biasbn"]), joined(["biasbn", "type:Embedding"]), joined(["a", "b + c"])
    ('biasbn', 'biasbn + type:Embedding', "a + 'b + c'")
    """
    return JOINT.join(shlex.quote(each) if JOINT in each or each[0] == "'" else each for each in several)


def parted(text: str | None) -> tuple[str, ...] | None:
    """The inverse of `joined`.

    >>> parted("a + 'b + c'"), parted("biasbn"), parted(None)
    (('a', 'b + c'), ('biasbn',), None)
    """
    if text is None:
        return None
    found = []
    while text:
        quoted = QUOTED.match(text)
        end = quoted.end() if quoted else (text + JOINT).index(JOINT)
        found.append(shlex.split(text[:end])[0] if quoted else text[:end])
        text = text[end:].removeprefix(JOINT)
    return tuple(found)
