"""Hybrid search: one ranking out of several, by rank alone, because their scores have no common scale.

Sources: Cormack, Clarke and Büttcher, "Reciprocal Rank Fusion outperforms Condorcet and individual Rank Learning
Methods", SIGIR 2009; Elasticsearch reference, "Reciprocal rank fusion" (`rank_constant`, `rank_window_size`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from lateint_ref._checks import Float64Array, describe, positive_int
from lateint_ref.rescoring import Hit, top_k


def reciprocal_rank_fusion(
    rankings: Sequence[Sequence[str]],
    k: int = 10,
    *,
    rank_constant: int = 60,
    weights: Sequence[float] | None = None,
) -> list[Hit]:
    """Fuse rankings: a document scores `1 / (rank_constant + rank)` in each ranking that holds it, summed.

    Args:
        rankings: at least one list of ids, best first, each id once a list. Lists may differ in length and in what
            they hold; one that found nothing may be empty. Cut them to a common depth first
            (Elasticsearch's `rank_window_size`).
        k: how many hits.
        rank_constant: added to every rank, which counts from 1. Larger values flatten the top; 60 is the paper's and
            Elasticsearch's.
        weights: one number above 0 a ranking, by default 1 each.

    Returns:
        Up to `k` hits, best first. Equal scores keep the order of first appearance, first ranking first.

    Raises:
        TypeError: a ranking that is not a list of strings, or `k` or `rank_constant` not a whole number.
        ValueError: no rankings, an id twice in one of them, `k` or `rank_constant` below 1, or weights that do not fit.
    """
    k, constant = positive_int(k, "k"), positive_int(rank_constant, "rank_constant")
    if isinstance(rankings, str) or len(rankings) == 0:
        raise ValueError(f"rankings must be a list with at least one ranking, got {describe(rankings)}.")
    shares = _checked_weights(weights, len(rankings))
    scores: dict[str, float] = {}
    for number, (ranking, weight) in enumerate(zip(rankings, shares, strict=True)):
        for rank, name in enumerate(_checked_ranking(ranking, number), start=1):
            scores[name] = scores.get(name, 0.0) + weight / (constant + rank)
    order = sorted(scores, key=lambda name: -scores[name])
    return [Hit(name, scores[name]) for name in order[:k]]


def fused_scores(
    scores: Sequence[Any],
    depth: int = 100,
    *,
    rank_constant: int = 60,
    weights: Sequence[float] | None = None,
) -> Float64Array:
    """Reciprocal rank fusion of several scorings of one collection, as a score for every document.

    Args:
        scores: for each system `(n_docs,)`, larger is better, all in the collection's order.
        depth: how many of each system's best documents count; ties by the collection's order.
        rank_constant: as in `reciprocal_rank_fusion`.
        weights: as in `reciprocal_rank_fusion`.

    Returns:
        float64 `(n_docs,)`; 0 for a document that no system has among its `depth` best.

    Raises:
        TypeError, ValueError: as `reciprocal_rank_fusion` and `top_k`, or systems that differ in their number of
            documents.
    """
    depth, constant = positive_int(depth, "depth"), positive_int(rank_constant, "rank_constant")
    if len(scores) == 0:
        raise ValueError("scores is empty: give at least one system's scores.")
    shares = _checked_weights(weights, len(scores))
    fused: Float64Array = np.zeros(len(np.atleast_1d(np.asarray(scores[0]))))
    for number, (values, weight) in enumerate(zip(scores, shares, strict=True)):
        best = top_k(values, depth)
        if len(np.asarray(values)) != len(fused):
            raise ValueError(
                f"scores must all be of one collection: system 0 has {len(fused)} documents, system {number} has "
                f"{len(np.asarray(values))}."
            )
        fused[best] += weight / (constant + np.arange(1, len(best) + 1))
    return fused


def _checked_weights(weights: Sequence[float] | None, count: int) -> list[float]:
    if weights is None:
        return [1.0] * count
    values = [float(weight) for weight in weights]
    if len(values) != count or not all(math.isfinite(value) and value > 0 for value in values):
        raise ValueError(f"weights must hold one number above 0 for each of {count} rankings, got {list(weights)}.")
    return values


def _checked_ranking(ranking: Sequence[str], number: int) -> list[str]:
    if isinstance(ranking, str) or not all(isinstance(name, str) for name in ranking):
        raise TypeError(f"ranking {number} must be a list of ids, got {describe(ranking)}.")
    names = list(ranking)
    if len(set(names)) < len(names):
        twice = next(name for place, name in enumerate(names) if name in names[:place])
        raise ValueError(f"ranking {number} holds {twice!r} more than once.")
    return names
