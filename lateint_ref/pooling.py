"""Fewer vectors a document, each the mean of a group: all in one, clusters of tokens, rows and blocks of a page's grid.

Sources: Clavié, Chaffin and Adams, "Reducing the Footprint of Multi-Vector Retrieval with Minimal Performance
Impact via Token Pooling", 2024, section 3 (hierarchical, k-means and sequential pooling); Faysse et al., "ColPali:
Efficient Document Retrieval with Vision Language Models", ICLR 2025 (token pooling of pages).
"""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np

from lateint_ref.checks import Float32Array, Int64Array, as_matrix, describe, one_of, require, whole
from lateint_ref.multivectors import MultiVectors
from lateint_ref.ragged import offsets_of

# Cuts a matrix into several numbers of clusters: one array of labels, 0 to k - 1, for each of them.
Clusters = Callable[[Float32Array, list[int], int], list[Int64Array]]

# Lengths that differ from 1 by rounding, also of half precision, are left as they are.
_LENGTH_TOLERANCE = 0.01


def average_vector(vectors: Any) -> Float32Array:
    """Mean of a document's vectors, `(n, dim)`, scaled to length 1, float32 `(dim,)`: for what takes a single vector.

    Raises:
        ValueError: the mean is zero, so it has no direction.
    """
    return _unit_mean(as_matrix(vectors, "vectors"), "vectors")


def average_vectors(documents: MultiVectors) -> Float32Array:
    """`average_vector` of every document, float32 `(n_docs, dim)`; a document whose mean is zero is named."""
    require(documents, MultiVectors, "documents")
    pairs = zip(documents.ids, documents, strict=True)
    return np.stack([_unit_mean(matrix, f"document {name!r}") for name, matrix in pairs])


def unit_means(matrix: Float32Array, labels: Int64Array, name: str) -> Float32Array:
    """Mean, scaled to length 1, of every group of a matrix's rows, float32 `(n_groups, dim)`: what pooling is.

    Args:
        matrix: `(n, dim)`, checked.
        labels: `(n,)`, the group of each row: each of `0 ... n_groups - 1` at least once.
        name: a group in error messages, with `{}` for its number.
    """
    order = np.argsort(labels, kind="stable")
    starts = np.flatnonzero(np.diff(labels[order], prepend=-1))
    sizes = np.diff(starts, append=len(matrix))
    rows = matrix[order]
    means = np.add.reduceat(rows, starts, axis=0, dtype=np.float64) / sizes[:, None]
    norms = np.linalg.norm(means, axis=1)
    # Vectors that cancel leave rounding error rather than an exact zero; its direction means nothing.
    for group in np.flatnonzero(norms <= 1e-7 * np.maximum.reduceat(np.abs(rows).max(axis=1), starts)):
        where = f"{name.replace('{}', str(group))} is zero: its {sizes[group]} vectors cancel out or are all zero"
        raise ValueError(f"the mean of {where}, so an average has no direction.")
    return np.asarray(means / norms[:, None], np.float32)


def unit_rows(matrix: Float32Array, name: str) -> Float32Array:
    """Every row divided by its length; a row of length 0 is a `ValueError` that says `name`."""
    norms = np.linalg.norm(matrix, axis=1, keepdims=True)
    if not norms.all():
        raise ValueError(f"{name} holds a vector of length 0, first in row {int(norms.argmin())}: it has no direction.")
    return np.asarray(matrix / norms)


def pool_tokens(vectors: Any, pool_factor: int, method: str = "hierarchical", seed: int = 0) -> Float32Array:
    """Merge a document's vectors into about one in `pool_factor`.

    Each method sorts the vectors into clusters, and each cluster is replaced by its normalised mean. Vectors whose
    length is not 1 are scaled to it first, for the clusters are those of cosines.

    Args:
        vectors: `(n, dim)`.
        pool_factor: how many vectors become one on average, at least 1.
        method: how the clusters are found.
            `"hierarchical"`: Ward clustering of the rows of the cosine-distance matrix, as colpali-engine's
            `HierarchicalTokenPooler`. Takes memory and time in proportion to `n` squared.
            `"kmeans"`: scikit-learn's k-means on the vectors, one start, k-means++.
            `"windows"`: runs of neighbours in the document's order, of lengths that differ by at most 1.
            `"random"`: clusters of such lengths drawn by chance: the control that every other method must beat.
        seed: of k-means and random clusters; the same for every document.

    Returns:
        float32 `(max(1, n // pool_factor), dim)` of unit length, ordered by the first vector of each cluster.
        With factor 1, the input unchanged.

    Raises:
        ValueError: a vector of length 0, or vectors of a cluster that cancel out.
    """
    matrix = as_matrix(vectors, "vectors")
    find = _METHODS[one_of(method, METHODS, "method")]
    return _levels(matrix, [whole(pool_factor, "pool_factor")], find, whole(seed, "seed", least=0), "")[0]


def pool_collection(
    documents: MultiVectors, pool_factor: int, method: str = "hierarchical", seed: int = 0
) -> MultiVectors:
    """`pool_tokens` of every document; ids and order stay, and errors name the document."""
    return pool_levels(documents, [whole(pool_factor, "pool_factor")], method, seed)[pool_factor]


def pool_levels(
    documents: MultiVectors, pool_factors: Sequence[int], method: str = "hierarchical", seed: int = 0
) -> dict[int, MultiVectors]:
    """A collection pooled by each of several different factors, as `pool_collection` does: factor to collection.

    One Ward tree a document serves all: another factor cuts it at another height. The other methods share nothing.
    """
    require(documents, MultiVectors, "documents")
    if isinstance(pool_factors, (str, bytes)) or not hasattr(pool_factors, "__iter__"):
        raise TypeError(f"pool_factors must be a list of whole numbers, got {describe(pool_factors)}.")
    factors = [whole(factor, "pool_factors") for factor in pool_factors]
    if not factors or len(set(factors)) < len(factors):
        raise ValueError(f"pool_factors must be one or more different whole numbers, got {factors}.")
    find, seed = _METHODS[one_of(method, METHODS, "method")], whole(seed, "seed", least=0)
    pairs = zip(documents.ids, documents, strict=True)
    pooled = [_levels(matrix, factors, find, seed, f" of document {name!r}") for name, matrix in pairs]
    return {factor: joined([levels[place] for levels in pooled], documents.ids) for place, factor in enumerate(factors)}


def _levels(matrix: Float32Array, factors: list[int], find: Clusters, seed: int, where: str) -> list[Float32Array]:
    counts = [max(1, len(matrix) // factor) for factor in factors]
    wanted = sorted({count for count in counts if count < len(matrix)})
    lengths = np.linalg.norm(matrix, axis=1)
    unit = matrix
    if any(factor > 1 for factor in factors) and (np.abs(lengths - 1) > _LENGTH_TOLERANCE).any():
        unit = unit_rows(matrix, f"vectors{where}")
    pooled = {len(matrix): unit}
    if wanted:
        for count, labels in zip(wanted, find(unit, wanted, seed), strict=True):
            pooled[count] = unit_means(unit, _by_first_appearance(labels), "cluster {}" + where)
    return [matrix if factor == 1 else pooled[count] for factor, count in zip(factors, counts, strict=True)]


def joined(matrices: Sequence[Float32Array], ids: Sequence[str]) -> MultiVectors:
    """A collection of checked matrices, one a document."""
    return MultiVectors(np.concatenate(matrices), offsets_of([len(matrix) for matrix in matrices]), ids)


def _unit_mean(matrix: Float32Array, name: str) -> Float32Array:
    return np.asarray(unit_means(matrix, np.zeros(len(matrix), np.int64), name)[0])


def _by_first_appearance(labels: Int64Array) -> Int64Array:
    """The same clusters, numbered `0, 1, ...` as they come."""
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    return np.asarray(np.argsort(np.argsort(first))[inverse])


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
