"""The footer tells what is known, and nothing else."""

import copy

import numpy as np
import pytest

from landscape.scene.facts.surface import facts, subject


def test_everything_known_is_told(make_surface, provenance):
    told = facts(make_surface(provenance=provenance), "train_loss")
    assert told == [
        "ResNet-56, 855,770 parameters",
        "resnet56_digits.pt (sha256 01234567)",
        "digits: 1,000 of 1,437 train samples",
        "cross-entropy",
        "random directions, seed 7, filter-normalized, biases and batch norm fixed",
        "cosine of the axes 0.0031",
        "batch-norm statistics kept",
        "25 × 21 points in [−1, 1]²",
        "train loss at the centre 0.0545",
    ]


@pytest.mark.parametrize("data, title, fact", [
    ("my_net.py:pairs", "ResNet-56, pairs", "my_net.py:pairs: 1,000 of 1,437 train samples"),
    ("DataLoader", "ResNet-56", "1,000 of 1,437 train samples"),
    ("dict", "ResNet-56", "1,000 of 1,437 train samples"),
])  # fmt: skip
def test_a_title_names_data_by_what_tells_them(make_surface, provenance, data, title, fact):
    surface = make_surface(provenance={**provenance, "data": {**provenance["data"], "name": data}})
    assert subject(surface) == title and fact in facts(surface, "train_loss")


def test_all_splits_are_told_when_no_metric_is_meant(make_surface, provenance):
    assert "digits: 1,000 of 1,437 train samples, 360 test samples" in facts(make_surface(provenance=provenance))


def test_deviations_from_the_usual_are_told(make_surface, provenance):
    known = copy.deepcopy(provenance)
    known |= {"precision": "bf16", "l2": 5e-4, "batchnorm": "recompute"}
    known["data"]["normalize"] = "imagenet"
    known["directions"] |= {"orthogonal": True, "ignore": "none"}
    told = " | ".join(facts(make_surface(provenance=known)))
    for words in (
        "bfloat16",
        "weight penalty 0.0005",
        "recomputed at each point",
        "pixels normalized as imagenet",
        "orthogonalized",
    ):
        assert words in told
    assert "biases" not in told


def test_directions_through_nets_name_no_seed_and_no_centre(make_surface, provenance):
    known = copy.deepcopy(provenance)
    known["directions"] = {"kind": "nets", "norm": "none", "ignore": "none", "state": "states"}
    known["batchnorm"] = "interpolate"
    told = facts(make_surface(provenance=known), "train_loss")
    assert "axes through the named nets" in told
    assert "batch-norm statistics interpolated" in told
    assert "train loss of the first net 0.0545" in told


def test_one_axis_to_a_net_and_one_random(make_surface, provenance):
    known = copy.deepcopy(provenance)
    known["directions"] = {"kind": "nets+random", "seed": 3, "norm": "none, filter", "ignore": "none, biasbn"}
    told = " | ".join(facts(make_surface(provenance=known)))
    assert "axes through the named nets, random directions, seed 3, not normalized, filter-normalized" in told


def test_a_file_of_the_original_tells_its_directions(make_surface):
    surface = make_surface(provenance={"command": "li2018", "directions": {"kind": "file", "file": "a/b_xnorm.h5"}})
    assert facts(surface)[0] == "directions of b_xnorm.h5"


def test_an_unknown_surface_is_named_by_its_file(make_surface):
    assert facts(make_surface(source="runs/first.h5"))[0] == "first.h5"
    assert facts(make_surface()) == ["25 × 21 points in [−1, 1]²"]
    assert subject(make_surface(source="runs/first.h5")) == "first.h5"


def test_no_central_value_off_the_grid_and_odd_ones_as_they_are(make_surface):
    assert facts(make_surface(x=(1, 2)), "train_loss") == ["25 × 21 points in [1, 2] × [−1, 1]"]
    values = np.ones((3, 3))
    values[1, 1] = np.nan
    assert facts(make_surface(values), "train_loss")[1:] == ["train loss at the centre nan"]


def test_shares_are_in_percent(make_surface):
    surface = make_surface(np.full((3, 3), 0.9344), metric="test_accuracy")
    assert facts(surface, "test_accuracy")[1:] == ["test accuracy at the centre 93.44 %"]


HESSIAN = {
    "split": "train", "samples": 2048, "fingerprint": "0", "ignore": "biasbn", "parameters": 312000, "tolerance": 0.01,
    "index": 0.001, "products": "program", "precision": "fp32",
}  # fmt: skip


def test_what_the_curvature_is_of_is_told_where_it_is_shown(make_surface, provenance):
    surface = make_surface(provenance={**provenance, "hessian": HESSIAN})
    told = "Hessian of 312,000 parameters (those of more than one dimension) on 2,048 train samples, eigenvalues within 1 %"
    index = "eigenvalues below −0.001 times the largest magnitude count as negative"
    assert told in facts(surface, "hessian_ratio") and told in facts(surface, centers=("train_loss", "hessian_max"))
    assert not any("Hessian of" in fact for fact in facts(surface, "train_loss"))
    assert index in facts(surface, "hessian_negative")
    assert index not in facts(surface, "hessian_max")
    assert facts(make_surface(provenance=provenance), "hessian_max") == facts(surface, "hessian_max")[:-1]


def test_what_is_unusual_of_the_curvature_is_told(make_surface, provenance):
    changed = {"ignore": r"bn\.", "tolerance": None, "products": "differences", "precision": "fp64"}
    surface = make_surface(provenance={**provenance, "hessian": {**HESSIAN, **changed}})
    told = facts(surface, "hessian_max")
    assert r"Hessian of 312,000 parameters (all but those matching bn\.) on 2,048 train samples" in told
    assert "products with the Hessian by differences of gradients" in told
    assert "curvature in float64" in told
    usual = facts(make_surface(provenance={**provenance, "hessian": HESSIAN}), "hessian_max")
    assert not any("differences" in fact or "curvature in" in fact for fact in usual)


def test_a_centre_that_is_still_to_come_has_no_value(make_surface):
    status = np.ones((3, 3), np.uint8)
    status[1, 1] = 0
    values = np.where(status, 1.0, np.nan)
    assert facts(make_surface(values, status={"evaluation": status}), "train_loss")[1:] == []


def test_titles_name_model_and_data(make_surface, provenance):
    known = {"model": {"name": "resnet56_noshort"}, "data": {"name": "cifar10"}}
    assert subject(make_surface(provenance=known)) == "ResNet-56 without shortcuts, CIFAR-10"
    assert subject(make_surface(provenance={"model": "MyNet"})) == "MyNet"
    assert subject(make_surface(provenance=provenance)) == "ResNet-56, digits"


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/nets/resnet56.pt", "resnet56.pt"),
        ("runs/wide/final.pt", "wide/final.pt"),
        ("/a/runs/wide/checkpoints/step_0000391.pt", "wide/checkpoints/step_0000391.pt"),
        ("checkpoints/resnet56_digits.pt", "resnet56_digits.pt"),
    ],
)
def test_nets_of_runs_are_told_apart(path, shown, make_surface):
    assert shown in facts(make_surface(provenance={"checkpoint": {"path": path}}))


EVALUATIONS = [
    ({"mean": "targets"}, ["mean over targets"]),
    (
        {"batches": "128 samples", "batch_size": 128, "mixes": "batch statistics of bn (BatchNorm2d)"},
        ["depends on the batches (128 samples): batch statistics of bn (BatchNorm2d)"],
    ),
    ({"batches": "6 x 16 samples as given", "mean": "batches"}, ["loss of whole batches: 6 x 16 samples as given"]),
    (
        {"batches": "128 samples", "random": "drop (Dropout)"},
        ["random numbers in drop (Dropout), the same at every point (batches of 128 samples)"],
    ),
    ({"restored": ["bn.running_mean"], "gradients": "inputs"}, []),
]


@pytest.mark.parametrize("evaluation, words", EVALUATIONS)
def test_what_decides_values_beside_weights_is_told(evaluation, words, make_surface, provenance):
    plain = facts(make_surface(provenance=provenance))
    told = facts(make_surface(provenance={**provenance, "evaluation": evaluation}))
    assert [each for each in told if each not in plain] == words and len(told) == len(plain) + len(words)


def test_the_entry_and_frozen_parameters_are_told(make_surface, provenance):
    known = copy.deepcopy(provenance)
    known["checkpoint"]["entry"], known["model"]["frozen"] = "ema", 1000
    told = facts(make_surface(provenance=known))
    assert told[:2] == [
        "ResNet-56, 855,770 parameters (1,000 of them frozen)",
        "resnet56_digits.pt, entry ema (sha256 01234567)",
    ]


def test_what_does_not_apply_is_not_told(make_surface, provenance):
    """Of nets without batch norm and inputs that are not pixels; a file that does not say may have both."""
    known = copy.deepcopy(provenance)
    known["data"]["normalize"] = "none"
    assert {"pixels not normalized", "batch-norm statistics kept"} <= set(facts(make_surface(provenance=known)))
    known["model"]["batch_norms"], known["data"]["pixels"] = 0, False
    told = " | ".join(facts(make_surface(provenance=known)))
    assert "pixels" not in told and "batch-norm statistics" not in told
    known["model"]["batch_norms"], known["data"]["pixels"] = 1, True
    assert {"pixels not normalized", "batch-norm statistics kept"} <= set(facts(make_surface(provenance=known)))


def test_a_run_says_what_applies_to_it():
    import torch
    from torch import nn

    import landscape as ll

    layers = nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Flatten(), nn.Linear(72, 10)
    labels = torch.arange(20) % 10
    inputs = {"pixels": torch.zeros(20, 8, 8, 1, dtype=torch.uint8), "numbers": torch.randn(20, 1, 8, 8)}
    for norms in (0, 1):
        net = nn.Sequential(*(each for each in layers if norms or not isinstance(each, nn.BatchNorm2d)))
        for kind, images in inputs.items():
            told = facts(ll.line(model=net, data=(images, labels), x=(-1, 1, 3), quiet=True))
            assert ("batch-norm statistics kept" in told) == bool(norms)
            assert ("batch norm" in " ".join(told)) == bool(norms)
            assert ("parameters of one dimension fixed" in " ".join(told)) != bool(norms)
            assert ("pixels not normalized" in told) == (kind == "pixels")
    told = facts(ll.line(model=net, data="digits", normalize="none", samples=20, x=(-1, 1, 3), quiet=True))
    assert "pixels not normalized" in told
