"""Rankings out of rankings: two stages, where a better score orders a cheap one's candidates, and fusion by rank.

Sources: Nogueira and Cho, "Passage Re-ranking with BERT", 2019 (retrieve, then re-rank); Khattab and Zaharia,
"ColBERT", SIGIR 2020, section 3.5 (end-to-end retrieval as candidates plus exact re-ranking); Cormack, Clarke and
Büttcher, "Reciprocal Rank Fusion outperforms Condorcet and individual Rank Learning Methods", SIGIR 2009;
Elasticsearch reference, "Reciprocal rank fusion" (`rank_constant`, `rank_window_size`).
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from lateint_ref.checks import Float64Array, as_scores, describe, positive, require, whole
from lateint_ref.ragged import Ragged, checked_ids
from lateint_ref.scores import Hit, hits, maxsim_scores, top_k

Scores = Callable[[Any, Any], Any]


def rescore(
    query: Any, documents: Any, candidates: Sequence[str], k: int = 10, score: Scores = maxsim_scores
) -> list[Hit]:
    """Order candidates by exact MaxSim, or by another score, the best `k` first.

    Args:
        query: `(n_q, dim)`, or what `score` takes.
        documents: the collection the candidates come from; only theirs are read.
        candidates: ids, each once, in the first stage's order (which decides between equal scores).
        k: how many hits.
        score: query and collection to `(n_docs,)` scores, larger is better: for a `PackedMultiVectors`
            `maxsim_asymmetric_scores` or `maxsim_inv_hamming_scores`, for `ResidualVectors` a codec's `maxsim_scores`.

    Raises:
        KeyError: a candidate that the collection does not hold.
        ValueError: no candidates, or one twice.
    """
    if len(candidates) == 0:
        raise ValueError("candidates is empty: the first stage found nothing, so there is nothing to rescore.")
    require(documents, Ragged, "documents")
    few = documents.take(documents.positions(candidates, "candidates"))
    return hits(few.ids, as_scores(score(query, few), "what score returns", len(few)), k)


def two_stage_search(
    query: Any, documents: Any, first_stage_scores: Any, *, depth: int = 100, k: int = 10, score: Scores = maxsim_scores
) -> list[Hit]:
    """Take the `depth` best documents by a cheap score, then order them as `rescore` does.

    The hits' scores are the second stage's alone: the first stage decides who is a candidate, not the order.

    Args:
        query: `(n_q, dim)`, or what `score` takes.
        documents: the collection.
        first_stage_scores: `(n_docs,)` in the collection's order, larger is better: from average
            vectors, bits, BM25 or anything else that scores every document.
        depth: how many candidates reach the second stage.
        k: how many hits to return, at most `depth`.
        score: as in `rescore`.
    """
    depth, k = whole(depth, "depth"), whole(k, "k")
    if k > depth:
        raise ValueError(f"k is {k} but only depth = {depth} candidates are rescored: depth must be at least k.")
    require(documents, Ragged, "documents")
    first = as_scores(first_stage_scores, "first_stage_scores", len(documents))
    return rescore(query, documents, [documents.ids[index] for index in top_k(first, depth)], k, score)


def reciprocal_rank_fusion(
    rankings: Sequence[Sequence[str]],
    k: int = 10,
    *,
    rank_constant: int = 60,
    weights: Sequence[float] | None = None,
) -> list[Hit]:
    """Fuse rankings: a document scores `1 / (rank_constant + rank)` in each ranking that holds it, summed.

    Args:
        rankings: at least one list of ids, best first, each id once a list; one that found nothing may be empty. Cut
            them to a common depth first (Elasticsearch's `rank_window_size`).
        k: how many hits. Equal scores keep the order of first appearance, first ranking first.
        rank_constant: added to every rank, which counts from 1. Larger values flatten the top; 60 is the paper's and
            Elasticsearch's.
        weights: one number above 0 a ranking, by default 1 each.

    Raises:
        ValueError: no rankings, or an id twice in one of them.
    """
    k, constant = whole(k, "k"), whole(rank_constant, "rank_constant")
    if isinstance(rankings, str) or len(rankings) == 0:
        raise ValueError(f"rankings must be a list with at least one ranking, got {describe(rankings)}.")
    scores: dict[str, float] = {}
    for number, (ranking, weight) in enumerate(zip(rankings, _checked_weights(weights, len(rankings)), strict=True)):
        for rank, name in enumerate(checked_ids(ranking, len(ranking), f"the ids of ranking {number}"), start=1):
            scores[name] = scores.get(name, 0.0) + weight / (constant + rank)
    order = sorted(scores, key=lambda name: -scores[name])
    return [Hit(name, scores[name]) for name in order[:k]]


def fused_scores(
    scores: Sequence[Any], depth: int = 100, *, rank_constant: int = 60, weights: Sequence[float] | None = None
) -> Float64Array:
    """Reciprocal rank fusion of several scorings of one collection, as a score for every document.

    Args:
        scores: for each system `(n_docs,)`, larger is better, all in the collection's order.
        depth: how many of each system's best documents count; ties by the collection's order.
        rank_constant: as in `reciprocal_rank_fusion`, and so are the weights.
        weights: one number above 0 a system, by default 1 each.

    Returns:
        float64 `(n_docs,)`; 0 for a document that no system has among its `depth` best.
    """
    depth, constant = whole(depth, "depth"), whole(rank_constant, "rank_constant")
    if len(scores) == 0:
        raise ValueError("scores is empty: give at least one system's scores.")
    values = [as_scores(system, f"scores[{number}]") for number, system in enumerate(scores)]
    sizes = [len(system) for system in values]
    if len(set(sizes)) > 1:
        raise ValueError(f"scores must all be of one collection, but the systems have {sizes} documents.")
    fused: Float64Array = np.zeros(sizes[0])
    for system, weight in zip(values, _checked_weights(weights, len(scores)), strict=True):
        best = top_k(system, depth)
        fused[best] += weight / (constant + np.arange(1, len(best) + 1))
    return fused


def _checked_weights(weights: Sequence[float] | None, count: int) -> list[float]:
    if weights is None:
        return [1.0] * count
    if len(weights) != count:
        raise ValueError(f"weights must hold one number above 0 for each of {count} rankings, got {len(weights)}.")
    return [positive(weight, "each of weights") for weight in weights]
