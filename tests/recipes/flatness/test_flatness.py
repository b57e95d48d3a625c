"""Flatness of several nets: the values are those of the functions, whatever the ranks and stops; and what is refused."""

from __future__ import annotations

import csv
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import landscape as ll
from landscape.errors import LandscapeError, UsageError
from landscape.quantity import MEASURES
from landscape.recipes.flatness import lines
from landscape.surfaces import load_surface
from landscape.surfaces.flatness import names, rankings, targets
from tests.recipes.flatness.conftest import FEW, NETS, same

SHELL = [
    "--measures", "sam_step,average,worst", "--samples", "24", "--steps", "2", "--directions", "3", "--threads", "1", "--quiet",
    "--trust", ".",
]  # fmt: skip


def test_each_net_is_measured_as_if_it_were_alone(here, measured):
    alone = ll.flatness("runs/wide_1", **FEW)
    place = names(measured).index("wide_1")
    for name, values in alone.values.items():
        assert values[0] == measured.values[name][place], name
    assert measured.shape == (6,)
    assert {"rise_q50_0.1", "rise_worst_0.4", "loss_gap", "accuracy_gap", "test_loss"} <= set(measured.values)
    assert set(measured.stderr) >= {"trace", "average", "most", "noise", "train_loss"}


def test_values_are_those_of_plain_torch(here):
    found = ll.flatness("runs/narrow_2", **{**FEW, "samples": None}, precision="fp64")
    scope: dict = {}
    exec(NETS, scope)
    first, net = scope["narrow"]().double(), scope["narrow"]().double()
    net.load_state_dict(torch.load("runs/narrow_2/final.pt", weights_only=True)["state_dict"])
    arrays = np.load("few.npz")
    inputs = {k: torch.from_numpy(arrays[k]).double().permute(0, 3, 1, 2) / 255 for k in ("images", "test_images")}
    labels = {k: torch.from_numpy(arrays[k]) for k in ("labels", "test_labels")}

    def loss(test=""):
        return nn.functional.cross_entropy(net(inputs[test + "images"]), labels[test + "labels"])

    values = {name: array[0] for name, array in found.values.items()}
    train, test = float(loss().detach()), float(loss("test_").detach())
    assert values["train_loss"] == pytest.approx(train, rel=1e-9)
    assert values["loss_gap"] == pytest.approx(test - train, rel=1e-9)
    gradient = torch.autograd.grad(loss(), list(net.parameters()))
    length = math.sqrt(sum(float(g.square().sum()) for g in gradient))
    with torch.no_grad():
        for parameter, part in zip(net.parameters(), gradient, strict=True):
            parameter.add_(part, alpha=0.05 / length)
    assert values["sam_step"] == pytest.approx(float(loss().detach()) - train, rel=1e-8)
    apart = math.sqrt(sum(0.3**2 * float(p.detach().square().sum()) for p in first.parameters()))
    assert values["distance"] == pytest.approx(apart, rel=1e-5)
    size = math.sqrt(sum(1.3**2 * float(p.detach().square().sum()) for p in first.parameters()))
    assert values["weight_norm"] == pytest.approx(size, rel=1e-5)


def test_stopped_and_continued_it_is_the_same(here, measured):
    from landscape.surfaces.surface import PENDING

    whole = ll.flatness("runs/*", **FEW, out="a.h5")
    same(whole, measured)
    from landscape.surfaces.hdf5 import write_surface_file

    for k in (1, 4):
        whole.status["flatness"][k] = PENDING
        for array in (*whole.values.values(), *whole.stderr.values()):
            array[k] = np.nan
    write_surface_file(whole, Path("a.h5"))
    same(ll.flatness("runs/*", **FEW, out="a.h5"), measured)


def test_two_ranks_give_the_bits_of_one(here, command):
    done = command("flatness", "runs/*_0", *SHELL, "-o", "a.h5", ranks=2)
    assert done.returncode == 0, done.stderr
    alone = ll.flatness("runs/*_0", **{**FEW, "measures": "sam_step,average,worst"})
    found = load_surface("a.h5")
    assert sorted(found.values) == sorted(alone.values)
    for name in alone.values:
        np.testing.assert_array_equal(found.values[name], alone.values[name], err_msg=name)


def test_modules_in_memory_are_measured_and_not_changed():
    scope: dict = {}
    exec(NETS, scope)
    nets = [scope["narrow"](), scope["wide"]()]
    before = [{name: value.clone() for name, value in net.state_dict().items()} for net in nets]
    data = {"train": (torch.randn(12, 64), torch.arange(12) % 10)}
    found = ll.flatness(nets, data=data, **{**FEW, "samples": None, "measures": ["sam", "average", "path_norm"]})
    for net, tensors in zip(nets, before, strict=True):
        assert net.training
        assert all(torch.equal(net.state_dict()[name], value) for name, value in tensors.items())
        assert not any(parameter.grad is not None for parameter in net.parameters())
    assert "loss_gap" not in found.values, "there are no test samples"
    assert not any("tau" in line for line in lines(found, {}))


def test_hyper_parameters_are_those_in_which_runs_differ(measured):
    # the seeds divide the runs as the rates do
    assert {name for name in measured.values if name.startswith("hyper_")} == {"hyper_lr", "hyper_width"}
    assert measured.values["hyper_lr"].tolist() == [0.1, 0.2, 0.3] * 2
    assert measured.provenance["run"]["flatness"]["categories"] == {"width": ["narrow", "wide"]}


def test_taus_are_printed_with_five_nets_and_more(measured):
    said = lines(measured, {})
    assert all(len(line) <= 100 for line in said), max(said, key=len)
    assert any("Kendall's tau" in line for line in said)
    assert [row.name for row in targets(measured)] == ["accuracy_gap", "loss_gap", "test_loss"]
    found = {each.measure.name: each for each in rankings(measured, targets(measured)[1])}
    from scipy.stats import kendalltau

    expected = kendalltau(measured.values["sam"], measured.values["loss_gap"]).statistic
    assert found["sam"].tau.value == pytest.approx(expected)
    assert found["sam"].tau.low <= expected <= found["sam"].tau.high
    assert np.isfinite(found["sam"].psi)


def test_one_net_is_a_table_without_tau(here):
    said = lines(ll.flatness("runs/narrow_0/final.pt", **FEW), {})
    assert any(line.split()[:1] == ["sam"] for line in said)
    assert not any("tau" in line for line in said)


def test_a_net_whose_loss_is_not_finite_is_named_and_left_out(here):
    state = torch.load("runs/wide_0/final.pt", weights_only=True)
    state["state_dict"]["1.weight"][0, 0] = float("nan")
    torch.save(state, "runs/wide_0/final.pt")
    found = ll.flatness("runs/*", **FEW)
    bad = names(found).index("wide_0")
    assert np.isnan(found.values["train_loss"][bad]) and np.isnan(found.values["sam"][bad])
    assert np.isfinite(np.delete(found.values["sam"], bad)).all()
    assert any("wide_0" in line and "not finite" in line for line in lines(found, {}))
    assert rankings(found, targets(found)[0])[0].tau.count == 5


def test_export_has_a_row_for_each_net(here):
    ll.flatness("runs/*", **FEW, out="a.h5")
    ll.export("a.h5", "a.csv")
    rows = list(csv.DictReader(Path("a.csv").read_text().splitlines()))
    assert len(rows) == 6 and {"sam", "trace_stderr", "hyper_lr", "accuracy_gap"} <= rows[0].keys()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"measures": "sam,flat"}, "measures 'flat': expected one or more of"),
        ({"measures": []}, "measures: expected one or more of"),
        ({"rho": -0.1}, "rho -0.1: expected a radius above 0"),
        ({"radius": math.nan}, "radius nan: expected a radius above 0"),
        ({"directions": 1}, "directions 1: expected"),
        ({"steps": 0}, "steps 0: expected"),
        ({"seed": -1}, "seed -1: expected"),
        ({"samples": 0}, "samples 0: expected"),
        ({"data": {"test": (torch.zeros(3, 64), torch.zeros(3).long())}}, "train"),
        ({"data": (torch.zeros(3, 5), torch.zeros(3).long())}, "net 1 of 6 (narrow_0): "),
    ],
)
def test_bad_input_is_one_line(here, options, message):
    with pytest.raises(LandscapeError) as caught:
        ll.flatness("runs/*", **{**FEW, **options})
    assert message in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("nets", "message"),
    [
        ([], "no net: expected"),
        ("nothing.pt", "net nothing.pt: there is no such file or folder"),
        ("runs/none*", "no checkpoint and no run folder has such a name"),
        ([3], "net 3: expected a file, a run folder, a pattern, or a module"),
    ],
)
def test_no_nets_is_one_line(here, nets, message):
    with pytest.raises(UsageError, match=message.replace("*", r"\*")):
        ll.flatness(nets, **FEW)


def test_nets_of_other_data_are_refused(here):
    other = torch.load("runs/wide_1/final.pt", weights_only=True)
    other["landscape"]["data"] = "digits"
    torch.save(other, "runs/wide_1/final.pt")
    with pytest.raises(
        UsageError,
        match=r"net 5 of 6 \(wide_1\): its data are digits, those of the first net npz:few.npz; .* give data=",
    ):
        ll.flatness("runs/*", **FEW)


def test_other_settings_are_another_run(here):
    ll.flatness("runs/*_0", **FEW, out="a.h5")
    with pytest.raises(LandscapeError, match="rho is 0.05 in the file, 0.1 now"):
        ll.flatness("runs/*_0", **FEW, rho=0.1, out="a.h5")
    with pytest.raises(
        LandscapeError, match=r"a.h5 holds narrow_0, not among the nets given; give all nets of the file"
    ):
        ll.flatness(["runs/wide_0", "runs/wide_1"], **FEW, out="a.h5")


def test_all_measures_have_a_row_and_a_number(here):
    found = ll.flatness(["runs/narrow_0"], **{**FEW, "measures": MEASURES})
    assert set(MEASURES) <= set(found.values)
    assert all(found.quantity(name).label and np.isfinite(found.values[name]).all() for name in MEASURES)


def test_a_dry_run_measures_one_net(here):
    plan = ll.flatness("runs/*", **FEW, dry_run=True)
    assert plan.points == plan.pending == 6 and plan.seconds > 0


def test_a_loss_without_that_name_is_refused(here):
    def several(model, batch):
        return {"energy": nn.functional.cross_entropy(model(batch[0]), batch[1], reduction="none")}

    with pytest.raises(LandscapeError, match="flatness is that of 'loss', and the values are energy"):
        ll.flatness("runs/narrow_0", **FEW, loss=several)


INVARIANT = {
    "weighted_trace", "adaptive_step", "adaptive", "average", "most", "worst", "fisher_rao", "path_norm", "spectral_product",
    "parameters",
}  # fmt: skip
NEARLY = {"magnitude_noise"}  # but for the part that does not scale with a weight


def test_what_rescaling_leaves_unchanged_is_what_the_manual_says():
    import copy

    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(64, 5), nn.ReLU(), nn.Linear(5, 10))
    other = copy.deepcopy(net)
    with torch.no_grad():
        other[0].weight.mul_(9)
        other[0].bias.mul_(9)
        other[2].weight.div_(9)
    data = {"train": (torch.randn(30, 64), torch.arange(30) % 10)}
    options = {**FEW, "samples": None, "measures": MEASURES, "precision": "fp64"}
    found = ll.flatness([net, other], data=data, **options)
    for name in set(MEASURES) - {"distance"}:
        one, two = found.values[name]
        if name in INVARIANT:
            assert two == pytest.approx(one, rel=1e-7), name
        else:
            assert two == pytest.approx(one, rel=1e-2) if name in NEARLY else abs(two / one - 1) > 0.05, name
    manual = (Path(__file__).resolve().parents[3] / "docs" / "flatness.md").read_text()
    rows = [line.split(" | ") for line in manual.splitlines() if line.startswith("| `")]
    told = {row[0].strip("|` "): row[3] for row in rows}
    assert {name for name, words in told.items() if "yes" in words} == (INVARIANT | NEARLY) - {"parameters"}
