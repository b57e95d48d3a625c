"""Nets that come as folders: models of transformers, adapters of PEFT, and classes with the settings that Lightning stores.

The nets are tiny and not trained; nothing is downloaded. The references are plain transformers, PEFT and torch in float64.
"""

import json
import shutil
import socket
import sys

import numpy as np
import peft
import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel

import landscape as ll
from landscape.errors import LandscapeError, UntrustedError

TINY = {
    "vocab_size": 16,
    "n_positions": 8,
    "n_embd": 8,
    "n_layer": 1,
    "n_head": 2,
    "bos_token_id": 0,
    "eos_token_id": 0,
}
EXACT = {"precision": "fp64", "quiet": True, "threads": 1, "x": (-1, 1, 3)}


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    def refused(*_, **__):
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket.socket, "connect", refused)
    monkeypatch.setattr(socket, "getaddrinfo", refused)


@pytest.fixture(scope="module")
def batches():
    tokens = torch.randint(0, 16, (6, 5), generator=torch.Generator().manual_seed(2))
    labels = tokens.clone()
    labels[0, 3:] = -100
    return [{"input_ids": tokens, "labels": labels}]


@pytest.fixture(scope="module")
def net():
    torch.manual_seed(0)
    return GPT2LMHeadModel(GPT2Config(**TINY)).double().eval()


@pytest.fixture
def folder(net, tmp_path):
    net.save_pretrained(tmp_path / "gpt")
    return tmp_path / "gpt"


def own_loss(net, batches):
    """That of the library, which rounds logits to single precision, and the same in double precision."""
    tokens, labels = batches[0]["input_ids"], batches[0]["labels"]
    with torch.no_grad():
        found = net(input_ids=tokens, labels=labels)
    exact = torch.nn.functional.cross_entropy(found.logits[:, :-1].flatten(0, 1), labels[:, 1:].flatten()).item()
    assert abs(found.loss.item() - exact) < 1e-6
    return exact


def centre(path, batches, **options):
    return ll.line(path, data=batches, **EXACT, **options).values["train_loss"][1]


def configure(folder, name="config.json", **entries):
    path = folder / name
    path.write_text(json.dumps({**json.loads(path.read_text()), **entries}))


def test_a_folder_alone_has_the_loss_of_the_librarys_own_net(folder, net, batches):
    line = ll.line(folder, data=batches, **EXACT)
    assert abs(line.values["train_loss"][1] - own_loss(net, batches)) < 1e-12
    assert line.provenance["checkpoint"]["sha256"] == ll.load_checkpoint(folder).sha256
    # the embedding is the head too, and is one of the parameters
    assert line.provenance["model"]["parameters"] == sum(each.numel() for each in net.parameters())


def test_along_a_line_tied_weights_move_once_as_in_the_module_itself(folder, net, batches):
    found, wanted = ll.line(folder, data=batches, **EXACT), ll.line(model=net, data=batches, **EXACT)
    assert (found.values["train_loss"] == wanted.values["train_loss"]).all() and found.values["train_loss"].std() > 0


def test_a_folder_of_torchs_own_format_and_names_without_the_head(folder, net, batches):
    (folder / "model.safetensors").unlink()
    bare = {**net.transformer.state_dict(), "h.0.attn.bias": torch.ones(1, 1, 8, 8, dtype=torch.float64)}
    torch.save(bare, folder / "pytorch_model.bin")
    assert abs(centre(folder, batches) - own_loss(net, batches)) < 1e-12


def test_what_is_computed_of_a_result_finds_its_folder_again(folder, net, batches, tmp_path):
    surface = ll.surface(folder, data=batches, y=(-1, 1, 3), out=tmp_path / "s.h5", **EXACT)
    curvature = ll.hessian(surface, data=batches, every=2, precision="fp64", quiet=True, threads=1)
    wanted = ll.hessian(
        ll.surface(model=net, data=batches, y=(-1, 1, 3), **EXACT), model=net, data=batches, every=2, precision="fp64",
        quiet=True, threads=1,
    )  # fmt: skip
    name = next(name for name in curvature.values if "max" in name)
    np.testing.assert_allclose(curvature.values[name], wanted.values[name], rtol=1e-9)


def test_code_in_the_folder_runs_only_when_it_is_trusted(folder, net, batches):
    (folder / "modeling_mine.py").write_text(
        "from transformers import GPT2LMHeadModel\nclass Mine(GPT2LMHeadModel):\n    pass\n"
    )
    configure(folder, architectures=["Mine"], auto_map={"AutoModelForCausalLM": "modeling_mine.Mine"})
    with pytest.raises(UntrustedError, match=r"^[^\n]*modeling_mine.py\), which is not run[^\n]*trust='[^\n]*gpt'$"):
        centre(folder, batches)
    assert not any("modeling_mine" in name for name in sys.modules)
    assert abs(centre(folder, batches, trust=folder) - own_loss(net, batches)) < 1e-12


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        ({"architectures": ["NoSuchNet"]}, "has no model NoSuchNet"),
        ({"architectures": ["pipeline"]}, "has no model pipeline"),
        ({"n_embd": 100_000_000}, "of another shape"),  # without taking the memory
        ({"n_embd": "many"}, "building GPT2LMHeadModel from config.json raised"),
    ],
)
def test_a_configuration_that_cannot_be_is_one_line(folder, batches, entries, said):
    configure(folder, **entries)
    with pytest.raises(LandscapeError, match=rf"^[^\n]*{said}[^\n]*$"):
        centre(folder, batches)


@pytest.mark.parametrize("library", ["transformers", "peft"])
def test_a_missing_library_is_named_with_its_extra(folder, adapter, batches, monkeypatch, library):
    monkeypatch.setitem(sys.modules, library, None)
    extra = "hf" if library == "transformers" else "peft"
    with pytest.raises(
        LandscapeError, match=rf"needs {library}; install it with: pip install 'nn-landscape\[{extra}\]'"
    ):
        centre(folder if library == "transformers" else adapter[0], batches)


@pytest.fixture
def adapter(folder, tmp_path):
    """The folder of an adapter with weights of its own, and the same in memory."""
    torch.manual_seed(1)
    wanted = peft.LoraConfig(r=2, target_modules=["c_attn"], fan_in_fan_out=True, task_type="CAUSAL_LM")
    adapted = peft.get_peft_model(GPT2LMHeadModel.from_pretrained(folder), wanted).double().eval()
    with torch.no_grad():
        for name, tensor in adapted.named_parameters():
            if "lora_" in name:
                tensor.normal_(std=0.5)
    adapted.save_pretrained(tmp_path / "lora")
    return tmp_path / "lora", adapted


def test_an_adapter_moves_alone_on_its_base(adapter, folder, net, batches):
    place, adapted = adapter
    found, wanted = ll.line(place, data=batches, **EXACT), ll.line(model=adapted, data=batches, **EXACT)
    assert abs(found.values["train_loss"][1] - own_loss(adapted, batches)) < 1e-12
    assert abs(own_loss(adapted, batches) - own_loss(net, batches)) > 1e-4
    assert abs(found.values["train_loss"] - wanted.values["train_loss"]).max() < 1e-12
    assert found.provenance["model"]["frozen"] == wanted.provenance["model"]["frozen"] > 0
    everything = ll.line(place, data=batches, ignore="none", **EXACT)
    assert abs(everything.values["train_loss"][0] - found.values["train_loss"][0]) > 1e-6


def test_the_hash_of_an_adapter_is_that_of_its_base_too(adapter, folder, batches):
    before = ll.line(adapter[0], data=batches, **EXACT).provenance["checkpoint"]["sha256"]
    torch.manual_seed(5)
    GPT2LMHeadModel(GPT2Config(**TINY)).double().save_pretrained(folder)
    assert ll.line(adapter[0], data=batches, **EXACT).provenance["checkpoint"]["sha256"] != before


def test_an_adapter_whose_base_is_not_here_says_what_to_do(adapter, folder, batches):
    shutil.rmtree(folder)
    configure(adapter[0], "adapter_config.json", base_model_name_or_path="openai/some-net")
    with pytest.raises(
        LandscapeError, match=r"its base openai/some-net is not a folder here; give its folder as model=\.\.\."
    ):
        centre(adapter[0], batches)


def test_an_adapter_whose_base_lies_elsewhere_takes_it_as_model(adapter, folder, batches, tmp_path):
    wanted = centre(adapter[0], batches)
    folder.rename(tmp_path / "moved")
    found = ll.line(adapter[0], model=str(tmp_path / "moved"), data=batches, **EXACT)
    assert found.values["train_loss"][1] == wanted and found.provenance["directions"]["only"] == "adapter"
    with pytest.raises(
        LandscapeError, match="no config.json that names its architectures; give the folder of the base"
    ):
        centre(adapter[0], batches, model=str(tmp_path))


@pytest.fixture
def second(adapter, folder, tmp_path):
    """The folder of another adapter of the same base, and the same in memory."""
    torch.manual_seed(7)
    wanted = peft.LoraConfig(r=2, target_modules=["c_attn"], fan_in_fan_out=True, task_type="CAUSAL_LM")
    other = peft.get_peft_model(GPT2LMHeadModel.from_pretrained(folder), wanted).double().eval()
    other.load_state_dict({name: 1.5 * t if "lora_" in name else t for name, t in adapter[1].state_dict().items()})
    other.save_pretrained(tmp_path / "second")
    return tmp_path / "second", other


@pytest.mark.parametrize("lean", [False, True])
def test_the_way_to_a_second_adapter_ends_at_its_loss(adapter, second, batches, lean):
    found = ll.line(adapter[0], to=second[0], data=batches, lean=lean, **EXACT)
    assert abs(found.values["train_loss"][1] - own_loss(adapter[1], batches)) < 1e-12
    assert abs(found.values["train_loss"][2] - own_loss(second[1], batches)) < 1e-12
    assert found.trails["nets"].x.tolist() == [0, 1] and max(found.trails["nets"].residual) < 1e-9


def test_a_second_adapter_of_other_settings_is_refused(adapter, second, batches):
    configure(second[0], "adapter_config.json", lora_alpha=64)
    with pytest.raises(LandscapeError, match="has lora_alpha 64, and the net's adapter 8; give two alike"):
        ll.line(adapter[0], to=second[0], data=batches, **EXACT)


def test_a_folder_with_shards_of_torch_files_is_its_net(folder, net, batches):
    wanted, state = centre(folder, batches), net.state_dict()
    del state["lm_head.weight"]
    (folder / "model.safetensors").unlink()
    shards = {"pytorch_model-00001-of-00002.bin": [*state][::2], "pytorch_model-00002-of-00002.bin": [*state][1::2]}
    for name, keys in shards.items():
        torch.save({key: state[key] for key in keys}, folder / name)
    order = {key: name for name, keys in shards.items() for key in keys}
    (folder / "pytorch_model.bin.index.json").write_text(json.dumps({"weight_map": order}))
    for lean in (False, True):
        assert centre(folder, batches, lean=lean) == wanted
    torch.save([1, 2], folder / "pytorch_model-00002-of-00002.bin")
    with pytest.raises(LandscapeError, match="00002.bin: expected tensors by name"):
        centre(folder, batches)
    (folder / "pytorch_model-00002-of-00002.bin").unlink()
    with pytest.raises(LandscapeError, match="names missing shards pytorch_model-00002-of-00002.bin"):
        centre(folder, batches)


def test_an_adapter_of_other_weights_than_its_configuration_is_refused(adapter, batches):
    configure(adapter[0], "adapter_config.json", target_modules=["c_attn", "c_fc"])
    with pytest.raises(LandscapeError, match=r"adapter_config.json differ in base_model.*c_fc"):
        centre(adapter[0], batches)


LIT = """
import torch
import lightning

class Lit(lightning.LightningModule):
    def __init__(self, width, depth=1, *, unused="x"):
        super().__init__()
        self.save_hyperparameters()
        layers = [torch.nn.Linear(3, width), torch.nn.Tanh()]
        for _ in range(depth):
            layers += [torch.nn.Linear(width, width), torch.nn.Tanh()]
        self.net = torch.nn.Sequential(*layers, torch.nn.Linear(width, 2))

    def forward(self, x):
        return self.net(x)

    def training_step(self, batch, _):
        return torch.nn.functional.cross_entropy(self(batch[0]), batch[1])

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)
"""


def test_a_checkpoint_of_lightning_builds_its_class_with_the_stored_settings(tmp_path, one_process):
    import lightning

    from landscape.callables import resolve_callable

    (tmp_path / "lit.py").write_text(LIT)
    x, y = torch.randn(6, 3, generator=torch.Generator().manual_seed(3)), torch.tensor([0, 1, 1, 0, 1, 0])
    lit = resolve_callable(f"{tmp_path / 'lit.py'}:Lit")(7, depth=3)
    trainer = lightning.Trainer(
        max_steps=2, accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False,
        enable_model_summary=False, default_root_dir=tmp_path,
    )  # fmt: skip
    trainer.fit(lit, torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x, y), batch_size=6))
    trainer.save_checkpoint(tmp_path / "lit.ckpt")
    assert dict(ll.load_checkpoint(tmp_path / "lit.ckpt").settings) == {"width": 7, "depth": 3, "unused": "x"}
    found = centre(tmp_path / "lit.ckpt", (x.double(), y), model=f"{tmp_path / 'lit.py'}:Lit")
    wanted = torch.nn.functional.cross_entropy(lit.double().eval()(x.double()), y).item()
    assert abs(found - wanted) < 1e-12


def test_settings_that_are_one_argument(tmp_path):
    (tmp_path / "one.py").write_text(
        "import torch\nclass One(torch.nn.Linear):\n    def __init__(self, conf):\n        super().__init__(3, conf['out'])\n"
    )
    stored = {"state_dict": torch.nn.Linear(3, 4).state_dict(), "hyper_parameters": {"out": 4}, "hparams_name": "conf"}
    torch.save(stored, tmp_path / "one.ckpt")
    x, y = torch.randn(6, 3), torch.tensor([0, 1, 2, 3, 1, 0])
    assert ll.line(tmp_path / "one.ckpt", model=f"{tmp_path / 'one.py'}:One", data=(x, y), **EXACT).shape == (3,)
