"""Gradients of batches and of samples compared with each other: their covariance, and the stiffness of the net.

Owns: the algebra on their Gram matrix. With g_i the gradients of M batches and g their mean, K = 1/M sum (g_i - g)(g_i - g)'
(Jastrzebski et al. 2020, arXiv:2002.09572) has the eigenvalues of the centred Gram matrix of the g_i divided by M, of which the
last one is always 0. The stiffness of two samples is the cosine of their gradients: how much a small step on one helps the
other (Fort et al. 2019, arXiv:1901.09491).
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor

# Columns of all gradients that are multiplied at a time, in bytes of float64.
BLOCK = 1 << 25
# The distances between samples are looked at in this number of groups of equally many pairs.
GROUPS = 24


def gram_of(gradients: Iterable[Tensor]) -> np.ndarray:
    """(n, n) float64: all products of n vectors (size,)."""
    rows = torch.stack([gradient.detach().cpu() for gradient in gradients])
    gram = torch.zeros(len(rows), len(rows), dtype=torch.float64)
    step = max(1, BLOCK // (8 * len(rows)))
    for start in range(0, rows.shape[1], step):
        block = rows[:, start : start + step].double()
        gram += block @ block.T
    return gram.numpy()


def covariance_eigenvalues(gram: np.ndarray) -> np.ndarray:
    """(n - 1,) eigenvalues of the covariance K of n gradients, falling; the n-th is 0."""
    count = len(gram)
    centred = gram - gram.mean(axis=0) - gram.mean(axis=1)[:, None] + gram.mean()
    return np.clip(np.linalg.eigvalsh(centred)[::-1][: count - 1] / count, 0.0, None)


def cosines(gram: np.ndarray) -> np.ndarray:
    """(n, n) cosines of the angles between gradients; NaN where one of them is zero."""
    lengths = np.sqrt(np.diag(gram))
    with np.errstate(divide="ignore", invalid="ignore"):
        return gram / (lengths * lengths[:, None])


def stiffness(found: np.ndarray, labels: np.ndarray) -> tuple[float, float]:
    """(within, between): the mean cosine over pairs of two samples of one class, and over pairs of two classes.

    Each class, and each pair of classes, has the same weight. NaN where there is no such pair. `found` (n, n) as from `cosines`,
    `labels` (n,).
    """
    classes = np.unique(labels)
    members = [np.flatnonzero(labels == each) for each in classes]
    within, between = [], []
    for first, ours in enumerate(members):
        pairs = found[np.ix_(ours, ours)][~np.eye(len(ours), dtype=bool)]
        within.append(_mean(pairs))
        between += [_mean(found[np.ix_(ours, theirs)]) for theirs in members[first + 1 :]]
    return _mean(np.array(within)), _mean(np.array(between))


def critical_length(found: np.ndarray, labels: np.ndarray, inputs: np.ndarray) -> float:
    """The distance of two inputs of one class beyond which their stiffness is no longer positive.

    Inputs (n, ...) are scaled to unit length. The mean stiffness of groups of pairs of rising distance is followed to its first
    zero, by linear interpolation. Infinity where it stays positive, 0 where it starts below, NaN with fewer than GROUPS pairs.
    """
    flat = inputs.reshape(len(inputs), -1).astype(np.float64)
    unit = flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-300)
    first, second = np.triu_indices(len(flat), 1)
    same = (labels[first] == labels[second]) & np.isfinite(found[first, second])
    first, second = first[same], second[same]
    if len(first) < GROUPS:
        return float("nan")
    distance = np.linalg.norm(unit[first] - unit[second], axis=1)
    order = np.argsort(distance, kind="stable")
    groups = np.array_split(order, GROUPS)
    at = np.array([distance[group].mean() for group in groups])
    values = np.array([found[first[group], second[group]].mean() for group in groups])
    below = np.flatnonzero(values <= 0)
    if not len(below):
        return float("inf")
    last = int(below[0])
    if last == 0:
        return 0.0
    share = values[last - 1] / (values[last - 1] - values[last])
    return float(at[last - 1] + share * (at[last] - at[last - 1]))


def _mean(values: np.ndarray) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if known.size else float("nan")
