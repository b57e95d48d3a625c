"""From results to scenes, by the row of a kind.

Owns: the checks that every kind needs, before its own file builds the scenes. Knows no kind by name.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from landscape.errors import UsageError
from landscape.scene.kinds import kind_named, kinds
from landscape.scene.kinds.kind import Kind, Options, type_of
from landscape.scene.naming import named
from landscape.scene.scene import Scene
from landscape.surfaces.source import Source
from landscape.surfaces.surface import Surface


def build_scene(source: Source, *, kind: str, **options: Any) -> Scene:
    """The picture of one source; `options` as in `Options`.

    `metric` None is the first loss (all losses and accuracies on a line picture). `scale` is auto, linear, log or
    symlog. `levels` is about how many contour lines, or their values. `vmin` and `vmax` limit the drawn values.

    Raises:
        UsageError: no such kind or metric, a kind for other sources, or limits that cannot be.
    """
    return build_scenes([source], kind=kind, **options)[0]


def build_scenes(sources: Sequence[Source], *, kind: str, **options: Any) -> list[Scene]:
    """One picture per source, all on one scale; of a kind that lays sources together, one picture of all.

    Raises:
        UsageError: see `build_scene`; also sources that hold different metrics.
    """
    chosen, given = kind_named(kind), Options(**options)
    prepared = prepare(sources, chosen, given)
    names, prepared = named(given.names, prepared, chosen.of.plural, titled=chosen.together is not None)
    given = replace(given, names=names)
    if chosen.together:
        return [chosen.together(prepared, given)]
    return build_apart(prepared, chosen, given)


def build_apart(prepared: Sequence[Any], chosen: Kind, options: Options) -> list[Scene]:
    """One picture per prepared source, all on one scale."""
    if chosen.apart is None:
        raise UsageError(f"kind '{chosen.name}' {chosen.alone}: draw it with plot")
    return chosen.apart(prepared, options)


def prepare(sources: Sequence[Source], chosen: Kind, options: Options) -> list[Any]:
    """The sources with what is derived from their values.

    Raises:
        UsageError: a source or an option that does not fit the kind.
    """
    for source in sources:
        check_fit(source, chosen)
    for name, message in chosen.unused.items():
        if (value := getattr(options, name)) is not None:
            raise UsageError(message.format(kind=chosen.name, value=value))
    if options.best and not chosen.best:
        can = [kind.name for kind in kinds() if kind.best]
        raise UsageError(
            f"best marks a point of a plane, which kind '{chosen.name}' cannot; choose {', '.join(can[:-1])} or "
            f"{can[-1]}, or leave it out"
        )
    return [chosen.of.prepare(source, options.metric) for source in sources]


def check_fit(source: Source, chosen: Kind) -> None:
    """Raises UsageError when a kind cannot show a source; the message lists those that can."""
    if chosen.fits(source):
        if (
            isinstance(source, Surface)
            and source.ndim == chosen.ndim == 2
            and not chosen.paths
            and min(source.shape) < 2
        ):
            ny, nx = source.shape
            who = source.source or "this surface"
            raise UsageError(
                f"{who} has {nx} × {ny} points: a plane needs two on each side; compute it with two rows or as a line"
            )
        return
    own = type_of(source)
    fitting = " or ".join(kind.name for kind in kinds() if kind.fits(source))
    other = "" if chosen.of is own else f", or give {chosen.of.example}"
    who = source.source or "this input"
    raise UsageError(f"kind '{chosen.name}' does not fit {who}, which {own.describe(source)}; choose {fitting}{other}")
