"""Text from files, made safe to print, and short.

Owns: how names are listed and numbered, how a small share is written, and which characters may reach a terminal or a picture.
Names, metadata and cells of a file may hold control characters that move the cursor, colour what follows, or pretend to be
further lines; they are shown as escapes instead. Knows no file.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

# Controls, marks that reverse the direction of writing, separators of lines, lone halves of a surrogate pair.
HIDDEN = ("Cc", "Cf", "Zl", "Zp", "Cs")
# Joiners that scripts and emoji need.
NEEDED = "\u200c\u200d"


def printable(text: str) -> str:
    """The text on one line, with a visible escape for each character that would act instead of being shown.

    >>> printable("net\\x1b[2J\\nforged: yes")
    'net\\\\x1b[2J\\\\nforged: yes'
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(map(_shown, text))


def listed(names: Sequence[str], most: int | None = None) -> str:
    """The names in a sentence: all of them, or the first, and how many more there are.

    >>> listed(["a", "b", "c"]), listed(["a", "b", "c"], 2), listed(["a"])
    ('a, b and c', 'a, b and 1 more', 'a')
    """
    most = len(names) if most is None else most
    shown = [*names[:most], *([f"{len(names) - most} more"] if len(names) > most else [])]
    return " and ".join(filter(None, [", ".join(shown[:-1]), *shown[-1:]]))


def numbered(names: Sequence[str]) -> tuple[str, ...]:
    """The names, with a number behind each that was there before.

    >>> numbered(["a", "b", "a", "a"])
    ('a', 'b', 'a #2', 'a #3')
    """
    known: set[str] = set()
    times: dict[str, int] = {}
    found = []
    for name in names:
        unique = name
        while unique in known:
            times[name] = times.get(name, 1) + 1
            unique = f"{name} #{times[name]}"
        known.add(unique)
        found.append(unique)
    return tuple(found)


def one_in(times: float) -> str:
    """The share 1 / times in words: 1/7.3, 1/596, 1/1,005; of more than all: 1.08 times all."""
    if times < 1:
        return f"{1 / times:.3g} times all"
    return f"1/{times:,.0f}" if times >= 100 else f"1/{times:.3g}"


def share_of(times: float, what: str) -> str:
    """The share 1 / times of something: 1/7.3 of all evaluations, all evaluations, 1.08 times all evaluations."""
    if abs(times - 1) < 0.005:
        return what
    return f"{1 / times:.3g} times {what}" if times < 1 else f"{one_in(times)} of {what}"


def _shown(character: str) -> str:
    hidden = unicodedata.category(character) in HIDDEN and character not in NEEDED
    return character.encode("unicode_escape").decode() if hidden else character
