"""What files say is shown, not obeyed; what is not a file is refused; what cannot be written is not there."""

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from landscape.atomic import OutputLock
from landscape.printable import printable
from tests import forked

ODD = "a\x1b[2J\x1b]0;title\x07\x9b1m\r\nforged: yes\u202e\u2028b\x7f"


def test_control_characters_are_shown(run, here):
    import torch

    torch.save({"state_dict": {ODD: torch.zeros(2)}, "landscape": {"model": ODD, ODD: ODD, "list": [ODD]}}, "odd.pt")
    Path("run").mkdir()
    Path("run/config.json").write_text('{"model": "\\u001b[31mred\\nforged: yes"}')
    Path("run/log.csv").write_text("epoch,train_loss\n\x1b[31mx,1\n")
    for words in (
        ["info", "odd.pt"],
        ["info", "--json", "odd.pt"],
        ["line", "odd.pt", "--data", "digits"],
        ["info", "run"],
        ["plot", "run"],
    ):
        status, out, errors = run(*words)
        text = out + "".join(errors)
        assert not any(character in text for character in "\x1b\x07\x9b\r\u202e\u2028\x7f"), words
        assert not any(line.strip().startswith("forged") for line in [*out.splitlines(), *errors])
        assert len(errors) <= 1
    assert printable("Größe 3·10⁻² 日本 é") == "Größe 3·10⁻² 日本 é"


@pytest.mark.parametrize("out", ["/dev/null", "pipe", "no/such/x.h5", "", "n" * 300 + ".h5"])
def test_an_output_that_cannot_be_is_refused_before_computing(out, surface, run):
    os.mkfifo("pipe")
    status, _, errors = surface("-o", out)
    assert status in (1, 2) and len(errors) == 1 and "unexpected" not in errors[0]
    before = sorted(os.listdir())
    for words in (
        ["plot", "s.h5", "-o", out],
        ["export", "s.h5", out, "--format", "csv"],
        ["compare", "s.h5", "s.h5", "-o", out],
    ):
        status, _, errors = run(*words)
        assert status in (1, 2) and len(errors) == 1 and "unexpected" not in errors[0], words
    assert sorted(os.listdir()) == before


def test_a_second_writer_is_told_of_the_first(surface, run):
    assert surface()[0] == 0
    program = "import sys; from pathlib import Path; from landscape.atomic import OutputLock; lock = OutputLock(Path('out.h5'))"
    with subprocess.Popen(
        [sys.executable, "-c", program + "; print(1, flush=True); sys.stdin.read()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as other:
        other.stdout.readline()
        status, _, errors = surface("--overwrite")
        assert (
            status == 1 and f"cannot write out.h5: process {other.pid} is writing it; wait for it, or give" in errors[0]
        )
        assert surface("--dry-run")[0] == 0  # looking needs no lock
        other.kill()
    assert surface("--overwrite")[0] == 0 and not Path(".out.h5.lock").exists()
    OutputLock(Path("out.h5")).release()


FULL = """
import json, os, resource, sys
from landscape.cli.main import main
import landscape.drawing, landscape.study.run, landscape.render.page.picture, landscape.render.still.picture
import landscape.exporters.csv_table, landscape.exporters.npz
for room, words in json.loads(sys.argv[1]):
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, resource.RLIM_INFINITY))
    print(main(words), sorted(os.listdir()), file=sys.stderr)
import torch
from landscape.direction.direction import Direction
from landscape.direction.files import write_directions
try:
    resource.setrlimit(resource.RLIMIT_FSIZE, (8000, resource.RLIM_INFINITY))
    write_directions("d.h5", [Direction({"w": torch.ones(5000)}, {})])
except Exception as error:
    print("landscape:", error, file=sys.stderr)
print(1, sorted(os.listdir()), file=sys.stderr)
"""


def test_on_a_full_disk_an_output_is_absent_and_the_message_is_one_line(surface, here):
    assert surface()[0] == 0
    net = ["build.pt", "--model", "net.py:build", "--data", "npz:data.npz", "--quiet", "--threads", "1"]
    commands = [(100, ["plot", "out.h5", "-o", f"p.{suffix}"]) for suffix in ("pdf", "html", "png", "svg")]
    commands += [(100, ["export", "out.h5", f"e.{suffix}"]) for suffix in ("csv", "npz")]
    commands += [(3000, ["line", *net, "--save-directions", "-x=0:1:2", "-o", "l.h5"])]
    Path("__pycache__").mkdir(exist_ok=True)
    before = sorted(os.listdir())
    _, text = forked.Started("-c", FULL, json.dumps(commands)).end()
    said = text.splitlines()
    assert len(said) == 2 * len(commands) + 2, text
    for message, after in zip(said[::2], said[1::2], strict=True):
        assert message.startswith("landscape: cannot write ") and "File too large" in message
        assert after == f"1 {before}"


def test_folders_of_images_that_hold_themselves(run, here):
    from PIL import Image

    for name in "ab":
        Path("pictures", name, "more").mkdir(parents=True)
        for place in (f"pictures/{name}/1.png", f"pictures/{name}/more/0.png"):
            Image.fromarray(np.zeros((4, 4, 3), np.uint8)).save(place)
        Path("pictures", name, "more", "up").symlink_to("..")
        Path("pictures", name, "self").symlink_to(".")
    from torchvision.datasets.folder import make_dataset

    from landscape.data.folder import _listed

    found = _listed(Path("pictures"))
    for link in Path("pictures").rglob("*"):
        if link.is_symlink():
            link.unlink()
    assert found == make_dataset("pictures", {"a": 0, "b": 1}, extensions=(".png",))
    os.mkfifo("pictures/a/2.png")
    status, _, errors = run("line", "build.pt", "--model", "net.py:build", "--data", "folder:pictures")
    assert status == 1 and "pictures/a/2.png: is a pipe, expected a regular file" in errors[0]


def test_few_mutated_files_of_each_kind(tmp_path, monkeypatch):
    """The short form of `scripts/attack files`."""
    monkeypatch.syspath_prepend(str(Path(__file__).resolve().parents[2] / "scripts" / "attacks"))
    files = importlib.import_module("files")
    outcomes = list(files.attack(tmp_path, 8, seed=7))
    assert len(outcomes) > 16 and not [each for each in outcomes if each.verdict in files.BAD]
