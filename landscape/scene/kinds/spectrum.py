"""The density of a Hessian's eigenvalues: one spectrum, several over each other, or side by side.

Owns: the kind `spectrum`: which spectra can be drawn, the words around them, and what a reader must know of heights, smoothing
and marks. Axes and curves are those of views/eigen_axis.py and views/density.py.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from landscape.errors import UsageError
from landscape.scene.colors import OPEN_SIGN
from landscape.scene.facts.spectrum import (
    SIGN_OPEN,
    STANDARD_ERRORS,
    can_be_negative,
    command_for,
    made_of,
    minus,
    negative_bound,
    spectrum_facts,
    what,
)
from landscape.scene.facts.surface import subject
from landscape.scene.kinds.kind import CURVES_ONLY, SPECTRUM, Kind, Options, names_of
from landscape.scene.scale import LINEAR
from landscape.scene.scene import Caption, Frame, Scene
from landscape.scene.text import short
from landscape.scene.views.density import (
    SEVERAL,
    Rug,
    Shown,
    SpectralDensity,
    density_axis,
    lone_height,
    one_curve_each,
    rug_of,
    signed_curves,
)
from landscape.scene.views.eigen_axis import EigenAxis, all_values, eigen_axes, is_unresolved, resolution
from landscape.scene.views.lines import ValueAxis
from landscape.surfaces.spectrum import Density, Spectrum

# One for each colour, solid and dashed.
MOST = 2 * len(SEVERAL)
OWN_AXIS = "each panel has an axis of its own: one axis would not resolve all spectra"


def _apart(spectra: Sequence[Spectrum], options: Options) -> list[Scene]:
    """One scene each, on the same axes and smoothed alike, unless one axis does not resolve all of them."""
    shown = _shown(spectra, options)
    densities = [each.density for each in shown]
    shared = _axes(densities, options, options.scale)
    resolved = not any(is_unresolved(density, axis) for density in densities for axis in shared)
    axes = [shared if resolved else _axes([density], options, shared[0].scale.kind) for density in densities]
    lefts = [density_axis(shown, each) for each in zip(*axes, strict=True)]
    own = () if resolved else (OWN_AXIS,)
    captions = [options.caption(subject(s), what(spectra), spectrum_facts(s)) for s in spectra]
    panels = zip(shown, axes, captions, strict=True)
    return [_scene([each], pair, lefts, caption, own) for each, pair, caption in panels]


def _together(spectra: Sequence[Spectrum], options: Options) -> Scene:
    """One density, or several over each other on the same axes."""
    shown = _shown(spectra, options)
    axes = _axes([each.density for each in shown], options, options.scale)
    lefts = [density_axis(shown, [axis] * len(shown)) for axis in axes]
    return _scene(shown, axes, lefts, _caption(shown, options))


def _axes(densities: Sequence[Density], options: Options, scale: str) -> list[EigenAxis]:
    return eigen_axes(densities, scale, options.vmin, options.vmax)


def _scene(
    drawn: Sequence[Shown],
    axes: Sequence[EigenAxis],
    lefts: Sequence[ValueAxis],
    caption: Caption,
    notes: tuple[str, ...] = (),
) -> Scene:
    """The densities of `drawn`: a view for each of the axes, with its axis of densities."""
    views = tuple(_view(drawn, axis, left, caption, notes) for axis, left in zip(axes, lefts, strict=True))
    axis, left = axes[0], views[0].left
    frame = Frame(axis.label, left.label, (axis.scale.low, axis.scale.high), (left.low, left.high), equal=False)
    return Scene(frame, views)


def _shown(spectra: Sequence[Spectrum], options: Options) -> list[Shown]:
    """The spectra by name; raises UsageError for those that cannot be drawn."""
    if not 1 <= len(spectra) <= MOST:
        raise UsageError(f"{len(spectra)} spectra: a picture holds 1 to {MOST}; give fewer files")
    shown = []
    for name, spectrum in zip(options.names or names_of(spectra), spectra, strict=True):
        density = spectrum.whole.density
        if density is None:
            raise UsageError(_no_density(spectrum))
        shown.append(Shown(name, spectrum, density))
    return shown


def _no_density(spectrum: Spectrum) -> str:
    """What to do about a spectrum without a density."""
    who, probes = spectrum.source or "this spectrum", made_of(spectrum).get("probes")
    if probes:
        return f"{who} has no density yet: none of its {probes} probes is done; run its command again to go on"
    return f"{who} has no density, as it was computed without probes; run {command_for(spectrum, '--probes 4')}"


def _view(
    shown: Sequence[Shown], axis: EigenAxis, left: ValueAxis, caption: Caption, notes: tuple[str, ...]
) -> SpectralDensity:
    alone = len(shown) == 1
    rugs = tuple(rug_of(each, axis, None if alone else number) for number, each in enumerate(shown))
    dimensions = {each.density.dimension for each in shown}
    return SpectralDensity(
        axis=axis,
        left=left,
        curves=signed_curves(shown[0], axis, left) if alone else one_curve_each(shown, axis),
        rugs=rugs,
        lone=lone_height(dimensions.pop(), axis) if len(dimensions) == 1 else None,
        shaded=axis.negative if any(can_be_negative(each.spectrum) for each in shown) else None,
        legend=not alone,
        notes=(*_notes(shown, axis, rugs), *notes),
        caption=caption,
    )


def _caption(shown: Sequence[Shown], options: Options) -> Caption:
    """What all share, then the facts of each by name."""
    known = [spectrum_facts(each.spectrum) for each in shown]
    shared = [fact for fact in known[0] if all(fact in other for other in known[1:])]
    own = [[fact for fact in each if fact not in shared] for each in known]
    lines = [f"{each.name}: {', '.join(facts)}" for each, facts in zip(shown, own, strict=True) if facts]
    about = {subject(each.spectrum) for each in shown}
    return options.caption(
        about.pop() if len(about) == 1 else "", what([each.spectrum for each in shown]), shared + lines
    )


def _notes(shown: Sequence[Shown], axis: EigenAxis, rugs: Sequence[Rug]) -> list[str]:
    """What the heights are, how they were smoothed, what the marks are, and what lies beyond the axis."""
    notes = _smoothing(axis)
    if not all(can_be_negative(each.spectrum) for each in shown):
        notes.append("left of 0 is smoothing: a Gauss-Newton matrix has no negative eigenvalues")
    if any(len(rug.places) for rug in rugs):
        notes.append("ticks: eigenvalues found one by one")
    if any(OPEN_SIGN in rug.colors for rug in rugs):
        notes.append(SIGN_OPEN)
    if len(shown) == 1 and len(shown[0].density.nodes) > 1:
        notes.append("thin lines: each probe alone")
    if any("±" in fact for each in shown for fact in spectrum_facts(each.spectrum)):
        notes.append(STANDARD_ERRORS)
    for each in shown:
        prefix = f"{each.name}: " if len(shown) > 1 else ""
        notes += [prefix + note for note in (*_rough(each), *_beyond(each.density, axis))]
        if len(shown) > 1 and is_unresolved(each.density, axis):
            low, high = (
                minus(short(float(end))) for end in (all_values(each.density).min(), all_values(each.density).max())
            )
            notes.append(
                f"{each.name}: no curve, as all eigenvalues ({low} to {high}) lie where the axis resolves none"
            )
    return notes


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


def _rough(shown: Shown) -> list[str]:
    """The standard error of the negative share covers the choice of probes, but not their resolution near 0."""
    bound, gap = negative_bound(shown.spectrum), resolution(shown.density)
    if bound is None or bound >= gap:
        return []
    return [
        f"share of negative eigenvalues is rough: its bound −{short(bound, 2)} is closer to 0 than the probes resolve "
        f"({short(gap, 2)}); more steps resolve more"
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


UNUSED = {**CURVES_ONLY, "metric": "metric '{value}': a spectrum has no metrics; leave it out"}
KINDS = (Kind("spectrum", SPECTRUM, _apart, _together, default=lambda spectrum: True, unused=UNUSED),)
