"""Bits, averages and storage: against naive loops and the libraries that also do it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from helpers import refused, unit_vectors
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
    quantize_int8,
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
@given(PACKED, st.integers(0, 1000))
def test_scores_of_a_pair_equal_loops(pair, seed):
    query_bits, d = pair
    dim = 8 * d.shape[1]
    query = np.random.default_rng(seed).standard_normal((len(query_bits), dim)).astype(np.float32)
    texts = [f"{int.from_bytes(row.tobytes()):0{dim}b}" for row in d]
    agreeing = masked = 0.0
    for bits, vector in zip(query_bits, query, strict=True):
        own = f"{int.from_bytes(bits.tobytes()):0{dim}b}"
        agreeing += max(sum(x == y for x, y in zip(own, text, strict=True)) / dim for text in texts)
        masked += max(sum(v for v, bit in zip(vector, text, strict=True) if bit == "1") for text in texts)
    assert maxsim_inv_hamming(query_bits, d) == pytest.approx(agreeing)
    assert maxsim_inv_hamming(d, d) == pytest.approx(len(d))
    assert maxsim_asymmetric(query, d) == pytest.approx(masked, rel=1e-4, abs=1e-4)


def test_bits_refuse():
    bits = np.zeros((1, 2), np.uint8)
    refused(ValueError, r"vectors has 12 dimensions.*multiple of 8", binarize, np.ones((2, 12)))
    wanted = r"query_bits must be packed bits.*float32.*binarize\(\)"
    refused(TypeError, wanted, maxsim_inv_hamming, unit_vectors(1), bits)
    refused(ValueError, "document_bits is empty", maxsim_asymmetric, unit_vectors(1), bits[:0])
    refused(ValueError, r"bits must be a matrix \(n, dim / 8\) of packed bits", to_hex, bits[0])
    for text in ("xy", "ab cd", "ab\n", "0xab"):
        refused(ValueError, "string 1 is not hex", from_hex, ["00", text])
    refused(ValueError, "string 1 holds 2 bytes where the first holds 1", from_hex, ["00", "0000"])
    refused(ValueError, "strings is empty", from_hex, [])
    refused(TypeError, "list of hex strings", from_hex, "00ff")
    for scale in (0, -1, np.nan, np.inf, "1", 1e-39, 1e39, True):
        refused(ValueError, "scale must be a number", quantize_int8, unit_vectors(1), scale)


def test_average():
    assert average_vector([[3.0, 0.0], [0.0, 4.0]]) == pytest.approx([0.6, 0.8])
    assert average_vector(unit_vectors(50)).dtype == np.float32
    assert np.linalg.norm(average_vector(unit_vectors(50))) == pytest.approx(1, abs=1e-6)
    collection = MultiVectors.from_list([unit_vectors(n, seed=n) for n in (1, 4)])
    assert average_vectors(collection) == pytest.approx(np.stack([average_vector(d) for d in collection]))
    for vectors in (np.zeros((3, 4)), [[0.1, 0.7], [-0.1, -0.7]], unit_vectors(1) * [[1], [-1]]):
        refused(ValueError, "the mean of vectors is zero", average_vector, vectors)
    cancels = MultiVectors.from_list([[[1.0, 0.0]], [[1.0, 0.0], [-1.0, 0.0]]], ["fine", "cancels"])
    refused(ValueError, "the mean of document 'cancels' is zero", average_vectors, cancels)


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


def test_format_bytes():
    counts = [0, 999, 1000, 527_360, 1_536_000, 999_999, 25e9, 5e15]
    texts = ["0 B", "999 B", "1 kB", "527 kB", "1.54 MB", "1 MB", "25 GB", "5000 TB"]
    assert [format_bytes(count) for count in counts] == texts


def test_storage_refuses():
    refused(ValueError, r"representation must be one of \['float32'.*'float8'", bytes_per_vector, 128, "float8")
    refused(ValueError, "12 dimensions as 'bit' do not fill whole bytes", bytes_per_vector, 12, "bit")
