"""Convex polygons: areas of what is left of a square."""

import numpy as np
import pytest

from landscape.polygon import area, cut


def test_a_cut_square_has_the_area_of_what_is_left():
    square = np.array([[0.0, 0], [1, 0], [1, 1], [0, 1]])
    assert area(square) == 1
    assert area(cut(square, np.array([[1.0, 1.0]]), np.array([0.5]))) == pytest.approx(0.125)
    assert area(cut(square, np.array([[1.0, 0], [0, 2.0], [1, 1]]), np.array([0.5, 0.5, 9]))) == pytest.approx(0.125)
    assert len(cut(square, np.array([[-1.0, 0]]), np.array([-2.0]))) == 0
