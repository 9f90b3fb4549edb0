"""The catalogue of pipelines: every ranking against loops, every count against arrays that exist."""

from dataclasses import replace

import numpy as np
import pytest

from helpers import refused, toy_dataset
from lateint_ref import (
    MultiVectors,
    PageVectors,
    ResidualCodec,
    average_vector,
    drop_duplicates,
    int8_scale,
    maxsim,
    pool_tokens,
    reciprocal_rank_fusion,
    unpack,
)
from lateint_ref.encoders import BM25
from lateint_ref.encoders.late import late_name
from lateint_ref.encoders.pages import pages_name
from workbook import measure, table
from workbook.catalogue import families_of, pipelines_of
from workbook.catalogue_forms import Forms
from workbook.catalogue_stages import DEPTHS
from workbook.testbeds import Question, Testbed, load_codec

DIM, COUNT = 16, 40
WORDS = ["fox", "tree", "river", "stone", "lamp", "boat", "clock", "chair", "bread", "wheel"]


def unit(rng, n):
    rows = rng.standard_normal((n, DIM))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def tiny(as_pages, seed=0):
    rng = np.random.default_rng(seed)
    blank = unit(rng, 1)
    lengths = [60] * COUNT if as_pages else rng.integers(8, 70, COUNT)
    arrays = [unit(rng, n) for n in lengths]
    if as_pages:
        for array in arrays:
            array[rng.permutation(60)[: int(rng.integers(10, 50))]] = blank
    names = [f"d{number}" for number in range(COUNT)]
    documents = MultiVectors.from_list(arrays, names)
    texts = {name: " ".join(rng.choice(WORDS, 12)) for name in names}
    questions = []
    for number in range(5):
        vectors = arrays[number * 3][: 3 + number]
        noisy = vectors + 0.15 * rng.standard_normal(vectors.shape).astype(np.float32)
        questions.append(Question(f"q{number}", f"{WORDS[number]} {WORDS[number + 4]}", noisy))
    qrels = {question.id: {names[number * 3]: 2} for number, question in enumerate(questions)}
    dataset = toy_dataset(texts, {question.id: question.text for question in questions}, qrels)
    pages = PageVectors(documents, ((6, 10),) * COUNT, (np.arange(60),) * COUNT) if as_pages else None
    return Testbed("tiny", dataset, documents, questions, pages, "nDCG@10", "none")


@pytest.fixture(scope="module", params=[False, True], ids=["text", "pages"])
def made(request):
    bed = tiny(request.param)
    forms = Forms(bed)
    return bed, forms, {pipeline.name: pipeline for pipeline in pipelines_of(bed, forms)}


def order(scores, k=10):
    return np.argsort(-np.asarray(scores, np.float64), kind="stable")[:k].tolist()


def signs(vectors):
    return (np.asarray(vectors) > 0).astype(np.float64)


def agreement(query, document):
    same = signs(query) @ signs(document).T + (1 - signs(query)) @ (1 - signs(document)).T
    return (same / DIM).max(axis=1).sum()


def masked(query, document):
    return (query @ signs(document).T).max(axis=1).sum()


def cosine_of_means(question, document):
    return float(average_vector(question.vectors) @ average_vector(document))


def inked(bed, document):
    """What is left of a page without its most repeated vector."""
    if bed.pages is None:
        return document
    rows, counts = np.unique(document, axis=0, return_counts=True)
    return document[(document @ rows[counts.argmax()]) < 0.95]


def naive(bed):
    """Name to a function from a question and one document's vectors to a score."""
    found = {
        "MaxSim, float32": lambda q, d: maxsim(q.vectors, d),
        "bits, symmetric": lambda q, d: agreement(q.vectors, d),
        "bits, asymmetric": lambda q, d: masked(q.vectors, d),
        "average vector": cosine_of_means,
        "average without blank patches": lambda q, d: cosine_of_means(q, inked(bed, d)),
        "copies dropped": lambda q, d: maxsim(q.vectors, np.unique(d, axis=0)),
        "copies dropped, bits": lambda q, d: masked(q.vectors, d),
    }
    for factor in (3, 10, 50):
        found[f"pooled by {factor}"] = lambda q, d, f=factor: maxsim(q.vectors, pool_tokens(d, f))
        found[f"pooled by {factor}, bits"] = lambda q, d, f=factor: masked(q.vectors, pool_tokens(d, f))
    return found


def assert_best(found, scores, **tolerance):
    """Equal up to rounding: the scores that were found are the largest ones, in falling order."""
    assert len(set(found.tolist())) == 10
    np.testing.assert_allclose(np.asarray(scores)[found], np.sort(scores)[::-1][:10], **tolerance)


def test_scans_rank_as_loops_do(made):
    bed, _, pipelines = made
    for name, score in naive(bed).items():
        if name not in pipelines:
            assert bed.pages is None
            assert "copies" in name or "blank" in name
            continue
        for question in bed.questions:
            expected = [score(question, document) for document in bed.documents]
            assert_best(pipelines[name].search(question, 10), expected, atol=2e-5)


def test_int8_and_residuals_rank_as_what_they_stand_for(made):
    bed, forms, pipelines = made
    scale = int8_scale(bed.documents.vectors)
    whole = [np.rint(document * scale) for document in bed.documents]
    for question in bed.questions:
        asked = np.rint(question.vectors * int8_scale(question.vectors))
        expected = [(asked @ document.T).max(axis=1).sum() for document in whole]
        assert_best(pipelines["int8"].search(question, 10), expected, rtol=2e-3)
        for bits in (4, 2, 1):
            decoded = forms.codecs[bits].decode(forms.residuals[bits])
            expected = [maxsim(question.vectors, document) for document in decoded]
            found = pipelines[f"residual, {bits} bit" + "s" * (bits > 1)].search(question, 10)
            assert_best(found, expected, atol=1e-4)


def test_two_stages_rank_the_first_stages_candidates(made):
    bed, forms, pipelines = made
    for question in bed.questions:
        exact = [maxsim(question.vectors, document) for document in bed.documents]
        rough = [masked(question.vectors, document) for document in bed.documents]
        average = forms.inked_average @ average_vector(question.vectors)
        entries = [(d @ average_vector(question.vectors)).max() for d in (pool_tokens(d, 50) for d in bed.documents)]
        symmetric = [agreement(question.vectors, document) for document in bed.documents]
        encodings = forms.encodings @ forms.muvera.encode_query(question.vectors)
        for depth in DEPTHS:
            for name, cheap, better in (
                (f"average, {depth} rescored by floats", average, exact),
                (f"average, {depth} rescored by bits", average, rough),
                (f"nested pooled, {depth} rescored by floats", entries, exact),
                (f"MUVERA, {depth} rescored by floats", encodings, exact),
                (f"bits, {depth} rescored by floats", symmetric, exact),
                (f"bits, {depth} rescored by bits", symmetric, rough),
            ):
                if name not in pipelines:
                    assert depth == DEPTHS[0], name
                    continue
                candidates = order(np.round(cheap, 6), depth)
                expected = np.sort([better[at] for at in candidates])[::-1][:10]
                found = pipelines[name].search(question, 10)
                assert np.allclose([better[at] for at in found], expected, atol=2e-5), name


def test_words(made):
    bed, _, pipelines = made
    bm25 = BM25(bed.dataset.texts)
    for question in bed.questions:
        lexical = bm25.scores(question.text)
        exact = [maxsim(question.vectors, document) for document in bed.documents]
        assert pipelines["BM25"].search(question, 10).tolist() == order(lexical)
        assert pipelines["BM25, 50 rescored by floats"].search(question, 10).tolist() == order(exact)
        rankings = [[str(at) for at in order(values, 50)] for values in (exact, lexical)]
        fused = {int(hit.id): hit.score for hit in reciprocal_rank_fusion(rankings, COUNT)}
        found = pipelines["MaxSim and BM25, fused"].search(question, 10)
        assert np.allclose([fused[at] for at in found], sorted(fused.values(), reverse=True)[:10])


def test_bytes_are_those_of_arrays(made):
    bed, forms, pipelines = made
    floats, n = bed.documents.vectors.nbytes, len(bed.documents)
    stored = {
        "MaxSim, float32": floats,
        "int8": forms.int8.vectors.nbytes,
        "bits, symmetric": forms.bits.vectors.nbytes,
        "bits, asymmetric": forms.bits.vectors.nbytes,
        "residual, 2 bits": forms.residuals[2].nbytes,
        "PLAID, 2 bits, 16 decoded": forms.plaid.nbytes,
        "average vector": forms.average.nbytes,
        "pooled by 10": forms.pooled[10].vectors.nbytes,
        "pooled by 10, bits": forms.pooled_bits[10].vectors.nbytes,
        "pruned by rarity, factor 3": forms.pruned.vectors.nbytes,
        "average, 10 rescored by floats": forms.average.nbytes + floats,
        "average, 10 rescored by bits": forms.average.nbytes + forms.bits.vectors.nbytes,
        "nested pooled, 30 rescored by floats": forms.pooled[50].vectors.nbytes + floats,
        "MUVERA, 30 rescored by floats": forms.encodings.nbytes + floats,
        "bits, 10 rescored by floats": forms.bits.vectors.nbytes + floats,
        "bits, 10 rescored by bits": forms.bits.vectors.nbytes,
        "MaxSim and BM25, fused": forms.bm25.nbytes + floats,
    }
    for name, size in stored.items():
        assert pipelines[name].bytes_per_document == pytest.approx(size / n), name


def test_operations_are_pairs_that_meet(made):
    bed, forms, pipelines = made
    n, n_query = COUNT, np.mean([len(question.vectors) for question in bed.questions])
    everything = n_query * len(bed.documents.vectors) * DIM
    ten = n_query * round(10 / n * len(bed.documents.vectors)) * DIM
    thirty = n_query * round(30 / n * len(bed.documents.vectors)) * DIM
    met = {
        "bits, symmetric": everything,
        "pooled by 3": n_query * len(forms.pooled[3].vectors) * DIM,
        "average vector": n * DIM,
        "average, 10 rescored by floats": n * DIM + ten,
        "bits, 10 rescored by bits": everything + ten,
        "MUVERA, 30 rescored by floats": forms.encodings.size + thirty,
    }
    for name, count in met.items():
        assert pipelines[name].operations == pytest.approx(count), name
    assert pipelines["average, 10 rescored by bits"].bytes_read == pytest.approx(
        forms.average.nbytes + round(10 / n * len(bed.documents.vectors)) * DIM / 8
    )


def test_plaid_counts_and_orders_what_it_decodes(made):
    bed, forms, pipelines = made
    n_query = np.mean([len(question.vectors) for question in bed.questions])
    # 16 of 40 documents are decoded, if as many are listed at a centroid that is looked up.
    lengths = np.sort(bed.documents.lengths)[::-1]
    most = n_query * DIM * (len(forms.plaid.codec.centroids) + lengths[:16].sum())
    least = n_query * DIM * (len(forms.plaid.codec.centroids) + 1)
    assert least <= pipelines["PLAID, 2 bits, 16 decoded"].operations <= most
    for question in bed.questions:
        found = pipelines["PLAID, 2 bits, 16 decoded"].search(question, 10)
        decoded = forms.codecs[2].decode(forms.residuals[2])
        scores = [maxsim(question.vectors, decoded[int(at)]) for at in found]
        assert scores == pytest.approx(sorted(scores, reverse=True), abs=1e-4)


def test_all_can_be_measured_and_are_named_once(made):
    bed, forms, pipelines = made
    assert next(iter(pipelines)) == "MaxSim, float32"
    assert len(pipelines) == sum(len(family) for family in families_of(bed, forms).values())
    rows = [measure(pipeline, bed, depth=10) for pipeline in pipelines.values()]
    assert len(table(rows)) == len(pipelines)
    assert ("copies dropped" in pipelines) == (bed.pages is not None)


def test_copies_cost_nothing_but_bytes():
    bed = tiny(as_pages=True)
    pipelines = {pipeline.name: pipeline for pipeline in families_of(bed)["float"]}
    kept = len(drop_duplicates(bed.documents).vectors)
    exact, dropped = pipelines["MaxSim, float32"], pipelines["copies dropped"]
    assert dropped.bytes_per_document == kept * DIM * 4 / COUNT < exact.bytes_per_document
    for question in bed.questions:
        assert dropped.search(question, 10).tolist() == exact.search(question, 10).tolist()


def test_forms_are_made_when_asked_for_and_belong_to_a_corpus():
    bed = tiny(as_pages=False)
    forms = Forms(bed)
    assert "bits" not in vars(forms)
    assert np.array_equal(unpack(forms.bits.vectors), signs(forms.documents.vectors))
    assert "pooled" not in vars(forms)
    assert forms.bits is forms.bits
    refused(ValueError, "other documents", families_of, bed, Forms(tiny(False, seed=1)))
    refused(TypeError, "forms must be", families_of, bed, {})
    refused(TypeError, "testbed must be", families_of, "handbook")
    refused(TypeError, "testbed must be", pipelines_of, None, forms)


def test_codecs_ship_for_the_bundled_vectors_alone():
    bed = tiny(as_pages=False)
    codec = load_codec(replace(bed, name="handbook", encoder=late_name(128)))
    assert (codec.bits, codec.centroids.shape) == (4, (2048, 128))
    pages = load_codec(replace(bed, name="pages", encoder=pages_name(late_name(128))))
    assert pages.centroids.shape == (4096, 128)
    np.testing.assert_allclose(np.linalg.norm(pages.centroids, axis=1), 1, atol=1e-3)
    own, trained = load_codec(bed), ResidualCodec.train(bed.documents, bits=4)
    np.testing.assert_array_equal(own.centroids, trained.centroids)
