"""Graphs of PyTorch Geometric: a batch counts as many samples as it has graphs, and a net takes what it names."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch_geometric.data import Batch, Data
from torch_geometric.loader import DataLoader as GraphLoader
from torch_geometric.nn import GCNConv, global_mean_pool

from tests.objective.test_frameworks import at_origin

GENERATOR = torch.Generator().manual_seed(1)
GRAPHS = [
    Data(
        x=torch.randn(size, 3, generator=GENERATOR, dtype=torch.float64),
        edge_index=torch.stack([torch.arange(size), torch.arange(size).roll(1)]),
        y=torch.randint(0, 3, (1,), generator=GENERATOR),
    )
    for size in (3, 5, 2, 6, 4, 7)
]


class OfNames(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.convolution, self.out = GCNConv(3, 6), nn.Linear(6, 3)
        self.double()

    def forward(self, x, edge_index, batch):
        return self.out(global_mean_pool(self.convolution(x, edge_index).relu(), batch))


class OfGraph(OfNames):
    def forward(self, data):
        return super().forward(data.x, data.edge_index, data.batch)


@pytest.mark.parametrize("kind", [OfNames, OfGraph])
def test_graphs_count_once_each(kind):
    whole = Batch.from_data_list(GRAPHS)
    expected = F.cross_entropy(OfNames()(whole.x, whole.edge_index, whole.batch), whole.y).item()
    data = GraphLoader(GRAPHS, batch_size=4)
    assert at_origin(kind(), data) == pytest.approx(expected, rel=1e-12)
    mine = at_origin(
        kind(),
        data,
        loss=lambda model, batch: F.cross_entropy(
            OfNames.forward(model, batch.x, batch.edge_index, batch.batch), batch.y
        ),
    )
    assert mine == pytest.approx(expected, rel=1e-12)


def test_what_a_graph_has_and_a_net_takes_is_passed():
    class Weighted(OfNames):
        def forward(self, x, edge_index, batch, edge_weight=None):
            return self.out(global_mean_pool(self.convolution(x, edge_index, edge_weight).relu(), batch))

    graphs = [graph.clone() for graph in GRAPHS]
    for graph in graphs:
        graph.edge_weight = torch.rand(graph.edge_index.shape[1], generator=GENERATOR, dtype=torch.float64)
    whole = Batch.from_data_list(graphs)
    expected = F.cross_entropy(Weighted()(whole.x, whole.edge_index, whole.batch, whole.edge_weight), whole.y).item()
    assert at_origin(Weighted(), GraphLoader(graphs, batch_size=4)) == pytest.approx(expected, rel=1e-12)
