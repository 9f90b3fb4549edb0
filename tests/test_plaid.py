"""PLAID's stages: against loops over their definitions, and exact search where nothing is left out."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers import clustered, refused, unit_vectors
from lateint_ref import MultiVectors, ResidualVectors, search
from lateint_ref.plaid import PlaidIndex, Settings, centroid_interaction, settings_for

EVERYTHING = Settings(10_000, -2.0, 10_000)


@pytest.fixture(scope="module")
def index():
    return PlaidIndex.build(clustered(60, 16), bits=2)


def interaction_by_loops(similarities, encoded, position, threshold=None):
    start, stop = encoded.offsets[position], encoded.offsets[position + 1]
    numbers = [int(number) for number in encoded.centroid_ids[start:stop]]
    if threshold is not None:
        numbers = [number for number in numbers if max(row[number] for row in similarities) >= threshold]
    if not numbers:
        return -np.inf
    return sum(max(float(row[number]) for number in numbers) for row in similarities)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 99), st.sampled_from([None, -2.0, 0.2, 0.5, 0.9, 2.0]))
def test_centroid_interaction_equals_loops(seed, threshold):
    documents = clustered(8, 8, seed)
    index = PlaidIndex.build(documents, 1, seed)
    similarities = index.similarities(unit_vectors(3, 8, seed))
    expected = [interaction_by_loops(similarities, index.encoded, at, threshold) for at in range(8)]
    got = centroid_interaction(similarities, index.encoded, threshold=threshold)
    assert got == pytest.approx(expected, abs=1e-5)
    some = [5, 0, 3]
    got = centroid_interaction(similarities, index.encoded, some, threshold)
    assert got == pytest.approx([expected[at] for at in some], abs=1e-5)


def test_similarities_and_pruning_leave_the_argument_alone(index):
    query = unit_vectors(4, 16, seed=2)
    similarities = index.similarities(query)
    assert similarities == pytest.approx(query @ index.codec.centroids.T)
    # One row or one column is where a transposed matrix is the caller's own memory.
    for rows in (similarities, similarities[:1], similarities[:, :1]):
        encoded = index.encoded
        if rows.shape[1] == 1:
            encoded = ResidualVectors(np.zeros(len(encoded.residuals), int), encoded.residuals, encoded.offsets)
        kept = rows.copy()
        centroid_interaction(rows, encoded, threshold=2.0)
        np.testing.assert_array_equal(rows, kept)


def test_a_query_of_one_vector_finds_what_exact_search_finds(index):
    decoded = index.codec.decode(index.encoded)
    query = decoded[7][:1]
    assert index.search(query, 1)[0].id == "d7"
    everything = index.search(query, 5, EVERYTHING)
    assert [hit.id for hit in everything] == [hit.id for hit in search(query, decoded, 5)]


@pytest.mark.parametrize("n", range(1, 9))
def test_collections_of_a_few_vectors(n):
    documents = MultiVectors.from_list([unit_vectors(1, 16, seed) for seed in range(n)])
    index = PlaidIndex.build(documents)
    for n_q in (1, 3):
        found = index.search(unit_vectors(n_q, 16, 99), n, Settings(10, 2.0, 100))
        assert len(found) == n
        assert all(np.isfinite(hit.score) for hit in found)


def test_documents_by_mask_and_id(index):
    similarities = index.similarities(unit_vectors(3, 16))
    every = centroid_interaction(similarities, index.encoded)
    mask = np.arange(60) % 7 == 0
    np.testing.assert_array_equal(centroid_interaction(similarities, index.encoded, mask), every[mask])
    np.testing.assert_array_equal(centroid_interaction(similarities, index.encoded, ["d3", "d1"]), every[[3, 1]])


def test_lists_hold_each_document_once_at_each_of_its_centroids(index):
    wanted = {
        number: sorted({at for at in range(60) if number in index.encoded.take([at]).centroid_ids})
        for number in range(len(index.codec.centroids))
    }
    got = {
        number: index.lists[index.list_offsets[number] : index.list_offsets[number + 1]].tolist() for number in wanted
    }
    assert got == wanted


@pytest.mark.parametrize("n_probe", [1, 2, 5])
def test_candidates_equal_loops(index, n_probe):
    similarities = index.similarities(unit_vectors(3, 16, seed=4))
    near = {int(c) for row in similarities for c in np.argsort(-row)[:n_probe]}
    expected = [at for at in range(60) if near & set(index.encoded.take([at]).centroid_ids.tolist())]
    assert index.candidates(similarities, n_probe).tolist() == expected


def test_unused_centroids_are_passed_over():
    index = PlaidIndex.build(clustered(20, 16), bits=1)
    lonely = index.codec.centroids.copy()
    spare = unit_vectors(1, 16, seed=77)
    codec = type(index.codec)(np.vstack([lonely, spare]), index.codec.cutoffs, index.codec.weights)
    found = PlaidIndex(codec, index.encoded).search(spare, k=3, settings=Settings(1, -2.0, 100))
    assert len(found) == 3


def test_with_nothing_left_out_it_is_exact_search_on_decoded_vectors(index):
    for seed in range(5):
        query = unit_vectors(4, 16, seed)
        exact = search(query, index.codec.decode(index.encoded), k=60)
        found = index.search(query, k=60, settings=EVERYTHING)
        assert [hit.id for hit in found] == [hit.id for hit in exact]
        assert [hit.score for hit in found] == pytest.approx([hit.score for hit in exact], abs=1e-4)


def test_stages_narrow_down_and_follow_their_definitions(index):
    query, chosen = unit_vectors(4, 16, seed=8), Settings(2, 0.4, 12)
    stages = index.stages(query, chosen)
    similarities = index.similarities(query)
    assert set(stages.ranked) == set(stages.decoded) <= set(stages.pruned) <= set(stages.candidates)
    assert (len(stages.pruned), len(stages.decoded)) == (12, 3)

    def best(among, n, threshold):
        score = {at: interaction_by_loops(similarities, index.encoded, at, threshold) for at in among}
        return sorted(among, key=lambda at: -score[at])[:n]

    assert stages.pruned.tolist() == best(stages.candidates.tolist(), 12, 0.4)
    assert stages.decoded.tolist() == best(stages.pruned.tolist(), 3, None)
    assert (np.diff(stages.scores) <= 0).all()
    assert [hit.id for hit in index.search(query, 2, chosen)] == [index.encoded.ids[at] for at in stages.ranked[:2]]


def test_settings_are_colbert_s():
    assert [settings_for(k) for k in (1, 10, 11, 100, 1000)] == [
        (1, 0.5, 256),
        (1, 0.5, 256),
        (2, 0.45, 1024),
        (2, 0.45, 1024),
        (4, 0.4, 4096),
    ]
    assert settings_for(5000).n_docs == 20_000


def test_bytes(index):
    listed = sum(len(set(index.encoded.take([at]).centroid_ids.tolist())) for at in range(60))
    n_centroids = len(index.codec.centroids)
    assert index.nbytes == len(index.encoded.residuals) * 8 + n_centroids * 16 * 2 + 7 * 4 + 4 * (listed + n_centroids)


def test_refuses(index):
    ones, encoded = np.ones((1, 500)), index.encoded
    refused(ValueError, "1 centroids, but encoded uses number", centroid_interaction, np.ones((1, 1)), encoded)
    refused(ValueError, "NaN", centroid_interaction, np.nan * ones, encoded)
    refused(IndexError, "position 60 is outside", centroid_interaction, ones, encoded, [60])
    refused(TypeError, "whole numbers", centroid_interaction, ones, encoded, [0.5])
    refused(ValueError, "query is empty", index.search, np.empty((0, 16)))
    assert centroid_interaction(ones, encoded, []).shape == (0,)
