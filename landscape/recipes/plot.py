"""`landscape plot` and `landscape compare`: files to pictures. Imports neither torch nor MPI.

Owns: which picture goes into which file, and choosing the renderer by the file's suffix.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from landscape.errors import LandscapeError, UsageError
from landscape.scene.build import build_scene, default_kind
from landscape.scene.compare import build_comparison
from landscape.surfaces import Surface, load_surface

INTERACTIVE = (".html",)
STATIC = (".png", ".pdf", ".svg")


def plot(
    surfaces: Surface | str | Path | Sequence,
    *,
    kind: str | Sequence[str] | None = None,
    metric: str | None = None,
    scale: str = "auto",
    levels: int | Sequence[float] | None = None,
    vmin: float | None = None,
    vmax: float | None = None,
    title: str | None = None,
    out: str | Path | Sequence[str | Path] | None = None,
    dpi: int = 200,
) -> list[Path]:
    """Draws surfaces or surface files.

    Args:
        surfaces: one or several, as `Surface` or paths.
        kind: contour, filled, heatmap, surface or line, or several of them; default contour, and line in one dimension.
        metric: default the first loss; a line shows all.
        scale: auto, linear, log or symlog; auto is logarithmic when the values span more than a factor of about 20.
        levels: about how many contour lines, or their values.
        vmin, vmax: limits of the drawn values; what is clipped is stated in the picture.
        out: .png, .pdf, .svg or .html; several are written each; a bare suffix such as ".pdf" keeps the first's name.
            Default FILE_KIND.png.

    Returns:
        The files written.

    Raises:
        LandscapeError: unreadable files, or a kind that does not fit.
    """
    loaded = [_loaded(surface) for surface in _several(surfaces)]
    kinds = [kind] if isinstance(kind, str) else list(kind or [None])
    kinds = [part for entry in kinds for part in (entry.split(",") if entry else [None])]
    written = []
    for surface in loaded:
        for one in kinds:
            chosen = one or default_kind(surface)
            scene = build_scene(
                surface, kind=chosen, metric=metric, scale=scale, levels=levels, vmin=vmin, vmax=vmax, title=title
            )
            marks = _marks(surface if len(loaded) > 1 else None, chosen if len(kinds) > 1 else None)
            written += [_draw(scene, path, dpi) for path in _outputs(out, f"{_stem(surface)}_{chosen}.png", marks)]
    return written


def compare(
    surfaces: Sequence[Surface | str | Path],
    *,
    kind: str | None = None,
    metric: str | None = None,
    scale: str = "auto",
    levels: int | Sequence[float] | None = None,
    vmin: float | None = None,
    vmax: float | None = None,
    names: Sequence[str] | None = None,
    title: str | None = None,
    out: str | Path | Sequence[str | Path] = "comparison.html",
    dpi: int = 200,
) -> list[Path]:
    """Draws two or more surfaces side by side with the same colours, levels and ranges; options as in `plot`.

    In html the cameras are linked: turning one relief turns all.

    Raises:
        LandscapeError: unreadable files, fewer than two, or surfaces that cannot share a scale.
    """
    loaded = [_loaded(surface) for surface in _several(surfaces)]
    if not loaded:
        raise UsageError("compare needs at least two surface files")
    chosen = kind or default_kind(loaded[0])
    scene = build_comparison(
        loaded, kind=chosen, metric=metric, scale=scale, names=names, levels=levels, vmin=vmin, vmax=vmax, title=title
    )
    return [_draw(scene, path, dpi) for path in _outputs(out, "comparison.html", ())]


def _several(surfaces) -> list:
    return list(surfaces) if isinstance(surfaces, (list, tuple)) else [surfaces]


def _loaded(surface: Surface | str | Path) -> Surface:
    return surface if isinstance(surface, Surface) else load_surface(surface)


def _stem(surface: Surface) -> str:
    return str(Path(surface.source).with_suffix("")) if surface.source else "landscape"


def _marks(surface: Surface | None, kind: str | None) -> tuple[str, ...]:
    """What tells this picture's file name from its siblings'."""
    return tuple(filter(None, [Path(_stem(surface)).name if surface else None, kind]))


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
