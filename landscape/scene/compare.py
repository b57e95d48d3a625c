"""Several results side by side on one scale.

Owns: `build_comparison`, and the sorting of facts into those that all panels share and those of each.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from landscape.errors import UsageError
from landscape.scene.build import build_apart, check_fit, prepare
from landscape.scene.kinds import kind_named, kinds
from landscape.scene.kinds.kind import Kind, Options, names_of, type_of
from landscape.scene.naming import named
from landscape.scene.scene import MANY, Caption, Comparison, Scene, View, camera_for
from landscape.scene.text import short
from landscape.scene.views.flat import Flat
from landscape.scene.views.relief import Relief
from landscape.surfaces.source import Source

# Of the side of the common frame: a panel that covers less can hardly be seen.
SPECK = 0.1


def build_comparison(
    sources: Sequence[Source],
    *,
    kind: str,
    names: Sequence[str] | None = None,
    title: str | None = None,
    **options: Any,
) -> Comparison:
    """Two or more results with the same colours, levels and ranges; `options` as in `build_scene`.

    `names` are the titles of the panels, and if there are more, then the names of the nets in each of them. Without titles,
    models tell the panels apart, then files, then letters.

    Raises:
        UsageError: fewer than two results, a number of names that differs, a kind that cannot be compared, or different
            types, axes or metrics.
    """
    chosen = kind_named(kind)
    _check(sources, chosen)
    given = Options(names=tuple(names or ()), **options)
    titles, prepared = named(given.names, prepare(sources, chosen, given), chosen.of.plural, titled=True)
    titles = titles or names_of(sources)
    return side_by_side(build_apart(prepared, chosen, replace(given, names=titles)), titles, title)


def side_by_side(scenes: Sequence[Scene], names: tuple[str, ...], title: str | None) -> Comparison:
    """Scenes with the same views as panels."""
    captions = tuple(_shared(views, title) for views in zip(*(scene.views for scene in scenes), strict=True))
    panels = [_panel(scene, name, captions) for scene, name in zip(scenes, names, strict=True)]
    return Comparison(tuple(_one_frame(panels)), names, captions)


def _check(sources: Sequence[Source], chosen: Kind) -> None:
    """Whether the sources can be panels beside each other."""
    types = [type_of(source) for source in sources]
    if len(sources) < 2:
        raise UsageError(f"a comparison needs at least two {types[0].plural}, not {len(sources)}; draw one with plot")
    for source, own in zip(sources, types, strict=True):
        if own is not types[0]:
            who = source.source or "one input"
            raise UsageError(f"{who} is a {own.noun}: compare it with other {own.plural}, not with {types[0].plural}")
    sizes = [getattr(source, "ndim", 0) for source in sources]
    if len(set(sizes)) > 1:
        raise UsageError(
            f"{types[0].plural} with different numbers of axes ({', '.join(map(str, sizes))}) cannot be compared; choose "
            "those of one kind"
        )
    for source in sources:
        check_fit(source, chosen)
    if chosen.alone:
        usual = ", ".join(
            kind.name for kind in kinds() if kind.of is chosen.of and not kind.alone and kind.fits(sources[0])
        )
        otherwise = f", or compare by {usual}" if usual else ""
        raise UsageError(f"kind '{chosen.name}' {chosen.alone}: draw it with plot{otherwise}")


def _shared(views: Sequence[View], title: str | None) -> Caption:
    """What the same view of all panels has in common."""
    first = views[0]
    facts = tuple(fact for fact in first.caption.facts if all(fact in view.caption.facts for view in views[1:]))
    notes = tuple(note for note in first.notes if all(note in view.notes for view in views[1:]))
    brief = tuple(fact for fact in first.caption.brief if all(fact in view.caption.brief for view in views[1:]))
    what = first.caption.what
    return Caption(what[:1].upper() + what[1:] if title is None else title, facts + notes, what, brief + notes)


def _panel(scene: Scene, name: str, captions: Sequence[Caption]) -> Scene:
    """A scene whose views are titled with the panel's name and have the facts and notes that not all panels share."""
    views = tuple(
        replace(
            view,
            caption=replace(
                view.caption,
                title=name,
                facts=_own(view.caption.facts, shared),
                brief=tuple(fact for fact in view.caption.brief if fact not in shared.brief),
            ),
            notes=_own(view.notes, shared),
        )
        for view, shared in zip(scene.views, captions, strict=True)
    )
    return replace(scene, views=views)


def _own(phrases: Sequence[str], shared: Caption) -> tuple[str, ...]:
    return tuple(phrase for phrase in phrases if phrase not in shared.facts)


def _one_frame(scenes: Sequence[Scene]) -> list[Scene]:
    """Every panel with the widest ranges, so that lengths can be compared by eye."""
    frames = [scene.frame for scene in scenes]
    x_range = min(f.x_range[0] for f in frames), max(f.x_range[1] for f in frames)
    y_range = min(f.y_range[0] for f in frames), max(f.y_range[1] for f in frames)
    equal = all(f.equal for f in frames)
    wide = [replace(f, x_range=x_range, y_range=y_range, equal=equal) for f in frames]
    if len(scenes) >= MANY:
        x_label, y_label = (_common([getattr(f, name) for f in frames]) for name in ("x_label", "y_label"))
        wide = [replace(f, x_label=x_label, y_label=y_label) for f in wide]
    noted = [_small(scene, x_range, y_range) for scene in scenes]
    return [
        replace(scene, frame=f, camera=replace(scene.camera, box=camera_for(f).box))
        for scene, f in zip(noted, wide, strict=True)
    ]


def _common(labels: Sequence[str]) -> str:
    """The name that an axis has in all of many panels: of different ones what stands before the colon."""
    heads = list(dict.fromkeys(label.partition(":")[0] for label in labels))
    return labels[0] if len(set(labels)) == 1 else " or ".join(heads)


def _small(scene: Scene, x_range: tuple[float, float], y_range: tuple[float, float]) -> Scene:
    """A plane that says so when it is a speck in the common frame."""
    ends = (scene.frame.x_range, x_range), (scene.frame.y_range, y_range)
    share = min((own[1] - own[0]) / (all_[1] - all_[0]) for own, all_ in ends)
    if share >= SPECK or not isinstance(scene.views[0], (Flat, Relief)):
        return scene
    note = f"covers {short(100 * share, 2)} % of the common frame on one side; draw it alone with plot"
    return replace(scene, views=tuple(replace(view, notes=(*view.notes, note)) for view in scene.views))
