"""What is special to the models of `transformers`: where their classes stand, and which of them predict the next token.

Owns: telling them by their classes, without importing the library, and whether labels are the tokens themselves.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from types import CodeType
from typing import Any

import torch
from torch import Tensor, nn

from landscape.data.structure import is_mapping
from landscape.objective.weighted import IGNORED

# The entries that name the first and the last token of an answer.
SPAN = ("start_positions", "end_positions")
# The kinds of loss by which the library shifts labels, where the forward pass takes the loss of its kind.
# None is that of a class whose name says nothing.
SHIFTED = ("ForCausalLM", "ForConditionalGeneration", "CsmForConditionalGeneration", None)
# Methods of PEFT whose nets have outputs for the tokens of the prompt too.
PROMPTED = ("PROMPT_TUNING", "MULTITASK_PROMPT_TUNING", "P_TUNING")


def bare(model: nn.Module) -> nn.Module:
    """The net inside an adapter of PEFT, which takes anything and passes it on."""
    base = getattr(model, "get_base_model", None)
    return base() if callable(base) else model


def is_of_transformers(net: nn.Module) -> bool:
    """Whether its class, or one that it derives from, is of the library."""
    return any(each.__module__.partition(".")[0] == "transformers" for each in type(net).__mro__)


def parts_of_transformers(model: nn.Module) -> list[nn.Module]:
    """The nets of `transformers` in it, itself among them."""
    return [each for each in model.modules() if is_of_transformers(each)]


def are_the_tokens(targets: Any, inputs: Any) -> bool:
    """Whether targets are the inputs' own tokens, but for those that are to be ignored."""
    tokens = tokens_of(inputs)
    if tokens is None or not isinstance(targets, Tensor) or targets.shape != tokens.shape:
        return False
    counted = (targets != IGNORED) & (tokens != IGNORED)
    return bool(counted.any()) and bool((targets == tokens)[counted].all())


def shifts_labels(parts: Sequence[nn.Module]) -> bool:
    """Whether a net with these parts of the library predicts the next token.

    Of an encoder with a decoder the whole decides, which makes the decoder's inputs from labels.
    """
    return any(map(predicts_next_token, [each for each in parts if encodes_and_decodes(each)] or parts))


def predicts_next_token(net: nn.Module) -> bool:
    """Whether it shifts its own labels, so that each position predicts the next token."""
    # a class derived from one of the library's has a name of its own
    named = any(each.__name__.endswith(("ForCausalLM", "LMHeadModel")) for each in type(net).__mro__)
    shifting = named or getattr(net, "loss_type", "") in SHIFTED
    codes = [code for each in type(net).__mro__ if (code := _code_of(vars(each).get("forward")))]
    return any(
        (shifting and "loss_function" in code.co_names)  # a few older decoders take labels that are shifted already
        or any(
            name in code.co_varnames for name in ("shift_logits", "shift_labels", "shifted_logits", "shifted_labels")
        )
        for code in codes
    )


def _code_of(forward: Any) -> CodeType | None:
    return getattr(inspect.unwrap(forward), "__code__", None) if callable(forward) else None


def encodes_and_decodes(net: nn.Module) -> bool:
    """Whether it has an encoder and a decoder, whose inputs it makes from labels."""
    return bool(getattr(getattr(net, "config", None), "is_encoder_decoder", False))


def tokens_of(inputs: Any) -> Tensor | None:
    """The tokens themselves as targets; padding is ignored."""
    tokens = inputs.get("input_ids") if is_mapping(inputs) else inputs if isinstance(inputs, Tensor) else None
    if not isinstance(tokens, Tensor) or tokens.is_floating_point():
        return None
    mask = inputs.get("attention_mask") if is_mapping(inputs) else None
    return tokens if mask is None or bool(mask.all()) else torch.where(mask.bool(), tokens, IGNORED)


def tokens_in(batch: Any) -> int | None:
    """The number of tokens of each sample; None where it is not known."""
    tokens = batch.get("input_ids", batch.get("inputs_embeds")) if is_mapping(batch) else None
    return tokens.shape[1] if isinstance(tokens, Tensor) and tokens.ndim > 1 else None


def positions_of(start: Tensor, end: Tensor, length: int | None) -> Tensor:
    """(n, 2) the targets of a net that finds a span; a position beyond the tokens counts nothing, as in the library."""
    found = torch.stack((start.flatten(), end.flatten()), 1).clamp(min=0)
    return found if length is None else torch.where(found < length, found, IGNORED)


def virtual_tokens(model: nn.Module) -> int:
    """How many tokens of a tuned prompt a net of PEFT puts before those of a batch, with outputs of their own."""
    config = getattr(model, "active_peft_config", None)
    kind = getattr(config, "peft_type", None)
    return int(getattr(config, "num_virtual_tokens", 0) or 0) if getattr(kind, "value", kind) in PROMPTED else 0
