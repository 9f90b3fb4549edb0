"""Ranking, exhaustive search and two stages."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers import maxsim_by_loops, refused, unit_vectors
from lateint_ref import MultiVectors, binarize, rank_of, rescore, search, top_k, two_stage_search
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


def test_refusals():
    for position in (-1, 12):
        refused(IndexError, f"position must be from 0 to 11, got {position}", rank_of, EXACT, position)
    refused(KeyError, "no document has the id 'nowhere'", rescore, QUERY, DOCUMENTS, ["d1", "nowhere"])
    refused(ValueError, "candidates is empty", rescore, QUERY, DOCUMENTS, [])
    refused(ValueError, "'d1' stands more than once", rescore, QUERY, DOCUMENTS, ["d1", "d1"])
    refused(TypeError, "candidates must be a list", rescore, QUERY, DOCUMENTS, "d1")
    refused(ValueError, "k is 10 but only depth = 5", two_stage_search, QUERY, DOCUMENTS, EXACT, depth=5, k=10)
    refused(ValueError, "first_stage_scores must hold one .* of 12", two_stage_search, QUERY, DOCUMENTS, EXACT[:5])
