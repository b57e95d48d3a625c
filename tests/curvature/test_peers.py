"""The same numbers as curvlinops, in float64."""

import numpy as np
import pytest
import torch
from torch import nn

curvlinops = pytest.importorskip("curvlinops")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("matrix", ["hessian", "ggn"])
def test_equal_to_curvlinops(matrix, cnn, images, products):
    net = cnn()
    found = products(net, images, batch_size=8, ignore="none", matrix=matrix)
    peer_kind = curvlinops.HessianLinearOperator if matrix == "hessian" else curvlinops.GGNLinearOperator
    model = net.double()
    inputs, targets = images
    batches = [(inputs[i : i + 8], targets[i : i + 8]) for i in range(0, len(inputs), 8)]
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    peer = peer_kind(model, nn.CrossEntropyLoss(), parameters, batches)
    vector = found.gaussian(3)
    views = found._objective.layout.named(vector)
    flat = torch.cat([views[name].flatten() for name, _ in model.named_parameters()])
    expected = torch.as_tensor(np.asarray((peer @ flat).detach()))
    result = found._objective.layout.named(found(vector))
    got = torch.cat([result[name].flatten() for name, _ in model.named_parameters()])
    torch.testing.assert_close(got, expected, rtol=1e-10, atol=1e-13)
