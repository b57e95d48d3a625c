"""Files to pictures. Imports neither torch nor MPI.

Owns: which picture goes into which file, and choosing the renderer by the file's suffix.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields, replace
from itertools import chain, count
from pathlib import Path
from typing import Any

from landscape.atomic import disk_named, missing_folder, whole_file
from landscape.errors import LandscapeError, UsageError
from landscape.options.looks import DARK, FULL, PAPER, LookOptions
from landscape.options.option import shown
from landscape.options.values import named_path
from landscape.printable import printable
from landscape.replacing import check_replaced
from landscape.scene.build import build_scenes
from landscape.scene.caption import SUFFIXES as CAPTIONS
from landscape.scene.caption import TEXT, caption_of
from landscape.scene.compare import build_comparison
from landscape.scene.kinds import default_kind, kind_named
from landscape.scene.kinds.kind import Kind
from landscape.scene.look import Look, look_of
from landscape.scene.scene import Comparison, Scene
from landscape.scene.text import with_minus
from landscape.scene.wording import reworded
from landscape.surfaces.run_log import RunLog
from landscape.surfaces.source import Given, Source, load_source

INTERACTIVE = (".html",)
STATIC = (".png", ".pdf", ".svg", ".eps", ".jpg", ".jpeg", ".tif", ".tiff", ".gif", ".mp4")
KNOWN = (*STATIC, *INTERACTIVE, *CAPTIONS)
USUAL = LookOptions()
# A figure is some ten inches wide; beyond this it would take more memory than most machines have.
MAX_DPI = 2400
# Letters of fewer pixels cannot be drawn.
LEAST_DPI = 10

Out = str | Path | Sequence[str | Path] | None


def draw_each(
    sources: Given | Sequence[Given],
    kind: str | Sequence[str] | None,
    drawing: dict[str, Any],
    out: Out,
    dpi: int | None,
    looks: LookOptions = USUAL,
) -> list[Path]:
    """One picture of each source and kind, or one of all sources for a kind that combines them; see `landscape.plot`.

    `drawing`: the options of `scene.kinds.kind.Options`.
    """
    _check_dpi(dpi)
    look = look_of(looks)
    found = [load_source(source) for source in several(sources)]
    entries = [kind] if isinstance(kind, str) else list(kind or [""])
    kinds = list(dict.fromkeys(name or None for entry in entries for name in entry.split(",")))
    written: list[Path] = []
    drawing = {"view": look.view, **drawing, "names": _names(drawing.get("names"))}
    for pictured, chosen in _pictures(found, kinds):
        marks = _marks(pictured[0] if len(found) > len(pictured) else None, chosen.name if len(kinds) > 1 else None)
        (scene,) = build_scenes(pictured, kind=chosen.name, **drawing)
        paths = [_free(path, written) for path in _outputs(out, _default_output(pictured[0], chosen), marks)]
        written += _draw_all(scene, paths, dpi, looks, look)
    return written


def drawn_in_both(source: Given, kind: str | None, metric: str | None, scratch: Path, dpi: int) -> str:
    """The SVG of a picture that is light or dark as the page that shows it; `scratch` is a file in between."""
    from landscape.render.still.picture import draw
    from landscape.render.still.themes import in_both

    scene = picture_of(source, kind, None, {"metric": metric})
    looks = (look_of(LookOptions(style=style)) for style in (PAPER, DARK))
    return in_both(*[draw(scene, scratch, dpi=dpi, look=look).read_text(encoding="utf-8") for look in looks])


def draw_side_by_side(
    sources: Sequence[Given],
    kind: str | None,
    names: Sequence[str] | None,
    drawing: dict[str, Any],
    out: Out,
    dpi: int | None,
    looks: LookOptions = USUAL,
    *,
    letters: bool = False,
) -> list[Path]:
    """All sources in one picture, on one scale; see `landscape.compare`."""
    _check_dpi(dpi)
    look = look_of(looks)
    found = [load_source(source) for source in several(sources)]
    if not found:
        raise UsageError("compare needs at least two surface files")
    comparison = side_by_side(found, kind, names, {"view": look.view, **drawing}, letters)
    return _draw_all(comparison, _outputs(out, "comparison.html", ()), dpi, looks, look)


def picture_of(
    sources: Given | Sequence[Given],
    kind: str | None,
    names: Sequence[str] | None,
    drawing: dict[str, Any],
    letters: bool = False,
) -> Scene | Comparison:
    """One picture of all sources: side by side, unless the kind draws all of them in one."""
    found = [load_source(source) for source in several(sources)]
    chosen = kind_named(kind) if kind else default_kind(found[0])
    if len(found) > 1 and not chosen.together:
        return reworded(side_by_side(found, chosen.name, names, drawing, letters), written)
    (scene,) = build_scenes(found, kind=chosen.name, names=_names(names), **drawing)
    return reworded(scene, written)


def written(text: str) -> str:
    """A text of a scene as a picture shows it."""
    return with_minus(printable(text))


def side_by_side(
    loaded: Sequence[Source], kind: str | None, names: Sequence[str] | None, drawing: dict[str, Any], letters: bool
) -> Comparison:
    if isinstance(kind, str) and "," in kind:
        raise UsageError(f"kind '{kind}': compare draws one kind at a time; give one, and run it once for each")
    chosen = kind or default_kind(loaded[0]).name
    return replace(build_comparison(loaded, kind=chosen, names=_names(names), **drawing), letters=letters)


def _names(names: Sequence[str] | None) -> tuple[str, ...]:
    """Raises UsageError unless they are a list of texts, or None for none."""
    if names is None or (isinstance(names, (list, tuple)) and all(isinstance(name, str) for name in names)):
        return tuple(names or ())
    odd = (
        next((name for name in names if not isinstance(name, str)), names)
        if isinstance(names, (list, tuple))
        else names
    )
    raise UsageError(f"names {shown(odd)}: expected a list of texts, one for each result")


def _check_dpi(dpi: int | None) -> None:
    if dpi is not None and not LEAST_DPI <= dpi <= MAX_DPI:
        raise UsageError(f"dpi {dpi}: expected {LEAST_DPI} to {MAX_DPI} pixels per inch, such as 200")


def several(surfaces: Given | Sequence[Given]) -> list[Given]:
    if isinstance(surfaces, Given):
        return [surfaces]
    several = list(surfaces) if isinstance(surfaces, Iterable) else [surfaces]
    if not several:
        raise UsageError("nothing to draw: expected one or more results or names of files")
    return several


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


def _free(path: Path, written: Sequence[Path]) -> Path:
    """Another name where a picture of this command has this one, as of two files of one name in two folders."""
    names = (path.with_name(f"{path.stem}_{number}{path.suffix}") for number in count(2))
    return next(name for name in chain([path], names) if name not in written)


def _marks(source: Source | None, kind: str | None) -> tuple[str, ...]:
    """The parts of a file name that distinguish this picture from the others."""
    return tuple(filter(None, [Path(_stem(source)).name if source else None, kind]))


def _outputs(out: Out, default: str, marks: tuple[str, ...]) -> list[Path]:
    if out is None:
        return [Path(default)]
    paths: list[Path] = []
    entries: list[Any] = list(out) if isinstance(out, (list, tuple)) else [out]
    if not entries:
        raise UsageError("out: an empty list; give the name of a file, or leave it out")
    for entry in entries:
        text = str(named_path("out", entry))
        bare = text in KNOWN
        base = (paths[0].with_suffix(text) if paths else Path(default).with_suffix(text)) if bare else Path(text)
        if base.suffix.lower() not in KNOWN:
            raise UsageError(f"output '{text}': expected a name ending in {', '.join(KNOWN)}")
        already = bare and bool(paths)
        paths.append(base if already or not marks else base.with_name("_".join([base.stem, *marks]) + base.suffix))
    return paths


def _draw_all(
    scene: Scene | Comparison, paths: Sequence[Path], dpi: int | None, looks: LookOptions, look: Look
) -> list[Path]:
    """Each file of one picture; facts that a still leaves out go into a caption beside it, unless one is asked for."""
    suffixes = [path.suffix.lower() for path in paths]
    if all(suffix in INTERACTIVE for suffix in suffixes):
        _check_page(looks, paths[0])
    stills = [path for path, suffix in zip(paths, suffixes, strict=True) if suffix in STATIC]
    bare = look.facts != FULL and stills and not set(suffixes) & set(CAPTIONS)
    captions = [stills[0].with_suffix(f".caption{TEXT}")] if bare else []
    return [_draw(scene, path, dpi, look) for path in (*paths, *captions)]


def _check_page(looks: LookOptions, path: Path) -> None:
    """Raises UsageError for a look that no file will have."""
    for each in fields(looks):
        value = getattr(looks, each.name)
        if each.name != "view" and value != each.default:
            raise UsageError(
                f"{each.name} {shown(value)}: is for still pictures, such as .pdf; the browser lays out {path.name}; leave it out"
            )


def _draw(scene: Scene | Comparison, path: Path, dpi: int | None, look: Look) -> Path:
    if missing := missing_folder(path):
        raise LandscapeError(f"output {path}: {missing}; create it or give another -o")
    scene = reworded(scene, written)
    check_replaced(path, "give another -o")
    with disk_named(path, "give another -o"):
        if path.suffix.lower() in INTERACTIVE:
            from landscape.render.page.picture import draw as draw_page

            draw_page(scene, path)
        elif path.suffix.lower() in CAPTIONS:
            with whole_file(path) as scratch:
                scratch.write_text(caption_of(scene, path.suffix.lower()), encoding="utf-8")
        else:
            from landscape.render.still.picture import draw as draw_still

            draw_still(scene, path, dpi=dpi, look=look)
    return path
