"""Lines between aligned nets with repaired statistics: the law of REPAIR at a place, the ends, and what is refused."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import landscape as ll
from landscape.alignment.repair import between
from landscape.between.growth import merged_facts
from landscape.errors import UsageError
from landscape.surfaces.barriers import paths_of
from landscape.surfaces.study_facts import ConnectFacts


def net(seed: int) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(6, 9), nn.ReLU(), nn.Linear(9, 8), nn.Tanh(), nn.Linear(8, 3)).double()


torch.manual_seed(0)
DATA = (torch.randn(40, 6, dtype=torch.float64), torch.arange(40) % 3)
OPTIONS = {"data": DATA, "points": 3, "precision": "fp64", "align": True, "repair": True, "quiet": True}


def moments(model: nn.Module, layer: int) -> tuple[torch.Tensor, torch.Tensor]:
    with torch.no_grad():
        out = model[: layer + 1](DATA[0])
    return out.mean(0), out.std(0, correction=0)


def by_hand(nets: list[nn.Module], t: float) -> nn.Module:
    """The net at a place of the line, each unit rescaled by plain torch."""
    middle = net(0)
    middle.load_state_dict(between(nets[0].state_dict(), nets[1].state_dict(), t))
    for layer in (0, 2):
        ends = [moments(each, layer) for each in nets]
        mean, deviation = (torch.lerp(a, b, t) for a, b in zip(*ends, strict=True))
        found_mean, found_deviation = moments(middle, layer)
        with torch.no_grad():
            middle[layer].weight.mul_((deviation / found_deviation)[:, None])
            middle[layer].bias.sub_(found_mean).mul_(deviation / found_deviation).add_(mean)
    return middle


def loss(model: nn.Module) -> float:
    with torch.no_grad():
        return float(nn.functional.cross_entropy(model(DATA[0]), DATA[1]))


def test_the_loss_on_a_repaired_line_is_that_of_units_rescaled_by_hand_and_its_ends_are_the_nets():
    nets = [net(1), net(2)]
    found = ll.connect(nets, **OPTIONS)
    line, repaired = found.values["train_loss"]
    aligned = [nets[0], ll.align(*nets).module()]
    assert repaired[1] == pytest.approx(loss(by_hand(aligned, 0.5)), rel=1e-10)
    assert repaired[[0, -1]].tolist() == line[[0, -1]].tolist()
    assert abs(repaired[1] - line[1]) > 1e-3


def test_a_file_of_lines_grows_by_the_repaired_ones(tmp_path):
    nets = [net(seed) for seed in (1, 2, 3)]
    first = ll.connect(nets, out=tmp_path / "c.h5", **{**OPTIONS, "repair": False})
    grown = ll.connect(nets, out=tmp_path / "c.h5", batch_size=7, **OPTIONS)
    assert [path.kind for path in paths_of(grown)] == ["line"] * 3 + ["repaired"] * 3
    assert grown.values["train_loss"][:3].tobytes() == first.values["train_loss"].tobytes()


@pytest.mark.parametrize("samples, said", [(None, "on all 40 training samples"), (10, "on 10 of 40 training samples")])
def test_a_file_says_on_which_samples_it_is_repaired_and_what_of_it_is_of_the_curve(tmp_path, samples, said):
    nets, options = [net(1), net(2)], {**OPTIONS, "samples": samples, "out": tmp_path / "c.h5"}
    found = ll.connect(nets, **options).known.connect
    assert found.curve is None and found.repair.startswith("repaired: ") and found.repair.endswith(said)
    bent = ll.connect(nets, **{**options, "repair": False}, curve="bezier", epochs=1, train_batch=8).known.connect
    assert bent.repair == found.repair and "repaired" not in bent.curve


def test_what_files_of_earlier_versions_say_is_kept():
    once = "repaired: on all training samples"
    both = {"curve": f"trained; {once}", "weights": ["a"], "nets": ["A"]}
    same = {"weights": ["a"], "nets": ["A"]}
    assert ConnectFacts.read(both).curve == both["curve"]
    assert merged_facts(both, same) == {**same, "curve": "trained", "repair": once}
    assert merged_facts(both, {**same, "repair": "now"}) == {**same, "curve": "trained", "repair": "now"}
    assert merged_facts({**same, "repair": "then"}, {**same, "curve": "c"}) == {**same, "curve": "c", "repair": "then"}


@pytest.mark.parametrize(
    "options, said",
    [
        ({"align": False}, "repair: rescales units that correspond to each other; give align=True too"),
        ({"attack": "fgsm(eps=0.1)"}, "repair: would take statistics of attacked inputs"),
        ({"data": {"test": DATA}}, "repair: takes statistics of the training samples; add split='train'"),
    ],
)
def test_what_is_refused(options, said):
    more = {"split": "test"} if "data" in options else {}
    with pytest.raises(UsageError, match=said):
        ll.connect([net(1), net(2)], **{**OPTIONS, **options, **more})


def test_batch_norm_needs_no_repair(cnn):
    data = (torch.randn(20, 2, 6, 6), torch.arange(20) % 3)
    with pytest.raises(
        UsageError, match="repair: Sequential has batch norm, whose statistics are estimated at every place"
    ):
        ll.connect([cnn(0), cnn(1)], **{**OPTIONS, "data": data})
