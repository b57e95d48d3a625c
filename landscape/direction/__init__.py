"""Directions in weight space: random, toward other nets, from files; normalized filter by filter."""
