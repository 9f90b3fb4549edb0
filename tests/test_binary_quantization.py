"""One bit a dimension with corrections, against what the bits and levels stand for, written out."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from helpers import refused, unit_vectors
from lateint_ref.bbq import BinaryQuantizedVectors, oversampled_search, quantize_query

finite = st.floats(-100, 100, width=32)


def reconstruct_by_loops(vectors):
    """Every value as its bit and its side's level, in float64."""
    centroid = vectors.astype(np.float64).mean(axis=0)
    rows = []
    for row in vectors.astype(np.float64) - centroid.astype(np.float32):
        above, below = [v for v in row if v > 0], [v for v in row if v <= 0]
        high, low = np.mean(above) if above else 0.0, np.mean(below) if below else 0.0
        rows.append([v * _stretch(row, high, low) for v in (high if v > 0 else low for v in row)])
    return np.array(rows) + centroid


def _stretch(row, high, low):
    kept = sum((high if v > 0 else low) ** 2 for v in row)
    return 1 / (0.1 + 0.9 * kept / sum(v * v for v in row))


def estimate_by_loops(vectors, query):
    """Dot product of what is left of both after rounding, plus what is known exactly."""
    centroid = vectors.astype(np.float64).mean(axis=0)
    residual = query.astype(np.float64) - centroid
    base, width = residual.min(), np.ptp(residual) / 15
    rounded = np.array([base + width * round((value - base) / width) if width else base for value in residual])
    estimates = []
    for vector, shape in zip(vectors, reconstruct_by_loops(vectors) - centroid, strict=True):
        met = sum(a * b for a, b in zip(shape, rounded, strict=True))
        estimates.append(met + vector @ centroid + query @ centroid - centroid @ centroid)
    return np.array(estimates)


def test_reconstruction_and_estimate_are_those_of_the_definition():
    vectors, query = unit_vectors(25, 64, 1) + 0.1, unit_vectors(1, 64, 2)[0]
    quantized = BinaryQuantizedVectors(vectors)
    np.testing.assert_allclose(quantized.reconstruct(), reconstruct_by_loops(vectors), atol=1e-5)
    np.testing.assert_allclose(quantized.scores(query), estimate_by_loops(vectors, query), atol=1e-5)
    assert quantized.scores(query).dtype == np.float32
    assert (len(quantized), quantized.dim) == (25, 64)


@settings(deadline=None, max_examples=60)
@given(arrays(np.float32, (5, 16), elements=finite), arrays(np.float32, (16,), elements=finite))
def test_counting_bits_gives_the_dot_product_of_what_was_kept(vectors, query):
    quantized = BinaryQuantizedVectors(vectors)
    levels, base, width = quantize_query(query - quantized.centroid)
    kept = quantized.reconstruct().astype(np.float64) - quantized.centroid
    known = vectors.astype(np.float64) @ quantized.centroid + query.astype(np.float64) @ quantized.centroid
    expected = kept @ (base + width * levels) + known - quantized.centroid.astype(np.float64) @ quantized.centroid
    scale = max(1.0, float(np.abs(vectors).max()) ** 2, float(np.abs(query).max()) ** 2)
    np.testing.assert_allclose(quantized.scores(query), expected, atol=1e-4 * 16 * scale)


@settings(deadline=None)
@given(arrays(np.float32, (24,), elements=finite))
def test_a_query_is_rounded_by_at_most_half_a_level(values):
    levels, base, width = quantize_query(values)
    assert levels.dtype == np.uint8
    assert levels.max() <= 15
    assert np.abs(base + width * levels - values.astype(np.float64)).max() <= width / 2 + 1e-9


def test_two_valued_vectors_and_their_levels_are_kept_exactly():
    # Each row takes two values, and so does what is left after centring: nothing is lost but the query's rounding.
    rows = np.array([[1, -1, 1, -1, 1, -1, 1, -1], [-1, 1, -1, 1, -1, 1, -1, 1]], np.float32)
    quantized = BinaryQuantizedVectors(rows)
    np.testing.assert_allclose(quantized.reconstruct(), rows, atol=1e-6)
    query = np.arange(8, dtype=np.float32) * 15 / 7
    query = np.round(query)
    np.testing.assert_allclose(quantized.scores(query), rows @ query, atol=1e-4)


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 10**6), st.floats(-0.2, 0.2), st.floats(-0.2, 0.2))
def test_no_other_levels_have_a_smaller_loss(seed, more_low, more_high):
    vectors = unit_vectors(3, 16, seed)
    quantized = BinaryQuantizedVectors(vectors)
    residual = vectors.astype(np.float64) - quantized.centroid

    def losses(kept):
        error = residual - kept
        along = (residual * error).sum(axis=1) ** 2 / (residual**2).sum(axis=1)
        return 0.9 * along + 0.1 * (error**2).sum(axis=1)

    kept = quantized.reconstruct().astype(np.float64) - quantized.centroid
    other = kept + np.where(residual > 0, more_high, more_low)
    assert (losses(kept) <= losses(other) + 1e-6).all()


def test_corrections_make_estimates_better_than_signs_alone():
    vectors = unit_vectors(400, 64, 3) + 0.3 * unit_vectors(1, 64, 4)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    quantized = BinaryQuantizedVectors(vectors)
    ours, signs = [], []
    for query in unit_vectors(20, 64, 5):
        exact = vectors @ query
        ours.append(np.corrcoef(quantized.scores(query), exact)[0, 1])
        signs.append(np.corrcoef(np.sign(vectors) @ np.sign(query), exact)[0, 1])
    assert np.mean(ours) > np.mean(signs) + 0.1
    assert np.mean(np.abs(quantized.scores(query) - exact)) < 0.1


def test_oversampling_reaches_the_exact_order():
    vectors, query = unit_vectors(300, 64, 6), unit_vectors(1, 64, 7)[0]
    quantized = BinaryQuantizedVectors(vectors)
    exact = np.argsort(-(vectors @ query), kind="stable")[:10]
    found = [len(set(exact) & set(oversampled_search(query, vectors, quantized, 10, factor))) for factor in (1, 3, 30)]
    assert found[0] <= found[1] <= found[2] == 10
    assert oversampled_search(query, vectors, quantized, 10, 30).tolist() == exact.tolist()
    assert len(oversampled_search(query, vectors, quantized, 7, 1.5)) == 7
    # The order is that of exact dot products even where nothing is oversampled.
    alone = oversampled_search(query, vectors, quantized, 10, 1)
    assert np.all(np.diff(vectors[alone] @ query) <= 0)
    assert set(alone) == set(np.argsort(-quantized.scores(query), kind="stable")[:10])


def test_bytes():
    quantized = BinaryQuantizedVectors(unit_vectors(3, 128))
    assert quantized.bytes_per_vector == 128 / 8 + 14
    kept = (quantized.bits, quantized.lower, quantized.step, quantized.centroid_dot, quantized.ones)
    assert sum(part.nbytes for part in kept) == 3 * quantized.bytes_per_vector


def test_a_single_vector_and_equal_values():
    one = BinaryQuantizedVectors(np.ones((1, 8)))
    np.testing.assert_allclose(one.scores(np.arange(8)), [28], atol=1e-4)
    assert quantize_query(np.full(8, 3.0))[1:] == (3.0, 0.0)


def test_refuses():
    vectors = unit_vectors(4, 16)
    quantized, query = BinaryQuantizedVectors(vectors), vectors[0]
    refused(ValueError, "multiple of 8", BinaryQuantizedVectors, np.ones((2, 7)))
    refused(ValueError, "at most 65,535", BinaryQuantizedVectors, np.ones((1, 65544), np.float32))
    refused(ValueError, "one vector", quantized.scores, vectors)
    refused(ValueError, "empty", quantize_query, [])
    refused(ValueError, r"shape \(4, 16\), got \(3, 16\)", oversampled_search, query, vectors[:3], quantized)
    for factor in (0.5, float("nan"), float("inf"), "3"):
        refused(ValueError, "oversample must be", oversampled_search, query, vectors, quantized, oversample=factor)
