"""Whether ends are searched for in bfloat16 is decided once for a file: by the leader, for all ranks, and for good."""

from __future__ import annotations

import numpy as np
import pytest

import landscape as ll
from landscape.curvature import operator
from landscape.curvature.tapes import ProgramBackend
from landscape.quantity import HESSIAN
from landscape.study import extension

FEW = {"x": "-1:1:3", "y": "0:1:2"}
OPTIONS = {"threads": 1, "quiet": True}


@pytest.fixture
def trial(monkeypatch):
    """trial(speedup): what a trial of bfloat16 finds from now on."""
    measure = ProgramBackend.use_low_precision
    monkeypatch.setattr(operator, "MIN_PARAMETERS", 1)
    monkeypatch.setattr(operator, "multiplies_bf16", lambda device: True)

    def finds(speedup: float) -> None:
        monkeypatch.setattr(ProgramBackend, "use_low_precision", lambda self: (measure(self), (speedup, 0.0))[1])

    return finds


def search_of(result) -> str:
    return result.provenance["run"][HESSIAN]["search"]


@pytest.mark.parametrize(("first", "then"), [(3.0, 0.5), (0.5, 3.0)])
def test_a_file_that_goes_on_is_searched_as_it_was_begun(first, then, surface, trial):
    """Else its points would depend on where it was stopped, and on what else the machine did then."""
    trial(first)
    whole = ll.hessian(surface("whole.h5", **FEW), **OPTIONS)
    ll.hessian(surface("a.h5", **FEW), every=2, **OPTIONS)
    trial(then)
    found = ll.hessian("a.h5", **OPTIONS)
    assert search_of(found) == search_of(whole) == ("bf16" if first > 1 else "exact")
    for name, values in whole.values.items():
        np.testing.assert_array_equal(found.values[name], values, err_msg=name)
    assert search_of(ll.hessian("a.h5", every=9, overwrite=True, **OPTIONS)) == ("bf16" if then > 1 else "exact"), (
        "a new start"
    )
    assert search_of(ll.hessian("a.h5", every=9, overwrite=True, search="bf16", **OPTIONS)) == "bf16", (
        "what is asked for holds"
    )


@pytest.mark.parametrize("leaders", ["bf16", "exact"])
def test_all_ranks_search_as_the_leader_does(leaders, surface, trial, monkeypatch):
    trial(0.5 if leaders == "bf16" else 3.0)  # on this rank, which is not the leader
    expected = ll.hessian(surface("a.h5", **FEW), search=leaders, **OPTIONS)
    monkeypatch.setattr(extension, "shared", lambda world, value: leaders)
    found = ll.hessian(surface("b.h5", **FEW), **OPTIONS)
    for name, values in expected.values.items():
        np.testing.assert_array_equal(found.values[name], values, err_msg=name)
    assert bool(found.values["hessian_rough"].any()) is (leaders == "bf16")
