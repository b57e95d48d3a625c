"""The embedded data set: 1797 handwritten digits of 8 x 8 pixels, so that examples run without a download.

Owns: `digits.npz` beside this file, made by `scripts/make_digits.py`, and its constants. Knows numpy only.

Source: Optical Recognition of Handwritten Digits, E. Alpaydin and C. Kaynak, 1998, UCI Machine
Learning Repository (doi.org/10.24432/C50P49), licence CC BY 4.0; taken from scikit-learn, whose copy is the
original's test part. Changes: intensities 0..16 are multiplied by 15, and there is a new split, stratified by class,
into 1438 images for training and 359 for testing.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from landscape.errors import UsageError

FILE = Path(__file__).with_name("digits.npz")

# Of pixels / 255 over the training part; a test recomputes them.
MEAN = (0.287514,)
STD = (0.353986,)


def read_digits(split: str) -> tuple[np.ndarray, np.ndarray]:
    """Images uint8 (N, 8, 8, 1), 0..240, and labels int64 (N,); N is 1438 for `train` and 359 for `test`.

    Raises:
        UsageError: another split.
    """
    if split not in ("train", "test"):
        raise UsageError(f"split '{split}' of digits: expected train or test")
    with np.load(FILE) as arrays:
        return arrays[f"{split}_images"], arrays[f"{split}_labels"]
