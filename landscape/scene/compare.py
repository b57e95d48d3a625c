"""Several surfaces side by side on one scale.

Owns: `build_comparison`, the names of the panels, and the sorting of facts into those that all share and those of each.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import PurePath

from landscape.errors import UsageError
from landscape.scene.build import Options, build_scenes
from landscape.scene.facts import checkpoint_stem, model_name, subject
from landscape.scene.scene import Comparison, Frame, Scene
from landscape.scene.text import metric_label
from landscape.surfaces.surface import Surface


def build_comparison(
    surfaces: Sequence[Surface],
    *,
    kind: str,
    metric: str | None = None,
    scale: str = "auto",
    names: Sequence[str] | None = None,
    levels: int | Sequence[float] | None = None,
    vmin: float | None = None,
    vmax: float | None = None,
    title: str | None = None,
) -> Comparison:
    """Two or more surfaces with the same colours, levels and ranges; options as in `build_scene`.

    `names` are the titles of the panels; without them, models tell the panels apart, then files, then letters.

    Raises:
        UsageError: fewer than two surfaces, as many names as surfaces are not given, or different axes or metrics.
    """
    surfaces = list(surfaces)
    if len(surfaces) < 2:
        raise UsageError(f"a comparison needs at least two surfaces, not {len(surfaces)}")
    if len({surface.ndim for surface in surfaces}) > 1:
        sizes = ", ".join(str(surface.ndim) for surface in surfaces)
        raise UsageError(f"surfaces with different numbers of axes ({sizes}) cannot be compared; choose those of one kind")
    names = tuple(names) if names else panel_names(surfaces)
    if len(names) != len(surfaces):
        raise UsageError(f"{len(names)} names for {len(surfaces)} surfaces: expected one each")
    scenes = build_scenes(surfaces, Options(kind, metric, scale, levels, vmin, vmax, ""))
    shared = _shared([scene.facts for scene in scenes])
    panels = tuple(_panel(scene, name, shared) for scene, name in zip(_one_frame(scenes), names, strict=True))
    return Comparison(kind, _title(scenes[0]) if title is None else title, panels, names, shared)


def panel_names(surfaces: Sequence[Surface]) -> tuple[str, ...]:
    """The shortest readable names that differ for all surfaces."""
    for naming in (model_name, subject, _stem, checkpoint_stem):
        names = [naming(surface) for surface in surfaces]
        if all(names) and len(set(names)) == len(names):
            return tuple(names)
    return tuple(chr(ord("A") + i % 26) + str(i // 26 or "") for i in range(len(surfaces)))


def _stem(surface: Surface) -> str:
    return PurePath(surface.source).stem if surface.source else ""


def _shared(lists: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(fact for fact in lists[0] if all(fact in other for other in lists[1:]))


def _panel(scene: Scene, name: str, shared: Sequence[str]) -> Scene:
    return replace(scene, title=name, facts=tuple(fact for fact in scene.facts if fact not in shared))


def _one_frame(scenes: Sequence[Scene]) -> list[Scene]:
    """Every panel with the widest ranges, so that lengths can be compared by eye."""
    frames = [scene.frame for scene in scenes]
    x_range = min(f.x_range[0] for f in frames), max(f.x_range[1] for f in frames)
    y_range = min(f.y_range[0] for f in frames), max(f.y_range[1] for f in frames)
    equal = all(f.equal for f in frames)
    return [replace(s, frame=Frame(s.frame.x_label, s.frame.y_label, x_range, y_range, equal)) for s in scenes]


def _title(scene: Scene) -> str:
    what = metric_label(scene.fields[0].metric) if scene.fields else "loss along a line"
    return what[0].upper() + what[1:]
