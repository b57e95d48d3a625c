"""What was computed, in a few words: the small lines under every figure.

Owns: the reading of a surface's provenance for people. Every key is optional; what is not known is not mentioned.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import PurePath
from typing import Any

from landscape.quantity import NEGATIVE
from landscape.scene.facts.descent import descent_facts
from landscape.scene.facts.grid import grid_facts, tolerance_facts
from landscape.scene.facts.inputs import attack_words, input_facts
from landscape.scene.facts.moving import counted_words, fixed_facts, moving_fact, shares_facts, slice_facts
from landscape.scene.facts.stems import WithProvenance
from landscape.scene.hessian import is_curvature, points_text, unsettled
from landscape.scene.holes import NOT_COMPUTED, holes_of
from landscape.scene.text import data_label, data_title, model_label, value_text
from landscape.surfaces.surface import VALID, Surface

_NORMS = {
    "filter": "filter-normalized",
    "layer": "layer-normalized",
    "weight": "weight-normalized",
    "dfilter": "filters of unit norm",
    "dlayer": "layers of unit norm",
    "none": "not normalized",
}
_BATCHNORM = {
    "keep": "batch-norm statistics kept",
    "interpolate": "batch-norm statistics interpolated",
    "recompute": "batch-norm statistics recomputed at each point",
}
_PRECISION = {"fp32": "float32", "bf16": "bfloat16", "fp16": "float16", "tf32": "TF32", "fp64": "float64"}
_MOVED = {"fp64": "float64", "bf16-true": "float32 and rounded at each point"}


def facts(surface: Surface, metric: str | None = None, *, centers: Sequence[str] = ()) -> list[str]:
    """One short phrase per fact, in the order of a figure's footer.

    `metric` picks the data split, and the value at the centre is that of it; with None, of each metric in `centers`.
    """
    shown = [metric] if metric else list(centers)
    lines = recorded_facts(surface, surface.quantity(metric).split if metric else "")
    lines += ["dashed: all pixels within their range"] if VALID in surface.trails else []
    lines += grid_facts(surface.grid)
    lines += _hessian(surface, shown) if any(is_curvature(surface, name) for name in shown) else []
    return lines + [fact for name in shown for fact in _center(surface, name)]


def recorded_facts(result: WithProvenance, split: str = "") -> list[str]:
    """How a result was computed; `split` leaves out the samples of other splits. The file's name if nothing is known."""
    known = result.known.json()
    lines = [
        *descent_facts(known),
        *_model(known),
        *_data(known, split),
        *_evaluation(known),
        *_directions(known),
        *input_facts(result.known),
        *_batchnorm(known),
        *_stored(known),
        *_precision(known),
        *tolerance_facts(known),
    ]
    return lines or _optional(_source(result))


def brief(surface: Surface, metric: str | None = None) -> list[str]:
    """The facts of a picture that has room for one line: the samples, and the grid."""
    return [
        *_data(surface.known.json(), surface.quantity(metric).split if metric else "")[:1],
        *grid_facts(surface.grid),
    ]


def subject(result: WithProvenance) -> str:
    """Model and data, as a title begins: "ResNet-56, digits"; the file's name when neither is known, else ""."""
    known = result.known.json()
    descent = known.get("descent")
    if isinstance(descent, dict) and descent.get("label"):
        return str(descent["label"])
    model, data = _title(known.get("model")), _name(known.get("data"))
    parts = [model_label(model) if model else "", data_title(data) if data else ""]
    return ", ".join(filter(None, parts)) or _source(result)


def model_name(result: WithProvenance) -> str:
    """The readable name of the model, or "" when unknown."""
    name = _title((result.known.json()).get("model"))
    return model_label(name) if name else ""


def _name(entry: Any) -> str:
    """`{"name": ...}` or the name itself."""
    return str((entry.get("name") if isinstance(entry, dict) else entry) or "")


def _title(model: Any) -> str:
    """What a picture calls the net: its class where the name is that of a file of the user's."""
    return str((model.get("title") if isinstance(model, dict) else None) or _name(model))


def _source(result: WithProvenance) -> str:
    return PurePath(result.source).name if result.source else ""


def _optional(text: str | None) -> list[str]:
    return [text] if text else []


def _model(known: dict) -> list[str]:
    model, checkpoint = known.get("model"), known.get("checkpoint")
    lines = []
    if _name(model):
        count = model.get("parameters") if isinstance(model, dict) else None
        frozen = model.get("frozen") if isinstance(model, dict) else None
        size = f", {count:,} parameters" if count else ""
        lines.append(model_label(_name(model)) + size + (f" ({frozen:,} of them frozen)" if frozen else ""))
    if isinstance(checkpoint, dict) and checkpoint.get("path") not in (None, "", "in memory"):
        digest = f" (sha256 {checkpoint['sha256'][:8]})" if checkpoint.get("sha256") else ""
        entry = f", entry {checkpoint['entry']}" if checkpoint.get("entry") else ""
        lines.append(_file(PurePath(str(checkpoint["path"]))) + entry + digest)
    return lines


def _file(path: PurePath) -> str:
    """The file's name; for a net in a run folder with the folder's name, because all runs use the same file names."""
    if path.name == "final.pt":
        return "/".join(path.parts[-2:])
    return (
        "/".join(path.parts[-3:]) if path.parent.name == "checkpoints" and path.stem.startswith("step_") else path.name
    )


def _data(known: dict, split: str) -> list[str]:
    data = known.get("data")
    lines: list[str] = []
    name = _name(data)
    splits = data.get("splits", {}) if isinstance(data, dict) else {}
    wanted = [split] if split in splits else list(splits)
    samples = ", ".join(filter(None, (_samples(name, splits[name]) for name in wanted)))
    lines += _optional(": ".join(filter(None, [data_label(name), samples])))
    normalize, pixels = (data.get("normalize"), data.get("pixels")) if isinstance(data, dict) else (None, None)
    if normalize and normalize != name and pixels is not False:
        lines.append(f"pixels normalized as {normalize}" if normalize != "none" else "pixels not normalized")
    if known.get("loss"):
        lines.append(", ".join(filter(None, [_loss_words(str(known["loss"])), known.get("loss_as")])))
    if known.get("attack"):
        lines.append(f"after {attack_words(str(known['attack']))} on each sample, at every point")
    if known.get("l2"):
        lines.append(f"weight penalty {float(known['l2']):g}")
    return lines


def _loss_words(loss: str) -> str:
    """
    >>> _loss_words("binary_cross_entropy"), _loss_words("/home/me/my_file.py:my_loss")
    ('binary cross-entropy', 'my_file.py:my_loss')
    """
    return PurePath(loss).name if ":" in loss else loss.replace("cross_entropy", "cross-entropy").replace("_", " ")


def _samples(split: str, entry: Any) -> str:
    entry = entry if isinstance(entry, dict) else {}
    count, of = entry.get("samples"), entry.get("of")
    if count is None:
        return ""
    return f"{count:,} {split} samples" if of in (None, count) else f"{count:,} of {of:,} {split} samples"


def _evaluation(known: dict) -> list[str]:
    """What decides values beside weights and samples."""
    made = known.get("evaluation")
    if not isinstance(made, dict):
        return []
    mean, batches, mixes, random = (made.get(name) for name in ("mean", "batches", "mixes", "random"))
    lines = [f"mean over {mean}"] if mean and mean != "batches" else []
    if mixes and mean != "batches":
        lines.append(f"depends on the batches ({batches}): {mixes}")
    elif batches and (mean == "batches" or not random):
        lines.append(f"{'loss' if mean == 'batches' else 'metric'} of whole batches: {batches}")
    return lines + ([f"random numbers in {random}, the same at every point" + _drawn(made)] if random else [])


def _drawn(made: dict) -> str:
    """The batches that random numbers are drawn for, if nothing else has named them."""
    named = made.get("mixes") or made.get("mean") == "batches"
    return "" if named or not made.get("batches") else f" (batches of {made['batches']})"


def _directions(known: dict) -> list[str]:
    made = known.get("directions")
    if not isinstance(made, dict):
        return slice_facts(known.get("slice"), plane=False)
    kind = str(made.get("kind") or "")
    parts = [_kind(made, each) for each in kind.split("+") if each]
    if kind not in ("nets", "pca", "curve") or made.get("norm") not in (None, "none"):
        parts += _each(made.get("norm"), _NORMS, "normalized by {}")
    if kind != "nets" or made.get("norm") not in (None, "none"):
        parts += fixed_facts(made.get("ignore"), batch_norm=_may_have_batch_norm(known))
    if made.get("state") == "states" and known.get("batchnorm") != "interpolate":
        parts.append("batch-norm statistics moved too")
    if made.get("orthogonal"):
        parts.append("orthogonalized")
    lines = [", ".join(parts)] if parts else []
    lines += shares_facts(made)
    model = known.get("model")
    lines += moving_fact(made, model.get("parameters") if isinstance(model, dict) else None)
    if made.get("cosine") is not None and kind != "pca":
        lines.append(f"cosine of the axes {float(made['cosine']):.2g}")
    return lines + slice_facts(known.get("slice"))


def _kind(made: dict, kind: str) -> str:
    if kind == "random":
        return "random directions" + (f", seed {made['seed']}" if made.get("seed") is not None else "")
    if kind == "nets":
        return "axes through the named nets"
    if kind == "curve":
        return "plane through the ends and the bends of the curve"
    if kind == "pca":
        return "principal axes of the nets along training, seen from the centre"
    return f"directions of {PurePath(str(made['file'])).name}" if made.get("file") else f"{kind} directions"


def _each(entry: Any, words: dict, otherwise: str) -> list[str]:
    """`filter, none` (one per axis) -> the words for each, except for those that need none."""
    names = [name.strip() for name in str(entry or "").split(", ") if name.strip()]
    return [text for name in names if (text := words.get(name, otherwise.format(name)))]


def _batchnorm(known: dict) -> list[str]:
    """The policy, for nets that have statistics; what the file does not say may apply."""
    return _optional(_BATCHNORM.get(str(known.get("batchnorm")))) if _may_have_batch_norm(known) else []


def _may_have_batch_norm(known: dict) -> bool:
    model = known.get("model")
    return not (isinstance(model, dict) and model.get("batch_norms") == 0)


def _stored(known: dict) -> list[str]:
    """The dtype of the weights in the file; that of the run is beside it."""
    checkpoint = known.get("checkpoint")
    kind = checkpoint.get("stored") if isinstance(checkpoint, dict) else None
    return [f"weights stored in {kind}, moved in {_MOVED.get(str(known.get('precision')), 'float32')}"] if kind else []


def _precision(known: dict) -> list[str]:
    precision = str(known.get("precision") or "fp32").removesuffix("-true")
    return [_PRECISION.get(precision, precision)] if precision != "fp32" else []


def _hessian(surface: Surface, metrics: Sequence[str]) -> list[str]:
    """What the Hessian is of, and how precisely its eigenvalues are known."""
    known = surface.known.json()
    made = known.get("hessian")
    if not isinstance(made, dict):
        return []
    lines = [_of_what(made)] if made.get("parameters") else []
    if count := unsettled(surface):
        lines.append(f"less precise than that at {points_text(count)}")
    if made.get("index") and any(surface.quantity(metric).role == NEGATIVE for metric in metrics):
        lines.append(f"eigenvalues below −{float(made['index']):g} times the largest magnitude count as negative")
    if made.get("products") == "differences":
        lines.append("products with the Hessian by differences of gradients")
    precision = made.get("precision")
    if precision and precision != known.get("precision"):
        lines.append(f"curvature in {_PRECISION.get(str(precision), str(precision))}")
    return lines


def _of_what(made: dict) -> str:
    samples = _samples(str(made.get("split") or "given"), made)
    within = f", eigenvalues within {100 * float(made['tolerance']):g} %" if made.get("tolerance") else ""
    return (
        f"Hessian of {made['parameters']:,} parameters ({counted_words(made)})"
        + (f" on {samples}" if samples else "")
        + within
    )


def _center(surface: Surface, metric: str) -> list[str]:
    """The value at 0 of every axis; a path along training has no centre, and a point still to be computed no value."""
    if metric not in surface.values or surface.grid.axes[0].kind == "step":
        return []
    # The code of the hole at the centre, as if it were a value.
    if replace(surface, values={metric: holes_of(surface, metric)}).at_origin(metric) == NOT_COMPUTED:
        return []
    if (value := surface.at_origin(metric)) is None:
        return []
    made = surface.known.directions
    where = "of the first net" if made and str(made.kind).startswith("nets") else "at the centre"
    quantity = surface.quantity(metric)
    return [f"{quantity.label} {where} {value_text(value, percent=quantity.percent)}"]
