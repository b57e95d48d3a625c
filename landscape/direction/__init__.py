"""Directions in weight space: random, toward other nets, or from files; normalized filter by filter."""
