"""Messages name options as they are typed in the shell; who calls from Python reads the names of keywords.

Owns: the translation of a message, and for which call it is made. Whole commands within a message stay as they are.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from landscape.errors import LandscapeError


class Keyword(NamedTuple):
    """What Python calls a flag; `switch`: the shell takes no value for it; `placeholder`: what help shows for its value."""

    name: str
    switch: bool = False
    choices: tuple[str, ...] = ()
    placeholder: str = ""


PLACEHOLDERS = ("N", "NAME", "FILE", "FOLDER", "RUN", "SECONDS", "VALUE")
# Values that are words of English too, and so are known only beside a flag.
PLAIN_VALUES = ("train", "test", "cpu", "cuda", "auto", "none", "digits")
# After these a value is to be given: `give data=...`, but `a smaller batch_size`.
_GIVES = re.compile(r"\b(?:give|add|use|pass|needs|need|with|as|or|and) $")
# After these the next word is its value.
_SHOWS = re.compile(r"(?:\bas in|\bsuch as|, as) $")
# A whole command, up to the end of its clause: `landscape hessian FILE --index 0.001`; and all after it when it is announced.
_COMMAND = re.compile(r"`[^`]*`|the whole command: .*|\blandscape(?: [a-z]+)(?: [^\s;,()]+)*? --[^;,()]*")
_TWICE = re.compile(r"(?<![\w/.~-])--?[a-z][\w-]*(?: \S+)? \(in Python ([^)]*)\)")
_FLAG = re.compile(r"(?<![\w/.~-])(--?[a-z][a-z0-9-]*)(?![\w/-])(?: ([^\s,;()]+))?")
_NEXT = re.compile(r"(=\S*[^\s,]) (\w+=)")


class _Caller:
    """Of the command that is under way: whether the shell runs it, and otherwise the keywords of the outermost call."""

    shell = False
    keywords: Mapping[str, Keyword] | None = None


@contextlib.contextmanager
def shell_runs() -> Iterator[None]:
    """Within it, flags stay flags."""
    before, _Caller.shell = _Caller.shell, True
    try:
        yield
    finally:
        _Caller.shell = before


@contextlib.contextmanager
def python_calls(keywords: Mapping[str, Keyword]) -> Iterator[None]:
    """A call of a function that has the `keywords`, by flag; the messages of errors that leave the outermost name these."""
    if _Caller.shell or _Caller.keywords is not None:
        yield
        return
    _Caller.keywords = keywords
    try:
        yield
    except LandscapeError as error:
        error.args = (worded(str(error)), *error.args[1:])
        raise
    finally:
        _Caller.keywords = None


def worded(text: str) -> str:
    """The message as its reader types options: in Python `batch_size=...` for `--batch-size`."""
    if _Caller.shell or not _Caller.keywords or "-" not in text:
        return text
    known, done, at = _Caller.keywords, [], 0
    text = _TWICE.sub(r"\1", text)
    for command in _COMMAND.finditer(text):
        done += [_named(text[at : command.start()], known), command.group()]
        at = command.end()
    return "".join([*done, _named(text[at:], known)])


def _named(text: str, known: Mapping[str, Keyword]) -> str:
    def replaced(found: re.Match[str]) -> str:
        keyword, value = known.get(found[1]), found[2]
        if keyword is None:
            return found[0]
        rest = f" {value}" if value else ""
        if keyword.switch:
            return f"{keyword.name}=True{rest}"
        shown = _SHOWS.search(text[: found.start()])
        if value is None or not (shown or _is_value(value, keyword)):
            asked = "=..." if _GIVES.search(text[: found.start()]) else ""
            return f"{keyword.name}{asked}{rest}"
        stop = value[len(value.rstrip(".:")) :]
        return f"{keyword.name}={_typed(value.rstrip('.:'), keyword)}{stop}"

    return _NEXT.sub(r"\1, \2", _FLAG.sub(replaced, text))


def _is_value(word: str, keyword: Keyword) -> bool:
    """Whether the word after a flag is its value, or goes on with the sentence."""
    word = word.rstrip(".:")
    return word.isupper() or word in (*keyword.choices, *PLAIN_VALUES) or bool(re.search(r"[\d.:/]", word))


def _typed(word: str, keyword: Keyword) -> str:
    """A number and a placeholder such as N without quotes, any other value with them."""
    is_bare = (
        word in (keyword.placeholder, *PLACEHOLDERS) or re.fullmatch(r"-?[\d.]+(e-?\d+)?", word) or word[0] in "'\""
    )
    return word if is_bare else f"'{word}'"
