"""The late-interaction score, and the order that scores give.

Every query vector looks for its best match among a document's vectors, and the matches add up.

Source: Khattab and Zaharia, "ColBERT: Efficient and Effective Passage Search via Contextualized Late
Interaction over BERT", SIGIR 2020, section 3.3, equation 3.
"""

import operator
from typing import Any, NamedTuple

import numpy as np

from lateint_ref.checks import Float32Array, Int64Array, as_matrix, as_scores, require, same_dim, whole
from lateint_ref.multivectors import MultiVectors


class Alignment(NamedTuple):
    """Which document vector each query vector chose.

    Attributes:
        indices: int64 `(n_q,)`, row of the best document vector; the first one where several tie.
        similarities: float32 `(n_q,)`, its dot product with the query vector. Their sum is the MaxSim score.
    """

    indices: Int64Array
    similarities: Float32Array


class Hit(NamedTuple):
    """A search result: document id and score, larger is better."""

    id: str
    score: float


def similarity_matrix(query: Any, document: Any) -> Float32Array:
    """All dot products between a query's vectors, `(n_q, dim)`, and a document's, `(n_d, dim)`: float32 `(n_q, n_d)`.

    For unit-length vectors these are cosines, from -1 to 1.
    """
    q, d = as_matrix(query, "query", "(n_q, dim)"), as_matrix(document, "document", "(n_d, dim)")
    same_dim(q.shape[1], d.shape[1], "query", "document")
    return q @ d.T


def maxsim(query: Any, document: Any) -> float:
    """MaxSim of one query and one document: the sum over query vectors of the largest dot product.

    Not symmetric: each *query* vector counts once, document vectors that nobody chose count nothing. With unit-length
    vectors the score lies between `-n_q` and `n_q`. Arguments as `similarity_matrix`.
    """
    return float(similarity_matrix(query, document).max(axis=1).sum())


def alignment(query: Any, document: Any) -> Alignment:
    """For each query vector, its best document vector, which explains a score. Arguments as `similarity_matrix`."""
    matrix = similarity_matrix(query, document)
    indices = matrix.argmax(axis=1)
    return Alignment(indices, matrix[np.arange(len(indices)), indices])


def maxsim_scores(query: Any, documents: MultiVectors) -> Float32Array:
    """MaxSim of one query, `(n_q, dim)`, with every document of a collection: exact, float32 `(n_docs,)`, on all cores.

    The similarities are never stored, so beside the input it needs only the result. Safe to call from threads; in a
    forked process it runs on one core (see `kernels`).
    """
    require(documents, MultiVectors, "documents")
    q = as_matrix(query, "query", "(n_q, dim)")
    same_dim(q.shape[1], documents.dim, "query", "documents")
    return tiled_scores(q, documents.vectors, documents.offsets)


def tiled_scores(query: Float32Array, vectors: Any, offsets: Int64Array) -> Float32Array:
    """Run the compiled loop on checked arrays: the query is filled up to whole tiles with rows that do not count."""
    from lateint_ref import kernels

    padded = np.pad(query, ((0, -len(query) % kernels.QUERY_TILE), (0, 0)))
    scores: Float32Array = kernels.maxsim_segments(padded, len(query), vectors, offsets)
    return scores


def top_k(scores: Any, k: int) -> Int64Array:
    """Positions of the `k` largest of scores, `(n,)`, best first; ties keep their order. `k` above `n` gives all."""
    values = as_scores(scores, "scores")
    k = min(whole(k, "k"), len(values))
    candidates = np.arange(len(values))
    if k < len(values):
        # Only what can reach the top is sorted; what ties with the k-th stays in, so that order decides.
        threshold = np.partition(values, len(values) - k)[len(values) - k]
        candidates = np.flatnonzero(values >= threshold)
    order: Int64Array = candidates[np.argsort(-values[candidates], kind="stable")[:k]]
    return order


def rank_of(scores: Any, position: int) -> int:
    """Which place the document at a position takes by its score, 1 for the best; ties as in `top_k`.

    Raises:
        IndexError: a position that is not from 0 to `n - 1`.
    """
    values = as_scores(scores, "scores")
    place = operator.index(position)
    if not 0 <= place < len(values):
        raise IndexError(f"position must be from 0 to {len(values) - 1}, got {position}.")
    return int((values > values[place]).sum() + (values[:place] == values[place]).sum()) + 1


def search(query: Any, documents: MultiVectors, k: int = 10) -> list[Hit]:
    """Exhaustive search: exact MaxSim of a query, `(n_q, dim)`, with every document, the best `k` first."""
    scores = maxsim_scores(query, documents)
    return hits(documents.ids, scores, k)


def hits(ids: list[str], scores: Any, k: int) -> list[Hit]:
    """The best `k` documents by their scores, best first."""
    return [Hit(ids[index], float(scores[index])) for index in top_k(scores, k)]
