"""Law: neither what is kept between products nor the number of threads changes a product by more than rounding."""

import pytest
import torch

from landscape.curvature.graph import _measured


def test_another_number_of_threads_after_the_batches_are_kept(cnn, images, products):
    found = products(cnn(), images, batch_size=4)
    vector = found.gaussian(0)
    expected = found(vector)
    torch.set_num_threads(3)
    try:
        torch.testing.assert_close(found(vector), expected, rtol=1e-11, atol=1e-13)
    finally:
        torch.set_num_threads(1)


@pytest.mark.parametrize("backend", ["program", "graph"])
@pytest.mark.parametrize("kept", [0.0, 60_000.0, float("inf")], ids=["nothing kept", "a part", "all"])
def test_what_is_kept_changes_nothing(backend, kept, cnn, images, products):
    net = cnn()
    plain, other = (
        products(net, images, backend=backend),
        products(net, images, backend=backend, batch_size=4, budget=kept),
    )
    vector = plain.gaussian(1)
    torch.testing.assert_close(plain(vector), other(vector), rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("share, kept", [(0.0, 0), (0.5, 1), (1.5, 1), (2.1, 2), (float("inf"), 4)])
def test_graphs_are_kept_while_the_next_fits(share, kept, cnn, images, products):
    """The first is made to see how large it is."""
    backend = products(cnn(), images, backend="graph", batch_size=6)._backend
    few, total = backend.on_samples(6)
    with backend.leaves() as parameters:
        _, nbytes = _measured(lambda: backend._graph(few, parameters, total))
    found = products(cnn(), images, backend="graph", batch_size=6, budget=share * nbytes if share else 0.0)
    assert len(found._backend._graphs) == kept


@pytest.mark.parametrize("threads", [2, 3])
def test_threads_change_nothing_but_rounding(threads, cnn, images, products):
    alone = products(cnn(), images)
    vector = alone.gaussian(1)
    expected = alone(vector)
    torch.set_num_threads(threads)
    try:
        shared = products(cnn(), images)
        torch.testing.assert_close(shared(vector), expected, rtol=1e-11, atol=1e-13)
    finally:
        torch.set_num_threads(1)
