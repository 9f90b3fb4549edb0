"""Fewer vectors a document: merge those that say nearly the same.

Sources: Clavié, Chaffin and Adams, "Reducing the Footprint of Multi-Vector Retrieval with Minimal Performance
Impact via Token Pooling", 2024, section 3; Faysse et al., "ColPali: Efficient Document Retrieval with Vision
Language Models", 2024, appendix on token pooling.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from lateint_ref._checks import Float32Array, Int64Array, as_matrix, positive_int
from lateint_ref.averaging import unit_mean


def pool_tokens(vectors: Any, pool_factor: int, method: str = "hierarchical") -> Float32Array:
    """Merge a document's vectors into about one in `pool_factor`.

    Args:
        vectors: `(n, dim)`, usually of unit length.
        pool_factor: how many vectors become one on average, at least 1.
        method: `"hierarchical"`: Ward clustering of the rows of the cosine-distance matrix, as
            colpali-engine's `HierarchicalTokenPooler`; each cluster is replaced by its normalised mean.

    Returns:
        float32 `(max(1, n // pool_factor), dim)` of unit length, ordered by the first vector of each cluster.
        With factor 1, the input unchanged.

    Raises:
        TypeError: `pool_factor` is not a whole number, or `vectors` is not numeric.
        ValueError: an unknown method, a factor below 1, vectors of a cluster that cancel out; or wrong
            rank, empty, a NaN or infinity.
    """
    matrix = as_matrix(vectors, "vectors")
    factor = positive_int(pool_factor, "pool_factor")
    if method not in _METHODS:
        raise ValueError(f"method must be one of {sorted(_METHODS)}, got {method!r}.")
    n_clusters = max(1, len(matrix) // factor)
    if n_clusters == len(matrix):
        return matrix
    labels = _METHODS[method](matrix, n_clusters)
    return np.stack([unit_mean(matrix[labels == label], f"cluster {label}") for label in range(n_clusters)])


def _hierarchical(matrix: Float32Array, n_clusters: int) -> Int64Array:
    """Cluster labels `0 ... n_clusters - 1`, numbered by first appearance."""
    from scipy.cluster.hierarchy import fcluster, linkage

    distances = 1 - (matrix @ matrix.T).astype(np.float64)
    # Each row, the distances from one vector to all, is clustered as a point. Euclidean distances between
    # rows come from one matrix product, where a loop over pairs would take most of the time.
    squares = (distances**2).sum(axis=1)
    gaps = squares[:, None] + squares[None, :] - 2 * (distances @ distances.T)
    condensed = np.sqrt(np.maximum(gaps[np.triu_indices(len(matrix), k=1)], 0))
    tree = linkage(condensed, method="ward")
    # Undoing all but the first n - n_clusters merges gives exactly n_clusters, also where merges tie in
    # height (equal background patches) and a cut by height would give fewer.
    merge_order = np.arange(len(tree), dtype=np.float64)
    clusters = fcluster(tree, t=len(matrix) - n_clusters - 1, criterion="monocrit", monocrit=merge_order)
    _, first, labels = np.unique(clusters, return_index=True, return_inverse=True)
    by_first_appearance: Int64Array = np.argsort(np.argsort(first))[labels]
    return by_first_appearance


_METHODS = {"hierarchical": _hierarchical}
