"""Centroids of a collection's vectors: how many, and where. The first half of ColBERTv2's codec.

Sources: Santhanam et al., "ColBERTv2", NAACL 2022, section 3.3 (as many as the root of the number of vectors, times a
constant). The constant 16, the power of two, the division by the length and the few iterations are ColBERT's indexer's.
"""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np

from lateint_ref._checks import Float32Array, positive_int


def centroid_count(n_vectors: int, n_different: int | None = None) -> int:
    """How many centroids a collection gets: 16 times the root of its number of vectors, down to a power of two.

    With a centroid a vector there would be nothing left to encode, so there are at least four different vectors for
    each centroid. Where no vector stands twice, this acts on collections of fewer than 4096.

    Args:
        n_vectors: in the collection, at least 1.
        n_different: how many of them differ; all, by default.

    Raises:
        TypeError, ValueError: not whole numbers of at least 1.
    """
    n = positive_int(n_vectors, "n_vectors")
    different = n if n_different is None else positive_int(n_different, "n_different")
    return int(2 ** math.floor(math.log2(max(1.0, min(16 * math.sqrt(n), different / 4)))))


def different_rows(vectors: Float32Array) -> Any:
    """Rows at which a vector stands for the first time, ascending."""
    whole = vectors.view(np.dtype((np.void, vectors.itemsize * vectors.shape[1]))).ravel()
    return np.sort(np.unique(whole, return_index=True)[1])


def centroids_of(sample: Float32Array, k: int, seed: int, iterations: int) -> Float32Array:
    """Centroids of length 1, float32 `(k, dim)`, by Lloyd's algorithm from `k` random vectors."""
    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning
    from threadpoolctl import threadpool_limits

    means = KMeans(k, init="random", n_init=1, max_iter=iterations, random_state=seed)
    # Each thread adds its share to the sums in the order in which they end. Two numbers give the same sum in either
    # order, more need not. A cluster left empty is no fault: nothing will be encoded with it.
    with threadpool_limits(limits=2, user_api="openmp"), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        centroids = means.fit(sample).cluster_centers_
    lengths = np.linalg.norm(centroids, axis=1, keepdims=True)
    return np.asarray(centroids / np.where(lengths > 0, lengths, 1), np.float32)
