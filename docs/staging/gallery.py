"""The gallery: a page for each folder of figures/, and the page of all of them.

Owns: the order of the figures and which picture stands for one. Everything else is read: the caption, the pictures, and the
script that made them.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from staging.links import ROOT, relinked

FIGURES, SCRIPTS = ROOT / "figures", ROOT / "scripts" / "figures"
FIRST = ("paper", "skip", "depth", "width")
WIDTH = 720  # of a thumbnail, twice the width of its card


def figures() -> list[Path]:
    """The folders of figures that have a caption: those of `FIRST`, then by the number in their title."""
    found = [caption.parent for caption in FIGURES.glob("*/caption.md")]
    return sorted(found, key=lambda folder: (_place(folder.name), _number(folder), folder.name))


def _place(name: str) -> int:
    return FIRST.index(name) if name in FIRST else len(FIRST)


def _number(folder: Path) -> int:
    number = re.search(r"^# Figure (\d+)", (folder / "caption.md").read_text())
    return int(number[1]) if number else 100


def title(folder: Path) -> str:
    """The caption's heading, without its number."""
    heading = re.sub(r"^# (?:Figure \d+: )?", "", (folder / "caption.md").read_text().splitlines()[0])
    return heading[:1].upper() + heading[1:]


def summary(folder: Path) -> str:
    """The caption's first paragraph, one sentence in italics."""
    return (folder / "caption.md").read_text().split("\n\n")[1].strip("*\n")


def pictures(folder: Path) -> list[Path]:
    """The pictures of a figure, in the order in which its caption names them."""
    text = (folder / "caption.md").read_text()
    return sorted(folder.glob("*.png"), key=lambda path: text.find(f"`{path.name}`"))


def hero(folder: Path) -> Path:
    """The picture that stands for a figure: a relief if there is one, else the first."""
    named = pictures(folder)
    return next((path for path in named if path.stem.endswith("surface")), named[0])


def pages(stage: Path) -> dict[str, str]:
    """All pages of the gallery, by their place in the site."""
    found = {f"gallery/{folder.name}.md": page(folder, stage) for folder in figures()}
    return {"gallery/index.md": index(), **found}


def page(folder: Path, stage: Path) -> str:
    """One figure: its caption with the pictures below the first paragraphs, and the script that makes it."""
    _, first, rest = (folder / "caption.md").read_text().split("\n\n", 2)
    made, rest = rest.split("\n\n", 1)
    shown = "\n\n".join(picture(path, stage) for path in pictures(folder))
    turned = f'<p><a href="../turn/{folder.name}.html">Turn it in the browser.</a></p>\n\n' if results(folder) else ""
    text = f"# {title(folder)}\n\n{first}\n\n{made}\n\n{turned}{shown}\n\n{rest}\n\n## How it is made\n\n{script(folder.name)}"
    return relinked(text, f"figures/{folder.name}/caption.md", f"gallery/{folder.name}.md", stage)


def picture(path: Path, stage: Path) -> str:
    """A picture with its name, by which the caption speaks of it."""
    return f"```{{figure}} {os.path.relpath(path, stage / 'gallery')}\n:alt: {path.stem}\n\n`{path.name}`\n```"


def results(folder: Path) -> list[Path]:
    """The planes of a figure that are in git, of which there can be a page to turn."""
    from landscape.grid import DIRECTION
    from landscape.surfaces import load_surface

    kinds = {path: [axis.kind for axis in load_surface(path).grid.axes] for path in sorted(folder.glob("*.h5"))}
    return [path for path, found in kinds.items() if found == [DIRECTION] * 2]


def script(name: str) -> str:
    """The script of a figure, in a block; what all scripts share is named."""
    text = (SCRIPTS / name).read_text()
    shared = " `scripts/figures/common.sh` has what the scripts share." if "common.sh" in text else ""
    return f"One command makes it: `scripts/figures/{name}`.{shared}\n\n```bash\n{text}```\n"


def index() -> str:
    """A card for each figure."""
    cards = [
        f":::{{grid-item-card}} {title(folder)}\n:img-top: thumbs/{folder.name}.webp\n:link: {folder.name}\n:link-type: doc\n"
        f":img-alt: {title(folder)}\n\n{summary(folder)}\n:::\n"
        for folder in figures()
    ]
    return (
        "# Gallery\n\nEach figure is made by one script in `scripts/figures/`, and its page says what was computed, "
        "what it shows, and what it does not.\n\n::::{grid} 1 2 2 3\n:gutter: 3\n:class-container: gallery\n\n"
        + "\n".join(cards)
        + "\n::::\n\n"
        "```{toctree}\n:hidden:\n\n" + "\n".join(folder.name for folder in figures()) + "\n```\n"
    )


def write_turning(site: Path) -> None:
    """A page to turn of each figure whose surfaces are in git, beside the pages that Sphinx makes."""
    import landscape

    for folder in filter(results, figures()):
        page, newest = site / "turn" / f"{folder.name}.html", max(path.stat().st_mtime for path in results(folder))
        if not page.exists() or page.stat().st_mtime < newest:
            page.parent.mkdir(parents=True, exist_ok=True)
            landscape.compare(results(folder), kind="surface", out=page)


def write_thumbnails(stage: Path) -> None:
    """A small picture of each figure, for its card."""
    from PIL import Image

    thumbs = stage / "gallery" / "thumbs"
    thumbs.mkdir(parents=True, exist_ok=True)
    for folder in figures():
        with Image.open(hero(folder)) as picture:
            picture.convert("RGB").resize((WIDTH, round(picture.height * WIDTH / picture.width))).save(
                thumbs / f"{folder.name}.webp", quality=85
            )
