"""What a kind of picture is: which results it shows, and how they become scenes.

Owns: `Kind`, its `Options`, and the types of results that pictures are made of. Knows no kind by name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePath
from typing import Any

from landscape.printable import numbered
from landscape.quantity import stderr_of
from landscape.scene.facts.run import run_subject
from landscape.scene.facts.spectrum import matrix_label
from landscape.scene.facts.stems import checkpoint_stem, file_stem, seed_name
from landscape.scene.facts.surface import model_name, subject
from landscape.scene.hessian import check_curvature, is_curvature, with_ratio
from landscape.scene.reach import all_within_reach
from landscape.scene.scales import Levels, Limits
from landscape.scene.scene import Caption, Scene
from landscape.surfaces.barriers import has_paths
from landscape.surfaces.run_log import RunLog
from landscape.surfaces.source import Source
from landscape.surfaces.spectrum import Spectrum
from landscape.surfaces.surface import STDERR_SUFFIX, Surface

NO_LEVELS = "levels do not apply to kind '{kind}': it has no contour lines; leave them out"
NO_COLORS = "cmap does not apply to kind '{kind}': its colours stand for curves, not for values; leave it out"
# What pictures without a plane have no use for.
CURVES_ONLY = {"levels": NO_LEVELS, "cmap": NO_COLORS}


@dataclass(frozen=True)
class Options:
    """The options of the user, unchanged; `names` tell several sources apart."""

    metric: str | None = None
    scale: str = "auto"
    levels: Levels = None
    vmin: float | None = None
    vmax: float | None = None
    title: str | None = None
    cmap: str | None = None
    names: tuple[str, ...] = ()
    view: tuple[float, float] | None = None
    best: bool = False

    @property
    def limits(self) -> Limits:
        return Limits(self.vmin, self.vmax)

    def caption(self, about: str, what: str, facts: Sequence[str], brief: Sequence[str] | None = None) -> Caption:
        """The words around a view, titled "about: what" unless a title is given; `brief`: default the first fact."""
        heading = ": ".join(filter(None, [about, what]))
        short = tuple(facts[:1] if brief is None else brief)
        return Caption(heading if self.title is None else self.title, tuple(facts), what, short)


@dataclass(frozen=True)
class SourceType:
    """A type of result that pictures are made of, and the words for it.

    `describe` continues a sentence about one. Of `namings` the first is used that gives several different names. `prepare` adds
    what is derived from the values, if the metric of a picture may need it.
    """

    type: type
    noun: str
    plural: str
    example: str
    describe: Callable[[Any], str]
    namings: tuple[Callable[[Any], str], ...]
    prepare: Callable[[Any, str | None], Any] = lambda source, metric: source


@dataclass(frozen=True, eq=False)
class Kind:
    """One kind of picture.

    Attributes:
        name: as `--kind` has it.
        of: what it shows.
        apart: sources -> one scene each, all on the same scales. None for a kind that only lays them together.
        together: sources -> one scene of all of them. None for a kind that shows each alone.
        ndim: the number of axes of its surfaces; 0 for other sources.
        lines: whether it shows lines as well as planes.
        default: whether this is the picture of a source when no kind is given; see `default_kind`.
        unused: the options without meaning for it, each with an error message, in which `{kind}` and `{value}` are filled in.
        alone: why it has no place among the panels of a comparison; "" when it has one.
        paths: whether the rows of its surfaces are paths between nets, which have no plane.
        best: whether it can mark the best point.
    """

    name: str
    of: SourceType
    apart: Callable[[Sequence[Any], Options], list[Scene]] | None = None
    together: Callable[[Sequence[Any], Options], Scene] | None = None
    ndim: int = 0
    lines: bool = False
    default: Callable[[Any], bool] = lambda source: False
    unused: Mapping[str, str] = field(default_factory=dict)
    alone: str = ""
    paths: bool = False
    best: bool = False

    def fits(self, source: Source) -> bool:
        """Whether it can show a source."""
        right_type = isinstance(source, self.of.type)
        return right_type and (
            not isinstance(source, Surface)
            or ((source.ndim == self.ndim or (self.lines and source.ndim == 1)) and has_paths(source) == self.paths)
        )


def one_by_one(scene: Callable[[Any, Options], Scene]) -> Callable[[Sequence[Any], Options], list[Scene]]:
    """A kind's `apart` where the picture of a source does not depend on the others."""
    return lambda sources, options: [scene(source, options) for source in sources]


def type_of(source: Source) -> SourceType:
    """The type of a result."""
    return next(each for each in (SURFACE, SPECTRUM, RUN) if isinstance(source, each.type))


def names_of(sources: Sequence[Source]) -> tuple[str, ...]:
    """The shortest readable names that differ for all sources, which are of one type; otherwise letters.

    A file that is given several times has its name each time, with a number.
    """
    files = [source.source or str(number) for number, source in enumerate(sources)]
    found = [[naming(source) for source in sources] for naming in type_of(sources[0]).namings]
    found = [names for names in found if all(names)]
    for names in found:
        if len(set(names)) == len(names):
            return tuple(names)
    for names in found:
        if len(set(names)) == len(set(files)) == len(set(zip(names, files, strict=True))):
            return numbered(names)
    return tuple(chr(ord("A") + i % 26) + str(i // 26 or "") for i in range(len(sources)))


def _axes(surface: Surface) -> str:
    if has_paths(surface):
        return "holds paths between nets"
    return f"has {surface.ndim} ax{'i' if surface.ndim == 1 else 'e'}s"


def _derived(surface: Surface, metric: str | None) -> Surface:
    """The surface within reach, with the ratio of its eigenvalues, and with the standard errors if `metric` names them.

    Raises:
        UsageError: a metric of the Hessian that is not there.
    """
    shown = surface.showing(metric)
    errors = {
        name: stderr_of(surface.quantity(name.removesuffix(STDERR_SUFFIX)))
        for name in shown.values
        if name not in surface.values
    }
    near, stderr = all_within_reach(shown.values), all_within_reach(shown.stderr)
    shown = with_ratio(replace(shown, values=near, stderr=stderr, quantities={**shown.quantities, **errors}))
    shown = replace(shown, values=all_within_reach(shown.values))  # the ratio too
    if metric and "," not in metric and is_curvature(shown, metric):
        check_curvature(shown, metric)
    return shown


def _logged(log: RunLog, metric: str | None) -> RunLog:
    return replace(log, columns=all_within_reach(log.columns))


SURFACE = SourceType(
    Surface, "surface", "surfaces", "a surface file", _axes,
    (model_name, checkpoint_stem, seed_name, subject, file_stem), _derived,
)  # fmt: skip
SPECTRUM = SourceType(
    Spectrum, "spectrum", "spectra", "a file that landscape spectrum wrote", lambda spectrum: "is a spectrum",
    (model_name, subject, matrix_label, file_stem, checkpoint_stem),
)  # fmt: skip
RUN = SourceType(
    RunLog, "training run", "runs", "a training run's folder", lambda log: "is a training run",
    (run_subject, lambda log: PurePath(log.source).name), _logged,
)  # fmt: skip
