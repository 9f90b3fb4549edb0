"""The late-interaction score: every query vector looks for its best match, and the matches add up.

Source: Khattab and Zaharia, "ColBERT: Efficient and Effective Passage Search via Contextualized Late
Interaction over BERT", SIGIR 2020, section 3.3, equation 3.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from lateint_ref._checks import Float32Array, Int64Array, as_matrix, describe, same_dim
from lateint_ref.multivectors import MultiVectors


class Alignment(NamedTuple):
    """Which document vector each query vector chose.

    Attributes:
        indices: int64 `(n_q,)`, row of the best document vector; the first one where several tie.
        similarities: float32 `(n_q,)`, its dot product with the query vector. Their sum is the MaxSim score.
    """

    indices: Int64Array
    similarities: Float32Array


def similarity_matrix(query: Any, document: Any) -> Float32Array:
    """All dot products between a query's and a document's vectors.

    Args:
        query: `(n_q, dim)`.
        document: `(n_d, dim)`.

    Returns:
        float32 `(n_q, n_d)`. For unit-length vectors these are cosines, from -1 to 1.

    Raises:
        TypeError: an argument is not numeric.
        ValueError: wrong rank, an empty argument, a NaN or infinity, or different dims.
    """
    q, d = as_matrix(query, "query", "(n_q, dim)"), as_matrix(document, "document", "(n_d, dim)")
    same_dim(q.shape[1], d.shape[1], "query", "document")
    return q @ d.T


def maxsim(query: Any, document: Any) -> float:
    """MaxSim of one query and one document: the sum over query vectors of the largest dot product.

    Not symmetric: each *query* vector counts once, document vectors that nobody chose count nothing.

    Args:
        query: `(n_q, dim)`.
        document: `(n_d, dim)`.

    Returns:
        The score. With unit-length vectors it lies between `-n_q` and `n_q`.

    Raises:
        TypeError, ValueError: as `similarity_matrix`.
    """
    return float(similarity_matrix(query, document).max(axis=1).sum())


def alignment(query: Any, document: Any) -> Alignment:
    """For each query vector, its best document vector: the explanation of a MaxSim score.

    Args:
        query: `(n_q, dim)`.
        document: `(n_d, dim)`.

    Raises:
        TypeError, ValueError: as `similarity_matrix`.
    """
    matrix = similarity_matrix(query, document)
    indices = matrix.argmax(axis=1)
    return Alignment(indices, matrix[np.arange(len(indices)), indices])


def maxsim_scores(query: Any, documents: MultiVectors) -> Float32Array:
    """MaxSim of one query with every document of a collection: exact, in float32, on all cores.

    The similarities are never stored, so beside the input it needs only the `(n_docs,)` result.

    Args:
        query: `(n_q, dim)`.
        documents: the collection, ragged as it is.

    Returns:
        float32 `(n_docs,)`, in the collection's order.

    Raises:
        TypeError: `documents` is not a `MultiVectors`, or `query` is not numeric.
        ValueError: `query` has the wrong rank, is empty, holds a NaN or infinity, or differs in dims.
    """
    if not isinstance(documents, MultiVectors):
        raise TypeError(
            f"documents must be a MultiVectors, got {describe(documents)}. Build one with "
            f"MultiVectors.from_list(list_of_matrices)."
        )
    q = as_matrix(query, "query", "(n_q, dim)")
    same_dim(q.shape[1], documents.dim, "query", "documents")
    from lateint_ref import _kernels

    padding = -len(q) % _kernels.QUERY_TILE
    padded = np.concatenate([q, np.zeros((padding, q.shape[1]), np.float32)]) if padding else q
    scores: Float32Array = _kernels.maxsim_segments(padded, len(q), documents.vectors, documents.offsets)
    return scores
