"""A file is data: no command runs code because a file names it."""

import json
import shlex
from pathlib import Path

import pytest
import torch
from torch import nn

import landscape as ll
from landscape import callables
from landscape.cli.main import main
from landscape.trust import code_named, is_trusted, names_code, taken

EVIL = """
import pathlib, torch
pathlib.Path("RAN").touch()

def build():
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 10))

def load():
    generator = torch.Generator().manual_seed(0)
    return torch.randn(30, 1, 8, 8, generator=generator), torch.randint(10, (30,), generator=generator)

def loss(outputs, targets):
    return torch.nn.functional.cross_entropy(outputs, targets, reduction="none")
"""
SPECS = {"model": "evil.py:build", "data": "evil.py:load", "loss": "evil.py:loss"}
GIVEN = [word for what, spec in SPECS.items() for word in (f"--{what}", spec)]
FEW = ["-x=-1:1:3", "--quiet", "--threads", "1"]


def forget():
    """As in a new process."""
    callables._resolved.clear()
    for name in [name for name in list(__import__("sys").modules) if name.startswith("landscape_user_")]:
        del __import__("sys").modules[name]
    Path("RAN").unlink(missing_ok=True)


@pytest.fixture
def files(tmp_path, monkeypatch):
    """Files of all kinds that name the code of evil.py, which leaves a mark when it runs."""
    monkeypatch.chdir(tmp_path)
    Path("evil.py").write_text(EVIL)
    net = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
    torch.save({"state_dict": net.state_dict(), "landscape": SPECS}, "evil.pt")
    torch.save({"state_dict": net.state_dict(), "landscape": {"model": "os:abort", "data": "digits"}}, "abort.pt")
    assert main(["line", "evil.pt", *GIVEN, *FEW, "-o", "l.h5"]) == 0
    assert main(["train", *GIVEN, "--samples", "20", "--epochs", "1", "--quiet", "--threads", "1", "-o", "run"]) == 0
    forget()
    return tmp_path


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["line", "evil.pt", *FEW], {"model", "data", "loss"}),
        (["surface", "evil.pt", "--dry-run", "--data", "digits", *FEW], {"model", "loss"}),
        (["line", "evil.pt", "--model", "evil.py:build", "--dry-run", *FEW], {"data", "loss"}),
        (["line", "abort.pt", *FEW], {"model"}),
        (["line", "evil.pt", "--along", "gradient", "-o", "a.h5", *FEW], {"model", "data", "loss"}),
        (["spectrum", "evil.pt", "--quiet"], {"model", "data", "loss"}),
        (["spectrum", "evil.pt", "--quiet", "--loss", "mse"], {"model", "data"}),
        (["trajectory", "run", "-x=-1:1:3", "-y=-1:1:3", "--along", "random", "--quiet"], {"model", "data", "loss"}),
        (["inputs", "evil.pt", "--sample", "0", "-y=-1:1:3", *FEW], {"model", "data", "loss"}),
        (["flatness", "run", "--measures", "gradient_norm", "--quiet"], {"model", "data", "loss"}),
        (["connect", "evil.pt", "run", "--points", "3", "--quiet"], {"model", "data", "loss"}),
        (["dynamics", "run", "--measures", "gradient", "--quiet"], {"model", "data", "loss"}),
        (["hessian", "l.h5", "--quiet"], {"model", "data", "loss"}),
        (["hessian", "l.h5", "--dry-run", "--model", "evil.py:build"], {"data", "loss"}),
        (["hessian", "run", "--quiet"], {"model", "data", "loss"}),
        (["bench", "evil.pt"], {"model", "data"}),
        (["bench", "evil.pt", "--train"], {"model", "data"}),
        (["bench", "evil.pt", "--hessian"], {"model", "data"}),
        (["line", "evil.pt", "--trust", "other.pt", *FEW], {"model", "data", "loss"}),
        (["hessian", "l.h5", "--trust", "evil.pt", "--dry-run"], {"model", "data", "loss"}),
    ],
    ids=lambda value: " ".join(value[:5]) if isinstance(value, list) else "",
)
def test_code_that_a_file_names_is_refused_in_one_line_with_the_command_to_repeat(words, named, files, capsys):
    given = {"--model": "evil.py:build"} if "--model" in words else {}
    assert main(words) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "names code" in line and "--trust" in line
    repeated = line.split("the whole command: ")[1]
    assert repeated.startswith("landscape " + " ".join(words[:2]))
    for what in SPECS:
        assert (f"--{what} " in repeated) == (what in named or f"--{what}" in words), what
    if not given:
        assert not Path("RAN").exists()
    if words[0] != "bench" and words[1] != "abort.pt" and "mse" not in words:
        forget()
        assert main(shlex.split(repeated)[1:]) == 0


@pytest.mark.parametrize("command", ["info", "info --json", "plot", "compare", "export"])
def test_what_only_looks_runs_nothing(command, files, capsys):
    name, *more = command.split()
    sources = {
        "plot": [["l.h5", "-o", "l.png"]],
        "compare": [["l.h5", "l.h5", "-o", "c.html"]],
        "export": [["l.h5", "l.csv"]],
    }
    for words in sources.get(name, [["evil.pt"], ["l.h5"], ["run"]]):
        assert main([name, *words, *more]) == 0
        said = capsys.readouterr().out
        if name == "info":
            assert "names code, not run" in said and "evil.py:build" in said
    assert not Path("RAN").exists()


def test_a_file_is_trusted_once_by_its_name_or_its_folder(files):
    assert main(["line", "evil.pt", "--trust", str(files / "evil.pt"), "--dry-run", *FEW]) == 0
    forget()
    assert main(["hessian", "l.h5", "--trust", "l.h5", "--dry-run"]) == 0
    forget()
    assert main(["hessian", "run", "--trust", "run", "--dry-run"]) == 0
    forget()
    assert ll.line("evil.pt", x=(-1, 1, 3), trust=True, quiet=True, threads=1).counts()["done"] == 3
    assert Path("RAN").exists()
    forget()
    with pytest.raises(ll.LandscapeError, match="names code"):
        ll.line("evil.pt", x=(-1, 1, 3), quiet=True)


def test_of_several_files_that_name_one_loss_one_is_trusted(files):
    """As the advice says: the others bring only weights."""
    torch.manual_seed(5)
    other = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
    torch.save({"state_dict": other.state_dict(), "landscape": SPECS}, "other.pt")
    assert main(["line", "evil.pt", "--to", "other.pt", "--trust", "evil.pt", "--dry-run", *FEW]) == 0
    forget()
    assert main(["line", "evil.pt", "--to", "other.pt", "--trust", "other.pt", "--dry-run", *FEW]) == 2


def test_what_was_given_in_this_process_is_known(files):
    shared = {"threads": 1, "quiet": True}
    surface = ll.line("evil.pt", **SPECS, x=(-1, 1, 3), **shared)
    assert ll.hessian(surface, **shared).counts("hessian")["done"] == 3
    Path("evil.py").write_text(EVIL + "\n# another version")
    with pytest.raises(ll.LandscapeError, match="names code"):
        ll.hessian(surface, **shared)


def test_specs_that_name_no_code_are_taken(files):
    assert not any(
        names_code(spec, "model") for spec in ("resnet20", "torchvision:resnet18", "timm:vit_tiny", "", None, 3)
    )
    assert not any(names_code(spec, "data") for spec in ("digits", "cifar10", "folder:/a", "npz:b:c"))
    assert all(
        names_code(spec, "data") for spec in ("torchvision:cifar10", "timm:a", "os:abort", "a.py:b", "C:/a.py:b")
    )
    assert all(names_code(spec, "loss") for spec in ("folder:x", "torch.nn:MSELoss", ":", "a:"))
    assert taken({"model": "resnet20", "data": None, "loss": 3}, "f", ()) == {"model": "resnet20"}
    assert code_named(json.loads('{"model": "a:b", "data": ["a:b"], "loss": "mse"}')) == {"model": "a:b"}
    assert is_trusted("a/b.pt", "a") is False and is_trusted("a", ["b", "./a"]) and not is_trusted("a", ())
