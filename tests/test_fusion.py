"""Reciprocal rank fusion, against its formula written out."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers import refused
from lateint_ref import top_k
from lateint_ref.ranking import fused_scores, reciprocal_rank_fusion


def by_formula(rankings, constant, weights):
    """Score of every document, one by one as the formula reads."""
    names = {name for ranking in rankings for name in ranking}
    return {
        name: sum(
            weight / (constant + ranking.index(name) + 1)
            for ranking, weight in zip(rankings, weights, strict=True)
            if name in ranking
        )
        for name in names
    }


def test_worked_by_hand():
    hits = reciprocal_rank_fusion([["a", "b", "c"], ["c", "d"]], rank_constant=1)
    # a: 1/2. b: 1/3. c: 1/4 + 1/2. d: 1/3. b came first.
    assert [hit.id for hit in hits] == ["c", "a", "b", "d"]
    assert [hit.score for hit in hits] == pytest.approx([3 / 4, 1 / 2, 1 / 3, 1 / 3])


@settings(deadline=None)
@given(
    st.lists(st.lists(st.sampled_from("abcdefgh"), unique=True), min_size=1, max_size=4),
    st.integers(1, 100),
    st.integers(1, 10),
    st.data(),
)
def test_every_score_is_the_formulas(rankings, constant, k, data):
    weights = data.draw(st.lists(st.floats(0.1, 10), min_size=len(rankings), max_size=len(rankings)))
    hits = reciprocal_rank_fusion(rankings, k, rank_constant=constant, weights=weights)
    expected = by_formula(rankings, constant, weights)
    assert len(hits) == min(k, len(expected))
    assert {hit.id: hit.score for hit in hits} == pytest.approx({hit.id: expected[hit.id] for hit in hits})
    left_out = [score for name, score in expected.items() if name not in {hit.id for hit in hits}]
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
    assert not hits or max(left_out, default=0) <= hits[-1].score + 1e-12


def test_one_ranking_keeps_its_order_and_an_empty_one_changes_nothing():
    names = list("qwertz")
    alone = reciprocal_rank_fusion([names])
    assert [hit.id for hit in alone] == names
    assert reciprocal_rank_fusion([names, []]) == alone
    assert reciprocal_rank_fusion([[], []]) == []


@settings(deadline=None)
@given(st.integers(0, 1000), st.integers(1, 14))
def test_scores_of_a_collection_are_those_of_its_rankings(seed, depth):
    systems = np.random.default_rng(seed).integers(0, 6, (3, 12))
    fused = fused_scores(systems, depth)
    rankings = [[str(position) for position in top_k(values, depth)] for values in systems]
    expected = by_formula(rankings, 60, [1.0] * 3)
    assert fused == pytest.approx([expected.get(str(position), 0.0) for position in range(12)])


def test_refusals():
    for rankings in ([], "abc"):
        refused(ValueError, "at least one ranking", reciprocal_rank_fusion, rankings)
    refused(TypeError, "ranking 0 must be a list of ids, got str 'abc'", reciprocal_rank_fusion, ["abc"])
    refused(TypeError, "ranking 1 must be a list of ids", reciprocal_rank_fusion, [["a"], [1]])
    refused(ValueError, "ranking 1 holds 'b' more than once", reciprocal_rank_fusion, [["a"], ["b", "c", "b"]])
    refused(ValueError, "at least one system", fused_scores, [])
    for systems, counts in (([[1, 2], [1, 2, 3]], r"\[2, 3\]"), ([[1, 2, 3], [1, 2]], r"\[3, 2\]")):
        refused(ValueError, f"{counts} documents", fused_scores, systems)
    refused(ValueError, "at least one number", fused_scores, [5.0])
    for weights in ([1.0], [1.0, 0.0], [1.0, -2.0], [1.0, float("nan")], [1, 2, 3]):
        refused(ValueError, "number above 0", reciprocal_rank_fusion, [["a"], ["b"]], weights=weights)
        refused(ValueError, "number above 0", fused_scores, [[1, 2], [2, 1]], weights=weights)
