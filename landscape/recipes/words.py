"""Lines that several commands print of their results.

Owns: the words on plans, surfaces and written files. Loads numpy only when a surface is described.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from landscape.printable import one_in, share_of

# Characters of one fact on the terminal; `--json` prints all of them.
LONGEST = 4000
# From here on a number may be one that only looks whole.
WHOLE = 1e9


def files_lines(files: Sequence[Path], title: str = "wrote") -> list[str]:
    return [f"{title} " + ", ".join(map(str, files))] if files else []


def plane_lines(surface: Any, out: str | Path) -> list[str]:
    """One line on each metric of an evaluation, with counts of values that are not finite; and what a tolerance saved."""
    lines = [f"{out}: {surface.grid.size} points"]
    for name in surface.values:
        if surface.quantity(name).group == "evaluation":  # other commands describe what they added
            lines.append(f"  {name}: {spread(surface, name)}{_odd(surface.values[name])}")
    known = surface.known
    if known.run and known.run.reached and known.tolerance:
        lines += _saving(known.run.reached, known.tolerance.asked)
    return lines


def spread(surface: Any, name: str) -> str:
    """The finite values of a metric, from the least to the greatest, and the one at the centre, or the first net or step."""
    import numpy as np

    array, centre = surface.values[name], surface.at_origin(name)
    finite = array[np.isfinite(array)]
    if not finite.size:
        return "no finite value"
    known = centre is not None and (np.isfinite(centre) or surface.quantity(name).group == "evaluation")
    made = surface.known.directions
    where = "at the first net" if made and str(made.kind).startswith("nets") else "at the centre"
    where = "at step 0" if surface.grid.axes[0].kind == "step" else where
    at_centre = f", {centre:.4g} {where}" if known else ""
    return f"{finite.min():.4g} to {finite.max():.4g}{at_centre}"


def metric_text(facts: Mapping[str, Any]) -> str:
    """The facts of `landscape info` on a metric, in a line."""
    low, high, centre = facts["min"], facts["max"], facts["at_origin"]
    said = ["no finite value" if low is None else f"{_number(low)} to {_number(high)}"]
    said += [] if centre is None else [f"{_number(centre)} at the origin"]
    return ", ".join([*said, *(f"{facts[word]} {word}" for word in ("pending", "nan", "inf") if facts[word])])


def _number(value: float) -> str:
    return _fact(value) if value.is_integer() else f"{value:.4g}"


def plan_lines(plan: Any) -> list[str]:
    """What `--dry-run` prints."""
    data, model = plan.provenance.data, plan.provenance.model
    splits = ", ".join(f"{name} {facts.samples} of {facts.of}" for name, facts in plan.provenance.splits.items())
    each, ranks = plan.samples_per_point, f"{plan.ranks} rank{'s' if plan.ranks > 1 else ''}"
    lines = [
        f"net      {model.name}"
        + (f", {model.parameters:,} parameters" if model.parameters else "")
        + _moving(plan.provenance.directions),
        f"data     {data.name}: {splits}",
        f"points   {plan.points}, of which {plan.pending} are pending; {each} samples each",
        f"memory   {bytes_text(plan.weight_bytes)} of weights and directions, {bytes_text(plan.data_bytes)} of data, per rank",
        f"speed    {plan.samples_per_second:,.0f} samples/s on this rank, {ranks}",
    ]
    if kept := plan.kept:
        part = "" if kept.share == 1 else f"; there is memory for {kept.share:.0%} of them"
        lines.append(
            f"kept     what comes before the first layers that move is computed once, {kept.layers} of {kept.of} layers: "
            f"{bytes_text(kept.nbytes)} of activations in all{part}"
        )
    if saving := plan.saving:
        times = [plan.points * each / evaluations for evaluations in (saving.least, saving.evaluations)]
        up_to = "" if saving.samples == each else "up to about "
        lines.append(
            f"saving   {saving.points} points with {up_to}{saving.samples:,} samples each, if the surface is smooth: "
            f"{_between(*times)}; a rough one takes all points"
        )
    further = "".join(f"; {what} about {duration_text(seconds)}" for what, seconds in plan.further.items())
    durations = dict.fromkeys(map(duration_text, (plan.least_seconds, plan.seconds)))
    lines.append(f"time     about {' to '.join(durations)}{further}")
    return [*lines, f"output   {plan.taken}"] if plan.taken else lines


def _between(low: float, high: float) -> str:
    """From the share 1 / low of all evaluations to 1 / high of them."""
    texts = [share_of(each, "all evaluations") for each in (low, high)]
    if texts[0] != texts[1] and all(text.startswith("1/") for text in texts):
        return f"{one_in(low)} to {texts[1]}"
    return " to ".join(dict.fromkeys(texts))


def _moving(directions: Any) -> str:
    return f", of which {directions.moving:,} move ({directions.only})" if directions and directions.moving else ""


def tree_lines(tree: Mapping[str, Any], indent: int = 0) -> Iterator[str]:
    """Nested facts, one to a line, without empty ones."""
    for key, value in tree.items():
        if isinstance(value, dict) and value and indent < 8:
            yield " " * indent + f"{key}:"
            yield from tree_lines(value, indent + 2)
        elif value not in (None, {}, []):
            shown = ", ".join(map(_fact, value)) if isinstance(value, list) else _fact(value)
            cut = f"... ({len(shown):,} characters)" if len(shown) > LONGEST else ""
            yield " " * indent + f"{key}: {shown[:LONGEST]}{cut}"


def _fact(value: Any) -> str:
    """A single fact in words: counts without a fraction, and code, which files name by a hash."""
    if isinstance(value, float) and value.is_integer() and abs(value) < WHOLE:
        return str(int(value))
    text = str(value)
    return f"of its own, hash {text[1:]}" if re.fullmatch("#[0-9a-f]{8}", text) else text


def bytes_text(count: float) -> str:
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"


def duration_text(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = seconds / 60
    return f"{minutes:.0f} min" if minutes < 90 else f"{minutes / 60:.1f} h"


def _odd(array: Any) -> str:
    import numpy as np

    counts = (("nan", int(np.isnan(array).sum())), ("inf", int(np.isinf(array).sum())))
    return "".join(f", {count} {word}" for word, count in counts if count)


def _saving(reached: Any, asked: float) -> list[str]:
    """What a tolerance saved, and the error that was reached."""
    share = reached.of_evaluations / reached.evaluations
    rough = f", {reached.rough_evaluations:,} of them in bfloat16" if reached.rough_evaluations else ""
    checks = f"; {reached.checks} points checked, the worst off by {100 * reached.worst_check:.2g} %"
    return [
        f"  computed {reached.points:,} of {reached.of:,} points, with {reached.evaluations:,} of "
        f"{reached.of_evaluations:,} evaluations of a sample ({one_in(share)}){rough}",
        f"  error at 95 % of the points {100 * reached.error:.2g} % (asked: {100 * asked:g} %)"
        + (checks if reached.checks else ""),
    ]
