"""Training that begins with the weights of a file: those it has, no others, and only they continue the run."""

from __future__ import annotations

import shutil

import pytest
import torch
from torch import nn

import landscape as ll
from landscape.errors import AnotherRun, CheckpointError, UsageError
from landscape.models.zoo import build_zoo

SHORT = {"data": "digits", "epochs": 0.2, "batch_size": 64, "samples": 200, "quiet": True, "threads": 1}


@pytest.fixture(scope="module")
def taught(tmp_path_factory):
    """The run folder of a net with batch norm, whose averages are part of what is loaded."""
    folder = tmp_path_factory.mktemp("first") / "taught"
    ll.train("resnet20", out=folder, seed=3, **{**SHORT, "epochs": 2})
    return folder


def weights(path):
    return torch.load(path, weights_only=True)["state_dict"]


def same(one, other):
    return set(one) == set(other) and all(torch.equal(value, other[name]) for name, value in one.items())


def test_it_begins_with_the_weights_of_the_file_and_trains_as_a_module_that_has_them(taught, tmp_path):
    run = ll.train("resnet20", init=taught, out=tmp_path / "run", **SHORT)
    there = weights(taught / "final.pt")
    assert same(weights(tmp_path / "run/checkpoints/step_0000000.pt"), there)
    net = build_zoo("resnet20", in_channels=1, image_size=8)
    net.load_state_dict(there)
    assert same(ll.train(net, out=tmp_path / "given", **SHORT).model.state_dict(), run.model.state_dict())
    assert not same(run.model.state_dict(), there)
    known = ll.load_checkpoint(run.folder / "final.pt").meta["training"]
    assert known["init"] == str(taught / "final.pt") and known["init_seed"] is None


def test_an_entry_under_another_prefix_fits_too(taught, tmp_path):
    wrapped = ll.Checkpoint({f"module.{name}": value for name, value in weights(taught / "final.pt").items()})
    run = ll.train("resnet20", init=wrapped, out=tmp_path / "run", **SHORT)
    assert same(weights(run.folder / "checkpoints/step_0000000.pt"), weights(taught / "final.pt"))


def test_the_run_goes_on_with_these_weights_wherever_they_lie_and_with_no_others(taught, tmp_path):
    shutil.copy(taught / "final.pt", tmp_path / "moved.pt")
    options = {**SHORT, "out": tmp_path / "run"}
    first = ll.train("resnet20", init=tmp_path / "moved.pt", **options)

    def again(**init):
        return ll.train("resnet20", **init, **options).model.state_dict()

    assert same(again(init=taught / "final.pt"), first.model.state_dict())
    for other, words in (({"init": taught / "checkpoints/step_0000000.pt"}, "init .*moved.pt there, .*step_0000000.pt here"),
                         ({}, "init .*moved.pt there, not set here")):  # fmt: skip
        with pytest.raises(AnotherRun, match=rf"holds another run \({words}\)"):
            again(**other)
    shutil.copy(taught / "checkpoints/step_0000000.pt", tmp_path / "moved.pt")
    with pytest.raises(AnotherRun, match=r"holds another run \(the weights in .*moved.pt have changed\)"):
        again(init=tmp_path / "moved.pt")
    (tmp_path / "moved.pt").unlink()
    assert same(again(init=tmp_path / "moved.pt"), first.model.state_dict()), "the folder has kept them"
    for name in ("run", "new"):  # only the file that the run began with may be gone
        with pytest.raises(CheckpointError, match="other.pt: no such file"):
            ll.train("resnet20", init=tmp_path / "other.pt", **{**options, "out": tmp_path / name})


def test_doubles_are_not_rounded_in_double_precision(tmp_path):
    torch.manual_seed(0)
    net = nn.Sequential(nn.Flatten(), nn.Linear(64, 10)).double()
    torch.save({"ema": net.state_dict(), "model": nn.Linear(2, 2).state_dict()}, tmp_path / "net.pt")
    build = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
    for entry in (None, "ema"):
        run = ll.train(
            build, init=tmp_path / "net.pt", entry=entry, precision="fp64", out=tmp_path / f"{entry}", **SHORT
        )
        assert same(weights(run.folder / "checkpoints/step_0000000.pt"), net.state_dict())
    exact = ll.line(model=net, data="digits", samples=50, x="-1:1:3", precision="fp64", quiet=True)
    read = ll.line(
        tmp_path / "net.pt", model=build, data="digits", samples=50, x="-1:1:3", precision="fp64", quiet=True
    )
    assert read.values["train_loss"].tolist() == exact.values["train_loss"].tolist()


def test_copies_of_a_run_share_them(taught, tmp_path):
    own = {**SHORT, "epochs": 1, "out": tmp_path / "b"}
    ll.instability("resnet20", init=taught, at=[0], points=3, **own)
    for copy in (1, 2):
        first = weights(tmp_path / f"b/step_0000000/copy_{copy}/checkpoints/step_0000000.pt")
        assert same(first, weights(taught / "final.pt"))
    before = sorted((tmp_path / "b").rglob("*"))
    inside = tmp_path / "b/step_0000000/copy_1/final.pt"
    with pytest.raises(UsageError, match="the first weights lie there"):
        ll.instability("resnet20", init=inside, at=[0], points=3, overwrite=True, **own)
    assert sorted((tmp_path / "b").rglob("*")) == before


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"init_seed": 3}, UsageError, "init-seed 3: the first weights are those of init; give one of the two"),
        ({"model": "resnet32"}, CheckpointError, "does not fit resnet32: missing .*; give the --model that it fits, or"),
        ({"init": "nowhere.pt"}, CheckpointError, "nowhere.pt: no such file"),
        ({"init": nn.Linear(2, 2)}, UsageError, "checkpoint of type Linear: expected the name of a file"),
        ({"init": None, "entry": "ema"}, UsageError, "entry 'ema': there is no init that it could be one of; drop the option"),
        ({"entry": "ema"}, CheckpointError, "ema"),
        ({"model": nn.LazyLinear(10)}, CheckpointError, "the shape of weight of LazyLinear is not known before the first batch"),
        (
            {"init": ll.Checkpoint({"weight": torch.full((10, 8), torch.nan)}), "model": nn.Linear(8, 10, bias=False)},
            CheckpointError,
            r"checkpoint in memory: weight holds NaN or inf \(80 of 80 numbers\), and training cannot begin there; give another",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_before_anything_is_written(taught, tmp_path, options, error, message):
    with pytest.raises(error, match=message):
        ll.train(**{"model": "resnet20", "init": taught, "out": tmp_path / "run", **SHORT, **options})
    assert not (tmp_path / "run").exists()


def test_the_folder_that_holds_them_is_not_started_again(taught):
    before = weights(taught / "final.pt")
    with pytest.raises(UsageError, match="the first weights lie there .*; give another folder"):
        ll.train("resnet20", init=taught, out=taught, overwrite=True, **SHORT)
    assert same(weights(taught / "final.pt"), before)


def test_without_a_model_the_one_that_the_file_names_is_advised(taught, tmp_path):
    with pytest.raises(UsageError, match="no model: give .*resnet20.*, which .*taught names"):
        ll.train(init=taught, out=tmp_path / "run", **SHORT)
    with pytest.raises(UsageError, match="no model: give .*model, such as resnet20"):
        ll.train(out=tmp_path / "run", **SHORT)
