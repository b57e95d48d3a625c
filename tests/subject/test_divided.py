"""Nets of transformers on several devices or processes: what is taken, and the line on what is not."""

import accelerate
import pytest
import torch
import torch.distributed as dist
from torch.distributed import fsdp
from transformers import GPT2Config, GPT2LMHeadModel

import landscape as ll
from landscape.errors import LandscapeError
from tests.subject.test_folders import EXACT, TINY


@pytest.fixture
def batches():
    tokens = torch.randint(0, 16, (6, 5), generator=torch.Generator().manual_seed(2))
    return [{"input_ids": tokens, "labels": tokens}]


@pytest.fixture
def folder(tmp_path):
    torch.manual_seed(0)
    GPT2LMHeadModel(GPT2Config(**TINY)).save_pretrained(tmp_path / "gpt")
    return tmp_path / "gpt"


@pytest.fixture
def one_process():
    dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    yield
    dist.destroy_process_group()


def test_a_net_that_is_divided_among_processes_is_one_line(batches, one_process):
    net = GPT2LMHeadModel(GPT2Config(**TINY))
    fsdp.fully_shard(net, mesh=dist.device_mesh.init_device_mesh("cpu", (1,)))
    with pytest.raises(LandscapeError, match=r"tensor transformer.wte.weight is divided among processes \(FSDP2"):
        ll.trajectory([net, net], data=batches, quiet=True)
    older = fsdp.FullyShardedDataParallel(torch.nn.Linear(3, 2), device_id=torch.device("cpu"))
    with pytest.raises(LandscapeError, match=r"is divided among processes \(FSDP\)"):
        ll.line(model=older, data=(torch.ones(4, 3), torch.zeros(4).long()), **EXACT)


ON_DISK = {"transformer.h.1": "disk", "transformer.ln_f": "disk"}
PLACES = {f"transformer.{name}": "cpu" for name in ("wte", "wpe", "drop", "h.0")} | {"lm_head": "cpu"} | ON_DISK
ALL_ON_DISK = dict.fromkeys(PLACES, "disk")


def read(folder, **options):
    return GPT2LMHeadModel.from_pretrained(folder, **options)


DISPATCHED = {
    "on one device": lambda folder, disk: read(folder, device_map={"": "cpu"}),
    "with hooks, in memory": lambda folder, disk: accelerate.dispatch_model(
        read(folder), {"": "cpu"}, force_hooks=True
    ),
    "CPU and disk": lambda folder, disk: accelerate.dispatch_model(read(folder), PLACES, offload_dir=disk),
    "all on the disk, read so": lambda folder, disk: read(folder, device_map=ALL_ON_DISK, offload_folder=disk),
    "offloaded to the CPU": lambda folder, disk: accelerate.cpu_offload(read(folder), execution_device="cpu"),
}


@pytest.mark.parametrize("how", DISPATCHED)
def test_a_dispatched_net_is_the_net_as_one(folder, batches, tmp_path, how):
    wanted = ll.line(model=read(folder), data=batches, **EXACT)
    placed = DISPATCHED[how](folder, tmp_path / "disk")
    before = placed(batches[0]["input_ids"]).logits
    found = ll.line(model=placed, data=batches, **EXACT)
    assert (found.values["train_loss"] == wanted.values["train_loss"]).all()
    for part in ("checkpoint", "model", "directions", "code"):
        assert found.provenance[part] == wanted.provenance[part]
    assert torch.equal(placed(batches[0]["input_ids"]).logits, before)


def test_a_dispatched_net_is_an_end_too(folder, batches, tmp_path):
    torch.manual_seed(5)
    other = GPT2LMHeadModel(GPT2Config(**TINY))
    wanted = ll.line(model=read(folder), data=batches, to=other, **EXACT)
    accelerate.cpu_offload(other, execution_device="cpu")
    placed = accelerate.dispatch_model(read(folder), PLACES, offload_dir=tmp_path / "disk")
    found = ll.line(model=placed, data=batches, to=other, **EXACT)
    assert (found.values["train_loss"] == wanted.values["train_loss"]).all()


def test_a_net_without_values_is_one_line(folder, batches):
    with torch.device("meta"):
        empty = GPT2LMHeadModel(GPT2Config(**TINY))
    with pytest.raises(LandscapeError, match="transformer.wte.weight has no values .*pass a loaded net"):
        ll.line(model=empty, data=batches, **EXACT)
