"""What evaluating writes into is no setting, whatever code writes and wherever: an unchanged run is the same one again, with the
curvature of plain torch; settings beside it are part of the run.
"""

import collections
import functools
import itertools
import types

import pytest
import torch
from torch import nn
from torch.nn import functional as F

import landscape as ll

torch.manual_seed(0)
DATA = torch.randn(20, 5), torch.randint(0, 3, (20,))
WRONG = "was computed from something else: (the code of the loss|code.settings)"


def net():
    torch.manual_seed(1)
    return nn.Sequential(nn.Linear(5, 4), nn.Tanh(), nn.Linear(4, 3))


def penalized(outputs, targets, features, weight=0.3):
    return F.cross_entropy(outputs, targets, reduction="none") + weight * features.square().mean(1)


def hooked(hook, features):
    model = net()
    model[0].register_forward_hook(hook)
    return model, lambda outputs, targets: penalized(outputs, targets, features())


def by_partial():
    store = {}

    def hook(name, module, inputs, outputs):
        store[name] = outputs

    return hooked(functools.partial(hook, "h"), lambda: store["h"])


def by_decorated():
    store = {}

    @torch.enable_grad()
    def hook(module, inputs, outputs):
        store["h"] = outputs

    return hooked(hook, lambda: store["h"])


def by_helper():
    store = {}

    def keep(outputs):
        store["h"] = outputs

    return hooked(lambda module, inputs, outputs: keep(outputs), lambda: store["h"])


def by_namespace():
    store = types.SimpleNamespace()

    def hook(module, inputs, outputs):
        store.h = outputs

    return hooked(hook, lambda: store.h)


def by_setattr():
    store = types.SimpleNamespace()
    return hooked(lambda module, inputs, outputs: setattr(store, "h", outputs), lambda: store.h)


def by_nested():
    store = collections.defaultdict(list)
    return hooked(lambda module, inputs, outputs: store["h"].append(outputs), lambda: store["h"][-1])


def by_deque():
    store = collections.deque(maxlen=1)

    def keep(outputs):
        store.append(outputs)

    return hooked(lambda module, inputs, outputs: keep(outputs), lambda: store[0])


def by_class():
    class Store:
        h = None

    def hook(module, inputs, outputs):
        Store.h = outputs

    return hooked(hook, lambda: Store.h)


class Own:
    def __init__(self, store):
        self.store = store

    def __call__(self, outputs, targets):
        return penalized(outputs, targets, self.store["h"])


def _stored(make):
    store = {}
    model, _ = hooked(lambda module, inputs, outputs: store.update(h=outputs), None)
    return model, make(store)


def by_object():
    return _stored(Own)


def by_partial_loss():
    def loss(store, outputs, targets):
        return penalized(outputs, targets, store["h"])

    return _stored(lambda store: functools.partial(loss, store))


def by_patched_forward():
    model, store = net(), {}

    def forward(self, inputs):
        store["h"] = nn.Linear.forward(self, inputs)
        return store["h"]

    model[0].forward = types.MethodType(forward, model[0])
    return model, lambda outputs, targets: penalized(outputs, targets, store["h"])


class Keeping(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = net()
        self.inner[0].register_forward_hook(self.keep)

    def keep(self, module, inputs, outputs):
        self.h = outputs

    def forward(self, inputs):
        return self.inner(inputs)


def by_method():
    def loss(model, batch):
        return penalized(model(batch[0]), batch[1], model.h)

    return Keeping(), loss


FORMS = [
    by_partial, by_decorated, by_helper, by_namespace, by_setattr, by_nested, by_deque, by_class, by_object, by_partial_loss,
    by_patched_forward, by_method,
]  # fmt: skip


def value(model, loss):
    return (loss(model, DATA) if isinstance(model, Keeping) else loss(model(DATA[0]), DATA[1])).mean()


def largest_eigenvalue(model, loss):
    """Of the Hessian, by torch alone."""
    weights = [*model.parameters()]
    slope = torch.cat(
        [each.reshape(-1) for each in torch.autograd.grad(value(model, loss), weights, create_graph=True)]
    )
    rows = [torch.autograd.grad(each, weights, retain_graph=True, allow_unused=True) for each in slope]
    filled = [[torch.zeros_like(w) if g is None else g for g, w in zip(row, weights, strict=True)] for row in rows]
    full = torch.stack([torch.cat([each.reshape(-1) for each in row]) for row in filled])
    return torch.linalg.eigvalsh(full.double())[-1].item()


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("called", [False, True])
def test_an_unchanged_run_is_the_same_again(form, called):
    model, loss = form()
    given = {"model": model, "data": DATA, "loss": loss, "quiet": True}
    if called:
        model(DATA[0])
    line = ll.line(x=(-1, 1, 3), **given)
    model(DATA[0][:7])  # as a user does in between
    curved = ll.hessian(line, ignore="none", **given)
    assert line.at_origin("train_loss") == pytest.approx(value(model, loss).item(), rel=1e-5)
    assert curved.at_origin("hessian_max") == pytest.approx(largest_eigenvalue(model, loss), rel=0.015)


def _weighted(store, write, read):
    """A loss whose weight is in what a hook writes into."""
    model = net()
    model[0].register_forward_hook(functools.partial(lambda name, *given: write(given[2]), "h"))
    return model, lambda outputs, targets: penalized(outputs, targets, *read())


def in_dictionary():
    store = {"weight": 0.3}
    write = functools.partial(lambda name, outputs: store.update({name: outputs}), "h")
    return *_weighted(store, write, lambda: (store["h"], store["weight"])), functools.partial(
        store.update, weight=0.3001
    )


def in_namespace():
    store = types.SimpleNamespace(weight=0.3)
    changes = functools.partial(setattr, store, "weight", 0.3001)
    return *_weighted(store, lambda h: setattr(store, "h", h), lambda: (store.h, store.weight)), changes


def in_lists():
    store = {"weights": [0.3]}
    write = functools.partial(lambda name, outputs: store.update({name: outputs}), "h")
    changes = functools.partial(store["weights"].__setitem__, 0, 0.3001)
    return *_weighted(store, write, lambda: (store["h"], store["weights"][0])), changes


def in_the_net():
    model = Keeping()
    model.weight = 0.3

    def loss(model, batch):
        return penalized(model(batch[0]), batch[1], model.h, model.weight)

    return model, loss, functools.partial(setattr, model, "weight", 0.3001)


@pytest.mark.parametrize("form", [in_dictionary, in_namespace, in_lists, in_the_net])
def test_a_setting_beside_it_is_part_of_the_run(form):
    model, loss, change = form()
    given = {"model": model, "data": DATA, "loss": loss, "quiet": True}
    line = ll.line(x=(-1, 1, 3), **given)
    ll.hessian(line, **given)
    change()
    with pytest.raises(ll.LandscapeError, match=WRONG):
        ll.hessian(line, **given)


def test_weights_of_a_loss_that_nothing_writes_into_are_part_of_the_run():
    weights, store = torch.tensor([1.0, 2.0, 3.0]), {}
    model, _ = hooked(functools.partial(lambda name, *given: store.update({name: given[2]}), "h"), None)

    def loss(outputs, targets):
        return (weights * (outputs - store["h"][:, :3]) ** 2).mean(1)

    given = {"model": model, "data": DATA, "loss": loss, "quiet": True}
    line = ll.line(x=(-1, 1, 3), **given)
    ll.hessian(line, **given)
    weights.mul_(1.00001)
    with pytest.raises(ll.LandscapeError, match=WRONG):
        ll.hessian(line, **given)


def test_what_leads_to_itself_and_long_collections_are_looked_at_all_the_same():
    loop, long, store = {}, list(range(30_000)), {}
    loop["again"] = loop
    numbers = itertools.count()

    def hook(name, module, inputs, outputs):
        store.update({name: outputs, "number": next(numbers)})

    model, loss = hooked(functools.partial(hook, "h"), lambda: store["h"] + 0 * len(loop) + 0 * len(long))
    given = {"model": model, "data": DATA, "loss": loss, "quiet": True}
    line = ll.line(x=(-1, 1, 3), **given)
    ll.hessian(line, **given)


@pytest.mark.parametrize("form", [by_partial, by_helper, by_nested, by_object, by_method])
def test_a_training_is_the_same_one_again(form, tmp_path):
    """Also where the net that was given has been called in between; its last loss is that of plain torch."""
    model, loss = form()
    given = {"model": model, "data": DATA, "loss": loss, "epochs": 2, "batch_size": 20, "lr": 0.5, "quiet": True}
    first = ll.train(out=tmp_path / "run", **given)
    model(DATA[0][:3])
    again = ll.train(out=tmp_path / "run", **given)
    assert again.metrics == first.metrics
    model.load_state_dict(first.model.state_dict())
    assert first.metrics["train_loss"] == pytest.approx(value(model, loss).item(), rel=1e-5)


@pytest.mark.parametrize("form", [in_dictionary, in_namespace, in_lists])
def test_a_training_with_another_setting_is_another_one(form, tmp_path):
    model, loss, change = form()
    given = {"model": model, "data": DATA, "loss": loss, "epochs": 1, "batch_size": 20, "quiet": True}
    ll.train(out=tmp_path / "run", **given)
    change()
    with pytest.raises(ll.LandscapeError, match="holds another run .the code of the loss"):
        ll.train(out=tmp_path / "run", **given)
