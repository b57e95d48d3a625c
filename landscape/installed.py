"""Which code is installed, as libraries are, and which is of the user's own files.

Owns: the folders of installed packages, and the names that stand for a library wherever its files lie.
"""

from __future__ import annotations

import site
import sys
import sysconfig

# The user's own files may have the name of a module of Python's; they are taken for it, as an import would take them.
KNOWN_BY_NAME = ("torch", "numpy", "builtins", "landscape", *sys.stdlib_module_names)
INSTALLED = tuple(
    {
        *(sysconfig.get_path(name) for name in ("purelib", "platlib")),
        *site.getsitepackages(),
        site.getusersitepackages(),
    }
)


def is_installed(kind: type) -> bool:
    """Whether a class is of a library; not one of a notebook or of code that was downloaded with a model.

    >>> import torch
    >>> is_installed(torch.nn.Linear), is_installed(type("Mine", (), {"__module__": "my_net"}))
    (True, False)
    """
    file = getattr(sys.modules.get(kind.__module__), "__file__", None) or ""
    return kind.__module__.partition(".")[0] in KNOWN_BY_NAME or file.startswith(INSTALLED)
