#!/usr/bin/env python
"""How much memory `landscape surface` takes, in multiples of the bytes of the net's parameters.

Saves a net of about 100 million parameters, computes a small surface of it with the real command in a process of its own,
and reads that process's peak resident memory, pages of mapped files included. The same command with a tiny net is the
baseline: Python, the libraries, the data. With
`--stored bfloat16` the GPT-2 is stored so. Usage: scripts/measure_memory.py [--millions 100] [--nets mlp conv gpt] [--threads 1]
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

NETS = """
from torch import nn

def mlp(millions):
    width = max(4, int((millions * 1e6) ** 0.5))
    return nn.Sequential(nn.Flatten(), nn.Linear(64, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 10))

def conv(millions):
    width = max(4, int((millions * 1e6 / 90) ** 0.5))
    layers = [nn.Conv2d(1, width, 3, stride=2, padding=1), nn.BatchNorm2d(width), nn.ReLU()]
    for _ in range(10):
        layers += [nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, 10))

"""
# What the command `landscape` does, and then the peak: of this process alone, in kB.
RUN = """
import sys
from landscape.cli.main import main
status = main(sys.argv[1:])
try:
    peak = next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM"))
except OSError:
    import resource
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // (1024 if sys.platform == "darwin" else 1)
print("PEAK", peak)
sys.exit(status)
"""
GRID = ["-x", "-1:1:2", "-y", "-1:1:2", "--quiet", "--overwrite", "-o", "out.h5"]  # nowhere at 0


# Token ids for a net of transformers, which reads (inputs, targets) by itself.
TOKENS = """
import torch

def data():
    tokens = torch.randint(0, 64, (4, 16), generator=torch.Generator().manual_seed(0))
    return [{"input_ids": tokens, "labels": tokens}]
"""


def make(folder: Path, kind: str, millions: float, stored: str = "float32") -> int:
    """Saves two nets and their data in the folder, as NETS and `command` have them; returns the number of parameters."""
    return _make_gpt(folder, millions, stored) if kind == "gpt" else _make_plain(folder, kind, millions)


def _make_gpt(folder: Path, millions: float, stored: str) -> int:
    """A GPT-2 with random weights whose width gives it about that number of parameters, as folders of transformers."""
    import torch
    from transformers import GPT2Config, GPT2LMHeadModel

    width = max(8, int((millions * 1e6 / (12 * 12)) ** 0.5) // 8 * 8)
    for number, name in enumerate(("built", "other")):
        torch.manual_seed(number)
        config = GPT2Config(
            vocab_size=64, n_positions=16, n_embd=width, n_layer=12, n_head=4, bos_token_id=0, eos_token_id=0
        )
        net = GPT2LMHeadModel(config).to(getattr(torch, stored))
        net.save_pretrained(folder / name)
    (folder / "tokens.py").write_text(TOKENS)
    return sum(parameter.numel() for parameter in net.parameters())


def _make_plain(folder: Path, kind: str, millions: float) -> int:
    import numpy as np
    import torch
    from safetensors.torch import save_file

    source = NETS + f"def built():\n    return {kind}({millions})\n"
    defined: dict = {}
    (folder / "net.py").write_text(source)
    exec(source, defined)
    net = defined["built"]()
    torch.save(net.state_dict(), folder / "built.pt")
    save_file(defined["built"]().state_dict(), folder / "other.safetensors")
    images = np.random.default_rng(0).normal(size=(64, 1, 8, 8)).astype("float32")
    np.savez(folder / "data.npz", images=images, labels=np.arange(64) % 10)
    return sum(parameter.numel() for parameter in net.parameters())


def peak(folder: Path, *options: str, threads: int = 1) -> tuple[int, float]:
    """(bytes, seconds) of the command on what `make` left in the folder."""
    started = time.perf_counter()
    plain = ["built.pt", "--model", "net.py:built", "--data", "npz:data.npz", "--normalize", "none"]
    net = ["built", "--data", "tokens.py:data"] if (folder / "built").is_dir() else plain
    said = _python(folder, RUN, "surface", *net, "--threads", str(threads), *GRID, *options)
    return 1024 * int(said.rsplit("PEAK", 1)[1]), time.perf_counter() - started


def _python(folder: Path, program: str, *words: str) -> str:
    paths = [str(folder), str(Path(__file__).resolve().parents[1]), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
    done = subprocess.run(
        [sys.executable, "-c", program, *words], cwd=folder, env=environment, capture_output=True, text=True
    )
    if done.returncode:
        raise SystemExit(done.stderr)
    return done.stdout


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--millions", type=float, default=100, help="parameters of the net")
    parser.add_argument("--nets", nargs="+", choices=("mlp", "conv", "gpt"), default=["mlp", "conv"])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument(
        "--stored", choices=("float32", "bfloat16"), default="float32", help="dtype of the GPT-2's files"
    )
    given = parser.parse_args()
    print(
        f"{'net':5} {'parameters':>12} {'options':10} {'peak MB':>8} {'baseline':>9} {'times bytes':>12} {'seconds':>8}"
    )
    for kind in given.nets:
        with tempfile.TemporaryDirectory() as small, tempfile.TemporaryDirectory() as large:
            make(Path(small), kind, 1e-4, given.stored)
            parameters = make(Path(large), kind, given.millions, given.stored)
            other = "other" if kind == "gpt" else "other.safetensors"
            toward = [] if kind == "conv" else [["--lean", "--to", other]]  # moving BN statistics are not streamed
            narrow = kind == "gpt" and given.stored == "bfloat16"
            true = [[*each, "--precision", "bf16-true"] for each in (["--lean"], *toward)] if narrow else []
            for options in ([], ["--lean"], *toward, *true):
                base, _ = peak(Path(small), *options, threads=given.threads)
                found, seconds = peak(Path(large), *options, threads=given.threads)
                times = (found - base) / ((2 if narrow else 4) * parameters)
                word = " ".join(options) or "default"
                print(
                    f"{kind:5} {parameters:12,} {word:10} {found / 1e6:8.0f} {base / 1e6:9.0f} {times:12.2f} {seconds:8.1f}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
