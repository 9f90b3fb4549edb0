"""The residual codec and the search over its codes: against their definitions in loops, and ColBERT's own codec."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers import clustered, maxsim_by_loops, refused, unit_vectors
from lateint_ref import MultiVectors, bytes_per_vector
from lateint_ref.multivectors import ResidualVectors
from lateint_ref.residual import ResidualCodec, centroid_count, pack, unpack_buckets


@pytest.fixture(scope="module")
def documents():
    return clustered()


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_packing_by_hand(bits):
    rows = {1: [1, 0, 0, 1, 0, 1, 0, 1], 2: [3, 0, 1, 2, 0, 0, 0, 1], 4: [15, 0, 7, 8]}
    packed = {1: [0b10010101], 2: [0b11000110, 0b00000001], 4: [0xF0, 0x78]}
    assert pack(np.array([rows[bits]], np.uint8), bits).tolist() == [packed[bits]]
    drawn = np.random.default_rng(0).integers(0, 2**bits, (3, 8), dtype=np.uint8)
    np.testing.assert_array_equal(unpack_buckets(pack(drawn, bits), bits), drawn)


@pytest.mark.parametrize(
    ("n", "different", "expected"),
    [(1, None, 1), (7, None, 1), (100, None, 16), (4095, None, 512), (4096, None, 1024), (41_833, None, 2048)]
    # The published indexes' scale: 2 ** 18 centroids for some 600 million vectors.
    + [(600_000_000, None, 2**18), (99_910, 19_503, 4096), (99_910, 40, 8), (10, 1, 1)],
)
def test_centroid_count(n, different, expected):
    assert centroid_count(n, different) == expected


def encode_by_loops(codec, vectors):
    """Definition: the nearest centroid by Euclidean distance; for each dimension the number of cutoffs below."""
    numbers, buckets = [], []
    for vector in vectors.astype(np.float64):
        distances = [math.dist(vector, centroid) for centroid in codec.centroids.astype(np.float64)]
        numbers.append(distances.index(min(distances)))
        residual = vector - codec.centroids[numbers[-1]]
        buckets.append([sum(value > cutoff for cutoff in codec.cutoffs) for value in residual])
    return numbers, buckets


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_encode_and_decode_equal_loops(documents, bits):
    codec = ResidualCodec.train(documents, bits)
    encoded = codec.encode(documents)
    numbers, buckets = encode_by_loops(codec, documents.vectors)
    assert encoded.centroid_ids.tolist() == numbers
    # A residual value within rounding of a cutoff may fall on either side.
    near = np.abs((documents.vectors - codec.centroids[numbers])[..., None] - codec.cutoffs).min(axis=2) < 1e-6
    found = unpack_buckets(encoded.residuals, bits)
    assert ((found == np.array(buckets)) | near).all()
    decoded = codec.decode(encoded)
    for row, number in enumerate(numbers):
        values = [c + codec.weights[b] for c, b in zip(codec.centroids[number], found[row], strict=True)]
        length = math.sqrt(sum(float(value) ** 2 for value in values))
        assert decoded.vectors[row] == pytest.approx(np.array(values) / length, abs=1e-6)
    assert decoded.ids == documents.ids
    np.testing.assert_array_equal(decoded.offsets, documents.offsets)


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_buckets_are_quantiles_and_their_medians(documents, bits):
    codec = ResidualCodec.train(documents, bits)  # few vectors: none held out
    residuals = np.sort((documents.vectors - codec.centroids[codec.nearest(documents.vectors)]).ravel())
    filled = np.bincount(codec.buckets(residuals[None]).ravel(), minlength=2**bits)
    assert filled.sum() == residuals.size
    assert np.ptp(filled) <= 2
    for bucket, part in enumerate(np.array_split(residuals, 2**bits)):
        assert codec.weights[bucket] == pytest.approx(np.median(part), abs=2e-3)


def test_training_on_many_vectors_holds_some_out():
    many = clustered(250, 8, seed=3)
    codec = ResidualCodec.train(many, 2, seed=1)
    residuals = many.vectors - codec.centroids[codec.nearest(many.vectors)]
    of_all = np.quantile(residuals, [0.25, 0.5, 0.75])
    assert not np.array_equal(codec.cutoffs, of_all.astype(np.float32))
    assert codec.cutoffs == pytest.approx(of_all, abs=0.03)


def test_the_same_seed_gives_the_same_codec(documents):
    first, again, other = (ResidualCodec.train(documents, 2, seed) for seed in (5, 5, 6))
    for name in ("centroids", "cutoffs", "weights"):
        np.testing.assert_array_equal(getattr(first, name), getattr(again, name))
    assert not np.array_equal(first.centroids, other.centroids)


def test_a_vector_that_stands_many_times_counts_once(documents):
    blank = np.tile(unit_vectors(1, 16, seed=9), (400, 1))
    page = MultiVectors.from_list([*documents, np.vstack([blank, documents[0]])])
    once = MultiVectors.from_list([*documents, blank[:1]])
    with_many, with_one = (ResidualCodec.train(d, 2, n_centroids=16) for d in (page, once))
    np.testing.assert_array_equal(with_many.centroids, with_one.centroids)
    np.testing.assert_array_equal(with_many.cutoffs, with_one.cutoffs)


def test_more_bits_come_closer(documents):
    cosines = []
    for bits in (1, 2, 4):
        codec = ResidualCodec.train(documents, bits, n_centroids=8)
        cosines.append((codec.decode(codec.encode(documents)).vectors * documents.vectors).sum(axis=1).mean())
    assert cosines == sorted(cosines)
    assert cosines[0] > 0.85
    assert cosines[2] > 0.99


@pytest.mark.parametrize(("bits", "fewer"), [(4, 2), (4, 1), (2, 1), (4, 4)])
def test_coarser_codes_are_those_of_the_coarser_codec(documents, bits, fewer):
    codec = ResidualCodec.train(documents, bits=bits)
    coarser = codec.coarser(fewer)
    assert coarser.bits == fewer
    expected, found = coarser.encode(documents), codec.coarsen(codec.encode(documents), fewer)
    np.testing.assert_array_equal(found.centroid_ids, expected.centroid_ids)
    np.testing.assert_array_equal(found.residuals, expected.residuals)
    np.testing.assert_array_equal(found.offsets, documents.offsets)
    assert found.ids == documents.ids
    trained = ResidualCodec.train(documents, bits=fewer)  # quantiles of the same residuals
    np.testing.assert_allclose(coarser.cutoffs, trained.cutoffs, atol=1e-6)
    np.testing.assert_allclose(coarser.weights, trained.weights, atol=1e-6)


def test_a_collection_of_one_vector():
    one = MultiVectors.from_list([unit_vectors(1, 8)])
    codec = ResidualCodec.train(one, 1)
    assert codec.decode(codec.encode(one)).vectors == pytest.approx(one.vectors, abs=2e-3)


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_bytes(documents, bits):
    codec = ResidualCodec.train(documents, bits, n_centroids=8)
    encoded = codec.encode(documents)
    assert encoded.bytes_per_vector == bytes_per_vector(16, f"residual-{bits}bit") == 4 + 16 * bits // 8
    assert encoded.nbytes == len(documents.vectors) * encoded.bytes_per_vector
    assert encoded.nbytes == encoded.centroid_ids.nbytes + encoded.residuals.nbytes
    assert codec.nbytes == 8 * 16 * 2 + (2 ** (bits + 1) - 1) * 4
    wide = MultiVectors.from_list([unit_vectors(3, 128)])
    assert ResidualCodec.train(wide, bits).encode(wide).bytes_per_vector == {1: 20, 2: 36, 4: 68}[bits]


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_colbert_s_own_codec_decodes_to_the_same(bits):
    from pylate.indexes.stanford_nlp.indexing.codecs.residual import ResidualCodec as ColbertCodec

    documents = clustered(dim=32)
    ours = ResidualCodec.train(documents, bits)
    config = SimpleNamespace(total_visible_gpus=0, dim=32, nbits=bits, rank=0)
    theirs = ColbertCodec(
        config, torch.tensor(ours.centroids), 0.0, torch.tensor(ours.cutoffs), torch.tensor(ours.weights)
    )
    compressed = theirs.compress(torch.tensor(documents.vectors))
    encoded = ours.encode(documents)
    assert compressed.codes.tolist() == encoded.centroid_ids.tolist()
    assert compressed.residuals.shape == encoded.residuals.shape
    decoded = ours.decode(encoded)
    assert theirs.decompress(compressed).numpy() == pytest.approx(decoded.vectors, abs=1e-5)


@settings(deadline=None, max_examples=20)
@given(st.sampled_from([1, 2, 4]), st.integers(0, 50))
def test_maxsim_equals_loops_on_decoded_vectors(bits, seed):
    few = clustered(6, 8, seed)
    codec = ResidualCodec.train(few, bits, seed)
    encoded = codec.encode(few)
    query = unit_vectors(3, 8, seed + 1)
    expected = [maxsim_by_loops(query, document) for document in codec.decode(encoded)]
    assert codec.maxsim_scores(query, encoded) == pytest.approx(expected, abs=1e-4)


def test_maxsim_in_parts_equals_all_at_once(documents, monkeypatch):
    codec = ResidualCodec.train(documents, 2)
    encoded, query = codec.encode(documents), unit_vectors(5, 16)
    whole = codec.maxsim_scores(query, encoded)
    for size in (1, 7, 50):
        monkeypatch.setattr("lateint_ref.residual._CHUNK", size)
        assert codec.maxsim_scores(query, encoded) == pytest.approx(whole, abs=1e-6)
        np.testing.assert_array_equal(codec.encode(documents).residuals, encoded.residuals)


def test_take(documents):
    codec = ResidualCodec.train(documents, 2)
    encoded = codec.encode(documents)
    part = encoded.take([7, 2, 30])
    decoded, whole = codec.decode(part), codec.decode(encoded)
    assert part.ids == decoded.ids == ["d7", "d2", "d30"]
    for name in part.ids:
        np.testing.assert_array_equal(decoded[name], whole[name])


def test_training_refuses(documents):
    def train(vectors, *ids, bits=2, n_centroids=None):
        return ResidualCodec.train(MultiVectors.from_list(vectors, list(ids) or None), bits, n_centroids=n_centroids)

    refused(ValueError, r"bits must be one of \[1, 2, 4\], got 3", ResidualCodec.train, documents, 3)
    refused(ValueError, "12 dimensions at 1 bits do not fill whole bytes", train, [unit_vectors(2, 12)], bits=1)
    lengths = [unit_vectors(2), 2 * unit_vectors(1)]
    refused(ValueError, "one of document 'long' has length 2.*directions only", train, lengths, "fine", "long")
    refused(ValueError, "one of document '0' has length 0", train, [np.zeros((1, 16))])
    few = [unit_vectors(3)[[0, 1, 2, 0]]]
    refused(ValueError, "n_centroids is 9, but there are only 3 different vectors", train, few, n_centroids=9)


def test_codec_refuses(documents):
    codec = ResidualCodec.train(documents, 2, n_centroids=8)
    encoded, coarse = codec.encode(documents), ResidualCodec.train(documents, 1, n_centroids=8)
    refused(ValueError, "encoded comes from another codec: residuals of 4 bytes", coarse.decode, encoded)
    refused(ValueError, "another codec", codec.coarsen, coarse.encode(documents), 1)
    for bits in (4, 3):
        refused(ValueError, "bits must be", codec.coarser, bits)
    small = ResidualCodec(codec.centroids[:4], codec.cutoffs, codec.weights)
    refused(ValueError, "centroids up to 7; .* 4 centroids", small.maxsim_scores, unit_vectors(1), encoded)
    refused(ValueError, "NaN", codec.nearest, np.full((1, 16), np.nan))
    refused(ValueError, "got 3 weights and 3 cutoffs", ResidualCodec, codec.centroids, [0, 0, 0], [0, 0, 0])
    refused(ValueError, "cutoffs must ascend", ResidualCodec, codec.centroids, [0.2, 0.1, 0.3], [0, 0, 0, 0])


def test_vectors_refuse():
    offsets, residuals = np.array([0, 2]), np.zeros((2, 4), np.uint8)
    for ids, codes, ends, error, words in (
        (np.zeros(2, int), residuals.astype(float), offsets, TypeError, "residuals must be packed bits, uint8"),
        (np.zeros(3, int), residuals, offsets, ValueError, "one whole number for each of 2 residuals"),
        (np.array([-1, 0]), residuals, offsets, ValueError, "from 0 to 2147483647"),
        (np.zeros(2, int), residuals, np.array([0, 3]), ValueError, "offsets must begin at 0 and end at"),
    ):
        refused(error, words, ResidualVectors, ids, codes, ends, ["a"])
