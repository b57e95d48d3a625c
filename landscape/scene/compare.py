"""Several surfaces or runs side by side on one scale.

Owns: `build_comparison` and `compare_curves`, the names of the panels, and the sorting of facts into those that all
share and those of each.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import PurePath

from landscape.errors import UsageError
from landscape.scene.build import KINDS, Options, build_scenes, camera_for
from landscape.scene.curves import build_curves
from landscape.scene.facts import checkpoint_stem, model_name, subject
from landscape.scene.run_facts import run_subject
from landscape.scene.scene import Caption, Comparison, Field, Lines, Scene
from landscape.scene.text import metric_label
from landscape.surfaces.run_log import RunLog
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
        raise UsageError(
            f"surfaces with different numbers of axes ({sizes}) cannot be compared; choose those of one kind"
        )
    if kind in KINDS and KINDS[kind].alone:
        usual = ", ".join(name for name, entry in KINDS.items() if not entry.alone)
        raise UsageError(f"kind '{kind}' is a comparison by itself: draw it with plot, or compare by {usual}")
    names = tuple(names) if names else panel_names(surfaces)
    if len(names) != len(surfaces):
        raise UsageError(f"{len(names)} names for {len(surfaces)} surfaces: expected one each")
    return _side_by_side(build_scenes(surfaces, Options(kind, metric, scale, levels, vmin, vmax, None)), names, title)


def compare_curves(
    logs: Sequence[RunLog], *, names: Sequence[str] | None = None, title: str | None = None, **options
) -> Comparison:
    """The learning curves of two or more runs on the same axes; `options` as in `build_curves`.

    Raises:
        UsageError: fewer than two runs, as many names as runs are not given, or runs with different metrics.
    """
    if len(logs) < 2:
        raise UsageError(f"a comparison needs at least two runs, not {len(logs)}")
    names = tuple(names) if names else _run_names(logs)
    if len(names) != len(logs):
        raise UsageError(f"{len(names)} names for {len(logs)} runs: expected one each")
    return _side_by_side(build_curves(logs, **options), names, title)


def _run_names(logs: Sequence[RunLog]) -> tuple[str, ...]:
    """Model and data when they tell the runs apart, else the folders, else letters."""
    for naming in (run_subject, lambda log: PurePath(log.source).name):
        names = [naming(log) for log in logs]
        if all(names) and len(set(names)) == len(names):
            return tuple(names)
    return _letters(len(logs))


def _side_by_side(scenes: Sequence[Scene], names: tuple[str, ...], title: str | None) -> Comparison:
    captions = tuple(_shared(views, title) for views in zip(*(scene.views for scene in scenes), strict=True))
    panels = [_panel(scene, name, captions) for scene, name in zip(scenes, names, strict=True)]
    return Comparison(scenes[0].kind, tuple(_one_frame(panels)), names, captions)


def panel_names(surfaces: Sequence[Surface]) -> tuple[str, ...]:
    """The shortest readable names that differ for all surfaces."""
    for naming in (model_name, subject, _stem, checkpoint_stem):
        names = [naming(surface) for surface in surfaces]
        if all(names) and len(set(names)) == len(names):
            return tuple(names)
    return _letters(len(surfaces))


def _letters(count: int) -> tuple[str, ...]:
    return tuple(chr(ord("A") + i % 26) + str(i // 26 or "") for i in range(count))


def _stem(surface: Surface) -> str:
    return PurePath(surface.source).stem if surface.source else ""


def _shared(views: Sequence[Field | Lines], title: str | None) -> Caption:
    """What the same view of all panels has in common."""
    first = views[0].caption.facts
    facts = tuple(fact for fact in first if all(fact in view.caption.facts for view in views[1:]))
    notes = tuple(note for note in views[0].notes if all(note in view.notes for view in views[1:]))
    what = _what(views[0])
    return Caption(what[0].upper() + what[1:] if title is None else title, facts + notes)


def _what(view: Field | Lines) -> str:
    if isinstance(view, Field):
        return metric_label(view.metric)
    return view.what


def _panel(scene: Scene, name: str, captions: Sequence[Caption]) -> Scene:
    """A scene whose views are named as the panel, and tell the facts and notes that not all panels share."""
    views = tuple(
        replace(view, caption=Caption(name, _own(view.caption.facts, shared)), notes=_own(view.notes, shared))
        for view, shared in zip(scene.views, captions, strict=True)
    )
    return replace(scene, **{"fields" if scene.fields else "lines": views})


def _own(phrases: Sequence[str], shared: Caption) -> tuple[str, ...]:
    return tuple(phrase for phrase in phrases if phrase not in shared.facts)


def _one_frame(scenes: Sequence[Scene]) -> list[Scene]:
    """Every panel with the widest ranges, so that lengths can be compared by eye."""
    frames = [scene.frame for scene in scenes]
    x_range = min(f.x_range[0] for f in frames), max(f.x_range[1] for f in frames)
    y_range = min(f.y_range[0] for f in frames), max(f.y_range[1] for f in frames)
    equal = all(f.equal for f in frames)
    wide = [replace(f, x_range=x_range, y_range=y_range, equal=equal) for f in frames]
    return [replace(scene, frame=f, camera=camera_for(f)) for scene, f in zip(scenes, wide, strict=True)]
