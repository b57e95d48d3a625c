"""scripts/check_gpu: a check that hangs, dies or fails loses itself alone, and what is known is on the disk after each."""

import importlib.util
import json
import os
import subprocess
import sys
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import SimpleNamespace

import pytest

SCRIPT = Path(__file__).resolve().parents[1] / "scripts" / "check_gpu"
# Checks by name: one that prints more than its result, one that ends its process, one that never ends.
WORKER = """
import os, sys, time
for line in sys.stdin:
    name = line.strip()
    if name == "dies":
        os._exit(3)
    if name == "hangs":
        time.sleep(1000)
    print("some other line")
    print('RESULT {"status": "%s", "seconds": 0.1, "limits": {"error": [0.5, 1.0]}}' % name, flush=True)
"""


def script(monkeypatch):
    monkeypatch.syspath_prepend(str(SCRIPT.parent / "gpu"))
    loader = SourceFileLoader("check_gpu", str(SCRIPT))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("check_gpu", loader))
    loader.exec_module(module)
    monkeypatch.setattr(module, "START_SECONDS", 2.0)
    return module


def test_a_bad_check_loses_itself_alone(tmp_path, monkeypatch):
    module, names = script(monkeypatch), ["ok", "dies", "failed", "hangs", "ok again"]
    checks = [SimpleNamespace(name=name, limit=1.0) for name in names]
    found = module.run(checks, [sys.executable, "-c", WORKER], tmp_path, 600.0)
    said = {name: each["status"] for name, each in found["checks"].items()}
    assert said == {"ok": "ok", "dies": "died", "failed": "failed", "hangs": "timeout", "ok again": "ok again"}
    assert json.loads((tmp_path / "results.json").read_text())["checks"] == found["checks"]
    assert all(f"| {name} |" in (tmp_path / "table.md").read_text() for name in names)


def test_no_check_starts_without_time(tmp_path, monkeypatch):
    checks = [SimpleNamespace(name="ok", limit=60.0)]
    found = script(monkeypatch).run(checks, [sys.executable, "-c", WORKER], tmp_path, 1.0)
    assert found["checks"]["ok"]["status"] == "skipped"


# Those that reach behind the program's own interface, which nothing else would miss.
@pytest.mark.parametrize(
    "name", ["waits", pytest.param("training_speed", marks=pytest.mark.slow), "run_folder", "replays", "layouts"]
)
def test_a_check_of_the_short_form(name, tmp_path, monkeypatch):
    script(monkeypatch)
    tools = importlib.import_module("_tools")
    check = next(each for each in tools.checks() if each.name == name)
    report = tools.Report()
    check.run(tools.Place("cpu", True, tmp_path), report)
    assert not report.failures
    assert report.limits or report.facts or report.tables


@pytest.mark.slow
def test_the_short_form_on_the_cpu(tmp_path):
    """All of it, started as a user would."""
    command = [sys.executable, str(SCRIPT), "--cpu", "--out", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=1500, env={**os.environ, "OUT": ""})
    assert done.returncode == 0, done.stdout + done.stderr
    results = json.loads((tmp_path / "results.json").read_text())["checks"]
    assert len(results) > 20 and {each["status"] for each in results.values()} <= {"ok", "skipped"}
