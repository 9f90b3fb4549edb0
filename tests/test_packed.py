"""Collections of bits and bytes: against naive loops and the functions for one pair, on shapes of every kind."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers import unit_vectors
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
def test_inverse_hamming_equals_one_by_one(shape):
    query, documents = drawn(shape)
    scores = maxsim_inv_hamming_scores(binarize(query), documents)
    assert scores.dtype == np.float32
    assert scores == pytest.approx([maxsim_inv_hamming(binarize(query), d) for d in documents], rel=1e-6)


@settings(deadline=None)
@given(SHAPES)
def test_inverse_hamming_equals_its_definition(shape):
    query, documents = drawn(shape)
    q = unpack(binarize(query)).astype(int)
    expected = [(q[:, None] == unpack(d)[None]).mean(axis=2).max(axis=1).sum() for d in documents]
    assert maxsim_inv_hamming_scores(binarize(query), documents) == pytest.approx(expected, rel=1e-6)


@settings(deadline=None)
@given(SHAPES)
def test_asymmetric_equals_its_definition(shape):
    query, documents = drawn(shape)
    scores = maxsim_asymmetric_scores(query, documents)
    assert scores.dtype == np.float32
    masks = [unpack(d).astype(np.float64) for d in documents]
    expected = [(query.astype(np.float64) @ mask.T).max(axis=1).sum() for mask in masks]
    # float32 sums: relative to what is added up, which in a random query is more than what remains
    assert np.abs(scores - expected).max() <= 1e-6 * np.abs(query).sum()
    assert scores == pytest.approx([maxsim_asymmetric(query, d) for d in documents], rel=1e-5, abs=1e-4)


def test_asymmetric_is_exact_to_1e5_on_a_page_of_vectors():
    query, documents = unit_vectors(32, 128), MultiVectors.from_list([unit_vectors(n, 128, n) for n in (1030, 7)])
    packed = binarize_collection(documents)
    expected = [(query.astype(np.float64) @ unpack(d).T.astype(np.float64)).max(axis=1).sum() for d in packed]
    assert maxsim_asymmetric_scores(query, packed) == pytest.approx(expected, rel=1e-5)


@settings(deadline=None)
@given(SHAPES)
def test_mask_and_signs_rank_alike(shape):
    query, documents = drawn(shape)
    signs = MultiVectors.from_list([2.0 * unpack(d) - 1 for d in documents], documents.ids)
    twice = 2 * maxsim_asymmetric_scores(query, documents) - query.sum()
    assert maxsim_scores(query, signs) == pytest.approx(twice, abs=1e-5 * float(np.abs(query).sum()))


def test_collection_keeps_order_and_ids(tmp_path):
    documents = MultiVectors.from_list([unit_vectors(n, 24, seed=n) for n in (2, 1, 5)], ["a", "b", "c"])
    packed = binarize_collection(documents)
    assert repr(packed) == "PackedMultiVectors(3 documents, 1 to 5 vectors each, 8 x 24 bits)"
    assert packed.dim == 24
    assert packed.vectors.shape == (8, 3)
    assert len(packed) == 3
    for name, bits in zip("abc", packed, strict=True):
        np.testing.assert_array_equal(bits, binarize(documents[name]))
        np.testing.assert_array_equal(bits, packed[name])
    chosen = packed.take(["c", "a"])
    assert isinstance(chosen, PackedMultiVectors)
    assert chosen.ids == ["c", "a"]
    np.testing.assert_array_equal(chosen["a"], packed["a"])
    again = PackedMultiVectors.load(packed.save(tmp_path / "bits"))
    np.testing.assert_array_equal(again.vectors, packed.vectors)
    np.testing.assert_array_equal(again.offsets, packed.offsets)
    assert again.ids == packed.ids
    joined = PackedMultiVectors.concatenate([packed[:1], packed[1:]])
    np.testing.assert_array_equal(joined.vectors, packed.vectors)
    assert joined.ids == packed.ids


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


def test_a_file_is_loaded_by_the_class_that_saved_it(tmp_path):
    floats = MultiVectors.from_list([unit_vectors(2, 8)])
    paths = {c: c.save(tmp_path / type(c).__name__) for c in (floats, binarize_collection(floats))}
    quantized = quantize_collection(floats)
    paths[quantized] = quantized.save(tmp_path / "int8")
    for saved, path in paths.items():
        for kind in (MultiVectors, PackedMultiVectors, Int8MultiVectors):
            if isinstance(saved, kind):
                assert kind.load(path).ids == saved.ids
            else:
                with pytest.raises(ValueError, match=f"is not a {kind.__name__} file"):
                    kind.load(path)


@settings(deadline=None)
@given(st.integers(1, 40), st.integers(1, 30), st.integers(0, 99), st.floats(1e-3, 1e3))
def test_int8_is_off_by_half_a_scale_at_most(n, dim, seed, size):
    vectors = size * unit_vectors(n, dim, seed)
    scale = int8_scale(vectors)
    quantized = quantize_int8(vectors)
    assert quantized.dtype == np.int8
    assert np.abs(quantized).max() == 127
    assert np.abs(quantized * scale - vectors).max() <= scale * 0.5001


def test_int8_clips_on_request():
    assert quantize_int8([[1.0, -1.0, 0.26, 0.0]], scale=0.005).tolist() == [[127, -127, 52, 0]]


@settings(deadline=None)
@given(st.integers(1, 9), st.integers(1, 140), st.lists(st.integers(1, 7), min_size=1, max_size=4), st.integers(0, 99))
def test_int8_scores_are_whole_and_exact(n_q, dim, lengths, seed):
    rng = np.random.default_rng(seed)
    query = rng.integers(-128, 128, (n_q, dim), dtype=np.int8)
    documents = Int8MultiVectors.from_list([rng.integers(-128, 128, (n, dim), dtype=np.int8) for n in lengths])
    expected = [(query.astype(int) @ d.astype(int).T).max(axis=1).sum() for d in documents]
    assert maxsim_int8_scores(query, documents) == pytest.approx(expected, rel=1e-6)


def test_int8_estimates_the_float_score():
    query, documents = unit_vectors(16, 128), MultiVectors.from_list([unit_vectors(n, 128, n) for n in (5, 90)])
    quantized = quantize_collection(documents)
    estimate = maxsim_int8_scores(quantize_int8(query), quantized) * int8_scale(query) * quantized.scale
    assert estimate == pytest.approx(maxsim_scores(query, documents), rel=0.01)
    part = quantized.take([1])
    assert isinstance(part, Int8MultiVectors)
    assert part.scale == quantized.scale


def test_int8_keeps_its_scale(tmp_path):
    quantized = quantize_collection(MultiVectors.from_list([unit_vectors(n, 8, n) for n in (1, 3)], ["a", "b"]))
    again = Int8MultiVectors.load(quantized.save(tmp_path / "bytes.npz"))
    assert again.scale == quantized.scale
    assert repr(again) == "Int8MultiVectors(2 documents, 1 to 3 vectors each, 4 x 8 int8)"
    np.testing.assert_array_equal(again.vectors, quantized.vectors)
    assert Int8MultiVectors.concatenate([again[:1], again[1:]]).scale == quantized.scale
    other = Int8MultiVectors(np.ones((1, 8), np.int8), [0, 1], ["c"], scale=2)
    with pytest.raises(ValueError, match="parts differ in scale"):
        Int8MultiVectors.concatenate([again, other])


PACKED = PackedMultiVectors.from_list([np.zeros((2, 2), np.uint8)])
BYTES = Int8MultiVectors.from_list([np.zeros((2, 16), np.int8)])


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: maxsim_inv_hamming_scores(np.zeros((1, 2)), PACKED), TypeError, r"query_bits must be packed bits"),
        (
            lambda: maxsim_inv_hamming_scores(np.zeros(2, np.uint8), PACKED),
            ValueError,
            "query_bits must be a matrix .* of packed bits",
        ),
        (lambda: maxsim_inv_hamming_scores(np.zeros((0, 2), np.uint8), PACKED), ValueError, "query_bits is empty"),
        (
            lambda: maxsim_inv_hamming_scores(np.zeros((1, 1), np.uint8), PACKED),
            ValueError,
            "query_bits has 8 dimensions and documents has 16",
        ),
        (
            lambda: maxsim_inv_hamming_scores(np.zeros((1, 2), np.uint8), [np.zeros((1, 2), np.uint8)]),
            TypeError,
            r"documents must be a PackedMultiVectors, got a list of 1 items.*binarize_collection",
        ),
        (
            lambda: maxsim_asymmetric_scores(unit_vectors(1, 8), MultiVectors.from_list([unit_vectors(1, 8)])),
            TypeError,
            "documents must be a PackedMultiVectors",
        ),
        (lambda: maxsim_asymmetric_scores(unit_vectors(1, 8), PACKED), ValueError, "query has 8 dimensions and"),
        (lambda: binarize_collection([unit_vectors(1, 8)]), TypeError, "documents must be a MultiVectors"),
        (
            lambda: binarize_collection(MultiVectors.from_list([unit_vectors(1, 12)])),
            ValueError,
            "12 dimensions, which do not fill whole bytes",
        ),
        (lambda: PackedMultiVectors(np.zeros((2, 2)), [0, 2]), TypeError, "vectors must be packed bits"),
        (
            lambda: PackedMultiVectors.from_list([np.zeros((1, 2), np.uint8), np.zeros((1, 3), np.uint8)]),
            ValueError,
            "document '1' has 24 dimensions where document '0' has 16",
        ),
        (lambda: PackedMultiVectors(np.zeros((2, 2), np.uint8), [0, 3]), ValueError, "offsets must begin at 0"),
        (lambda: maxsim_int8_scores(np.zeros((1, 16)), BYTES), TypeError, r"query must be signed bytes.*quantize_int8"),
        (lambda: maxsim_int8_scores(np.zeros((1, 8), np.int8), BYTES), ValueError, "query has 8 dimensions"),
        (lambda: maxsim_int8_scores(np.zeros((0, 8), np.int8), BYTES), ValueError, "query is empty"),
        (lambda: maxsim_int8_scores(np.zeros(16, np.int8), BYTES), ValueError, "query must be a matrix"),
        (lambda: maxsim_int8_scores(np.zeros((1, 16), np.int8), PACKED), TypeError, "documents must be an Int8Multi"),
        (lambda: quantize_int8(np.zeros((2, 4))), ValueError, "nothing but zeros"),
        (lambda: quantize_collection(unit_vectors(2)), TypeError, "documents must be a MultiVectors"),
        (lambda: Int8MultiVectors(np.zeros((1, 4)), [0, 1]), TypeError, "vectors must be signed bytes"),
        (lambda: Int8MultiVectors(np.zeros((1, 4), np.int8), [0, 1], scale=-1), ValueError, "scale must be a number"),
    ],
)
def test_refuses(call, error, message):
    with pytest.raises(error, match=message):
        call()
