"""`landscape hessian` refuses what was computed from something else, and says what to do next."""

import os
import shutil

import numpy as np
import pytest

import landscape as ll
from landscape.errors import AnotherRun, LandscapeError, UsageError
from landscape.surfaces import load_surface
from tests.recipes.conftest import GRID, OPTIONS


def refused(**options):
    with pytest.raises(LandscapeError) as error:
        ll.hessian("s.h5", threads=1, quiet=True, **options)
    return str(error.value)


def test_what_moved_is_named_with_the_next_step(surface):
    surface()
    os.rename("net.pt", "moved.pt")
    assert refused() == "s.h5 was computed from net.pt, which is not there; give its new place with checkpoint=..."
    found = ll.hessian("s.h5", every=9, checkpoint="moved.pt", threads=1, quiet=True)
    assert "hessian_max" in found.values


def test_another_checkpoint_is_refused(surface):
    surface()
    shutil.copy("other.pt", "net.pt")
    assert "s.h5 was computed from something else: checkpoint.sha256 is" in refused()
    assert "hessian_max" not in load_surface("s.h5").values


def test_other_data_are_refused(surface):
    surface()
    held = dict(np.load("data.npz"))
    held["labels"] = np.roll(held["labels"], 1)
    np.savez("data.npz", **held)
    assert "data.splits.train.fingerprint is" in refused()


def test_moved_data_are_named(surface):
    surface()
    os.rename("data.npz", "there.npz")
    assert "data.npz" in refused()
    assert "hessian_max" in ll.hessian("s.h5", every=9, data="npz:there.npz", threads=1, quiet=True).values


def test_other_directions_are_refused(surface):
    surface(save_directions=True)
    ll.surface("net.pt", out="d.h5", directions="s.directions.h5", **GRID, **OPTIONS)
    ll.surface("net.pt", out="e.h5", seed=3, save_directions=True, **GRID, **OPTIONS)
    os.replace("e.directions.h5", "s.directions.h5")
    with pytest.raises(AnotherRun, match="directions.fingerprint is"):
        ll.hessian("d.h5", threads=1)
    os.remove("s.directions.h5")
    with pytest.raises(UsageError, match=r"give its new place with directions=\.\.\."):
        ll.hessian("d.h5", threads=1)


@pytest.mark.parametrize(
    "change, words",
    [
        ({"tolerance": 0.001}, "tolerance is 0.01 in the file, 0.001 now; overwrite=True drops these"),
        ({"ignore": "none"}, "ignore is biasbn in the file, none now"),
        ({"samples": 8}, "samples"),
        ({"index": 0.01}, "index is not set in the file"),
    ],
)
def test_values_of_another_kind_are_refused(surface, change, words):
    surface()
    ll.hessian("s.h5", every=9, threads=1, quiet=True)
    assert words in refused(**change)
    found = ll.hessian("s.h5", every=9, overwrite=True, threads=1, quiet=True, **change)
    assert (found.status["hessian"] == 1).sum() == 1


@pytest.mark.parametrize(
    "options, words",
    [
        ({"every": 0}, "every 0: expected 1"),
        ({"tolerance": 0}, "tolerance 0: expected a relative error"),
        ({"index": 1.5}, "index 1.5: expected a share"),
        ({"split": "test"}, "split 'test': s.h5 was computed on train"),
        ({"split": ["train", "test"]}, "expected one split"),
        ({"products": "magic"}, "products 'magic'"),
    ],
)
def test_bad_options(surface, options, words):
    surface()
    assert words in refused(**options)


def test_a_file_of_the_original_says_what_to_do(reference, tmp_path):
    shutil.copy(reference / "resnet20" / "surface.h5", tmp_path / "theirs.h5")
    with pytest.raises(UsageError, match="landscape surface, with directions=FILE"):
        ll.hessian(tmp_path / "theirs.h5")


def test_a_loss_without_curvature_is_named(here):
    with open("net.py", "a") as file:
        file.write("\n\ndef wrong(outputs, targets):\n    return (outputs.argmax(1) != targets).float()\n")
    ll.surface("net.pt", out="w.h5", loss="net.py:wrong", **GRID, **OPTIONS)
    with pytest.raises(LandscapeError, match="the loss has no derivatives"):
        ll.hessian("w.h5", threads=1)
