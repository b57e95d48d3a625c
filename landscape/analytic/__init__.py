"""Surfaces that are given by a formula, and what optimizers do on them."""
