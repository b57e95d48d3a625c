"""A loss that is a module is measured as the training of a net left it, where it is made from the spec that the net names."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import landscape as ll
from landscape.callables import resolve_function

FILE = """
import torch
import torch.nn.functional as F
from torch import nn


class Warm(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("n", torch.zeros(()))
        self.weights, self.seen = nn.Parameter(torch.ones(3), requires_grad=False), []

    def forward(self, outputs, targets):
        if self.training:
            self.n += 1
            self.weights[0] += 0.1
            self.seen.append(1.0)
        values = F.cross_entropy(outputs, targets, weight=self.weights, reduction="none")
        return values * (0.1 + 0.05 * self.n + 0.02 * len(self.seen))


def model():
    torch.manual_seed(1)
    return nn.Sequential(nn.Linear(5, 8), nn.Tanh(), nn.Linear(8, 3))


def data():
    torch.manual_seed(0)
    return torch.randn(48, 5), torch.randint(3, (48,))


warm, again, plain = Warm(), Warm(), nn.CrossEntropyLoss(label_smoothing=0.1)
"""
OPTIONS = {"batch_size": 16, "epochs": 3, "quiet": True, "threads": 1, "precision": "fp64", "save_every": 3}


@pytest.fixture
def task(tmp_path):
    path = tmp_path / "task.py"
    path.write_text(FILE)
    return path


def trained(task, loss="warm", **options):
    out = task.parent / "run"
    run = ll.train(f"{task}:model", data=f"{task}:data", loss=f"{task}:{loss}", out=out, **{**OPTIONS, **options})
    return run, out / "final.pt"


def at(net, task, **options):
    """The loss at the net's own weights."""
    options = {"x": "-1:1:3", "precision": "fp64", "threads": 1, "trust": True, **options}
    return ll.line(net, **options).at_origin("train_loss")


def test_the_centre_is_what_training_recorded(task, capsys):
    run, net = trained(task)
    assert at(net, task) == pytest.approx(run.metrics["train_loss"], rel=1e-12)
    said = capsys.readouterr().err
    assert f"the loss {task}:warm is as the net's training left it: n, weights and seen" in said
    assert "its training recorded" not in said
    # a state of its own for each net of the run: 0.1, 0.31, 0.52 of the cross-entropy and more
    first, middle = (net.parent / "checkpoints" / f"step_{step:07d}.pt" for step in (0, 3))
    new = torch.nn.functional.cross_entropy
    for path, n in ((first, 0), (middle, 3)):
        state = torch.load(path, weights_only=True)["state_dict"]
        model = nn.Sequential(nn.Linear(5, 8), nn.Tanh(), nn.Linear(8, 3)).double()
        model.load_state_dict(state)
        torch.manual_seed(0)
        inputs, targets = torch.randn(48, 5), torch.randint(3, (48,))
        weight = torch.tensor([1 + 0.1 * n, 1, 1], dtype=torch.float64)
        values = new(model(inputs.double()), targets, weight=weight, reduction="none")
        assert at(path, task) == pytest.approx(float(values.detach().mean()) * (0.1 + 0.07 * n), rel=1e-6)


def test_what_does_not_fit_is_named_and_a_loss_without_state_says_nothing(task, capsys):
    _, net = trained(task)
    for other in ("plain", "again"):
        at(net, task, loss=f"{task}:{other}")
        assert "training left it" not in capsys.readouterr().err
    task.write_text(FILE.replace('"n", torch', '"number", torch').replace("self.n", "self.number"))
    at(net, task)
    said = capsys.readouterr().err
    assert "is measured as it is made: what training left of it" in said and "it lacks number" in said
    _, other = trained(task, "plain", overwrite=True)
    at(other, task)
    assert "training left it" not in capsys.readouterr().err
    assert "loss_state" not in torch.load(other, weights_only=True)


def test_an_object_is_measured_as_given_and_the_line_says_so(task, capsys):
    warm = resolve_function(f"{task}:warm", "loss")
    out = task.parent / "run"
    ll.train(f"{task}:model", data=f"{task}:data", loss=warm, out=out, **OPTIONS)
    before = warm.n.clone()
    at(out / "final.pt", task, loss=warm)
    assert "is measured as it was given; training left it with another n, weights and seen" in capsys.readouterr().err
    assert warm.n == before == 0


def test_a_file_puts_no_value_in_the_place_of_a_method(task, capsys):
    _, net = trained(task)
    stored = torch.load(net, weights_only=True)
    stored["loss_state"][0]["attributes"]["forward"] = "text"
    torch.save(stored, net)
    at(net, task)
    assert "it has a value for forward, which is a method" in capsys.readouterr().err


def test_damaged_states_are_refused_in_words(task, capsys):
    _, net = trained(task)
    whole = torch.load(net, weights_only=True)
    for damaged in ([], [3], [{}], [{"buffers": 1}], [{**whole["loss_state"][0], "buffers": {"n": "text"}}],
                    [*whole["loss_state"], *whole["loss_state"]]):  # fmt: skip
        torch.save({**whole, "loss_state": damaged}, net)
        at(net, task)
        said = capsys.readouterr().err
        assert ("does not fit" in said) == bool(damaged), damaged


def test_along_a_run_one_loss_measures_and_a_line_says_which(task, capsys):
    run, net = trained(task, track="gradient", quiet=False)
    line = "training changes n, weights and seen of the loss from step 0 to step 9, and all nets are measured with"
    assert capsys.readouterr().err.count(line) == 1
    ll.dynamics(run.folder, measures="critical", trust=True, samples=None, overwrite=True)
    assert capsys.readouterr().err.count(line) == 1
    _, other = trained(task, "plain", overwrite=True, track="gradient", quiet=False)
    ll.dynamics(other.parent, measures="critical", trust=True, samples=None, overwrite=True)
    assert "training changes" not in capsys.readouterr().err


def test_flatness_and_paths_say_where_a_recorded_loss_is_another(task, capsys):
    run, net = trained(task)
    first = net.parent / "checkpoints" / "step_0000000.pt"
    for measure in (lambda: ll.flatness([net, first], trust=True, measures="gradient_norm"),
                    lambda: ll.connect([net, first], trust=True, points=3)):  # fmt: skip
        capsys.readouterr()
        measure()
        assert "its training recorded" not in capsys.readouterr().err
    task.write_text(FILE.replace("return values *", "return 2 * values *"))
    for measure in (lambda: ll.flatness([net, first], trust=True, measures="gradient_norm"),
                    lambda: ll.flatness(net, trust=True, measures="gradient_norm"),
                    lambda: ll.connect([net, first], trust=True, points=3)):  # fmt: skip
        measure()
        found = 2 * run.metrics["train_loss"]
        assert f"is {found:.4g}, and its training recorded {found / 2:.4g}: have the data" in capsys.readouterr().err
