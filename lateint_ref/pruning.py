"""Fewer vectors a document: leave out those that say little. What is kept is kept as it is.

No query is needed: a vector is judged by the other vectors of the collection.

Sources: Lassance, Maachou, Park and Clinchant, "A Study on Token Pruning for ColBERT", 2021 (inverse document frequency
and other scores that need no query); Ma et al., "Towards Storage-Efficient Visual Document Retrieval: An Empirical
Study on Reducing Patch-Level Embeddings", ACL 2025 (pruning pages, with random choice as the control).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from lateint_ref._checks import Float32Array, as_matrix, describe, natural_int, positive_int, same_dim
from lateint_ref.multivectors import MultiVectors

SCORES = ("rarity", "distance", "random")


def drop_duplicates(documents: MultiVectors) -> MultiVectors:
    """Keep one of each document's equal vectors, the first. MaxSim stays the same to the last bit.

    Raises:
        TypeError: `documents` is not a `MultiVectors`.
    """
    _check(documents)
    firsts = [np.sort(np.unique(matrix, axis=0, return_index=True)[1]) for matrix in documents]
    return MultiVectors.from_list(
        [matrix[first] for matrix, first in zip(documents, firsts, strict=True)], documents.ids
    )


def common_vector(documents: MultiVectors, threshold: float = 0.95, sample: int = 2000, seed: int = 0) -> Float32Array:
    """The vector with the most near copies in a collection: for pages, that of a blank patch.

    Args:
        documents: the collection.
        threshold: what cosine makes a near copy, above 0, at most 1.
        sample: how many vectors of the collection, drawn by chance, are compared with each other, at least 1.
        seed: of the draw.

    Returns:
        float32 `(dim,)`, unit length: one of the sampled vectors.

    Raises:
        TypeError: `documents` is not a `MultiVectors`; `threshold` is not a number, `sample` or `seed` not a whole one.
        ValueError: a threshold, sample or seed outside its range, or a vector of length 0.
    """
    _check(documents)
    level, count = _cosine(threshold), positive_int(sample, "sample")
    generator = np.random.default_rng(natural_int(seed, "seed"))
    total = len(documents.vectors)
    drawn = generator.choice(total, min(count, total), replace=False)
    vectors = _unit(documents.vectors, "documents")[drawn]
    chosen: Float32Array = vectors[int((vectors @ vectors.T >= level).sum(axis=1).argmax())]
    return chosen


def prune_near(documents: MultiVectors, vector: Any, threshold: float = 0.95, keep_one: bool = True) -> MultiVectors:
    """Leave out the vectors that are nearly the same as one: for pages, the background.

    Args:
        documents: the collection.
        vector: `(dim,)`, such as a page encoder's `background`, or `common_vector(documents)`.
        threshold: what cosine is near, above 0, at most 1.
        keep_one: keep the nearest of them in each document, so that a query vector which looks for the background still
            finds it. Where a document has nothing else, the nearest is kept in any case.

    Raises:
        TypeError: `documents` is not a `MultiVectors`, `vector` is not numeric, `threshold` is not a number.
        ValueError: other dims, a NaN or infinity, a vector of length 0, or a threshold outside its range.
    """
    _check(documents)
    level = _cosine(threshold)
    if np.ndim(vector) != 1:
        raise ValueError(f"vector must be one vector, shape (dim,), got {describe(vector)}.")
    centre = _unit(as_matrix(np.asarray(vector)[None, :], "vector"), "vector")[0]
    same_dim(len(centre), documents.dim, "vector", "documents")
    cosines = _unit(documents.vectors, "documents") @ centre
    kept = cosines < level
    for start, stop in zip(documents.offsets[:-1], documents.offsets[1:], strict=True):
        part = kept[start:stop]
        if not part.any() or (keep_one and not part.all()):
            part[int(cosines[start:stop].argmax())] = True
    return _subset(documents, kept)


def vector_information(documents: MultiVectors, by: str = "rarity", sample: int = 32, seed: int = 0) -> Float32Array:
    """How much each vector of a collection tells, judged without a query: more is better kept.

    Args:
        documents: the collection.
        by: what counts.
            `"rarity"`: 1 less the best cosine that a vector finds in another document, mean over a sample of documents.
            A soft inverse document frequency: what nearly every document has tells none from another.
            `"distance"`: 1 less the cosine with the mean of all vectors.
            `"random"`: chance, the control.
        sample: how many documents, drawn by chance, are looked at for `"rarity"`.
        seed: of the draws.

    Returns:
        float32 `(total_vectors,)`, in the order of `documents.vectors`.

    Raises:
        TypeError: `documents` is not a `MultiVectors`, `sample` or `seed` not a whole number.
        ValueError: another `by`, a sample or seed outside its range, a vector of length 0, a single document for
            `"rarity"`, or a mean of zero for `"distance"`.
    """
    _check(documents)
    if by not in SCORES:
        raise ValueError(f"by must be one of {list(SCORES)}, got {by!r}.")
    count = positive_int(sample, "sample")
    generator = np.random.default_rng(natural_int(seed, "seed"))
    if by == "random":
        return generator.random(len(documents.vectors), dtype=np.float32)
    vectors = _unit(documents.vectors, "documents")
    if by == "distance":
        mean = vectors.mean(axis=0, keepdims=True, dtype=np.float64).astype(np.float32)
        far: Float32Array = 1 - vectors @ _unit(mean, "the mean of documents")[0]
        return far
    return _rarity(documents, vectors, generator.permutation(len(documents))[:count])


def prune_vectors(documents: MultiVectors, scores: Any, factor: int) -> MultiVectors:
    """Keep one in `factor` of each document's vectors: those with the largest scores, in their order.

    Args:
        documents: the collection.
        scores: `(total_vectors,)`, as `vector_information` returns them; of equal ones, the first are kept.
        factor: at least 1; `max(1, n // factor)` vectors of a document's `n` are kept.

    Raises:
        TypeError: `documents` is not a `MultiVectors`, or `factor` is not a whole number.
        ValueError: one finite score a vector is missing, or a factor below 1.
    """
    _check(documents)
    factor = positive_int(factor, "factor")
    values = np.asarray(scores)
    if values.shape != (len(documents.vectors),) or values.dtype.kind not in "iuf" or not np.isfinite(values).all():
        raise ValueError(
            f"scores must be one finite number for each of {len(documents.vectors)} vectors, got {describe(scores)}."
        )
    kept = np.zeros(len(values), dtype=bool)
    for start, stop in zip(documents.offsets[:-1], documents.offsets[1:], strict=True):
        best = np.argsort(-values[start:stop].astype(np.float64), kind="stable")[: max(1, (stop - start) // factor)]
        kept[start + best] = True
    return _subset(documents, kept)


def _rarity(documents: MultiVectors, vectors: Float32Array, drawn: Any) -> Float32Array:
    if len(documents) < 2:
        raise ValueError("rarity compares a vector with other documents, and this collection has one: use 'distance'.")
    # Equal vectors score alike and find alike: each is compared once.
    points, place = np.unique(vectors, axis=0, return_inverse=True)
    total = np.zeros(len(vectors))
    seen = np.full(len(vectors), len(drawn))
    for index in drawn:
        start, stop = documents.offsets[index], documents.offsets[index + 1]
        other = points[np.unique(place[start:stop])]
        best = (points @ other.T).max(axis=1)[place]
        best[start:stop] = 0
        seen[start:stop] -= 1
        total += best
    # With a sample of one document, its own vectors have met no other: the mean of all the rest stands in.
    met = seen > 0
    total[~met], seen[~met] = total[met].mean(), 1
    rare: Float32Array = (1 - total / seen).astype(np.float32)
    return rare


def _subset(documents: MultiVectors, kept: Any) -> MultiVectors:
    counts = np.add.reduceat(kept.astype(np.int64), documents.offsets[:-1])
    return MultiVectors(documents.vectors[kept], np.concatenate([[0], np.cumsum(counts)]), documents.ids)


def _unit(matrix: Float32Array, name: str) -> Float32Array:
    norms = np.linalg.norm(matrix, axis=1, keepdims=True)
    if not norms.all():
        raise ValueError(f"{name} holds a vector of length 0, first in row {int(norms.argmin())}: it has no direction.")
    scaled: Float32Array = matrix / norms
    return scaled


def _cosine(threshold: Any) -> float:
    if isinstance(threshold, bool) or not isinstance(threshold, (int, float, np.number)):
        raise TypeError(f"threshold must be a cosine above 0 and at most 1, got {describe(threshold)}.")
    if not 0 < threshold <= 1:
        raise ValueError(f"threshold must be a cosine above 0 and at most 1, got {threshold}.")
    return float(threshold)


def _check(documents: Any) -> None:
    if not isinstance(documents, MultiVectors):
        raise TypeError(f"documents must be a MultiVectors, got {describe(documents)}.")
