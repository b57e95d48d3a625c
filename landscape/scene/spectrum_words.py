"""The words around pictures of spectra: titles, names, notes on the drawing, and commands for what a file lacks.

Owns: how spectra are told apart, and what a reader must know of heights, smoothing and marks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import PurePath

import numpy as np

from landscape.scene.facts import checkpoint_stem, model_name, subject
from landscape.scene.scene import LINEAR
from landscape.scene.spectrum_axis import all_values, resolution
from landscape.scene.spectrum_curves import OPEN, can_be_negative
from landscape.scene.spectrum_facts import made_of, matrix_of, minus, negative_bound, spectrum_facts
from landscape.scene.spectrum_view import EigenAxis, Rug
from landscape.scene.text import short
from landscape.surfaces.spectrum import Density, Spectrum

SHORT_MATRICES = {"hessian": "Hessian", "ggn": "Gauss-Newton"}
SIGN_OPEN = "grey: the error leaves the sign open"
STANDARD = "± standard error; of an eigenvalue, how far off it may be"


def what(spectra: Sequence[Spectrum]) -> str:
    """The subject of a title."""
    matrices = {_matrix(spectrum) for spectrum in spectra}
    return f"{matrices.pop()} spectrum" if len(matrices) == 1 else "curvature spectra"


def names_of(spectra: Sequence[Spectrum]) -> list[str]:
    """The shortest readable names that differ for all spectra; else letters."""
    # These read provenance and source alone, which a spectrum has as a surface does.
    namings: tuple[Callable, ...] = (model_name, subject, _matrix, _stem, checkpoint_stem)
    for naming in namings:
        names = [naming(spectrum) for spectrum in spectra]
        if all(names) and len(set(names)) == len(names):
            return names
    return [chr(ord("A") + i % 26) + str(i // 26 or "") for i in range(len(spectra))]


def notes_on(spectra: Sequence[Spectrum], axis: EigenAxis, rugs: Sequence[Rug]) -> list[str]:
    """What the heights are, how they were smoothed, what the marks are, and what lies beyond the axis."""
    notes = _smoothing(axis)
    if not all(map(can_be_negative, spectra)):
        notes.append("left of 0 is smoothing: a Gauss-Newton matrix has no negative eigenvalues")
    if any(len(rug.places) for rug in rugs):
        notes.append("ticks: eigenvalues found one by one")
    if any(OPEN in rug.colors for rug in rugs):
        notes.append(SIGN_OPEN)
    if len(spectra) == 1 and len(spectra[0].whole.density.nodes) > 1:
        notes.append("thin lines: each probe alone")
    if any("±" in fact for spectrum in spectra for fact in spectrum_facts(spectrum)):
        notes.append(STANDARD)
    prefixes = [f"{rug.name}: " if len(spectra) > 1 else "" for rug in rugs]
    own = [[*_rough(spectrum), *_beyond(spectrum.whole.density, axis)] for spectrum in spectra]
    return notes + [prefix + note for prefix, each in zip(prefixes, own, strict=True) for note in each]


def no_density(spectrum: Spectrum) -> str:
    """What to do about a spectrum that has none."""
    who, probes = spectrum.source or "this spectrum", made_of(spectrum).get("probes")
    if probes:
        return f"{who} has no density yet: none of its {probes} probes is done; run its command again to go on"
    return f"{who} has no density, as it was computed without probes; run {command_for(spectrum, '--probes 4')}"


def command_for(spectrum: Spectrum, options: str) -> str:
    """The command that computes what is missing, with the names of the files where they are known."""
    checkpoint = (spectrum.provenance or {}).get("checkpoint")
    path = checkpoint.get("path") if isinstance(checkpoint, dict) else None
    out = f" -o {spectrum.source} --overwrite" if spectrum.source else ""
    return f"`landscape spectrum {path or 'CKPT'} {options}{out}`"


def _smoothing(axis: EigenAxis) -> list[str]:
    width, unit = short(axis.width), axis.scale.unit
    smoothed = f"each eigenvalue smoothed by a Gaussian of standard deviation {width}"
    if axis.scale.kind == LINEAR:
        return [smoothed]
    return [
        f"density: share of eigenvalues per unit of asinh(eigenvalue / {short(2 * unit)}) / ln 10, which is a decade beyond "
        f"±{short(unit)} and linear within, where the probes do not tell eigenvalues apart",
        f"{smoothed} decades",
    ]


def _rough(spectrum: Spectrum) -> list[str]:
    """The standard error of the negative share tells of the choice of probes, not of how near to 0 they can look."""
    bound, gap = negative_bound(spectrum), resolution(spectrum.whole.density)
    if bound is None or bound >= gap:
        return []
    return [
        f"share of negative eigenvalues is rough: its bound −{short(bound, 2)} is nearer to 0 than the probes tell apart "
        f"({short(gap, 2)}); more steps tell better"
    ]


def _beyond(density: Density, axis: EigenAxis) -> list[str]:
    """The eigenvalues that the axis is too short for."""
    notes, everything = [], all_values(density)
    vmin, vmax = axis.scale.vmin, axis.scale.vmax
    if everything.max() > vmax:
        share = 1.0 - density.share_below(np.nextafter(vmax, np.inf))[0]
        notes.append(_not_shown(share, "above", vmax, "up to", everything.max()))
    if everything.min() < vmin:
        share = density.share_below(vmin)[0]
        notes.append(_not_shown(share, "below", vmin, "down to", everything.min()))
    return notes


def _not_shown(share: float, side: str, bound: float, until: str, last: float) -> str:
    return f"{short(100 * share)} % of eigenvalues {side} {minus(short(bound))} not shown, {until} {minus(short(last))}"


def _matrix(spectrum: Spectrum) -> str:
    return SHORT_MATRICES.get(matrix_of(spectrum), matrix_of(spectrum))


def _stem(spectrum: Spectrum) -> str:
    return PurePath(spectrum.source).stem if spectrum.source else ""
