"""A loss that is a module is measured as the training of a net left it, where it is made from the spec that the net names."""

from __future__ import annotations

import functools

import pytest
import torch
from torch import nn

import landscape as ll
from landscape.callables import resolve_function
from landscape.errors import CheckpointError
from landscape.objective import stored_loss
from landscape.objective.measure import OutputMeasure
from landscape.scene.facts.surface import recorded_facts
from landscape.subject.restored_loss import notes_on_others
from landscape.subject.trained import Recorded

FILE = """
import collections

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


def splits():
    return {"train": data(), "test": data()}


def simple(outputs, targets):
    return F.cross_entropy(outputs, targets, reduction="none")


class Count(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("n", torch.zeros(()))
        self.register_buffer("fixed", torch.tensor([0.3, float("nan")], dtype=torch.float64))
        self.by, self.mode = {"w": torch.ones(3)}, "mean"

    def forward(self, outputs, targets):
        if self.training:
            self.n += 1
            self.by["w"] = self.by["w"] + 0.1
        return F.cross_entropy(outputs, targets, weight=self.by["w"], reduction="none") * (1 + self.n)


class Grows(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers, self.warm = nn.ModuleList(), True

    def forward(self, outputs, targets):
        if self.training:
            self.layers.append(nn.Identity())
        return F.cross_entropy(outputs, targets, reduction="none") * (1 + len(self.layers))


class Drops(Grows):
    def forward(self, outputs, targets):
        if self.training and hasattr(self, "warm"):
            del self.warm
        return F.cross_entropy(outputs, targets, reduction="none") * (2 if hasattr(self, "warm") else 1)


class Sparse(Grows):
    def __init__(self):
        super().__init__()
        self.register_buffer("table", torch.eye(3).to_sparse())

    def forward(self, outputs, targets):
        return F.cross_entropy(outputs, targets, reduction="none") + self.table.sum()


class Odd(Grows):
    def __init__(self):
        super().__init__()
        self.seen, self.n = collections.deque(), 0

    def forward(self, outputs, targets):
        if self.training:
            self.seen.append(1)
        return F.cross_entropy(outputs, targets, reduction="none") * (1 + len(self.seen))


class Shared(Warm):
    def factor(self, outputs, targets):
        return (0.1 + 0.05 * self.n).expand(len(targets))


shared = Shared()
factor = shared.factor
count, grows, drops, sparse, odd = Count(), Grows(), Drops(), Sparse(), Odd()
warm, again, plain = Warm(), Warm(), nn.CrossEntropyLoss(label_smoothing=0.1)
"""
OPTIONS = {"batch_size": 16, "epochs": 3, "quiet": True, "threads": 1, "precision": "fp64", "save_every": 3}


@pytest.fixture
def task(tmp_path):
    path = tmp_path / "task.py"
    path.write_text(FILE)
    return path


def trained(task, loss="warm", **options):
    options = {**OPTIONS, "data": f"{task}:data", "out": task.parent / "run", **options}
    run = ll.train(f"{task}:model", loss=f"{task}:{loss}", **options)
    return run, run.folder / "final.pt"


def at(net, task, **options):
    """The loss at the net's own weights."""
    options = {"x": "-1:1:3", "precision": "fp64", "threads": 1, "trust": True, **options}
    return ll.line(net, **options).at_origin("train_loss")


def test_the_centre_is_what_training_recorded(task, capsys):
    run, net = trained(task)
    assert at(net, task) == pytest.approx(run.metrics["train_loss"], rel=1e-12)
    said = capsys.readouterr().err
    assert f"the loss {task}:warm is as the training of run left it: n, weights and seen" in said
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
        assert "left it" not in capsys.readouterr().err
    task.write_text(FILE.replace('"n", torch', '"number", torch').replace("self.n", "self.number"))
    at(net, task)
    said = capsys.readouterr().err
    assert "is measured as it is made: what the training of run left of it" in said and "it lacks number" in said
    _, other = trained(task, "plain", overwrite=True)
    at(other, task)
    assert "left it" not in capsys.readouterr().err
    assert "loss_state" not in torch.load(other, weights_only=True)


@pytest.mark.parametrize("form", ["object", "described", "spec"])
def test_a_run_has_its_loss_as_training_left_it(task, capsys, form):
    given = {
        "object": (warm := resolve_function(f"{task}:warm", "loss")),
        "described": ll.Loss(warm, over="samples"),
        "spec": f"{task}:warm",
    }[form]
    options = {**OPTIONS, "data": f"{task}:data", "out": task.parent / "run"}
    for _ in range(2):  # the second one finds the first
        run = ll.train(f"{task}:model", loss=given, **options)
        line = ll.line(
            run.folder, model=run.model, data=f"{task}:data", loss=run.loss, x=(-1, 1, 3), precision="fp64", threads=1
        )
        assert line.at_origin("train_loss") == pytest.approx(run.metrics["train_loss"], rel=1e-12)
        assert not any(word in capsys.readouterr().err for word in ("left it", "recorded"))
        assert float(warm.n) == 0.0
        assert isinstance(run.loss, ll.Loss) == (form == "described")


@pytest.mark.parametrize("loss", ["plain", "simple"])
def test_a_loss_that_training_does_not_change_is_that_of_the_caller(task, loss):
    given = resolve_function(f"{task}:{loss}", "loss")
    assert trained(task, loss)[0].loss == f"{task}:{loss}"
    run = ll.train(f"{task}:model", loss=given, **{**OPTIONS, "data": f"{task}:data", "out": task.parent / "other"})
    assert run.loss is given


def test_an_object_is_measured_as_given_and_the_line_says_so(task, capsys):
    warm = resolve_function(f"{task}:warm", "loss")
    out = task.parent / "run"
    ll.train(f"{task}:model", data=f"{task}:data", loss=warm, out=out, **OPTIONS)
    before = warm.n.clone()
    at(out / "final.pt", task, loss=warm)
    assert (
        "is measured as it was given; the training of run left it with another n, weights and seen"
        in capsys.readouterr().err
    )
    assert warm.n == before == 0


def test_a_file_puts_no_value_in_the_place_of_a_method(task, capsys):
    _, net = trained(task)
    stored = torch.load(net, weights_only=True)
    stored["loss_state"][0]["attributes"]["forward"] = "text"
    torch.save(stored, net)
    at(net, task)
    assert "forward is something else there" in capsys.readouterr().err


def test_what_a_file_may_not_say_is_refused_in_words(task, capsys):
    _, net = trained(task, "count")
    whole = torch.load(net, weights_only=True)
    (part,) = whole["loss_state"]
    buffers, attributes = part["buffers"], part["attributes"]
    bad = [
        [3], [{}], [{"buffers": 1}], [part, part], [{**part, "buffers": {**buffers, "n": "text"}}],
        [{**part, "buffers": {**buffers, 3: torch.ones(2)}}], [{**part, "buffers": {**buffers, "n": torch.eye(2).to_sparse()}}],
        [{**part, "buffers": {**buffers, "n": torch.quantize_per_tensor(torch.ones(2), 0.1, 0, torch.qint8)}}],
        [{**part, "attributes": {**attributes, "_modules": {}}}],
        [{**part, "attributes": {**attributes, "_forward_pre_hooks": {0: 1}}}],
        [{**part, "attributes": {**attributes, "n": 3.0}}], [{**part, "attributes": {**attributes, "mode": "/etc/passwd"}}],
        [{**part, "attributes": {**attributes, "mode": b"/etc/passwd"}}],
        [{**part, "buffers": {**buffers, "n": torch.zeros((), device="meta")}}],
        [{**part, "attributes": {**attributes, "new": ["../text"]}}], [{**part, "attributes": {3: 1, **attributes}}],
    ]  # fmt: skip
    for damaged in (*bad, []):
        torch.save({**whole, "loss_state": damaged}, net)
        at(net, task, loss=f"{task}:count")
        said = capsys.readouterr().err
        assert ("does not fit" in said) == bool(damaged), damaged
    huge = [{**part, "buffers": {**buffers, "big": torch.zeros(1).as_strided((10**10,), (0,))}}]
    torch.save({**whole, "loss_state": huge}, net)
    with pytest.raises(CheckpointError, match="declares tensors of 40 GB"):
        at(net, task, loss=f"{task}:count")


def test_values_in_containers_follow_the_net_and_what_stayed_is_not_named(task, capsys, monkeypatch):
    run, net = trained(task, "count")
    assert at(net, task, precision="fp32") == pytest.approx(run.metrics["train_loss"], rel=1e-5)
    assert "as the training of run left it: n and by" in capsys.readouterr().err
    link = task.parent / "link.py"
    link.symlink_to(task)
    assert at(net, task, loss=f"{link}:count") == pytest.approx(run.metrics["train_loss"], rel=1e-9)
    (task.parent / "imported_loss.py").write_text(task.read_text())
    monkeypatch.syspath_prepend(task.parent)
    task.rename(task.with_name("own.py"))
    task.symlink_to(task.parent / "imported_loss.py")  # one file, as a module and by its path
    assert at(net, task, loss="imported_loss:count") == pytest.approx(run.metrics["train_loss"], rel=1e-9)
    assert "as the training of run left it: n and by" in capsys.readouterr().err
    at(net, task, loss=f"{task}:Count")
    assert "is measured as it is made; what the training of run made of" in capsys.readouterr().err


def test_the_test_split_has_the_loss_of_its_step_however_it_changes(task):
    for name, factors in (("grows", [1, 4, 7, 10]), ("drops", [2, 1, 1, 1]), ("odd", [1, 4, 7, 10])):
        options = {"lr": 1e-12, "overwrite": True, "optimizer": "sgd", "weight_decay": 0.0}
        run, _ = trained(task, name, data=f"{task}:splits", **options)
        plain, _ = trained(task, "simple", data=f"{task}:splits", **options)
        found = [row["test_loss"] for row in run.log]
        assert found == pytest.approx([factor * plain.log[0]["test_loss"] for factor in factors], rel=1e-6)


def test_a_sparse_buffer_trains_and_is_measured(task):
    run, net = trained(task, "sparse", data=f"{task}:splits")
    assert at(net, task) == pytest.approx(run.metrics["train_loss"], rel=1e-9)


def test_a_loss_with_more_values_than_can_be_read_again_is_not_kept(monkeypatch):
    """The net in the same file could not be read either."""
    loss = nn.CrossEntropyLoss()
    loss.seen = []
    monkeypatch.setattr(stored_loss, "MOST_VALUES", 100)
    for count, parts in ((50, 1), (200, 0)):
        loss.seen = [1.0] * count
        kept = stored_loss.for_checkpoint(OutputMeasure({"loss": functools.partial(loss)}))
        assert len(kept) == parts


def test_what_no_file_holds_is_said_to_be_new(task, capsys):
    _, net = trained(task, "odd")
    at(net, task)
    assert "this run made a new" in capsys.readouterr().err


def test_several_nets_say_whose_loss_measures_them(task, capsys):
    _, first = trained(task)
    _, second = trained(task, epochs=6, out=task.parent / "longer")
    one = "all nets are measured with the loss as the training of run left it; the training of longer left it with another n,"
    for measure in (lambda: ll.connect([first, second], trust=True, points=3),
                    lambda: ll.line(first, to=second, trust=True, x="0:1:3")):  # fmt: skip
        capsys.readouterr()
        measure()
        assert one in capsys.readouterr().err
    ll.flatness([first, second], trust=True, measures="gradient_norm")
    said = capsys.readouterr().err
    assert "the nets are not measured with one function: each with the loss as its own training left it" in said
    assert "run: the loss" in said and "longer: the loss" in said
    ll.connect([first, second], loss="cross_entropy", model=f"{task}:model", data=f"{task}:data", points=3)
    assert "left it" not in capsys.readouterr().err


def test_of_several_other_nets_the_one_with_another_loss_is_named():
    def of(net, n, spec="t.py:warm"):
        state = [{"buffers": {"n": torch.tensor(float(n))}, "parameters": {}, "attributes": {}}]
        return Recorded(spec, net, f"{net}.pt", state=state)

    others = [None, of("other", 7, "t.py:plain"), of("same", 1), of("third", 3)]
    line = "all nets are measured with the loss as the training of first left it; the training of third left it with another n"
    assert notes_on_others(of("first", 1), others, "t.py:warm") == [line]
    assert notes_on_others(of("first", 1), others[:3], "t.py:warm") == []


def test_a_metric_of_the_same_module_has_its_state_too(task):
    _, net = trained(task, "shared")
    found = ll.line(net, x="-1:1:3", precision="fp64", threads=1, trust=True, metrics=["loss", f"{task}:factor"])
    assert found.at_origin("train_factor") == pytest.approx(0.55, rel=1e-6), "nine steps"


def test_a_training_says_where_its_loss_begins_in_its_first_state(task, capsys):
    _, first = trained(task)
    trained(task, init=first, out=task.parent / "more", quiet=False)
    assert (
        "the loss begins in its first state; the training of run left it with another n, weights and seen"
        in capsys.readouterr().err
    )
    trained(task, "plain", out=task.parent / "plain", quiet=False)
    assert "first state" not in capsys.readouterr().err


def test_the_state_is_listed_and_a_run_is_one_line(task):
    run, net = trained(task)
    assert ll.info(net)["loss state"] == ["n", "seen", "weights"]
    assert repr(run).startswith(f"Run({run.folder}, 9 steps, train_loss ") and "\n" not in repr(run)


def test_a_curve_is_trained_with_the_loss_that_measures_it(task, tmp_path, monkeypatch):
    from landscape.training.trainer import Trainer

    _, first = trained(task)
    _, second = trained(task, out=task.parent / "other", epochs=5)
    begun, advance = [], Trainer.advance
    monkeypatch.setattr(Trainer, "advance", lambda trainer: (begun.append(loss_of(trainer)), advance(trainer)))

    def loss_of(trainer):
        return float(trainer.measure.inner.functions["loss"].n)

    ll.connect([first, second], trust=True, points=3, curve="bezier", epochs=1, out=tmp_path / "c.h5")
    assert begun[0] == 9.0


def test_along_a_run_one_loss_measures_and_a_line_says_which(task, capsys):
    run, net = trained(task, track="gradient", quiet=False)
    line = "training changes n, weights and seen of the loss up to step_0000009, and all nets are measured with"
    assert capsys.readouterr().err.count(line) == 1
    fact = "task.py:warm, as it was at step_0000000"
    assert fact in recorded_facts(ll.load_surface(run.folder / "dynamics.h5"))
    found = ll.dynamics(run.folder, measures="critical", trust=True, samples=None, overwrite=True)
    assert capsys.readouterr().err.count(line) == 1
    assert fact in recorded_facts(found)
    _, other = trained(task, "plain", overwrite=True, track="gradient", quiet=False)
    ll.dynamics(other.parent, measures="critical", trust=True, samples=None, overwrite=True)
    assert "training changes" not in capsys.readouterr().err


def test_flatness_spectra_and_paths_say_where_a_recorded_loss_is_another(task, capsys):
    run, net = trained(task)
    first = net.parent / "checkpoints" / "step_0000000.pt"
    for measure in (lambda: ll.flatness([net, first], trust=True, measures="gradient_norm"),
                    lambda: ll.spectrum(net, trust=True, trace_products=0, probes=0),
                    lambda: ll.connect([net, first], trust=True, points=3)):  # fmt: skip
        capsys.readouterr()
        measure()
        assert "its training recorded" not in capsys.readouterr().err
    task.write_text(FILE.replace("return values *", "return 2 * values *"))
    for measure in (lambda: ll.flatness([net, first], trust=True, measures="gradient_norm"),
                    lambda: ll.flatness(net, trust=True, measures="gradient_norm"),
                    lambda: ll.spectrum(net, trust=True, trace_products=0, probes=0),
                    lambda: ll.connect([net, first], trust=True, points=3)):  # fmt: skip
        measure()
        found = 2 * run.metrics["train_loss"]
        assert f"is {found:.4g}, and its training recorded {found / 2:.4g}: have the data" in capsys.readouterr().err
