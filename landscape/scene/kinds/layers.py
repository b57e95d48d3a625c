"""The ends of each layer's own spectrum: a row per layer, from its smallest to its largest eigenvalue.

Owns: the kind `layers`: which blocks become rows, their horizontal axis, and what is said of layers that are not there yet. A
layer's block of the Hessian is what is left when the others are held fixed, so its eigenvalues lie between those of all
parameters.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from landscape.errors import UsageError
from landscape.printable import listed
from landscape.scene.colors import OPEN_SIGN
from landscape.scene.facts.spectrum import (
    SIGN_OPEN,
    STANDARD_ERRORS,
    can_be_negative,
    command_for,
    computed_facts,
    ends_found,
    made_of,
    what,
)
from landscape.scene.facts.surface import subject
from landscape.scene.kinds.kind import SPECTRUM, Kind, Options, one_by_one
from landscape.scene.kinds.spectrum import UNUSED
from landscape.scene.scale import LINEAR, SYMLOG
from landscape.scene.scene import Caption, Frame, Scene
from landscape.scene.views.eigen_axis import EigenAxis, check_scale, plain_axes, rounded
from landscape.scene.views.rows import Ends, LayerRow, LayerRows, row_of
from landscape.surfaces.spectrum import Block, Spectrum

# Rows whose largest magnitudes differ by more are not seen together on a linear axis.
LOG_FROM_RATIO = 10.0
# On the symmetric log axis the smallest of them is at least LEAST units long, and the largest at most MOST.
LEAST, MOST = 2.0, 1e5
LISTED = 3


def _scene(spectrum: Spectrum, options: Options) -> Scene:
    """The smallest and the largest eigenvalue of every layer, in the order of the net."""
    check_scale(options.scale, options.vmin, options.vmax)
    _check_layers(spectrum)
    found = {name: _ends(spectrum, block) for name, block in spectrum.blocks.items()}
    values = np.array([end for ends in found.values() for end, _ in ends])
    reach = _reach(list(found.values())[1:])
    differ = _differ(_reach(list(found.values())))  # all parameters together too, whose row is by far the longest
    kind = (SYMLOG if differ else LINEAR) if options.scale == "auto" else options.scale
    axes = plain_axes(values[np.isfinite(values)], _unit(reach), kind, options.vmin, options.vmax)
    caption = options.caption(subject(spectrum), f"{what([spectrum])} of each layer", computed_facts(spectrum))
    views = tuple(_view(spectrum, found, axis, caption) for axis in axes)
    ends = (axes[0].scale.low, axes[0].scale.high)
    return Scene(Frame(axes[0].label, "layer", ends, (0.0, float(len(spectrum.blocks))), equal=False), views)


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


def _ends(spectrum: Spectrum, block: Block) -> Ends:
    smallest, largest = (
        (float("nan"), float("nan")) if i is None else (float(block.values[i]), float(block.errors[i]))
        for i in ends_found(spectrum, block)
    )
    return smallest, largest


def _reach(ends: Sequence[Ends]) -> np.ndarray:
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


def _view(spectrum: Spectrum, found: dict[str, Ends], axis: EigenAxis, caption: Caption) -> LayerRows:
    whole = next(iter(spectrum.blocks))
    rows = tuple(row_of(spectrum.blocks[name], ends, axis, whole=name == whole) for name, ends in found.items())
    shaded = axis.negative if can_be_negative(spectrum) else None
    notes = (*_notes(spectrum, rows), *_zeros(spectrum))
    return LayerRows(axis=axis, rows=rows, shaded=shaded, notes=notes, caption=caption)


def _notes(spectrum: Spectrum, rows: Sequence[LayerRow]) -> list[str]:
    missing = sum(not (np.isfinite(row.smallest) or np.isfinite(row.largest)) for row in rows)
    notes = ["dots: smallest and largest eigenvalue of the block of each layer's parameters, the others held fixed"]
    hidden = sum(int(np.isfinite([row.smallest, row.largest]).sum()) - len(row.dots) for row in rows)
    notes += [f"{missing} of {len(rows)} rows not computed"] if missing else []
    notes += [f"{hidden} eigenvalue{'s' * (hidden != 1)} beyond the axis not shown"] if hidden else []
    notes += [SIGN_OPEN] if any(dot[-1] == OPEN_SIGN for row in rows for dot in row.dots) else []
    return notes + [STANDARD_ERRORS] * any("±" in fact for fact in computed_facts(spectrum))


def _zeros(spectrum: Spectrum) -> list[str]:
    zeros = [name for name, block in spectrum.blocks.items() if block.is_zero]
    return [f"block{'s' * (len(zeros) > 1)} of zeros: {listed(zeros, LISTED)}"] if zeros else []


KINDS = (Kind("layers", SPECTRUM, one_by_one(_scene), unused=UNUSED, alone="shows one net"),)
