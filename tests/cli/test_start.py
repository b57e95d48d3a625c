"""What starting costs: which libraries a command loads. (Seconds are shown by `landscape bench`, not asserted.)"""

import signal
import subprocess
import sys
import threading

import pytest

from landscape.cli.main import main
from landscape.cli.parser import find
from landscape.commands import COMMANDS
from landscape.errors import Interrupted

HEAVY = ("torch", "torchvision", "mpi4py", "numpy", "h5py", "matplotlib", "plotly", "scipy", "safetensors")


def loaded(code: str, cwd) -> set[str]:
    program = f"import sys\n{code}\nprint('LOADED', *sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=cwd, timeout=60)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.rsplit("LOADED", 1)[1].split())


def test_importing_loads_nothing_heavy(tmp_path):
    assert not loaded("import landscape", tmp_path) & set(HEAVY)


@pytest.mark.parametrize("words", ["'--help'", "'surface', '--help'", "'--version'"])
def test_help_loads_nothing_heavy(tmp_path, words):
    code = f"from landscape.cli.main import main\ntry:\n    main([{words}])\nexcept SystemExit:\n    pass"
    assert not loaded(code, tmp_path) & set(HEAVY)


def test_viewing_loads_neither_torch_nor_mpi(surface, here):
    """One command after the other, in one process."""
    assert surface()[0] == 0
    commands = [["info", "out.h5"], ["plot", "out.h5"], ["compare", "out.h5", "out.h5"]]
    found = loaded(f"from landscape.cli.main import main\nassert not any(main(words) for words in {commands})", here)
    assert "h5py" in found, "the file was read"
    assert not found & {"torch", "torchvision", "mpi4py", "safetensors", "scipy"}


def test_importing_has_no_side_effects_and_a_plain_run_does_not_load_mpi(surface, here):
    """One after the other, in one process."""
    code = (
        "import os\nbefore = dict(os.environ)\nimport random\nstate = random.getstate()\n"
        "import landscape\nlandscape.surface, landscape.plot\n"
        "assert dict(os.environ) == before and random.getstate() == state\n"
        "import torch\nassert torch.initial_seed() == torch.default_generator.initial_seed()\n"
    )
    words = "['line', 'build.pt', '--model', 'net.py:build', '--data', 'npz:data.npz', '-x', '-1:1:3', '-o', 'b.h5', '--quiet']"
    found = loaded(f"{code}from landscape.cli.main import main\nassert main({words}) == 0", here)
    assert "torch" in found
    assert not found & {"mpi4py", "sympy", "scipy", "matplotlib", "landscape.scene.scene"}, (
        "0.5 s and more before the first point"
    )


def test_ctrl_c_while_the_command_loads_is_one_line(tmp_path):
    (tmp_path / "stop.py").write_text(
        "import sys\n"
        "class Stop:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'landscape.cli.main':\n"
        "            raise KeyboardInterrupt\n"
        "sys.meta_path.insert(0, Stop())\n"
        "from landscape.__main__ import main\n"
        "sys.exit(main())\n"
    )
    done = subprocess.run([sys.executable, "stop.py"], capture_output=True, text=True, cwd=tmp_path, timeout=60)
    assert (done.returncode, done.stderr) == (130, "landscape: stopped by Ctrl-C\n")


@pytest.mark.parametrize("name", COMMANDS)
def test_only_commands_that_continue_say_so_when_they_are_stopped(name, monkeypatch, capsys):
    def stopped(*arguments, **keywords):
        raise Interrupted("stopped by SIGTERM")

    monkeypatch.setattr("landscape.cli.main.parse", lambda words: (find(name), {}))
    monkeypatch.setattr("landscape.cli.main.perform", stopped)
    assert main([name]) == 130
    # a command that passes samples through a net into a file of its own, which --overwrite would begin again
    continues = {"device", "overwrite"} <= {row.name for row in find(name).rows}
    assert ("; nothing new was written, run the same command again" in capsys.readouterr().err) == continues


@pytest.mark.parametrize("moment", ["landscape.cli.main.explained", "landscape.cli.main.part"])
@pytest.mark.parametrize("error", [Interrupted("stopped by SIGTERM"), ValueError("no")])
def test_a_signal_that_comes_while_the_command_says_why_it_ends_changes_nothing(moment, error, monkeypatch, capsys):
    """Another rank may have passed the signal on before it came here."""

    def ends(*arguments, **keywords):
        raise error

    module, name = moment.rsplit(".", 1)
    after = getattr(sys.modules[module], name)

    def late(*arguments, **keywords):
        signal.raise_signal(signal.SIGTERM)
        return after(*arguments, **keywords)

    monkeypatch.setattr("landscape.cli.main.parse", lambda words: (find("info"), {}))
    monkeypatch.setattr("landscape.cli.main.perform", ends)
    monkeypatch.setattr(moment, late)
    assert main(["info"]) == (130 if isinstance(error, Interrupted) else 1)
    assert capsys.readouterr().err.count("\n") == 1


def test_a_signal_while_the_command_starts_is_one_line(monkeypatch, capsys):
    start = threading.Thread.start

    def early(thread):
        start(thread)
        if thread.name == "landscape-watch":
            signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr(threading.Thread, "start", early)
    assert main(["info", "missing.pt"]) == 130
    assert capsys.readouterr().err == "landscape: stopped by SIGTERM\n"


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])
def test_a_signal_after_the_command_is_done_does_not_undo_it(name, monkeypatch, capsys):
    part = sys.modules["landscape.cli.main"].part

    def late(*arguments, **keywords):
        signal.raise_signal(getattr(signal, name))
        return part(*arguments, **keywords)

    monkeypatch.setattr("landscape.cli.main.parse", lambda words: (find("info"), {}))
    monkeypatch.setattr("landscape.cli.main.perform", lambda *arguments: None)
    monkeypatch.setattr("landscape.cli.main.part", late)
    assert (main(["info"]), capsys.readouterr().err) == (0, "")


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])
@pytest.mark.parametrize(("words", "status"), [(["info", "missing.pt"], 1), (["--version"], 0), (["info"], 2)])
def test_a_signal_while_python_ends_changes_neither_status_nor_text(name, words, status, tmp_path):
    (tmp_path / "late.py").write_text(
        "import atexit, signal, sys\n"
        "from landscape.__main__ import main\n"
        f"late = signal.{name} if sys.argv[1:2] == ['late'] else None\n"
        "if late:\n"
        "    atexit.register(signal.raise_signal, late)\n"
        f"sys.argv[1:] = {words}\n"
        "sys.exit(main())\n"
    )
    ends = [
        subprocess.run([sys.executable, "late.py", each], capture_output=True, text=True, cwd=tmp_path, timeout=60)
        for each in ("late", "never")
    ]
    assert [each.returncode for each in ends] == [status, status]
    assert (ends[0].stdout, ends[0].stderr) == (ends[1].stdout, ends[1].stderr)


@pytest.mark.parametrize(("name", "said"), [("SIGTERM", "SIGTERM"), ("SIGINT", "Ctrl-C")])
def test_a_signal_before_the_command_is_one_line(name, said, tmp_path):
    (tmp_path / "early.py").write_text(
        "import signal, sys\n"
        "import landscape.cli.main as cli\n"
        "from landscape.__main__ import main\n"
        f"cli.connect_early = lambda: signal.raise_signal(signal.{name})\n"
        "sys.exit(main())\n"
    )
    done = subprocess.run([sys.executable, "early.py"], capture_output=True, text=True, cwd=tmp_path, timeout=60)
    assert (done.returncode, done.stderr) == (130, f"landscape: stopped by {said}\n")
