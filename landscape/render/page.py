"""The HTML page around interactive figures.

Owns: the markup, the style, and what is handed to the page's script. Everything is embedded: the page opens without a
network and says what it shows without a server.
"""

from __future__ import annotations

import html
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
import plotly.graph_objects as go
import plotly.io
from plotly.offline import get_plotlyjs

from landscape.render.page_script import SCRIPT, STYLE
from landscape.scene.reading import Reading, Table
from landscape.scene.scene import Caption


@dataclass(frozen=True)
class Choice:
    """What the switches of the page choose from: a metric on a scale."""

    metric: str
    scale: str
    label: str = ""
    percent: bool = False


@dataclass(frozen=True)
class Panel:
    """One column of the page: its figures, and per view the changes of their layouts, the facts and the notes.

    `places` say what each figure is, which gives its size: relief, flat, map, line or stack. `tables` are what hovering
    tells, `table` the number of the one for each view.
    """

    places: tuple[str, ...]
    figures: list[go.Figure]
    layouts: list[list[dict]]
    choices: list[Choice]
    title: str
    facts: list[list[str]]
    notes: list[list[str]]
    tables: tuple[Table, ...] = ()
    table: tuple[int, ...] = ()


def page(captions: Sequence[Caption], panels: Sequence[Panel]) -> str:
    """The whole page; `captions` are the title and the common facts of each view."""
    columns = "\n".join(_column(number, panel) for number, panel in enumerate(panels))
    data = {
        "panels": [_payload(panel) for panel in panels],
        "views": [asdict(choice) for choice in panels[0].choices],
        "captions": [asdict(caption) for caption in captions],
    }
    # Inside a script element only the closing tag could end the text early.
    text = json.dumps(data, allow_nan=False).replace("</", "<\\/")
    single = " single" if len(panels) == 1 else ""
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{html.escape(captions[0].title or "Loss landscape")}</title>
<link rel="icon" href="data:,">
<style>{STYLE}</style>
<script>{get_plotlyjs()}</script>
</head>
<body>
<header><h1 id="title"></h1><div id="controls"></div></header>
<main class="panels{single}">
{columns}
</main>
<footer><p id="facts"></p></footer>
<script type="application/json" id="data">{text}</script>
<script>{SCRIPT}</script>
</body>
</html>
"""


def _column(number: int, panel: Panel) -> str:
    heading = f"<h2>{html.escape(panel.title)}</h2>" if panel.title else ""
    figures = "\n".join(f'<div class="figure {place}" id="{place}{number}"></div>' for place in panel.places)
    return f"""<section>{heading}
<div class="figures">{figures}</div>
<div class="own"><p id="facts{number}"></p><p id="notes{number}"></p></div></section>"""


def _payload(panel: Panel) -> dict:
    """What the script needs of a panel: the figures, and the values at the grid points for the hover text."""
    return {
        "places": panel.places,
        "figures": [json.loads(plotly.io.to_json(figure, validate=False)) for figure in panel.figures],
        "layouts": panel.layouts,
        "facts": panel.facts,
        "notes": panel.notes,
        "tables": [_table(table) for table in panel.tables],
        "table": panel.table,
    }


def _table(table: Table) -> dict:
    return {"x": table.x.tolist(), "y": table.y.tolist(), "readings": [_reading(each) for each in table.readings]}


def _reading(reading: Reading) -> dict:
    errors = None if reading.errors is None else _numbers(reading.errors)
    told = {"metric": reading.metric, "label": reading.label, "percent": reading.percent, "sparse": reading.sparse}
    return {**told, "values": _numbers(reading.values), "errors": errors}


def _numbers(values: np.ndarray) -> list[list[float | None]]:
    return [[_number(value) for value in row] for row in values]


def _number(value: float) -> float | None:
    return float(f"{value:.6g}") if np.isfinite(value) else None
