"""Collections of bits and bytes: against naive loops and the functions for one pair, on shapes of every kind."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers import refused, unit_vectors
from lateint_ref import (
    Int8MultiVectors,
    MultiVectors,
    PackedMultiVectors,
    binarize,
    binarize_collection,
    int8_scale,
    maxsim_asymmetric,
    maxsim_asymmetric_scores,
    maxsim_int8_scores,
    maxsim_inv_hamming,
    maxsim_inv_hamming_scores,
    maxsim_scores,
    quantize_collection,
    quantize_int8,
    unpack,
)

# Widths around a word (64 bits) and its multiples, query counts around a tile (16), documents around a group (4).
SHAPES = st.tuples(
    st.sampled_from([1, 2, 7, 8, 9, 12, 16, 24, 33]),
    st.sampled_from([1, 3, 15, 16, 17, 32, 40]),
    st.lists(st.sampled_from([1, 2, 3, 4, 5, 8, 11]), min_size=1, max_size=4),
    st.integers(0, 1000),
)


def drawn(shape):
    """A float query, its bits, and a packed collection."""
    n_bytes, n_q, lengths, seed = shape
    rng = np.random.default_rng(seed)
    query = rng.standard_normal((n_q, 8 * n_bytes)).astype(np.float32)
    documents = [rng.integers(0, 256, (n, n_bytes), dtype=np.uint8) for n in lengths]
    return query, PackedMultiVectors.from_list(documents)


def test_by_hand():
    # query 1111 0000; documents: the same and its opposite; one bit off; nothing set
    query_bits = np.array([[0b11110000]], np.uint8)
    documents = PackedMultiVectors(np.array([[0b11110000], [0b00001111], [0b11110001], [0]], np.uint8), [0, 2, 3, 4])
    assert maxsim_inv_hamming_scores(query_bits, documents).tolist() == [1, 7 / 8, 4 / 8]
    query = [[1.0, 2.0, 3.0, 4.0, -1.0, -2.0, -3.0, 0.5]]
    assert maxsim_asymmetric_scores(query, documents).tolist() == [10, 10.5, 0]


@settings(deadline=None)
@given(SHAPES)
def test_inverse_hamming_equals_its_definition(shape):
    query, documents = drawn(shape)
    scores, q = maxsim_inv_hamming_scores(binarize(query), documents), unpack(binarize(query))
    assert scores.dtype == np.float32
    expected = [(q[:, None] == unpack(d)[None]).mean(axis=2).max(axis=1).sum() for d in documents]
    assert scores == pytest.approx(expected, rel=1e-6)
    assert scores == pytest.approx([maxsim_inv_hamming(binarize(query), d) for d in documents], rel=1e-6)


@settings(deadline=None)
@given(SHAPES)
def test_asymmetric_equals_its_definition_and_ranks_as_signs_do(shape):
    query, documents = drawn(shape)
    scores = maxsim_asymmetric_scores(query, documents)
    assert scores.dtype == np.float32
    masks = [unpack(d).astype(np.float64) for d in documents]
    expected = [(query.astype(np.float64) @ mask.T).max(axis=1).sum() for mask in masks]
    # float32 sums: relative to what is added up, which in a random query is more than what remains
    assert np.abs(scores - expected).max() <= 1e-6 * np.abs(query).sum()
    assert scores == pytest.approx([maxsim_asymmetric(query, d) for d in documents], rel=1e-5, abs=1e-4)
    signs = MultiVectors.from_list([2.0 * mask - 1 for mask in masks])
    tolerance = 1e-5 * float(np.abs(query).sum())
    assert maxsim_scores(query, signs) == pytest.approx(2 * scores - query.sum(), abs=tolerance)


def test_asymmetric_is_exact_to_1e5_on_a_page_of_vectors():
    query, documents = unit_vectors(32, 128), MultiVectors.from_list([unit_vectors(n, 128, n) for n in (1030, 7)])
    packed = binarize_collection(documents)
    expected = [(query.astype(np.float64) @ unpack(d).T.astype(np.float64)).max(axis=1).sum() for d in packed]
    assert maxsim_asymmetric_scores(query, packed) == pytest.approx(expected, rel=1e-5)


def test_collection_keeps_order_and_ids():
    documents = MultiVectors.from_list([unit_vectors(n, 24, seed=n) for n in (2, 1, 5)], ["a", "b", "c"])
    packed = binarize_collection(documents)
    assert repr(packed) == "PackedMultiVectors(3 documents, 1 to 5 vectors each, 8 x 24 bits)"
    assert (packed.dim, packed.vectors.shape, len(packed)) == (24, (8, 3), 3)
    for name, bits in zip("abc", packed, strict=True):
        np.testing.assert_array_equal(bits, binarize(documents[name]))
        np.testing.assert_array_equal(bits, packed[name])
    chosen, joined = packed.take(["c", "a"]), PackedMultiVectors.concatenate([packed[:1], packed[1:]])
    assert type(chosen) is type(joined) is PackedMultiVectors
    np.testing.assert_array_equal(chosen["a"], packed["a"])
    np.testing.assert_array_equal(joined.vectors, packed.vectors)


def test_words_are_a_view_where_vectors_fill_them():
    full = PackedMultiVectors(np.arange(64, dtype=np.uint8).reshape(4, 16), [0, 4])
    assert np.shares_memory(full.words, full.vectors)
    odd = PackedMultiVectors(np.full((4, 9), 255, np.uint8), [0, 4])
    assert odd.words.shape == (4, 2)
    assert np.bitwise_count(odd.words).sum(axis=1).tolist() == [72] * 4
    assert odd.words is odd.words
    # rows that start at an odd address
    shifted = PackedMultiVectors(np.arange(65, dtype=np.uint8)[1:].reshape(4, 16), [0, 4])
    query = np.arange(16, dtype=np.uint8)[None]
    assert maxsim_inv_hamming_scores(query, shifted) == pytest.approx(maxsim_inv_hamming(query, shifted[0]))


@settings(deadline=None)
@given(st.integers(1, 40), st.integers(1, 30), st.integers(0, 99), st.floats(1e-3, 1e3))
def test_int8_is_off_by_half_a_scale_at_most(n, dim, seed, size):
    vectors = size * unit_vectors(n, dim, seed)
    scale, quantized = int8_scale(vectors), quantize_int8(vectors)
    assert quantized.dtype == np.int8
    assert np.abs(quantized).max() == 127
    assert np.abs(quantized * scale - vectors).max() <= scale * 0.5001
    assert quantize_int8([[1.0, -1.0, 0.26, 0.0]], scale=0.005).tolist() == [[127, -127, 52, 0]], "clipped on request"


@settings(deadline=None)
@given(st.integers(1, 9), st.integers(1, 140), st.lists(st.integers(1, 7), min_size=1, max_size=4), st.integers(0, 99))
def test_int8_scores_are_whole_and_exact(n_q, dim, lengths, seed):
    rng = np.random.default_rng(seed)
    query = rng.integers(-128, 128, (n_q, dim), dtype=np.int8)
    documents = Int8MultiVectors.from_list([rng.integers(-128, 128, (n, dim), dtype=np.int8) for n in lengths])
    expected = [(query.astype(int) @ d.astype(int).T).max(axis=1).sum() for d in documents]
    assert maxsim_int8_scores(query, documents) == pytest.approx(expected, rel=1e-6)


def test_int8_keeps_its_scale_and_estimates_the_float_score():
    query, documents = unit_vectors(16, 128), MultiVectors.from_list([unit_vectors(n, 128, n) for n in (5, 90)])
    quantized = quantize_collection(documents)
    assert repr(quantized) == "Int8MultiVectors(2 documents, 5 to 90 vectors each, 95 x 128 int8)"
    estimate = maxsim_int8_scores(quantize_int8(query), quantized) * int8_scale(query) * quantized.scale
    assert estimate == pytest.approx(maxsim_scores(query, documents), rel=0.01)
    for part in (quantized.take([1]), Int8MultiVectors.concatenate([quantized[:1], quantized[1:]])):
        assert type(part) is Int8MultiVectors
        assert part.scale == quantized.scale
    other = Int8MultiVectors(np.ones((1, 128), np.int8), [0, 1], ["c"], scale=2)
    refused(ValueError, "parts differ in scale", Int8MultiVectors.concatenate, [quantized, other])


def test_refuses():
    packed = PackedMultiVectors.from_list([np.zeros((2, 2), np.uint8)])
    whole = Int8MultiVectors.from_list([np.zeros((2, 16), np.int8)])
    score, make = maxsim_inv_hamming_scores, PackedMultiVectors
    refused(TypeError, "query_bits must be packed bits", score, np.zeros((1, 2)), packed)
    refused(ValueError, "query_bits must be a matrix .* of packed bits", score, np.zeros(2, np.uint8), packed)
    refused(ValueError, "query_bits is empty", score, np.zeros((0, 2), np.uint8), packed)
    refused(TypeError, "vectors must be packed bits", make, np.zeros((2, 2)), [0, 2])
    refused(ValueError, "offsets must begin at 0", make, np.zeros((2, 2), np.uint8), [0, 3])
    score, make = maxsim_int8_scores, Int8MultiVectors
    refused(TypeError, r"query must be signed bytes.*quantize_int8", score, np.zeros((1, 16)), whole)
    refused(ValueError, "query is empty", score, np.zeros((0, 16), np.int8), whole)
    refused(ValueError, "query must be a matrix", score, np.zeros(16, np.int8), whole)
    refused(TypeError, "vectors must be signed bytes", make, np.zeros((1, 4)), [0, 1])
    refused(ValueError, "scale must be a number", make, np.zeros((1, 4), np.int8), [0, 1], scale=-1)
    refused(ValueError, "nothing but zeros", quantize_int8, np.zeros((2, 4)))
    odd = MultiVectors.from_list([unit_vectors(1, 12)])
    refused(ValueError, "12 dimensions, which do not fill whole bytes", binarize_collection, odd)
