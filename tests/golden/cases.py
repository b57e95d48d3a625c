"""The golden cases: tiny surfaces, spectra and runs, computed through the Python interface alone.

Run as a script, it writes the values that this version of the code computes into a folder; `test_golden.py` compares
them with those that were kept from an earlier version.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

import landscape as ll

HERE = Path(__file__).parent
NET = {"model": f"{HERE / 'net.py'}:build", "data": "digits", "threads": 1, "quiet": True}
A, B = HERE / "a.pt", HERE / "b.pt"
PLANE = {"x": (-1, 1, 5), "y": (-0.5, 1.0, 4)}


def arrays_of(surface: ll.Surface) -> dict[str, np.ndarray]:
    found = {f"values/{name}": array for name, array in surface.values.items()}
    found |= {f"stderr/{name}": array for name, array in surface.stderr.items()}
    return found | {f"status/{name}": array for name, array in surface.status.items()}


def plane(folder: Path) -> dict[str, np.ndarray]:
    return arrays_of(ll.surface(A, **PLANE, **NET, samples=60, split=("train", "test"), out=folder / "plane.h5"))


def plain64(folder: Path) -> dict[str, np.ndarray]:
    more = {"precision": "fp64", "samples": 50, "norm": "layer", "ignore": "none", "seed": 3, "l2": 1e-3}
    return arrays_of(ll.surface(A, **PLANE, **NET, **more, orthogonal=True, out=folder / "plain64.h5"))


def between(folder: Path) -> dict[str, np.ndarray]:
    return arrays_of(ll.line(A, to=B, x=(-0.1, 1.1, 7), **NET, precision="fp64", samples=64, out=folder / "between.h5"))


def recomputed(folder: Path) -> dict[str, np.ndarray]:
    more = {"precision": "fp64", "samples": 64, "batchnorm": "recompute"}
    return arrays_of(ll.line(A, x=(-1, 1, 5), **NET, **more, out=folder / "recomputed.h5"))


def tolerated(folder: Path) -> dict[str, np.ndarray]:
    more = {"precision": "fp64", "tolerance": 0.1, "x": (-1, 1, 13), "y": (-1, 1, 13)}
    return arrays_of(ll.surface(A, **NET, **more, out=folder / "tolerated.h5"))


def along(folder: Path) -> dict[str, np.ndarray]:
    more = {"precision": "fp64", "samples": 40, "x": (-1, 1, 3), "y": (-1, 1, 3)}
    return arrays_of(ll.surface(A, **NET, **more, along="gradient", out=folder / "along.h5"))


def curvature(folder: Path) -> dict[str, np.ndarray]:
    source = folder / "for_hessian.h5"
    ll.surface(A, x=(-1, 1, 3), y=(-1, 1, 3), **NET, precision="fp64", samples=40, out=source)
    return arrays_of(ll.hessian(source, samples=32, index=1e-3, search="exact", threads=1, quiet=True))


def spectrum(folder: Path) -> dict[str, np.ndarray]:
    found = ll.spectrum(
        A, **NET, precision="fp64", samples=40, per="layer", top=3, bottom=2, probes=2, steps=20, trace_products=9,
        sharpness=True, out=folder / "spectrum.h5",
    )  # fmt: skip
    arrays: dict[str, np.ndarray] = {}
    for name, block in found.blocks.items():
        arrays |= {f"{name}/{key}": getattr(block, key) for key in ("values", "errors", "nodes", "weights")}
        arrays[f"{name}/numbers"] = np.array([block.trace, block.trace_stderr, block.products, block.sharpness])
    return arrays


def run(folder: Path) -> dict[str, np.ndarray]:
    """A training run of two epochs, and the curvature along it."""
    made = ll.train(
        NET["model"], data="digits", samples=120, epochs=2, batch_size=20, optimizer="sgd", lr=0.05, label_noise=0.1,
        precision="fp64", threads=1, out=folder / "run", quiet=True,
    )  # fmt: skip
    # of a run on all samples: of one on some of them earlier versions took others
    config = folder / "run" / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"samples": None}))
    arrays = {f"final/{key}": value.numpy() for key, value in ll.load_checkpoint(made.folder).state_dict.items()}
    path = ll.hessian(folder / "run", samples=32, precision="fp64", search="exact", threads=1, quiet=True)
    return arrays | arrays_of(path)


CASES: dict[str, Callable[[Path], dict[str, np.ndarray]]] = {
    case.__name__: case for case in (plane, plain64, between, recomputed, tolerated, along, curvature, spectrum, run)
}


def arithmetic() -> str:
    """A mark of what this machine's arithmetic gives: where it is the same, values have to be, bit for bit."""
    generator = torch.Generator().manual_seed(0)
    found = [torch.__version__, np.__version__]
    for dtype in (torch.float32, torch.float64):
        images = torch.randn(16, 3, 9, 9, generator=generator).to(dtype)
        kernels = torch.randn(5, 3, 3, 3, generator=generator).to(dtype)
        vector = torch.randn(4097, generator=generator).to(dtype)
        outputs = torch.nn.functional.conv2d(images, kernels, padding=1).flatten(1)
        sums = [outputs.sum(), (outputs @ outputs.T).sum(), torch.logsumexp(vector, 0), vector @ vector.exp()]
        found += [value.item().hex() for value in sums]
    return " ".join(found)


def main(folder: Path) -> None:
    torch.set_num_threads(1)
    scratch = folder / "scratch"
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    for name, case in CASES.items():
        np.savez_compressed(folder / f"{name}.npz", **case(scratch))
        print(name, flush=True)
    (folder / "arithmetic.txt").write_text(arithmetic() + "\n")


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main(Path(sys.argv[1]))
