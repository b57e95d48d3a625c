"""Pages whose Python runs when the site is built: the tutorials and the notebook, each block followed by what it shows.

Owns: how outputs are written into a page. What runs a block is execute.py.
"""

from __future__ import annotations

import base64
import json
import re
import shutil
from pathlib import Path

from staging.execute import PAGES, Session, Shown, session
from staging.links import ROOT, page_of, relinked

FOLDER = ROOT / "docs" / "tutorials"
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def sources() -> list[Path]:
    """The pages that run: all tutorials with blocks of Python, and the notebooks."""
    pages = [path for path in sorted(FOLDER.glob("*.md")) if BLOCK.search(path.read_text())]
    return [*pages, *sorted(FOLDER.glob("*.ipynb"))]


def pages(stage: Path) -> dict[str, str]:
    """All pages that run, with their outputs, by their place in the site. What they write lies in a folder of the page's name."""
    found = {}
    for path in sources():
        file = str(path.relative_to(ROOT))
        page = page_of(file)
        assert page is not None, f"{file}: no page of the site"
        text = markdown(path) if path.suffix == ".ipynb" else path.read_text()
        found[page] = executed(relinked(text, file, page, stage), (stage / page).with_suffix(""))
    return found


def markdown(notebook: Path) -> str:
    """A notebook as a page: its cells one below another, those of code as blocks."""
    cells = json.loads(notebook.read_text())["cells"]
    texts = [(cell["cell_type"], "".join(cell["source"])) for cell in cells]
    return "\n\n".join(f"```python\n{text}\n```" if kind == "code" else text for kind, text in texts) + "\n"


def executed(text: str, folder: Path) -> str:
    """The page with what each block shows below it. Files that blocks write are left in `folder`, which begins empty."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    with session(folder) as running:
        return BLOCK.sub(lambda block: block[0] + "\n\n" + _outputs(block[1], running, folder), text)


def _outputs(block: str, running: Session, folder: Path) -> str:
    shown = running.run(block)
    parts = [_fenced(shown.text)] if shown.text.strip() else []
    parts += [
        _form(data, number, folder) for number, data in enumerate(shown.displayed) if not _only_names(data, shown)
    ]
    rich = any({"image/png", "text/html"} & set(data) for data in shown.displayed)
    parts += [] if rich else [_file(path, folder) for path in shown.files]
    return "\n\n".join(parts)


def _only_names(data: dict, shown: Shown) -> bool:
    """Whether a value is but the list of files that are shown anyway."""
    return (
        bool(shown.files)
        and set(data) == {"text/plain"}
        and all(path.name in data["text/plain"] for path in shown.files)
    )


def _form(data: dict, number: int, folder: Path) -> str:
    """The richest form of what was displayed."""
    if "text/html" in data:
        return "```{raw} html\n" + re.sub(r'src="(?!\w+:)', f'src="{folder.name}/', data["text/html"].strip()) + "\n```"
    if "image/png" in data:
        path = folder / f"displayed_{len(list(folder.glob('displayed_*')))}.png"
        path.write_bytes(base64.b64decode(data["image/png"]))
        return _file(path, folder)
    return _fenced(data["text/plain"])


def _fenced(text: str) -> str:
    return f"```{{code-block}} text\n:class: output\n\n{text.rstrip()}\n```"


def _file(path: Path, folder: Path) -> str:
    place = f"{folder.name}/{path.relative_to(folder)}"
    if path.suffix in PAGES:
        return f'```{{raw}} html\n<iframe src="{place}" class="page" title="{path.stem}" loading="lazy"></iframe>\n```'
    return f"![{path.stem}]({place})"
