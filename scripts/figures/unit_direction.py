"""A random direction of unit length over the tensors of a direction file: `unit_direction.py FILE SEED OUT`.

Normal numbers, not normalized by filters, divided by their length: what a direction of the Hessian's eigenvectors, which has unit
length too, is compared with.
"""

from __future__ import annotations

import sys

import h5py
import numpy as np


def main() -> None:
    source, seed, target = sys.argv[1:]
    generator = np.random.default_rng(int(seed))
    with h5py.File(source) as file, h5py.File(target, "w") as out:
        out.attrs.update(file.attrs)
        drawn = {name: generator.normal(size=each.shape) for name, each in file["x"].items()}
        length = float(np.sqrt(sum(np.sum(each**2) for each in drawn.values())))
        for name, each in drawn.items():
            out.create_dataset(f"x/{name}", data=(each / length).astype(np.float32))
        out["x"].attrs.update({"kind": "file", "ignore": "none", "norm": "none"})


if __name__ == "__main__":
    main()
