"""One vector a document: the normalised mean, for engines and stages that take a single vector."""

from __future__ import annotations

from typing import Any

import numpy as np

from lateint_ref._checks import Float32Array, Int64Array, as_matrix, describe
from lateint_ref.multivectors import MultiVectors


def average_vector(vectors: Any) -> Float32Array:
    """Mean of a document's vectors, scaled to length 1.

    Args:
        vectors: `(n, dim)`.

    Returns:
        float32 `(dim,)` with L2 norm 1.

    Raises:
        TypeError: `vectors` is not numeric.
        ValueError: the mean is zero, so it has no direction; or wrong rank, empty, a NaN or infinity.
    """
    return unit_mean(as_matrix(vectors, "vectors"), "vectors")


def average_vectors(documents: MultiVectors) -> Float32Array:
    """`average_vector` of every document, float32 `(n_docs, dim)`, in the collection's order.

    Raises:
        TypeError: `documents` is not a `MultiVectors`.
        ValueError: a document's mean is zero (it is named).
    """
    if not isinstance(documents, MultiVectors):
        raise TypeError(f"documents must be a MultiVectors, got {describe(documents)}.")
    pairs = zip(documents.ids, documents, strict=True)
    return np.stack([unit_mean(matrix, f"document {name!r}") for name, matrix in pairs])


def unit_mean(matrix: Float32Array, name: str) -> Float32Array:
    """Normalised mean of a checked matrix's rows; a zero mean is a `ValueError` that says `name`."""
    mean = matrix.mean(axis=0, dtype=np.float64)
    norm = np.linalg.norm(mean)
    # Vectors that cancel leave rounding error rather than an exact zero; its direction means nothing.
    if norm <= 1e-7 * np.abs(matrix).max():
        raise _no_direction(name, len(matrix))
    direction: Float32Array = (mean / norm).astype(np.float32)
    return direction


def unit_means(matrix: Float32Array, labels: Int64Array, name: str) -> Float32Array:
    """`unit_mean` of every group of a checked matrix's rows, float32 `(n_groups, dim)`.

    Args:
        matrix: `(n, dim)`.
        labels: `(n,)`, the group of each row: each of `0 ... n_groups - 1` at least once.
        name: a group in error messages, with `{}` for its number.

    Raises:
        ValueError: the mean of a group is zero.
    """
    order = np.argsort(labels, kind="stable")
    starts = np.flatnonzero(np.diff(labels[order], prepend=-1))
    sizes = np.diff(starts, append=len(matrix))
    rows = matrix[order]
    means = np.add.reduceat(rows, starts, axis=0, dtype=np.float64) / sizes[:, None]
    norms = np.linalg.norm(means, axis=1)
    largest = np.maximum.reduceat(np.abs(rows).max(axis=1), starts)
    for group in np.flatnonzero(norms <= 1e-7 * largest):
        raise _no_direction(name.format(group), int(sizes[group]))
    directions: Float32Array = (means / norms[:, None]).astype(np.float32)
    return directions


def _no_direction(name: str, count: int) -> ValueError:
    return ValueError(
        f"the mean of {name} is zero: its {count} vectors cancel out or are all zero, so an average has no direction."
    )
