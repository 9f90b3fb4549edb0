"""One way to take an argument: every public function takes the same kinds of numbers, and refuses the same."""

import numpy as np
import pytest
import torch

import lateint_ref as ref
from helpers import unit_vectors
from lateint_ref import checks, pages, plaid

DOCUMENTS = ref.MultiVectors.from_list([unit_vectors(n, 16, n) for n in (3, 5, 4)], list("abc"))
# Values that bfloat16 holds exactly, so that every kind of array must give the same result.
VECTORS = np.sign(unit_vectors(6, 16)) / 4
VECTOR = VECTORS[0]
SCORES = np.array([0.5, -1.0, 2.0])
PACKED = ref.binarize_collection(DOCUMENTS)
QUANTIZED = ref.BinaryQuantizedVectors(VECTORS)
ENCODER = ref.FixedDimensionalEncoder(16, 2, 2)
CODEC = ref.ResidualCodec.train(DOCUMENTS, 2)
INDEX = plaid.PlaidIndex(CODEC, CODEC.encode(DOCUMENTS))

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
    with pytest.raises(ValueError, match="NaN"):
        call(lambda values: np.full(np.shape(values), np.nan))
    with pytest.raises(TypeError, match="real numbers"):
        call(lambda values: np.full(np.shape(values), "a"))


@pytest.mark.parametrize("function", TAKES_NUMBERS)
def test_nothing_and_another_rank_are_refused(function):
    call = TAKES_NUMBERS[function]
    with pytest.raises(ValueError):  # noqa: PT011  each says it in its own words
        call(lambda values: np.empty((0, *np.shape(values)[1:])))
    with pytest.raises(ValueError):  # noqa: PT011
        call(lambda values: np.asarray(values)[None])


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
        with pytest.raises(ValueError, match="overflow float32"):
            call()
    large = np.full((2, 16), 1e15, np.float32)
    assert np.isfinite(ref.maxsim_scores(large, ref.MultiVectors.from_list([large]))).all()


def test_whole_numbers():
    for value in (3, np.int64(3), np.uint8(3)):
        assert checks.whole(value, "k") == 3
    for value in (3.0, "3", True, np.float32(3), None):
        with pytest.raises(TypeError, match="k must be a whole number of at least 1"):
            checks.whole(value, "k")
    assert checks.whole(0, "k", least=0) == 0
    with pytest.raises(ValueError, match="at least 1, got 0"):
        checks.whole(0, "k")


def test_numbers_above_0():
    for value in (0.5, 1, np.float32(0.5), np.int8(1)):
        assert checks.positive(value, "x") == value
    for value in (0, -1, np.nan, np.inf, True, "1", None, np.ones(2)):
        with pytest.raises(ValueError, match="x must be a number above 0"):
            checks.positive(value, "x")


def test_messages_stay_short():
    many = list(range(100_000))
    for value in (dict.fromkeys(many), "a" * 100_000, many, [["a" * 100_000]], object()):
        assert len(checks.describe(value)) < 200
    with pytest.raises(TypeError) as refused:
        ref.maxsim_scores(VECTORS, dict.fromkeys(many))
    assert len(str(refused.value)) < 400


@pytest.mark.parametrize("scale", [0, -1, np.nan, np.inf, "1", 1e-39, 1e39, True])
def test_scales_that_float32_cannot_divide_by(scale):
    with pytest.raises(ValueError, match="scale must be a number"):
        ref.quantize_int8(VECTORS, scale)


def test_hex_strings_hold_nothing_else():
    bits = ref.binarize(VECTORS)
    np.testing.assert_array_equal(ref.from_hex(np.array(ref.to_hex(bits))), bits)
    for text in ("ab cd", "ab\n", "0xab"):
        with pytest.raises(ValueError, match="string 0 is not hex"):
            ref.from_hex([text])
