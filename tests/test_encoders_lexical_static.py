"""BM25 against its formula; static embeddings against the backbone; the cache folder; bad input."""

import json
import math
import runpy
import unicodedata

import numpy as np
import pytest
import torch

from helpers import refused
from lateint_ref import encoders as enc
from lateint_ref.checks import cache_folder
from lateint_ref.encoders import backbone
from lateint_ref.encoders.single import STATIC_FILES, StaticEncoder, static_folder

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


def test_bm25_unknown_words_score_zero():
    for query in ("zebra", "the of and", "?!", "x"):
        assert enc.BM25(DOCUMENTS).scores(query).tolist() == [0, 0, 0, 0]


def test_accents_may_be_typed_in_two_ways():
    composed, apart = (unicodedata.normalize(form, "Café Zürich") for form in ("NFC", "NFD"))
    assert composed != apart
    index = enc.BM25([composed, apart, "neither of them"])
    for query in (composed, apart):
        scores = index.scores(query)
        assert scores[0] == scores[1] > scores[2] == 0


def test_words_of_scripts_with_vowel_signs():
    index = enc.BM25(["हिन्दी भाषा", "தமிழ் மொழி", "an English text"])
    assert index.words("हिन्दी भाषा") == ["हिन्दी", "भाषा"]
    assert index.scores("भाषा").argmax() == 0
    assert index.scores("மொழி").argmax() == 1


def test_bm25_bad_arguments():
    index = enc.BM25(DOCUMENTS)
    refused(ValueError, "no words but stopwords", enc.BM25, ["the", "of"])
    for arguments in ({"k1": -1}, {"b": 2}, {"k1": float("nan")}):
        refused(ValueError, "k1 must be", enc.BM25, DOCUMENTS, **arguments)
    refused(TypeError, "query must be a string", index.scores, ["tent"])
    for call in (index.scores, index.postings):
        refused(ValueError, "query is empty", call, " ")


def test_postings_are_the_documents_that_have_a_word():
    index = enc.BM25(["red fox fox", "blue fox", "green tree"])
    assert [index.postings(query) for query in ("fox", "a fox in a tree", "zebra")] == [2, 3, 0]
    assert index.nbytes >= 8 * 6


@pytest.fixture(scope="module")
def encoder():
    return enc.load_static()


@pytest.fixture(scope="module")
def make():
    """What distils the table."""
    return runpy.run_path(str(static_folder() / "make.py"))


def test_static_vectors(encoder):
    vectors = encoder.encode_documents(DOCUMENTS)
    assert vectors.shape == (4, encoder.dim)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    np.testing.assert_array_equal(encoder.encode_queries(DOCUMENTS[2:3])[0], vectors[2])
    assert (vectors @ encoder.encode_queries(["boats for rent"])[0]).argmax() == 2
    refused(ValueError, r"texts\[1\] holds no token", encoder.encode_queries, ["tent", "\u4dff\u4dfe"])


def test_static_table_is_the_backbones(encoder, make):
    """PCA and the weights are an affine map and a factor of each row: found from some rows, they give the others."""
    table = encoder._model
    assert table.embedding.dtype == np.float32
    rows = np.random.default_rng(0).permutation(len(table.tokens))[:1000]
    model, tokenizer = backbone.load_backbone()
    ids = tokenizer.convert_tokens_to_ids([table.tokens[row] for row in rows])
    sequences = torch.tensor([[tokenizer.cls_token_id, number, tokenizer.sep_token_id] for number in ids])
    with torch.inference_mode():
        states = model(sequences).last_hidden_state.mean(dim=1).numpy()
    probability = 1 / np.arange(2, len(table.tokens) + 2)
    probability /= probability.sum()
    unweighted = table.embedding * ((make["SIF"] + probability) / make["SIF"])[:, None]
    inputs = np.hstack([states, np.ones((len(states), 1))])
    found = np.linalg.lstsq(inputs[:700], unweighted[rows[:700]], rcond=None)[0]
    np.testing.assert_allclose(inputs[700:] @ found, unweighted[rows[700:]], atol=5e-3)


def test_static_is_distilled_again(monkeypatch, tmp_path, encoder, make):
    """With the slow part, the pass through the network, replaced by the table that it led to."""
    import model2vec.distill

    monkeypatch.setattr(model2vec.distill, "distill_from_model", lambda *_, **settings: encoder._model)
    (tmp_path / "README.md").write_text("a card", encoding="utf-8")
    make["distil"](tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(["README.md", "static.json", *STATIC_FILES])
    assert (tmp_path / "README.md").read_text(encoding="utf-8") == "a card"
    assert json.loads((tmp_path / "config.json").read_text(encoding="utf-8"))["tokenizer_name"] == backbone.NAME
    again = StaticEncoder(tmp_path)
    np.testing.assert_array_equal(again.encode_documents(DOCUMENTS), encoder.encode_documents(DOCUMENTS))


def test_cache_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("LATEINT_CACHE", str(tmp_path / "here"))
    assert cache_folder() == tmp_path / "here"
    monkeypatch.setenv("LATEINT_CACHE", "")
    assert cache_folder().name == "lateint_ref"
