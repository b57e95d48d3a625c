"""Nets that are compared: which ones a pattern names, and what of their settings is kept."""

import math
from pathlib import Path

import torch

from landscape.slice.nets import Nets, OneNet, hypers_of, nets_of


def test_settings_of_others_are_names_and_numbers_or_short_texts():
    odd = [
        {
            "a/b": 1,
            "stderr/lr": 1,
            "x" * 50: 1,
            "big": 10**400,
            "text": "a\x1b" * 99,
            "flag": True,
            "lr": 0.1,
            "none": None,
        }
    ]
    odd.append({name: value * 2 if name != "none" else 3.0 for name, value in odd[0].items()})
    found = hypers_of(odd)
    assert set(found) == {"big"}, "one setting distinguishes these two runs"
    nets = Nets((OneNet("a", "a"), OneNet("b", "b")), {"lr": (0.1, None), "text": ("x", "y"), "flag": ("True", None)})
    assert nets.categories == {"text": ["x", "y"], "flag": ["True"]}
    assert nets.numbers(0) == {"lr": 0.1, "text": 0.0, "flag": 0.0}
    assert math.isnan(nets.numbers(1)["lr"]) and math.isnan(nets.numbers(1)["flag"])
    assert all(len(str(value)) <= 60 for value in hypers_of([{"text": "a\x1b" * 99}, {"text": "b"}])["text"])


def test_a_pattern_leaves_out_folders_without_a_net(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        torch.save(torch.nn.Linear(2, 2).state_dict(), tmp_path / name / "final.pt")
    (tmp_path / "demo").mkdir()
    (tmp_path / "demo" / "picture.png").touch()
    (tmp_path / "c.bezier").mkdir()
    for name in ("final.pt", "bend_1.pt"):
        (tmp_path / "c.bezier" / name).touch()
    assert [Path(one.source).name for one in nets_of(f"{tmp_path}/*").each] == ["a", "b"]
