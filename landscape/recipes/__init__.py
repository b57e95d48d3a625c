"""One short function per command, its options, and the lines that the shell prints of its result.

Owns: the table of commands. Modules here load no heavy library when they are imported, so that `landscape --help` is quick.
"""

# In the order of the help; each is the function of that name in the module of that name.
COMMANDS = (
    "surface",
    "line",
    "hessian",
    "spectrum",
    "train",
    "plot",
    "compare",
    "export",
    "info",
    "demo",
    "bench",
)
