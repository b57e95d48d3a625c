"""Laws of units: what is united wrongly on the way is fixed in the end, and entries keep the places that they were taken from."""

import numpy as np
import torch

from landscape.alignment.bundles import Bundle, rearranged
from landscape.alignment.units import Units


def test_units_that_fill_one_place_twice_are_fixed():
    """Three channels in a ring, twice: which of them is which is not known any more."""
    units = Units()
    ring = units.fresh(6)
    units.unite(ring, ring.at(np.array([1, 2, 0, 4, 5, 3])))
    assert list(units.alike())
    units.settle()
    assert not list(units.alike())


def test_halves_that_become_one_keep_their_places():
    units = Units()
    both = units.fresh(6)
    units.unite(both.at(np.arange(3)), both.at(np.arange(3, 6)))
    units.settle()
    (group,) = units.alike()
    assert len(group) == 3
    assert len({*zip(*(part.tolist() for part in units.resolved(both)), strict=True)}) == 6


def test_a_diagonal_ties_each_unit_to_its_row():
    units = Units()
    (found,) = rearranged(units, torch.zeros(3, 3), (Bundle((1,), units.fresh(3)),), lambda t: [t.diagonal()])
    assert len(set(found[0].slots.position.tolist())) == 3


def test_what_is_flattened_and_cut_again_is_as_before():
    units = Units()
    channels = units.fresh(4)
    (flat,) = rearranged(units, torch.zeros(2, 4, 3), (Bundle((1,), channels),), lambda t: [t.flatten(1)])
    assert flat[0].dims == (1,) and flat[0].slots.unit.tolist() == np.repeat(channels.unit, 3).tolist()
    (again,) = rearranged(units, torch.zeros(2, 12), flat, lambda t: [t.view(2, 4, 3)])
    assert again[0].dims == (1,) and (units.plain(again[0].slots).unit == channels.unit).all()
