"""One way to take an argument: every public function takes the same kinds of numbers, and refuses the same."""

import numpy as np
import pytest
import torch

import lateint_ref as ref
from helpers import refused, unit_vectors
from lateint_ref import checks, pages, plaid
from lateint_ref.cost import scan
from lateint_ref.elastic import bodies, mappings
from workbook.page_text import chunk_pages

DOCUMENTS = ref.MultiVectors.from_list([unit_vectors(n, 16, n) for n in (3, 5, 4)], list("abc"))
# Values that bfloat16 holds exactly, so that every kind of array must give the same result.
VECTORS = np.sign(unit_vectors(6, 16)) / 4
VECTOR = VECTORS[0]
SCORES = np.array([0.5, -1.0, 2.0])
PACKED = ref.binarize_collection(DOCUMENTS)
BYTES = ref.quantize_collection(DOCUMENTS)
QUANTIZED = ref.BinaryQuantizedVectors(VECTORS)
ENCODER = ref.FixedDimensionalEncoder(16, 2, 2)
CODEC = ref.ResidualCodec.train(DOCUMENTS, 2)
ENCODED = CODEC.encode(DOCUMENTS)
INDEX = plaid.PlaidIndex(CODEC, ENCODED)
PAGES = ref.PageVectors(DOCUMENTS.take(["c"]), ((2, 2),), (np.arange(4),))
WORDS = bodies.match_query("title", "words")

TAKES_NUMBERS = {
    "similarity_matrix": lambda as_kind: ref.similarity_matrix(as_kind(VECTORS), as_kind(VECTORS)),
    "maxsim": lambda as_kind: ref.maxsim(as_kind(VECTORS), as_kind(VECTORS)),
    "alignment": lambda as_kind: ref.alignment(as_kind(VECTORS), as_kind(VECTORS))[1],
    "maxsim_scores": lambda as_kind: ref.maxsim_scores(as_kind(VECTORS), DOCUMENTS),
    "from_list": lambda as_kind: ref.MultiVectors.from_list([as_kind(VECTORS)]).vectors,
    "from_list of vectors": lambda as_kind: ref.MultiVectors.from_list([[as_kind(row) for row in VECTORS]]).vectors,
    "top_k": lambda as_kind: ref.top_k(as_kind(SCORES), 2),
    "rank_of": lambda as_kind: ref.rank_of(as_kind(SCORES), 1),
    "binarize": lambda as_kind: ref.binarize(as_kind(VECTORS)),
    "maxsim_asymmetric": lambda as_kind: ref.maxsim_asymmetric(as_kind(VECTORS), ref.binarize(VECTORS)),
    "quantize_int8": lambda as_kind: ref.quantize_int8(as_kind(VECTORS)),
    "BinaryQuantizedVectors": lambda as_kind: ref.BinaryQuantizedVectors(as_kind(VECTORS)).scores(as_kind(VECTOR)),
    "oversampled_search": lambda as_kind: ref.oversampled_search(as_kind(VECTOR), as_kind(VECTORS), QUANTIZED, 2),
    "average_vector": lambda as_kind: ref.average_vector(as_kind(VECTORS)),
    "pool_tokens": lambda as_kind: ref.pool_tokens(as_kind(VECTORS), 2),
    "prune_near": lambda as_kind: ref.prune_near(DOCUMENTS, as_kind(VECTOR), 0.1).vectors,
    "prune_vectors": lambda as_kind: ref.prune_vectors(DOCUMENTS, as_kind(np.arange(12.0)), 2).vectors,
    "encode_query": lambda as_kind: ENCODER.encode_query(as_kind(VECTORS)),
    "maxsim_asymmetric_scores": lambda as_kind: ref.maxsim_asymmetric_scores(as_kind(VECTORS), PACKED),
    "fused_scores": lambda as_kind: ref.fused_scores([as_kind(SCORES), as_kind(SCORES)]),
    "two_stage_search": lambda as_kind: ref.two_stage_search(as_kind(VECTORS), DOCUMENTS, as_kind(SCORES))[0].score,
    "ResidualCodec": lambda as_kind: (
        ref.ResidualCodec(as_kind(VECTORS), as_kind([0.0]), as_kind([-0.5, 0.5])).centroids
    ),
    "PlaidIndex": lambda as_kind: [hit.score for hit in INDEX.search(as_kind(VECTORS), 2)],
    "patch_similarity": lambda as_kind: pages.patch_similarity(as_kind(VECTORS), as_kind(VECTORS.reshape(2, 3, 16))),
    "summed_map": lambda as_kind: pages.summed_map(as_kind(VECTORS.reshape(2, 3, 16))),
    "top_patches": lambda as_kind: pages.top_patches(as_kind(VECTORS)),
}

KINDS = {
    "float64": lambda values: np.asarray(values, np.float64),
    "list": lambda values: np.asarray(values).tolist(),
    "bfloat16": lambda values: torch.tensor(np.asarray(values), dtype=torch.bfloat16),
    "float16": lambda values: torch.tensor(np.asarray(values), dtype=torch.float16),
    "with gradient": lambda values: torch.tensor(np.asarray(values), dtype=torch.float32, requires_grad=True),
    "masked, nothing masked": lambda values: np.ma.masked_array(np.asarray(values)),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("function", TAKES_NUMBERS)
def test_every_kind_of_array_gives_the_same(function, kind):
    call = TAKES_NUMBERS[function]
    np.testing.assert_allclose(call(KINDS[kind]), call(lambda values: np.asarray(values, np.float32)), rtol=1e-5)


@pytest.mark.parametrize("function", TAKES_NUMBERS)
def test_masked_values_nan_and_words_are_refused(function):
    call = TAKES_NUMBERS[function]
    with pytest.raises(ValueError, match="masked array"):
        call(lambda values: np.ma.masked_array(values, np.ones(np.shape(values), bool)))
    refused(ValueError, "NaN", call, lambda values: np.full(np.shape(values), np.nan))
    refused(TypeError, "real numbers", call, lambda values: np.full(np.shape(values), "a"))


@pytest.mark.parametrize("function", TAKES_NUMBERS)
def test_nothing_and_another_rank_are_refused(function):
    call = TAKES_NUMBERS[function]
    with pytest.raises(ValueError):  # noqa: PT011  each says it in its own words
        call(lambda values: np.empty((0, *np.shape(values)[1:])))
    with pytest.raises(ValueError):  # noqa: PT011
        call(lambda values: np.asarray(values)[None])


# What takes a whole number, under its name, and the least that it takes.
COUNTS = {
    "k: top_k": (lambda n: ref.top_k(SCORES, n), 1),
    "k: search": (lambda n: ref.search(VECTORS, DOCUMENTS, n), 1),
    "k: oversampled_search": (lambda n: ref.oversampled_search(VECTOR, VECTORS, QUANTIZED, n), 1),
    "k: reciprocal_rank_fusion": (lambda n: ref.reciprocal_rank_fusion([["a"]], n), 1),
    "k: top_patches": (lambda n: pages.top_patches(VECTORS, n), 1),
    "k: PlaidIndex": (lambda n: INDEX.search(VECTORS, n), 1),
    "n_probe: PlaidIndex": (lambda n: INDEX.search(VECTORS, 2, plaid.Settings(n, 0.5, 10)), 1),
    "n_docs: PlaidIndex": (lambda n: INDEX.search(VECTORS, 2, plaid.Settings(1, 0.5, n)), 1),
    "rank_constant: fused_scores": (lambda n: ref.fused_scores([SCORES], rank_constant=n), 1),
    "pool_factor: pool_tokens": (lambda n: ref.pool_tokens(VECTORS, n), 1),
    "pool_factor: pool_collection": (lambda n: ref.pool_collection(DOCUMENTS, n), 1),
    "seed: pool_tokens": (lambda n: ref.pool_tokens(VECTORS, 2, "random", seed=n), 0),
    "rows of block: pool_blocks": (lambda n: ref.pool_blocks(PAGES, (n, 1)), 1),
    "columns of block: pool_blocks": (lambda n: ref.pool_blocks(PAGES, (1, n)), 1),
    "factor: prune_vectors": (lambda n: ref.prune_vectors(DOCUMENTS, np.ones(12), n), 1),
    "dim: FixedDimensionalEncoder": (lambda n: ref.FixedDimensionalEncoder(n), 1),
    "bits: FixedDimensionalEncoder": (lambda n: ref.FixedDimensionalEncoder(16, n), 0),
    "repetitions: FixedDimensionalEncoder": (lambda n: ref.FixedDimensionalEncoder(16, 2, n), 1),
    "inner_dim: FixedDimensionalEncoder": (lambda n: ref.FixedDimensionalEncoder(16, inner_dim=n), 1),
    "final_dim: FixedDimensionalEncoder": (lambda n: ref.FixedDimensionalEncoder(16, final_dim=n), 1),
    "bits: ResidualCodec": (lambda n: ref.ResidualCodec.train(DOCUMENTS, n), 1),
    "bits: coarser": (lambda n: CODEC.coarser(n), 1),
    "width: grid_for": (lambda n: ref.grid_for(n, 10, "colqwen2"), 1),
    "height: grid_for": (lambda n: ref.grid_for(10, n, "colqwen2"), 1),
    "columns of grid: patch_boxes": (lambda n: pages.patch_boxes((2, n), 10, 10), 1),
    "width: patch_boxes": (lambda n: pages.patch_boxes((2, 2), n, 10), 1),
    "dim: bytes_per_vector": (lambda n: ref.bytes_per_vector(n), 1),
    "n_vectors: bytes_per_document": (lambda n: ref.bytes_per_document(n, 16), 1),
    "n_vectors: scan": (lambda n: scan("maxsim", 1, n, 8), 1),
    "documents: plan": (lambda n: ref.plan(n, 10, 128), 1),
    "replicas: plan": (lambda n: ref.plan(10, 10, 128, replicas=n), 0),
    "size: search body": (lambda n: bodies.search(WORDS, n), 1),
    "k: knn_section": (lambda n: bodies.knn_section("a", VECTOR, n), 1),
    "rank_constant: hybrid": (lambda n: bodies.hybrid([WORDS, WORDS], rank_constant=n), 1),
    "dims: dense_vector": (lambda n: mappings.dense_vector(n), 1),
    "m: dense_vector": (lambda n: mappings.dense_vector(128, m=n), 1),
    "shards: settings": (lambda n: mappings.settings(n), 1),
    "replicas: settings": (lambda n: mappings.settings(1, n), 0),
    "size: chunk_pages": (lambda n: chunk_pages({"a": ["b"]}, n), 1),
}


@pytest.mark.parametrize("argument", COUNTS)
def test_counts_are_whole_numbers(argument):
    call, least = COUNTS[argument]
    name = argument.partition(":")[0]
    refused(ValueError, name, call, least - 1)
    for value in (least + 1.0, str(least + 1), True):
        refused(TypeError, f"{name}.* whole number", call, value)


# What takes a collection, or what was made of one.
COLLECTIONS = {
    "maxsim_scores": lambda other: ref.maxsim_scores(VECTORS, other),
    "search": lambda other: ref.search(VECTORS, other),
    "rescore": lambda other: ref.rescore(VECTORS, other, ["a"]),
    "two_stage_search": lambda other: ref.two_stage_search(VECTORS, other, SCORES),
    "binarize_collection": ref.binarize_collection,
    "quantize_collection": ref.quantize_collection,
    "maxsim_inv_hamming_scores": lambda other: ref.maxsim_inv_hamming_scores(ref.binarize(VECTORS), other),
    "maxsim_asymmetric_scores": lambda other: ref.maxsim_asymmetric_scores(VECTORS, other),
    "maxsim_int8_scores": lambda other: ref.maxsim_int8_scores(ref.quantize_int8(VECTORS), other),
    "concatenate": lambda other: ref.MultiVectors.concatenate([DOCUMENTS, other]),
    "average_vectors": ref.average_vectors,
    "pool_collection": lambda other: ref.pool_collection(other, 2),
    "pool_levels": lambda other: ref.pool_levels(other, [2]),
    "pool_rows": ref.pool_rows,
    "pool_columns": ref.pool_columns,
    "pool_blocks": lambda other: ref.pool_blocks(other, (1, 1)),
    "drop_duplicates": ref.drop_duplicates,
    "common_vector": ref.common_vector,
    "vector_information": ref.vector_information,
    "prune_vectors": lambda other: ref.prune_vectors(other, np.ones(12), 2),
    "prune_near": lambda other: ref.prune_near(other, VECTOR),
    "encode_documents": ENCODER.encode_documents,
    "ResidualCodec.train": ref.ResidualCodec.train,
    "ResidualCodec.decode": CODEC.decode,
    "ResidualCodec.coarsen": lambda other: CODEC.coarsen(other, 1),
    "ResidualCodec.maxsim_scores": lambda other: CODEC.maxsim_scores(VECTORS, other),
    "PlaidIndex, codec": lambda other: plaid.PlaidIndex(other, ENCODED),
    "PlaidIndex, encoded": lambda other: plaid.PlaidIndex(CODEC, other),
    "centroid_interaction": lambda other: plaid.centroid_interaction(INDEX.similarities(VECTORS), other),
    "PageVectors": lambda other: ref.PageVectors(other, ((1, 3),), (np.arange(3),)),
    "oversampled_search": lambda other: ref.oversampled_search(VECTOR, VECTORS, other),
}


@pytest.mark.parametrize("function", COLLECTIONS)
def test_collections_are_of_the_right_kind(function):
    for other in ([VECTORS], VECTORS, None, PAGES if "pool_" not in function else DOCUMENTS.vectors):
        refused(TypeError, "must be an? .*(Vectors|Codec|Ragged)", COLLECTIONS[function], other)


OTHER_DIMENSIONS = {
    "maxsim": lambda vectors: ref.maxsim(vectors, VECTORS),
    "maxsim_scores": lambda vectors: ref.maxsim_scores(vectors, DOCUMENTS),
    "maxsim_inv_hamming": lambda vectors: ref.maxsim_inv_hamming(ref.binarize(vectors), ref.binarize(VECTORS)),
    "maxsim_inv_hamming_scores": lambda vectors: ref.maxsim_inv_hamming_scores(ref.binarize(vectors), PACKED),
    "maxsim_asymmetric": lambda vectors: ref.maxsim_asymmetric(vectors, ref.binarize(VECTORS)),
    "maxsim_asymmetric_scores": lambda vectors: ref.maxsim_asymmetric_scores(vectors, PACKED),
    "maxsim_int8_scores": lambda vectors: ref.maxsim_int8_scores(ref.quantize_int8(vectors), BYTES),
    "MultiVectors": lambda vectors: ref.MultiVectors.from_list([VECTORS, vectors]),
    "concatenate": lambda vectors: ref.MultiVectors.concatenate([DOCUMENTS, ref.MultiVectors.from_list([vectors])]),
    "prune_near": lambda vectors: ref.prune_near(DOCUMENTS, vectors[0]),
    "encode_query": ENCODER.encode_query,
    "encode_documents": lambda vectors: ENCODER.encode_documents(ref.MultiVectors.from_list([vectors])),
    "ResidualCodec.encode": lambda vectors: CODEC.encode(ref.MultiVectors.from_list([vectors * 2**0.5])),
    "ResidualCodec.maxsim_scores": lambda vectors: CODEC.maxsim_scores(vectors, ENCODED),
    "PlaidIndex": lambda vectors: INDEX.search(vectors),
    "patch_similarity": lambda vectors: pages.patch_similarity(vectors, VECTORS.reshape(2, 3, 16)),
    "BinaryQuantizedVectors": lambda vectors: QUANTIZED.scores(vectors[0]),
}


@pytest.mark.parametrize("function", OTHER_DIMENSIONS)
def test_other_dimensions_are_refused(function):
    refused(ValueError, r"8\b.*dimensions|dimensions .*8\b", OTHER_DIMENSIONS[function], VECTORS[:, :8])


@pytest.mark.parametrize("size", [1e16, 1e30, 3e38])
def test_finite_but_huge_vectors_are_refused(size):
    """Their dot products would be infinite, and what is computed from them no number."""
    huge = np.full((2, 16), size, np.float32)
    for call in (
        lambda: ref.maxsim(huge, VECTORS),
        lambda: ref.MultiVectors([*VECTORS, *huge], [0, 8]),
        lambda: ref.average_vector(huge),
        lambda: ref.BinaryQuantizedVectors(huge),
    ):
        refused(ValueError, "overflow float32", call)
    large = np.full((2, 16), 1e15, np.float32)
    assert np.isfinite(ref.maxsim_scores(large, ref.MultiVectors.from_list([large]))).all()


def test_whole_numbers():
    for value in (3, np.int64(3), np.uint8(3)):
        assert checks.whole(value, "k") == 3
    for value in (3.0, "3", True, np.float32(3), None):
        refused(TypeError, "k must be a whole number of at least 1", checks.whole, value, "k")
    assert checks.whole(0, "k", least=0) == 0
    refused(ValueError, "at least 1, got 0", checks.whole, 0, "k")


def test_numbers_above_0():
    for value in (0.5, 1, np.float32(0.5), np.int8(1)):
        assert checks.positive(value, "x") == value
    for value in (0, -1, np.nan, np.inf, True, "1", None, np.ones(2)):
        refused(ValueError, "x must be a number above 0", checks.positive, value, "x")


def test_messages_stay_short():
    many = list(range(100_000))
    for value in (dict.fromkeys(many), "a" * 100_000, many, [["a" * 100_000]], object()):
        assert len(checks.describe(value)) < 200
    with pytest.raises(TypeError) as refused:
        ref.maxsim_scores(VECTORS, dict.fromkeys(many))
    assert len(str(refused.value)) < 400
