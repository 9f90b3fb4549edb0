"""Token pooling: against naive loops, scikit-learn's Ward clustering and colpali-engine's pooler."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers import maxsim_by_loops, refused, unit_vectors
from lateint_ref import (
    MultiVectors,
    PageVectors,
    maxsim,
    pool_blocks,
    pool_collection,
    pool_columns,
    pool_levels,
    pool_rows,
    pool_tokens,
)
from lateint_ref.pooling import METHODS

each_method = pytest.mark.parametrize("method", METHODS)


def mean_by_loops(vectors):
    """Normalised mean in plain Python."""
    total = [sum(float(v[axis]) for v in vectors) for axis in range(len(vectors[0]))]
    length = sum(value * value for value in total) ** 0.5
    return [value / length for value in total]


def pages_of(*grids, dim=8, extra=2, seed=0):
    """Random pages; the extra vectors stand first, so that positions and patches differ."""
    sizes = [rows * columns for rows, columns in grids]
    vectors = [unit_vectors(extra + size, dim, seed + place) for place, size in enumerate(sizes)]
    patches = tuple(extra + np.arange(size) for size in sizes)
    return PageVectors(MultiVectors.from_list(vectors, [f"p{i}" for i in range(len(grids))]), tuple(grids), patches)


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 40), st.integers(1, 50), st.sampled_from(METHODS), st.integers(0, 99))
def test_shape_length_and_identity(n, factor, method, seed):
    vectors = unit_vectors(n, 8, seed)
    pooled = pool_tokens(vectors, factor, method, seed)
    assert pooled.shape == (max(1, n // factor), 8)
    assert pooled.dtype == np.float32
    assert np.linalg.norm(pooled, axis=1) == pytest.approx(np.ones(len(pooled)), abs=1e-5)
    np.testing.assert_array_equal(pool_tokens(vectors, 1, method), vectors)
    if factor > 1 and n // factor <= 1 < n:
        assert pooled[0] == pytest.approx(mean_by_loops(vectors), abs=1e-5)


@pytest.mark.parametrize("n", [8, 40, 1030])
@pytest.mark.parametrize("factor", [2, 3, 10])
def test_hierarchical_equals_colpali_engine(n, factor):
    import torch
    from colpali_engine.compression.token_pooling import HierarchicalTokenPooler

    vectors = unit_vectors(n, 128, seed=n)
    given = [torch.from_numpy(vectors)]
    theirs = HierarchicalTokenPooler().pool_embeddings(given, pool_factor=factor)[0].numpy()
    ours = pool_tokens(vectors, factor)
    assert ours.shape == theirs.shape
    best = (ours @ theirs.T).argmax(axis=1)
    assert sorted(best) == list(range(len(theirs)))
    assert ours == pytest.approx(theirs[best], abs=1e-5)


@pytest.mark.parametrize("count", [2, 5, 20])
def test_hierarchical_equals_scikit_learn(count):
    from sklearn.cluster import AgglomerativeClustering

    vectors = unit_vectors(60, 16, seed=count)
    labels = AgglomerativeClustering(count, linkage="ward").fit_predict(1 - vectors @ vectors.T)
    expected = sorted(mean_by_loops(vectors[labels == label]) for label in range(count))
    assert np.array(sorted(pool_tokens(vectors, 60 // count).tolist())) == pytest.approx(np.array(expected), abs=1e-5)


def test_kmeans_puts_each_vector_with_its_nearest_mean():
    centres = np.repeat(unit_vectors(4, 16, seed=1), 6, axis=0)
    vectors = centres + 0.02 * unit_vectors(24, 16, seed=2)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    expected = [mean_by_loops(vectors[start : start + 6]) for start in range(0, 24, 6)]
    assert pool_tokens(vectors, 6, "kmeans") == pytest.approx(np.array(expected), abs=1e-5)


def test_windows_by_hand():
    vectors = unit_vectors(7, 8)
    # Three windows of seven vectors: 3 + 2 + 2.
    expected = [mean_by_loops(vectors[a:b]) for a, b in ((0, 3), (3, 5), (5, 7))]
    assert pool_tokens(vectors, 2, "windows") == pytest.approx(np.array(expected), abs=1e-6)


def test_random_depends_on_the_seed_alone():
    vectors = unit_vectors(30, 8)
    first = pool_tokens(vectors, 3, "random", seed=1)
    np.testing.assert_array_equal(first, pool_tokens(vectors, 3, "random", seed=1))
    assert not np.array_equal(first, pool_tokens(vectors, 3, "random", seed=2))
    # Not the windows in another order: neighbours are parted.
    assert not np.allclose(np.sort(first, axis=0), np.sort(pool_tokens(vectors, 3, "windows"), axis=0))


@each_method
def test_clusters_part_the_vectors(method):
    """Every vector is in one cluster: each cluster's mean, before it is normalised, adds up to the whole."""
    basis = np.eye(12, dtype=np.float32)
    pooled = pool_tokens(basis, 3, method)
    # On a basis, a normalised mean of m vectors has m entries of 1 / sqrt(m).
    assert (pooled > 0).sum(axis=0).tolist() == [1] * 12
    assert (pooled > 0).argmax(axis=1).tolist() == sorted((pooled > 0).argmax(axis=1))


@pytest.mark.parametrize("method", ["hierarchical", "kmeans"])
def test_equal_vectors_give_the_promised_number(method):
    """Blank patches are equal: merges tie in height, and a cut by height would return fewer clusters."""
    blank, words = np.tile(unit_vectors(1), (30, 1)), unit_vectors(6, seed=3)
    assert pool_tokens(blank, 3, method).shape == (10, 16)
    # As long as there are clusters enough for all that differ, pooling loses nothing.
    page = np.concatenate([blank, words])
    pooled, query = pool_tokens(page, 4, method), unit_vectors(5, seed=4)
    assert len(pooled) == 9
    assert maxsim(query, pooled) == pytest.approx(maxsim_by_loops(query, page), abs=1e-4)


@each_method
def test_collection_equals_one_by_one(method):
    documents = MultiVectors.from_list([unit_vectors(n, 8, seed=n) for n in (1, 5, 24, 7)], list("abcd"))
    levels = pool_levels(documents, [7, 1, 3, 200], method, seed=5)
    assert list(levels) == [7, 1, 3, 200]
    for factor, pooled in levels.items():
        assert pooled.ids == documents.ids
        for name in documents.ids:
            np.testing.assert_array_equal(pooled[name], pool_tokens(documents[name], factor, method, seed=5))
    np.testing.assert_array_equal(levels[1].vectors, documents.vectors)
    again = pool_collection(documents, 3, method, seed=5)
    np.testing.assert_array_equal(again.vectors, levels[3].vectors)
    np.testing.assert_array_equal(again.offsets, levels[3].offsets)


@each_method
def test_lengths_do_not_matter(method):
    """Clusters are those of cosines, so vectors are scaled to length 1 first; what is left single is, too."""
    vectors = unit_vectors(24, 8)
    scaled = vectors * np.random.default_rng(1).uniform(0.2, 5, (24, 1)).astype(np.float32)
    assert pool_tokens(scaled, 3, method) == pytest.approx(pool_tokens(vectors, 3, method), abs=1e-5)
    assert pool_tokens(3 * vectors[:1], 3, method) == pytest.approx(vectors[:1], abs=1e-6)
    np.testing.assert_array_equal(pool_tokens(scaled, 1, method), scaled)


def test_refuses():
    vectors, documents = unit_vectors(4), MultiVectors.from_list([unit_vectors(4)])
    for factor in (2, 2.0, "2", None):
        refused(TypeError, "pool_factors must be a", pool_levels, documents, factor)
    for factors in ([], [2, 2]):
        refused(ValueError, "one or more different whole numbers", pool_levels, documents, factors)
    for method in ("magic", None, ["kmeans"]):
        refused(ValueError, r"method must be one of .*'hierarchical'.* got", pool_tokens, vectors, 2, method=method)


@each_method
def test_vectors_that_cancel_are_named(method):
    cancel = unit_vectors(1) * [[1], [-1]]
    refused(ValueError, "the mean of cluster 0 is zero", pool_tokens, cancel, 2, method)
    documents = MultiVectors.from_list([unit_vectors(2), np.zeros((2, 16))], ["fine", "empty"])
    refused(ValueError, "document 'empty'", pool_collection, documents, 2, method)


@pytest.mark.parametrize(
    ("pool", "block"),
    [
        (pool_rows, lambda row, column: row),
        (pool_columns, lambda row, column: column),
        (lambda pages: pool_blocks(pages, (2, 3)), lambda row, column: (row // 2, column // 3)),
    ],
    ids=["rows", "columns", "blocks"],
)
def test_grids_against_loops(pool, block):
    pages = pages_of((3, 5), (2, 4), (1, 1))
    pooled = pool(pages)
    assert pooled.ids == pages.ids
    for name in pages.ids:
        grid = pages.patch_vectors(name)
        members = {}
        for row in range(grid.shape[0]):
            for column in range(grid.shape[1]):
                members.setdefault(block(row, column), []).append(grid[row, column])
        expected = [mean_by_loops(vectors) for _, vectors in sorted(members.items())]
        assert pooled[name][:-2] == pytest.approx(np.array(expected), abs=1e-5)
        np.testing.assert_array_equal(pooled[name][-2:], pages.vectors[name][:2])


def test_a_colpali_page_has_38_vectors_after_row_pooling():
    pages = pages_of((32, 32), extra=6)
    assert len(pages.vectors.vectors) == 1030
    assert pool_rows(pages).lengths.tolist() == pool_columns(pages).lengths.tolist() == [38]


def test_blocks_of_one_patch_keep_all():
    pages = pages_of((3, 4))
    np.testing.assert_allclose(pool_blocks(pages, (1, 1)).vectors[:12], pages.vectors.vectors[2:], atol=1e-6)
    whole = pool_blocks(pages, (99, 99))
    assert whole.lengths.tolist() == [3]


def test_grids_refuse():
    for block in (3, (1,), (1, 2, 3), None):
        refused(ValueError, r"block: expected \(rows, columns\)", pool_blocks, pages_of((2, 2)), block)
    row = unit_vectors(1)
    cancel = PageVectors(MultiVectors.from_list([np.concatenate([row, -row])], ["odd"]), ((1, 2),), (np.arange(2),))
    refused(ValueError, "the mean of block 0 of page 'odd' is zero", pool_rows, cancel)
