"""The HTML page around interactive figures.

Owns: the markup, and the data of the page's script. Style and script are page.css and page.js. Everything is embedded: the
page opens without a network or a server.
"""

from __future__ import annotations

import html
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.resources import files
from typing import Any

import numpy as np
import plotly.io
from plotly.offline import get_plotlyjs

from landscape.render.page.figures import Drawn
from landscape.render.page.literal import embedded
from landscape.scene.reading import Reading, Table
from landscape.scene.scene import Caption, Choice


@dataclass(frozen=True)
class Panel:
    """One column of the page: its figures and tables, and per view the choice, the facts and the notes."""

    drawn: Drawn
    choices: list[Choice]
    title: str
    facts: list[list[str]]
    notes: list[list[str]]
    tables: tuple[Table, ...] = ()


def document(captions: Sequence[Caption], panels: Sequence[Panel]) -> str:
    """The whole page; `captions` are the title and the common facts of each view."""
    columns = "\n".join(_column(number, panel) for number, panel in enumerate(panels))
    data = {
        "panels": [_payload(panel) for panel in panels],
        "views": [asdict(choice) for choice in panels[0].choices],
        "captions": [{"title": caption.title, "facts": caption.facts} for caption in captions],
    }
    text = embedded(data)
    single = " single" if len(panels) == 1 else ""
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{html.escape(captions[0].title or "Loss landscape")}</title>
<link rel="icon" href="data:,">
<style>
{_asset("page.css")}</style>
<script>{get_plotlyjs()}</script>
</head>
<body>
<header><h1 id="title"></h1><div id="controls"></div></header>
<main class="panels{single}">
{columns}
</main>
<footer><p id="facts"></p></footer>
<script type="application/json" id="data">{text}</script>
<script>
{_asset("page.js")}</script>
</body>
</html>
"""


def _asset(name: str) -> str:
    """The text of a file beside this one."""
    return (files(__package__) / name).read_text(encoding="utf-8")


def _column(number: int, panel: Panel) -> str:
    heading = f"<h2>{html.escape(panel.title)}</h2>" if panel.title else ""
    figures = "\n".join(f'<div class="figure {place}" id="{place}{number}"></div>' for place in panel.drawn.places)
    return f"""<section>{heading}
<div class="figures">{figures}</div>
<div class="own"><p id="facts{number}"></p><p id="notes{number}"></p></div></section>"""


def _payload(panel: Panel) -> dict[str, Any]:
    """The data of a panel for the script: the figures, and the values at the grid points for the hover text."""
    drawn = panel.drawn
    return {
        "places": drawn.places,
        "figures": [json.loads(plotly.io.to_json(figure, validate=False)) for figure in drawn.figures],
        "layouts": drawn.layouts,
        "facts": panel.facts,
        "notes": panel.notes,
        "tables": [_table(table) for table in panel.tables],
        "table": drawn.table,
    }


def _table(table: Table) -> dict[str, Any]:
    return {"x": table.x.tolist(), "y": table.y.tolist(), "readings": [_reading(each) for each in table.readings]}


def _reading(reading: Reading) -> dict[str, Any]:
    errors = None if reading.errors is None else _numbers(reading.errors)
    known = {"metric": reading.metric, "label": reading.label, "percent": reading.percent, "sparse": reading.sparse}
    return {**known, "values": _numbers(reading.values), "errors": errors}


def _numbers(values: np.ndarray) -> list[list[float | None]]:
    return [[_number(value) for value in row] for row in values]


def _number(value: float) -> float | None:
    return float(f"{value:.6g}") if np.isfinite(value) else None
