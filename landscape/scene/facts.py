"""What was computed, in a few words: the small lines under every figure.

Owns: the reading of a surface's provenance for people. Every key is optional; what is not known is not mentioned.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import PurePath

from landscape.scene.hessian import NEGATIVE, is_curvature, points_text, unsettled
from landscape.scene.holes import holes_of
from landscape.scene.scene import NOT_COMPUTED
from landscape.scene.text import data_label, metric_label, model_label, value_text
from landscape.surfaces.surface import Surface

_NORMS = {
    "filter": "filter-normalized",
    "layer": "layer-normalized",
    "weight": "weight-normalized",
    "dfilter": "filters of unit norm",
    "dlayer": "layers of unit norm",
    "none": "not normalized",
}
_IGNORED = {"biasbn": "biases and batch norm fixed", "none": None}
_COUNTED = {"biasbn": "those of more than one dimension", "none": "all"}
_BATCHNORM = {
    "keep": "batch-norm statistics kept",
    "interpolate": "batch-norm statistics interpolated",
    "recompute": "batch-norm statistics recomputed at each point",
}
_PRECISION = {"fp32": "float32", "bf16": "bfloat16", "fp16": "float16", "tf32": "TF32", "fp64": "float64"}


def facts(surface: Surface, metric: str | None = None, *, centers: Sequence[str] = ()) -> list[str]:
    """One short phrase per fact, in the order of a figure's footer.

    `metric` picks the data split, and its value at the centre is told; with None, that of each metric in `centers`.
    """
    known = surface.provenance or {}
    lines = [
        *_model(known),
        *_data(known, metric),
        *_directions(known),
        *_optional(_BATCHNORM.get(str(known.get("batchnorm")))),
        *_precision(known),
        *_tolerance(known),
    ]
    lines = lines or _optional(_source(surface))
    told = [metric] if metric else centers
    lines += _hessian(surface, told) if any(map(is_curvature, told)) else []
    return lines + [fact for name in told for fact in _center(surface, name)]


def subject(surface: Surface) -> str:
    """Model and data, as a title begins: "ResNet-56, digits"; the file's name when neither is known, "" at last."""
    known = surface.provenance or {}
    model, data = _name(known.get("model")), _name(known.get("data"))
    parts = [model_label(model) if model else "", data_label(data) if data else ""]
    return ", ".join(filter(None, parts)) or _source(surface)


def model_name(surface: Surface) -> str:
    """The readable name of the model, or "" when unknown."""
    name = _name((surface.provenance or {}).get("model"))
    return model_label(name) if name else ""


def checkpoint_stem(surface: Surface) -> str:
    """The name of the checkpoint's file without its suffix, or ""."""
    checkpoint = (surface.provenance or {}).get("checkpoint")
    return PurePath(str(checkpoint.get("path") or "")).stem if isinstance(checkpoint, dict) else ""


def _name(entry) -> str:
    """`{"name": ...}` or the name itself."""
    return str((entry.get("name") if isinstance(entry, dict) else entry) or "")


def _source(surface: Surface) -> str:
    return PurePath(surface.source).name if surface.source else ""


def _optional(text: str | None) -> list[str]:
    return [text] if text else []


def _model(known: dict) -> list[str]:
    model, checkpoint = known.get("model"), known.get("checkpoint")
    lines = []
    if _name(model):
        count = model.get("parameters") if isinstance(model, dict) else None
        lines.append(model_label(_name(model)) + (f", {count:,} parameters" if count else ""))
    if isinstance(checkpoint, dict) and checkpoint.get("path") not in (None, "", "in memory"):
        digest = f" (sha256 {checkpoint['sha256'][:8]})" if checkpoint.get("sha256") else ""
        lines.append(_file(PurePath(str(checkpoint["path"]))) + digest)
    return lines


def _file(path: PurePath) -> str:
    """The file's name; of a net in a run folder, with the folder's name, for all runs call their nets alike."""
    if path.name == "final.pt":
        return "/".join(path.parts[-2:])
    return (
        "/".join(path.parts[-3:]) if path.parent.name == "checkpoints" and path.stem.startswith("step_") else path.name
    )


def _data(known: dict, metric: str | None) -> list[str]:
    data, lines = known.get("data"), []
    name = _name(data)
    splits = data.get("splits", {}) if isinstance(data, dict) else {}
    wanted = [split for split in splits if metric and metric.startswith(f"{split}_")] or list(splits)
    samples = ", ".join(filter(None, (_samples(split, splits[split]) for split in wanted)))
    if name or samples:
        lines.append(": ".join(filter(None, [data_label(name), samples])))
    normalize = data.get("normalize") if isinstance(data, dict) else None
    if normalize and normalize != name:
        lines.append(f"pixels normalized as {normalize}" if normalize != "none" else "pixels not normalized")
    if known.get("loss"):
        lines.append(str(known["loss"]).replace("cross_entropy", "cross-entropy"))
    if known.get("l2"):
        lines.append(f"weight penalty {float(known['l2']):g}")
    return lines


def _samples(split: str, entry) -> str:
    entry = entry if isinstance(entry, dict) else {}
    count, of = entry.get("samples"), entry.get("of")
    if count is None:
        return ""
    return f"{count:,} {split} samples" if of in (None, count) else f"{count:,} of {of:,} {split} samples"


def _directions(known: dict) -> list[str]:
    made = known.get("directions")
    if not isinstance(made, dict):
        return []
    kind = str(made.get("kind") or "")
    parts = [_kind(made, each) for each in kind.split("+") if each]
    if kind != "nets" or made.get("norm") not in (None, "none"):
        parts += _each(made.get("norm"), _NORMS, "normalized by {}")
        parts += _each(made.get("ignore"), _IGNORED, "parameters matching {} fixed")
    if made.get("state") == "states" and known.get("batchnorm") != "interpolate":
        parts.append("batch-norm statistics moved too")
    if made.get("orthogonal"):
        parts.append("orthogonalized")
    lines = [", ".join(parts)] if parts else []
    if made.get("cosine") is not None:
        lines.append(f"cosine of the axes {float(made['cosine']):.2g}")
    return lines


def _kind(made: dict, kind: str) -> str:
    if kind == "random":
        return "random directions" + (f", seed {made['seed']}" if made.get("seed") is not None else "")
    if kind == "nets":
        return "axes through the named nets"
    return f"directions of {PurePath(str(made['file'])).name}" if made.get("file") else f"{kind} directions"


def _each(entry, words: dict, otherwise: str) -> list[str]:
    """`filter, none` (one per axis) -> the words for each, without those that say nothing."""
    names = [name.strip() for name in str(entry or "").split(", ") if name.strip()]
    return [text for name in names if (text := words.get(name, otherwise.format(name)))]


def _precision(known: dict) -> list[str]:
    precision = known.get("precision")
    return [_PRECISION.get(str(precision), str(precision))] if precision and precision != "fp32" else []


def _tolerance(known: dict) -> list[str]:
    """What was left out, and the error that was asked for and reached."""
    made, run = known.get("tolerance"), known.get("run")
    if not isinstance(made, dict) or not made.get("asked"):
        return []
    asked = f"tolerance {100 * float(made['asked']):g} %"
    reached = run.get("reached") if isinstance(run, dict) else None
    if not isinstance(reached, dict):
        return [asked]
    saving = reached["of_evaluations"] / max(reached["evaluations"], 1)
    return [f"{asked}, reached {100 * reached['error']:.2g} % at 95 % of points with 1/{saving:.3g} of the evaluations"]


def _hessian(surface: Surface, metrics: Sequence[str]) -> list[str]:
    """Of what the curvature is, and how well it is known."""
    known = surface.provenance or {}
    made = known.get("hessian")
    if not isinstance(made, dict):
        return []
    lines = [_of_what(made)] if made.get("parameters") else []
    if count := unsettled(surface):
        lines.append(f"less precise than that at {points_text(count)}")
    if made.get("index") and NEGATIVE in metrics:
        lines.append(f"eigenvalues below −{float(made['index']):g} times the largest magnitude count as negative")
    if made.get("products") == "differences":
        lines.append("products with the Hessian by differences of gradients")
    precision = made.get("precision")
    if precision and precision != known.get("precision"):
        lines.append(f"curvature in {_PRECISION.get(str(precision), str(precision))}")
    return lines


def _of_what(made: dict) -> str:
    ignored = str(made.get("ignore") or "none")
    which = _COUNTED.get(ignored, f"all but those matching {ignored}")
    samples = _samples(str(made.get("split") or "given"), made)
    within = f", eigenvalues within {100 * float(made['tolerance']):g} %" if made.get("tolerance") else ""
    return f"Hessian of {made['parameters']:,} parameters ({which})" + (f" on {samples}" if samples else "") + within


def _center(surface: Surface, metric: str) -> list[str]:
    """The value at 0 of every axis; a path along training has no centre, and a point still to be computed no value."""
    if metric not in surface.values or surface.grid.axes[0].kind == "step":
        return []
    if replace(surface, values={metric: holes_of(surface, metric)}).at_origin(metric) == NOT_COMPUTED:
        return []
    value = surface.at_origin(metric)
    if value is None:
        return []
    made = (surface.provenance or {}).get("directions")
    through_nets = isinstance(made, dict) and str(made.get("kind")).startswith("nets")
    where = "of the first net" if through_nets else "at the centre"
    return [f"{metric_label(metric)} {where} {value_text(metric, value)}"]
