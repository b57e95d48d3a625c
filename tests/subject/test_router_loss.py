"""A mixture of experts adds a loss of its routers to that of its tokens: a loss of its outputs leaves it out, with a word."""

import pytest
import torch

import landscape as ll

EXACT = {"x": (-1, 1, 3), "threads": 1}


@pytest.mark.parametrize("routers", [True, False])
def test_the_loss_of_routers_is_left_out_with_a_word(routers, capsys):
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    small = {
        "vocab_size": 50,
        "hidden_size": 8,
        "intermediate_size": 8,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
    }
    config = transformers.MixtralConfig(
        **small, num_key_value_heads=1, num_local_experts=4, max_position_embeddings=16, output_router_logits=routers
    )
    model, ids = transformers.MixtralForCausalLM(config).eval(), torch.randint(1, 50, (10, 9))
    batch = {"input_ids": ids, "labels": ids}
    returned = model(**batch)
    tokens = returned.loss.item() - (config.router_aux_loss_coef * returned.aux_loss.item() if routers else 0.0)
    found = ll.line(model=model, data=[batch], **EXACT)
    assert found.at_origin("train_loss") == pytest.approx(tokens, rel=1e-5)
    assert ("the loss of the router, which the net adds" in capsys.readouterr().err) == routers
    both = ll.line(model=model, data=[batch], loss=lambda model, batch: model(**batch).loss, **EXACT)
    assert both.at_origin("train_loss") == pytest.approx(returned.loss.item(), rel=1e-5)
    assert "router" not in capsys.readouterr().err
