"""The recorder of other training loops: what is saved when, and what becomes of a folder with a run."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import landscape as ll
from landscape.errors import AnotherRun, LandscapeError, UsageError
from landscape.surfaces.run_log import load_run


@pytest.fixture
def loop(tmp_path):
    """Trains a linear net for some steps with a recorder: loop(recorder, model, steps) -> its losses."""

    def train(recorder: ll.Recorder, model: nn.Module, steps: int) -> list[float]:
        chance, losses = torch.Generator().manual_seed(0), []
        optimizer = torch.optim.SGD(model.parameters(), 0.1)
        for _ in range(steps):
            inputs = torch.randn(8, 3, generator=chance)
            loss = (model(inputs) - inputs.sum(1, keepdim=True)).square().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            recorder.step(loss=loss)
            losses.append(float(loss.detach()))
        return losses

    return train


@pytest.fixture
def model() -> nn.Module:
    torch.manual_seed(0)
    return nn.Linear(3, 1)


def steps_in(folder: Path) -> list[int]:
    return sorted(int(path.stem.removeprefix("step_")) for path in (folder / "checkpoints").iterdir())


def saved(folder: Path, step: int) -> torch.Tensor:
    return ll.load_checkpoint(folder / "checkpoints" / f"step_{step:07d}.pt").state_dict["weight"]


def test_nets_are_saved_at_the_start_every_few_steps_and_at_the_end(tmp_path, loop, model):
    first = model.weight.detach().clone()
    recorder = ll.Recorder(tmp_path / "run", model, every=4)
    losses = loop(recorder, model, 10)
    assert recorder.finish() == tmp_path / "run" / "final.pt"
    assert steps_in(tmp_path / "run") == [0, 4, 8]
    torch.testing.assert_close(saved(tmp_path / "run", 0), first, rtol=0, atol=0)
    final = ll.load_checkpoint(tmp_path / "run" / "final.pt")
    assert final.meta["step"] == 10
    torch.testing.assert_close(final.state_dict["weight"], model.weight.detach(), rtol=0, atol=0)
    log = load_run(tmp_path / "run")
    np.testing.assert_array_equal(log.times, [4, 8, 10])
    means = [np.mean(losses[:4]), np.mean(losses[4:8]), np.mean(losses[8:])]
    np.testing.assert_allclose(log.columns["train_loss"], means, rtol=1e-6)


def test_metrics_without_a_step_come_into_the_row_of_the_present_step_or_the_next(tmp_path, model):
    recorder = ll.Recorder(tmp_path / "run", every=2)
    recorder.begin(model)
    for step in range(4):
        recorder.log(test_loss=float(step), lr=0.5)
        recorder.step(accuracy=torch.tensor([0.25 * step]))
    with (tmp_path / "run" / "log.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert [row["test_loss"] for row in rows] == ["1.0", "3.0"], "that of step 2 is in the row of step 2"
    assert [row["train_accuracy"] for row in rows] == ["0.125", "0.625"] and rows[0]["lr"] == "0.5"


def test_an_existing_run_is_removed_or_continued_only_on_demand(tmp_path, loop, model):
    folder = tmp_path / "run"
    whole = loop(ll.Recorder(folder, model, every=2), model, 5)  # not finished, as after a crash at step 5
    with pytest.raises(UsageError, match="holds a run; give another folder, overwrite=True"):
        ll.Recorder(folder, model)
    model.load_state_dict(ll.load_checkpoint(folder / "checkpoints" / "step_0000004.pt").state_dict)
    again = ll.Recorder(folder, model, every=2, append=True)
    assert again.steps == 4
    losses = loop(again, model, 4)
    again.finish()
    assert steps_in(folder) == [0, 2, 4, 6, 8]
    log = load_run(folder)
    np.testing.assert_array_equal(log.times, [2, 4, 6, 8])
    expected = [np.mean(whole[:2]), np.mean(whole[2:4]), np.mean(losses[:2]), np.mean(losses[2:])]
    np.testing.assert_allclose(log.columns["train_loss"], expected, rtol=1e-6)
    measured = ("hessian.h5", "dynamics.h5")
    for name in measured:
        (folder / name).touch()
    ll.Recorder(folder, model, every=2, overwrite=True)
    assert steps_in(folder) == [0]
    assert not any((folder / name).exists() for name in ("final.pt", "log.csv", *measured))


def test_a_net_that_is_wrapped_is_saved_under_its_own_names(tmp_path, model):
    ll.Recorder(tmp_path / "run", nn.DataParallel(model), every=1)
    assert set(ll.load_checkpoint(tmp_path / "run" / "checkpoints" / "step_0000000.pt").state_dict) == {
        "weight",
        "bias",
    }


def test_only_the_first_rank_writes(tmp_path, model, monkeypatch):
    monkeypatch.setenv("RANK", "1")
    recorder = ll.Recorder(tmp_path / "run", model, every=1)
    recorder.step(loss=1.0)
    recorder.finish()
    assert not (tmp_path / "run").exists()


def test_a_block_that_fails_leaves_no_final_net(tmp_path, model):
    with pytest.raises(ZeroDivisionError), ll.Recorder(tmp_path / "run", model, every=1) as recorder:
        recorder.step(loss=1.0)
        raise ZeroDivisionError
    assert steps_in(tmp_path / "run") == [0, 1] and not (tmp_path / "run" / "final.pt").exists()


@pytest.mark.parametrize(
    ("use", "words"),
    [
        (lambda folder, model: ll.Recorder(folder / "run", model, every=0), "every 0: expected at least 1"),
        (lambda folder, model: ll.Recorder(folder, model), "has files in it that are not those of a run"),
        (lambda folder, model: ll.Recorder(folder / "run", every=1).step(loss=1.0), "no net yet: pass it to Recorder"),
        (lambda folder, model: ll.Recorder(folder / "run", every=1).finish(), "no net yet"),
        (
            lambda folder, model: ll.Recorder(folder / "run", model).step(loss=torch.ones(3)),
            r"shape \(3,\): expected one number",
        ),
        (
            lambda folder, model: ll.Recorder(folder / "run", model).step(loss="low"),
            "metric train_loss 'low': expected one real number",
        ),
        (lambda folder, model: ll.Recorder(folder / "run", model, overwrite=True, append=True), "exclude each other"),
        (
            lambda folder, model: ll.Recorder(folder / "run", model, about={"lr": torch.ones(1)}),
            "about: expected plain values",
        ),
        (lambda folder, model: ll.Recorder(folder / "run", model).step(5), "model 5: expected a torch.nn.Module"),
    ],
)
def test_wrong_use_is_one_line(tmp_path, model, use, words):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(LandscapeError, match=words):
        use(tmp_path, model)


@pytest.mark.parametrize("step", [5, -5, 5.5, 6.0, True, "6", torch.tensor(6)])
def test_steps_are_whole_numbers_that_rise(tmp_path, model, step):
    recorder = ll.Recorder(tmp_path / "run", model, every=10)
    recorder.step(step=5)
    with pytest.raises(UsageError, match="expected a whole number above 5"):
        recorder.step(step=step)


def test_steps_that_jump_over_the_interval_are_saved_too(tmp_path, model):
    recorder = ll.Recorder(tmp_path / "run", model, every=100)
    for step in range(1, 400, 30):
        recorder.step(step=step, loss=1.0)
    assert steps_in(tmp_path / "run") == [0, 121, 241, 361]


def test_a_finished_run_goes_on_from_its_final_net(tmp_path, loop, model):
    recorder = ll.Recorder(tmp_path / "run", model, every=4)
    losses = loop(recorder, model, 6)
    recorder.finish()
    with pytest.raises(UsageError, match="has ended this run"):
        recorder.step(loss=1.0)
    final = model.weight.detach().clone()
    again = ll.Recorder(tmp_path / "run", model, every=4, append=True)
    assert again.steps == 6 and not (tmp_path / "run" / "final.pt").exists()
    torch.testing.assert_close(saved(tmp_path / "run", 6), final, rtol=0, atol=0)
    more = loop(again, model, 4)
    again.finish()
    assert steps_in(tmp_path / "run") == [0, 4, 6, 10]
    log = load_run(tmp_path / "run")
    np.testing.assert_array_equal(log.times, [4, 6, 10])
    expected = [np.mean(losses[:4]), np.mean(losses[4:]), np.mean(more)]
    np.testing.assert_allclose(log.columns["train_loss"], expected, rtol=1e-6)


def test_a_trainer_that_goes_on_from_an_earlier_step_drops_what_came_after(tmp_path, loop, model):
    loop(ll.Recorder(tmp_path / "run", model, every=2), model, 8)
    data = (torch.ones(4, 3), torch.ones(4, 1))
    measured = {"model": model, "data": data, "loss": "mse", "measures": "distance", "threads": 1, "quiet": True}
    assert ll.dynamics(tmp_path / "run", **measured).grid.size == 5
    again = ll.Recorder(tmp_path / "run", every=2, append=True)
    again.begin(model, 4)
    assert again.steps == 4 and steps_in(tmp_path / "run") == [0, 2, 4]
    loop(again, model, 2)
    np.testing.assert_array_equal(load_run(tmp_path / "run").times, [2, 4, 6])
    loop(again, model, 2)
    with pytest.raises(AnotherRun, match="dynamics.h5 is of another run: .*; remove it"):
        ll.dynamics(tmp_path / "run", **measured)  # at the same steps there are other nets now
    with pytest.raises(UsageError, match="holds a run up to step 8, and the trainer starts at 0"):
        ll.Recorder(tmp_path / "run", append=True).begin(model, 0)


def test_a_folder_of_a_recorder_that_was_killed_at_once_is_taken(tmp_path, model):
    (tmp_path / "run" / "checkpoints").mkdir(parents=True)
    ll.Recorder(tmp_path / "run", model)
    (tmp_path / "run" / "checkpoints" / "step_best.pt").write_bytes(b"")
    save = tmp_path / "run" / "checkpoints" / "step_10000000.pt"
    save.write_bytes((tmp_path / "run" / "checkpoints" / "step_0000000.pt").read_bytes())
    assert ll.Recorder(tmp_path / "run", model, append=True).steps == 10_000_000


def test_one_recorder_writes_in_a_folder(tmp_path, model):
    """A second one is refused while another process writes there; in this process a later one takes over."""
    folder = tmp_path / "run"
    first = ll.Recorder(folder, model, every=1)
    with pytest.raises(UsageError, match="another recorder or training writes there"):
        ll.Recorder(folder, model)
    second = ll.Recorder(folder, model, every=1, overwrite=True)
    with pytest.raises(UsageError, match="a later recorder writes there now"):
        first.step(loss=1.0)
    second.step(loss=1.0)
    second.finish()
    ll.Recorder(folder, model, append=True).finish()


def test_a_recorder_that_is_refused_gives_the_folder_back(tmp_path, model):
    """The one that was there goes on, and still keeps others out."""
    folder = tmp_path / "run"
    first = ll.Recorder(folder, model, every=1)
    for _ in range(3):
        first.step(loss=1.0)
    with pytest.raises(UsageError):
        ll.Recorder(folder, model, overwrite=True, append=True)
    (folder / "config.json").write_text("{")
    with pytest.raises(LandscapeError):
        ll.Recorder(folder, model, append=True)
    first.step(loss=1.0)
    with pytest.raises(UsageError, match="another recorder or training writes there"):
        ll.Recorder(folder, model)


def test_a_folder_that_another_process_holds_is_refused(tmp_path, model):
    import fcntl

    folder = tmp_path / "run"
    folder.mkdir()
    held = os.open(folder, os.O_RDONLY)  # another open file: to flock as another process
    fcntl.flock(held, fcntl.LOCK_EX)
    for options in ({}, {"overwrite": True}, {"append": True}):
        with pytest.raises(UsageError, match="another recorder or training writes there"):
            ll.Recorder(folder, model, **options)
    os.close(held)
    ll.Recorder(folder, model).finish()
