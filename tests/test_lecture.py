"""Figure `lecture`: its surfaces and paths are their closed forms; first weights do what their sources say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import landscape as ll

SCRIPTS = Path(__file__).parent.parent / "scripts" / "figures"
NETS = SCRIPTS / "lecture_nets.py"
OPTIONS = {"loss": "mse", "precision": "fp64", "quiet": True, "threads": 1}


@pytest.fixture
def nets(monkeypatch):
    """The module of the figure's nets."""
    monkeypatch.syspath_prepend(str(SCRIPTS))
    import lecture_nets

    return lecture_nets


@pytest.mark.parametrize(
    ("model", "data", "formula"), [("two_relu", "pair", "two_relu_loss"), ("neuron", "line", "line_loss")]
)
def test_the_whole_landscape_is_its_closed_form(nets, tmp_path, monkeypatch, model, data, formula):
    nets.write_corners(tmp_path)
    corners = tmp_path / model
    surface = ll.surface(
        corners / "0.pt", to=corners / "w1.pt", to_y=corners / "w2.pt", model=f"{NETS}:{model}", data=f"{NETS}:{data}",
        x=(-3, 4, 29), y=(-3, 4, 29), **OPTIONS,
    )  # fmt: skip
    expected = getattr(nets, formula)(*np.meshgrid(surface.x, surface.y))
    np.testing.assert_allclose(surface.values["train_loss"], expected, rtol=1e-13, atol=1e-14)


def test_the_numbers_of_the_two_neurons(nets):
    """Worked by hand: two minima, and two valleys in which one of the samples is given up."""
    at = {(2, -1): 0, (-1, 2): 0, (1, 1): 0.5, (0.3, 1.7): 0.5, (-0.5, -0.5): 2, (0, 0): 2.5}
    for (w1, w2), loss in at.items():
        assert nets.two_relu_loss(np.array(float(w1)), np.array(float(w2))) == pytest.approx(loss, abs=1e-15)


@pytest.mark.parametrize("lr", [0.1, 0.8])
def test_descent_of_the_neuron_is_its_closed_form_also_where_it_diverges(nets, tmp_path, lr):
    from lecture_table import descent

    ll.train(
        f"{NETS}:neuron", data=f"{NETS}:line", optimizer="sgd", momentum=0, weight_decay=0, schedule="constant", lr=lr,
        batch_size=nets.POINTS, epochs=10, save_every=1, log_every="end", out=tmp_path / "run", **OPTIONS,
    )  # fmt: skip
    found = [ll.load_checkpoint(tmp_path / "run" / "checkpoints" / f"step_{k:07d}.pt").state_dict for k in range(11)]
    weights = np.array([[float(each["w1"]), float(each["w2"])] for each in found])
    np.testing.assert_allclose(weights, descent(lr, 11), rtol=1e-11)


def test_first_weights_keep_or_lose_the_size_of_activations_as_their_sources_say(nets, monkeypatch):
    """He et al. 2015: ReLU halves the mean square, which weights of variance 2 / inputs make up for."""
    import torch
    from lecture_curves import activations

    monkeypatch.setattr(nets, "DEPTH", 3)
    torch.manual_seed(0)
    for gain in (1.0, 2.0):
        sizes = np.mean([activations(nets.deep(torch.nn.ReLU, gain)) ** 2 for _ in range(40)], axis=0)
        assert sizes[-1] / sizes[1] == pytest.approx((gain / 2) ** 2, rel=0.2)
