"""Files to pictures. Imports neither torch nor MPI.

Owns: which picture goes into which file, and choosing the renderer by the file's suffix.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from landscape.errors import LandscapeError, UsageError
from landscape.scene.build import TOGETHER, Options, build_scenes, default_kind
from landscape.scene.compare import build_comparison, compare_curves
from landscape.scene.curves import CURVES, build_curves
from landscape.scene.scene import Comparison, Scene
from landscape.scene.spectrum import SPECTRUM, build_spectra, compare_spectra
from landscape.scene.spectrum_layers import LAYERS, build_layers
from landscape.surfaces import Surface, load_surface
from landscape.surfaces.run_log import RunLog, is_run_folder, load_run
from landscape.surfaces.spectrum import Spectrum, is_spectrum, load_spectrum

INTERACTIVE = (".html",)
STATIC = (".png", ".pdf", ".svg")


Source = Surface | RunLog | Spectrum | str | Path


def draw_each(
    sources: Any, kind: str | Sequence[str] | None, drawing: dict[str, Any], out: Any, dpi: int
) -> list[Path]:
    """One picture of each source and kind, or one of all for a kind that lays them together; see `landscape.plot`."""
    loaded = [_loaded(source) for source in _several(sources)]
    kinds = [kind] if isinstance(kind, str) else list(kind or [None])
    kinds = [part for entry in kinds for part in (entry.split(",") if entry else [None])]
    written = []
    for pictured, one in _pictures(loaded, kinds):
        chosen = one or _default_kind(pictured[0])
        marks = _marks(pictured[0] if len(loaded) > len(pictured) else None, chosen if len(kinds) > 1 else None)
        scene = _scene(pictured, chosen, drawing)
        written += [_draw(scene, path, dpi) for path in _outputs(out, _default_output(pictured[0], chosen), marks)]
    return written


def draw_side_by_side(
    sources: Any, kind: str | None, names: Sequence[str] | None, drawing: dict[str, Any], out: Any, dpi: int
) -> list[Path]:
    """All sources in one picture, on one scale; see `landscape.compare`."""
    loaded = [_loaded(source) for source in _several(sources)]
    if not loaded:
        raise UsageError("compare needs at least two surface files")
    scene = _comparison(loaded, kind or _default_kind(loaded[0]), names, drawing)
    return [_draw(scene, path, dpi) for path in _outputs(out, "comparison.html", ())]


def _several(surfaces) -> list:
    return list(surfaces) if isinstance(surfaces, (list, tuple)) else [surfaces]


def _loaded(source: Source) -> Surface | RunLog | Spectrum:
    """A folder is a training run; a file is a spectrum if it says so, else a surface."""
    if isinstance(source, (Surface, RunLog, Spectrum)):
        return source
    if is_run_folder(source):
        return load_run(source)
    return load_spectrum(source) if is_spectrum(source) else load_surface(source)


def _pictures(loaded: Sequence, kinds: Sequence[str | None]) -> Iterator[tuple[Sequence, str | None]]:
    """What goes into each picture: one file, or all of them for a kind that lays them together."""
    spectra = [source for source in loaded if isinstance(source, Spectrum)]
    together = (*TOGETHER, SPECTRUM) if len(spectra) == len(loaded) > 1 else TOGETHER
    for one in kinds:
        if (one or _default_kind(loaded[0]) if loaded else one) in together:
            yield loaded, one
    for each in loaded:
        for one in kinds:
            if (one or _default_kind(each)) not in together:
                yield [each], one


def _default_kind(source: Surface | RunLog | Spectrum) -> str:
    if isinstance(source, Spectrum):
        return SPECTRUM
    return CURVES if isinstance(source, RunLog) else default_kind(source)


def _scene(sources: Sequence[Surface | RunLog], kind: str, drawing: dict) -> Scene:
    """One picture of one source, or of several surfaces or spectra together."""
    spectra = _spectra(sources, kind)
    if spectra:
        keep = _without_levels(spectra, drawing)
        return build_layers(spectra[0], **keep) if kind == LAYERS else build_spectra(spectra, **keep)
    runs = [source for source in sources if isinstance(source, RunLog)]
    if runs and kind != CURVES:
        raise UsageError(f"kind '{kind}' does not fit {runs[0].source}, which is a training run; choose {CURVES}")
    if runs:
        return build_curves(runs, **_without_levels(runs, drawing))[0]
    if kind == CURVES:
        raise UsageError(
            f"kind '{CURVES}' does not fit {sources[0].source or 'a surface'}; give a training run's folder"
        )
    return build_scenes(sources, Options(kind, **drawing))[0]


def _spectra(sources: Sequence, kind: str) -> list[Spectrum]:
    """The sources if they are spectra, to be drawn by a kind that fits them."""
    spectra = [source for source in sources if isinstance(source, Spectrum)]
    if spectra and (len(spectra) < len(sources) or kind not in (SPECTRUM, LAYERS)):
        raise UsageError(
            f"{spectra[0].source or 'a spectrum'} is a spectrum: draw it with other spectra, by kind {SPECTRUM} or {LAYERS}"
        )
    if not spectra and kind in (SPECTRUM, LAYERS):
        raise UsageError(
            f"kind '{kind}' does not fit {sources[0].source or 'this'}; give a file that landscape spectrum wrote"
        )
    return spectra


def _comparison(loaded: Sequence[Surface | RunLog | Spectrum], kind: str, names, drawing: dict) -> Comparison:
    spectra = _spectra(loaded, kind)
    if kind == LAYERS:
        raise UsageError(f"kind '{LAYERS}' shows one net; compare by kind {SPECTRUM}")
    if spectra:
        return compare_spectra(spectra, names=names, **_without_levels(spectra, drawing))
    runs = [source for source in loaded if isinstance(source, RunLog)]
    if runs and (len(runs) < len(loaded) or kind != CURVES):
        raise UsageError(f"{runs[0].source} is a training run: compare it with other runs, and by kind {CURVES}")
    if runs:
        return compare_curves(runs, names=names, **_without_levels(runs, drawing))
    return build_comparison(loaded, kind=kind, names=names, **drawing)


def _without_levels(sources: Sequence[RunLog | Spectrum], drawing: dict) -> dict:
    if drawing["levels"] is not None:
        raise UsageError(f"levels do not apply to {sources[0].source or 'this'}: its picture has no contour lines")
    if isinstance(sources[0], Spectrum):
        if drawing["metric"] is not None:
            raise UsageError(f"metric '{drawing['metric']}': a spectrum has no metrics; leave it out")
        return {name: value for name, value in drawing.items() if name not in ("levels", "metric")}
    return {name: value for name, value in drawing.items() if name != "levels"}


def _default_output(source: Surface | RunLog, kind: str) -> str:
    return str(Path(source.source) / f"{kind}.png") if isinstance(source, RunLog) else f"{_stem(source)}_{kind}.png"


def _stem(source: Surface | RunLog) -> str:
    if isinstance(source, RunLog):
        return str(Path(source.source).resolve())
    return str(Path(source.source).with_suffix("")) if source.source else "landscape"


def _marks(source: Surface | RunLog | None, kind: str | None) -> tuple[str, ...]:
    """What tells this picture's file name from its siblings'."""
    return tuple(filter(None, [Path(_stem(source)).name if source else None, kind]))


def _outputs(out, default: str, marks: tuple[str, ...]) -> list[Path]:
    if out is None:
        return [Path(default)]
    paths: list[Path] = []
    for entry in [out] if isinstance(out, (str, Path)) else out:
        text = str(entry)
        bare = text in (*STATIC, *INTERACTIVE)
        base = (paths[0].with_suffix(text) if paths else Path(default).with_suffix(text)) if bare else Path(text)
        if base.suffix.lower() not in (*STATIC, *INTERACTIVE):
            raise UsageError(f"output '{text}': expected a name ending in {', '.join((*STATIC, *INTERACTIVE))}")
        already = bare and bool(paths)
        paths.append(base if already or not marks else base.with_name("_".join([base.stem, *marks]) + base.suffix))
    return paths


def _draw(scene, path: Path, dpi: int) -> Path:
    if not path.parent.is_dir():
        raise LandscapeError(f"output {path}: the folder {path.parent} does not exist; create it or give another -o")
    try:
        if path.suffix.lower() in INTERACTIVE:
            from landscape.render import interactive

            interactive.draw(scene, path)
        else:
            from landscape.render import static

            static.draw(scene, path, dpi=dpi)
    except OSError as error:
        raise LandscapeError(f"cannot write {path}: {error.strerror or error}; give another -o") from error
    return path
