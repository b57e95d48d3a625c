"""What the documents say: their blocks, tables, and the commands that they print."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
DOCUMENTS = [README, ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
LAUNCHERS = ("landscape", "mpiexec", "mpirun", "srun")
# Entries of provenance whose own entries are named by the user's code.
OF_CODE = ("code.layers", "code.settings", "code.classes", "code.metrics")


def fences(path: Path, *languages: str) -> list[str]:
    """The contents of the fenced blocks in these languages ("" is a block without one)."""
    found = re.findall(r"^```(\w*)\n(.*?)^```", path.read_text(), re.DOTALL | re.MULTILINE)
    return [text for language, text in found if language in languages]


def spans(path: Path) -> list[str]:
    """Everything between single backticks, outside of fenced blocks; a span may go on in the next line."""
    text = re.sub(r"^```.*?^```", "", path.read_text(), flags=re.DOTALL | re.MULTILINE)
    return [" ".join(span.split()) for span in re.findall(r"`([^`]+)`", text)]


def command_lines(path: Path) -> list[list[str]]:
    """The words of each `landscape ...` that a document prints, in blocks and in running text, without a launcher."""
    printed = [line for block in fences(path, "sh", "bash") for line in block.replace("\\\n", " ").splitlines()]
    split = [shlex.split(line, comments=True) for line in printed]
    in_blocks = [words for words in split if words and words[0] in LAUNCHERS and "landscape" in words]
    # `landscape surface` alone names a command; with more words it is one to type
    in_text = [words for words in map(str.split, spans(path)) if words[0] == "landscape" and len(words) > 2]
    return [words[words.index("landscape") + 1 :] for words in in_blocks + in_text]


def table(path: Path) -> list[list[str]]:
    """The rows of all tables of a document, as lists of cells."""
    return rows_of(path.read_text())


def rows_of(text: str) -> list[list[str]]:
    """The rows of all tables in a text."""
    rows = [line.strip().strip("|").split("|") for line in text.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in row] for row in rows]


def named_in(cell: str) -> list[str]:
    """What a cell names in backticks: `--to CKPT`, `-o FILE` names --to and -o."""
    return [span.split()[0] for span in re.findall(r"`([^`]+)`", cell)]


def anchors(path: Path) -> set[str]:
    """The headings of a document as links to them are written."""
    titles = re.findall(r"^#+ (.*)$", path.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def told_of_options() -> list[tuple[list[str], str, str]]:
    """The rows of the manual's tables of options: commands, what is in the first cell, the default.

    A table is of the commands with which the last paragraph before it begins, or of the one in its heading.
    """
    found: list[tuple[list[str], str, str]] = []
    commands: list[str] = []
    inside, before = False, ""
    for line in (ROOT / "docs" / "options.md").read_text().splitlines():
        if line.startswith("`landscape ") and not before:
            commands = re.findall(r"`landscape (\w+)", line)
        before = line
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip().strip("|"))]
        if not line.startswith("|"):
            inside = False
        elif cells[0].startswith("option"):
            inside, commands = True, re.findall(r"of `(\w+)`", cells[0]) or commands
        elif inside and not cells[0].startswith("---"):
            found.append((commands, cells[0], cells[1]))
    return found


def keys_of(tree: dict, prefix: str = "") -> set[str]:
    """Dotted names of all entries, in the words of the table."""
    found = set()
    for key, value in tree.items():
        name = prefix + (key if prefix != "data.splits." else "<split>")
        nested = isinstance(value, dict) and not name.endswith((".versions", ".probe", "slice", *OF_CODE))
        found |= keys_of(value, f"{name}.") if nested else {name}
    return found
