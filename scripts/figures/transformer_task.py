"""A small GPT-2 on text that ships with Python: its own documentation, then, by LoRA, its licence.

Owns: the task of scripts/figures/transformer: data, nets, and their training. Bytes are tokens. Run as a script it trains what
is missing in the folder of TRANSFORMER_RUNS (default: runs/transformer).
"""

from __future__ import annotations

import os
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from pydoc_data.topics import topics

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from torch import Tensor, nn
from transformers import GPT2Config, GPT2LMHeadModel

RUNS = Path(os.environ.get("TRANSFORMER_RUNS", "runs/transformer"))
LENGTH, BATCH, STEPS, TUNED = 64, 32, 3000, 400
HELD_OUT = 10  # every tenth piece of text is for the test


def pieces(text: str) -> tuple[Tensor, Tensor]:
    """Pieces of a text (n, LENGTH) as tokens: for training, and for the test."""
    tokens = torch.tensor(list(text.encode())).unfold(0, LENGTH, LENGTH)
    test = torch.arange(len(tokens)) % HELD_OUT == 0
    return tokens[~test], tokens[test]


def documentation() -> tuple[Tensor, Tensor]:
    return pieces("\n".join(topics[name] for name in sorted(topics)))


def licence() -> tuple[Tensor, Tensor]:
    return pieces((Path(sysconfig.get_paths()["stdlib"]) / "LICENSE.txt").read_text())


def of_split(parts: tuple[Tensor, Tensor], split: str) -> list[dict[str, Tensor]]:
    """512 pieces, spread evenly, in batches."""
    part = parts[split == "test"]
    chosen = part[torch.linspace(0, len(part) - 1, min(512, len(part))).long()]
    return [{"input_ids": batch} for batch in chosen.split(BATCH)]


def data(split: str) -> list[dict[str, Tensor]]:
    """The documentation, for `--data`."""
    return of_split(documentation(), split)


def licence_data(split: str) -> list[dict[str, Tensor]]:
    """The licence, for `--data`."""
    return of_split(licence(), split)


def build() -> nn.Module:
    """An untrained net of 0.18 million parameters, for `--model`."""
    size = {"vocab_size": 256, "n_positions": LENGTH, "n_embd": 64, "n_layer": 3, "n_head": 4}
    return GPT2LMHeadModel(GPT2Config(**size, bos_token_id=0, eos_token_id=0, use_cache=False))


def adapted(base: nn.Module | None = None) -> PeftModel:
    """The same with adapters of rank 2 beside every attention layer, for `--model`."""
    wanted = LoraConfig(r=2, lora_alpha=8, target_modules=["c_attn"], fan_in_fan_out=True, task_type="CAUSAL_LM")
    return get_peft_model(build() if base is None else base, wanted)


def merged() -> nn.Module:
    """The net into which adapters are merged, for `--model`."""
    return build()


def shuffled(tokens: Tensor, steps: int) -> Iterator[Tensor]:
    generator = torch.Generator().manual_seed(0)
    for _ in range(steps):
        yield tokens[torch.randint(len(tokens), (BATCH,), generator=generator)]


def train(net: nn.Module, tokens: Tensor, steps: int, lr: float) -> nn.Module:
    optimizer = torch.optim.AdamW([p for p in net.parameters() if p.requires_grad], lr=lr, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, lr, total_steps=steps)
    net.train()
    for step, batch in enumerate(shuffled(tokens, steps)):
        loss = net(input_ids=batch, labels=batch).loss
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        if step % 200 == 0:
            print(f"step {step}: loss {loss.item():.3f}", flush=True)
    return net.eval()


def main() -> None:
    RUNS.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(0)
    base = build()
    if not (RUNS / "base.pt").exists():
        torch.save(train(base, documentation()[0], STEPS, 3e-3).state_dict(), RUNS / "base.pt")
    base.load_state_dict(torch.load(RUNS / "base.pt"))
    if not (RUNS / "merged.pt").exists():
        tuned = train(adapted(base), licence()[0], TUNED, 5e-3)
        torch.save(tuned.state_dict(), RUNS / "adapted.pt")
        torch.save(tuned.merge_and_unload().state_dict(), RUNS / "merged.pt")


if __name__ == "__main__":
    main()
