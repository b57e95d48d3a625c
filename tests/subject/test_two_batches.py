"""Two batches without targets are read as one and three of them are, and a pair stays a pair."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import landscape as ll

EXACT = {"x": (-1, 1, 3), "threads": 1}
Z = torch.randn(30, 4, generator=torch.Generator().manual_seed(0))


def coded(model, batch):
    return (model(batch) - batch).square().mean(1)


def cleaned(model, batch):
    return (model(batch[0]) - batch[1]).square().mean(1)


def net():
    torch.manual_seed(1)
    return nn.Linear(4, 4)


@pytest.mark.parametrize(
    "parts", [[Z], Z, [Z[:15], Z[15:]], [Z[:20], Z[20:]], (Z[:15], Z[15:]), [Z[:9], Z[9:20], Z[20:]]]
)
def test_batches_of_a_loss_of_model_and_batch_are_all_read(parts):
    found = ll.line(model=net(), data=parts, loss=coded, quiet=True, **EXACT)
    assert found.at_origin("train_loss") == pytest.approx(coded(net(), Z).mean().item(), rel=1e-5)
    assert found.provenance["data"]["splits"]["train"]["samples"] == 30


def test_a_pair_for_a_loss_of_model_and_batch_stays_a_pair():
    found = ll.line(model=net(), data=(Z[:15], Z[15:]), loss=cleaned, quiet=True, **EXACT)
    assert found.at_origin("train_loss") == pytest.approx(cleaned(net(), (Z[:15], Z[15:])).mean().item(), rel=1e-5)


def test_inputs_and_targets_of_other_losses_stay_a_pair():
    found = ll.line(model=net(), data=[Z[:15], Z[15:]], loss="mse", quiet=True, **EXACT)
    assert found.at_origin("train_loss") == pytest.approx(F.mse_loss(net()(Z[:15]), Z[15:]).item(), rel=1e-5)


def language():
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(2)
    small = {"vocab_size": 50, "n_positions": 16, "n_embd": 8, "n_layer": 1, "n_head": 2}
    return transformers.GPT2LMHeadModel(transformers.GPT2Config(**small, bos_token_id=0, eos_token_id=0)).eval()


def test_batches_of_tokens_are_all_read(capsys):
    model, ids = language(), torch.randint(1, 50, (10, 9), generator=torch.Generator().manual_seed(3))
    wanted = model(input_ids=ids, labels=ids).loss.item()
    for data in ([ids], ids, [ids[:5], ids[5:]], [ids[:6], ids[6:]], [ids[:3], ids[3:6], ids[6:]]):
        found = ll.line(model=model, data=data, **EXACT)
        assert found.at_origin("train_loss") == pytest.approx(wanted, rel=1e-5)
        said = "the two tensors of the data are read as two batches; for inputs and their targets give"
        assert (said in capsys.readouterr().err) == (len(data) == 2 and len(data[0]) == len(data[1]))


def test_tokens_with_their_labels_stay_a_pair():
    model, ids = language(), torch.randint(1, 50, (10, 9), generator=torch.Generator().manual_seed(3))
    labels = ids.clone()
    labels[:, :4] = -100
    for given in (ids, labels):
        found = ll.line(model=model, data=(ids, given), quiet=True, **EXACT)
        assert found.at_origin("train_loss") == pytest.approx(model(input_ids=ids, labels=given).loss.item(), rel=1e-5)
    shifted = ids[:, :-1], ids[:, 1:]
    wanted = F.cross_entropy(model(shifted[0]).logits.flatten(0, 1), shifted[1].flatten()).item()
    assert ll.line(model=model, data=shifted, quiet=True, **EXACT).at_origin("train_loss") == pytest.approx(
        wanted, rel=1e-5
    )
