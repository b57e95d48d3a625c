"""Describing a picture needs no torch, no MPI and no plotting library."""

import subprocess
import sys

HEAVY = ["torch", "mpi4py", "matplotlib", "plotly"]


def loaded_after(code: str) -> set[str]:
    script = f"import sys\n{code}\nprint(*[name for name in {HEAVY!r} if name in sys.modules])"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(run.stdout.split())


def test_scenes_load_no_heavy_library():
    assert loaded_after("import landscape.scene.compare, landscape.scene.kinds as room; room.kinds()") == set()


def test_the_probe_sees_what_is_loaded():
    assert loaded_after("import matplotlib") == {"matplotlib"}
