"""Adapters of PEFT: which parameters they are, their surface, and the same plane in the space of the merged weights.

The nets are tiny and not trained; nothing is downloaded. Both libraries take seconds to load, so all that needs them is here.
"""

import copy
import warnings

import numpy as np
import peft
import pytest
import torch
from torch import nn
from torch.func import functional_call, hessian
from transformers import LlamaConfig, LlamaForCausalLM

import landscape as ll
from landscape.direction.parts import Parts

TINY = LlamaConfig(
    vocab_size=16, hidden_size=8, intermediate_size=12, num_hidden_layers=1, num_attention_heads=2, num_key_value_heads=2,
    max_position_embeddings=8, attn_implementation="eager",
)  # fmt: skip
LORA = {"r": 2, "target_modules": ["q_proj", "v_proj"]}
EXACT = {"precision": "fp64", "quiet": True, "threads": 1}


def base(seed: int = 0) -> LlamaForCausalLM:
    torch.manual_seed(seed)
    return LlamaForCausalLM(TINY).double()


def adapted(config: peft.PeftConfig | None = None, seed: int = 1) -> peft.PeftModel:
    """The same net with an adapter whose weights are all drawn, as if it had been trained."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        net = peft.get_peft_model(base(), config or peft.LoraConfig(**LORA)).double()
    torch.manual_seed(seed)
    with torch.no_grad():
        for name, tensor in net.named_parameters():
            if "lora_" in name:
                tensor.normal_(std=0.5)
    return net.eval()


@pytest.fixture(scope="module")
def data() -> tuple[torch.Tensor, torch.Tensor]:
    tokens = torch.randint(0, 16, (6, 5), generator=torch.Generator().manual_seed(2))
    return tokens, tokens


def of_logits(logits: torch.Tensor, tokens: torch.Tensor) -> torch.Tensor:
    losses = nn.functional.cross_entropy(logits[:, :-1].transpose(1, 2), tokens[:, 1:], reduction="none")
    return losses.mean(1)


def loss(model, batch):
    return of_logits(model(batch[0]).logits, batch[1])


def moved_loss(net: nn.Module, moved: dict[str, torch.Tensor], tokens: torch.Tensor) -> torch.Tensor:
    """Plain torch: the loss with some parameters moved by a step."""
    own = dict(net.named_parameters())
    weights = {name: own[name].detach() + step for name, step in moved.items()}
    return of_logits(functional_call(net, weights, (tokens,)).logits, tokens).mean()


def random_direction(net: nn.Module, names: list[str], axis: int) -> dict[str, torch.Tensor]:
    """Normal numbers in the order of the adapter's tensors, each row scaled to the norm of the net's."""
    source = np.random.Generator(np.random.Philox(np.random.SeedSequence([0, axis])))
    found = {}
    for name in names:
        own = dict(net.named_parameters())[name].detach()
        drawn = torch.from_numpy(source.standard_normal(size=tuple(own.shape), dtype=np.float32)).double()
        found[name] = drawn * (own.norm(dim=1) / drawn.norm(dim=1))[:, None]
    return found


CONFIGS = {
    "lora": peft.LoraConfig(**LORA),
    "dora, a head of its own": peft.LoraConfig(**LORA, use_dora=True, modules_to_save=["lm_head"]),
    "tokens": peft.LoraConfig(**LORA, trainable_token_indices=[1, 2]),
    "adalora": peft.AdaLoraConfig(init_r=2, target_modules=["q_proj"], total_step=10),
    "ia3": peft.IA3Config(target_modules=["q_proj", "down_proj"], feedforward_modules=["down_proj"]),
    "loha": peft.LoHaConfig(**LORA),
    "lokr": peft.LoKrConfig(**LORA),
    "oft": peft.OFTConfig(target_modules=["q_proj"], oft_block_size=4),
    "vera": peft.VeraConfig(**LORA),
    "layer norm": peft.LNTuningConfig(target_modules=["input_layernorm"]),
    "prompts": peft.PromptTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=2),
    "adaption prompts": peft.AdaptionPromptConfig(task_type="CAUSAL_LM", adapter_len=2, adapter_layers=1),
}


@pytest.mark.parametrize("kind", CONFIGS)
def test_adapters_are_what_peft_itself_would_train(kind):
    net = adapted(copy.deepcopy(CONFIGS[kind]))
    found = {part.name for part in Parts.of(net).all if part.adapter and not part.is_buffer}
    trained = {name for name, tensor in net.named_parameters() if tensor.requires_grad}
    assert found == {name for name in trained if "ranknum" not in name}  # AdaLoRA's own count of ranks is no weight
    net.requires_grad_(False)  # as in a net that is only evaluated: the names decide
    assert {part.name for part in Parts.of(net).all if part.adapter and not part.is_buffer} == found


def test_adapters_that_are_injected_are_found():
    """As `model.add_adapter` of transformers does: there is no PeftModel around the net."""
    net = peft.inject_adapter_in_model(peft.LoraConfig(**LORA, use_dora=True), base())
    found = {part.name for part in Parts.of(net).parameters if part.adapter}
    assert found == {name for name, tensor in net.named_parameters() if tensor.requires_grad}
    assert not Parts.of(base()).has_adapters


def test_the_surface_of_an_adapter_is_that_of_plain_torch(data):
    net = adapted()
    names = [name for name, tensor in net.named_parameters() if tensor.requires_grad]
    before = {name: tensor.detach().clone() for name, tensor in net.named_parameters()}
    options = {"model": net, "data": data, "loss": loss, "x": (-1, 1, 3), "y": (-0.5, 1, 4), **EXACT}
    found = ll.surface(only="adapter", **options)
    x, y = (random_direction(net, names, axis) for axis in (0, 1))
    for iy, b in enumerate(found.y):
        for ix, a in enumerate(found.x):
            expected = moved_loss(net, {name: a * x[name] + b * y[name] for name in names}, data[0])
            np.testing.assert_allclose(found.values["train_loss"][iy, ix], expected.item(), rtol=1e-6)
    assert found.provenance["directions"]["moving"] == sum(before[name].numel() for name in names)
    assert all(torch.equal(tensor, before[name]) for name, tensor in net.named_parameters())
    assert [tensor.requires_grad for tensor in net.parameters()] == [name in names for name in before]
    # nothing asked for means the adapter; everything has to be asked for
    same, whole = ll.surface(**options), ll.surface(ignore="none", **options)
    np.testing.assert_array_equal(same.values["train_loss"], found.values["train_loss"])
    assert "only" not in whole.provenance["directions"]
    assert not np.allclose(whole.values["train_loss"], found.values["train_loss"])
    np.testing.assert_array_equal(whole.at_origin("train_loss"), found.at_origin("train_loss"))


def test_what_moves_is_said(data, capsys):
    from landscape.scene.facts.surface import facts

    found = ll.line(model=adapted(), data=data, loss=loss, x=(0, 1, 2), precision="fp64", threads=1)
    said = "".join(capsys.readouterr())
    assert "only the adapters move, 64 of 888 parameters; ignore='none' takes all" in said
    assert "moves: adapter, 64 of 888 parameters" in facts(found, "train_loss")


def test_an_adapter_without_effect_is_told(data, capsys):
    """Not trained yet, so that one factor is zero; or merged into the base."""
    fresh = peft.get_peft_model(base(), peft.LoraConfig(**LORA)).double().eval()
    merged = adapted()
    merged.merge_adapter()
    for net in (fresh, merged):
        found = ll.line(model=net, data=data, loss=loss, x=(-1, 1, 3), precision="fp64", threads=1)
        assert np.ptp(found.values["train_loss"]) == 0
        said = "".join(capsys.readouterr())
        assert "the same values at the centre and at (-1), so what moves (adapter) may have no part in the loss" in said
    ll.line(model=adapted(), data=data, loss=loss, x=(-1, 1, 3), precision="fp64", threads=1)
    assert "same values" not in "".join(capsys.readouterr())


def test_the_same_plane_in_the_space_of_merged_weights(data):
    """With one factor fixed the merged weights are linear in the other: a line of adapters is one of merged nets, and the values
    agree. The curvatures do not: the length of a step is another."""
    net, other = adapted(seed=1), adapted(seed=1)
    with torch.no_grad():
        for name, tensor in other.named_parameters():
            if "lora_B" in name:
                tensor.add_(torch.randn(tensor.shape, generator=torch.Generator().manual_seed(5)).double())
    merged, merged_other = (copy.deepcopy(each).merge_and_unload() for each in (net, other))
    options = {"data": data, "loss": loss, "x": (-0.5, 1.5, 5), **EXACT}
    adapters = ll.line(model=net, to=other, only="lora_B", **options)
    whole = ll.line(model=merged, to=merged_other, **options)
    np.testing.assert_allclose(adapters.values["train_loss"], whole.values["train_loss"], rtol=1e-6)
    np.testing.assert_allclose(adapters.trails["nets"].residual, [0, 0], atol=1e-12)
    assert whole.provenance["model"]["parameters"] == 824

    few = {"data": data, "loss": loss, "top": 1, "bottom": 1, "probes": 0, "trace_products": 0, **EXACT}
    small = ll.spectrum(model=net, only="lora_B", **few)
    names = [name for name, _ in net.named_parameters() if "lora_B" in name]
    own = dict(net.named_parameters())

    def at(flat):
        steps = flat.split([own[name].numel() for name in names])
        shaped = {name: step.view(own[name].shape) for name, step in zip(names, steps, strict=True)}
        return moved_loss(net, shaped, data[0])

    values = np.linalg.eigvalsh(hessian(at)(torch.zeros(32, dtype=torch.float64)).detach().numpy())
    np.testing.assert_allclose(small.whole.values, values[[0, -1]], rtol=0.01, atol=1e-6)
    large = ll.spectrum(model=merged, ignore="none", **few)
    assert large.whole.dimension == 824 and large.whole.values[-1] > 2 * small.whole.values[-1]


@pytest.mark.parametrize("kind", [peft.PromptTuningConfig, peft.PrefixTuningConfig, peft.PromptEncoderConfig])
def test_a_prompt_that_is_tuned_stands_before_the_tokens(kind, data):
    """Its outputs are left out, but the last of its tokens predicts the first of the text: the library's own loss."""
    extra = {"encoder_hidden_size": 8} if kind is peft.PromptEncoderConfig else {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        net = peft.get_peft_model(base(), kind(task_type="CAUSAL_LM", num_virtual_tokens=2, **extra)).double().eval()
        batch = {"input_ids": data[0], "attention_mask": torch.ones_like(data[0]), "labels": data[1]}
        found = ll.line(model=net, data=[batch], x=(-1, 1, 3), **EXACT)
        own = float(net(**batch).loss.detach())
    assert found.values["train_loss"][1] == pytest.approx(own, abs=1e-6)  # the library computes its loss in float32
    assert len(set(found.values["train_loss"])) == 3


def test_the_curvature_of_a_tuned_prompt_is_that_of_plain_torch(data):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        config = peft.PromptTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=2)
        net = peft.get_peft_model(base(), config).double().eval()
    tokens = data[0]
    batch = {"input_ids": tokens, "attention_mask": torch.ones_like(tokens), "labels": tokens}
    name = next(name for name, each in net.named_parameters() if each.requires_grad)

    def of_prompt(flat):
        logits = functional_call(net, {name: flat.view(2, 8)}, (tokens, batch["attention_mask"])).logits[:, 1:-1]
        return nn.functional.cross_entropy(logits.transpose(1, 2), tokens)

    dense = hessian(of_prompt)(dict(net.named_parameters())[name].detach().flatten())
    found = ll.spectrum(
        model=net, data=[batch], top=1, bottom=1, probes=0, trace_products=0, tolerance=1e-6, only="adapter", **EXACT
    )
    ends = torch.linalg.eigvalsh(dense)[[0, -1]].numpy()
    assert found.whole.dimension == 16 and np.allclose([found.whole.values[0], found.whole.values[-1]], ends, rtol=1e-4)
