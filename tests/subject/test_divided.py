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


def test_device_map_is_taken_on_one_device_and_refused_where_it_offloads(folder, batches):
    wanted = ll.line(model=GPT2LMHeadModel.from_pretrained(folder), data=batches, **EXACT)
    placed = GPT2LMHeadModel.from_pretrained(folder, device_map={"": "cpu"})
    found = ll.line(model=placed, data=batches, **EXACT)
    assert (found.values["train_loss"] == wanted.values["train_loss"]).all()
    accelerate.cpu_offload(placed, execution_device="cpu")
    with pytest.raises(LandscapeError, match="transformer.wte.weight has no values .*without offloading"):
        ll.line(model=placed, data=batches, **EXACT)
