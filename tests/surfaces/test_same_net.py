"""Numbers of the first samples, compared with those of a file: what is rounding, and what is another net."""

import pytest

from landscape.surfaces.same_net import other_values


def run(loss=2.0, outputs=1.0, *, samples=8.0, weights="a", device="cpu", precision="fp32", torch="2.0"):
    probe = {"train samples": samples, "train loss": loss, "train outputs": outputs}
    where = {"device": device, "versions": {"torch": torch}}
    return {"precision": precision, "run": {"probe": probe, "probe_of": weights, **where}}


def test_a_difference_is_named_with_both_values():
    assert other_values(run(), run(2.5)) == "the train loss of the first 8 samples is 2 in the file, 2.5 now"
    assert other_values(run(), run(outputs=1.1)).startswith("the train outputs of the first 8 samples is 1 in")


@pytest.mark.parametrize(
    ("other", "differs"),
    [
        ({}, True), ({"device": "H200"}, False), ({"torch": "3.0"}, False), ({"precision": "bf16"}, False),
        ({"samples": 4.0}, False), ({"weights": "b"}, False),
    ],
)  # fmt: skip
def test_what_rounds_otherwise_may_differ_by_more(other, differs):
    assert bool(other_values(run(), run(2.001, **other))) is differs
    assert bool(other_values(run(), run(2.5, **other))) is not ({"samples", "weights"} & other.keys())


def test_a_small_loss_of_large_outputs_is_as_exact_as_these():
    assert other_values(run(1e-7, 30.0), run(3e-7, 30.0)) is None
    assert other_values(run(1e-7, 0.0), run(3e-7, 0.0))


def test_what_is_not_a_number_now_differs_and_a_file_without_numbers_does_not():
    now = run()
    del now["run"]["probe"]["train loss"]
    assert other_values(run(), now) == "the train loss of the first 8 samples is 2 in the file, not a number now"
    assert other_values({}, run()) is None and other_values({"run": {"probe": "x", "probe_of": "a"}}, run()) is None


def test_random_numbers_are_compared_where_the_same_are_drawn():
    drawn = {"evaluation": {"random": "Dropout"}}
    assert other_values({**run(), **drawn}, {**run(2.5), **drawn}) is not None
    assert other_values({**run(), **drawn, "metrics": {}}, {**run(2.5), **drawn, "metrics": {"own": "#1"}}) is None
    for other in ({"device": "H200"}, {"torch": "3.0"}):
        assert other_values({**run(), **drawn}, {**run(2.5, **other), **drawn}) is None
