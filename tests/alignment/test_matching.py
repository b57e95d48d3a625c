"""Laws of matching: a planted permutation is found again, also through noise; the same seed gives the same bits."""

import numpy as np
import pytest
import torch
from torch import nn

from landscape.alignment.activation_matching import match_activations
from landscape.alignment.groups import permuted, symmetry_of
from landscape.alignment.trace import plain_run
from landscape.alignment.weight_matching import _Pair, match_weights
from tests.alignment.nets import NETS, drawn, inverse, made, state, with_tensors

TRIES = 100
ARCHITECTURES = (
    "mlp",
    "vgg",
    "resnet",
    "resnet_padded",
    "resnet_noshort",
    "bottleneck",
    "densenet",
    "residual",
    "gated",
    "transformer",
)


def parameters(net, tensors):
    return {name: tensors[name].detach() for name, _ in net.named_parameters() if name in tensors}


def planted(name, seed, noise=0.0):
    """(net, groups, its tensors, those of a permuted copy, the permutation that leads back)."""
    net, inputs = made(name, seed)
    groups = symmetry_of(net, plain_run, inputs).groups
    order = drawn(groups, seed)
    tensors = {key: tensor.detach() for key, tensor in state(net).items()}
    generator = torch.Generator().manual_seed(seed)

    def noisy(tensor):
        spread = noise * float(tensor.double().std()) if tensor.is_floating_point() and tensor.numel() > 1 else 0.0
        return (
            tensor + spread * torch.randn(tensor.shape, generator=generator, dtype=torch.float64) if spread else tensor
        )

    other = permuted({key: noisy(tensor) for key, tensor in tensors.items()}, groups, order)
    return net, groups, tensors, other, inverse(order)


def recovered(name, seed, noise=0.0, **options):
    net, groups, tensors, other, expected = planted(name, seed, noise)
    found = match_weights(groups, parameters(net, tensors), parameters(net, other), **options)
    return all((a == b).all() for a, b in zip(found.permutations, expected, strict=True))


def changed(name, seed):
    """The largest change of the outputs by a planted permutation, of the largest output."""
    net, _, _, other, _ = planted(name, seed)
    inputs = made(name, seed)[1]
    with torch.no_grad():
        before, after = net(inputs), with_tensors(NETS[name][0], other)(inputs)
    return float((after - before).abs().max() / before.abs().max())


@pytest.mark.parametrize("name", NETS)
def test_a_planted_permutation_is_found(name):
    assert all(recovered(name, seed) for seed in range(2))


@pytest.mark.parametrize("name", ["mlp", "vgg", "resnet", "resnet_noshort"])
def test_it_is_found_through_noise(name):
    assert recovered(name, 5, noise=0.2)


@pytest.mark.slow
@pytest.mark.parametrize("noise", [0.0, 0.2])
@pytest.mark.parametrize("name", ARCHITECTURES)
def test_at_least_99_of_100_are_found(name, noise):
    count = sum(recovered(name, seed, noise) for seed in range(TRIES))
    change = max(changed(name, seed) for seed in range(TRIES))
    print(f"\n{name}, noise {noise}: {count} of {TRIES}; outputs of the permuted copies change by {change:.1g} at most")
    assert count >= 99 and change <= 1e-6


def test_a_permuted_copy_is_the_original_again_bit_for_bit():
    net, groups, tensors, other, _ = planted("resnet", 4)
    found = match_weights(groups, parameters(net, tensors), parameters(net, other))
    back = permuted(other, groups, found.permutations)
    assert all(torch.equal(back[key], tensors[key]) for key in tensors)


def descended(name, seed):
    """Whether the descent from the identity, without our start, finds a planted permutation."""
    net, groups, tensors, other, expected = planted(name, seed, 0.2)
    pair = _Pair(groups, parameters(net, tensors), parameters(net, other))
    pair.descend(np.random.default_rng(seed), 1e-9)
    return all((a == b).all() for a, b in zip(pair.permutations, expected, strict=True))


def test_the_start_finds_what_the_descent_from_the_identity_does_not():
    seeds = range(5)
    assert not all(descended("residual", seed) for seed in seeds)
    assert all(recovered("residual", seed, 0.2, restarts=1) for seed in seeds)


def test_the_start_alone_finds_a_permuted_copy_of_any_residual_net():
    """Sorted weights of two units that belong together are the same."""
    for seed in range(3):
        net, groups, tensors, other, expected = planted("residual", seed)
        pair = _Pair(groups, parameters(net, tensors), parameters(net, other))
        pair.start(np.random.default_rng(seed).permutation(len(groups)))
        assert all((a == b).all() for a, b in zip(pair.permutations, expected, strict=True))


def test_channels_of_queries_which_no_layer_reads_are_matched_by_weights():
    net, inputs = made("transformer", 7)
    symmetry = symmetry_of(net, plain_run, inputs)
    order = drawn(symmetry.groups, 7)
    other = with_tensors(NETS["transformer"][0], permuted(state(net), symmetry.groups, order))
    found = match_activations(symmetry, net, other, plain_run, [torch.randn(50, 5, 4, dtype=torch.float64)])
    queries = [n for n, group in enumerate(symmetry.groups) if group.size == 4 and group.places[0].index.shape[1] == 2]
    assert len(queries) == 4 and all((found.permutations[n] == inverse(order)[n]).all() for n in queries)


def test_a_seed_decides_every_bit_and_no_restart_is_worse_than_nothing():
    net, inputs = made("resnet", 1)
    other, _ = made("resnet", 2)
    groups = symmetry_of(net, plain_run, inputs).groups
    pair = [parameters(each, state(each)) for each in (net, other)]
    runs = [match_weights(groups, *pair, restarts=4, seed=seed) for seed in (3, 3)]
    assert runs[0].objectives == runs[1].objectives
    assert all((a == b).all() for a, b in zip(runs[0].permutations, runs[1].permutations, strict=True))
    assert min(runs[0].objectives) > sum(
        float((a * b).sum()) for a, b in zip(pair[0].values(), pair[1].values(), strict=True)
    )
    moved = permuted(pair[1], groups_of(groups, pair[1]), runs[0].permutations)
    reached = sum(float((pair[0][key] * moved[key]).sum()) for key in pair[0])
    assert np.isclose(reached, max(runs[0].objectives))


def groups_of(groups, tensors):
    """The groups with places in these tensors only."""
    from dataclasses import replace

    return [replace(group, places=tuple(p for p in group.places if p.tensor in tensors)) for group in groups]


def test_an_mlp_of_one_hidden_layer_is_matched_best_of_all_permutations():
    """With one group the problem is one assignment, so all permutations can be tried."""
    import itertools

    nets = [nn.Sequential(nn.Linear(3, 5), nn.ReLU(), nn.Linear(5, 2)).double().eval() for _ in range(2)]
    groups = symmetry_of(nets[0], plain_run, torch.randn(2, 3, dtype=torch.float64)).groups
    pair = [parameters(net, state(net)) for net in nets]
    found = match_weights(groups, *pair)

    def inner(order):
        moved = permuted(pair[1], groups, [np.array(order)])
        return sum(float((pair[0][key] * moved[key]).sum()) for key in moved)

    best = max(itertools.permutations(range(5)), key=inner)
    assert tuple(found.permutations[0]) == best


@pytest.mark.parametrize(
    "name", ["mlp", "layer_norm", "vgg", "resnet", "resnet_noshort", "densenet", "gated", "transformer"]
)
def test_activations_find_a_planted_permutation(name):
    net, inputs = made(name, 7)
    symmetry = symmetry_of(net, plain_run, inputs)
    order = drawn(symmetry.groups, 7)
    other = with_tensors(NETS[name][0], permuted(state(net), symmetry.groups, order))
    generator = torch.Generator().manual_seed(1)
    batches = [torch.randn(size, *inputs.shape[1:], generator=generator, dtype=torch.float64) for size in (30, 17)]
    found = match_activations(symmetry, net, other, plain_run, batches)
    alive = found.objectives[0]
    with torch.no_grad():
        back = with_tensors(NETS[name][0], permuted(state(other), symmetry.groups, found.permutations))
        assert torch.allclose(net(inputs), back(inputs), rtol=1e-9, atol=1e-9)
    assert all((a == b).all() for a, b in zip(found.permutations, inverse(order), strict=True)) or alive < 1 - 1e-6


def test_correlations_are_numpys():
    """Of one layer, over all batches at once."""
    nets = [nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2)).double().eval() for _ in range(2)]
    inputs = torch.randn(50, 3, dtype=torch.float64)
    symmetry = symmetry_of(nets[0], plain_run, inputs[:2])
    found = match_activations(symmetry, *nets, plain_run, [inputs[:20], inputs[20:]])
    with torch.no_grad():
        a, b = (net[1](net[0](inputs)).numpy() for net in nets)
    expected = np.corrcoef(a.T, b.T)[:4, 4:]
    assert np.isclose(found.objectives[0], expected[np.arange(4), found.permutations[0]].mean())
