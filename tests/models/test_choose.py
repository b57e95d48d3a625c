"""Of two nets that load the same weights, the one that works is taken; where neither clearly does, the user is asked."""

import math
from pathlib import Path

import pytest
import torch
from torch.nn import functional as F

import landscape as ll
from landscape.checkpoint.checkpoint import load_checkpoint
from landscape.data.digits import MEAN, STD, read_digits
from landscape.errors import CheckpointError
from landscape.models.choose import choose
from landscape.models.recognize import recognize
from landscape.models.zoo import build_zoo

ROOT = Path(__file__).resolve().parents[2]
REFERENCE = ROOT.parent / "shared" / "reference"
IMAGES = REFERENCE / "resnet20" / "images.npz"
BOTH = ("resnet20_a", "resnet20_noshort")


def digits(split="train"):
    images, labels = (torch.from_numpy(array) for array in read_digits(split))
    return (images.permute(0, 3, 1, 2).float() / 255 - MEAN[0]) / STD[0], labels


def trained(name, *, steps=40, lr=0.05):
    """State dict after a few steps on the digits."""
    inputs, labels = digits()
    generator = torch.Generator().manual_seed(0)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = build_zoo(name, in_channels=1)
    optimizer = torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9, weight_decay=5e-4)
    for _ in range(steps):
        batch = torch.randint(0, len(labels), (64,), generator=generator)
        optimizer.zero_grad()
        F.cross_entropy(model(inputs[batch]), labels[batch]).backward()
        optimizer.step()
    return model.state_dict()


def batch(n=256):
    inputs, labels = digits("test")
    return inputs[:n], labels[:n]


@pytest.fixture(scope="module")
def states():
    return {name: trained(name) for name in BOTH}


@pytest.mark.parametrize("name", BOTH)
def test_the_net_that_was_trained_is_chosen(states, name):
    assert choose(recognize(states[name]), states[name], batch) == name


@pytest.mark.parametrize("name", BOTH)
def test_the_order_of_candidates_and_missing_batch_counters_change_nothing(states, name):
    old = {key: value for key, value in states[name].items() if not key.endswith("num_batches_tracked")}
    assert choose(BOTH[::-1], old, batch) == name


def test_a_deep_net():
    state = load_checkpoint(ROOT / "checkpoints" / "resnet56_noshort_digits.pt").state_dict
    assert choose(("resnet56_a", "resnet56_noshort"), state, batch) == "resnet56_noshort"


def test_one_candidate_needs_no_data():
    def never():
        raise AssertionError("data were read")

    assert choose(("resnet56",), {}, never) == "resnet56"


def refused(state, read_batch, reason):
    with pytest.raises(CheckpointError, match=reason) as raised:
        choose(BOTH, state, read_batch)
    message = str(raised.value)
    assert "resnet20_a (with shortcuts) and resnet20_noshort (without)" in message
    assert message.endswith("say --model resnet20_a or --model resnet20_noshort") and "\n" not in message


def test_what_is_not_clear_is_an_error_that_names_both(states):
    state = states["resnet20_a"]
    refused(state, None, "names and shapes alone do not decide")
    refused(state, lambda: None, "names and shapes alone do not decide")
    refused(state, lambda: batch(8), "on 8 samples neither is clearly right")
    refused(build_zoo("resnet20_a", in_channels=1).state_dict(), batch, "neither is clearly right")
    refused(
        {k: v * math.nan if v.is_floating_point() else v for k, v in state.items()}, batch, "neither is clearly right"
    )
    refused(state, lambda: (torch.zeros(4, 3, 8, 8), torch.zeros(4).long()), "neither takes the data")


def test_a_net_that_is_no_better_than_one_fixed_class_is_not_chosen(states):
    inputs, labels = (part[digits("test")[1] == 3] for part in digits("test"))
    refused(states["resnet20_a"], lambda: (inputs, labels), "neither is clearly right")


@pytest.mark.skipif(not IMAGES.exists(), reason="the reference files are not here: no ../shared/reference")
@pytest.mark.parametrize(
    "file, name",
    [
        ("li2018/resnet56.t7", "resnet56"),
        ("li2018/resnet56_noshort.t7", "resnet56_noshort"),
        ("resnet20/checkpoint.th", "resnet20_a"),
    ],
)
def test_nets_that_others_trained_are_recognized_by_a_surface(file, name):
    found = ll.line(
        REFERENCE / file, data=f"npz:{IMAGES}", normalize="li2018", x=(0, 1, 2), samples=8, threads=1, quiet=True
    )
    assert found.provenance["model"]["name"] == name


@pytest.mark.skipif(not IMAGES.exists(), reason="the reference files are not here: no ../shared/reference")
def test_info_names_both_candidates():
    assert ll.info(REFERENCE / "li2018" / "resnet56_noshort.t7")["model"] == "resnet56_a or resnet56_noshort"
