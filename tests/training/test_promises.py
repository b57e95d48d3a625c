"""What users bring: their loaders, batches, losses and numbers; and folders in every state."""

import copy
import errno
import io
import json

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, Dataset, TensorDataset

import landscape as ll
from landscape.data.load import load_splits
from landscape.errors import AnotherRun, LandscapeError, UsageError
from landscape.objective.loss import make_measure
from landscape.training import run_folder
from landscape.training.loader import make_loader
from landscape.training.optimizers import optimizers
from landscape.training.run_folder import RunFolder
from landscape.training.settings import TrainingSettings
from landscape.training.trainer import Trainer

SHORT = {"epochs": 1, "batch_size": 8, "quiet": True, "weight_decay": 0, "lr": 0.01}


@pytest.fixture
def xy():
    chance = torch.Generator().manual_seed(0)
    x = torch.randn(40, 5, generator=chance)
    return x, x[:, :3].argmax(1)


def linear() -> nn.Module:
    torch.manual_seed(0)
    return nn.Linear(5, 3)


def same(a, b) -> bool:
    return all(torch.equal(tensor, b[name]) for name, tensor in a.items())


@pytest.mark.parametrize(
    "loss",
    [
        lambda outputs, targets: F.cross_entropy(outputs, targets, reduction="sum"),
        lambda model, batch: F.cross_entropy(model(batch[0]), batch[1], reduction="sum"),
    ],
    ids=["of outputs", "of the model"],
)
def test_a_sum_is_refused_before_anything_is_trained(xy, tmp_path, loss):
    """No other command could measure the run; rows of training and of tests would be sums of other numbers of samples."""
    with pytest.raises(UsageError, match=r"it is a sum: .*return one value per sample, or a pair \(sum, weight\)"):
        ll.train(linear(), data=xy, loss=loss, out=tmp_path / "run", **SHORT)
    assert not (tmp_path / "run").exists()


def test_a_count_beside_a_loss_is_not_refused(xy, tmp_path):
    def loss(model, batch):
        outputs = model(batch[0])
        return {"loss": F.cross_entropy(outputs, batch[1]), "correct": (outputs.argmax(1) == batch[1]).sum().float()}

    run = ll.train(linear(), data=xy, loss=loss, out=tmp_path / "run", **SHORT)
    assert run.metrics["train_loss"] > 0
    line = ll.line(model=linear(), data=xy, loss=loss, x=(-1, 1, 3), batch_size=40, quiet=True)
    outputs = linear()(xy[0])
    assert line.at_origin("train_correct") == float((outputs.argmax(1) == xy[1]).sum())


@pytest.mark.parametrize("precision", ["fp32", "fp64"])
@pytest.mark.parametrize("name", sorted(set(optimizers()) - {"muon"}))
def test_every_optimizer_goes_on_bit_for_bit(name, precision, xy):
    dtype = torch.float64 if precision == "fp64" else torch.float32

    def trainer() -> Trainer:
        settings = TrainingSettings(
            model="m", data=None, normalize="", optimizer=name, batch_size=8, precision=precision
        )
        split = load_splits(xy).splits["train"]
        loader = make_loader(split, 8, augment=(), label_noise=0.0, seed=0, device=torch.device("cpu"), dtype=dtype)
        return Trainer(linear(), loader, make_measure("cross_entropy", None)[0], settings.completed())

    unbroken, before, after = trainer(), trainer(), trainer()
    for _ in range(10):
        unbroken.advance()
    for _ in range(5):
        before.advance()
    file = io.BytesIO()
    torch.save(before.state(), file)
    file.seek(0)
    after.restore(torch.load(file, weights_only=True))
    for _ in range(5):
        after.advance()
    assert same(unbroken.model.state_dict(), after.model.state_dict())
    assert unbroken.pop_means() == after.pop_means()


def test_muon_refuses_what_it_cannot_do_in_one_line(tmp_path):
    if "muon" not in optimizers():
        pytest.skip("this torch has no Muon")
    with pytest.raises(UsageError, match="optimizer 'muon'"):
        ll.train("resnet20", data="digits", optimizer="muon", out=tmp_path / "run", quiet=True)


def test_a_shuffling_loader_is_the_same_data_each_time_and_leaves_the_callers_chance(xy, tmp_path):
    loader = DataLoader(TensorDataset(*xy), batch_size=7, shuffle=True)
    net, before = linear(), torch.get_rng_state()
    first = ll.train(net, data=loader, out=tmp_path / "run", **SHORT)
    assert torch.equal(torch.get_rng_state(), before)
    torch.rand(3)
    again = ll.train(net, data=loader, out=tmp_path / "run", **SHORT)
    assert again.metrics == first.metrics


def test_numbers_of_numpy_are_numbers(xy, tmp_path):
    numbers = {"lr": np.float64(0.01), "seed": np.int64(3), "clip": np.float32(1), "batch_size": np.int32(8)}
    first = ll.train(linear(), data=xy, out=tmp_path / "run", **{**SHORT, **numbers})
    again = ll.train(linear(), data=xy, out=tmp_path / "run", **{**SHORT, "seed": 3, "clip": 1.0})
    assert again.metrics == first.metrics


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"lr": "0.1"}, "lr '0.1': expected a number"),
        ({"milestones": "half"}, "milestones half"),
        ({"batch_size": 8.5}, "batch-size 8.5"),
        ({"optimizer_option": {"lr": 7}}, "optimizer-option lr: has an option of its own, lr"),
        ({"optimizer_option": "betas=(0.9,0.95)"}, "optimizer-option betas: SGD has"),
    ],
)
def test_values_of_another_kind_are_named(change, text, xy, tmp_path):
    with pytest.raises(UsageError) as caught:
        ll.train(linear(), data=xy, out=tmp_path / "run", **{**SHORT, **change})
    assert text in str(caught.value) and not (tmp_path / "run").exists()


def per_token(model, batch):
    return F.cross_entropy(model(batch[0]).repeat(2, 1), batch[1].repeat(2), reduction="none")


def without_gradient(outputs, targets):
    return (outputs.argmax(1) != targets).float()


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"loss": per_token}, r"returned shape \(16,\) for 8 samples"),
        ({"loss": without_gradient}, "cannot be trained.*grad"),
        ({"data": "one label too high"}, "label 7 in train is outside"),
        ({"data": "broken test split"}, "9 inputs and 8 targets"),
    ],
)
def test_what_cannot_be_trained_is_found_before_anything_is_written(change, text, xy, tmp_path):
    x, y = xy
    high = y.clone()
    high[-1] = 7
    data = {
        "one label too high": {"train": (x, high)},
        "broken test split": {"train": xy, "test": (x[:9], y[:8])},
    }.get(change.get("data"), xy)
    with pytest.raises(LandscapeError, match=text):
        ll.train(linear(), out=tmp_path / "run", **{**SHORT, **change, "data": data})
    assert not (tmp_path / "run").exists()


def test_a_loss_may_take_batches_apart(xy, tmp_path):
    batches = [{"x": x, "y": y} for x, y in zip(xy[0].split(8), xy[1].split(8), strict=True)]
    before = copy.deepcopy(batches)

    def loss(model, batch):
        labels, inputs = batch.pop("y"), batch.pop("x")
        return {"loss": F.cross_entropy(model(inputs), labels), "largest": inputs.abs().max().item()}

    data = {"train": batches, "test": batches}
    run = ll.train(linear(), data=data, loss=loss, out=tmp_path / "run", **{**SHORT, "epochs": 2})
    assert all(torch.equal(a[key], b[key]) for a, b in zip(batches, before, strict=True) for key in "xy")
    assert run.log[1]["train_largest"] == pytest.approx(run.log[2]["train_largest"])


def test_a_dataset_of_dicts_and_soft_labels(xy, tmp_path):
    class Dicts(Dataset):
        def __len__(self):
            return 40

        def __getitem__(self, index):
            return {"x": xy[0][index], "y": xy[1][index]}

    def loss(model, batch):
        return F.cross_entropy(model(batch["x"]), batch["y"])

    assert ll.train(linear(), data=Dicts(), loss=loss, out=tmp_path / "dicts", **SHORT).metrics["train_loss"] > 0
    soft = (xy[0], F.one_hot(xy[1], 3).float())
    run = ll.train(linear(), data=soft, out=tmp_path / "soft", **SHORT)
    hard = ll.train(linear(), data=xy, out=tmp_path / "hard", **SHORT)
    assert set(run.metrics) == {"train_loss"}
    assert run.metrics["train_loss"] == pytest.approx(hard.metrics["train_loss"], rel=1e-6)


def test_convolutions_of_two_kinds_in_one_net(tmp_path):
    net = nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.Unflatten(1, (2, 2)), nn.Conv3d(2, 2, 1), nn.Flatten(), nn.Linear(2 * 2 * 36, 10)
    )
    assert ll.train(net, data="digits", out=tmp_path / "run", **{**SHORT, "epochs": 0.05}).metrics["test_loss"] > 0


def test_buffers_that_are_not_saved_count(xy, tmp_path):
    class Drifting(nn.Linear):
        def __init__(self):
            super().__init__(5, 3)
            self.register_buffer("shift", torch.zeros(3), persistent=False)

        def forward(self, x):
            if self.training:
                self.shift += 0.1
            return super().forward(x) + self.shift * torch.arange(3)

    data = {"train": xy, "test": xy}
    net = Drifting()
    run = ll.train(net, data=data, out=tmp_path / "run", **SHORT)
    assert run.log[-1]["test_loss"] == pytest.approx(run.metrics["test_loss"], rel=1e-6)
    (tmp_path / "run" / "final.pt").unlink()  # as if killed before the end
    again = ll.train(net, data=data, out=tmp_path / "run", **SHORT)
    assert again.metrics == run.metrics and torch.equal(again.model.shift, run.model.shift)


def test_the_test_split_is_part_of_the_run(xy, tmp_path):
    ll.train(linear(), data={"train": xy, "test": xy}, out=tmp_path / "run", **SHORT)
    for test in ({"test": (xy[0] + 1, xy[1])}, {}):
        with pytest.raises(AnotherRun, match="hash of the test samples"):
            ll.train(linear(), data={"train": xy, **test}, out=tmp_path / "run", **SHORT)


def test_files_that_were_taken_away(xy, tmp_path):
    run = ll.train(linear(), data=xy, out=tmp_path / "run", **SHORT)
    log, final = (run.folder / "log.csv").read_text(), (run.folder / "final.pt").read_bytes()
    (run.folder / "log.csv").write_text("edited")
    ll.train(linear(), data=xy, out=run.folder, **SHORT)
    assert (run.folder / "log.csv").read_text() == log
    (run.folder / "state.pt").unlink()
    again = ll.train(linear(), data=xy, out=run.folder, **SHORT)
    assert again.metrics == run.metrics and same(again.model.state_dict(), run.model.state_dict())
    assert (run.folder / "final.pt").read_bytes() == final


def test_two_processes_do_not_write_one_folder(xy, tmp_path):
    other = RunFolder(tmp_path / "run")
    other.open({"lr": 1}, ["lr"], overwrite=False)
    with pytest.raises(LandscapeError, match="another process is training there"):
        ll.train(linear(), data=xy, out=tmp_path / "run", overwrite=True, **SHORT)
    other.close()
    assert ll.train(linear(), data=xy, out=tmp_path / "run", overwrite=True, **SHORT).metrics


@pytest.mark.parametrize("file", ["config.json", "state.pt", "log.csv", "final.pt"])
def test_a_full_disk_at_any_file_costs_nothing_but_the_space(file, xy, tmp_path, monkeypatch):
    from landscape.checkpoint import save

    real = run_folder.whole_file

    def full(path):
        if path.name == file:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(path)

    with monkeypatch.context() as patch:
        patch.setattr(run_folder, "whole_file", full)
        patch.setattr(save, "whole_file", full)
        with pytest.raises(LandscapeError, match="cannot write.*No space left"):
            ll.train(linear(), data=xy, out=tmp_path / "run", **SHORT)
    fresh = ll.train(linear(), data=xy, out=tmp_path / "other", **SHORT)
    assert ll.train(linear(), data=xy, out=tmp_path / "run", **SHORT).metrics == fresh.metrics


def test_a_net_lost_at_the_last_step_is_not_called_trained(tmp_path):
    with pytest.raises(LandscapeError, match="the weights are not finite any more at step 1"):
        ll.train("resnet20", data="digits", epochs=0.09, lr=3e38, schedule="constant", out=tmp_path / "run", quiet=True)
    assert not (tmp_path / "run" / "final.pt").exists()


def test_a_net_in_memory_is_not_named_in_its_checkpoint(xy, tmp_path):
    run = ll.train(linear(), data={"train": xy}, out=tmp_path / "run", **SHORT)
    meta = ll.load_checkpoint(run.folder).meta
    assert "model" not in meta and "data" not in meta
    line = ll.line(run.folder, model=linear(), data=xy, x=(-1, 1, 3), quiet=True)
    assert line.at_origin("train_loss") == pytest.approx(run.metrics["train_loss"], rel=1e-6)


def test_a_function_that_returns_both_splits_is_asked_once_and_has_its_test_split(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own.py").write_text(
        "import torch\nCALLS = []\ndef data():\n    CALLS.append(0)\n    x = torch.rand(20, 3) + 10 * len(CALLS)\n"
        "    y = torch.arange(20) % 2\n    return {'train': (x[:12], y[:12]), 'test': (x[12:], y[12:])}\n"
    )
    run = ll.train(nn.Linear(3, 2), data="own.py:data", epochs=1, batch_size=4, out="run", quiet=True, threads=1)
    assert {"train_loss", "test_loss"} <= set(run.metrics)
    facts = json.loads((tmp_path / "run/config.json").read_text())
    assert (facts["train_samples"], facts["test_samples"]) == (12, 8)
    from landscape.callables import resolve_callable

    assert len(resolve_callable("own.py:data", "data").__globals__["CALLS"]) == 1
