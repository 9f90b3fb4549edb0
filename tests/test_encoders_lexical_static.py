"""BM25 against its formula; static embeddings: cache, determinism, bad input."""

import math

import numpy as np
import pytest

from lateint_ref import encoders as enc
from lateint_ref.encoders import static

DOCUMENTS = ["red tent red pegs", "green tent", "canoe hire river canoe paddle", "opening hours library"]


def stems(text):
    known = {"pegs": "peg", "opening": "open", "hours": "hour", "canoe": "cano", "library": "librari"}
    return [known.get(word, word) for word in text.split()]


def test_bm25_is_lucenes_formula():
    index = enc.BM25(DOCUMENTS)
    assert (len(index), index.name) == (4, "bm25")
    mean = np.mean([len(text.split()) for text in DOCUMENTS])

    def score(words, text):
        total, tokens = 0.0, stems(text)
        for word in words:
            frequency, df = tokens.count(word), sum(word in stems(other) for other in DOCUMENTS)
            idf = math.log(1 + (len(DOCUMENTS) - df + 0.5) / (df + 0.5))
            total += idf * frequency / (frequency + 1.2 * (1 - 0.75 + 0.75 * len(tokens) / mean))
        return total

    for query in ("red tent", "the canoe", "TENT", "peg"):
        words = stems(query.lower().replace("the ", ""))
        scores = index.scores(query)
        assert (scores.dtype, scores.shape) == (np.float32, (4,))
        np.testing.assert_allclose(scores, [score(words, text) for text in DOCUMENTS], atol=1e-5)
    assert index.words("The red zebras") == ["red", "zebra"]
    np.testing.assert_array_equal(index.scores("tents"), index.scores("tent"))


@pytest.mark.parametrize("query", ["zebra", "the of and", "?!", "x"])
def test_bm25_unknown_words_score_zero(query):
    assert enc.BM25(DOCUMENTS).scores(query).tolist() == [0, 0, 0, 0]


@pytest.mark.parametrize(
    ("documents", "error", "words"),
    [
        ([], ValueError, "at least one text"),
        ("tent", TypeError, "single string"),
        (["tent", ""], ValueError, r"documents\[1\] is empty"),
        (["the", "of"], ValueError, "no words but stopwords"),
    ],
)
def test_bm25_bad_documents(documents, error, words):
    with pytest.raises(error, match=words):
        enc.BM25(documents)


def test_bm25_bad_arguments():
    for arguments in ({"k1": -1}, {"b": 2}, {"k1": float("nan")}):
        with pytest.raises(ValueError, match="k1 must be"):
            enc.BM25(DOCUMENTS, **arguments)
    with pytest.raises(TypeError, match="query must be a string"):
        enc.BM25(DOCUMENTS).scores(["tent"])
    with pytest.raises(ValueError, match="query is empty"):
        enc.BM25(DOCUMENTS).scores(" ")


@pytest.fixture(scope="module")
def encoder():
    return enc.load_static()  # into the ordinary cache: distilling takes a while, and notebooks read it there


def test_static_vectors(encoder):
    vectors = encoder.encode_documents(DOCUMENTS)
    assert vectors.shape == (4, encoder.dim)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    np.testing.assert_array_equal(encoder.encode_queries(DOCUMENTS[2:3])[0], vectors[2])
    assert (vectors @ encoder.encode_queries(["boats for rent"])[0]).argmax() == 2


def test_static_is_read_from_the_cache(encoder, monkeypatch):
    monkeypatch.setattr(static, "distil", None)
    again = enc.load_static()
    np.testing.assert_array_equal(again.encode_documents(DOCUMENTS), encoder.encode_documents(DOCUMENTS))


def test_static_is_written_whole(encoder, tmp_path):
    folder = tmp_path / "cache" / "static-table"
    folder.mkdir(parents=True)
    (folder / "half-written").write_text("")
    static._write(encoder._model, folder)
    assert [path.name for path in folder.parent.iterdir()] == ["static-table"]
    assert not (folder / "half-written").exists()
    np.testing.assert_array_equal(static._read(folder).embedding, encoder._model.embedding)


def test_a_cache_that_cannot_be_written_is_no_error(encoder, tmp_path):
    (tmp_path / "file").write_text("")
    static._write(encoder._model, tmp_path / "file" / "static-table")


def test_static_damaged_cache_is_made_again(encoder, monkeypatch, tmp_path):
    monkeypatch.setenv("LATEINT_CACHE", str(tmp_path))
    folder = tmp_path / f"static-{static._key(static.DIM)}"
    folder.mkdir()
    for name in ("model.safetensors", "config.json", "tokenizer.json"):
        (folder / name).write_text("{")
    called = []
    monkeypatch.setattr(static, "distil", lambda *arguments: called.append(arguments) or encoder._model)
    enc.load_static()
    assert called == [(folder, static.DIM)]


def test_static_bad_texts(encoder):
    for texts, error, words in (
        ("tent", TypeError, "single string"),
        ([], ValueError, "at least one"),
        (["tent", ""], ValueError, r"texts\[1\] is empty"),
        (["tent", "\u4dff\u4dfe"], ValueError, r"texts\[1\] holds no token"),
    ):
        with pytest.raises(error, match=words):
            encoder.encode_queries(texts)


def test_cache_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("LATEINT_CACHE", str(tmp_path / "here"))
    assert static.cache_folder() == tmp_path / "here"
    monkeypatch.setenv("LATEINT_CACHE", "")
    assert static.cache_folder().name == "lateint_ref"
