"""Ranking, exhaustive search, two stages, and reciprocal rank fusion against its formula written out."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers import maxsim_by_loops, refused, unit_vectors
from lateint_ref import (
    MultiVectors,
    binarize,
    fused_scores,
    rank_of,
    reciprocal_rank_fusion,
    rescore,
    search,
    top_k,
    two_stage_search,
)
from lateint_ref.quantize import binarize_collection, maxsim_asymmetric_scores, maxsim_inv_hamming_scores

QUERY = unit_vectors(4)
DOCUMENTS = MultiVectors.from_list([unit_vectors(3 + n, seed=10 + n) for n in range(12)], [f"d{n}" for n in range(12)])
EXACT = np.array([maxsim_by_loops(QUERY, document) for document in DOCUMENTS])


@settings(deadline=None)
@given(st.lists(st.integers(-3, 3), min_size=1, max_size=30), st.integers(1, 40))
def test_top_k_is_a_stable_sort(scores, k):
    expected = sorted(range(len(scores)), key=lambda index: (-scores[index], index))[:k]
    assert top_k(scores, k).tolist() == expected


@settings(deadline=None)
@given(st.lists(st.integers(-3, 3), min_size=1, max_size=20))
def test_ranks_count_what_stands_before(scores):
    for position, score in enumerate(scores):
        better = sum(other > score for other in scores) + sum(other == score for other in scores[:position])
        assert rank_of(scores, position) == better + 1


def test_search_orders_by_maxsim():
    hits = search(QUERY, DOCUMENTS, k=5)
    assert [hit.id for hit in hits] == [f"d{index}" for index in np.argsort(-EXACT)[:5]]
    assert [hit.score for hit in hits] == pytest.approx(np.sort(EXACT)[::-1][:5], rel=1e-5)


def test_two_stages_with_everything_a_candidate_is_exhaustive():
    noise = np.random.default_rng(0).random(12)
    assert two_stage_search(QUERY, DOCUMENTS, noise, depth=12, k=5) == search(QUERY, DOCUMENTS, k=5)
    assert two_stage_search(QUERY, DOCUMENTS, noise, depth=100, k=12) == search(QUERY, DOCUMENTS, k=12)


def test_second_stage_cannot_return_what_the_first_left_out():
    best = int(EXACT.argmax())
    first_stage = -np.abs(np.arange(12) - best).astype(float)
    first_stage[best] = -99
    hits = two_stage_search(QUERY, DOCUMENTS, first_stage, depth=4, k=4)
    assert f"d{best}" not in [hit.id for hit in hits]
    candidates = top_k(first_stage, 4)
    assert [hit.id for hit in hits] == [f"d{index}" for index in sorted(candidates, key=lambda i: -EXACT[i])]
    assert [hit.score for hit in hits] == pytest.approx(sorted(EXACT[candidates], reverse=True), rel=1e-5)


def test_the_second_stage_may_score_bits():
    query, documents = unit_vectors(4), MultiVectors.from_list([unit_vectors(5, seed=n) for n in range(9)])
    packed, query_bits = binarize_collection(documents), binarize(query)
    for score, asked in ((maxsim_asymmetric_scores, query), (maxsim_inv_hamming_scores, query_bits)):
        everything = score(asked, packed)
        hits = two_stage_search(asked, packed, -np.arange(9.0), depth=4, k=3, score=score)
        order = sorted(range(4), key=lambda index: (-everything[index], index))[:3]
        assert [hit.id for hit in hits] == [str(index) for index in order]
        assert [hit.score for hit in hits] == pytest.approx(everything[order].tolist())
    with pytest.raises(ValueError, match=r"one number for each of 3"):
        rescore(query, documents, ["1", "2", "3"], score=lambda query, few: [0.0])
    refused(TypeError, "documents must be a (Ragged|MultiVectors)", rescore, query, packed, ["1"])


def test_equal_scores_keep_the_first_stage_order():
    twins = MultiVectors.from_list([unit_vectors(3)] * 3, ["x", "y", "z"])
    assert [hit.id for hit in two_stage_search(QUERY, twins, [0.1, 0.3, 0.2], depth=3, k=3)] == [
        "y",
        "z",
        "x",
    ]


def test_ranking_refuses():
    for position in (-1, 12):
        refused(IndexError, f"position must be from 0 to 11, got {position}", rank_of, EXACT, position)
    refused(KeyError, "no document has the id 'nowhere'", rescore, QUERY, DOCUMENTS, ["d1", "nowhere"])
    refused(ValueError, "candidates is empty", rescore, QUERY, DOCUMENTS, [])
    refused(ValueError, "'d1' stands more than once", rescore, QUERY, DOCUMENTS, ["d1", "d1"])
    refused(TypeError, "candidates must be a list", rescore, QUERY, DOCUMENTS, "d1")
    refused(ValueError, "k is 10 but only depth = 5", two_stage_search, QUERY, DOCUMENTS, EXACT, depth=5, k=10)
    refused(ValueError, "first_stage_scores must hold one .* of 12", two_stage_search, QUERY, DOCUMENTS, EXACT[:5])


# Fusion


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


def test_fusion_refuses():
    for rankings in ([], "abc"):
        refused(ValueError, "at least one ranking", reciprocal_rank_fusion, rankings)
    refused(TypeError, "ranking 0 must be a list .*'abc'", reciprocal_rank_fusion, ["abc"])
    refused(TypeError, "ranking 1 must be", reciprocal_rank_fusion, [["a"], [1]])
    refused(ValueError, "ranking 1 .*'b' .*more than once", reciprocal_rank_fusion, [["a"], ["b", "c", "b"]])
    refused(ValueError, "at least one system", fused_scores, [])
    for systems, counts in (([[1, 2], [1, 2, 3]], r"\[2, 3\]"), ([[1, 2, 3], [1, 2]], r"\[3, 2\]")):
        refused(ValueError, f"{counts} documents", fused_scores, systems)
    refused(ValueError, "at least one number", fused_scores, [5.0])
    for weights in ([1.0], [1.0, 0.0], [1.0, -2.0], [1.0, float("nan")], [1, 2, 3]):
        refused(ValueError, "number above 0", reciprocal_rank_fusion, [["a"], ["b"]], weights=weights)
        refused(ValueError, "number above 0", fused_scores, [[1, 2], [2, 1]], weights=weights)
