"""The HTML page around interactive figures.

Owns: the markup, and the data of the page's script. The style is page.css; the script consists of the files in script/.
Everything is embedded: the page opens without a network or a server. plotly's library and the large arrays are deflated; the
browser inflates them. plotly draws maps and curves; reliefs are drawn by WebGL from the same traces, all with one camera.
"""

from __future__ import annotations

import html
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from importlib.resources import files
from typing import Any

import plotly.io
from plotly.offline import get_plotlyjs

from landscape.render.page.figures import Drawn
from landscape.render.page.literal import embedded
from landscape.render.page.packed import FEWER_BITS, Numbers, deflated
from landscape.render.variables import variables
from landscape.scene.colors import AT_NIGHT, LIGHT, NIGHT, veiled
from landscape.scene.reading import HoverValues, Table
from landscape.scene.scene import Caption, Choice

# What selects a dark page, and how much of what is behind a name its halo hides.
DARK, HALO = ":root[data-theme=dark] {}", 0.85
# In this order they are one script; the last one starts it.
SCRIPTS = (
    "unpack", "hover", "theme", "traces", "bar", "camera", "gl", "parts", "relief", "seen", "turn", "point", "ranges", "keys",
    "save", "clip", "steps", "levels", "controls", "outside", "start",
)  # fmt: skip


@dataclass(frozen=True)
class PagePanel:
    """One column of the page: its figures and tables, and per view the choice, the facts and the notes.

    `spoken` say per view what is shown; `steps` per view the values at even steps of the heights (none without heights).
    """

    drawn: Drawn
    choices: list[Choice]
    title: str
    facts: list[list[str]]
    notes: list[list[str]]
    tables: tuple[Table, ...] = ()
    spoken: list[str] = field(default_factory=list)
    steps: list[tuple[str, ...]] = field(default_factory=list)


def document(captions: Sequence[Caption], panels: Sequence[PagePanel]) -> str:
    """The whole page; `captions` are the title and the common facts of each view."""
    columns = "\n".join(_column(number, panel) for number, panel in enumerate(panels))
    numbers = Numbers()
    data = {
        "panels": [_payload(panel, numbers) for panel in panels],
        "views": [asdict(choice) for choice in panels[0].choices],
        "colors": {
            "light": LIGHT.colors,
            "dark": NIGHT.colors,
            "partners": AT_NIGHT,
            "halo": veiled(LIGHT.ground, HALO),
        },
        "captions": [{"title": caption.title, "facts": caption.facts} for caption in captions],
    }
    text = embedded(data)
    single = " single" if len(panels) == 1 else ""
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{html.escape(captions[0].title or "Loss landscape")}</title>
<link rel="icon" href="data:,">
<style>
{variables(DARK)}{_asset("page.css")}</style>
</head>
<body>
<header><h1 id="title"></h1><div id="controls"></div></header>
<p id="trouble" role="alert"><noscript>This page draws with JavaScript: allow it, and load the page again.</noscript></p>
<div class="bar" id="bar"></div>
<main class="panels{single}">
{columns}
</main>
<footer><p id="facts"></p></footer>
<script type="application/json" id="data">{text}</script>
<script type="text/plain" id="numbers">{numbers.text()}</script>
<script type="text/plain" id="plotly">{deflated(get_plotlyjs().encode())}</script>
<script>
(function () {{
"use strict";
{"".join(_asset(f"script/{name}.js") for name in SCRIPTS)}}})();
</script>
</body>
</html>
"""


def _asset(name: str) -> str:
    """The text of a file beside this one."""
    return (files(__package__) / name).read_text(encoding="utf-8")


def _column(number: int, panel: PagePanel) -> str:
    heading = f"<h2>{html.escape(panel.title)}</h2>" if panel.title else ""
    figures = "\n".join(f'<div class="figure {place}" id="{place}{number}"></div>' for place in panel.drawn.places)
    return f"""<section>{heading}
<div class="bar" id="bar{number}"></div>
<div class="figures">{figures}</div>
<div class="own"><p id="facts{number}"></p><p id="notes{number}"></p></div></section>"""


def _payload(panel: PagePanel, numbers: Numbers) -> dict[str, Any]:
    """The data of a panel for the script: the figures, and the values at the grid points for the hover text."""
    drawn = panel.drawn
    sheets = {
        name: {"x": numbers.exact(sheet.x), "y": numbers.exact(sheet.y), "z": numbers.add(sheet.z, FEWER_BITS)}
        for name, sheet in drawn.sheets.items()
    }
    return {
        "title": panel.title,
        "places": drawn.places,
        "figures": [json.loads(plotly.io.to_json(figure, validate=False)) for figure in drawn.figures],
        "layouts": drawn.layouts,
        "facts": panel.facts,
        "notes": panel.notes,
        "spoken": panel.spoken,
        "steps": panel.steps,
        "sheets": sheets,
        "tables": [_table(table, numbers) for table in panel.tables],
        "table": drawn.table,
        "course": drawn.course,
        "levels": drawn.levels,
    }


def _table(table: Table, numbers: Numbers) -> dict[str, Any]:
    readings = [_reading(reading, numbers) for reading in table.readings]
    return {"x": numbers.exact(table.x), "y": numbers.exact(table.y), "readings": readings}


def _reading(reading: HoverValues, numbers: Numbers) -> dict[str, Any]:
    errors = None if reading.errors is None else numbers.add(reading.errors)
    known = {"metric": reading.metric, "label": reading.label, "percent": reading.percent, "sparse": reading.sparse}
    return {**known, "values": numbers.add(reading.values), "errors": errors}
