"""`--samples`: a seeded subset, sorted, independent of all other options."""

import numpy as np
import pytest
import torch

from landscape.data.load import load_splits, subset
from landscape.errors import UsageError


def test_sorted_distinct_and_of_the_number_asked_for():
    for n, samples in ((10, 1), (10, 9), (1438, 100)):
        taken = subset(n, samples)
        assert len(taken) == len(set(taken.tolist())) and len(taken) == samples
        assert np.array_equal(taken, np.sort(taken)) and taken[0] >= 0 and taken[-1] < n


def test_all_when_there_are_no_more():
    for samples in (None, 10, 11):
        assert np.array_equal(subset(10, samples), np.arange(10))


def test_seeded_and_frozen():
    """A published value with 10 samples of the 1438 digits must mean the same 10 next year."""
    np.random.seed(1)
    torch.manual_seed(1)
    first = subset(1438, 10).tolist()
    np.random.seed(2)
    assert subset(1438, 10).tolist() == first == FROZEN


def test_a_draw_and_not_the_first_ones():
    taken = subset(1000, 100)
    assert abs(taken.mean() - 500) < 120 and taken[-1] > 900


def test_the_same_samples_whatever_else_is_asked_for():
    def prints(**options):
        found = load_splits("digits", samples=50, **options).splits
        return {name: split.fingerprint for name, split in found.items()}

    alone = prints(split=("train",)) | prints(split=("test",))
    assert prints(split=("test", "train")) == alone == prints(split=("train", "test"), normalize="none")


def test_digits_are_those_of_the_numbers_drawn():
    from landscape.data.digits import read_digits

    images, labels = read_digits("test")
    split = load_splits("digits", split=("test",), samples=20).splits["test"]
    taken = subset(len(images), 20)
    assert np.array_equal(split.inputs.numpy(), images[taken]) and np.array_equal(split.targets.numpy(), labels[taken])
    assert (split.size, split.of) == (20, 359)


def test_provenance_says_how_many_of_how_many():
    facts = load_splits("digits", split=("train", "test"), samples=400).provenance
    assert facts["splits"]["train"]["samples"] == 400 and facts["splits"]["train"]["of"] == 1438
    assert facts["splits"]["test"]["samples"] == facts["splits"]["test"]["of"] == 359
    assert facts["name"] == "digits" and facts["normalize"] == "digits"


@pytest.mark.parametrize("samples", [0, -1])
def test_no_samples(samples):
    with pytest.raises(UsageError, match=f"samples {samples}: expected at least 1"):
        load_splits("digits", samples=samples)


def test_unknown_split_and_unknown_data():
    with pytest.raises(UsageError, match="split 'valid': expected train or test"):
        load_splits("digits", split=("valid",))
    for spec in ("digit", "cifar", "Digits"):
        with pytest.raises(UsageError, match=f"data '{spec}': expected one of digits, cifar10"):
            load_splits(spec)


FROZEN = [20, 131, 193, 238, 369, 553, 676, 885, 1341, 1407]


def test_a_number_above_those_there_are_is_said():
    splits = ("train", "test")
    assert load_splits("digits", split=splits, samples=359).notes == ()
    assert load_splits("digits", split=splits).notes == ()
    found = load_splits("digits", split=splits, samples=2000).notes
    assert found == ("samples 2,000: there are 1,438 train and 359 test samples, and all are taken",)


def test_each_command_says_it(mlp, tmp_path, capsys):
    import landscape as ll

    data = (torch.randn(20, 6), torch.arange(20) % 3)
    said = {}

    def says(name, call):
        call()
        said[name] = capsys.readouterr().err.count("samples 30: there are 20 train samples, and all are taken")

    many = {"data": data, "samples": 30, "threads": 1}
    says("line", lambda: ll.line(model=mlp(), x="-1:1:2", **many))
    says("spectrum", lambda: ll.spectrum(model=mlp(), top=1, probes=1, steps=2, **many))
    says("connect", lambda: ll.connect([mlp(0), mlp(1)], points=2, **many))
    says("flatness", lambda: ll.flatness(mlp(), measures="weight_norm", **many))
    says("align", lambda: ll.align(mlp(0), mlp(1), data=data, samples=30))
    says(
        "train",
        lambda: ll.train(mlp(), data=data, epochs=1, samples=30, batch_size=10, out=tmp_path / "run", threads=1),
    )
    here = ll.surface(model=mlp(), data=data, x="-1:1:2", y="-1:1:2", quiet=True, threads=1)
    says("hessian", lambda: ll.hessian(here, model=mlp(), data=data, samples=30, threads=1))
    assert said == dict.fromkeys(said, 1)
