"""Every option of the command line: flags, type and help, each written once.

Owns: the table. Which command takes which option is said in commands.py. The destination of an option is the keyword of
the recipe, so that the command line and Python cannot drift apart.
"""

from __future__ import annotations

import argparse
from typing import Any

from landscape.scene.kinds import KIND_FILES

Spec = tuple[tuple[str, ...], dict[str, Any]]


def _flag(*names: str, help: str, **more: Any) -> Spec:
    return names, {"action": "store_true", "help": help, **more}


def _value(*names: str, help: str, **more: Any) -> Spec:
    return names, {"help": help, **more}


def _list(text: str) -> list[str]:
    return text.split(",")


def _levels(text: str) -> int | list[float]:
    values = [float(part) for part in text.split(",")]
    return int(values[0]) if len(values) == 1 and values[0] == int(values[0]) else values


def _numbers(text: str) -> list[float]:
    return [float(part) for part in text.split(",")]


_numbers.__name__ = "list of numbers"
_levels.__name__ = "number or list of numbers"

OPTIONS: dict[str, Spec] = {
    "x": _value("-x", "--x", metavar="FROM:TO:N", help="range of x, such as -1:1:51"),
    "y": _value("-y", "--y", metavar="FROM:TO:N", help="range of y"),
    "model": _value("--model", metavar="SPEC", help="net: zoo name, torchvision:NAME, timm:NAME, module:callable, "
                    "file.py:callable (default: from the checkpoint)"),
    "data": _value("--data", metavar="SPEC", help="data: digits, cifar10, ..., folder:PATH, npz:PATH, module:callable, "
                   "file.py:callable (default: from the checkpoint)"),
    "data_root": _value("--data-root", metavar="DIR", help="folder of torchvision data sets (default: data)"),
    "download": _flag("--download", help="download a torchvision data set that is not there"),
    "split": _value("--split", action="append", choices=("train", "test"), help="repeatable (default: train)"),
    "samples": _value("--samples", type=int, metavar="N", help="take N samples of each split, always the same"),
    "normalize": _value("--normalize", metavar="SPEC", help="cifar10, imagenet, li2018, none, ... or mean,../std,.."),
    "loss": _value("--loss", metavar="SPEC", help="cross_entropy (default), mse, module:callable, file.py:callable"),
    "metrics": _value("--metrics", type=_list, metavar="LIST", help="loss,accuracy,file.py:callable"),
    "l2": _value("--l2", type=float, metavar="W", help="also the loss with W/2 |weights|^2 added, as loss_l2"),
    "to": _value("--to", metavar="CKPT", help="x runs from the first net (0) to this one (1)"),
    "to_y": _value("--to-y", metavar="CKPT", help="y runs from the first net (0) to this one (1)"),
    "directions": _value("--directions", metavar="FILE", help="directions from a file, ours or the original program's"),
    "norm": _value("--norm", choices=("filter", "layer", "weight", "dfilter", "dlayer", "none"),
                   help="normalization of directions (default: filter; none with --to)"),
    "ignore": _value("--ignore", metavar="biasbn|none|REGEX", help="parameters that stay (default: biasbn; none with --to)"),
    "seed": _value("--seed", type=int, metavar="N", help="of the random directions (default: 0)"),
    "orthogonal": _flag("--orthogonal", help="make y orthogonal to x, filter by filter"),
    "lean": _flag("--lean", help="draw random directions anew at each point in place of keeping them: less memory, slower"),
    "state": _value("--state", choices=("weights", "states"), help="states: BN statistics move along (default: weights)"),
    "batchnorm": _value("--batchnorm", choices=("keep", "interpolate", "recompute"),
                        help="BN statistics away from the centre (default: keep; interpolate with --to)"),
    "device": _value("--device", metavar="auto|cpu|cuda", help="default: the GPU of the local rank, if any"),
    "precision": _value("--precision", choices=("fp32", "tf32", "bf16", "fp64"), help="default: fp32"),
    "batch_size": _value("--batch-size", type=int, metavar="N", help="samples in one pass"),
    "threads": _value("--threads", type=int, metavar="N", help="CPU threads of each rank (default: cores / ranks)"),
    "shard_data": _flag("--shard-data", help="share the data of every point among the ranks, for few points"),
    "plain": _flag("--plain", help="call the net as it is, without folding batch norm into convolutions"),
    "tolerance": _value("--tolerance", type=float, metavar="T", help="accepted relative error of the loss, such as 0.05: "
                        "leaves out points and samples (default: 0, everything is evaluated)"),
    "refine": _value("--refine", action=argparse.BooleanOptionalAction, help="under a tolerance, leave out points only, "
                     "or with --no-refine samples only (default: both)"),
    "dry_run": _flag("--dry-run", help="print points, memory and expected time, and stop"),
    "out": _value("-o", "--out", metavar="FILE", help="output file"),
    "outs": _value("-o", "--out", dest="out", nargs="+", metavar="FILE",
                   help="output files: .png .pdf .svg .html; a bare suffix keeps the first name"),
    "folder": _value("-o", "--out", dest="out", metavar="DIR", help="folder of what is written (default: figures/demo)"),
    "overwrite": _flag("--overwrite", help="start anew where the output exists"),
    "save_directions": _flag("--save-directions", help="keep the directions in FILE.directions.h5"),
    "draw": _flag("--plot", dest="draw", help="draw the result too, beside the output"),
    "quiet": _flag("--quiet", help="no progress bar"),
    "kind": _value("--kind", metavar="KIND", help=f"{', '.join(KIND_FILES)}; several with commas for plot"),
    "metric": _value("--metric", metavar="NAME", help="such as test_loss (default: the first loss); two, with a comma, for "
                     "overlays"),
    "scale": _value("--scale", choices=("auto", "linear", "log", "symlog"), help="of the values (default: auto)"),
    "levels": _value("--levels", type=_levels, metavar="N|LIST", help="number of contour lines, or their values"),
    "vmin": _value("--vmin", type=float, help="lowest value drawn"),
    "vmax": _value("--vmax", type=float, help="highest value drawn"),
    "title": _value("--title", help="title of the figure"),
    "names": _value("--names", type=_list, metavar="LIST", help="titles of the panels, with commas"),
    "dpi": _value("--dpi", type=int, help="pixels per inch of .png (default: 200)"),
    "format": _value("--format", metavar="NAME", help="csv, npz, nc or li2018 (default: by suffix)"),
    "json": _flag("--json", help="print JSON"),
    "train_model": _value("--model", metavar="SPEC", help="net: zoo name, torchvision:NAME, timm:NAME, module:callable, "
                          "file.py:callable"),
    "train_data": _value("--data", metavar="SPEC", help="data: digits, cifar10, ..., folder:PATH, npz:PATH, "
                         "module:callable, file.py:callable"),
    "train_samples": _value("--samples", type=int, metavar="N", help="train on N samples, always the same"),
    "train_seed": _value("--seed", type=int, metavar="N", help="of order, augmentation, wrong labels, dropout (default: 0)"),
    "init_seed": _value("--init-seed", type=int, metavar="N", help="of the first weights (default: --seed)"),
    "epochs": _value("--epochs", type=float, metavar="N", help="passes over the data (default: 30)"),
    "train_batch": _value("--batch-size", type=int, metavar="N", help="samples in one step (default: 128)"),
    "optimizer": _value("--optimizer", metavar="NAME", help="nesterov (default), sgd, adam, adamw, ...: those of torch.optim"),
    "lr": _value("--lr", type=float, help="highest learning rate (default: 0.1 for SGD, torch's for others)"),
    "momentum": _value("--momentum", type=float, help="of SGD (default: 0.9)"),
    "weight_decay": _value("--weight-decay", type=float, metavar="W", help="default: 5e-4"),
    "optimizer_option": _value("--optimizer-option", action="append", metavar="NAME=VALUE",
                               help="repeatable, such as betas=(0.9,0.95)"),
    "schedule": _value("--schedule", choices=("constant", "step", "cosine", "onecycle"),
                       help="of the learning rate (default: onecycle)"),
    "warmup": _value("--warmup", type=float, metavar="EPOCHS", help="of linear rise; for onecycle, its rising part"),
    "milestones": _value("--milestones", type=_numbers, metavar="LIST",
                         help="shares of the run at which `step` lowers the rate (default: 0.5,0.75)"),
    "gamma": _value("--gamma", type=float, help="factor of `step` (default: 0.1)"),
    "clip": _value("--clip", type=float, metavar="NORM", help="largest norm of the gradient (default: no limit)"),
    "label_noise": _value("--label-noise", type=float, metavar="SHARE", help="of the labels made random (default: 0)"),
    "augment": _value("--augment", metavar="LIST", help="crop,flip (default: none)"),
    "progressive": _value("--progressive", metavar="SIDE:EPOCHS",
                          help="begin with smaller images, such as 16:10 or 16:10,24:5"),
    "save_every": _value("--save-every", metavar="epoch|N|end", help="a checkpoint each epoch (default) or N steps"),
    "log_every": _value("--log-every", metavar="epoch|N|end", help="a row of the log each epoch (default) or N steps"),
    "run_folder": _value("-o", "--out", metavar="DIR", dest="out", help="run folder (default: runs/MODEL_DATA)"),
    "checkpoints": _value("--checkpoints", metavar="DIR", help="folder of the nets that ship"),
    "points": _value("--points", type=int, metavar="N", help="points of each axis"),
    "train": _flag("--train", help="time training in place of evaluating"),
    "rounds": _value("--rounds", type=int, metavar="N", help="alternating rounds"),
    "along": _value("--along", choices=("random", "hessian", "gradient"), help="directions: eigenvectors of the largest and "
                    "smallest Hessian eigenvalue, or the gradient and what the Hessian makes of it (default: random)"),
    "every": _value("--every", type=int, metavar="N", help="every Nth point of each axis, the centre among them (default: 1)"),
    "eigen_tolerance": _value("--tolerance", type=float, metavar="T",
                              help="accepted relative error of an eigenvalue (default: 0.01)"),
    "eigen_ignore": _value("--ignore", metavar="biasbn|none|REGEX",
                           help="parameters that do not count (default: biasbn, those with one dimension)"),
    "map_index": _value("--index", type=float, metavar="T", help="also the saddle index: the share of eigenvalues below -T "
                        "times the largest magnitude, such as 0.001"),
    "index": _value("--index", type=float, metavar="T", help="the saddle index counts eigenvalues below -T times the largest "
                    "magnitude (default: 0.001)"),
    "one_split": _value("--split", choices=("train", "test"), help="whose loss (default: train)"),
    "file_samples": _value("--samples", type=int, metavar="N", help="N of the file's samples (default: all of them)"),
    "products": _value("--products", choices=("program", "graph", "differences"),
                       help="how products with the Hessian are computed (default: the first that the net allows)"),
    "search": _value("--search", choices=("auto", "bf16", "exact"),
                     help="find the ends by products in bfloat16, where these are faster here (auto) or always, or never; "
                     "what is found is told by exact ones (default: auto)"),
    "moved_checkpoint": _value("--checkpoint", metavar="CKPT", help="the file's checkpoint, where it has moved"),
    "moved_model": _value("--model", metavar="SPEC", help="the file's net, where its spec has moved"),
    "moved_data": _value("--data", metavar="SPEC", help="the file's data, where they have moved"),
    "moved_loss": _value("--loss", metavar="SPEC", help="the file's loss, where it has moved"),
    "moved_to": _value("--to", metavar="CKPT", help="the file's second net, where it has moved"),
    "moved_to_y": _value("--to-y", metavar="CKPT", help="the file's third net, where it has moved"),
    "moved_directions": _value("--directions", metavar="FILE", help="the file's directions, where they have moved"),
    "eigen_precision": _value("--precision", choices=("fp32", "tf32", "fp64"), help="default: fp32, or the file's fp64"),
    "matrix": _value("--matrix", choices=("hessian", "ggn"), help="the Hessian, or its Gauss-Newton part (default: hessian)"),
    "per": _value("--per", choices=("net", "layer"), help="layer: also the block of each layer (default: net)"),
    "top": _value("--top", type=int, metavar="N", help="largest eigenvalues (default: 5)"),
    "bottom": _value("--bottom", type=int, metavar="N", help="smallest eigenvalues (default: 5)"),
    "trace_products": _value("--trace-products", type=int, metavar="N", help="products spent on the trace; 0: no trace "
                             "(default: 30)"),
    "probes": _value("--probes", type=int, metavar="N", help="random vectors for the density; 0: no density (default: 4)"),
    "steps": _value("--steps", type=int, metavar="N", help="Lanczos steps of each probe (default: 60)"),
    "sharpness": _flag("--sharpness", help="also the critical sharpness along the gradient, from forward passes"),
    "save_ends": _flag("--save-directions", help="keep the eigenvectors of both ends in FILE.directions.h5"),
    "hessian": _flag("--hessian", help="time the ends of the Hessian's spectrum in place of evaluating"),
}  # fmt: skip

COMPUTE = [
    *("model", "data", "data_root", "download", "split", "samples", "normalize", "loss", "metrics", "l2"),
    *("to", "directions", "along", "norm", "ignore", "seed", "state", "batchnorm"),
    *("device", "precision", "batch_size", "threads"),
    *("plain", "shard_data", "lean", "tolerance", "refine"),
    *("dry_run", "out", "overwrite", "save_directions", "draw", "quiet"),
]
TRAIN = [
    *("train_model", "train_data", "data_root", "download", "train_samples", "normalize", "loss"),
    *("epochs", "train_batch", "optimizer", "lr", "momentum", "weight_decay", "optimizer_option"),
    *("schedule", "warmup", "milestones", "gamma", "clip", "label_noise", "augment", "progressive"),
    *("train_seed", "init_seed", "device", "precision", "threads"),
    *("save_every", "log_every", "run_folder", "overwrite", "quiet"),
]
HESSIAN = [
    *("every", "eigen_tolerance", "eigen_ignore", "map_index", "one_split", "file_samples", "products", "search"),
    *(
        "moved_checkpoint",
        "moved_model",
        "moved_data",
        "data_root",
        "moved_loss",
        "moved_to",
        "moved_to_y",
        "moved_directions",
    ),
    *("device", "eigen_precision", "batch_size", "threads"),
    *("dry_run", "overwrite", "draw", "quiet"),
]
SPECTRUM = [
    *("model", "data", "data_root", "download", "one_split", "samples", "normalize", "loss"),
    *(
        "matrix",
        "eigen_ignore",
        "per",
        "top",
        "bottom",
        "eigen_tolerance",
        "trace_products",
        "probes",
        "steps",
        "index",
    ),
    *("sharpness", "products", "save_ends", "batchnorm", "device", "eigen_precision", "batch_size", "threads"),
    *("out", "overwrite", "draw", "quiet"),
]
DRAW = ["metric", "scale", "levels", "vmin", "vmax", "title", "dpi"]


def add_options(parser: argparse.ArgumentParser, names: list[str]) -> None:
    """Adds options; one that is not given leaves the recipe's own default in force."""
    for name in names:
        flags, keywords = OPTIONS[name]
        parser.add_argument(*flags, default=argparse.SUPPRESS, **keywords)
