"""The worked examples of docs/your-own-model.md run as they stand."""

from __future__ import annotations

import re
from pathlib import Path

import torch

PAGE = Path(__file__).resolve().parents[1] / "docs" / "your-own-model.md"


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
