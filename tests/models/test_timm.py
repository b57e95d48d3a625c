"""Nets of the library timm: built to their weights, and their loss that of plain torch. Nothing is downloaded."""

import timm
import torch
import torch.nn.functional as F

import landscape as ll
from landscape.checkpoint.save import save_checkpoint

NAME = "test_vit"  # the library's own tiny net for tests


def test_a_net_of_timm_by_name_from_its_weights_alone(tmp_path):
    torch.manual_seed(0)
    net = timm.create_model(NAME, num_classes=5, in_chans=1).double().eval()
    generator = torch.Generator().manual_seed(1)
    images = torch.randn(6, 1, *net.default_cfg["input_size"][1:], generator=generator, dtype=torch.float64)
    kinds = torch.randint(0, 5, (6,), generator=generator)
    save_checkpoint(tmp_path / "net.pt", net.state_dict(), {})
    found = ll.line(
        tmp_path / "net.pt",
        model=f"timm:{NAME}",
        data=(images, kinds),
        x=(-1, 1, 3),
        precision="fp64",
        quiet=True,
        threads=1,
    )
    assert abs(found.values["train_loss"][1] - F.cross_entropy(net(images), kinds).item()) < 1e-12
    assert found.values["train_loss"][0] != found.values["train_loss"][1]
