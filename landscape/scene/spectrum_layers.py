"""The ends of each layer's own spectrum: a row per layer, from its smallest to its largest eigenvalue.

Owns: which blocks become rows, their horizontal axis, and what is said of layers that are not there yet. A layer's block of the
Hessian is what is left when the others are held fixed, so its eigenvalues lie between those of all parameters.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from landscape.errors import UsageError
from landscape.scene.facts import subject
from landscape.scene.scene import LINEAR, SYMLOG, Caption, Frame, Scene
from landscape.scene.spectrum_axis import check, plain_axes, rounded
from landscape.scene.spectrum_curves import NEGATIVE, OPEN, POSITIVE, can_be_negative, signed_color
from landscape.scene.spectrum_facts import computed_facts, eigenvalue_text, ends_found, made_of, with_error
from landscape.scene.spectrum_view import EigenAxis, LayerRow, LayersView
from landscape.scene.spectrum_words import SIGN_OPEN, STANDARD, command_for, what
from landscape.surfaces.spectrum import Block, Spectrum

LAYERS = "layers"
# Layers whose largest magnitudes differ by more are not seen together on a linear axis.
LOG_FROM_RATIO = 10.0
# On the symmetric log axis the smallest of them is so many units long, and the largest no more than so many.
LEAST, MOST = 2.0, 1e5


def build_layers(
    spectrum: Spectrum, *, scale: str = "auto", vmin: float | None = None, vmax: float | None = None, title: str | None = None
) -> Scene:  # fmt: skip
    """The smallest and the largest eigenvalue of every layer, in the order of the net; options as in `build_spectra`.

    Raises:
        UsageError: a spectrum without layers or without eigenvalues, another scale, or limits in the wrong order.
    """
    check(scale, vmin, vmax)
    _check_layers(spectrum)
    found = {name: _ends(spectrum, block) for name, block in spectrum.blocks.items()}
    values = np.array([end for ends in found.values() for end, _ in ends])
    reach = _reach(list(found.values())[1:])
    kind = (SYMLOG if _differ(reach) else LINEAR) if scale == "auto" else scale
    axes = plain_axes(values[np.isfinite(values)], _unit(reach), kind, vmin, vmax)
    heading = f"{subject(spectrum)}: {what([spectrum])} of each layer".removeprefix(": ")
    caption = Caption(heading if title is None else title, tuple(computed_facts(spectrum)))
    views = tuple(_view(spectrum, found, axis, caption) for axis in axes)
    ends = (axes[0].scale.low, axes[0].scale.high)
    frame = Frame(axes[0].label, "layer", ends, (0.0, float(len(spectrum.blocks))), equal=False)
    return Scene(LAYERS, frame, spectra=views)


def _check_layers(spectrum: Spectrum) -> None:
    who, made = spectrum.source or "this spectrum", made_of(spectrum)
    if len(spectrum.blocks) < 2:
        command = command_for(spectrum, "--per layer")
        raise UsageError(f"{who} has no layers, only all parameters together; run {command}")
    if any(len(block.values) for block in list(spectrum.blocks.values())[1:]):
        return
    if made.get("top", 1) or made.get("bottom", 1):
        raise UsageError(f"{who} has no eigenvalues of a layer yet; run its command again to go on")
    command = command_for(spectrum, "--per layer --top 1 --bottom 1")
    raise UsageError(f"{who} has no eigenvalues found one by one; run {command}")


def _ends(spectrum: Spectrum, block: Block) -> tuple[tuple[float, float], tuple[float, float]]:
    """((smallest, its error), (largest, its error)); NaN for what is not known."""
    return tuple(
        (float("nan"), float("nan")) if i is None else (float(block.values[i]), float(block.errors[i]))
        for i in ends_found(spectrum, block)
    )


def _reach(ends: Sequence) -> np.ndarray:
    """(n,) the largest magnitude of each layer that has one and is not 0."""
    found = [
        np.nanmax(np.abs(pair))
        for pair in (np.array([end for end, _ in each]) for each in ends)
        if np.isfinite(pair).any()
    ]
    return np.array([value for value in found if value > 0] or [1.0])


def _differ(reach: np.ndarray) -> bool:
    return bool(reach.max() > LOG_FROM_RATIO * reach.min())


def _unit(reach: np.ndarray) -> float:
    return rounded(max(reach.min() / LEAST, reach.max() / MOST))


def _view(spectrum: Spectrum, found: dict, axis: EigenAxis, caption: Caption) -> LayersView:
    whole = next(iter(spectrum.blocks))
    rows = tuple(_row(spectrum.blocks[name], ends, axis, name == whole) for name, ends in found.items())
    shaded = axis.negative if can_be_negative(spectrum) else None
    return LayersView(axis, rows, shaded, tuple(_notes(spectrum, rows)), caption)


def _row(block: Block, ends, axis: EigenAxis, whole: bool) -> LayerRow:
    values = np.array([end for end, _ in ends])
    dots = tuple(
        (float(axis.places(v)), *map(float, axis.places([v - e, v + e])), signed_color(v, e))
        for v, e in ((v, float(np.nan_to_num(e))) for v, e in ends)
        if axis.scale.vmin <= v <= axis.scale.vmax
    )
    smallest, largest = map(float, axis.places(values))
    return LayerRow(block.name, smallest, largest, _spans(values, axis), dots, _told(block, ends), whole)


def _spans(values: np.ndarray, axis: EigenAxis) -> tuple[tuple[float, float, str], ...]:
    """The bar between both ends, or from 0 to the only one, cut at zero and at the ends of the axis."""
    known = values[np.isfinite(values)]
    if not len(known):
        return ()
    low, high = (known[0], known[1]) if len(known) == 2 else (min(known[0], 0.0), max(known[0], 0.0))
    parts = ((low, min(high, 0.0), NEGATIVE), (max(low, 0.0), high, POSITIVE))
    return tuple((*map(float, axis.scale.heights([start, end])), color) for start, end, color in parts if start < end)


def _told(block: Block, ends) -> str:
    """What hovering tells of a layer."""
    named = zip(("largest", "smallest"), ends[::-1], strict=True)
    lines = [f"{block.name}, {block.dimension:,} parameters"]
    lines += [f"{name} eigenvalue {eigenvalue_text(v, e)}" for name, (v, e) in named if np.isfinite(v)]
    lines += [f"trace {with_error(block.trace, block.trace_stderr)}"] if np.isfinite(block.trace) else []
    return "<br>".join(lines if len(lines) > 1 else [*lines, "not computed yet"])


def _notes(spectrum: Spectrum, rows: Sequence[LayerRow]) -> list[str]:
    missing = sum(not (np.isfinite(row.smallest) or np.isfinite(row.largest)) for row in rows)
    notes = ["dots: smallest and largest eigenvalue of the block of each layer's parameters, the others held fixed"]
    hidden = sum(int(np.isfinite([row.smallest, row.largest]).sum()) - len(row.dots) for row in rows)
    notes += [f"{missing} of {len(rows)} rows not computed yet"] if missing else []
    notes += [f"{hidden} eigenvalue{'s' * (hidden != 1)} beyond the axis not shown"] if hidden else []
    notes += [SIGN_OPEN] if any(dot[-1] == OPEN for row in rows for dot in row.dots) else []
    return notes + [STANDARD] * any("±" in fact for fact in computed_facts(spectrum))
