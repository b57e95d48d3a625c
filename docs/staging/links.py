"""Links of the project's Markdown, rewritten for the site.

Owns: which file of the project is which page of the site (`PAGES`). In the project a link leads to a file; on the site the same
file may lie elsewhere, be a picture outside of the site's folder, or a file that the site only names.
"""

from __future__ import annotations

import os
import re
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).resolve().parents[2]
PAGES = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changes.md",
    "checkpoints/README.md": "nets.md",
    "docs/tutorials/digits.ipynb": "tutorials/digits.md",
}
FENCE = re.compile(r"(^```.*?^```$)", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\]\(([^)\s]+)\)")
SHOWN = (".png", ".gif", ".svg", ".jpg")


def page_of(file: str) -> str | None:
    """The page that shows a file of the project, as a path in the site, or None."""
    path = PurePosixPath(file)
    if file in PAGES:
        return PAGES[file]
    if path.match("figures/*/caption.md"):
        return f"gallery/{path.parent.name}.md"
    if file == "figures":
        return "gallery/index.md"
    return str(path.relative_to("docs")) if path.is_relative_to("docs") and path.suffix == ".md" else None


def relinked(text: str, file: str, page: str, stage: Path) -> str:
    """The text of `file` (from the root of the project) as that of `page` (from the stage), every link leading to the same place.

    A link to a file that is neither a page nor a picture becomes the file's name.
    """
    parts = FENCE.split(text)
    return "".join(part if part.startswith("```") else _links(part, file, page, stage) for part in parts)


def _links(text: str, file: str, page: str, stage: Path) -> str:
    def link(match: re.Match[str]) -> str:
        words, target = match[1], match[2]
        if re.match(r"\w+:|#", target):
            return match[0]
        path, _, anchor = target.partition("#")
        wanted = os.path.normpath(str(PurePosixPath(file).parent / path))
        there = page_of(wanted)
        if there is None and not wanted.endswith(SHOWN):
            return words if "`" in words else f"`{wanted}`"
        at = (stage / page).parent
        place = os.path.relpath(stage / there if there else ROOT / wanted, at)
        return f"[{words}]({place}{'#' * bool(anchor)}{anchor})"

    return re.sub(r"\[([^\][]*)\]\(([^)\s]+)\)", link, text)
