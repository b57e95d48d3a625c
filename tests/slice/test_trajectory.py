"""Which nets a trajectory has, and in which order."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from landscape.checkpoint.checkpoint import Checkpoint
from landscape.checkpoint.save import save_checkpoint
from landscape.errors import UsageError
from landscape.slice.trajectory import steps_of, trajectories

WEIGHTS = {"weight": torch.zeros(2)}


def nets(folder: Path, *names: str, step: int | None = None) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        save_checkpoint(folder / name, WEIGHTS, {} if step is None else {"step": step})
    return folder


@pytest.mark.parametrize(
    ("names", "steps", "clock"),
    [
        (["step_9", "step_10", "step_100"], [9, 10, 100], "step"),
        (["epoch=1-step=50", "epoch=2-step=100"], [50, 100], "step"),
        (["epoch=1-step=50-v1", "epoch=2-step=100-v2"], [50, 100], "step"),
        (["resnet20_3", "resnet20_12"], [3, 12], "step"),
        (["model_epoch_3", "model_epoch_4"], [3, 4], "epoch"),
        (["checkpoint-500", "checkpoint-1000"], [500, 1000], "step"),
        (["epoch=0-loss=1.25-step=3", "epoch=0-loss=0.75-step=7"], [3, 7], "step"),
        (["epoch_12.5", "epoch_25.5"], [12.5, 25.5], "epoch"),
        (["step_1000.20240501", "step_2000.20240501"], [1000, 2000], "step"),
        (["step_1,000", "step_2,000"], [1, 2], "step"),
        (["net.1.9", "net.1.10"], [9, 10], "step"),
    ],
)
def test_steps_are_read_from_names(names, steps, clock):
    assert steps_of(names) == (steps, clock)


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["a", "b"], "the order of a and b is not known"),
        (["1_2", "2_3"], "the order of 1_2 and 2_3 is not known"),
        (["epoch1_iter90", "epoch2_iter10"], "expected steps that count through all epochs"),
        (["step_5", "other_step_5"], "step_5 and other_step_5 are both of step 5"),
    ],
)
def test_an_order_that_cannot_be_told_is_an_error(names, words):
    with pytest.raises(UsageError, match=words):
        steps_of(names)


def test_a_run_folder_gives_its_nets_in_order_and_a_later_final_one(tmp_path):
    run = nets(tmp_path / "run" / "checkpoints", "step_100.pt", "step_20.pt", "step_3.pt").parent
    nets(run, "final.pt", step=100)
    (found,) = trajectories(run)
    assert found.name == "run" and found.steps == (3, 20, 100)
    assert [path.name for path in found.nets] == ["step_3.pt", "step_20.pt", "step_100.pt"]
    nets(run, "final.pt", step=130)
    (found,) = trajectories(str(run))
    assert found.steps[-1] == 130 and found.nets[-1].name == "final.pt"


def test_a_folder_of_others_is_read_without_what_has_no_step(tmp_path):
    folder = nets(tmp_path / "other", "net_1.pt", "net_2.pt", "best.pt", ".hidden_3.pt")
    (folder / "readme.txt").write_text("1")
    (found,) = trajectories(folder)
    assert found.steps == (1, 2) and "best.pt" in found.notes[0]


def test_folders_of_transformers_are_nets(tmp_path):
    from safetensors.torch import save_file

    for step in (500, 1000):
        (tmp_path / "out" / f"checkpoint-{step}").mkdir(parents=True)
        save_file(WEIGHTS, tmp_path / "out" / f"checkpoint-{step}" / "model.safetensors")
    assert trajectories(tmp_path / "out")[0].steps == (500, 1000)
    both = trajectories([str(tmp_path / "out" / f"checkpoint-{step}") for step in (1000, 500)])
    assert len(both) == 1 and both[0].steps == (500, 1000)


def test_loose_files_are_one_run_and_each_pattern_is_another(tmp_path):
    one = nets(tmp_path / "one", "step_1.pt", "step_2.pt", "step_3.pt")
    two = nets(tmp_path / "two", "step_1.pt", "step_2.pt")
    assert [t.steps for t in trajectories([one / "step_3.pt", one / "step_1.pt"])] == [(1, 3)]
    found = trajectories([str(one / "step_*.pt"), str(two / "*.pt")])
    assert [(t.name, t.steps) for t in found] == [("one", (1, 2, 3)), ("two", (1, 2))]
    assert [t.name for t in trajectories([one, one])] == ["one", "one #2"]


def test_older_folders_of_transformers_go_by_their_names(tmp_path):
    for step in (8, 16):
        nets(tmp_path / "out" / f"checkpoint-{step}", "pytorch_model.bin")
    assert trajectories(tmp_path / "out")[0].steps == (8, 16)
    assert trajectories(str(tmp_path / "out" / "checkpoint-*" / "pytorch_model.bin"))[0].steps == (8, 16)


def test_a_list_of_a_run_keeps_its_order_where_names_have_no_steps(tmp_path):
    folder = nets(tmp_path / "run", "a.pt", "b.pt")
    (found,) = trajectories([[folder / "b.pt", folder / "a.pt"]])
    assert found.steps == (0, 1) and found.clock == "net" and found.nets[0].name == "b.pt"


def test_a_net_given_twice_is_named(tmp_path):
    folder = nets(tmp_path / "run", "step_1.pt", "step_2.pt")
    with pytest.raises(UsageError, match=r"step_1\.pt is given twice; a path needs each net once"):
        trajectories([folder / "step_1.pt", folder / "step_2.pt", folder / ".." / "run" / "step_1.pt"])


def test_a_final_net_without_a_step_is_left_out_with_a_note(tmp_path):
    folder = nets(tmp_path / "run", "step_1.pt", "step_2.pt", "final.pt")
    (found,) = trajectories(folder)
    assert found.steps == (1, 2) and "final.pt: it does not say its step" in found.notes[0]


def test_a_run_that_is_still_being_trained_is_drawn_so_far_and_said_to_be(tmp_path):
    run = tmp_path / "run"
    nets(run / "checkpoints", "step_1.pt", "step_2.pt", ".step_3.pt.part")
    (run / "config.json").write_text("{}")
    (found,) = trajectories(run)
    assert found.steps == (1, 2)
    assert found.notes == ("run: its training is not over (no final.pt); drawn up to step 2",)
    nets(run, "final.pt", step=2)
    (found,) = trajectories(run)
    assert found.notes == ()


def test_names_with_brackets_are_names_where_there_are_such_files(tmp_path):
    folder = nets(tmp_path / "run [a]", "step_1.pt", "step_2.pt")
    assert trajectories(folder)[0].steps == (1, 2)
    assert trajectories(str(folder / "step_*.pt"))[0].steps == (1, 2)
    assert trajectories(folder / ".." / "run [a]")[0].name == trajectories(str(folder) + "/.")[0].name == "run [a]"


def test_nets_in_memory_keep_their_order():
    made = [Checkpoint(WEIGHTS), Checkpoint(WEIGHTS), torch.nn.Linear(1, 2)]
    (found,) = trajectories(made)
    assert found.steps == (0, 1, 2) and found.clock == "net" and found.nets == tuple(made)
    assert len(trajectories([made, made])) == 2


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda folder: nets(folder / "a", "step_1.pt"), "one net is not a path"),
        (lambda folder: nets(folder / "a"), "no nets with a step in their names"),
        (lambda folder: nets(folder / "a", "best.pt", "last.pt"), "no nets with a step in their names"),
        (lambda folder: str(folder / "nothing_*.pt"), "no checkpoint has such a name"),
        (lambda folder: [], "no run"),
        (lambda folder: str(folder / "nothing"), "there is no such folder or file"),
        (lambda folder: 7, "run 7: expected a run folder"),
        (lambda folder: [nets(folder, "step_1.pt") / "step_1.pt"], "one net is not a path"),
    ],
)
def test_what_is_not_a_path_is_refused(tmp_path, make, words):
    with pytest.raises(UsageError, match=words):
        trajectories(make(tmp_path))
