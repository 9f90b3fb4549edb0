"""MUVERA's encodings, against their definition in loops and against MaxSim."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers import clustered, maxsim_by_loops, refused, unit_vectors
from lateint_ref import MultiVectors, maxsim_scores
from lateint_ref.muvera import FixedDimensionalEncoder

DIM = 8


def documents(seed=0, lengths=(1, 2, 5, 30)):
    return MultiVectors.from_list([unit_vectors(n, DIM, seed + place) for place, n in enumerate(lengths)])


def by_loops(encoder, matrix, is_query):
    """An encoding as the paper defines it, one cell and one vector at a time, in float64."""
    parts = []
    for repetition in range(encoder.repetitions):
        planes = encoder._planes[repetition].astype(np.float64)
        sides = [tuple(float(x @ planes[:, i]) > 0 for i in range(encoder.bits)) for x in matrix.astype(np.float64)]
        signs = np.eye(encoder.dim) if encoder._signs is None else encoder._signs[repetition].astype(np.float64)
        projected = [x @ signs for x in matrix.astype(np.float64)]
        for cell in range(encoder.cells):
            wanted = tuple(bool(cell >> i & 1) for i in range(encoder.bits))
            here = [y for y, side in zip(projected, sides, strict=True) if side == wanted]
            total = np.sum(here, axis=0) if here else np.zeros(encoder.inner_dim)
            if not is_query and here:
                total = total / len(here)
            elif not is_query and encoder.fill_empty:
                differing = [sum(a != b for a, b in zip(side, wanted, strict=True)) for side in sides]
                total = projected[differing.index(min(differing))]
            parts.append(total)
    wide = np.concatenate(parts) / encoder.repetitions**0.5
    if encoder._bucket is None:
        return wide
    final = np.zeros(encoder.size)
    for value, bucket, flip in zip(wide, encoder._bucket, encoder._flip, strict=True):
        final[bucket] += flip * value
    return final


@pytest.mark.parametrize("bits", [0, 1, 3, 6])
@pytest.mark.parametrize("inner_dim", [None, 3])
@pytest.mark.parametrize("final_dim", [None, 40])
@pytest.mark.parametrize("fill_empty", [True, False])
def test_encodings_are_those_of_the_definition(bits, inner_dim, final_dim, fill_empty):
    encoder = FixedDimensionalEncoder(DIM, bits, 3, inner_dim, final_dim, fill_empty, seed=5)
    collection, query = documents(), unit_vectors(7, DIM, 99)
    encoded = encoder.encode_documents(collection)
    assert encoded.shape == (4, encoder.size)
    assert encoded.dtype == np.float32
    assert encoder.size == (final_dim or 3 * 2**bits * (inner_dim or DIM))
    for row, matrix in zip(encoded, collection, strict=True):
        np.testing.assert_allclose(row, by_loops(encoder, matrix, is_query=False), atol=1e-5)
    np.testing.assert_allclose(encoder.encode_query(query), by_loops(encoder, query, is_query=True), atol=1e-5)


def test_a_large_collection_is_worked_through_in_slices():
    encoder = FixedDimensionalEncoder(DIM, 6, 64, seed=1)  # 32,768 dimensions: 128 documents a slice
    collection = MultiVectors.from_list([unit_vectors(1 + n % 3, DIM, n) for n in range(300)])
    encoded = encoder.encode_documents(collection)
    for position in (0, 127, 128, 299):
        alone = encoder.encode_documents(MultiVectors.from_list([collection[position]]))[0]
        np.testing.assert_allclose(encoded[position], alone, atol=1e-6)


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 10**6), st.integers(0, 5), st.booleans())
def test_never_above_maxsim(seed, bits, fill_empty):
    # Every query vector meets an average of document vectors, which no maximum can be below.
    encoder = FixedDimensionalEncoder(DIM, bits, 2, fill_empty=fill_empty, seed=seed)
    collection, query = documents(seed), unit_vectors(5, DIM, seed + 77)
    estimates = encoder.encode_documents(collection) @ encoder.encode_query(query)
    exact = np.array([maxsim_by_loops(query, matrix) for matrix in collection])
    if fill_empty:
        assert (estimates <= exact + 1e-4).all()
    # One vector: with its empty cells filled it stands everywhere, and the estimate is exact.
    if fill_empty or bits == 0:
        assert estimates[0] == pytest.approx(exact[0], abs=1e-4)


def test_estimates_follow_maxsim_and_more_repetitions_come_closer():
    collection, rng = clustered(60, 32, n_themes=200), np.random.default_rng(3)
    queries = [matrix[:6] + 0.05 * rng.standard_normal(matrix[:6].shape) for matrix in collection[:20]]
    exact = np.array([maxsim_scores(query, collection) for query in queries])
    correlations, first = [], []
    for encoder in (
        FixedDimensionalEncoder(32, bits=0, repetitions=1),
        FixedDimensionalEncoder(32, bits=4, repetitions=1),
        FixedDimensionalEncoder(32, bits=4, repetitions=20),
    ):
        encoded = encoder.encode_documents(collection)
        estimates = np.array([encoded @ encoder.encode_query(query) for query in queries])
        correlations.append(np.corrcoef(estimates.ravel(), exact.ravel())[0, 1])
        first.append((estimates.argmax(axis=1) == exact.argmax(axis=1)).mean())
    assert correlations[0] < correlations[1] < correlations[2]
    assert correlations[2] > 0.85
    assert first[2] == 1


def test_projections_are_unbiased():
    collection, query = documents(lengths=(6,)), unit_vectors(4, DIM, 42)
    whole = FixedDimensionalEncoder(DIM, 2, 1, seed=0)
    estimates = []
    for seed in range(400):
        projecting = FixedDimensionalEncoder(DIM, 2, 1, inner_dim=4, final_dim=16, seed=seed)
        projecting._planes = whole._planes  # the same cells, so that only the projections differ
        estimates.append(float(projecting.encode_documents(collection)[0] @ projecting.encode_query(query)))
    expected = float(whole.encode_documents(collection)[0] @ whole.encode_query(query))
    error = np.std(estimates) / np.sqrt(len(estimates))
    assert abs(np.mean(estimates) - expected) < 4 * error
    assert error < 0.2


def test_the_seed_decides_everything():
    collection, query = documents(), unit_vectors(3, DIM)
    one, same, other = (FixedDimensionalEncoder(DIM, 3, 2, 4, 50, seed=seed) for seed in (1, 1, 2))
    assert np.array_equal(one.encode_documents(collection), same.encode_documents(collection))
    assert np.array_equal(one.encode_query(query), same.encode_query(query))
    assert not np.allclose(one.encode_query(query), other.encode_query(query))


def test_refuses():
    refused(ValueError, "from 0 to 16", FixedDimensionalEncoder, DIM, 17)
    refused(ValueError, "a vector has only 8 dimensions", FixedDimensionalEncoder, DIM, inner_dim=9)
