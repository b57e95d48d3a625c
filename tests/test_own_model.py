"""The worked examples of docs/your-own-model.md and docs/trajectories.md run as they stand."""

from __future__ import annotations

import re
from pathlib import Path

import torch

DOCS = Path(__file__).resolve().parents[1] / "docs"
PAGE = DOCS / "your-own-model.md"


def test_the_examples_run_one_after_another(tmp_path, monkeypatch):
    """And give what the page says: the language model's loss is that of the model itself."""
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    names: dict = {"__name__": "page"}
    for block in blocks[:2]:
        exec(compile(block, PAGE.name, "exec"), names)
    with torch.no_grad():
        expected = names["model"].eval()(input_ids=names["tokens"], labels=names["tokens"]).loss.item()
    assert abs(names["found"].at_origin("train_loss") - expected) < 1e-5
    for block in blocks[2:]:
        exec(compile(block, PAGE.name, "exec"), names)
    assert len(blocks) >= 7 and list(tmp_path.iterdir()) == []


def test_the_loop_of_the_page_on_trajectories_records_its_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    block = re.findall(r"^```python\n(.*?)^```", (DOCS / "trajectories.md").read_text(), re.DOTALL | re.MULTILINE)[0]
    names: dict = {"__name__": "page"}
    exec(compile(block, "trajectories.md", "exec"), names)
    trail = names["path"].trails["mine"]
    assert trail.step.tolist() == list(range(0, 61, 5)) and (trail.status == 1).all()
    with torch.no_grad():
        expected = torch.nn.functional.cross_entropy(names["net"](names["inputs"]), names["targets"]).item()
    assert abs(trail.metrics["train_loss"][-1] - expected) < 1e-5
    assert Path("path.png").stat().st_size > 10_000
