"""Paths between trained nets: reading the nets, training curves, evaluating along them."""
