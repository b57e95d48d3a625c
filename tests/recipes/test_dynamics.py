"""Training dynamics against plain torch at each net, resuming, ranks, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import landscape as ll
from landscape.cli.main import main
from landscape.curvature.noise import cosines, covariance_eigenvalues, stiffness
from landscape.errors import LandscapeError
from landscape.surfaces import load_surface
from landscape.surfaces.run_log import load_run
from tests.recipes.plain_dynamics import DATA, NET, curvature_along, gradient, net_at, samples

OPTIONS = {"model": "net.py:build", "threads": 1, "quiet": True}
FINE = {**OPTIONS, "precision": "fp64", "samples": 600, "tolerance": 1e-4, "stiff_samples": 40, "batches": 5}


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    """A folder with net.py and a run of three nets."""
    folder = tmp_path_factory.mktemp("trained")
    (folder / "net.py").write_text(NET)
    (folder / "data.py").write_text(DATA)
    ll.train(
        f"{folder / 'net.py'}:build", data="digits", epochs=2, batch_size=32, lr=0.05, optimizer="sgd", momentum=0.5,
        schedule="constant", weight_decay=0.0, save_every=45, log_every=45, out=folder / "run", quiet=True, threads=1,
    )  # fmt: skip
    return folder


@pytest.fixture
def run(trained, tmp_path, monkeypatch) -> Path:
    import shutil

    shutil.copytree(trained, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return Path("run")


def test_each_measure_is_that_of_plain_torch_at_each_net(run):
    surface = ll.dynamics("run", **FINE)
    inputs, labels = samples(600)
    start = torch.cat([p.detach().ravel() for p in net_at(0).parameters()])
    sizes = [p.numel() for p in net_at(0).parameters()]
    for number, step in enumerate(surface.x.astype(int)):
        net, found = net_at(step), {name: values[number] for name, values in surface.values.items()}
        with torch.no_grad():
            assert found["train_loss"] == pytest.approx(
                float(nn.functional.cross_entropy(net(inputs), labels)), rel=1e-9
            )
        slope = gradient(net, inputs, labels)
        assert found["gradient_norm"] == pytest.approx(float(slope.norm()), rel=1e-9)
        named = dict(zip([name for name, _ in net.named_parameters()], torch.split(slope, sizes), strict=True))
        for name, layer in (("layer_01_gradient", "1"), ("layer_02_gradient", "3"), ("layer_03_gradient", "4")):
            parts = torch.cat([part for key, part in named.items() if key.startswith(f"{layer}.")])
            assert found[name] == pytest.approx(float(parts.norm()), rel=1e-9)
            assert surface.quantity(name).label == f"gradient of {layer}"
        away = torch.cat([p.detach().ravel() for p in net.parameters()]) - start
        assert found["distance"] == pytest.approx(float(away.norm()), rel=1e-9, abs=1e-12)

        chance = torch.Generator().manual_seed(0)
        drawn = [torch.randperm(600, generator=chance)[:32] for _ in range(5)]
        expected = np.mean([curvature_along(net, inputs[i], labels[i]) for i in drawn])
        assert found["batch_sharpness"] == pytest.approx(expected, rel=1e-7)

        chance = torch.Generator().manual_seed(0)
        rows = np.stack([
            gradient(net, inputs[i], labels[i]).numpy()
            for i in [torch.randperm(600, generator=chance)[:128] for _ in range(25)]
        ])  # fmt: skip
        values = np.linalg.eigvalsh(np.cov(rows.T, ddof=0))[::-1]
        assert found["covariance_max"] == pytest.approx(values[0], rel=1e-8)
        assert found["covariance_ratio"] == pytest.approx(values[23] / values[0], rel=1e-6)
        assert covariance_eigenvalues(rows @ rows.T)[0] == pytest.approx(values[0], rel=1e-8)

        few = torch.randperm(600, generator=torch.Generator().manual_seed(0))[:40]
        each = np.stack([gradient(net, inputs[i : i + 1], labels[i : i + 1]).numpy() for i in few])
        within, between = stiffness(cosines(each @ each.T), labels[few].numpy())
        assert (found["stiffness_within"], found["stiffness_between"]) == pytest.approx((within, between), rel=1e-7)

    net = net_at(int(surface.x[-1]))
    names = [name for name, _ in net.named_parameters()]

    def loss(flat):
        parts = dict(zip(names, torch.split(flat, [p.numel() for p in net.parameters()]), strict=True))
        shaped = {
            name: part.view_as(value)
            for (name, value), part in zip(net.named_parameters(), parts.values(), strict=True)
        }
        return nn.functional.cross_entropy(torch.func.functional_call(net, shaped, (inputs,)), labels)

    dense = torch.func.hessian(loss)(torch.cat([p.detach().ravel() for p in net.parameters()]))
    ends = torch.linalg.eigvalsh(dense)
    assert surface.values["hessian_max"][-1] == pytest.approx(float(ends[-1]), rel=1e-3)
    assert surface.values["hessian_min"][-1] == pytest.approx(float(ends[0]), rel=1e-2)


def test_rates_and_thresholds_come_from_the_run(run):
    surface = ll.dynamics("run", measures="distance", **OPTIONS)
    np.testing.assert_allclose(surface.values["lr"], 0.05)
    np.testing.assert_allclose(surface.values["stability_threshold"], 2 * 1.5 / 0.05)
    config = json.loads((run / "config.json").read_text())
    (run / "config.json").write_text(json.dumps({**config, "optimizer": "adam"}))
    (run / "dynamics.h5").unlink()
    assert np.isnan(ll.dynamics("run", measures="distance", **OPTIONS).values["stability_threshold"]).all()


@pytest.mark.parametrize("schedule", ["onecycle", "cosine", "step", "constant", "exponential", "hyperbolic"])
def test_rates_between_the_rows_of_a_log_are_those_of_the_schedule(run, schedule):
    """The log has a row for each epoch, the nets are saved at other steps."""
    ll.train(
        "net.py:build", data="digits", epochs=2, batch_size=64, lr=0.1, warmup=0.4, schedule=schedule, save_every=7, out="other",
        quiet=True, threads=1, optimizer="sgd", momentum=0.0, weight_decay=0.0,
    )  # fmt: skip
    found = ll.dynamics("other", measures="distance", samples=50, **OPTIONS)
    from landscape.training.schedules import make_schedule

    share = make_schedule(schedule, steps=44, warmup=round(0.4 * 22), milestones=[0.5, 0.75], gamma=0.1)
    expected = [0.1 * share(min(int(step), 43)) for step in found.x]
    np.testing.assert_allclose(found.values["lr"], expected, rtol=1e-12)
    np.testing.assert_allclose(found.values["stability_threshold"], 2 / np.array(expected), rtol=1e-12)


def test_rates_that_nothing_says_are_unknown(run):
    net = torch.nn.Linear(64, 10)
    recorder = ll.Recorder("recorded", net, every=2)
    for step in range(4):
        recorder.step(loss=1.0, **({"lr": 0.5 - 0.1 * step} if step < 2 else {}))
    recorder.finish()
    data = (torch.randn(30, 64), torch.arange(30) % 10)
    options = {"model": net, "data": data, "measures": "distance", "threads": 1, "quiet": True}
    found = ll.dynamics("recorded", **options)
    np.testing.assert_allclose(found.values["lr"], [0.4] * 3, err_msg="that of the last step with a rate")
    with pytest.raises(LandscapeError, match="lr 0: expected"):
        ll.dynamics("recorded", lr=0.0, **options)


def test_critical_sharpness_along_the_gradient_lies_between_the_ends(run):
    surface = ll.dynamics("run", measures="hessian,critical", samples=200, **OPTIONS)
    assert (surface.values["critical_sharpness"] < 1.5 * surface.values["hessian_max"]).all()
    assert (surface.values["critical_sharpness"] > 0).all()


def test_relative_sharpness_is_that_of_the_test_loss_along_the_gradient_of_training(run):
    """Against a fine scan of the first step at which the test loss is higher than before."""
    from landscape.data.digits import read_digits
    from landscape.data.load import subset
    from landscape.data.normalize import parse_normalize

    surface = ll.dynamics("run", measures="relative,critical", **{**OPTIONS, "precision": "fp64", "samples": 200})
    images, labels = read_digits("test")
    chosen = torch.from_numpy(subset(len(images), 200))
    pixels = parse_normalize("digits")(torch.from_numpy(np.asarray(images))[chosen], torch.float64)
    targets, net = torch.from_numpy(np.asarray(labels)).long()[chosen], net_at(0)
    slope = gradient(net, *samples(200))
    start = torch.nn.utils.parameters_to_vector(net.parameters()).detach()

    def loss(step: float) -> float:
        torch.nn.utils.vector_to_parameters(start - step * slope, net.parameters())
        with torch.no_grad():
            return float(nn.functional.cross_entropy(net(pixels), targets))

    before = loss(0.0)
    step = next(each for each in np.geomspace(1e-2, 1e3, 2000) if loss(each) > before)
    assert surface.values["relative_sharpness"][0] == pytest.approx(2 / step, rel=0.02)
    assert surface.values["relative_sharpness"][0] != pytest.approx(surface.values["critical_sharpness"][0], rel=1e-3)


def test_a_stopped_run_goes_on_and_ranks_make_no_difference(run, command):
    words = ["dynamics", "run", "--model", "net.py:build", "--samples", "96", "--batches", "4", "--threads", "1", "--quiet",
             "--measures", "hessian,batch,gradient,distance", "--every", "2"]  # fmt: skip
    assert main(words) == 0
    whole = load_surface("run/dynamics.h5")
    Path("run/dynamics.h5").unlink()
    done = command(*words, ranks=2)
    assert done.returncode == 0, done.stderr
    two = load_surface("run/dynamics.h5")
    assert "batch_sharpness" in whole.values
    for name, values in whole.values.items():
        np.testing.assert_array_equal(values, two.values[name], err_msg=name)
    with pytest.raises(LandscapeError, match="batches is"):
        ll.dynamics("run", measures="hessian,batch,gradient,distance", samples=96, batches=3, **OPTIONS)


def test_an_overwritten_file_may_need_other_splits(run):
    first = ll.dynamics("run", measures="relative", samples=100, **OPTIONS)
    found = ll.dynamics("run", measures="gradient", samples=100, overwrite=True, **OPTIONS)
    assert "gradient_norm" in found.values and not set(found.values) & {"relative_sharpness"}
    again = ll.dynamics("run", measures="relative", samples=100, overwrite=True, **OPTIONS)
    for name, values in first.values.items():
        np.testing.assert_array_equal(again.values[name], values, err_msg=name)


def test_every_few_nets_can_be_refined_later_and_drawn(run):
    first = ll.dynamics("run", measures="gradient", every=2, **OPTIONS)
    assert first.counts("dynamics")["done"] == 2
    later = ll.dynamics("run", measures="gradient", **OPTIONS)
    assert later.counts("dynamics")["done"] == len(later.x)
    np.testing.assert_array_equal(first.values["gradient_norm"][0], later.values["gradient_norm"][0])
    Path("run/dynamics.h5").unlink()
    Path("run/checkpoints/step_0000000.pt").unlink()
    part = ll.dynamics("run", measures="gradient", every=2, **OPTIONS)
    assert np.isfinite(part.values["gradient_norm"]).tolist() == [True, False], "from the first net, whatever its step"
    both = ll.plot([later, later], kind="dynamics", out="two.png")
    assert both == [Path("two.png")] and ll.plot("run/dynamics.h5", out="one.html") == [Path("one.html")]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"measures": "sharpness"}, "measures 'sharpness': expected hessian, batch"),
        ({"measures": []}, "measures: expected one or more"),
        ({"measures": ","}, "measures: expected one or more"),
        ({"measures": "covariance", "samples": 300}, "take at least 512"),
        ({"every": 0}, "every 0: expected"),
        ({"train_batch": 0}, "train-batch 0: expected"),
        ({"stiff_samples": 1}, "stiff-samples 1: expected"),
        ({"lr": -1.0}, "lr -1: expected a learning rate above 0"),
        ({"data": "data.py:floats", "loss": "mse", "measures": "stiffness"}, "have no class for each"),
    ],
)
def test_bad_input_is_one_line(run, options, words):
    with pytest.raises(LandscapeError, match=words):
        ll.dynamics("run", **{**OPTIONS, **options})


@pytest.mark.parametrize("size", ["many", 0, -3, 2.5, [64], True])
def test_a_batch_size_that_is_none_is_refused_where_it_counts(run, size):
    config = json.loads((run / "config.json").read_text())
    (run / "config.json").write_text(json.dumps({**config, "batch_size": size}))
    with pytest.raises(
        LandscapeError, match="has batch_size .*: expected a whole number of at least 1; give train_batch=N"
    ):
        ll.dynamics("run", **OPTIONS)
    assert ll.dynamics("run", measures="distance", every=2, **OPTIONS).provenance["dynamics"]["batch_size"] == 128


def test_what_is_not_a_run_is_refused(run):
    for given, words in (("net.py", "expected a run folder"), ([], "no run"), ("nothing", "expected a run folder")):
        with pytest.raises(LandscapeError, match=words):
            ll.dynamics(given, **OPTIONS)


def test_the_samples_are_those_of_the_training_and_the_shell_takes_a_split(run, capsys):
    ll.train(
        "net.py:build",
        data="digits",
        epochs=1,
        batch_size=32,
        samples=150,
        save_every=2,
        out="few",
        quiet=True,
        threads=1,
    )
    found = ll.dynamics("few", measures="gradient", **OPTIONS)
    final = ll.load_checkpoint("few/final.pt").meta["metrics"]["train_loss"]
    assert found.provenance["dynamics"]["samples"] == 150
    assert found.values["train_loss"][-1] == pytest.approx(final, rel=1e-5)
    words = ["--measures", "gradient", "--split", "test", "--threads", "1", "--quiet"]
    assert main(["dynamics", "run", "--model", "net.py:build", *words]) == 0
    assert "test loss" in capsys.readouterr().out
    with pytest.raises(LandscapeError, match="lr is"):
        ll.dynamics("few", measures="gradient", lr=0.3, **OPTIONS)


def test_a_run_on_few_samples_is_tested_on_all_of_the_test_split(run):
    """As its own log has it; the losses along the gradient of training are those of all test samples too."""
    ll.train(
        "net.py:build", data="digits", epochs=1, batch_size=32, samples=100, save_every="end", out="few", quiet=True, threads=1
    )  # fmt: skip
    logged = load_run("few").columns["test_loss"][-1]
    found = ll.dynamics("few", measures="gradient", split="test", **OPTIONS)
    assert found.provenance["data"]["splits"]["test"]["samples"] == found.provenance["dynamics"]["samples"] == 359
    assert found.values["test_loss"][-1] == pytest.approx(logged, rel=1e-5)
    Path("few/dynamics.h5").unlink()
    splits = ll.dynamics("few", measures="relative", **OPTIONS).provenance["data"]["splits"]
    assert {name: each["samples"] for name, each in splits.items()} == {"train": 100, "test": 359}


@pytest.mark.parametrize(("samples", "taken"), [("all", 1438), (50.0, 50), (True, 1438), ([60], 1438), (-3, 1438)])
def test_samples_of_a_run_are_taken_where_they_are_a_count(run, samples, taken):
    config = json.loads((run / "config.json").read_text())
    (run / "config.json").write_text(json.dumps({**config, "samples": samples}))
    found = ll.dynamics("run", measures="gradient", every=3, **OPTIONS)
    assert found.provenance["dynamics"]["samples"] == taken
    table = ll.flatness("run", measures="gradient_norm", **OPTIONS) if samples == [60] else None
    assert table is None or table.provenance["flatness"]["samples"] == taken
