"""Fewer vectors a document: merge those that say nearly the same.

Sources: Clavié, Chaffin and Adams, "Reducing the Footprint of Multi-Vector Retrieval with Minimal Performance
Impact via Token Pooling", 2024, section 3 (hierarchical, k-means and sequential pooling); Faysse et al., "ColPali:
Efficient Document Retrieval with Vision Language Models", ICLR 2025 (token pooling of pages).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import Any

import numpy as np

from lateint_ref._checks import Float32Array, Int64Array, as_matrix, describe, natural_int, positive_int
from lateint_ref.averaging import unit_means
from lateint_ref.multivectors import MultiVectors


def pool_tokens(vectors: Any, pool_factor: int, method: str = "hierarchical", seed: int = 0) -> Float32Array:
    """Merge a document's vectors into about one in `pool_factor`.

    Each method sorts the vectors into clusters, and each cluster is replaced by its normalised mean.

    Args:
        vectors: `(n, dim)`, usually of unit length.
        pool_factor: how many vectors become one on average, at least 1.
        method: how the clusters are found.
            `"hierarchical"`: Ward clustering of the rows of the cosine-distance matrix, as colpali-engine's
            `HierarchicalTokenPooler`.
            `"kmeans"`: scikit-learn's k-means on the vectors, one start, k-means++.
            `"windows"`: runs of neighbours in the document's order, of lengths that differ by at most 1.
            `"random"`: clusters of such lengths drawn by chance: the control that every other method must beat.
        seed: of k-means and random clusters; the same for every document.

    Returns:
        float32 `(max(1, n // pool_factor), dim)` of unit length, ordered by the first vector of each cluster.
        With factor 1, the input unchanged.

    Raises:
        TypeError: `pool_factor` or `seed` is not a whole number, or `vectors` is not numeric.
        ValueError: an unknown method, a factor below 1, vectors of a cluster that cancel out; or wrong
            rank, empty, a NaN or infinity.
    """
    matrix = as_matrix(vectors, "vectors")
    factor = positive_int(pool_factor, "pool_factor")
    return _levels(matrix, [factor], _method(method), natural_int(seed, "seed"), "")[0]


def pool_collection(
    documents: MultiVectors, pool_factor: int, method: str = "hierarchical", seed: int = 0, progress: bool = False
) -> MultiVectors:
    """`pool_tokens` of every document; ids and order stay.

    Args:
        documents: the collection.
        pool_factor: as `pool_tokens`.
        method: as `pool_tokens`.
        seed: as `pool_tokens`.
        progress: show a progress bar.

    Raises:
        TypeError, ValueError: as `pool_tokens`; a document whose vectors cancel out is named.
    """
    factor = positive_int(pool_factor, "pool_factor")
    return pool_levels(documents, [factor], method, seed, progress)[factor]


def pool_levels(
    documents: MultiVectors,
    pool_factors: Sequence[int],
    method: str = "hierarchical",
    seed: int = 0,
    progress: bool = False,
) -> dict[int, MultiVectors]:
    """A collection pooled at several factors, for what one factor would cost: one Ward tree a document.

    Cutting a document's tree at another height is all that another factor takes. The other methods share nothing.

    Args:
        documents: the collection.
        pool_factors: different whole numbers of at least 1.
        method: as `pool_tokens`.
        seed: as `pool_tokens`.
        progress: show a progress bar.

    Returns:
        Factor to collection, in the order of `pool_factors`; each is what `pool_collection` returns.

    Raises:
        TypeError: `documents` is not a `MultiVectors`, `pool_factors` is not a list; or as `pool_tokens`.
        ValueError: no factors, one twice; or as `pool_tokens`, a document whose vectors cancel out being named.
    """
    if not isinstance(documents, MultiVectors):
        raise TypeError(f"documents must be a MultiVectors, got {describe(documents)}.")
    if isinstance(pool_factors, (str, bytes)) or not hasattr(pool_factors, "__iter__"):
        raise TypeError(f"pool_factors must be a list of whole numbers, got {describe(pool_factors)}.")
    factors = [positive_int(factor, "pool_factors") for factor in pool_factors]
    if not factors or len(set(factors)) < len(factors):
        raise ValueError(f"pool_factors must be one or more different whole numbers, got {factors}.")
    find, seed = _method(method), natural_int(seed, "seed")
    pairs: Iterable[tuple[str, Float32Array]] = zip(documents.ids, documents, strict=True)
    if progress:
        from tqdm.auto import tqdm

        pairs = tqdm(pairs, total=len(documents), desc="pooling", unit="document")
    pooled = [_levels(matrix, factors, find, seed, f" of document {name!r}") for name, matrix in pairs]
    return {
        factor: MultiVectors.from_list([levels[place] for levels in pooled], documents.ids)
        for place, factor in enumerate(factors)
    }


# Cuts a matrix into several numbers of clusters: one array of labels, 0 to k - 1, for each of them.
Clusters = Callable[[Float32Array, list[int], int], list[Int64Array]]


def _levels(matrix: Float32Array, factors: list[int], find: Clusters, seed: int, where: str) -> list[Float32Array]:
    counts = [max(1, len(matrix) // factor) for factor in factors]
    wanted = sorted({count for count in counts if count < len(matrix)})
    pooled = {len(matrix): matrix}
    if wanted:
        for count, labels in zip(wanted, find(matrix, wanted, seed), strict=True):
            pooled[count] = unit_means(matrix, _by_first_appearance(labels), "cluster {}" + where)
    return [pooled[count] for count in counts]


def _by_first_appearance(labels: Int64Array) -> Int64Array:
    """The same clusters, numbered `0, 1, ...` as they come."""
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    ranked: Int64Array = np.argsort(np.argsort(first))[inverse]
    return ranked


def _hierarchical(matrix: Float32Array, counts: list[int], seed: int) -> list[Int64Array]:
    from scipy.cluster.hierarchy import fcluster, linkage
    from scipy.spatial.distance import squareform

    distances = 1 - (matrix @ matrix.T).astype(np.float64)
    # Each row, the distances from one vector to all, is clustered as a point. Euclidean distances between
    # rows come from one matrix product, where a loop over pairs would take most of the time.
    gaps = distances @ distances.T
    squares = gaps.diagonal().copy()
    gaps *= -2
    gaps += squares[:, None] + squares[None, :]
    np.sqrt(np.maximum(gaps, 0, out=gaps), out=gaps)
    tree = linkage(squareform(gaps, checks=False), method="ward")
    # Undoing all but the first n - k merges gives exactly k clusters, also where merges tie in height (equal
    # background patches) and a cut by height would give fewer.
    merge_order = np.arange(len(tree), dtype=np.float64)
    return [
        fcluster(tree, t=len(matrix) - count - 1, criterion="monocrit", monocrit=merge_order).astype(np.int64)
        for count in counts
    ]


def _kmeans(matrix: Float32Array, counts: list[int], seed: int) -> list[Int64Array]:
    from sklearn.cluster import KMeans

    # Equal vectors (background patches) count as one with a weight: k-means would part them by chance, or fail to
    # find as many clusters as it should.
    points, place, weight = np.unique(matrix.astype(np.float64), axis=0, return_inverse=True, return_counts=True)
    found = []
    # One thread: these are small matrices, and the order in which threads add up would show in the last digits.
    with _thread_pools().limit(limits=1):
        for count in counts:
            if count >= len(points):
                labels = place.copy()
            else:
                means = KMeans(count, n_init=1, random_state=seed).fit(points, sample_weight=weight)
                labels = means.labels_.astype(np.int64)[place]
            found.append(_filled_up(labels, count))
    return found


@cache
def _thread_pools() -> Any:
    """The libraries with threads: looked for once, since each search reads the list of all loaded libraries."""
    import sklearn.cluster  # noqa: F401  (loads them)
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


def _filled_up(labels: Int64Array, count: int) -> Int64Array:
    """Split the largest clusters until there are `count`: needed where fewer vectors differ."""
    _, labels = np.unique(labels, return_inverse=True)
    sizes = np.bincount(labels, minlength=count)
    for empty in range(int(labels.max()) + 1, count):
        largest = int(sizes.argmax())
        labels[np.flatnonzero(labels == largest)[-1]] = empty
        sizes[largest] -= 1
        sizes[empty] = 1
    return labels


def _windows(matrix: Float32Array, counts: list[int], seed: int) -> list[Int64Array]:
    return [np.arange(len(matrix), dtype=np.int64) * count // len(matrix) for count in counts]


def _random(matrix: Float32Array, counts: list[int], seed: int) -> list[Int64Array]:
    order = np.random.default_rng(seed).permutation(len(matrix))
    return [labels[order] for labels in _windows(matrix, counts, seed)]


_METHODS: dict[str, Clusters] = {
    "hierarchical": _hierarchical,
    "kmeans": _kmeans,
    "windows": _windows,
    "random": _random,
}
METHODS = tuple(_METHODS)


def _method(method: str) -> Clusters:
    if not isinstance(method, str) or method not in _METHODS:
        raise ValueError(f"method must be one of {list(METHODS)}, got {method!r}.")
    return _METHODS[method]
