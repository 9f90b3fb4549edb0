"""Pruning without a query: against naive loops, and what it must never change."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers import maxsim_by_loops, refused, unit_vectors
from lateint_ref import (
    MultiVectors,
    common_vector,
    drop_duplicates,
    maxsim,
    maxsim_scores,
    prune_near,
    prune_vectors,
    vector_information,
)


@pytest.fixture
def pages():
    """Two pages of words and blank patches, one that is blank throughout, one without a blank."""
    blank, words = unit_vectors(1, seed=9), unit_vectors(9, seed=10)
    return MultiVectors.from_list(
        [
            np.concatenate([words[:3], blank, blank, words[3:5], blank]),
            np.concatenate([blank, words[5:7]]),
            np.tile(blank, (4, 1)),
            words[7:],
        ],
        ["mixed", "one", "blank", "full"],
    )


def test_duplicates_go_and_scores_stay(pages):
    kept = drop_duplicates(pages)
    assert kept.lengths.tolist() == [6, 3, 1, 2]
    np.testing.assert_array_equal(kept["mixed"], pages["mixed"][[0, 1, 2, 3, 5, 6]])
    query = unit_vectors(5, seed=3)
    np.testing.assert_array_equal(maxsim_scores(query, kept), maxsim_scores(query, pages))


@settings(deadline=None, max_examples=25)
@given(st.lists(st.integers(0, 4), min_size=1, max_size=12))
def test_duplicates_by_loops(choices):
    vectors = unit_vectors(5)[choices]
    kept = drop_duplicates(MultiVectors.from_list([vectors]))[0]
    np.testing.assert_array_equal(kept, unit_vectors(5)[list(dict.fromkeys(choices))])


def test_common_vector_is_the_blank(pages):
    assert common_vector(pages) == pytest.approx(unit_vectors(1, seed=9)[0], abs=1e-6)
    scaled = MultiVectors(7 * pages.vectors, pages.offsets, pages.ids)
    assert common_vector(scaled, threshold=1 - 1e-6) == pytest.approx(unit_vectors(1, seed=9)[0], abs=1e-6)
    np.testing.assert_array_equal(common_vector(pages, sample=3, seed=1), common_vector(pages, sample=3, seed=1))


@pytest.mark.parametrize(("keep_one", "lengths"), [(True, [6, 3, 1, 2]), (False, [5, 2, 1, 2])])
def test_background_goes(pages, keep_one, lengths):
    kept = prune_near(pages, unit_vectors(1, seed=9)[0] * 3, keep_one=keep_one)
    assert kept.lengths.tolist() == lengths
    assert kept.ids == pages.ids
    np.testing.assert_array_equal(kept["full"], pages["full"])
    if keep_one:
        query = unit_vectors(4, seed=5)
        assert maxsim_scores(query, kept) == pytest.approx(maxsim_scores(query, pages), abs=1e-6)


def test_background_by_loops():
    documents = MultiVectors.from_list([unit_vectors(40, 3, seed=s) for s in range(3)])
    centre = unit_vectors(1, 3, seed=8)[0]
    kept = prune_near(documents, centre, threshold=0.5, keep_one=False)
    for matrix, pruned in zip(documents, kept, strict=True):
        expected = [row for row in matrix if sum(float(a) * float(b) for a, b in zip(row, centre, strict=True)) < 0.5]
        np.testing.assert_array_equal(pruned, expected)


def test_rarity_by_loops():
    documents = MultiVectors.from_list([unit_vectors(n, 6, seed=n) for n in (3, 5, 2)])
    got = vector_information(documents, "rarity", sample=3)
    expected = [
        1 - np.mean([max(float(v @ w) for w in other) for j, other in enumerate(documents) if j != i])
        for i, matrix in enumerate(documents)
        for v in matrix
    ]
    assert got == pytest.approx(expected, abs=1e-6)
    assert got.dtype == np.float32
    scaled = MultiVectors(np.float32(5) * documents.vectors, documents.offsets)
    assert vector_information(scaled, "rarity", sample=99) == pytest.approx(expected, abs=1e-5)


def test_rarity_tells_words_from_blanks(pages):
    scores = vector_information(pages, "rarity", sample=4)
    blank = (pages.vectors == unit_vectors(1, seed=9)).all(axis=1)
    assert scores[blank].max() < scores[~blank].min()
    # A sample of one document still gives every vector a finite score.
    assert np.isfinite(vector_information(pages, "rarity", sample=1)).all()


def test_distance_by_loops():
    documents = MultiVectors.from_list([unit_vectors(n, 6, seed=n) for n in (3, 5)])
    mean = documents.vectors.astype(np.float64).mean(axis=0)
    expected = [1 - float(v @ mean) / float(mean @ mean) ** 0.5 for v in documents.vectors]
    assert vector_information(documents, "distance") == pytest.approx(expected, abs=1e-5)


def test_random_scores_depend_on_the_seed_alone():
    documents = MultiVectors.from_list([unit_vectors(20)])
    first = vector_information(documents, "random", seed=1)
    np.testing.assert_array_equal(first, vector_information(documents, "random", seed=1))
    assert not np.array_equal(first, vector_information(documents, "random", seed=2))


@settings(deadline=None, max_examples=40)
@given(st.lists(st.integers(1, 12), min_size=1, max_size=4), st.integers(1, 20), st.integers(0, 99))
def test_prune_keeps_the_best_in_order(lengths, factor, seed):
    documents = MultiVectors.from_list([unit_vectors(n, 8, seed + n + place) for place, n in enumerate(lengths)])
    scores = np.random.default_rng(seed).integers(0, 4, len(documents.vectors))  # with ties
    kept = prune_vectors(documents, scores, factor)
    query = unit_vectors(3, 8, seed)
    for place, matrix in enumerate(documents):
        part = scores[documents.offsets[place] : documents.offsets[place + 1]].tolist()
        ranked = sorted(range(len(part)), key=lambda row: (-part[row], row))[: max(1, len(part) // factor)]
        np.testing.assert_array_equal(kept[place], matrix[sorted(ranked)])
        # Less to choose from is never better for the score.
        assert maxsim(query, kept[place]) <= maxsim_by_loops(query, matrix) + 1e-5


def test_refuses(pages):
    scores, blank = np.ones(len(pages.vectors)), pages[0][0]
    for threshold in (0, 1.5, float("nan")):
        refused(ValueError, "threshold must be a", common_vector, pages, threshold)
    for threshold in ("0.9", None, True):
        refused(ValueError, "threshold must be a number", prune_near, pages, blank, threshold)
    for vector in (pages[0], 3.0):
        refused(ValueError, r"vector must be one vector, shape \(dim,\)", prune_near, pages, vector)
    refused(ValueError, "vector holds a vector of length 0", prune_near, pages, 0 * blank)
    zeros = MultiVectors([[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]], [0, 1, 3])
    for call in (common_vector, vector_information, lambda documents: prune_near(documents, [1.0, 0.0])):
        refused(ValueError, "documents holds a vector of length 0", call, zeros)
    refused(ValueError, r"by must be one of .*'rarity', .*got str 'magic'", vector_information, pages, "magic")
    refused(ValueError, "this collection has one", vector_information, pages[:1], "rarity")
    opposite = MultiVectors.from_list([[[1.0, 0.0]], [[-1.0, 0.0]]])
    refused(ValueError, "the mean of documents holds a vector of length 0", vector_information, opposite, "distance")
    for wrong in (scores[1:], np.nan * scores, scores[:, None]):
        refused(ValueError, "scores (must hold one number for each|holds a NaN)", prune_vectors, pages, wrong, 2)
