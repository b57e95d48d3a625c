#!/usr/bin/env python
"""What a point of a surface of a large language model costs: operations and bytes, layer by layer, counted exactly.

Builds causal models of `transformers` of the shapes of Llama 3.2 1B and Llama 2 7B on the meta device, which holds no values, and
counts what torch executes in one forward pass (`torch.utils.flop_counter`). docs/big-models.md turns the counts into time.
Usage: scripts/measure_big.py [--tokens 2048]
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

# Shapes as in the config.json of the two models.
SHAPES = {
    "1B": {
        "hidden_size": 2048, "intermediate_size": 8192, "num_hidden_layers": 16, "num_attention_heads": 32,
        "num_key_value_heads": 8, "vocab_size": 128256, "tie_word_embeddings": True,
    },
    "7B": {
        "hidden_size": 4096, "intermediate_size": 11008, "num_hidden_layers": 32, "num_attention_heads": 32,
        "num_key_value_heads": 32, "vocab_size": 32000, "tie_word_embeddings": False,
    },
}  # fmt: skip
RANK, ADAPTED = 16, ("q_proj", "v_proj")


def counted(shape: dict, tokens: int) -> dict[str, float]:
    """Parameters, those of one layer and of LoRA, and operations of a pass over `tokens`: in one layer, the head, and all."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode
    from transformers import LlamaConfig, LlamaForCausalLM

    with torch.device("meta"):
        net = LlamaForCausalLM(LlamaConfig(**shape, max_position_embeddings=tokens, attn_implementation="eager")).eval()  # type: ignore[call-arg]
        hidden, places = torch.zeros(1, tokens, shape["hidden_size"]), torch.arange(tokens)[None]
    layer = net.model.layers[0]

    def flops(run: Callable[[], object]) -> int:
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            run()
        return counter.get_total_flops()

    angles = net.model.rotary_emb(hidden, places)
    of_layer = flops(lambda: layer(hidden, position_embeddings=angles, attention_mask=None))
    of_head = flops(lambda: net.lm_head(hidden))
    adapted = [each for name, each in net.named_modules() if name.endswith(ADAPTED)]
    return {
        "parameters": sum(each.numel() for each in net.parameters()),
        "parameters of a layer": sum(each.numel() for each in layer.parameters()),
        "parameters of LoRA": sum(RANK * (each.in_features + each.out_features) for each in adapted),
        "flops": shape["num_hidden_layers"] * of_layer + of_head,
        "flops of a layer": of_layer,
        "flops of the head": of_head,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tokens", type=int, default=2048, help="tokens of the sequence")
    given = parser.parse_args()
    for name, shape in SHAPES.items():
        found = counted(shape, given.tokens)
        print(f"{name}, a sequence of {given.tokens} tokens")
        for what, count in found.items():
            print(f"  {what:24} {count:.6g}")
        print(f"  {'flops of a token':24} {found['flops'] / given.tokens:.6g}")


if __name__ == "__main__":
    main()
