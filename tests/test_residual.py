"""The residual codec and the search over its codes: against their definitions in loops, and ColBERT's own codec."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from helpers import maxsim_by_loops, unit_vectors
from lateint_ref import MultiVectors, bytes_per_vector
from lateint_ref.multivectors import ResidualVectors
from lateint_ref.residual import ResidualCodec, centroid_count, pack, unpack_buckets

BITS = st.sampled_from([1, 2, 4])


def clustered(n_docs=40, dim=16, seed=0, n_themes=12):
    """Documents whose vectors lie around a few directions, as tokens do."""
    rng = np.random.default_rng(seed)
    themes = unit_vectors(n_themes, dim, seed)
    matrices = []
    for _ in range(n_docs):
        noisy = themes[rng.integers(0, n_themes, rng.integers(3, 12))]
        noisy = noisy + 0.25 * rng.standard_normal(noisy.shape, dtype=np.float32)
        matrices.append(noisy / np.linalg.norm(noisy, axis=1, keepdims=True))
    return MultiVectors.from_list(matrices, [f"d{number}" for number in range(n_docs)])


@pytest.fixture(scope="module")
def documents():
    return clustered()


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_packing_by_hand(bits):
    rows = {1: [1, 0, 0, 1, 0, 1, 0, 1], 2: [3, 0, 1, 2, 0, 0, 0, 1], 4: [15, 0, 7, 8]}
    packed = {1: [0b10010101], 2: [0b11000110, 0b00000001], 4: [0xF0, 0x78]}
    assert pack(np.array([rows[bits]], np.uint8), bits).tolist() == [packed[bits]]


@settings(deadline=None)
@given(BITS, st.integers(1, 4), st.data())
def test_packing_round_trips(bits, width, data):
    buckets = data.draw(arrays(np.uint8, (3, width * 8 // bits), elements=st.integers(0, 2**bits - 1)))
    packed = pack(buckets, bits)
    assert packed.shape == (3, width)
    np.testing.assert_array_equal(unpack_buckets(packed, bits), buckets)


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


def test_coarser_refuses(documents):
    codec = ResidualCodec.train(documents, bits=2)
    for bits in (4, 3, 0):
        with pytest.raises(ValueError, match="bits must be"):
            codec.coarser(bits)
    with pytest.raises(TypeError, match="bits must be"):
        codec.coarser(1.5)
    with pytest.raises(TypeError, match="encoded must be a ResidualVectors"):
        codec.coarsen(documents, 1)
    with pytest.raises(ValueError, match="another codec"):
        codec.coarsen(ResidualCodec.train(documents, bits=4).encode(documents), 1)


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
@given(BITS, st.integers(0, 50))
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


def test_save_and_load(documents, tmp_path):
    codec = ResidualCodec.train(documents, 2)
    encoded = codec.encode(documents)
    again = ResidualCodec.load(codec.save(tmp_path / "codec"))
    stored = ResidualVectors.load(encoded.save(tmp_path / "vectors.npz"))
    for name in ("centroids", "cutoffs", "weights"):
        np.testing.assert_array_equal(getattr(again, name), getattr(codec, name))
    np.testing.assert_array_equal(again.decode(stored).vectors, codec.decode(encoded).vectors)
    assert stored.ids == documents.ids
    assert sorted(path.name for path in tmp_path.iterdir()) == ["codec.npz", "vectors.npz"]


def test_load_refuses(tmp_path, documents):
    documents.save(tmp_path / "other.npz")
    (tmp_path / "cut.npz").write_bytes((tmp_path / "other.npz").read_bytes()[:100])
    np.save(tmp_path / "pickled.npy", np.array([{}]), allow_pickle=True)
    for name in ("other.npz", "cut.npz", "pickled.npy"):
        with pytest.raises(ValueError, match=r"is not a ResidualCodec file.*ResidualCodec\.save"):
            ResidualCodec.load(tmp_path / name)
        with pytest.raises(ValueError, match="is not a ResidualVectors file"):
            ResidualVectors.load(tmp_path / name)
    with pytest.raises(FileNotFoundError):
        ResidualCodec.load(tmp_path / "none.npz")


def test_take(documents):
    codec = ResidualCodec.train(documents, 2)
    encoded = codec.encode(documents)
    part = encoded.take([7, 2, 30])
    decoded, whole = codec.decode(part), codec.decode(encoded)
    assert part.ids == ["d7", "d2", "d30"]
    assert part.lengths.tolist() == [int(documents.lengths[index]) for index in (7, 2, 30)]
    for name in part.ids:
        np.testing.assert_array_equal(decoded[name], whole[name])
    with pytest.raises(IndexError, match="position 40 is outside this collection of 40"):
        encoded.take([0, 40])
    with pytest.raises(ValueError, match="documents is empty"):
        encoded.take([])
    with pytest.raises(ValueError, match="unique"):
        encoded.take([1, 1])


def test_training_refuses(documents):
    with pytest.raises(TypeError, match="documents must be a MultiVectors"):
        ResidualCodec.train(documents.vectors)
    with pytest.raises(ValueError, match=r"bits must be one of \[1, 2, 4\], got 3"):
        ResidualCodec.train(documents, 3)
    with pytest.raises(TypeError, match="bits must be a whole number"):
        ResidualCodec.train(documents, 2.0)
    with pytest.raises(ValueError, match="12 dimensions at 1 bits do not fill whole bytes"):
        ResidualCodec.train(MultiVectors.from_list([unit_vectors(2, 12)]), 1)
    with pytest.raises(ValueError, match=r"one of document 'long' has length 2.*directions only"):
        ResidualCodec.train(MultiVectors.from_list([unit_vectors(2), 2 * unit_vectors(1)], ["fine", "long"]))
    with pytest.raises(ValueError, match="one of document '0' has length 0"):
        ResidualCodec.train(MultiVectors.from_list([np.zeros((1, 16))]))
    with pytest.raises(ValueError, match="n_centroids is 9, but there are only 3 different vectors"):
        ResidualCodec.train(MultiVectors.from_list([unit_vectors(3)[[0, 1, 2, 0]]]), n_centroids=9)


def test_codec_refuses(documents):
    codec = ResidualCodec.train(documents, 2, n_centroids=8)
    encoded = codec.encode(documents)
    with pytest.raises(TypeError, match=r"encoded must be a ResidualVectors"):
        codec.decode(documents)
    with pytest.raises(ValueError, match="encoded comes from another codec: residuals of 4 bytes"):
        ResidualCodec.train(documents, 1, n_centroids=8).decode(encoded)
    with pytest.raises(ValueError, match="centroids up to 7; this one has 4 bytes and 4 centroids"):
        ResidualCodec(codec.centroids[:4], codec.cutoffs, codec.weights).maxsim_scores(unit_vectors(1), encoded)
    with pytest.raises(ValueError, match="vectors has 8 dimensions and centroids has 16"):
        codec.encode(MultiVectors.from_list([unit_vectors(2, 8)]))
    with pytest.raises(ValueError, match="query has 8 dimensions"):
        codec.maxsim_scores(unit_vectors(1, 8), encoded)
    with pytest.raises(ValueError, match="NaN"):
        codec.nearest(np.full((1, 16), np.nan))
    with pytest.raises(ValueError, match="got 3 weights and 3 cutoffs"):
        ResidualCodec(codec.centroids, [0, 0, 0], [0, 0, 0])
    with pytest.raises(ValueError, match="cutoffs must ascend"):
        ResidualCodec(codec.centroids, [0.2, 0.1, 0.3], [0, 0, 0, 0])


def test_vectors_refuse():
    offsets, residuals = np.array([0, 2]), np.zeros((2, 4), np.uint8)
    with pytest.raises(TypeError, match="residuals must be packed bits, uint8"):
        ResidualVectors(np.zeros(2, int), residuals.astype(float), offsets, ["a"])
    with pytest.raises(ValueError, match="one whole number for each of 2 residuals"):
        ResidualVectors(np.zeros(3, int), residuals, offsets, ["a"])
    with pytest.raises(ValueError, match="from 0 to 2147483647"):
        ResidualVectors(np.array([-1, 0]), residuals, offsets, ["a"])
    with pytest.raises(ValueError, match="offsets must begin at 0 and end at"):
        ResidualVectors(np.zeros(2, int), residuals, np.array([0, 3]), ["a"])
