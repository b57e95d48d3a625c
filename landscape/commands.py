"""The table of commands: each is a function of the Python interface and a command of the shell.

Owns: their names, in the order of the help. Command NAME is the function NAME in landscape/recipes/NAME.py.
"""

COMMANDS = (
    "surface",
    "line",
    "inputs",
    "hessian",
    "spectrum",
    "train",
    "trajectory",
    "optimizers",
    "dynamics",
    "align",
    "flatness",
    "connect",
    "instability",
    "plot",
    "compare",
    "basins",
    "watch",
    "export",
    "info",
    "new",
    "demo",
    "bench",
)
