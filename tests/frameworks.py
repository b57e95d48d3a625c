"""Nets of the frameworks in the table of docs/your-own-model.md: tiny, random, with four samples each. Nothing is downloaded.

Owns: one `Case` for each row of the table. What is measured of it is the test's business (tests/test_framework_table.py).
"""

import contextlib
import io
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import lightning
import peft
import timm
import torch
import torchvision
import transformers as tf
from torch import nn
from torch.nn.utils.rnn import pack_sequence
from torch_geometric.data import Data
from torch_geometric.loader import DataLoader as GraphLoader
from torch_geometric.nn import GCNConv, global_mean_pool

N, LENGTH, WORDS = 4, 5, 12
DRAWS = torch.Generator().manual_seed(1)
POINTS, KINDS = torch.randn(N, 3, generator=DRAWS), torch.tensor([0, 1, 0, 1])
PIXELS = torch.randn(N, 3, 8, 8, generator=DRAWS)
IDS = torch.randint(1, WORDS, (N, LENGTH), generator=DRAWS)
TEXT = {"input_ids": IDS, "attention_mask": torch.ones_like(IDS)}
PADDED = torch.where(torch.arange(LENGTH) < 3, IDS, -100)
SMALL = {"hidden_size": 4, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 4}
WORDED = {"vocab_size": WORDS, "max_position_embeddings": 8, **SMALL}


@dataclass(frozen=True)
class Case:
    """A net, built for each cell, its data, and options such as its loss."""

    net: Callable[[], Any]
    data: Any
    options: dict[str, Any] = field(default_factory=dict)


def mlp(**numbers: Any) -> nn.Module:
    return nn.Sequential(nn.Linear(3, 3), nn.Tanh(), nn.Linear(3, 2)).to(**numbers)


def causal() -> nn.Module:
    return tf.LlamaForCausalLM(tf.LlamaConfig(num_key_value_heads=2, **WORDED))


def adapted(config: Callable[..., Any], **settings: Any) -> nn.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        net = peft.get_peft_model(causal(), config(task_type="CAUSAL_LM", **settings))
    with torch.no_grad():
        for name, tensor in net.named_parameters():
            if "lora_" in name:
                tensor.normal_(std=0.5)
    return net.eval()


class Lit(lightning.LightningModule):
    def __init__(self):
        super().__init__()
        self.net = mlp()

    def forward(self, x):
        return self.net(x)


class Graphs(nn.Module):
    def __init__(self):
        super().__init__()
        self.convolution, self.out = GCNConv(3, 3), nn.Linear(3, 2)

    def forward(self, x, edge_index, batch):
        return self.out(global_mean_pool(self.convolution(x, edge_index).relu(), batch))


class Packed(nn.Module):
    def __init__(self):
        super().__init__()
        self.cells, self.out = nn.LSTM(3, 2), nn.Linear(2, 2)

    def forward(self, sequence):
        return self.out(self.cells(sequence)[1][0][-1])


class Backbone(nn.Module):
    out_channels = (4,)

    def __init__(self):
        super().__init__()
        self.layer = nn.Conv2d(3, 4, 16, stride=16)

    def forward(self, images):
        return {"only": self.layer(images)}


def detector() -> nn.Module:
    boxes = torchvision.models.detection.anchor_utils.DefaultBoxGenerator([[2]])
    return torchvision.models.detection.ssd.SSD(Backbone(), boxes, size=(32, 32), num_classes=2)


BOXES = [{"boxes": torch.tensor([[2.0, 2.0, 20.0, 20.0]]), "labels": torch.tensor([1])} for _ in range(N)]


def detected(model, batch):
    return sum(model.train()(*batch).values())


def decay(model, batch):
    time = batch["time"].requires_grad_()
    u = model(time)
    (slope,) = torch.autograd.grad(u.sum(), time, create_graph=True)
    return (slope + u).square()[:, 0]


class Noisy(nn.Module):
    def __init__(self):
        super().__init__()
        self.code, self.out = nn.Linear(3, 2), nn.Linear(2, 3)

    def forward(self, x):
        code = self.code(x)
        return self.out(code + torch.randn_like(code))


def contrast(model, batch):
    one, other = model(batch[0]), model(batch[1])
    return nn.functional.cross_entropy(one @ other.T, torch.arange(len(one)))


class Complex(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight, self.out = nn.Parameter(torch.randn(3, 3, dtype=torch.complex64)), nn.Linear(3, 2)

    def forward(self, x):
        return self.out((x.to(self.weight.dtype) @ self.weight).abs())


class Rotated(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("turn", torch.polar(torch.ones(3), torch.arange(3.0)))
        self.out = nn.Linear(3, 2)

    def forward(self, x):
        return self.out((x * self.turn).real)


class Sparse(nn.Module):
    def __init__(self):
        super().__init__()
        self.w = nn.Parameter(torch.eye(3).to_sparse())

    def forward(self, x):
        return torch.sparse.mm(self.w, x.T).T


def quantized() -> nn.Module:
    with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()):
        warnings.simplefilter("ignore")
        return torch.ao.quantization.quantize_dynamic(mlp(), {nn.Linear}, dtype=torch.qint8)


def scripted() -> nn.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.jit.trace(mlp(), POINTS)


def halves(**entries: torch.Tensor) -> list[dict[str, torch.Tensor]]:
    return [{name: each[k : k + 2] for name, each in entries.items()} for k in range(0, N, 2)]


RINGS = [
    Data(x=POINTS[:k], edge_index=torch.stack([torch.arange(k), torch.arange(k).roll(1)]), y=KINDS[:1])
    for k in (2, 3, 4, 3)
]
VALUES = (POINTS, KINDS)
# The first column of the table.
CASES = {
    "`transformers`: causal, masked, encoder-decoder": Case(causal, halves(**TEXT, labels=PADDED)),
    "`transformers`: classes of texts or images": Case(
        lambda: tf.ViTForImageClassification(tf.ViTConfig(image_size=8, patch_size=4, num_labels=2, **SMALL)),
        halves(pixel_values=PIXELS, labels=KINDS),
    ),
    "`transformers`: question answering": Case(
        lambda: tf.BertForQuestionAnswering(tf.BertConfig(**WORDED)),
        halves(**TEXT, start_positions=KINDS, end_positions=KINDS + 2),
    ),
    "PEFT LoRA": Case(lambda: adapted(peft.LoraConfig, r=1, target_modules=["q_proj"]), halves(**TEXT, labels=PADDED)),
    "PEFT prompt, prefix and P-tuning": Case(
        lambda: adapted(peft.PromptTuningConfig, num_virtual_tokens=2), halves(**TEXT, labels=PADDED)
    ),
    "`timm`, `torchvision`": Case(
        lambda: timm.create_model(
            "test_vit", num_classes=2, img_size=8, patch_size=4, depth=1, embed_dim=8, num_heads=2
        ),
        (PIXELS, KINDS),
    ),
    "Lightning modules": Case(Lit, VALUES),
    "PyG batches of graphs": Case(Graphs, GraphLoader(RINGS, batch_size=2)),
    "packed sequences (LSTM)": Case(
        Packed, [(pack_sequence([POINTS, POINTS[:2]]), KINDS[:2]), (pack_sequence([POINTS, POINTS]), KINDS[:2])]
    ),
    "`torchvision` detection": Case(detector, [([*PIXELS.repeat(1, 1, 4, 4)], BOXES)], {"loss": detected}),
    "losses with derivatives (PINN)": Case(
        lambda: nn.Sequential(nn.Linear(1, 3), nn.Tanh(), nn.Linear(3, 1)), halves(time=POINTS[:, :1]), {"loss": decay}
    ),
    "noise (VAE)": Case(Noisy, (POINTS, POINTS), {"loss": "mse"}),
    "losses of whole batches (contrastive)": Case(
        mlp, [(POINTS[:2], POINTS[:2] + 0.1), (POINTS[2:], POINTS[2:] + 0.1)], {"loss": contrast}
    ),
    "`torch.compile`, `DataParallel`": Case(lambda: nn.DataParallel(torch.compile(mlp())), VALUES),
    "scripted or traced": Case(scripted, VALUES),
    "quantized": Case(quantized, VALUES),
    "complex weights": Case(Complex, VALUES),
    "complex buffers (rotary embeddings, Fourier layers)": Case(Rotated, VALUES),
    "weights in float8 or half precision": Case(lambda: mlp(dtype=torch.bfloat16), VALUES),
    "sparse, nested, on the meta device, not initialized": Case(Sparse, (POINTS, KINDS)),
}
