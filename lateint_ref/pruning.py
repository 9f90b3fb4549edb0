"""Fewer vectors a document: leave out those that say little. What is kept is kept as it is.

No query is needed: a vector is judged by the other vectors of the collection. What compares directions refuses a vector
of length 0 with a `ValueError`.

Sources: Lassance, Maachou, Park and Clinchant, "A Study on Token Pruning for ColBERT", 2021 (inverse document frequency
and other scores that need no query); Ma et al., "Towards Storage-Efficient Visual Document Retrieval: An Empirical
Study on Reducing Patch-Level Embeddings", ACL 2025 (pruning pages, with random choice as the control).
"""

from typing import Any

import numpy as np

from lateint_ref.checks import Float32Array, as_scores, as_vector, one_of, positive, require, same_dim, whole
from lateint_ref.multivectors import MultiVectors
from lateint_ref.pooling import unit_rows
from lateint_ref.ragged import offsets_of

SCORES = ("rarity", "distance", "random")


def drop_duplicates(documents: MultiVectors) -> MultiVectors:
    """Keep one of each document's equal vectors, the first. MaxSim stays the same to the last bit."""
    require(documents, MultiVectors, "documents")
    kept = np.zeros(len(documents.vectors), dtype=bool)
    for start, matrix in zip(documents.offsets[:-1], documents, strict=True):
        kept[start + np.unique(matrix, axis=0, return_index=True)[1]] = True
    return _subset(documents, kept)


def common_vector(documents: MultiVectors, threshold: float = 0.95, sample: int = 2000, seed: int = 0) -> Float32Array:
    """The vector with the most near copies in a collection: for pages, that of a blank patch.

    Args:
        documents: the collection.
        threshold: what cosine makes a near copy, above 0, at most 1.
        sample: how many vectors of the collection, drawn by chance, are compared with each other, at least 1.
        seed: of the draw.

    Returns:
        float32 `(dim,)`, unit length: one of the sampled vectors.
    """
    require(documents, MultiVectors, "documents")
    level, count = _cosine(threshold), min(whole(sample, "sample"), len(documents.vectors))
    drawn = np.random.default_rng(whole(seed, "seed", least=0)).choice(len(documents.vectors), count, replace=False)
    vectors = unit_rows(documents.vectors[drawn], "documents")
    return np.asarray(vectors[int((vectors @ vectors.T >= level).sum(axis=1).argmax())])


def prune_near(documents: MultiVectors, vector: Any, threshold: float = 0.95, keep_one: bool = True) -> MultiVectors:
    """Leave out the vectors that are nearly the same as one: for pages, the background.

    Args:
        documents: the collection.
        vector: `(dim,)`, such as a page encoder's `background`, or `common_vector(documents)`.
        threshold: what cosine is near, above 0, at most 1.
        keep_one: keep the nearest of them in each document, so that a query vector which looks for the background still
            finds it. Where a document has nothing else, the nearest is kept in any case.
    """
    require(documents, MultiVectors, "documents")
    level = _cosine(threshold)
    centre = unit_rows(as_vector(vector, "vector")[None], "vector")[0]
    same_dim(len(centre), documents.dim, "vector", "documents")
    cosines = unit_rows(documents.vectors, "documents") @ centre
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
        ValueError: a single document for `"rarity"`, or a mean of zero for `"distance"`.
    """
    require(documents, MultiVectors, "documents")
    one_of(by, SCORES, "by")
    count = whole(sample, "sample")
    generator = np.random.default_rng(whole(seed, "seed", least=0))
    if by == "random":
        return generator.random(len(documents.vectors), dtype=np.float32)
    vectors = unit_rows(documents.vectors, "documents")
    if by == "distance":
        mean = vectors.mean(axis=0, keepdims=True, dtype=np.float64).astype(np.float32)
        return np.asarray(1 - vectors @ unit_rows(mean, "the mean of documents")[0])
    return _rarity(documents, vectors, generator.permutation(len(documents))[:count])


def prune_vectors(documents: MultiVectors, scores: Any, factor: int) -> MultiVectors:
    """Keep one in `factor` of each document's vectors, `max(1, n // factor)` of `n`, in their order.

    Those with the largest scores are kept, `(total_vectors,)` as `vector_information` returns them; of equal ones the
    first.
    """
    require(documents, MultiVectors, "documents")
    factor = whole(factor, "factor")
    values = as_scores(scores, "scores", len(documents.vectors))
    kept = np.zeros(len(values), dtype=bool)
    for start, stop in zip(documents.offsets[:-1], documents.offsets[1:], strict=True):
        best = np.argsort(-values[start:stop], kind="stable")[: max(1, (stop - start) // factor)]
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
    return np.asarray(1 - total / seen, np.float32)


def _subset(documents: MultiVectors, kept: Any) -> MultiVectors:
    counts = np.add.reduceat(kept.astype(np.int64), documents.offsets[:-1])
    return MultiVectors(documents.vectors[kept], offsets_of(counts), documents.ids)


def _cosine(threshold: Any) -> float:
    if positive(threshold, "threshold") > 1:
        raise ValueError(f"threshold must be a cosine above 0 and at most 1, got {threshold}.")
    return float(threshold)
