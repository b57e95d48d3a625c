"""The density of a Hessian's eigenvalues: one spectrum, several over each other, or side by side.

Owns: `build_spectra` and `compare_spectra`, and which spectra can be drawn. Axes, curves and words are those of
spectrum_axis.py, spectrum_curves.py and spectrum_words.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from landscape.errors import UsageError
from landscape.scene.axes import ValueAxis
from landscape.scene.facts import subject
from landscape.scene.scene import Caption, Comparison, Frame, Scene
from landscape.scene.spectrum_axis import eigen_axes
from landscape.scene.spectrum_curves import (
    SEVERAL,
    can_be_negative,
    density_axis,
    lone_height,
    one_curve_each,
    rug_of,
    signed_curves,
)
from landscape.scene.spectrum_facts import spectrum_facts
from landscape.scene.spectrum_view import EigenAxis, SpectrumView
from landscape.scene.spectrum_words import names_of, no_density, notes_on, what
from landscape.surfaces.spectrum import Spectrum

SPECTRUM = "spectrum"
# As many as have a colour, solid and dashed.
MOST = 2 * len(SEVERAL)


def build_spectra(
    spectra: Sequence[Spectrum],
    *,
    scale: str = "auto",
    vmin: float | None = None,
    vmax: float | None = None,
    title: str | None = None,
    names: Sequence[str] | None = None,
) -> Scene:
    """The density of one spectrum, or of several over each other on the same axes.

    `scale` is that of the eigenvalues: auto, linear or symlog; `vmin` and `vmax` are the eigenvalues at the ends of the axis.
    `names` are for the legend; without them models tell the spectra apart, then data, matrices, files.

    Raises:
        UsageError: no spectrum or too many, one without a density, another scale, or as many names as spectra are not given.
    """
    spectra, names = list(spectra), _checked(spectra, names)
    axes = eigen_axes([spectrum.whole for spectrum in spectra], scale, vmin, vmax)
    caption = _caption(spectra, names, title)
    return _scene([_view(spectra, names, axis, density_axis(spectra, axis), caption) for axis in axes])


def compare_spectra(
    spectra: Sequence[Spectrum],
    *,
    names: Sequence[str] | None = None,
    scale: str = "auto",
    vmin: float | None = None,
    vmax: float | None = None,
    title: str | None = None,
) -> Comparison:
    """Two or more spectra side by side on the same axes and smoothed alike; options as in `build_spectra`.

    Raises:
        UsageError: fewer than two; else as `build_spectra`.
    """
    spectra = list(spectra)
    if len(spectra) < 2:
        raise UsageError(f"a comparison needs at least two spectra, not {len(spectra)}; draw one with plot")
    names = _checked(spectra, names)
    axes = eigen_axes([spectrum.whole for spectrum in spectra], scale, vmin, vmax)
    lefts = [density_axis(spectra, axis) for axis in axes]
    columns = [_column(spectrum, name, axes, lefts) for spectrum, name in zip(spectra, names, strict=True)]
    subject_of_all = what(spectra)
    heading = subject_of_all[0].upper() + subject_of_all[1:] if title is None else title
    captions = tuple(_shared(views, heading) for views in zip(*columns, strict=True))
    panels = tuple(_scene([_own(v, c) for v, c in zip(column, captions, strict=True)]) for column in columns)
    return Comparison(SPECTRUM, panels, tuple(names), captions)


def _checked(spectra: Sequence[Spectrum], names: Sequence[str] | None) -> list[str]:
    """The names; raises UsageError for spectra that cannot be drawn."""
    if not 1 <= len(spectra) <= MOST:
        raise UsageError(f"{len(spectra)} spectra: a picture holds 1 to {MOST}; give as many files")
    for spectrum in spectra:
        if spectrum.whole.density is None:
            raise UsageError(no_density(spectrum))
    if names and len(names) != len(spectra):
        raise UsageError(f"{len(names)} names for {len(spectra)} spectra: expected one each")
    return list(names) if names else names_of(spectra)


def _scene(views: Sequence[SpectrumView]) -> Scene:
    axis, left = views[0].axis, views[0].left
    frame = Frame(axis.label, left.label, (axis.scale.low, axis.scale.high), (left.low, left.high), equal=False)
    return Scene(SPECTRUM, frame, spectra=tuple(views))


def _view(
    spectra: Sequence[Spectrum], names: Sequence[str], axis: EigenAxis, left: ValueAxis, caption: Caption
) -> SpectrumView:
    alone = len(spectra) == 1
    numbered = enumerate(zip(spectra, names, strict=True))
    rugs = tuple(rug_of(spectrum, name, axis, None if alone else number) for number, (spectrum, name) in numbered)
    dimensions = {spectrum.whole.dimension for spectrum in spectra}
    return SpectrumView(
        axis=axis,
        left=left,
        curves=signed_curves(spectra[0], axis, left) if alone else one_curve_each(spectra, names, axis),
        rugs=rugs,
        lone=lone_height(dimensions.pop(), axis) if len(dimensions) == 1 else None,
        shaded=axis.negative if any(map(can_be_negative, spectra)) else None,
        legend=not alone,
        notes=tuple(notes_on(spectra, axis, rugs)),
        caption=caption,
    )


def _caption(spectra: Sequence[Spectrum], names: Sequence[str], title: str | None) -> Caption:
    """What all share, then what is told of each by name."""
    told = [spectrum_facts(spectrum) for spectrum in spectra]
    shared = [fact for fact in told[0] if all(fact in other for other in told[1:])]
    own = [[fact for fact in each if fact not in shared] for each in told]
    lines = [f"{name}: {', '.join(each)}" for name, each in zip(names, own, strict=True) if each]
    about = {subject(spectrum) for spectrum in spectra}
    heading = ": ".join(filter(None, [about.pop() if len(about) == 1 else "", what(spectra)]))
    return Caption(heading if title is None else title, tuple(shared + lines))


def _column(spectrum: Spectrum, name: str, axes: Sequence[EigenAxis], lefts: Sequence[ValueAxis]) -> list[SpectrumView]:
    """The views of a panel, which is named."""
    caption = Caption(name, tuple(spectrum_facts(spectrum)))
    return [_view([spectrum], [name], axis, left, caption) for axis, left in zip(axes, lefts, strict=True)]


def _shared(views: Sequence[SpectrumView], title: str) -> Caption:
    """What is told under every panel."""
    told = [(*view.caption.facts, *view.notes) for view in views]
    return Caption(title, tuple(phrase for phrase in told[0] if all(phrase in other for other in told[1:])))


def _own(view: SpectrumView, shared: Caption) -> SpectrumView:
    """A view that tells what not all panels share."""
    both = (view.caption.facts, view.notes)
    facts, notes = (tuple(phrase for phrase in told if phrase not in shared.facts) for told in both)
    return replace(view, caption=Caption(view.caption.title, facts), notes=notes)
