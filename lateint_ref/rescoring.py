"""Two stages: a cheap score picks candidates among all documents, a better one, as a rule exact MaxSim, orders them.

Source: Nogueira and Cho, "Passage Re-ranking with BERT", 2019 (retrieve, then re-rank); Khattab and Zaharia,
"ColBERT", SIGIR 2020, section 3.5 (end-to-end retrieval as candidates plus exact re-ranking).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from lateint_ref._checks import Int64Array, describe, positive_int
from lateint_ref.maxsim import maxsim_scores
from lateint_ref.multivectors import MultiVectors
from lateint_ref.ragged import Ragged

Scores = Callable[[Any, Any], Any]


class Hit(NamedTuple):
    """A search result: document id and score, larger is better."""

    id: str
    score: float


def top_k(scores: Any, k: int) -> Int64Array:
    """Positions of the `k` largest scores, best first; ties keep their original order.

    Args:
        scores: `(n,)`.
        k: at least 1; more than `n` gives all.

    Raises:
        TypeError: `k` is not a whole number.
        ValueError: `scores` is not a vector of finite numbers, or `k < 1`.
    """
    values = np.asarray(scores, dtype=np.float64)
    if values.ndim != 1 or not len(values):
        raise ValueError(f"scores must be one number a document, shape (n_docs,), got {describe(scores)}.")
    if not np.isfinite(values).all():
        raise ValueError(
            f"scores holds a NaN or an infinity, first at position {int(np.argmax(~np.isfinite(values)))}."
        )
    k = min(positive_int(k, "k"), len(values))
    candidates = np.arange(len(values))
    if k < len(values):
        # Only what can reach the top is sorted; everything that ties with the k-th stays in, so that order
        # decides.
        threshold = np.partition(values, len(values) - k)[len(values) - k]
        candidates = np.flatnonzero(values >= threshold)
    order: Int64Array = candidates[np.argsort(-values[candidates], kind="stable")[:k]]
    return order


def rank_of(scores: Any, position: int) -> int:
    """Which place a document takes by its score, 1 for the best; ties as in `top_k`.

    Args:
        scores: `(n,)`.
        position: of the document, from 0 to `n - 1`.

    Raises:
        IndexError: no such position.
        ValueError: as `top_k`.
    """
    order = top_k(scores, max(1, len(np.atleast_1d(np.asarray(scores)))))
    if not 0 <= position < len(order):
        raise IndexError(f"position must be from 0 to {len(order) - 1}, got {position}.")
    return int(np.flatnonzero(order == position)[0]) + 1


def search(query: Any, documents: MultiVectors, k: int = 10) -> list[Hit]:
    """Exhaustive search: exact MaxSim with every document, the best `k` first.

    Args:
        query: `(n_q, dim)`.
        documents: the collection.
        k: how many hits, at least 1.

    Raises:
        TypeError, ValueError: as `maxsim_scores` and `top_k`.
    """
    scores = maxsim_scores(query, documents)
    return [Hit(documents.ids[index], float(scores[index])) for index in top_k(scores, k)]


def rescore(
    query: Any, documents: Any, candidates: Sequence[str], k: int = 10, score: Scores = maxsim_scores
) -> list[Hit]:
    """Order candidates by exact MaxSim, or by another score.

    Args:
        query: `(n_q, dim)`, or what `score` takes.
        documents: the collection the candidates come from; only theirs are read.
        candidates: ids, each once, in the first stage's order (which decides between equal scores).
        k: how many hits, at least 1.
        score: query and collection to `(n_docs,)` scores, larger is better: for a `PackedMultiVectors`
            `maxsim_asymmetric_scores` or `maxsim_inv_hamming_scores`, for example.

    Raises:
        KeyError: a candidate that the collection does not hold.
        TypeError: `candidates` is a single string, or `documents` is not a collection that `score` takes.
        ValueError: no candidates, one twice, or what `score` rejects.
    """
    if isinstance(candidates, str):
        raise TypeError(f"candidates must be a list of ids, got the single string {candidates!r}.")
    if len(candidates) == 0:
        raise ValueError("candidates is empty: the first stage found nothing, so there is nothing to rescore.")
    _require_collection(documents)
    few = documents.take(list(candidates))
    scores = np.asarray(score(query, few))
    if scores.shape != (len(few),):
        raise ValueError(f"score must return one number for each of {len(few)} candidates, got {describe(scores)}.")
    return [Hit(few.ids[index], float(scores[index])) for index in top_k(scores, k)]


def two_stage_search(
    query: Any,
    documents: Any,
    first_stage_scores: Any,
    *,
    depth: int = 100,
    k: int = 10,
    score: Scores = maxsim_scores,
) -> list[Hit]:
    """Take the `depth` best documents by a cheap score, then order them by exact MaxSim, or by another score.

    Args:
        query: `(n_q, dim)`, or what `score` takes.
        documents: the collection.
        first_stage_scores: `(n_docs,)` in the collection's order, larger is better: from average
            vectors, bits, BM25 or anything else that scores every document.
        depth: how many candidates reach the second stage.
        k: how many hits to return, at most `depth`.
        score: as in `rescore`.

    Returns:
        Up to `k` hits. Scores are the second stage's alone: the first stage decides who is a candidate, not
        the order.

    Raises:
        TypeError: `depth` or `k` is not a whole number, or `documents` is not a collection that `score` takes.
        ValueError: `k > depth`, one score a document is missing, or what `score` rejects.
    """
    depth, k = positive_int(depth, "depth"), positive_int(k, "k")
    if k > depth:
        raise ValueError(f"k is {k} but only depth = {depth} candidates are rescored: depth must be at least k.")
    _require_collection(documents)
    if np.shape(first_stage_scores) != (len(documents),):
        raise ValueError(
            f"first_stage_scores must hold one score for each of the {len(documents)} documents, got "
            f"{describe(first_stage_scores)}."
        )
    candidates = [documents.ids[index] for index in top_k(first_stage_scores, depth)]
    return rescore(query, documents, candidates, k, score)


def _require_collection(documents: Any) -> None:
    if not isinstance(documents, Ragged):
        raise TypeError(f"documents must be a MultiVectors or another collection, got {describe(documents)}.")
