"""Which units of two nets of one architecture correspond: permutation symmetry, matching, and repair of what lies between."""
