"""What a picture shows, as plain values: the language between the scene builders and the renderers.

Owns: the frozen types `View`, `Scene` and `Comparison`, and what stands around every view. Everything a renderer needs is
in a scene, already decided: ranges, levels, colours, light, text. The final types of views are in views/, one file each.
Knows no result file and no plotting library.

Two kinds of numbers appear. A *value* is what was computed. A *height* is a value on the chosen scale (log10 of it on
a log scale), clipped to the drawn range; NaN where nothing is drawn. Arrays over the plane are (ny, nx).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field, replace
from typing import TypeVar

from landscape.scene.reading import Table

# Panels of a comparison from which on they are small multiples.
MANY = 4


@dataclass(frozen=True)
class Caption:
    """The words around a view: its title, and the facts of what was computed.

    `what` is the subject of the title without the data that it is about; a comparison is named by it. `brief` are the facts of a
    picture that has room for one line.
    """

    title: str = ""
    facts: tuple[str, ...] = ()
    what: str = ""
    brief: tuple[str, ...] = ()


@dataclass(frozen=True)
class Choice:
    """What the switches of an interactive page offer: a metric on a scale."""

    metric: str
    scale: str
    label: str = ""
    percent: bool = False


@dataclass(frozen=True, eq=False, kw_only=True)
class View(ABC):
    """One thing to look at. Renderers have one row for each final type of view.

    `notes` say what a reader must know about the drawing, such as clipped values.
    """

    caption: Caption = field(default_factory=Caption)
    notes: tuple[str, ...] = ()

    @property
    def page_notes(self) -> tuple[str, ...]:
        """The notes on an interactive page, which may show other parts of the view than a still picture."""
        return self.notes

    @property
    @abstractmethod
    def choice(self) -> Choice:
        """How an interactive page lists the view."""


V = TypeVar("V", bound=View)


# Height over width of a flat picture whose axes have units of their own.
UNEQUAL = 0.8


@dataclass(frozen=True)
class Frame:
    """The horizontal axes of a picture; with `equal`, a unit is equally long on both."""

    x_label: str
    y_label: str
    x_range: tuple[float, float]
    y_range: tuple[float, float]
    equal: bool = True


@dataclass(frozen=True)
class Camera:
    """The viewpoint of a relief: degrees above the horizon and around it, and the box it stands in (x, y, z).

    `turns`: it is one of a way around, all as far from the box.
    """

    elevation: float = 36.0
    azimuth: float = -56.0
    box: tuple[float, float, float] = (1.0, 1.0, 0.62)
    turns: bool = False


@dataclass(frozen=True, eq=False)
class Scene:
    """One picture.

    `views` are of one type. The first is the one that a still picture shows; an interactive page can switch to the
    others, such as other metrics and scales. `tables` hold the values at the points, one for each grid of the views.
    """

    frame: Frame
    views: tuple[View, ...]
    camera: Camera = field(default_factory=Camera)
    tables: tuple[Table, ...] = ()

    def views_as(self, kind: type[V]) -> tuple[V, ...]:
        """The views, known to be of one type.

        Raises:
            TypeError: a view of another type.
        """
        found = tuple(view for view in self.views if isinstance(view, kind))
        if len(found) < len(self.views):
            raise TypeError(f"a scene of {type(self.views[0]).__name__}, expected {kind.__name__} only")
        return found

    @property
    def title(self) -> str:
        return self.views[0].caption.title

    @property
    def facts(self) -> tuple[str, ...]:
        return self.views[0].caption.facts

    @property
    def notes(self) -> tuple[str, ...]:
        return self.views[0].notes


@dataclass(frozen=True, eq=False)
class Comparison:
    """Pictures side by side on one scale.

    `captions` hold, for each view, the common title and the facts that all panels share; those in a panel are its
    own. With `letters` they are called (a), (b), ..., and so are `MANY` or more.
    """

    panels: tuple[Scene, ...]
    names: tuple[str, ...]
    captions: tuple[Caption, ...]
    letters: bool = False

    @property
    def many(self) -> bool:
        """Whether they are small pictures of one kind, in rows and columns that share their axes."""
        return len(self.panels) >= MANY

    @property
    def title(self) -> str:
        return self.captions[0].title

    @property
    def facts(self) -> tuple[str, ...]:
        return self.captions[0].facts


def camera_for(frame: Frame, view: tuple[float, float] | None = None) -> Camera:
    """The box of a relief has the proportions of the plane where those of the flat picture have them.

    `view`: elevation and azimuth in degrees; None for the usual ones.
    """
    width, height = frame.x_range[1] - frame.x_range[0], frame.y_range[1] - frame.y_range[0]
    camera = Camera() if view is None else Camera(*view)
    box = (width / max(width, height), height / max(width, height), camera.box[2])
    return replace(camera, box=box) if frame.equal else camera
