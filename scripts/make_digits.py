#!/usr/bin/env python
"""Makes landscape/data/digits.npz from scikit-learn's copy of the UCI digits.

`python scripts/make_digits.py` writes the same bytes on every run with the same numpy, and prints the constants for
landscape/data/digits.py.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

SEED = 0
TEST_SHARE = 0.2
TARGET = Path(__file__).resolve().parents[1] / "landscape" / "data" / "digits.npz"


def split(labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Indices of the training and test images, in rising order; of each class the same share is drawn."""
    generator = np.random.default_rng(SEED)
    drawn = []
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        drawn.append(generator.permutation(members)[: round(TEST_SHARE * len(members))])
    test = np.sort(np.concatenate(drawn))
    return np.setdiff1d(np.arange(len(labels)), test), test


def main() -> None:
    from sklearn.datasets import load_digits

    source = load_digits()
    # Intensities 0..16 times 15 are 0..240: whole numbers, so nothing is lost.
    images = (source.images * 15).astype(np.uint8)[..., np.newaxis]
    labels = source.target.astype(np.int64)
    train, test = split(labels)
    np.savez_compressed(
        TARGET,
        train_images=images[train],
        train_labels=labels[train],
        test_images=images[test],
        test_labels=labels[test],
    )
    pixels = images[train] / 255
    print(f"{TARGET}: {len(train)} train, {len(test)} test, {TARGET.stat().st_size} bytes")
    print(f"MEAN = ({pixels.mean():.6f},)\nSTD = ({pixels.std():.6f},)")


if __name__ == "__main__":
    main()
