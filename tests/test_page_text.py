"""Pages as text: chunks, the score of a page, the text layer of PDFs, and the runs."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers import maxsim_by_loops, refused, toy_dataset, unit_vectors
from lateint_ref.encoders.bm25 import BM25
from lateint_ref.multivectors import MultiVectors
from lateint_ref.ocr import Word
from lateint_ref.pages import PageVectors
from workbook.page_text import Chunk, best_chunk, chunk_pages, page_run, text_runs

WORDS = {
    "p1": ["the", "harbour", "master", "counts", "boats", "in", "the", "morning", "and", "again", "at", "night"],
    "p2": [],
    "p3": ["seven", "lamps", "were", "lit", "on", "the", "pier", "while", "the", "harbour", "slept"],
}
DATASET = toy_dataset(
    {name: " ".join(words) or "-" for name, words in WORDS.items()},
    {"q1": "lamps on a pier", "q2": "who counts boats?"},
    {"q1": {"p3": 2}, "q2": {"p1": 2}},
)


# Chunks


def test_chunks_by_hand():
    chunks = chunk_pages({"a": list("abcdefgh"), "b": [], "c": ["x"]}, size=4, overlap=1)
    assert chunks == [Chunk("a", 0, "a b c d"), Chunk("a", 3, "d e f g"), Chunk("a", 6, "g h"), Chunk("c", 0, "x")]
    repeated = chunk_pages({"a": list("abcdefg")}, 4, 1)
    assert [chunk.text for chunk in repeated] == ["a b c d", "d e f g"], "none that only repeats the last"
    words = [Word("Total", (0, 0, 9, 9), 1.0), Word("8,840", (9, 0, 19, 9), 0.9)]
    assert chunk_pages({"a": words}) == [Chunk("a", 0, "Total 8,840")]


@given(st.integers(0, 60), st.integers(1, 20), st.data())
def test_chunks_hold_every_word_and_overlap_as_asked(count, size, data):
    overlap = data.draw(st.integers(0, size - 1))
    words = [f"w{number}" for number in range(count)]
    chunks = chunk_pages({"page": words}, size, overlap)
    parts = [chunk.text.split() for chunk in chunks]
    assert all(part == words[chunk.first : chunk.first + size] for part, chunk in zip(parts, chunks, strict=True))
    assert [word for number, part in enumerate(parts) for word in part[overlap if number else 0 :]] == words
    for left, right in pairwise(parts):
        assert len(left) == size
        assert left[size - overlap :] == right[:overlap]
        assert len(right) > overlap


def test_chunking_errors():
    refused(ValueError, "overlap must be from 0 to 9", chunk_pages, {"a": ["b"]}, 10, 10)
    refused(ValueError, "overlap", chunk_pages, {"a": ["b"]}, 10, -1)
    refused(TypeError, "overlap", chunk_pages, {"a": ["b"]}, 10, True)
    refused(TypeError, "words_by_page must be a dict", chunk_pages, ["a", "b"])
    refused(TypeError, r"words_by_page\['a'\].*Split", chunk_pages, {"a": "some words"})


# The score of a page


@given(st.lists(st.tuples(st.sampled_from("abc"), st.floats(-5, 5, width=32)), min_size=1, max_size=12))
def test_a_page_is_as_good_as_its_best_chunk(scored):
    chunks = [Chunk(page, 0, "x") for page, _ in scored]
    found = best_chunk([score for _, score in scored], chunks, ["a", "b", "c", "d"])
    assert found.dtype == np.float32
    for value, page in zip(found, "abcd", strict=True):
        own = [score for name, score in scored if name == page]
        assert value == (max(own) if own else pytest.approx(min(score for _, score in scored) - 1))


def test_scores_and_words_that_do_not_fit():
    chunk = Chunk("a", 0, "x")
    refused(ValueError, "1 stand in one of them only, first 'p3'", text_runs, DATASET, {"p1": ["a"], "p2": []})
    refused(ValueError, "no words", text_runs, DATASET, {"p1": [], "p2": [], "p3": []})
    refused(ValueError, "one number for each of 1 chunks", best_chunk, [1.0, 2.0], [chunk], ["a"])
    refused(KeyError, "page_ids lacks 'a'", best_chunk, [1.0], [chunk], ["b"])


# Runs


class Letters:
    """An encoder for tests: a text as counts of letters, whole or word by word."""

    def encode_documents(self, texts):
        return np.array([self._count(text) for text in texts])

    encode_queries = encode_documents

    @staticmethod
    def _count(text):
        counts = np.array([text.lower().count(letter) for letter in "abcdefghijklmnopqrstuvwxyz"], dtype=np.float32)
        return counts / max(1.0, float(np.linalg.norm(counts)))


class LettersOfWords(Letters):
    def encode_documents(self, texts):
        return MultiVectors.from_list([np.array([self._count(word) for word in text.split()]) for text in texts])

    encode_queries = encode_documents


def order(found):
    return sorted(found, key=lambda page: -found[page])


def test_runs_rank_pages_by_their_best_chunk():
    runs = text_runs(DATASET, WORDS, bi=Letters(), late=LettersOfWords(), size=4, overlap=1)
    assert list(runs) == ["bm25", "bi", "late"]
    chunks = chunk_pages(WORDS, 4, 1)
    for query in DATASET.queries:
        one = [float(Letters._count(chunk.text) @ Letters._count(query.text)) for chunk in chunks]
        asked = LettersOfWords().encode_queries([query.text])[0]
        many = [maxsim_by_loops(asked, LettersOfWords().encode_documents([chunk.text])[0]) for chunk in chunks]
        lexical = BM25([chunk.text for chunk in chunks]).scores(query.text)
        for name, scores in (("bm25", lexical), ("bi", one), ("late", many)):
            expected = best_chunk(scores, chunks, DATASET.ids)
            assert order(runs[name][query.id]) == [DATASET.ids[place] for place in np.argsort(-expected)]
            assert order(runs[name][query.id])[-1] == "p2", "a page without words comes last"
    assert text_runs(DATASET, WORDS, size=4, overlap=1) == {"bm25": runs["bm25"]}


class RandomQueries:
    def encode_queries(self, texts):
        return MultiVectors.from_list([unit_vectors(3, seed=len(text)) for text in texts])


def test_page_run_is_maxsim_in_any_order_of_pages():
    def pages(names):
        vectors = MultiVectors.from_list([unit_vectors(7, seed=int(name[1])) for name in names], names)
        return PageVectors(vectors, ((2, 3),) * 3, (np.arange(6),) * 3)

    run = page_run(DATASET, pages(DATASET.ids), RandomQueries())
    assert page_run(DATASET, pages(DATASET.ids[::-1]), RandomQueries()) == run
    for query in DATASET.queries:
        asked = RandomQueries().encode_queries([query.text])[0]
        scores = {name: maxsim_by_loops(asked, unit_vectors(7, seed=int(name[1]))) for name in DATASET.ids}
        assert order(run[query.id]) == order(scores)
    refused(KeyError, "p3", page_run, DATASET, pages(["p1", "p2", "p4"]), RandomQueries())
