"""A loss that reads what a forward hook has stored: values and curvature are those of plain torch, or one line says why not."""

import builtins
import functools

import pytest
import torch
from torch import nn
from torch.nn import functional as F

import landscape as ll
from landscape.errors import EvaluationError

torch.manual_seed(0)
DATA = torch.randn(40, 5), torch.randint(0, 3, (40,))
FEATURES = None


def net():
    torch.manual_seed(1)
    return nn.Sequential(nn.Linear(5, 4), nn.Tanh(), nn.Linear(4, 3))


def by_item():
    model, store = net(), {}

    def hook(module, inputs, outputs):
        store["h"] = outputs

    model[0].register_forward_hook(hook)
    return model, lambda: store["h"]


def by_method():
    model, store = net(), {}
    model[0].register_forward_hook(lambda module, inputs, outputs: store.update(h=outputs))
    return model, lambda: store["h"]


def by_list():
    model, store = net(), []
    model[0].register_forward_hook(lambda module, inputs, outputs: store.append(outputs))
    return model, lambda: store.pop()


def _set(module, inputs, outputs):
    global FEATURES
    FEATURES = outputs


def by_global():
    model = net()
    model[0].register_forward_hook(_set)
    return model, lambda: FEATURES


def hessian(model, loss):
    """The largest eigenvalue of the Hessian by torch alone."""
    weights = [*model.parameters()]
    slopes = torch.autograd.grad(loss(model(DATA[0]), DATA[1]).mean(), weights, create_graph=True)
    slope = torch.cat([each.reshape(-1) for each in slopes])
    rows = [torch.autograd.grad(each, weights, retain_graph=True, allow_unused=True) for each in slope]
    full = [
        torch.cat([(torch.zeros_like(w) if g is None else g).reshape(-1) for g, w in zip(row, weights, strict=True)])
        for row in rows
    ]
    return torch.linalg.eigvalsh(torch.stack(full).double())[-1].item()


@pytest.mark.parametrize("make", [by_item, by_method, by_list, by_global])
def test_values_and_curvature_are_those_of_torch(make, capsys):
    model, stored = make()

    def loss(outputs, targets):
        return F.cross_entropy(outputs, targets, reduction="none") + 0.3 * stored().square().mean(1)

    given = {"model": model, "data": DATA, "loss": loss, "quiet": True}
    line = ll.line(x=(-1, 1, 3), **given)
    model(DATA[0])  # as a user does in between
    assert line.at_origin("train_loss") == pytest.approx(loss(model(DATA[0]), DATA[1]).mean().item(), rel=1e-5)
    curved = ll.hessian(line, ignore="none", **given)
    assert curved.at_origin("hessian_max") == pytest.approx(hessian(model, loss), rel=0.015)


def test_another_loss_is_another_one_all_the_same():
    model, stored = by_item()
    line = ll.line(
        model=model,
        data=DATA,
        loss=lambda o, t: F.cross_entropy(o, t) + stored().square().mean(),
        x=(-1, 1, 3),
        quiet=True,
    )
    with pytest.raises(ll.LandscapeError, match="computed from something else: the code of the loss"):
        ll.hessian(
            line, model=model, data=DATA, loss=lambda o, t: F.cross_entropy(o, t) + stored().abs().mean(), quiet=True
        )


class Tap:
    def __init__(self):
        self.h = None

    def __call__(self, module, inputs, outputs):
        self.h = outputs.detach()

    def keep(self, module, inputs, outputs):
        self.h = outputs

    def loss(self, outputs, targets):
        return F.cross_entropy(outputs, targets, reduction="none") + self.h.square().mean(1)


@pytest.mark.parametrize("before", [False, True])
@pytest.mark.parametrize("kind", ["object", "method", "loss of it"])
def test_an_object_that_is_a_hook_is_copied_with_the_net_and_refused(kind, before):
    """What it has stored of an earlier pass would be taken for that of the copy."""
    model, tap = net(), Tap()
    model[0].register_forward_hook(tap if kind == "object" else tap.keep)
    if before:
        model(DATA[0])

    def loss(outputs, targets):
        return F.cross_entropy(outputs, targets, reduction="none") + tap.h.square().mean(1)

    with pytest.raises(
        EvaluationError, match=r"the loss reads \w+ \(Tap\), a hook of the net, which is copied .*register a function"
    ):
        ll.line(model=model, data=DATA, loss=tap.loss if kind == "loss of it" else loss, x=(-1, 1, 3), quiet=True)


def test_an_object_that_the_loss_does_not_read_is_none_of_its_business():
    model, tap = net(), Tap()
    model[0].register_forward_hook(tap.keep)
    model(DATA[0])
    line = ll.line(model=model, data=DATA, x=(-1, 1, 3), quiet=True)
    assert line.at_origin("train_loss") == pytest.approx(F.cross_entropy(model(DATA[0]), DATA[1]).item(), rel=1e-5)


class Features:
    def __init__(self):
        self.h = None

    def __call__(self, module, inputs, outputs):
        self.h = outputs.detach()


class Keeping(nn.Linear):
    def forward(self, inputs):
        self.out = super().forward(inputs).detach()
        return self.out + super().forward(inputs) - self.out


class Penalty(nn.Module):
    def __init__(self, taps):
        super().__init__()
        self.taps = taps

    def forward(self, outputs, targets):
        return F.cross_entropy(outputs, targets, reduction="none") + self.taps[0].h.square().mean()


def stored_in(form):
    """(net, what the loss adds), by the way in which the loss finds what an earlier pass has stored."""
    model, tap, store = net(), Features(), {}
    if form == "an attribute of a layer":
        model[0] = Keeping(5, 4)
        return model, lambda: model[0].out
    if form == "the arguments of a hook":
        model[0].register_forward_hook(
            functools.partial(lambda store, *given: store.update(h=given[2].detach()), store)
        )
        return model, lambda: store["h"]
    model[0].register_forward_hook(tap)
    taps = {"a list": [tap], "a dictionary": {0: tap}}.get(form)
    helper = (lambda: taps[0].h) if taps else (lambda: tap.h)
    return model, lambda: helper()


@pytest.mark.parametrize(
    "form", ["a list", "a dictionary", "a helper", "the arguments of a hook", "an attribute of a layer"]
)
def test_what_an_earlier_pass_of_the_callers_net_stored_is_refused_however_the_loss_finds_it(form):
    model, kept = stored_in(form)
    model(DATA[0])
    before = {name: value.clone() for name, value in model.state_dict().items()}

    def loss(outputs, targets):
        return F.cross_entropy(outputs, targets, reduction="none") + kept().square().mean()

    with pytest.raises(EvaluationError, match=r"stored in an earlier pass|earlier pass of the net|a hook of the net"):
        ll.line(model=model, data=DATA, loss=loss, x=(-1, 1, 3), quiet=True)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_a_loss_that_is_a_module_and_holds_hooks_is_refused():
    model, tap = net(), Features()
    model[0].register_forward_hook(tap)
    model(DATA[0])
    with pytest.raises(EvaluationError, match="reads taps .Features., a hook of the net"):
        ll.line(model=model, data=DATA, loss=Penalty([tap]), x=(-1, 1, 3), quiet=True)


def test_tensors_that_a_loss_and_a_net_hold_and_no_pass_changes_are_fine():
    model, weights = net(), torch.tensor([1.0, 2.0, 3.0])
    model.table = torch.ones(3)  # neither a parameter nor a buffer
    model[0].register_forward_hook(lambda *_: None)
    found = ll.line(
        model=model, data=DATA, loss=lambda o, t: (weights * (o - model.table) ** 2).mean(1), x=(-1, 1, 3), quiet=True
    )
    expected = float((weights * (model(DATA[0]) - 1) ** 2).mean())
    assert found.values["train_loss"][1] == pytest.approx(expected, rel=1e-5)


class Running:
    """A metric that adds up what it has seen, in every call."""

    def __init__(self):
        self.count, self.right = 0, 0.0

    def __call__(self, outputs, targets):
        self.count += len(targets)
        self.right += (outputs.argmax(1) == targets).float().sum().item()
        return torch.tensor(self.right / self.count)


def test_a_metric_that_keeps_something_itself_is_named_for_that():
    model = net()
    model.table = torch.ones(3)
    with pytest.raises(
        EvaluationError, match=r"(two evaluations of the same batch|depend on earlier evaluations).*Running"
    ):
        ll.line(model=model, data=DATA, metrics={"loss": "loss", "Running": Running()}, x=(-1, 1, 3), quiet=True)


def test_settings_beside_what_a_hook_stores_are_part_of_the_loss_and_a_little_change_is_seen():
    model, kept = net(), {"weight": 0.3}
    model[0].register_forward_hook(lambda module, inputs, outputs: kept.update(h=outputs))

    def loss(outputs, targets):
        return F.cross_entropy(outputs, targets, reduction="none") + kept["weight"] * kept["h"].square().mean()

    line = ll.line(model=model, data=DATA, loss=loss, x=(-1, 1, 3), quiet=True)
    ll.hessian(line, model=model, data=DATA, loss=loss, quiet=True)
    kept["weight"] = 0.31
    with pytest.raises(ll.LandscapeError, match="was computed from something else"):
        ll.hessian(line, model=model, data=DATA, loss=loss, quiet=True)


def test_curvature_compares_the_first_values_as_closely_as_their_precision_allows():
    model, scale = net(), [1.0]

    class Scaled:
        def __call__(self, outputs, targets):
            return getattr(builtins, "landscape_" + "scale")[0] * F.cross_entropy(outputs, targets, reduction="none")

    builtins.landscape_scale = scale
    try:
        line = ll.line(model=model, data=DATA, loss=Scaled(), x=(-1, 1, 3), quiet=True)
        ll.hessian(line, model=model, data=DATA, loss=Scaled(), quiet=True)
        scale[0] = 1.03
        with pytest.raises(ll.LandscapeError, match="the train loss of the first 8 samples"):
            ll.hessian(line, model=model, data=DATA, loss=Scaled(), quiet=True)
    finally:
        del builtins.landscape_scale


@pytest.mark.parametrize("detached", [False, True])
def test_points_in_one_pass_go_one_after_another_and_one_line_says_why(detached, capsys):
    model, store = net(), {}
    model[0].register_forward_hook(
        lambda module, inputs, outputs: store.update(h=outputs.detach() if detached else outputs)
    )

    def loss(outputs, targets):
        return F.cross_entropy(outputs, targets, reduction="none") + 0.3 * store["h"].square().mean(1)

    found = ll.line(model=model, data=DATA, loss=loss, x=(-1, 1, 5), points_per_pass=3)
    assert found.at_origin("train_loss") == pytest.approx(loss(model(DATA[0]), DATA[1]).mean().item(), rel=1e-5)
    said = [line for line in capsys.readouterr().err.splitlines() if "points-per-pass" in line]
    assert len(said) == 1
    assert "the loss takes more of a pass than what the net returns, such as what a hook stores" in said[0]


@pytest.mark.parametrize("hook", [Tap(), lambda *_: None])
def test_a_variable_that_is_not_set_yet_is_none_that_a_loss_reads(hook):
    model = net()
    model[0].register_forward_hook(hook)

    def loss(outputs, targets):
        return F.cross_entropy(outputs, targets, reduction="none") if len(outputs) else later

    found = ll.line(model=model, data=DATA, loss=loss, x=(-1, 1, 3), quiet=True)
    assert found.at_origin("train_loss") == pytest.approx(F.cross_entropy(model(DATA[0]), DATA[1]).item(), rel=1e-5)
    later = 0.0
