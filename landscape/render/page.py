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
from landscape.scene.scene import Caption, Field
from landscape.scene.text import metric_label


@dataclass(frozen=True)
class Choice:
    """What the switches of the page choose from: a metric on a scale."""

    metric: str
    scale: str
    label: str = ""
    percent: bool = False


@dataclass(frozen=True)
class Panel:
    """One column of the page: its figures, and per view the changes of their layouts, the facts and the notes."""

    figures: list[go.Figure]
    layouts: list[list[dict]]
    choices: list[Choice]
    title: str
    facts: list[list[str]]
    notes: list[list[str]]
    fields: tuple[Field, ...] = ()


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
    kinds = ["line"] if len(panel.figures) == 1 else ["relief", "flat"]
    figures = "\n".join(f'<div class="figure {kind}" id="{kind}{number}"></div>' for kind in kinds)
    return f"""<section>{heading}
<div class="figures">{figures}</div>
<div class="own"><p id="facts{number}"></p><p id="notes{number}"></p></div></section>"""


def _payload(panel: Panel) -> dict:
    """What the script needs of a panel: the figures, and the values at the grid points for the hover text."""
    grid = None
    if panel.fields:
        values = {f.metric: [[_number(v) for v in row] for row in f.values] for f in panel.fields}
        told = {
            f.metric: {"metric": f.metric, "label": metric_label(f.metric), "percent": f.percent} for f in panel.fields
        }
        first = panel.fields[0]
        grid = {"x": first.x.tolist(), "y": first.y.tolist(), "values": values, "metrics": list(told.values())}
    return {
        "figures": [json.loads(plotly.io.to_json(figure, validate=False)) for figure in panel.figures],
        "layouts": panel.layouts,
        "facts": panel.facts,
        "notes": panel.notes,
        "grid": grid,
    }


def _number(value: float) -> float | None:
    return float(f"{value:.6g}") if np.isfinite(value) else None
