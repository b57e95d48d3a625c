"""The choices of options are those of the code that reads them: options load no library, so they are written twice."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import landscape
from landscape.curvature.operator import MATRICES, SEARCHES
from landscape.direction.files import COMPUTED_KINDS
from landscape.direction.normalize import NORMS
from landscape.objective.batchnorm import POLICIES
from landscape.objective.numerics import PRECISIONS
from landscape.options.groups import ALONG, PCA, RANDOM, AxesOptions, MachineOptions
from landscape.recipes.hessian import EndsOptions
from landscape.recipes.spectrum import SpectrumOptions
from landscape.recipes.train import OptimizerOptions
from landscape.training.schedules import SCHEDULES


def choices(group: type, name: str) -> tuple[str, ...]:
    return next(f for f in dataclasses.fields(group) if f.name == name).metadata["option"].choices


def test_choices_are_those_of_the_code():
    assert set(choices(AxesOptions, "norm")) == set(NORMS)
    assert set(choices(AxesOptions, "batchnorm")) == set(POLICIES)
    assert (RANDOM, *COMPUTED_KINDS) == (*ALONG, PCA)
    assert set(choices(MachineOptions, "precision")) == set(PRECISIONS)
    assert set(choices(EndsOptions, "search")) == set(SEARCHES)
    assert set(choices(SpectrumOptions, "matrix")) == set(MATRICES)
    assert set(choices(OptimizerOptions, "schedule")) == set(SCHEDULES)


def test_no_room_has_the_name_of_a_public_function():
    """Importing from a room would replace the function as an attribute of the package."""
    package = Path(landscape.__file__).parent
    rooms = {path.parent.name for path in package.glob("*/__init__.py")} | {path.stem for path in package.glob("*.py")}
    assert not rooms & set(landscape.__all__)
