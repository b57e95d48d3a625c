"""What was computed, as typed facts with a JSON form.

Owns: the dataclasses of the provenance, and which entries only describe a run. Files of any version keep JSON: `Provenance.read`
takes what it knows and leaves out what it does not, or what has another type (facts.py).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

from landscape.surfaces.facts import NUMBER, Facts, entry
from landscape.surfaces.input_facts import InputFacts
from landscape.surfaces.study_facts import ConnectFacts, CurvatureFacts, DescentFacts, SpectrumFacts, TrainingFacts

Path = tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class ModelFacts(Facts):
    name_only: ClassVar[bool] = True

    name: str | None = entry()
    spec: str | None = entry(describes=True)
    title: str | None = entry(describes=True)
    """What a picture calls the net: its class, where the name is that of the user's code."""
    parameters: int | None = entry(int)
    frozen: int | None = entry(int, describes=True)
    """Parameters that do not require gradients; they move all the same."""
    batch_norms: int | None = entry(int, describes=True)
    """Layers with batch-norm statistics; files of earlier versions do not say."""


@dataclass(frozen=True, kw_only=True)
class CheckpointFacts(Facts):
    path: str | None = entry(describes=True)
    sha256: str | None = entry()
    stored: str | None = entry(describes=True)
    """The dtype of most stored weights, where that is narrower than float32; they move in the precision of the run."""
    entry: str | None = entry()
    """The entry of the file that holds the weights, where several do."""


@dataclass(frozen=True, kw_only=True)
class SplitFacts(Facts):
    samples: int | None = entry(int)
    of: int | None = entry(int)
    fingerprint: str | None = entry()


@dataclass(frozen=True, kw_only=True)
class DataFacts(Facts):
    name_only: ClassVar[bool] = True

    name: str | None = entry(describes=True)
    spec: str | None = entry(describes=True)
    root: str | None = entry(describes=True)
    normalize: str | None = entry()
    pixels: bool | None = entry(bool, describes=True)
    """Whether the inputs are pixels that were normalized here; files of earlier versions do not say."""
    splits: dict[str, SplitFacts] | None = entry(SplitFacts, each=True)


@dataclass(frozen=True, kw_only=True)
class EvaluationFacts(Facts):
    """What decides values beside weights and samples; what does not is None, as for most nets."""

    mean: str | None = entry()
    """What the loss is a mean over, if not over samples."""
    batches: str | None = entry()
    """The batches, if values depend on them."""
    batch_size: int | None = entry(int)
    mixes: str | None = entry()
    """What lets the value of a sample depend on the others in its batch."""
    random: str | None = entry()
    """What draws random numbers; they are the same at every point."""
    restored: list[str] | None = entry(list, describes=True, of=str)
    """Buffers and modules that an evaluation changes, put back before each batch."""
    whole: list[str] | None = entry(list, of=str)
    """The user's own loss and metrics that take all that the net returns, where its main part would give other values."""
    classes: str | None = entry()
    """The dimension of the outputs that holds the classes, where their shape does not say it."""
    gradients: str | None = entry(describes=True)
    """What the loss itself differentiates by."""


@dataclass(frozen=True, kw_only=True)
class CodeFacts(Facts):
    """What the user's code computes, which names and weights do not say; files of earlier versions have none of it.

    A setting, or a hash that begins with #.
    """

    python: str | None = entry(describes=True)
    """Hashes of code are of one version of Python."""
    layers: dict[str, str] | None = entry(dict)
    """The names of a net's layers, by class."""
    settings: dict[str, str] | None = entry(dict)
    unread: list[str] | None = entry(list, of=str, describes=True)
    """The settings that decide no value: no code that is evaluated reads them."""
    shown: list[str] | None = entry(list, of=str, describes=True)
    """The settings whose every effect is seen in the values of a batch."""
    classes: dict[str, str] | None = entry(dict)
    """A hash of the code of each class of layers."""
    loss: str | None = entry()
    metrics: dict[str, str] | None = entry(dict)


@dataclass(frozen=True, kw_only=True)
class DirectionFacts(Facts):
    """`kind`: random, nets, file, hessian or gradient, with + between when the axes differ."""

    kind: str | None = entry()
    state: str | None = entry()
    fingerprint: str | None = entry()
    cosine: float | None = entry(NUMBER)
    seed: int | None = entry(int)
    norm: str | None = entry()
    ignore: str | None = entry()
    only: str | None = entry()
    """What moves; None: all but what is ignored. Several are joined by a plus, as in `ignore`."""
    moving: int | None = entry(int)
    """Parameters that move, where `only` says which."""
    orthogonal: bool | None = entry(bool)
    shares: list[float] | None = entry(list, describes=True, of=NUMBER)  # of a path's squared distances, by axis
    walk: list[float] | None = entry(list, describes=True, of=NUMBER)
    to: str | None = entry(describes=True)
    to_y: str | None = entry(describes=True)
    file: str | None = entry(describes=True)


@dataclass(frozen=True, kw_only=True)
class RangeFacts(Facts):
    """How the ranges of `axes` were found; the numbers are those of the axes."""

    rise: float | None = entry(NUMBER, describes=True)
    """The loss at their ends over that of the net."""
    axes: list[str] | None = entry(list, describes=True, of=str)
    beyond: list[str] | None = entry(list, describes=True, of=str)
    """The axes along which the loss does not rise so far."""
    jumps: list[str] | None = entry(list, describes=True, of=str)
    """The axes at whose ends it rises at once, far beyond, or to what is not finite."""
    evaluations: int | None = entry(int, describes=True)


@dataclass(frozen=True, kw_only=True)
class ToleranceFacts(Facts):
    asked: float | None = entry(NUMBER)
    points: bool | None = entry(bool)
    samples: bool | None = entry(bool)


@dataclass(frozen=True, kw_only=True)
class ReachedFacts(Facts):
    """The account of a run under a tolerance; errors are relative, at 95 % of the points."""

    points: int | None = entry(int)
    of: int | None = entry(int)
    evaluations: int | None = entry(int)
    rough_evaluations: int | None = entry(int)
    """How many of these passed in bfloat16."""
    of_evaluations: int | None = entry(int)
    sampling_error: float | None = entry(NUMBER)
    interpolation_error: float | None = entry(NUMBER)
    checks: int | None = entry(int)
    worst_check: float | None = entry(NUMBER)
    error: float | None = entry(NUMBER)


@dataclass(frozen=True, kw_only=True)
class LatestFacts(Facts):
    """The latest run that added to the file."""

    versions: dict[str, str] | None = entry(dict)
    ranks: int | None = entry(int)
    started: str | None = entry()
    every: int | None = entry(int)
    search: str | None = entry()


@dataclass(frozen=True, kw_only=True)
class RunFacts(Facts):
    """Where and how it ran."""

    versions: dict[str, str] | None = entry(dict)
    device: str | None = entry()
    program: str | None = entry()
    ranks: int | None = entry(int)
    threads: int | None = entry(int)
    batch_size: int | None = entry(int)
    points_per_pass: int | None = entry(int)
    """How many points were evaluated in one pass of the net; None: one."""
    started: str | None = entry()
    lean: bool | None = entry(bool)
    probe: dict[str, float] | None = entry(dict)
    """What the net gave on the first samples, at its own weights (objective/probe.py); files of earlier versions do not say."""
    probe_of: str | None = entry()
    """A hash of these weights."""
    sampling: str | None = entry()
    """Under a tolerance: bf16 if most samples passed in bfloat16, else exact."""
    reached: ReachedFacts | None = entry(ReachedFacts)
    hessian: LatestFacts | None = entry(LatestFacts)
    level: float | None = entry(NUMBER)
    """Of optimizers: the value to be reached, by which steps are counted."""


@dataclass(frozen=True, kw_only=True)
class Provenance(Facts):
    """All of it; `hessian` was added to the file afterwards, so it does not identify the run that began it."""

    command: str | None = entry(describes=True)
    model: ModelFacts | None = entry(ModelFacts)
    checkpoint: CheckpointFacts | None = entry(CheckpointFacts)
    data: DataFacts | None = entry(DataFacts)
    loss: str | None = entry()
    loss_as: str | None = entry(describes=True)
    """Which state a loss that is a module has, as a caption says it, where it is not as it is made."""
    attack: str | None = entry()
    """The attack after which loss and metrics are taken; None: the samples as they are."""
    metrics: list[str] | None = entry(list, of=str)
    code: CodeFacts | None = entry(CodeFacts)
    evaluation: EvaluationFacts | None = entry(EvaluationFacts)
    directions: DirectionFacts | None = entry(DirectionFacts)
    slice: dict[str, Any] | None = entry(dict)  # a shape within the plane: its kind, and its fields by name
    input: InputFacts | None = entry(InputFacts)
    batchnorm: str | None = entry()
    precision: str | None = entry()
    l2: float | None = entry(NUMBER)
    ranges: RangeFacts | None = entry(RangeFacts)
    tolerance: ToleranceFacts | None = entry(ToleranceFacts)
    spectrum: SpectrumFacts | None = entry(SpectrumFacts)
    run_of: TrainingFacts | None = entry(TrainingFacts)
    descent: DescentFacts | None = entry(DescentFacts)
    connect: ConnectFacts | None = entry(ConnectFacts)
    hessian: CurvatureFacts | None = entry(CurvatureFacts, describes=True)
    run: RunFacts | None = entry(RunFacts, describes=True)

    @property
    def model_name(self) -> str:
        return (self.model and self.model.name) or ""

    @property
    def splits(self) -> dict[str, SplitFacts]:
        return (self.data and self.data.splits) or {}


def descriptive(facts: type[Facts] = Provenance, path: Path = ()) -> Iterator[Path]:
    """The paths of the entries that only describe a run."""
    for field in dataclasses.fields(facts):
        kind = field.metadata["kind"]
        if field.metadata["describes"]:
            yield (*path, field.name)
        elif isinstance(kind, type) and issubclass(kind, Facts) and not field.metadata["each"]:
            yield from descriptive(kind, (*path, field.name))
