"""A checkpoint meets its net: what fits is copied, what does not is listed by name."""

import pytest
import torch
from torch import nn

from landscape.checkpoint.checkpoint import Checkpoint
from landscape.checkpoint.fit import fit, fitting
from landscape.errors import CheckpointError


def checkpoint(state):
    return Checkpoint(dict(state), source="file.pt")


def equal(model, other):
    return all(torch.equal(a, b) for a, b in zip(model.state_dict().values(), other.state_dict().values(), strict=True))


def refused(model, state):
    with pytest.raises(CheckpointError) as raised:
        fit(model, checkpoint(state), name="mynet")
    text = str(raised.value)
    assert "\n" not in text and text.startswith("checkpoint file.pt does not fit mynet: ")
    return text


def test_all_weights_and_buffers_are_copied(cnn):
    trained, fresh = cnn(0), cnn(1)
    assert not equal(trained, fresh)
    fit(fresh, checkpoint(trained.state_dict()))
    assert equal(trained, fresh)


@pytest.mark.parametrize("prefix", ["model.", "net.backbone.", "a.b.c."])
def test_a_prefix_of_the_net_is_found_and_what_lies_outside_left_out(prefix, cnn):
    """Lightning stores the net under the name it has in the module, and the loss with it."""
    trained, fresh = cnn(0), cnn(1)
    state = {"criterion.weight": torch.ones(3)} | {prefix + k: v for k, v in trained.state_dict().items()}
    fit(fresh, checkpoint(state))
    assert equal(trained, fresh)


def test_missing_unexpected_and_misshapen_are_listed(cnn):
    state = cnn().state_dict()
    del state["7.bias"]
    state["8.weight"] = torch.zeros(2)
    state["0.weight"] = torch.zeros(4, 2, 5, 5)
    text = refused(cnn(), state)
    assert "missing 7.bias" in text and "unexpected 8.weight" in text
    assert "of another shape 0.weight (4, 2, 5, 5) instead of (4, 2, 3, 3)" in text


def test_long_lists_are_cut(cnn):
    text = refused(cnn(), {"other": torch.zeros(1)})
    assert "and 7 more" in text and "unexpected other" in text


def test_another_net_altogether_is_told_by_its_own_names():
    """Not by those under the prefix that happens to hold the fewest entries."""
    state = {f"layer{i}.{name}": torch.zeros(2) for i in range(5) for name in ("a", "b")} | {"fc.one": torch.zeros(1)}
    assert "unexpected layer0.a, layer0.b" in refused(nn.Linear(3, 2), state)


def test_nothing_is_copied_when_something_does_not_fit(cnn):
    model, before = cnn(1), cnn(1)
    state = cnn(0).state_dict()
    del state["7.bias"]
    refused(model, state)
    assert equal(model, before)


@pytest.mark.parametrize("wrap", [nn.DataParallel, torch.compile], ids=["DataParallel", "compiled"])
def test_a_wrapped_module_takes_clean_names(wrap, cnn):
    trained, fresh = cnn(0), cnn(1)
    fit(wrap(fresh), checkpoint(trained.state_dict()))
    assert equal(trained, fresh)


def test_a_net_whose_layers_all_lie_in_an_attribute_called_module(cnn):
    class Wrapper(nn.Module):
        def __init__(self, module):
            super().__init__()
            self.module = module

    trained, fresh = Wrapper(cnn(0)), Wrapper(cnn(1))
    # as load_checkpoint cleans the names
    fit(fresh, checkpoint({k.removeprefix("module."): v for k, v in trained.state_dict().items()}))
    assert equal(trained, fresh)


class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.head = nn.Embedding(5, 4), nn.Linear(4, 5, bias=False)
        self.head.weight = self.embed.weight


def test_tied_weights_need_to_be_stored_once():
    torch.manual_seed(0)
    trained, fresh = Tied(), Tied()
    state = trained.state_dict()
    del state["head.weight"]
    fit(fresh, checkpoint(state))
    assert torch.equal(fresh.head.weight, trained.embed.weight) and fresh.head.weight is fresh.embed.weight


def test_fitting_tells_the_stored_tensors_under_all_names_and_leaves_the_net_alone():
    torch.manual_seed(0)
    trained, fresh = Tied(), Tied()
    state, before = {"net.head.weight": trained.head.weight}, fresh.embed.weight.clone()
    found = fitting(fresh, checkpoint(state))
    assert list(found) == ["embed.weight", "head.weight"]
    assert all(tensor is trained.head.weight for tensor in found.values()), "no copies"
    assert torch.equal(fresh.embed.weight, before)
    with pytest.raises(CheckpointError, match=r"does not fit mynet: missing 0\.weight"):
        fitting(nn.Sequential(nn.Linear(2, 2)), checkpoint(state), name="mynet")


def test_the_batch_counter_of_old_files_may_be_absent(cnn):
    state = {k: v for k, v in cnn(0).state_dict().items() if not k.endswith("num_batches_tracked")}
    fresh = cnn(1)
    fit(fresh, checkpoint(state))
    assert torch.equal(fresh[1].running_mean, cnn(0)[1].running_mean)


def test_half_precision_weights_fill_a_float32_net(cnn):
    state = {k: v.half() if v.is_floating_point() else v for k, v in cnn(0).state_dict().items()}
    fresh = cnn(1)
    fit(fresh, checkpoint(state))
    assert fresh[0].weight.dtype == torch.float32
    assert torch.equal(fresh[0].weight, state["0.weight"].float())
