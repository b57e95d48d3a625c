"""A net that is divided among two processes of torch.distributed has the values of the same net as one; no MPI has a part in it.

The two processes are started once, and compute everything that the tests compare. Nets are tiny and not trained.
"""

import os
import subprocess
import sys
import traceback
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.fsdp import fully_shard

import landscape as ll
from landscape.errors import LandscapeError, UsageError

GRID = {"x": "-1:1:3", "y": "-0.5:1:3", "quiet": True, "threads": 1}
RANKS = 2
ROUGH = {"x": "-1:1:3", "tolerance": 0.2, "refine": False, "quiet": True, "threads": 1}


def net(dtype=torch.float32):
    """With filters along the dimension that is cut (of Linear), and across it (of ConvTranspose1d)."""
    torch.manual_seed(1)
    convolution = [nn.Unflatten(1, (2, 3)), nn.ConvTranspose1d(2, 3, 2), nn.Flatten()]
    return nn.Sequential(nn.Linear(5, 7), nn.Tanh(), nn.Linear(7, 6), *convolution, nn.Linear(12, 3)).to(dtype)


def data(samples=40):
    source = torch.Generator().manual_seed(0)
    return torch.randn(samples, 5, generator=source), torch.randint(0, 3, (samples,), generator=source)


def sharded(model):
    mesh = dist.device_mesh.init_device_mesh("cpu", (dist.get_world_size(),))
    fully_shard(model[2], mesh=mesh)
    return fully_shard(model, mesh=mesh)


def tensor_parallel(model):
    from torch.distributed.tensor import Replicate
    from torch.distributed.tensor import parallel as tp

    plan = {
        "0": tp.ColwiseParallel(output_layouts=Replicate()),
        "6": tp.RowwiseParallel(input_layouts=Replicate(), output_layouts=Replicate()),
    }
    return tp.parallelize_module(model, dist.device_mesh.init_device_mesh("cpu", (dist.get_world_size(),)), plan)


class OfSizes(nn.Module):
    """For batches of 8 samples, which a trial passes, and 20; not for the halves that it passes, too."""

    def forward(self, x):
        if len(x) not in (8, 20):
            raise ValueError(f"a batch of {len(x)}")
        return x


def failing_above(limit):
    def loss(model, batch):
        value = nn.functional.cross_entropy(model(batch[0]), batch[1])
        if value > limit:
            raise ValueError("the loss gave up")
        return value

    return loss


def parts(model):
    from landscape.shards import divided_in, part_of

    divided_in(model)
    return [part_of(each).clone() for each in model.parameters()]


def of_rank(rank, folder):
    """What one of the processes computes."""
    dist.init_process_group("gloo", store=dist.FileStore(str(folder / "meet"), RANKS), rank=rank, world_size=RANKS)
    model, found = sharded(net()), {}
    before = parts(model)
    found["fsdp"] = ll.surface(model=model, data=data(), out=folder / "two.h5", **GRID)
    again = ll.surface(model=model, data=data(), out=folder / "two.h5", **GRID)
    found["again"] = again.provenance["run"]["started"]
    found["layer"] = ll.line(model=model, data=data(), x="-1:1:3", norm="layer", ignore="none", quiet=True)
    found["bf16"] = ll.line(model=sharded(net(torch.bfloat16)), data=data(), x="-1:1:3", precision="bf16", quiet=True)
    found["estimated"] = ll.line(model=model, data=data(2000), **ROUGH)
    found["points"] = ll.line(model=model, data=data(), x="-1:1:9", dry_run=True, quiet=True).points
    sized = sharded(net().append(OfSizes()))
    found["sized"] = ll.line(model=sized, data=data(), x="-1:1:3", batch_size=20, quiet=True)
    found["tp"] = ll.surface(model=tensor_parallel(net()), data=data(), **GRID)
    highest = failing_above(found["fsdp"].values["train_loss"].max() - 1e-5)
    with pytest.raises(LandscapeError, match="evaluation failed at .*the loss gave up") as caught:
        ll.surface(model=model, data=data(), loss=ll.Loss(highest, of="model"), out=folder / "failed.h5", **GRID)
    found["failed"] = str(caught.value)
    hook = model[2].register_forward_pre_hook(lambda layer, inputs: 1 / 0)
    with pytest.raises(LandscapeError, match="the model does not accept .*division by zero"):
        ll.surface(model=model, data=data(), **GRID)
    hook.remove()
    found["untouched"] = model.training and all(map(torch.equal, before, parts(model)))
    torch.save(found, folder / f"{rank}.pt")
    dist.destroy_process_group()


@pytest.fixture(scope="module")
def ranks(tmp_path_factory):
    """(folder, what each process found)."""
    folder = tmp_path_factory.mktemp("ranks")
    done = subprocess.run(
        [sys.executable, "-m", __name__, str(folder)], cwd=Path(__file__).parents[2], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return folder, [torch.load(folder / f"{rank}.pt", weights_only=False) for rank in range(RANKS)]


@pytest.mark.parametrize("how", ["fsdp", "tp"])
def test_a_divided_net_has_the_values_of_the_net_as_one(ranks, how):
    wanted = ll.surface(model=net(), data=data(), plain=True, **GRID)
    for found in (each[how] for each in ranks[1]):
        assert found.values.keys() == wanted.values.keys()
        for name, values in wanted.values.items():
            np.testing.assert_allclose(found.values[name], values, rtol=1e-5)
        assert found.provenance["directions"] == wanted.provenance["directions"]
        assert found.provenance["checkpoint"] == wanted.provenance["checkpoint"]
        assert found.provenance["run"]["ranks"] == RANKS


def test_a_net_that_refuses_a_batch_of_a_trial_is_evaluated_all_the_same(ranks):
    wanted = ll.line(model=net().append(OfSizes()), data=data(), x="-1:1:3", batch_size=20, quiet=True)
    for found in ranks[1]:
        np.testing.assert_allclose(found["sized"].values["train_loss"], wanted.values["train_loss"], rtol=1e-5)


def test_norms_are_those_of_whole_tensors(ranks):
    wanted = ll.line(model=net(), data=data(), x="-1:1:3", norm="layer", ignore="none", quiet=True)
    for found in ranks[1]:
        np.testing.assert_allclose(found["layer"].values["train_loss"], wanted.values["train_loss"], rtol=1e-5)


def test_weights_in_bfloat16_are_rounded_once_from_the_sum(ranks):
    wanted = ll.line(model=net(torch.bfloat16), data=data(), x="-1:1:3", precision="bf16", plain=True, quiet=True)
    for found in ranks[1]:
        np.testing.assert_allclose(found["bf16"].values["train_loss"], wanted.values["train_loss"], rtol=1e-5)


def test_a_tolerance_takes_the_samples_that_it_takes_of_the_net_as_one(ranks):
    wanted = ll.line(model=net(), data=data(2000), plain=True, **ROUGH)
    assert (np.delete(wanted.values["train_samples"], 1) < 1000).all()  # all of them at the net
    for found in (each["estimated"] for each in ranks[1]):
        for name in ("train_loss", "train_accuracy", "train_samples"):
            np.testing.assert_allclose(found.values[name], wanted.values[name], rtol=1e-5)
    assert [each["points"] for each in ranks[1]] == [9] * RANKS


def test_one_rank_writes_the_file_and_the_same_run_finds_it_complete(ranks):
    folder, (first, second) = ranks
    assert first["again"] == second["again"] == first["fsdp"].provenance["run"]["started"]
    stored = ll.load_surface(folder / "two.h5")
    np.testing.assert_array_equal(stored.values["train_loss"], second["fsdp"].values["train_loss"])
    assert sorted(path.name for path in folder.glob("*.h5")) == ["failed.h5", "two.h5"]


def test_the_callers_net_is_as_it_was_also_after_an_error(ranks):
    folder, (first, second) = ranks
    assert first["untouched"] and second["untouched"]
    assert first["failed"] == second["failed"]
    kept = ll.load_surface(folder / "failed.h5").counts()
    assert kept["failed"] == 1 and 0 < kept["done"] < 9


@pytest.fixture
def one_rank():
    dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    yield
    dist.destroy_process_group()


def test_what_is_not_offered_is_one_line(one_rank):
    model = sharded(net())
    for given, line in (
        ({"to": net()}, "to: not offered for a net that is divided"),
        ({"l2": 0.1}, "l2: not offered"),
        ({"x": "auto"}, "range x auto: not offered"),
        ({"precision": "fp64"}, "precision fp64: parameter 0.weight is held in float32"),
    ):
        with pytest.raises(UsageError, match=line):
            ll.line(model=model, data=data(), **{"x": "-1:1:3", "quiet": True, **given})
    with pytest.raises(UsageError, match="held in bfloat16.* give precision bf16"):
        ll.line(model=sharded(net(torch.bfloat16)), data=data(), x="-1:1:3", quiet=True)


def test_runs_leave_no_groups_behind(one_rank):
    model, counts = sharded(net()), []
    for _ in range(3):
        ll.line(model=model, data=data(), x="-1:1:2", quiet=True, threads=1)
        counts.append(len(dist.distributed_c10d._world.pg_map))
    assert counts == [counts[0]] * 3


def test_groups_of_a_world_that_is_gone_are_forgotten():
    for _ in range(2):
        dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
        ll.line(model=sharded(net()), data=data(), x="-1:1:2", quiet=True, threads=1)
        dist.destroy_process_group()


if __name__ == "__main__":
    torch.set_num_threads(1)
    processes = []
    for number in range(RANKS):
        if not (process := os.fork()):
            status = 1
            try:
                of_rank(number, Path(sys.argv[1]))
                status = 0
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(status)
        processes.append(process)
    sys.exit(max(os.waitpid(process, 0)[1] for process in processes) > 0)
