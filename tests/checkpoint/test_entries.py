"""Which of several state dicts in a file a net is made of: never one of several silently."""

import pytest
import torch
from torch import nn

import landscape as ll
from landscape.checkpoint.checkpoint import load_checkpoint
from landscape.errors import CheckpointError, SurfaceFileError, UsageError
from landscape.printable import listed
from landscape.subject.net import load_net, other_net


def make(seed):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(6, 4), nn.Tanh(), nn.Linear(4, 3))


RAW, MEAN = (dict(make(seed).state_dict()) for seed in (1, 2))
OTHER = dict(nn.Linear(2, 2).state_dict())


def flat(**parts):
    return {f"{name}.{key}": value for name, part in parts.items() for key, value in part.items()}


# form -> (what is stored, the entries that fit)
SEVERAL = {
    "model and ema": ({"model": RAW, "ema": MEAN, "epoch": 3}, ["model", "ema"]),
    "state_dict_ema": ({"state_dict": RAW, "state_dict_ema": MEAN}, ["state_dict", "state_dict_ema"]),
    "student and teacher": ({"teacher": MEAN, "student": RAW}, ["teacher", "student"]),
    "nested": ({"all": {"model": RAW, "ema": {"module": MEAN}}}, ["all.model", "all.ema.module"]),
    "one flat state dict": (
        {"initted": torch.tensor(True), "step": torch.tensor(3), **flat(online_model=RAW, ema_model=MEAN)},
        ["ema_model", "online_model"],
    ),
    "flat inside": ({"state_dict": flat(student=RAW, teacher=MEAN)}, ["student", "teacher"]),
}


@pytest.fixture
def saved(tmp_path):
    def save(stored):
        torch.save(stored, tmp_path / "net.pt")
        return tmp_path / "net.pt"

    return save


def is_of(net, state):
    return all(torch.equal(tensor, state[name]) for name, tensor in net.module.state_dict().items())


@pytest.mark.parametrize("form", SEVERAL)
def test_several_that_fit_are_refused_and_named(form, saved):
    stored, names = SEVERAL[form]
    with pytest.raises(CheckpointError, match="the weights of this net are in several entries") as raised:
        load_net(saved(stored), make(0))
    assert f": {listed(names)}; choose one" in str(raised.value) and "\n" not in str(raised.value)


@pytest.mark.parametrize("form", SEVERAL)
def test_the_entry_that_is_chosen_is_taken_and_recorded(form, saved):
    stored, names = SEVERAL[form]
    path = saved(stored)
    for name in names:
        net = load_net(path, make(0), entry=name)
        assert is_of(net, MEAN if any(word in name for word in ("ema", "teacher")) else RAW)
        assert net.checkpoint.entry == name
        assert is_of(load_net(load_checkpoint(path, entry=name), make(0)), net.module.state_dict())


ALONE = {
    "ema alone": ({"ema": MEAN}, None),
    "another net beside": ({"G": OTHER, "D": MEAN}, "D"),
    "an optimizer beside": (
        {"model": MEAN, "optimizer": {"state": {0: {"exp_avg": torch.ones(2)}}, "param_groups": []}},
        None,
    ),
    "an optimizer by names": ({"model": MEAN, "optim_state": {"state": {"0.weight": dict(MEAN)}}}, None),
    "the only one, though its name is odd": ({"rng_model": MEAN}, None),
    "the same twice": ({"model": MEAN, "ema": {key: value.clone() for key, value in MEAN.items()}}, "model"),
    "a prefix": ({"state_dict": flat(model=MEAN)}, None),
    "a prefix, the same twice": ({"state_dict": flat(model=MEAN, copy=MEAN)}, None),
}


@pytest.mark.parametrize("form", ALONE)
def test_the_only_one_that_fits_is_taken(form, saved):
    stored, entry = ALONE[form]
    net = load_net(saved(stored), make(0))
    assert is_of(net, MEAN) and net.checkpoint.entry == entry


def test_an_entry_that_is_not_there_is_named(saved):
    with pytest.raises(CheckpointError, match="no entry 'swa' with weights in it; it has ema and model"):
        load_net(saved({"model": RAW, "ema": MEAN}), make(0), entry="swa")
    with pytest.raises(UsageError, match="entry 'ema': there is no checkpoint"):
        load_net(None, make(0), entry="ema")


@pytest.mark.parametrize("prefix", ["ema.", "module.", "teacher.net."])
def test_names_without_a_prefix_are_an_entry_too(saved, prefix):
    """The weights themselves, and beside them the same names with a prefix and other values."""
    path = saved({**RAW, **{f"{prefix}{name}": tensor for name, tensor in MEAN.items()}})
    with pytest.raises(CheckpointError, match=r"several entries: \. \(names without a prefix\) and .*--entry \.\)"):
        load_net(path, make(0))
    for entry, wanted in ((".", RAW), (prefix.rstrip("."), MEAN)):
        own = load_net(path, make(0), entry=entry).module.state_dict()
        assert all(torch.equal(own[name], tensor) for name, tensor in wanted.items())
    same = saved({**RAW, **{f"{prefix}{name}": tensor.clone() for name, tensor in RAW.items()}})
    assert all(torch.equal(load_net(same, make(0)).module.state_dict()[name], tensor) for name, tensor in RAW.items())


def test_a_zoo_net_and_its_average_in_one_state_dict_are_not_picked_from(saved):
    from landscape.models.zoo import build_zoo

    torch.manual_seed(1)
    own = build_zoo("vgg9").state_dict()
    path = saved({**own, **{f"ema.{name}": tensor + 1 for name, tensor in own.items()}})
    with pytest.raises(CheckpointError, match="several entries: . "):
        load_net(path, None)


def test_the_second_net_is_of_the_same_entry(saved, tmp_path):
    path = saved({"model": RAW, "ema": MEAN})
    net = load_net(path, make(0), entry="ema")
    assert all(torch.equal(tensor, MEAN[name]) for name, tensor in other_net(path, net).tensors.items())
    raw = other_net(load_checkpoint(path, entry="model"), net)
    assert all(torch.equal(tensor, RAW[name]) for name, tensor in raw.tensors.items())
    with pytest.raises(CheckpointError, match="several entries"):
        other_net(path, load_net(None, make(0)))
    torch.save({"net": RAW}, tmp_path / "other.pt")
    assert other_net(tmp_path / "other.pt", net).tensors.keys() == RAW.keys()


def test_zoo_nets_are_recognized_in_each_entry(saved):
    from landscape.models.zoo import build_zoo

    states = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        states.append(
            dict(
                build_zoo(
                    "vgg9",
                ).state_dict()
            )
        )
    path = saved({"model": states[0], "ema": states[1]})
    with pytest.raises(CheckpointError, match="several entries: model and ema"):
        load_net(path, None)
    assert load_net(path, None, entry="ema").name == "vgg9"


def test_the_entry_is_part_of_the_run_and_shown(saved, tmp_path):
    from landscape.scene.facts.surface import facts

    path, data = saved({"model": RAW, "ema": MEAN}), (torch.randn(8, 6), torch.arange(8) % 3)
    options = {"model": make(0), "data": data, "x": (0, 1, 2), "out": tmp_path / "l.h5", "quiet": True}
    line = ll.line(path, entry="ema", **options)
    assert any("net.pt, entry ema" in fact for fact in facts(line, "train_loss"))
    with pytest.raises(SurfaceFileError, match="checkpoint.entry is ema in the file, model now"):
        ll.line(path, entry="model", **options)
    assert ll.info(path)["state_dicts"] == {name: {"tensors": 4, "entries": 43} for name in ("model", "ema")}
    ends = ll.hessian(line, model=make(0), data=data, quiet=True)
    assert ends.provenance["checkpoint"]["entry"] == "ema"
