"""The demo shows what it is for first: both surfaces, then lines; curvature, which takes longest, comes last."""

import pytest

from landscape.errors import Interrupted
from landscape.recipes import demo as module
from landscape.recipes.demo import NETS, demo


def test_both_surfaces_are_drawn_before_lines_and_these_before_curvature(tmp_path, monkeypatch, capsys):
    pictures, found = [], {}

    def drawn(*_, out, **__):
        pictures.extend(path.name for path in (out if isinstance(out, list) else [out]))
        return []

    def line(*_, **__):
        found.setdefault("line", (list(pictures), capsys.readouterr().err))

    def hessian(*_, **__):
        found["hessian"] = list(pictures), capsys.readouterr().err
        raise Interrupted("stopped")

    for name, fake in {"plot": drawn, "compare": drawn, "line": line, "hessian": hessian}.items():
        monkeypatch.setattr(module, name, fake)
    with pytest.raises(Interrupted):
        demo(out=tmp_path, points=3, samples=8)
    before, said = found["line"]
    assert before[0] == "comparison.html"
    assert {f"{net}.png" for net in NETS.values()} <= set(before)
    assert said.endswith(f"demo: both surfaces side by side are in {tmp_path / 'comparison.html'}\n")
    before, said = found["hessian"]
    assert {f"{net}_line.png" for net in NETS.values()} <= set(before)
    assert said.endswith("demo: curvature at 9 points each follows; Ctrl-C keeps everything so far\n")
