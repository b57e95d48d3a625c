"""`python -m staging PAGES EXTRA`: writes all pages of the site into PAGES, and what Sphinx only copies into EXTRA."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from staging import api, commands, gallery, tutorials
from staging.links import PAGES, ROOT, page_of, relinked


def written(stage: Path) -> dict[str, str]:
    """The pages that are written by hand, by their place in the site."""
    files = [*PAGES, *(str(path.relative_to(ROOT)) for path in sorted((ROOT / "docs").rglob("*.md")))]
    texts = [file for file in files if file.endswith(".md") and file != "README.md"]
    return {page_of(file): relinked((ROOT / file).read_text(), file, page_of(file), stage) for file in texts}


def main(stage: Path, extra: Path) -> None:
    """Writes all pages, and removes those of an earlier build; `extra` gets what goes into the site unread."""
    pages = {**written(stage), **tutorials.pages(stage), **gallery.pages(stage), **commands.pages(), **api.pages()}
    for name, text in pages.items():
        path = stage / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    for path in stage.rglob("*.md"):
        if str(path.relative_to(stage)) not in pages:
            path.unlink()
    gallery.write_thumbnails(stage)
    gallery.write_turning(extra)
    for path in stage.rglob("*.html"):
        place = extra / path.relative_to(stage)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, place)


if __name__ == "__main__":
    main(*(Path(word).resolve() for word in sys.argv[1:3]))
