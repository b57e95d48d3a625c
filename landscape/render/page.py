"""The HTML page around interactive figures.

Owns: the markup, the style, and what is handed to the page's script. Everything is embedded: the page opens without a
network and says what it shows without a server.
"""

from __future__ import annotations

import html
import json
from dataclasses import asdict, dataclass, field

import numpy as np
import plotly.graph_objects as go
import plotly.io
from plotly.offline import get_plotlyjs

from landscape.render.page_script import SCRIPT, STYLE
from landscape.scene.scene import Field


@dataclass(frozen=True)
class View:
    """What the switches of the page choose from: a metric on a scale."""

    metric: str
    scale: str
    label: str = ""
    percent: bool = False


@dataclass(frozen=True)
class Panel:
    """One column of the page: figures below each other, and for each view the changes of their layouts and the notes."""

    title: str
    figures: list[go.Figure]
    layouts: list[list[dict]]
    facts: list[str]
    notes: list[list[str]]
    views: list[View]
    fields: tuple[Field, ...] = field(default_factory=tuple)


def page(title: str, panels: list[Panel], facts: list[str]) -> str:
    """The whole page."""
    columns = "\n".join(_column(number, panel) for number, panel in enumerate(panels))
    views = [asdict(view) for view in panels[0].views]
    data = json.dumps({"panels": [_payload(panel) for panel in panels], "views": views}, allow_nan=False)
    # Inside a script element only the closing tag could end the text early.
    data = data.replace("</", "<\\/")
    single = " single" if len(panels) == 1 else ""
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{html.escape(title or "Loss landscape")}</title>
<link rel="icon" href="data:,">
<style>{STYLE}</style>
<script>{get_plotlyjs()}</script>
</head>
<body>
<header><h1>{html.escape(title)}</h1><div id="controls"></div></header>
<main class="panels{single}">
{columns}
</main>
<footer><p>{_joined(facts)}</p></footer>
<script type="application/json" id="data">{data}</script>
<script>{SCRIPT}</script>
</body>
</html>
"""


def _column(number: int, panel: Panel) -> str:
    heading = f"<h2>{html.escape(panel.title)}</h2>" if panel.title else ""
    kinds = ["line"] if len(panel.figures) == 1 else ["relief", "flat"]
    figures = "\n".join(f'<div class="figure {kind}" id="{kind}{number}"></div>' for kind in kinds)
    own = f"<p>{_joined(panel.facts)}</p>" if panel.facts else ""
    return f"""<section>{heading}
<div class="figures">{figures}</div>
<div class="own">{own}<p class="notes" id="notes{number}"></p></div></section>"""


def _joined(phrases: list[str]) -> str:
    return " &nbsp;·&nbsp; ".join(map(html.escape, phrases))


def _payload(panel: Panel) -> dict:
    """What the script needs of a panel: the figures, and the values at the grid points for the hover text."""
    values = {f.metric: [[_number(v) for v in row] for row in f.values] for f in panel.fields}
    grid = {"x": panel.fields[0].x.tolist(), "y": panel.fields[0].y.tolist(), "values": values} if panel.fields else None
    return {
        "figures": [json.loads(plotly.io.to_json(figure, validate=False)) for figure in panel.figures],
        "layouts": panel.layouts,
        "notes": panel.notes,
        "grid": grid,
    }


def _number(value: float) -> float | None:
    return float(f"{value:.6g}") if np.isfinite(value) else None
