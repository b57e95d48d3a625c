"""`python -m staging.check SITE`: every link, picture and script of the built site is there, and none comes from the network.

Owns: which attributes lead somewhere, and the one line for each that leads nowhere. Sphinx checks the links that it
makes; this also sees raw HTML, pages that are only copied, and what the theme asks for.
"""

from __future__ import annotations

import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

LEADS = {"a": "href", "link": "href", "img": "src", "script": "src", "iframe": "src", "source": "src"}


class Page(HTMLParser):
    """The targets of a page, as (tag, target), and the names by which others may link into it."""

    def __init__(self, text: str):
        super().__init__()
        self.targets: list[tuple[str, str]] = []
        self.names: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.names |= {given[key] or "" for key in ("id", "name") if key in given}
        target = given.get(LEADS.get(tag, ""))
        if target:
            self.targets.append((tag, target))


def faults(site: Path) -> list[str]:
    """One line for each target that leads nowhere or, for what a page loads, out of the site."""
    copied = [path for folder in ("turn", "_static") for path in (site / folder).rglob("*.html")]
    pages = {path: Page(path.read_text()) for path in sorted(site.rglob("*.html")) if path not in copied}
    return [
        f"{path.relative_to(site)}: {said}"
        for path, page in pages.items()
        for tag, target in page.targets
        if (said := _fault(path, tag, target, pages))
    ]


def _fault(path: Path, tag: str, target: str, pages: dict[Path, Page]) -> str:
    parts = urlsplit(target)
    if parts.scheme == "data" or (tag == "a" and parts.scheme):
        return ""
    if parts.scheme or parts.netloc:
        return f"<{tag}> loads {target} from the network"
    there = (path.parent / unquote(parts.path)).resolve() if parts.path else path
    if not there.is_file():
        return f"<{tag}> leads to {target}, which is not there"
    if parts.fragment and there in pages and unquote(parts.fragment) not in pages[there].names:
        return f"<{tag}> leads to {target}, but that page has no such place"
    return ""


if __name__ == "__main__":
    found = faults(Path(sys.argv[1]).resolve())
    print("\n".join(found), file=sys.stderr)
    sys.exit(bool(found))
