"""Good files of each kind that the program reads, and the commands that read them.

Owns: how each is made by the program itself, small enough to be mutated thousands of times.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any


def seed_files(folder: Path) -> dict[str, Path]:
    """One good file of each kind, by its name."""
    import numpy as np
    import torch

    import landscape as ll
    from landscape.checkpoint.save import save_checkpoint

    (folder / "net.py").write_text(
        "import torch\n\ndef build():\n    torch.manual_seed(0)\n    return torch.nn.Sequential("
        "torch.nn.Flatten(), torch.nn.Linear(64, 6), torch.nn.ReLU(), torch.nn.Linear(6, 10))\n"
    )
    sys.path.insert(0, str(folder))
    net = __import__("net").build()
    meta = {"model": "net.py:build", "data": "digits", "normalize": "digits", "metrics": {"test_loss": 0.5}, "step": 3}
    found = {name: folder / name for name in ("net.pt", "old.pt", "net.safetensors", "s.h5", "l.h5", "data.npz")}
    save_checkpoint(found["net.pt"], net.state_dict(), meta)
    torch.save({"state_dict": net.state_dict(), "epoch": 3}, found["old.pt"], _use_new_zipfile_serialization=False)
    from safetensors.torch import save_file

    save_file(net.state_dict(), found["net.safetensors"], {"landscape": json.dumps(meta)})
    model = f"{folder / 'net.py'}:build"
    few: dict[str, Any] = {"model": model, "data": "digits", "samples": 32, "quiet": True, "threads": 1}
    ll.surface(found["net.pt"], x=(-1, 1, 5), y=(-1, 1, 5), out=found["s.h5"], save_directions=True, **few)
    ll.hessian(found["s.h5"], every=4, samples=16, quiet=True, threads=1)
    ll.line(found["net.pt"], x=(-1, 1, 5), out=found["l.h5"], **few)
    found["d.h5"] = folder / "s.directions.h5"
    found["spectrum.h5"] = folder / "spectrum.h5"
    ll.spectrum(found["net.pt"], per="layer", out=found["spectrum.h5"], top=2, bottom=2, probes=2, steps=8, **few)
    np.savez(found["data.npz"], images=np.random.default_rng(0).normal(size=(20, 1, 8, 8)), labels=np.arange(20) % 10)
    ll.train(model=model, data="digits", samples=64, epochs=1, out=folder / "run", quiet=True, threads=1)
    found["run"] = folder / "run"
    ll.export(found["l.h5"], folder / "li.h5", format="li2018")
    found["li.h5"] = folder / "li.h5"
    return found


NET = "--model net.py:build --samples 16 --quiet --threads 1 --dry-run -x=-1:1:3"
SEE = ("info FILE", "info --json FILE", "plot FILE -o OUT.html", "export FILE OUT.csv")
COMMANDS: dict[str, tuple[str, ...]] = {
    "net.pt": ("info FILE", f"line FILE --data digits {NET}", f"line net.pt --to FILE --data digits {NET}"),
    "old.pt": ("info FILE", f"line FILE --data digits {NET}"),
    "net.safetensors": ("info --json FILE", f"line FILE {NET}"),
    "s.h5": (*SEE, "plot FILE --kind ratio -o OUT.svg", "hessian FILE --dry-run --quiet --model net.py:build --threads 1"),
    "l.h5": (*SEE, "compare FILE l.h5 -o OUT.html"),
    "li.h5": SEE,
    "spectrum.h5": ("info FILE", "plot FILE -o OUT.html", "plot FILE --kind layers -o OUT.svg"),
    "d.h5": ("info FILE", f"surface net.pt --directions FILE --data digits {NET} -y=-1:1:3"),
    "data.npz": (f"line net.pt --data npz:FILE {NET}",),
    "run": ("info FILE", "plot FILE -o OUT.html", "hessian FILE --dry-run --quiet --threads 1",
            "train --model net.py:build --data digits --samples 64 --epochs 1 --quiet --threads 1 -o FILE"),
}  # fmt: skip
