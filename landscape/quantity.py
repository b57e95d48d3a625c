"""What an array of results holds: its name, its label, its unit, and how to read it.

Owns: `Quantity`, the kinds of quantities, and the only code that derives a meaning from a bare name, for files written
before quantities were stored. Knows no file format, no picture and no measurement.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

LOSS, SHARE, EIGENVALUE, RATIO, COUNT, TIME, FLAG, CATEGORY, VALUE = KINDS = (
    "loss",
    "share",
    "eigenvalue",
    "ratio",
    "count",
    "time",
    "flag",
    "category",
    "value",
)
# The role of a quantity in its measurement: pictures that need an end of the spectrum look for the role, never for a name.
# Those of one panel of a picture of training dynamics share a role.
LARGEST, SMALLEST, NEGATIVE, SETTLED, SAMPLES, ROUGH_SAMPLES, PRODUCTS, ROUGH_PRODUCTS, ERROR, PENALIZED = (
    "largest",
    "smallest",
    "negative",
    "settled",
    "samples",
    "rough samples",
    "products",
    "rough products",
    "error",
    "penalized",
)
SHARPNESS, THRESHOLD, COVARIANCE, CONDITION, STIFFNESS, LENGTH, GRADIENT, DISTANCE = (
    "sharpness",
    "threshold",
    "covariance",
    "condition",
    "stiffness",
    "length",
    "gradient",
    "distance",
)
# The largest eigenvalue of the Hessian divided by the optimizer's preconditioner, and its own threshold.
PRECONDITIONED, PRECONDITIONED_THRESHOLD = "preconditioned", "preconditioned threshold"
# The gradient of one layer, in the order of the net.
LAYER = "layer"
# Of optimizers: the gradient that is given to them over time; their steps, or where they end; the steps to a level.
SIGNAL, RESPONSE, REACHED = "signal", "response", "reached"
# Of several nets: a measure of flatness, the gap that it is compared with, a setting of training, a rise of the loss at a radius.
MEASURE, GAP, HYPER, AROUND = "measure", "gap", "hyper", "rise"
# The measurement that evaluates the objective; see `Quantity.group`.
EVALUATION, HESSIAN, DYNAMICS, FLATNESS = "evaluation", "hessian", "dynamics", "flatness"
SPLITS = ("train", "test")
# Which of its values is the best.
LOWEST, HIGHEST = "lowest", "highest"
# Of an input: the number of the predicted class; how far its own class leads the others, and the predicted one; invalid pixels.
CLASS, MARGIN, LEAD, OUTSIDE = "class", "margin", "lead", "outside"
# Ends the name of the standard error of a metric's rise over the mean of two nets.
RISE = "_rise_stderr"
# Results with this prefix are arrays: what was evaluated sample by sample at a point, to help to estimate others.
DRAWN = "drawn/"
# Of those, the mean (over all samples) of what was drawn and its standard error, where these are not the point's results.
MEAN_DRAWN = f"{DRAWN}mean of "


@dataclass(frozen=True)
class Quantity:
    """One row for each array of results.

    Attributes:
        name: key of the array, unique in its file, such as "train_loss".
        label: as a figure writes it, such as "train loss".
        kind: one of `KINDS`. A "loss" is usually drawn on a log scale, a "share" is in 0..1 and is printed in percent.
        unit: printed after a value; "" for pure numbers.
        group: the measurement that computed it, whose status array says which points are done.
        split: the data split that it was measured on, or "".
        metric: the name without the split, such as "loss": what `--metric loss` finds in any split.
        error: name of the quantity that bounds its error; "" when it has a standard error or none.
        aside: known about a value rather than over the plane; drawn only on request, by name.
        role: what it is to its measurement, such as `LARGEST`; "" for ordinary metrics.
    """

    name: str
    label: str
    kind: str = VALUE
    unit: str = ""
    group: str = EVALUATION
    split: str = ""
    metric: str = ""
    error: str = ""
    aside: bool = False
    role: str = ""

    @property
    def percent(self) -> bool:
        """Whether values are written in percent."""
        return self.kind == SHARE

    @property
    def better(self) -> str:
        """`LOWEST` of losses, `HIGHEST` of accuracies and their like; "" where no direction is known to be better.

        >>> quantity_named("hessian_negative").better, metric_of("test", "accuracy").better
        ('', 'highest')
        """
        return LOWEST if self.kind == LOSS else HIGHEST if _is_score(self.metric) else ""

    def facts(self) -> dict[str, Any]:
        """The facts stored beside the array: every entry that is not its default."""
        usual = {f.name: f.default for f in fields(self)}
        return {key: value for key, value in asdict(self).items() if key != "name" and value != usual[key]}


def metric_of(split: str, metric: str) -> Quantity:
    """The row of a metric of the objective on one split.

    >>> metric_of("train", "loss").label, metric_of("test", "accuracy").kind
    ('train loss', 'share')
    """
    name = f"{split}_{metric}" if split else metric
    if metric == "samples":
        return Quantity(name, f"{split} samples evaluated".strip(), COUNT, split=split, metric=metric, role=SAMPLES)
    if metric == "rough_samples":
        label = f"{split} samples evaluated in bfloat16".strip()
        return Quantity(name, label, COUNT, split=split, metric=metric, aside=True, role=ROUGH_SAMPLES)
    if metric == "loss_l2":
        return Quantity(
            name, f"{split} loss with weight penalty".strip(), LOSS, split=split, metric=metric, role=PENALIZED
        )
    is_loss = metric in ("loss", "perplexity") or metric.endswith("_loss")
    kind = LOSS if is_loss else SHARE if _is_score(metric) else VALUE
    return Quantity(name, name.replace("_", " "), kind, split=split, metric=metric)


def _is_score(metric: str) -> bool:
    """Whether it is a share of what a net does well."""
    return metric.endswith("accuracy") or metric == "iou" or (metric.startswith("top") and metric[3:].isdigit())


_LARGEST, _SMALLEST = "largest Hessian eigenvalue", "smallest Hessian eigenvalue"
# The ends of the Hessian's spectrum at a point.
HESSIAN_QUANTITIES = (
    Quantity("hessian_max", _LARGEST, EIGENVALUE, group=HESSIAN, error="hessian_max_error", role=LARGEST),
    Quantity("hessian_min", _SMALLEST, EIGENVALUE, group=HESSIAN, error="hessian_min_error", role=SMALLEST),
    Quantity("hessian_max_error", f"error of the {_LARGEST}", group=HESSIAN, aside=True, role=ERROR),
    Quantity("hessian_min_error", f"error of the {_SMALLEST}", group=HESSIAN, aside=True, role=ERROR),
    Quantity("hessian_negative", "negative Hessian eigenvalues", SHARE, group=HESSIAN, role=NEGATIVE),
    Quantity(
        "hessian_settled", "eigenvalues as precise as asked (1: yes)", FLAG, group=HESSIAN, aside=True, role=SETTLED
    ),
    Quantity("hessian_products", "products with the Hessian", COUNT, group=HESSIAN, aside=True, role=PRODUCTS),
    Quantity(
        "hessian_rough", "products with the Hessian in bfloat16", COUNT, group=HESSIAN, aside=True, role=ROUGH_PRODUCTS
    ),
)
# What is measured along a training run (measurement/dynamics.py).
DYNAMICS_QUANTITIES = (
    Quantity("batch_sharpness", "batch sharpness", EIGENVALUE, group=DYNAMICS, role=SHARPNESS),
    Quantity("batch_hessian_max", "largest of mini-batches", EIGENVALUE, group=DYNAMICS, role=SHARPNESS),
    Quantity("critical_sharpness", "critical sharpness", EIGENVALUE, group=DYNAMICS, role=SHARPNESS),
    Quantity("relative_sharpness", "critical sharpness of the other split", EIGENVALUE, group=DYNAMICS, role=SHARPNESS),
    Quantity("stability_threshold", "stability threshold", EIGENVALUE, group=DYNAMICS, role=THRESHOLD),
    Quantity(
        "preconditioned_max",
        "largest preconditioned eigenvalue",
        EIGENVALUE,
        group=DYNAMICS,
        error="preconditioned_max_error",
        role=PRECONDITIONED,
    ),
    Quantity(
        "preconditioned_max_error",
        "error of the largest preconditioned eigenvalue",
        group=DYNAMICS,
        aside=True,
        role=ERROR,
    ),
    Quantity(
        "preconditioned_threshold",
        "threshold of the optimizer",
        EIGENVALUE,
        group=DYNAMICS,
        role=PRECONDITIONED_THRESHOLD,
    ),
    Quantity(
        "covariance_max", "spectral norm of the gradients' covariance", EIGENVALUE, group=DYNAMICS, role=COVARIANCE
    ),
    Quantity("covariance_ratio", "its last eigenvalue / the first", RATIO, group=DYNAMICS, role=CONDITION),
    Quantity("stiffness_within", "stiffness within classes", group=DYNAMICS, role=STIFFNESS),
    Quantity("stiffness_between", "stiffness between classes", group=DYNAMICS, role=STIFFNESS),
    Quantity("stiffness_length", "length of the stiffness", group=DYNAMICS, role=LENGTH),
    Quantity("gradient_norm", "norm of the gradient", group=DYNAMICS, role=GRADIENT),
    Quantity("distance", "distance from the start", group=DYNAMICS, role=DISTANCE),
    Quantity("lr", "learning rate", group=DYNAMICS, aside=True),
)
# What is measured around each of several nets (measurement/flatness.py).
FLATNESS_QUANTITIES = (
    Quantity("gradient_norm", "gradient norm", group=FLATNESS, role=MEASURE),
    Quantity("trace", "Hessian trace", group=FLATNESS, role=MEASURE),
    Quantity("weighted_trace", "weighted Hessian trace", group=FLATNESS, role=MEASURE),
    Quantity("largest_eigenvalue", "largest eigenvalue", group=FLATNESS, role=MEASURE),
    Quantity("critical_sharpness", "critical sharpness", group=FLATNESS, role=MEASURE),
    Quantity("sam_step", "SAM, one step", group=FLATNESS, role=MEASURE),
    Quantity("sam", "SAM, worst case", group=FLATNESS, role=MEASURE),
    Quantity("adaptive_step", "adaptive SAM, one step", group=FLATNESS, role=MEASURE),
    Quantity("adaptive", "adaptive SAM, worst case", group=FLATNESS, role=MEASURE),
    Quantity("keskar", "sharpness of Keskar et al.", group=FLATNESS, role=MEASURE),
    Quantity("average", "average direction", group=FLATNESS, role=MEASURE),
    Quantity("most", "90 % of directions", group=FLATNESS, role=MEASURE),
    Quantity("worst", "worst direction", group=FLATNESS, role=MEASURE),
    Quantity("noise", "Gaussian noise, 1/s²", group=FLATNESS, role=MEASURE),
    Quantity("magnitude_noise", "scaled noise, 1/s²", group=FLATNESS, role=MEASURE),
    Quantity("fisher_rao", "Fisher-Rao norm", group=FLATNESS, role=MEASURE),
    Quantity("path_norm", "path norm", group=FLATNESS, role=MEASURE),
    Quantity("spectral_product", "spectral norms", group=FLATNESS, role=MEASURE),
    Quantity("weight_norm", "weight norm", group=FLATNESS, role=MEASURE),
    Quantity("distance", "distance from start", group=FLATNESS, role=MEASURE),
    Quantity("parameters", "parameters", COUNT, group=FLATNESS, role=MEASURE),
)
MEASURES = tuple(row.name for row in FLATNESS_QUANTITIES)
GAP_QUANTITIES = (
    Quantity("accuracy_gap", "accuracy gap", SHARE, group=FLATNESS, role=GAP),
    Quantity("loss_gap", "loss gap", group=FLATNESS, role=GAP),
)
# What a net makes of an input (measurement/outcome.py).
INPUT_QUANTITIES = (
    Quantity("loss", "loss", LOSS, metric="loss"),
    Quantity("margin", "margin", role=MARGIN),
    Quantity("class", "predicted class", CATEGORY, aside=True, role=CLASS),
    Quantity("lead", "lead of the predicted class", aside=True, role=LEAD),
    Quantity("outside", "pixels out of range", SHARE, aside=True, role=OUTSIDE),
)
_KNOWN = {quantity.name: quantity for quantity in (*HESSIAN_QUANTITIES, *DYNAMICS_QUANTITIES, *GAP_QUANTITIES)}


def quantity_named(name: str, facts: Mapping[str, Any] | None = None) -> Quantity:
    """The quantity that an array of this name holds: from the `facts` stored beside it, else from its name.

    Unknown facts, as a later version may store, are ignored.

    >>> quantity_named("test_loss").metric, quantity_named("hessian_max_error").aside
    ('loss', True)
    """
    if facts and "label" in facts:
        names = [f.name for f in fields(Quantity) if f.name not in ("name", "aside")]
        texts = {key: facts[key] for key in names if isinstance(facts.get(key), str)}
        aside = facts.get("aside", False)
        return Quantity(name, **{"label": name, **texts}, aside=isinstance(aside, (bool, int)) and bool(aside))
    return _KNOWN.get(name) or _read_name(name)


def layer_quantity(name: str, layer: str) -> Quantity:
    """The row of the norm of one layer's gradient."""
    return Quantity(name, f"gradient of {layer}", group=DYNAMICS, role=LAYER)


def risen(quantity: Quantity) -> Quantity:
    """What a barrier raises: a loss, or 1 - share, which of an accuracy is called error.

    >>> risen(metric_of("test", "accuracy")).label, risen(metric_of("train", "iou")).label
    ('test error', '1 - train iou')
    """
    if not quantity.percent:
        return quantity
    turned = quantity.label.endswith("accuracy")
    label = quantity.label.replace("accuracy", "error") if turned else f"1 - {quantity.label}"
    metric = quantity.metric.replace("accuracy", "error") if turned else f"1 - {quantity.metric}"
    return replace(quantity, label=label, metric=metric)


def rise_of(quantity: Quantity) -> Quantity:
    """The row of the standard errors of a metric's rise over the mean of the two nets that a path joins."""
    label = f"standard error of the rise in {quantity.label}"
    return Quantity(f"{quantity.name}{RISE}", label, split=quantity.split, aside=True, role=ERROR)


def stderr_of(quantity: Quantity) -> Quantity:
    """The row of the standard errors of a quantity, for tables and pictures that show them as values."""
    label = f"standard error of {quantity.label}"
    return Quantity(f"{quantity.name}_stderr", label, group=quantity.group, split=quantity.split, role=ERROR)


def _read_name(name: str) -> Quantity:
    """For a file without facts: `SPLIT_METRIC`, and `hessian_...` for curvature."""
    if name.endswith("_stderr"):
        return stderr_of(quantity_named(name.removesuffix("_stderr")))
    split = next((split for split in SPLITS if name.startswith(f"{split}_")), "")
    if name.startswith(f"{HESSIAN}_"):
        aside = name.endswith(("_error", "_products", "_rough", "_settled"))
        return Quantity(name, name.replace("_", " "), group=HESSIAN, aside=aside)
    return metric_of(split, name.removeprefix(f"{split}_") if split else name)
