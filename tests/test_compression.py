"""Bits, averages and storage: against naive loops and the libraries that also do it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from helpers import unit_vectors
from lateint_ref import (
    MultiVectors,
    average_vector,
    average_vectors,
    binarize,
    bytes_per_document,
    bytes_per_vector,
    collection_bytes,
    format_bytes,
    from_hex,
    maxsim_asymmetric,
    maxsim_inv_hamming,
    to_hex,
    unpack,
)

PACKED = st.integers(1, 4).flatmap(
    lambda width: st.tuples(
        st.integers(1, 5).flatmap(lambda n: arrays(np.uint8, (n, width))),
        st.integers(1, 5).flatmap(lambda n: arrays(np.uint8, (n, width))),
    )
)


def test_packing_by_hand():
    vectors = np.array([[0.3, -0.1, 0.0, 2.0, -5.0, 1e-9, -0.0, 0.7]])  # 1 0 0 1 0 1 0 1
    assert binarize(vectors).tolist() == [[0b10010101]]
    assert to_hex(binarize(vectors)) == ["95"]
    assert unpack(binarize(vectors)).tolist() == [[1, 0, 0, 1, 0, 1, 0, 1]]


def test_hex_agrees_with_signed_bytes():
    """Elasticsearch takes a bit vector as hex or as signed bytes; both must mean the same."""
    bits = np.array([[127, 128, 255, 1]], np.uint8)
    assert to_hex(bits) == ["7f80ff01"]
    assert bits.view(np.int8).tolist() == [[127, -128, -1, 1]]


@settings(deadline=None)
@given(PACKED)
def test_round_trips(pair):
    bits, _ = pair
    np.testing.assert_array_equal(from_hex(to_hex(bits)), bits)
    np.testing.assert_array_equal(binarize(unpack(bits)), bits)
    np.testing.assert_array_equal(np.packbits(unpack(bits), axis=1), bits)


@settings(deadline=None)
@given(PACKED)
def test_inverse_hamming_equals_loops(pair):
    q, d = pair
    dim = 8 * q.shape[1]
    expected = 0.0
    for a in q:
        similarities = []
        for b in d:
            differing = sum(bin(int(x) ^ int(y)).count("1") for x, y in zip(a, b, strict=True))
            similarities.append((dim - differing) / dim)
        expected += max(similarities)
    assert maxsim_inv_hamming(q, d) == pytest.approx(expected)
    assert maxsim_inv_hamming(q, q) == pytest.approx(len(q))


@settings(deadline=None)
@given(PACKED, st.integers(0, 1000))
def test_asymmetric_equals_loops(pair, seed):
    query_bits, d = pair
    query = np.random.default_rng(seed).standard_normal((len(query_bits), 8 * d.shape[1])).astype(np.float32)
    expected = 0.0
    for vector in query:
        masked = [
            sum(
                v for v, bit in zip(vector, f"{int.from_bytes(b.tobytes()):0{len(vector)}b}", strict=True) if bit == "1"
            )
            for b in d
        ]
        expected += max(masked)
    assert maxsim_asymmetric(query, d) == pytest.approx(expected, rel=1e-4, abs=1e-4)
    signs = 2.0 * unpack(d) - 1
    with_signs = (query @ signs.T).max(axis=1).sum()
    assert with_signs == pytest.approx(2 * maxsim_asymmetric(query, d) - query.sum(), rel=1e-4, abs=1e-3)


def test_bits_refuse():
    with pytest.raises(ValueError, match=r"vectors has 12 dimensions.*multiple of 8"):
        binarize(np.ones((2, 12)))
    with pytest.raises(ValueError, match="NaN"):
        binarize(np.full((1, 8), np.nan))
    with pytest.raises(TypeError, match=r"query_bits must be packed bits.*float32.*binarize\(\)"):
        maxsim_inv_hamming(unit_vectors(2, 8), binarize(unit_vectors(2, 8)))
    with pytest.raises(ValueError, match="query_bits has 8 dimensions and document_bits has 16"):
        maxsim_inv_hamming(np.zeros((1, 1), np.uint8), np.zeros((1, 2), np.uint8))
    with pytest.raises(ValueError, match="query has 16 dimensions and document_bits has 8"):
        maxsim_asymmetric(np.ones((1, 16)), np.zeros((1, 1), np.uint8))
    with pytest.raises(ValueError, match="document_bits is empty"):
        maxsim_asymmetric(np.ones((1, 16)), np.zeros((0, 2), np.uint8))
    with pytest.raises(ValueError, match=r"bits must be a matrix \(n, dim / 8\) of packed bits"):
        to_hex(np.zeros(3, np.uint8))
    with pytest.raises(ValueError, match="string 1 is not hex.*'xy'"):
        from_hex(["00", "xy"])
    with pytest.raises(ValueError, match="string 1 holds 2 bytes where the first holds 1"):
        from_hex(["00", "0000"])
    with pytest.raises(ValueError, match="strings is empty"):
        from_hex([])
    with pytest.raises(TypeError, match="list of hex strings"):
        from_hex("00ff")


def test_average():
    assert average_vector([[3.0, 0.0], [0.0, 4.0]]) == pytest.approx([0.6, 0.8])
    assert average_vector(unit_vectors(50)).dtype == np.float32
    assert np.linalg.norm(average_vector(unit_vectors(50))) == pytest.approx(1, abs=1e-6)
    collection = MultiVectors.from_list([unit_vectors(n, seed=n) for n in (1, 4)])
    assert average_vectors(collection) == pytest.approx(np.stack([average_vector(d) for d in collection]))


@pytest.mark.parametrize("vectors", [np.zeros((3, 4)), [[0.1, 0.7], [-0.1, -0.7]], unit_vectors(1) * [[1], [-1]]])
def test_average_without_direction(vectors):
    with pytest.raises(ValueError, match="the mean of vectors is zero"):
        average_vector(vectors)


def test_average_of_a_collection_names_the_document():
    collection = MultiVectors.from_list([[[1.0, 0.0]], [[1.0, 0.0], [-1.0, 0.0]]], ["fine", "cancels"])
    with pytest.raises(ValueError, match="the mean of document 'cancels' is zero"):
        average_vectors(collection)
    with pytest.raises(TypeError, match="documents must be a MultiVectors"):
        average_vectors([[1.0]])


def test_storage_published_figures():
    """128 dimensions: 256 bytes in float16, 20 and 36 with ColBERTv2's codec, 16 as bits; a ColPali page of 1030."""
    assert bytes_per_vector(128, "float16") == 256
    assert bytes_per_vector(128, "residual-1bit") == 20
    assert bytes_per_vector(128, "residual-2bit") == 36
    assert bytes_per_vector(128, "bit") == 16
    assert bytes_per_document(1030, 128) == 1030 * 128 * 4
    assert bytes_per_document(1030, 128) == 32 * bytes_per_document(1030, 128, "bit")


def test_storage_counts_what_numpy_holds():
    collection = MultiVectors.from_list([unit_vectors(n, 128, seed=n) for n in (3, 9)])
    assert collection_bytes(collection) == collection.vectors.nbytes
    assert collection_bytes(collection, "float16") == collection.vectors.astype(np.float16).nbytes
    assert collection_bytes(collection, "int8") == collection.vectors.astype(np.int8).nbytes
    assert collection_bytes(collection, "bit") == binarize(collection.vectors).nbytes


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1 kB"),
        (527_360, "527 kB"),
        (1_536_000, "1.54 MB"),
        (999_999, "1 MB"),
        (25e9, "25 GB"),
        (5e15, "5000 TB"),
    ],
)
def test_format_bytes(count, text):
    assert format_bytes(count) == text


def test_storage_refuses():
    with pytest.raises(ValueError, match=r"representation must be one of \['float32'.*'float8'"):
        bytes_per_vector(128, "float8")
    with pytest.raises(ValueError, match="12 dimensions as 'bit' do not fill whole bytes"):
        bytes_per_vector(12, "bit")
    with pytest.raises(ValueError, match="n_vectors must be a whole number of at least 1, got 0"):
        bytes_per_document(0, 128)
    with pytest.raises(TypeError, match="dim must be a whole number"):
        bytes_per_vector(128.0)
