"""A net as a program: one translation (`trace.py`, `table.py`, `fold.py`) with two users.

Owns: the forward pass with batch norm folded into convolutions (`forward.py`) and Hessian-vector products by rules
(`translate.py`, `hvp.py`, `rules.py`, `layers.py`). Knows nets and tensors; no data, metrics or objective.
"""
