"""Copies of a run: branches equal runs by hand, stopped commands go on, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import landscape as ll
from landscape.errors import AnotherRun, LandscapeError, UsageError
from landscape.surfaces import load_surface
from landscape.surfaces.barriers import barriers, by_branch, paths_of

OPTIONS = {
    "model": "net.py:build", "data": "npz:data.npz", "normalize": "digits", "threads": 1, "quiet": True, "epochs": 3,
    "batch_size": 16, "lr": 0.05, "points": 3,
}  # fmt: skip


def weights(path: str | Path) -> dict:
    return torch.load(path, weights_only=True)["state_dict"]


def test_copies_from_step_0_are_runs_of_their_own_seeds(here):
    ll.instability(at=[0], out="b", seed=5, **OPTIONS)
    options = {name: value for name, value in OPTIONS.items() if name != "points"}
    for copy in (1, 2):
        ll.train(**options, seed=5 + copy, init_seed=5, out=f"alone_{copy}")
        one, other = weights(f"b/step_0000000/copy_{copy}/final.pt"), weights(f"alone_{copy}/final.pt")
        assert all(torch.equal(value, other[name]) for name, value in one.items())


def test_a_late_copy_has_the_trunk_up_to_its_step_and_other_batches_after(here):
    ll.instability(at=[0, "50%"], out="b", **OPTIONS)
    options = {name: value for name, value in OPTIONS.items() if name != "points"}
    ll.train(**options, save_every=6, out="trunk")
    starts = [weights(f"b/step_0000006/copy_{copy}/checkpoints/step_0000006.pt") for copy in (1, 2)]
    trunk = weights("trunk/checkpoints/step_0000006.pt")
    for start in starts:
        assert all(torch.equal(value, trunk[name]) for name, value in start.items())
    ends = [weights(f"b/step_0000006/copy_{copy}/final.pt")["0.weight"] for copy in (1, 2)]
    assert not torch.equal(*ends)


def test_rows_are_the_lines_between_copies_of_one_step(here):
    found = ll.instability(at=[0, 4, 8], copies=3, out="b", **OPTIONS)
    assert [path.branch for path in paths_of(found)] == [0, 0, 0, 4, 4, 4, 8, 8, 8]
    table = by_branch(found, "train_loss")
    each = [barrier.over_mean for barrier in barriers(found, "train_loss")]
    np.testing.assert_allclose(table.values, np.reshape(each, (3, 3)).mean(1))
    # each pair is what is left when one of three copies is taken out
    np.testing.assert_allclose(table.errors, np.reshape(each, (3, 3)).std(1) * 2**0.5)
    alone = ll.connect(
        [f"b/step_0000004/copy_{k}" for k in (1, 3)], points=3, model="net.py:build", quiet=True, threads=1
    )
    np.testing.assert_array_equal(alone.values["train_loss"][0], found.values["train_loss"][4])


def test_further_steps_and_copies_are_added(here):
    first = ll.instability(at=[4], out="b", **OPTIONS)
    stamps = {path: path.stat().st_mtime_ns for path in Path("b").rglob("final.pt")}
    more = ll.instability(at=[0, 4], copies=3, out="b", **OPTIONS)
    assert {path: path.stat().st_mtime_ns for path in stamps} == stamps
    assert first.values["train_loss"][0].tolist() in more.values["train_loss"].tolist()
    assert sorted(path.branch for path in paths_of(more)) == [0, 0, 0, 4, 4, 4]


def test_a_stopped_command_goes_on_bit_for_bit(here, stopped):
    options = {**OPTIONS, "epochs": 12, "batch_size": 8, "at": [0, "50%"], "points": 2}
    ll.instability(out="whole", **options)
    words = ["instability", "--model", "net.py:build", "--data", "npz:data.npz", "--normalize", "digits", "--epochs", "12",
             "--batch-size", "8", "--lr", "0.05", "--at", "0,50%", "--points", "2", "--threads", "1", "-o", "cut"]  # fmt: skip
    stopped(*words, once="cut/step_0000000/copy_1/log.csv")
    assert not Path("cut/instability.h5").exists()
    ll.instability(out="cut", **options)
    one, two = load_surface("whole/instability.h5"), load_surface("cut/instability.h5")
    assert one.values["train_loss"].tobytes() == two.values["train_loss"].tobytes()


def test_copies_have_the_wrong_labels_of_the_trunk(here, monkeypatch):
    import landscape.between.instability as module

    seen = []
    monkeypatch.setattr(module, "run_training", lambda job, *_, **__: seen.append(job.trainer.loader))
    kept, jobs = module.trained, []

    def made(make, *given, **options):
        def noted(folder, seed):
            jobs.append(make(folder, seed))
            return jobs[-1]

        return kept(noted, *given, **options)

    monkeypatch.setattr(module, "trained", made)
    with pytest.raises(LandscapeError):  # nothing was trained, so there is nothing to evaluate
        ll.instability(at=[0], out="b", label_noise=0.5, **OPTIONS)
    trunk = jobs[0].trainer.loader
    assert len(seen) == 2
    for loader in seen:
        assert torch.equal(loader.targets, trunk.targets)
        assert not torch.equal(loader.order(0), trunk.order(0))


@pytest.mark.parametrize(
    "options, said",
    [
        ({"at": [12]}, "at '12': expected a step from 0 to 11"),
        ({"at": ["120%"]}, "at '120%': expected a step from 0 to 11"),
        ({"at": "soon"}, "at 'soon': expected"),
        ({"at": "0,,1"}, "at '': expected"),
        ({"epochs": 0}, "epochs 0: a run without steps"),
        ({"seed": 2**63 - 1}, "seed 9223372036854775807: expected 0 to"),
        ({"at": []}, "at: expected one or more"),
        ({"copies": 1}, "copies 1: expected 2 to 26"),
        ({"points": 1}, "points 1: expected 2"),
    ],
)
def test_what_is_refused(here, options, said):
    with pytest.raises(UsageError, match=said):
        ll.instability(**{**OPTIONS, "at": [0], "out": "b", **options})


def test_the_trunk_goes_on_from_the_last_state_before_a_further_step(here, monkeypatch):
    from landscape.training.trainer import Trainer

    ll.instability(at=[0, 4, 8], out="b", **OPTIONS)
    stepped, advance = [], Trainer.advance
    monkeypatch.setattr(Trainer, "advance", lambda self: (stepped.append(self.step), advance(self))[1])
    ll.instability(at=[6], out="b", **OPTIONS)
    assert stepped == [4, 5, *[6, 7, 8, 9, 10, 11] * 2]


def test_another_run_is_not_mixed_in(here):
    ll.instability(at=[4], out="b", **OPTIONS)
    with pytest.raises(AnotherRun, match=r"state_0000004.pt is of another run \(lr 0.05 there, 0.01 here\)"):
        ll.instability(at=[4], out="b", **{**OPTIONS, "lr": 0.01})


def test_an_output_that_is_a_file_is_refused(here):
    with pytest.raises(LandscapeError, match="output net.pt: .*; give a folder"):
        ll.instability(at=[0], **{**OPTIONS, "out": "net.pt"})


def test_an_earlier_step_is_added(here):
    plain = {**OPTIONS, "model": torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 10))}
    ll.instability(at=[4], out="b", **plain)
    assert [path.branch for path in paths_of(ll.instability(at=[0, 4], out="b", **plain))] == [4, 0]


def test_copies_that_do_not_part_have_no_barrier(here):
    found = ll.instability(at=[0], out="b", **{**OPTIONS, "lr": 0.0})
    (same,) = barriers(found, "train_loss")
    assert (same.over_mean, same.path.length) == (0.0, 0.0)
    assert barriers("b/instability.h5", "train_loss") == [same]


def test_the_folder_of_a_single_run_is_not_mixed_with_copies(here):
    options = {name: value for name, value in OPTIONS.items() if name != "points"}
    ll.train(**options, out="alone")
    before = sorted(Path("alone").rglob("*"))
    with pytest.raises(UsageError, match="alone: is the folder of a training run"):
        ll.instability(at=[0], out="alone", overwrite=True, **OPTIONS)
    assert sorted(Path("alone").rglob("*")) == before


def test_a_folder_with_other_files_is_not_filled(here):
    """Also not a part of an instability run, which has no settings of its own."""
    ll.instability(at=[0], out="b", **OPTIONS)
    Path("notes").mkdir()
    Path("notes/mine.txt").write_text("mine")
    for place in ("b/trunk", "b/step_0000000", "b/step_0000000/copy_1/checkpoints", "notes"):
        before = sorted(Path(place).rglob("*"))
        for overwrite in (False, True):
            with pytest.raises(UsageError, match=f"{place}: has files in it that landscape instability did not write"):
                ll.instability(at=[0], out=place, overwrite=overwrite, **OPTIONS)
        assert sorted(Path(place).rglob("*")) == before
    Path("empty").mkdir()
    Path("b/picture.png").write_text("drawn there")
    assert "train_loss" in ll.instability(at=[0], out="b", **OPTIONS).values
    assert "train_loss" in ll.instability(at=[0], out="empty", **OPTIONS).values
