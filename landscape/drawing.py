"""Files to pictures. Imports neither torch nor MPI.

Owns: which picture goes into which file, and choosing the renderer by the file's suffix.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from landscape.atomic import disk_named
from landscape.errors import LandscapeError, UsageError
from landscape.options.groups import named_path
from landscape.options.option import shown
from landscape.printable import printable
from landscape.regular import is_folder
from landscape.scene.build import build_scenes
from landscape.scene.compare import build_comparison
from landscape.scene.kinds import default_kind, kind_named
from landscape.scene.kinds.kind import Kind, Source
from landscape.scene.scene import Comparison, Scene
from landscape.scene.wording import reworded
from landscape.surfaces import Surface, load_surface
from landscape.surfaces.run_log import RunLog, is_run_folder, load_run
from landscape.surfaces.spectrum import Spectrum, is_spectrum, load_spectrum

INTERACTIVE = (".html",)
STATIC = (".png", ".pdf", ".svg", ".gif", ".mp4")
# A figure is some ten inches wide; beyond this it would take more memory than most machines have.
MAX_DPI = 2400

Given = Source | str | Path
Out = str | Path | Sequence[str | Path] | None


def draw_each(
    sources: Given | Sequence[Given], kind: str | Sequence[str] | None, drawing: dict[str, Any], out: Out, dpi: int
) -> list[Path]:
    """One picture of each source and kind, or one of all sources for a kind that combines them; see `landscape.plot`.

    `drawing`: the options of `scene.kinds.kind.Options`.
    """
    _check_dpi(dpi)
    loaded = [loaded_from(source) for source in _several(sources)]
    entries = [kind] if isinstance(kind, str) else list(kind or [""])
    names = [name or None for entry in entries for name in entry.split(",")]
    written = []
    for pictured, chosen in _pictures(loaded, names):
        marks = _marks(pictured[0] if len(loaded) > len(pictured) else None, chosen.name if len(names) > 1 else None)
        (scene,) = build_scenes(pictured, kind=chosen.name, **drawing)
        written += [_draw(scene, path, dpi) for path in _outputs(out, _default_output(pictured[0], chosen), marks)]
    return written


def draw_side_by_side(
    sources: Sequence[Given],
    kind: str | None,
    names: Sequence[str] | None,
    drawing: dict[str, Any],
    out: Out,
    dpi: int,
) -> list[Path]:
    """All sources in one picture, on one scale; see `landscape.compare`."""
    _check_dpi(dpi)
    loaded = [loaded_from(source) for source in _several(sources)]
    if not loaded:
        raise UsageError("compare needs at least two surface files")
    comparison = build_comparison(loaded, kind=kind or default_kind(loaded[0]).name, names=names, **drawing)
    return [_draw(comparison, path, dpi) for path in _outputs(out, "comparison.html", ())]


def _check_dpi(dpi: int) -> None:
    if not 1 <= dpi <= MAX_DPI:
        raise UsageError(f"dpi {dpi}: expected 1 to {MAX_DPI} pixels per inch, such as 200")


def _several(surfaces: Given | Sequence[Given]) -> list[Given]:
    if isinstance(surfaces, (Surface, RunLog, Spectrum, str, Path)):
        return [surfaces]
    several = list(surfaces) if isinstance(surfaces, Iterable) else [surfaces]
    if not several:
        raise UsageError("nothing to draw: expected one or more results or names of files")
    if odd := [each for each in several if not isinstance(each, (Surface, RunLog, Spectrum, str, Path))]:
        raise UsageError(f"surfaces {shown(odd[0])}: expected a result or the name of a file of one")
    return several


def loaded_from(source: Given) -> Source:
    """The result in a file. A folder is a training run; a file is a spectrum if it says so, otherwise a surface.

    Raises:
        SurfaceFileError: it is missing, damaged or of another kind.
    """
    if isinstance(source, (Surface, RunLog, Spectrum)):
        return source
    if is_run_folder(source):
        return load_run(source)
    return load_spectrum(source) if is_spectrum(source) else load_surface(source)


def _pictures(loaded: Sequence[Source], names: Sequence[str | None]) -> Iterator[tuple[Sequence[Source], Kind]]:
    """(sources of a picture, its kind): one source each, or all of them for a kind that combines them.

    Without a name each source has its default kind; several are combined only when they agree on it.
    """
    defaults = [default_kind(source) for source in loaded]
    alike = defaults[0] if len(set(defaults)) == 1 else None
    together = [kind_named(name) if name else alike for name in names]
    together = [kind if kind and kind.together else None for kind in together]
    for kind in filter(None, together):
        yield loaded, kind
    for source, default in zip(loaded, defaults, strict=True):
        for name, done in zip(names, together, strict=True):
            if not done:
                yield [source], kind_named(name) if name else default


def _default_output(source: Source, kind: Kind) -> str:
    if isinstance(source, RunLog):
        return str(Path(source.source) / f"{kind.name}.png")
    return f"{_stem(source)}_{kind.name}.png"


def _stem(source: Source) -> str:
    if isinstance(source, RunLog):
        return str(Path(source.source).resolve())
    return str(Path(source.source).with_suffix("")) if source.source else "landscape"


def _marks(source: Source | None, kind: str | None) -> tuple[str, ...]:
    """The parts of a file name that distinguish this picture from the others."""
    return tuple(filter(None, [Path(_stem(source)).name if source else None, kind]))


def _outputs(out: Out, default: str, marks: tuple[str, ...]) -> list[Path]:
    if out is None:
        return [Path(default)]
    paths: list[Path] = []
    for entry in [out] if isinstance(out, (str, Path)) else out:
        text = str(named_path("out", entry))
        bare = text in (*STATIC, *INTERACTIVE)
        base = (paths[0].with_suffix(text) if paths else Path(default).with_suffix(text)) if bare else Path(text)
        if base.suffix.lower() not in (*STATIC, *INTERACTIVE):
            raise UsageError(f"output '{text}': expected a name ending in {', '.join((*STATIC, *INTERACTIVE))}")
        already = bare and bool(paths)
        paths.append(base if already or not marks else base.with_name("_".join([base.stem, *marks]) + base.suffix))
    return paths


def _draw(scene: Scene | Comparison, path: Path, dpi: int) -> Path:
    if not is_folder(path.parent):
        raise LandscapeError(f"output {path}: the folder {path.parent} does not exist; create it or give another -o")
    scene = reworded(scene, printable)
    with disk_named(path, "give another -o"):
        if path.suffix.lower() in INTERACTIVE:
            from landscape.render.page.picture import draw as draw_page

            draw_page(scene, path)
        else:
            from landscape.render.still.picture import draw as draw_still

            draw_still(scene, path, dpi=dpi)
    return path
