"""Paths between nets: reading the nets, training curves, and evaluating along them."""
