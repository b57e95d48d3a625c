#!/usr/bin/env python
"""The table of the nets that ship: reads checkpoints/*.pt and writes what they say of themselves into README.md there.

Only what stands below the mark is written; the words above it are written by hand.
"""

from __future__ import annotations

from pathlib import Path

from landscape.checkpoint.checkpoint import Checkpoint, load_checkpoint

FOLDER = Path(__file__).resolve().parents[1] / "checkpoints"
MARK = "<!-- computed by scripts/checkpoint_table.py; below this line nothing is written by hand -->"
HEAD = "| file | epochs | batch | optimizer | seed | train loss | train accuracy | test loss | test error | size |"


def row(path: Path, checkpoint: Checkpoint) -> str:
    meta = checkpoint.meta
    metrics, settings = meta["metrics"], meta["training"]
    small = "".join(f", of which {epochs:g} at {side} x {side}" for side, epochs in settings["progressive"])
    optimizer = f"{settings['optimizer']}, lr {settings['lr']:g}, decay {settings['weight_decay']:g}"
    cells = (
        f"`{path.name}`",
        f"{meta['epochs']:g}{small}" + (", begun with another net" if settings.get("init") else ""),
        f"{settings['batch_size']}",
        optimizer + (f", clip {settings['clip']:g}" if settings["clip"] else ""),
        f"{meta['seed']}",
        f"{metrics['train_loss']:.3g}",
        f"{100 * metrics['train_accuracy']:.1f} %",
        f"{metrics['test_loss']:.3g}",
        f"{100 * (1 - metrics['test_accuracy']):.1f} %",
        f"{path.stat().st_size / 1e6:.1f} MB",
    )
    return "| " + " | ".join(cells) + " |"


def main() -> None:
    nets = {path: load_checkpoint(path) for path in sorted(FOLDER.glob("*.pt"))}
    lines = [HEAD, "|" + "---|" * (HEAD.count("|") - 1), *(row(path, net) for path, net in nets.items())]
    total = sum(path.stat().st_size for path in nets) / 1e6
    lines += ["", f"Together {total:.1f} MB. How each was made:", ""]
    lines += [
        "| file | command |",
        "|---|---|",
        *(f"| `{path.name}` | `{net.meta['command']}` |" for path, net in nets.items()),
    ]
    readme = FOLDER / "README.md"
    words = readme.read_text().split(MARK)[0].rstrip()
    readme.write_text(f"{words}\n\n{MARK}\n\n" + "\n".join(lines) + "\n")
    print(f"{readme}: {len(nets)} nets")


if __name__ == "__main__":
    main()
