"""Test beds, and one row a pipeline."""

from dataclasses import replace
from importlib.metadata import PackageNotFoundError

import numpy as np
import pytest

from helpers import refused, toy_dataset
from lateint_ref import MultiVectors, maxsim
from lateint_ref.datasets import Dataset, load_handbook
from lateint_ref.encoders import load_bi, load_late, load_pages, load_static
from lateint_ref.evaluation import per_query
from lateint_ref.ocr import load_pages_dataset
from workbook.pipelines import Pipeline, by_score, exact_maxsim, kept_interval, measure, table
from workbook.testbeds import Question, Testbed, encode_once, load_testbed

RNG = np.random.default_rng(0)


def matrix(n, dim=8):
    return RNG.standard_normal((n, dim)).astype(np.float32)


@pytest.fixture(scope="module")
def bed():
    documents = MultiVectors.from_list([matrix(n) for n in (3, 5, 2, 7, 4)], list("abcde"))
    questions = [Question(f"q{n}", f"question {n}", matrix(2 + n)) for n in range(6)]
    qrels = {question.id: {documents.ids[n % 5]: 1 + n % 2} for n, question in enumerate(questions)}
    texts = {name: name for name in documents.ids}
    dataset = toy_dataset(texts, {question.id: question.text for question in questions}, qrels)
    return Testbed("tiny", dataset, documents, questions, None, "nDCG@10", "none")


def test_exact_maxsim_is_the_naive_ranking_and_its_counts_are_those_of_the_shapes(bed):
    pipeline = exact_maxsim(bed)
    for question in bed.questions:
        scores = [maxsim(question.vectors, document) for document in bed.documents]
        assert pipeline.search(question, 5).tolist() == np.argsort(-np.array(scores), kind="stable").tolist()
    assert pipeline.bytes_per_document == 21 * 8 * 4 / 5
    assert pipeline.bytes_read == 21 * 8 * 4
    assert pipeline.operations == 4.5 * 21 * 8


def test_measured_quality_is_that_of_the_run(bed):
    row = measure(exact_maxsim(bed), bed, depth=3)
    assert all(len(found) == 3 for found in row.run.values())
    values = per_query(row.run, bed.dataset.qrels, "nDCG@10")
    assert row.per_query == values
    assert row.quality == pytest.approx(np.mean(list(values.values())))
    assert row.low <= row.quality <= row.high


def test_a_table_compares_with_the_reference(bed):
    best = Pipeline("oracle", lambda question, k: oracle(bed, question), 10, 5, 10)
    rows = [measure(exact_maxsim(bed), bed), measure(best, bed)]
    shown = table(rows, against="oracle")
    assert shown.loc["oracle", ["kept", "difference", "p"]].tolist() == [1, 0, 1]
    ours = shown.loc["MaxSim, float32"]
    assert ours["kept"] == pytest.approx(rows[0].quality / 1.0)
    assert ours["difference"] == pytest.approx(rows[0].quality - 1)
    assert ours["times smaller"] == pytest.approx(10 / (21 * 8 * 4 / 5))
    low, high = kept_interval(rows[0], rows[1])
    assert low <= rows[0].quality <= high


def oracle(bed, question):
    return np.array([bed.documents.position(name) for name in bed.dataset.qrels[question.id]])


def test_a_search_that_returns_something_else_is_named(bed):
    for found, words in (
        ([0, 0], "different"),
        ([0, 5], "0 to 4"),
        ([-1], "from -1"),
        ([[0]], "positions"),
        ([0.5], "positions"),
        ([0, 1, 2, 3, 4], "at most 2"),
    ):
        broken = Pipeline("broken", lambda question, k, found=found: np.array(found), 1, 1, 1)
        refused(ValueError, words, measure, broken, bed, depth=2)


def test_a_search_may_find_nothing(bed):
    row = measure(Pipeline("silent", lambda question, k: np.array([], int), 1, 1, 1), bed)
    assert row.quality == row.low == row.high == 0
    refused(ValueError, "quality of 'silent' is 0", table, [row])


def test_bad_pipelines_and_tables(bed):
    refused(TypeError, "search must be a function", Pipeline, "x", 3, 1, 1, 1)
    refused(ValueError, "operations of 'x'", Pipeline, "x", by_score(len), 1, float("nan"), 1)
    refused(ValueError, "bytes_read of 'x'", Pipeline, "x", by_score(len), 1, 1, -1)
    row = measure(exact_maxsim(bed), bed)
    for rows, against, message in (
        ([], None, "rows is empty"),
        ([row, row], None, "two rows are named"),
        ([row], "y", "against must be"),
        ([row, replace(row, name="z", testbed="other")], None, "same questions"),
    ):
        refused(ValueError, message, table, rows, against)
    refused(ValueError, "not measured on the same", kept_interval, row, replace(row, per_query={"q0": 1.0}))


@pytest.fixture
def cached(tmp_path, monkeypatch):
    """An empty cache, and a small collection of each kind."""
    monkeypatch.setenv("LATEINT_CACHE", str(tmp_path))
    monkeypatch.setattr("workbook.testbeds.load_handbook", small_handbook)
    monkeypatch.setattr("workbook.testbeds.load_pages_dataset", small_pages)
    return monkeypatch


def kept(folder):
    return sorted((folder / "vectors").iterdir())


def test_test_beds_are_encoded_once(tmp_path, cached):
    first = load_testbed("handbook")
    assert len(kept(tmp_path)) == 2
    kept(tmp_path)[0].write_bytes(b"cut short")
    with cached.context() as patched:
        for method in ("encode_queries", "encode_documents"):
            patched.setattr(f"lateint_ref.encoders.late.LateEncoder.{method}", None)
        refused(TypeError, "not callable", load_testbed, "handbook")
    again = load_testbed("handbook")
    np.testing.assert_allclose(again.documents.vectors, first.documents.vectors, atol=1e-6)
    assert again.documents.ids == again.dataset.ids
    assert [question.id for question in again.questions] == [query.id for query in again.dataset.queries]
    assert again.question(again.questions[1].id) is again.questions[1]
    refused(KeyError, "no question 'nobody'", again.question, "nobody")
    refused(ValueError, "one of", load_testbed, "moon")


def test_documents_under_other_ids_are_found_under_these(cached):
    """The vectors of the same texts lie in the cache under the ids that they had before."""
    found = {}
    for prefix in ("old", "new"):
        cached.setattr("workbook.testbeds.load_handbook", lambda split, prefix=prefix: renamed(split, prefix))
        found[prefix] = load_testbed("handbook")
    assert found["new"].documents.ids == ["new-0", "new-1", "new-2"]
    qualities = {measure(exact_maxsim(bed), bed).quality for bed in found.values()}
    assert len(qualities) == 1
    assert qualities.pop() > 0
    with pytest.raises(ValueError, match="documents of a test bed must have the ids of its dataset.* from number 0 on"):
        replace(found["new"], documents=found["old"].documents)


def renamed(split, prefix):
    """The small handbook with other ids, and its first passage as every query's answer."""
    small = small_handbook(split)
    passages = [replace(passage, id=f"{prefix}-{number}") for number, passage in enumerate(small.passages)]
    return replace(small, passages=passages, qrels={query.id: {f"{prefix}-0": 2} for query in small.queries})


@pytest.mark.parametrize("offset", [8, 10])  # of the compression method and of the flags, in the zip's directory
def test_a_file_that_zip_cannot_read_is_made_again(tmp_path, cached, offset):
    """An unknown compression is a NotImplementedError, a password a RuntimeError: no ValueErrors."""
    bi = load_bi()
    first = encode_once(bi, ["a red tent"])
    (path,) = kept(tmp_path)
    whole = path.read_bytes()
    entry = whole.index(b"PK\x01\x02") + offset
    path.write_bytes(whole[:entry] + b"\x63\x00" + whole[entry + 2 :])
    np.testing.assert_array_equal(encode_once(bi, ["a red tent"]), first)
    assert path.read_bytes() == whole


def test_text_needs_no_ocr(cached):
    def without(name):
        if name == "rapidocr":
            raise PackageNotFoundError(name)
        return "1.0"

    cached.setattr("workbook.testbeds.version", without)
    assert len(load_testbed("handbook").questions) == 2


@pytest.mark.parametrize("name", ["handbook", "pages"])
def test_a_kept_test_bed_loads_no_model_and_names_the_encoder_as_it_names_itself(cached, name):
    assert load_testbed(name).encoder == {"handbook": load_late, "pages": load_pages}[name]().name
    cached.setattr("lateint_ref.encoders.late.LateEncoder.__init__", None)
    assert len(load_testbed(name).questions) == 2


def test_single_vectors_are_encoded_once(tmp_path, cached):
    texts, bi, static = ["a red tent", "a canoe"], load_bi(), load_static()
    first = encode_once(bi, texts)
    np.testing.assert_array_equal(first, bi.encode_documents(texts))
    np.testing.assert_array_equal(encode_once(static, texts), static.encode_documents(texts))
    with cached.context() as patched:
        patched.setattr("lateint_ref.encoders.single.BiEncoder.encode_documents", None)
        np.testing.assert_array_equal(encode_once(bi, texts), first)
        refused(TypeError, "not callable", encode_once, bi, texts[::-1])
    assert len(kept(tmp_path)) == 1
    cached.setattr("workbook.testbeds._code_digest", lambda: "changed")
    encode_once(bi, texts)  # vectors made by other code do not count
    assert len(kept(tmp_path)) == 2
    refused(TypeError, "single string", encode_once, bi, "a canoe")


def small_handbook(split):
    full = load_handbook(split)
    passages, queries = full.passages[:3], full.queries[:2]
    return Dataset(full.name, split, passages, queries, {query.id: full.qrels[query.id] for query in queries})


def small_pages(split):
    full = load_pages_dataset(split)
    return replace(full, passages=full.passages[:2], queries=full.queries[:2])
