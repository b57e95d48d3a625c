"""Nets of other libraries: the loss at their own weights is what the library itself computes, in float64.

Tiny, randomly initialized, nothing is downloaded. What each measurement says of them is the table in docs/your-own-model.md.
"""

import copy

import pytest
import torch
import torch.nn.functional as F
import torchvision
import transformers as tf
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.data import Dataset

import landscape as ll
from landscape.data.load import load_splits
from landscape.errors import EvaluationError
from landscape.objective.loss import make_measure
from landscape.objective.objective import Objective

N, LENGTH, WORDS = 6, 9, 50
GENERATOR = torch.Generator().manual_seed(1)
IDS = torch.randint(1, WORDS, (N, LENGTH), generator=GENERATOR)
MASK = torch.ones_like(IDS)
MASK[0, 6:] = MASK[3, 4:] = 0
PADDED = torch.where(MASK.bool(), IDS, -100)
MASKED = torch.where(torch.rand(N, LENGTH, generator=GENERATOR) < 0.4, IDS, -100)
KINDS = torch.randint(0, 3, (N,), generator=GENERATOR)
PIXELS = torch.randn(N, 3, 8, 8, generator=GENERATOR, dtype=torch.float64)
SMALL = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
BERT = {"vocab_size": WORDS, "max_position_embeddings": 16, **SMALL}
GPT = {
    "vocab_size": WORDS,
    "n_positions": 16,
    "n_embd": 8,
    "n_layer": 2,
    "n_head": 2,
    "bos_token_id": 0,
    "eos_token_id": 0,
}
T5 = {
    "vocab_size": WORDS,
    "d_model": 8,
    "d_kv": 4,
    "d_ff": 16,
    "num_layers": 1,
    "num_heads": 2,
    "decoder_start_token_id": 0,
}
TEXT = {"input_ids": IDS, "attention_mask": MASK}

SEEN = torch.cat([torch.full((N, 4), WORDS - 1), IDS[:, 4:].clamp(max=WORDS - 2)], 1)


def seeing():
    """A causal model that sees images, of which each is four tokens."""
    eyes = {"model_type": "clip_vision_model", "image_size": 8, "patch_size": 4, "intermediate_size": 16, **SMALL}
    words = {"model_type": "llama", "vocab_size": WORDS, "num_key_value_heads": 2, **SMALL}
    return tf.LlavaForConditionalGeneration(
        tf.LlavaConfig(text_config=words, vision_config=eyes, image_token_index=WORDS - 1, vision_feature_layer=-1)
    )


def encoder_decoder():
    """Two nets, of which the decoder alone would predict the next token."""
    decoder = tf.BertConfig(**BERT, is_decoder=True, add_cross_attention=True)
    config = tf.EncoderDecoderConfig.from_encoder_decoder_configs(tf.BertConfig(**BERT), decoder)
    model = tf.EncoderDecoderModel(config)
    model.config.pad_token_id, model.config.decoder_start_token_id = 0, 1
    return model


# what makes the net, and the entries of all samples
NETS = {
    "GPT-2": (lambda: tf.GPT2LMHeadModel(tf.GPT2Config(**GPT)), {**TEXT, "labels": PADDED}),
    "Llama": (
        lambda: tf.LlamaForCausalLM(tf.LlamaConfig(vocab_size=WORDS, num_key_value_heads=2, **SMALL)),
        {**TEXT, "labels": PADDED},
    ),
    "T5": (lambda: tf.T5ForConditionalGeneration(tf.T5Config(**T5)), {**TEXT, "labels": PADDED}),
    "Llava": (lambda: seeing(), {**TEXT, "input_ids": SEEN, "labels": PADDED, "pixel_values": PIXELS}),
    "encoder with a decoder": (lambda: encoder_decoder(), {"input_ids": IDS, "labels": PADDED}),
    "decoder of the usual loss": (
        lambda: tf.BertGenerationDecoder(tf.BertGenerationConfig(is_decoder=True, **BERT)),
        {**TEXT, "labels": PADDED},
    ),
    "masked BERT": (lambda: tf.BertForMaskedLM(tf.BertConfig(**BERT)), {**TEXT, "labels": MASKED}),
    "BERT of classes": (
        lambda: tf.BertForSequenceClassification(tf.BertConfig(num_labels=3, **BERT)),
        {**TEXT, "labels": KINDS},
    ),
    "ViT": (
        lambda: tf.ViTForImageClassification(tf.ViTConfig(image_size=8, patch_size=4, num_labels=3, **SMALL)),
        {"pixel_values": PIXELS, "labels": KINDS},
    ),
}


def made(name):
    torch.manual_seed(0)
    return NETS[name][0]().double().eval()


def batches(entries, size=4):
    return [{key: value[start : start + size] for key, value in entries.items()} for start in range(0, N, size)]


def at_origin(model, data, **options):
    found = ll.line(model=model, data=data, x=(-1, 1, 3), precision="fp64", quiet=True, **options)
    return found.at_origin("train_loss")


@pytest.mark.parametrize("name", NETS)
def test_the_loss_of_transformers(name):
    """Its own loss is computed in float32 where it shifts labels, hence the tolerance."""
    model, entries = made(name), NETS[name][1]
    expected = model(**entries).loss.item()
    assert at_origin(model, batches(entries)) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("name", ["GPT-2", "Llama"])
def test_a_causal_model_needs_no_labels(name):
    model = made(name)
    expected = model(**TEXT, labels=PADDED).loss.item()
    assert at_origin(model, batches(TEXT)) == pytest.approx(expected, rel=1e-6)
    whole = model(input_ids=IDS, labels=IDS).loss.item()
    assert at_origin(model, batches({"input_ids": IDS})) == pytest.approx(whole, rel=1e-6)
    assert at_origin(model, [[IDS]]) == pytest.approx(whole, rel=1e-6)


def test_tied_weights_move_once():
    """Half way between two nets with tied words lies the net of the mean weights."""
    one, other = made("GPT-2"), made("GPT-2")
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=GENERATOR, dtype=torch.float64), alpha=0.3)
    entries = NETS["GPT-2"][1]
    found = ll.line(model=one, to=other, data=batches(entries), x=(0, 1, 3), precision="fp64", quiet=True)
    between = copy.deepcopy(one)
    with torch.no_grad():
        for mean, end in zip(between.parameters(), other.parameters(), strict=True):
            mean.add_(end).mul_(0.5)
    assert between.lm_head.weight is between.transformer.wte.weight
    expected = [each(**entries).loss.item() for each in (one, between, other)]
    assert found.values["train_loss"] == pytest.approx(expected, rel=1e-6)


def test_samples_of_a_dataset_of_dicts_can_be_picked():
    entries = NETS["BERT of classes"][1]

    class Dicts(Dataset):
        def __len__(self):
            return N

        def __getitem__(self, i):
            return {key: value[i] for key, value in entries.items()}

    model = made("BERT of classes")
    expected = model(**entries).loss.item()
    assert at_origin(model, Dicts()) == pytest.approx(expected, rel=1e-9)
    assert at_origin(model, Dicts(), tolerance=0.5) == pytest.approx(expected, rel=0.5)


@pytest.mark.parametrize("products", ["graph", "differences"])
def test_curvature_of_a_language_model(products):
    """Against the eigenvalues of the dense Hessian over two layers' weights."""
    model, entries = made("GPT-2"), NETS["GPT-2"][1]
    chosen = r"transformer\.h\.0\.mlp\.c_proj\.weight"
    found = ll.spectrum(
        model=model, data=batches(entries), precision="fp64", only=chosen, products=products, probes=0, trace_products=0,
        quiet=True,
    )  # fmt: skip
    weight = model.transformer.h[0].mlp.c_proj.weight
    targets = PADDED[:, 1:]

    def loss(given):
        out = torch.func.functional_call(model, {"transformer.h.0.mlp.c_proj.weight": given}, (), kwargs=TEXT)
        return F.cross_entropy(out.logits[:, :-1].reshape(-1, WORDS), targets.reshape(-1), ignore_index=-100)

    with sdpa_kernel(SDPBackend.MATH):  # the fused kernel has no second derivatives
        dense = torch.autograd.functional.hessian(loss, weight.detach()).reshape(weight.numel(), -1)
    exact = torch.linalg.eigvalsh(dense)
    assert found.whole.values[-1] == pytest.approx(exact[-1].item(), rel=1e-3)
    assert found.whole.values[0] == pytest.approx(exact[0].item(), rel=1e-3, abs=1e-6)


def test_detection_by_a_loss_of_the_model():
    """A list of images and a list of dicts: two samples, and the losses that the net returns in train mode."""
    torch.manual_seed(0)
    net = torchvision.models.detection.ssdlite320_mobilenet_v3_large(weights=None, weights_backbone=None, num_classes=3)
    images = [torch.rand(3, 32, 32, generator=GENERATOR) for _ in range(2)]
    boxes = [{"boxes": torch.tensor([[2.0, 2.0, 20.0, 20.0]]), "labels": torch.tensor([1])} for _ in images]

    def loss(model, batch):
        return sum(model.train()(*batch).values())

    found = ll.line(model=net, data=[(images, boxes)], loss=loss, x=(-0.1, 0.1, 3), quiet=True)
    expected = sum(copy.deepcopy(net).train()(images, boxes).values()).item()
    assert found.at_origin("train_loss") == pytest.approx(expected, rel=1e-4)
    assert found.provenance["data"]["splits"]["train"]["samples"] == 2
    with pytest.raises(ll.LandscapeError, match=r"does not accept these batches .* or give a loss of \(model, batch\)"):
        ll.line(model=net, data=[(images, boxes)], x=(-0.1, 0.1, 3), quiet=True)


class Wrapper(nn.Module):
    """As users wrap a language model: its class says nothing of labels."""

    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, input_ids, attention_mask=None, labels=None):
        return self.inner(input_ids=input_ids, attention_mask=attention_mask)


def test_labels_are_shifted_where_they_are_the_tokens():
    """In a wrapper and in pairs too; the net's own class decides otherwise: older decoders take shifted labels."""
    model, entries = made("GPT-2"), NETS["GPT-2"][1]
    expected = model(**entries).loss.item()
    assert at_origin(Wrapper(model), batches(entries)) == pytest.approx(expected, rel=1e-6)
    whole = model(input_ids=IDS, labels=IDS).loss.item()
    assert at_origin(model, (IDS, IDS)) == pytest.approx(whole, rel=1e-6)
    next_ones = torch.where(torch.arange(LENGTH) < LENGTH - 1, IDS.roll(-1, 1), -100)
    assert at_origin(model, (IDS, next_ones)) == pytest.approx(whole, rel=1e-6)
    bart = tf.BartConfig(
        vocab_size=WORDS, d_model=8, encoder_layers=1, decoder_layers=1, encoder_attention_heads=2, decoder_attention_heads=2,
        encoder_ffn_dim=16, decoder_ffn_dim=16, max_position_embeddings=16, is_decoder=True, is_encoder_decoder=False,
    )  # fmt: skip
    decoder = tf.BartForCausalLM(bart).double().eval()
    shifted = {"input_ids": IDS, "labels": next_ones}
    assert at_origin(decoder, batches(shifted)) == pytest.approx(decoder(**shifted).loss.item(), rel=1e-6)


def test_the_decoder_gets_its_labels_in_pairs_too():
    model = made("T5")
    expected = model(input_ids=IDS, labels=PADDED).loss.item()
    assert at_origin(model, (IDS, PADDED)) == pytest.approx(expected, rel=1e-6)


def test_each_token_has_a_class_in_pairs_too():
    """With as many classes as tokens the order of dimensions cannot be seen from shapes."""
    torch.manual_seed(0)
    model = tf.BertForTokenClassification(tf.BertConfig(num_labels=LENGTH, **BERT)).double().eval()
    labels = torch.randint(0, LENGTH, (N, LENGTH), generator=GENERATOR)
    expected = model(input_ids=IDS, labels=labels).loss.item()
    assert at_origin(model, (IDS, labels)) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("targets", [torch.tensor([[1.0, 1, 0]] * N), torch.randn(N, 3), torch.randn(N, 1)])
def test_values_are_no_probabilities(targets):
    """Cross-entropy of several labels, or of values, would be a number without a meaning."""
    net = nn.Linear(8, targets.shape[1])
    with pytest.raises(ll.LandscapeError, match="give bce for"):
        ll.line(model=net, data=(torch.randn(N, 8), targets), x=(-1, 1, 3), quiet=True)


def test_metrics_beside_the_loss_of_the_model_itself_are_of_the_next_token():
    """Of the positions that predict a token, without padding: cross-entropy is the net's loss when it is evaluated by itself."""
    model, entries = made("GPT-2"), NETS["GPT-2"][1]
    given = {"model": model, "data": batches(entries), "x": (-1, 1, 3), "precision": "fp64", "quiet": True}
    loss = ll.Loss(lambda model, batch: model(**batch).loss, of="model", over="batches")
    beside = ll.line(loss=loss, metrics="loss,accuracy,cross_entropy", **given)
    itself = ll.line(metrics="loss,accuracy", **given)
    assert beside.values["train_cross_entropy"] == pytest.approx(itself.values["train_loss"], rel=1e-12)
    assert beside.values["train_accuracy"] == pytest.approx(itself.values["train_accuracy"], rel=1e-12)


def test_an_answer_is_a_span_of_tokens():
    """The mean of the losses of both ends, as the library computes it; an end beyond the tokens counts nothing."""
    torch.manual_seed(0)
    net = tf.BertForQuestionAnswering(tf.BertConfig(**BERT)).double().eval()
    span = {"start_positions": torch.tensor([0, 2, 1, 3, 4, 0]), "end_positions": torch.tensor([5, 2, 8, 3, 6, 1])}
    batch = {**TEXT, **span}
    found = ll.line(model=net, data=[batch], x=(-1, 1, 3), precision="fp64", quiet=True, threads=1)
    assert found.values["train_loss"][1] == pytest.approx(float(net(**batch).loss.detach()), abs=1e-12)
    outputs = net(**batch)
    predicted = {"start_positions": outputs.start_logits.argmax(1), "end_positions": outputs.end_logits.argmax(1)}
    hits = [predicted[name] == span[name] for name in span]
    assert found.values["train_accuracy"][1] == pytest.approx(float(torch.stack(hits).double().mean()))
    beyond = {name: torch.where(torch.arange(N) == 1, LENGTH, each) for name, each in span.items()}
    found = ll.line(model=net, data=[{**TEXT, **beyond}], x=(-1, 1, 3), precision="fp64", quiet=True, threads=1)
    assert found.values["train_loss"][1] == pytest.approx(float(net(**TEXT, **beyond).loss.detach()), abs=1e-12)


@pytest.mark.parametrize("name", [name for name in NETS if name != "Llava"])  # its calls are not the same each time
def test_where_the_last_part_moves_the_rest_is_computed_once(name):
    """Nothing is left behind in the net, whose layers are called by way of us and without the cache for next tokens."""
    model, entries = made(name), NETS[name][1]
    measure, _, _ = make_measure("cross_entropy", None)
    splits = measure.read(load_splits(batches(entries), split=("train",)).splits, model)
    last = {"T5": "decoder.final", "GPT-2": "transformer.ln_f", "ViT": "class", "Llama": "lm_head"}.get(
        name, "decoder.cls" if name.startswith("encoder") else "lm_head" if "usual" in name else "cl"
    )
    moving = [each for each, _ in model.named_parameters() if each.startswith(last)]
    found = []
    for keeps in (True, False):
        objective = Objective(model, splits, measure, precision="fp64", fast=keeps, names=moving)
        objective.check()
        origin = objective.weights.clone()
        found.append([objective.evaluate(origin * factor) for factor in (1.0, 0.5, 2.0)])
        kept, own = objective.keeping.kept, objective.model
        assert (kept is not None) == keeps
        assert kept is None or (kept.way.layers >= 2 and len(kept._memos) == len(batches(entries)))
        assert not any("forward" in vars(module) or module._forward_pre_hooks for module in own.modules())
        assert getattr(own.config, "use_cache", None) == getattr(model.config, "use_cache", None)
    assert found[0] == found[1]


SPEECH = {
    "vocab_size": 9, "hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 8,
    "conv_dim": (8, 8), "conv_stride": (4, 4), "conv_kernel": (8, 8), "num_feat_extract_layers": 2,
    "num_conv_pos_embeddings": 4, "num_conv_pos_embedding_groups": 2, "layerdrop": 0.0,
}  # fmt: skip


@pytest.mark.parametrize(
    ("make", "entries"),
    [
        (
            lambda: tf.BertForPreTraining(tf.BertConfig(**BERT)),
            {**TEXT, "labels": MASKED, "next_sentence_label": KINDS % 2},
        ),
        (
            lambda: tf.Wav2Vec2ForCTC(tf.Wav2Vec2Config(**SPEECH, ctc_loss_reduction="mean")),
            {"input_values": torch.randn(N, 400), "labels": torch.randint(1, 9, (N, 3))},
        ),
    ],
)
def test_a_net_whose_outputs_are_not_those_of_the_loss_names_its_own(make, entries):
    torch.manual_seed(0)
    model = make().eval()
    with pytest.raises(EvaluationError, match=r"loss=lambda model, batch: model\(\*\*batch\).loss, with its labels"):
        ll.line(model=model, data=[entries], x=(-1, 1, 3), quiet=True)
    own = ll.line(model=model, data=[entries], loss=lambda model, batch: model(**batch).loss, x=(-1, 1, 3), quiet=True)
    with torch.no_grad():
        assert own.at_origin("train_loss") == pytest.approx(model(**entries).loss.item(), rel=1e-5)
    with pytest.raises(EvaluationError, match="has it a return"):
        ll.line(model=model, data=[entries], loss=lambda outputs, targets: outputs.loss, x=(-1, 1, 3), quiet=True)
