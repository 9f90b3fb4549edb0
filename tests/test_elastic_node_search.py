"""Queries of the local node: what matches, BM25, and the form of a search's answer."""

import math

import bm25s
import pytest
from elasticsearch import BadRequestError
from hypothesis import given, settings
from hypothesis import strategies as st

from elastic_local import ALL, filled, found, ranked, scripted
from helpers import refused
from workbook.elasticsearch.words import LENGTHS, stored_length, tokens

BOOKS = {
    "a": {"title": "The quick brown fox", "tag": ["x", "y"], "year": 1999, "price": 2.5},
    "b": {"title": "Quick foxes, quick foxes!", "tag": "y", "year": 2005, "new": True},
    "c": {"title": "A lazy dog's 3.5 days", "tag": "z", "year": 2005},
    "d": {"who": {"name": "Ann", "age": 7}, "year": 2010, "new": False, "price": None, "tag": []},
}
FIELDS = {
    "title": {"type": "text"},
    "tag": {"type": "keyword"},
    "year": {"type": "long"},
    "price": {"type": "float"},
    "new": {"type": "boolean"},
    "who": {"properties": {"name": {"type": "keyword"}, "age": {"type": "byte"}}},
}


@pytest.fixture(scope="module")
def es():
    return filled(FIELDS, BOOKS)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"match_all": {}}, "abcd"),
        ({"ids": {"values": ["d", "a", "nobody"]}}, "ad"),
        ({"exists": {"field": "price"}}, "a"),
        ({"term": {"_id": "c"}}, "c"),
        ({"terms": {"_id": ["d", "a"]}}, "ad"),
        ({"exists": {"field": "tag"}}, "abc"),
        ({"exists": {"field": "nowhere"}}, ""),
        ({"term": {"tag": "y"}}, "ab"),
        ({"term": {"tag": {"value": "Y"}}}, ""),
        ({"term": {"year": 2005}}, "bc"),
        ({"term": {"year": "2005"}}, "bc"),
        ({"term": {"new": True}}, "b"),
        ({"term": {"new": "false"}}, "d"),
        ({"term": {"title": "quick"}}, "ba"),
        ({"term": {"title": "Quick"}}, ""),
        ({"term": {"nowhere": 1}}, ""),
        ({"terms": {"tag": ["x", "z"]}}, "ac"),
        ({"terms": {"year": [1999, 2010]}}, "ad"),
        ({"range": {"year": {"gt": 1999, "lte": 2005}}}, "bc"),
        ({"range": {"tag": {"lt": "y"}}}, "a"),
        ({"match": {"title": "QUICK"}}, "ba"),
        ({"match": {"title": "..."}}, ""),
        ({"match": {"year": 2010}}, "d"),
        ({"match": {"tag": "x"}}, "a"),
        ({"bool": {}}, "abcd"),
        ({"bool": {"must_not": {"exists": {"field": "title"}}}}, "d"),
        ({"bool": {"filter": [{"term": {"year": 2005}}], "should": [{"term": {"tag": "z"}}]}}, "cb"),
        ({"bool": {"should": [{"term": {"tag": "x"}}, {"term": {"tag": "z"}}]}}, "ac"),
        ({"bool": {"should": [{"term": {"tag": "x"}}], "minimum_should_match": 0}}, "a"),
        ({"term": {"who.name": "Ann"}}, "d"),
        ({"exists": {"field": "who"}}, "d"),
        ({"bool": {"should": [{"term": {"tag": "x"}}, {"term": {"tag": "y"}}], "minimum_should_match": 2}}, "a"),
        ({"bool": {"must": {"term": {"year": 2005}}, "must_not": [{"term": {"tag": "z"}}]}}, "b"),
    ],
)
def test_what_matches(es, query, expected):
    names = list(found(es, query))
    assert (names if query.keys() & {"match", "bool", "term"} else sorted(names)) == list(expected)
    assert es.count(index="i", query=query)["count"] == len(expected)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"match_all": {"boost": 2.5}}, 2.5),
        ({"ids": {"values": ["a"]}}, 1.0),
        ({"exists": {"field": "price"}}, 1.0),
        ({"term": {"year": 1999}}, 1.0),
        ({"terms": {"tag": ["x"], "boost": 3}}, 3.0),
        ({"bool": {"filter": {"ids": {"values": ["a"]}}}}, 0.0),
        ({"bool": {"must": [{"match_all": {}}, {"term": {"year": 1999}}], "boost": 2}}, 4.0),
    ],
)
def test_constant_scores(es, query, expected):
    assert found(es, query)["a"] == pytest.approx(expected)


def by_hand(word, name):
    """BM25 as its definition reads, in float64, for the titles above."""
    lengths = {"a": 4, "b": 4, "c": 5}
    frequency = {"quick": {"a": 1, "b": 2}, "fox": {"a": 1}, "3.5": {"c": 1}, "dog's": {"c": 1}}[word]
    idf = math.log(1 + (3 - len(frequency) + 0.5) / (len(frequency) + 0.5))
    average = sum(lengths.values()) / 3
    tf = frequency.get(name, 0)
    return idf * tf * 2.2 / (tf + 1.2 * (1 - 0.75 + 0.75 * lengths[name] / average))


def test_bm25_by_hand(es):
    assert found(es, {"match": {"title": "quick"}}) == pytest.approx({n: by_hand("quick", n) for n in "ab"}, rel=1e-6)
    both = by_hand("dog's", "c") + by_hand("3.5", "c")
    assert found(es, {"match": {"title": "dog's 3.5"}}) == pytest.approx({"c": both}, rel=1e-6)
    doubled = found(es, {"match": {"title": {"query": "quick fox", "boost": 2}}})["a"]
    assert doubled == pytest.approx(2 * (by_hand("quick", "a") + by_hand("fox", "a")), rel=1e-6)


def test_the_score_of_a_term_in_one_document_is_lucenes_well_known_one():
    es = filled({"t": {"type": "text"}, "k": {"type": "keyword"}}, [{"t": "word", "k": "word"}])
    assert ranked(es, query={"match": {"t": "word"}}) == ranked(es, query={"term": {"k": "word"}}) == [("0", 0.2876821)]


@settings(max_examples=20, deadline=None)
@given(st.lists(st.text("abcde ", min_size=1, max_size=60).filter(str.strip), min_size=2, max_size=8), st.text("abcde"))
def test_bm25_is_that_of_bm25s(texts, extra):
    query = f"a b {extra}"
    es = filled({"t": {"type": "text"}}, [{"t": text} for text in texts])
    corpus = [text.split() for text in texts]
    wanted = [word for word in query.split() if any(word in words for words in corpus)]
    scores = found(es, {"match": {"t": query}})
    if not wanted:
        assert scores == {}
        return
    peer = bm25s.BM25(method="lucene", k1=1.2, b=0.75)
    peer.index(corpus, show_progress=False)
    expected = 2.2 * peer.get_scores(wanted)  # the factor that Elasticsearch keeps and Lucene dropped
    assert [scores.get(str(number), 0.0) for number in range(len(texts))] == pytest.approx(expected.tolist(), abs=2e-5)


def test_one_byte_lengths():
    assert [stored_length(length) for length in range(41)] == list(range(41))
    assert stored_length(41) == 40
    known = sorted(set(LENGTHS.tolist()))
    assert len(known) == 256
    for length in (50, 99, 100, 101, 255, 1000, 12345, 10**6):
        at = stored_length(length)
        assert at == max(value for value in known if value <= length)
        assert length * 0.875 <= at <= length


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The QUICK, brown-fox!", ["the", "quick", "brown", "fox"]),
        ("dog's don’t", ["dog's", "don’t"]),
        ("3.14 1,000 a.b U.S.A.", ["3.14", "1,000", "a.b", "u.s.a"]),
        ("snake_case __ v2", ["snake_case", "v2"]),
        ("1.a a.1 x,y", ["1", "a", "a", "1", "x", "y"]),
        ("日本 かな", ["日", "本", "か", "な"]),
        ("Straße ÉCOLE", ["straße", "école"]),
        ("x" * 300, ["x" * 255, "x" * 45]),
        ("", []),
    ],
)
def test_tokens(text, expected):
    assert tokens(text) == expected


def test_paging_totals_and_scores(es):
    page = es.search(index="i", query=ALL, from_=1, size=2)["hits"]
    assert [hit["_id"] for hit in page["hits"]] == ["b", "c"]
    assert page["total"] == {"value": 4, "relation": "eq"}
    capped = es.search(index="i", track_total_hits=2)["hits"]
    assert (capped["total"], len(capped["hits"])) == ({"value": 2, "relation": "gte"}, 4)
    assert "total" not in es.search(index="i", track_total_hits=False)["hits"]
    empty = es.search(index="i", size=0)["hits"]
    assert (empty["hits"], empty["max_score"], empty["total"]["value"]) == ([], None, 4)
    assert found(es, {"match": {"title": "quick"}}, min_score=0.6).keys() == {"b"}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (None, BOOKS["a"]),
        (True, BOOKS["a"]),
        (False, None),
        ("title", {"title": BOOKS["a"]["title"]}),
        (["year", "tag"], {"tag": ["x", "y"], "year": 1999}),
        ({"excludes": ["title", "price", "tag"]}, {"year": 1999}),
        ({"includes": ["title", "price"], "excludes": ["title"]}, {"price": 2.5}),
    ],
)
def test_source_filter(es, source, expected):
    hit = es.search(index="i", query={"ids": {"values": ["a"]}}, source=source)["hits"]["hits"][0]
    assert hit.get("_source") == expected


def test_a_part_of_an_object(es):
    found = es.search(index="i", query={"term": {"who.age": 7}}, source=["who.name"], fields=["who.age", "none"])
    (hit,) = found["hits"]["hits"]
    assert (hit["_source"], hit["fields"]) == ({"who": {"name": "Ann"}}, {"who.age": [7]})


# Nested documents


@pytest.fixture(scope="module")
def nested():
    one = {"type": "dense_vector", "dims": 1, "index": False}
    inner = {"text": {"type": "text"}, "n": {"type": "integer"}, "one": one}
    documents = {
        name: {"parts": [{"n": number, "text": f"part {number}", "one": [float(number)]} for number in numbers]}
        for name, numbers in {"a": [1, 5], "b": [2], "c": [], "d": [3, 4, 8]}.items()
    }
    return filled({"parts": {"type": "nested", "properties": inner}}, documents)


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("avg", [("d", 5.0), ("a", 3.0), ("b", 2.0)]),
        ("max", [("d", 8.0), ("a", 5.0), ("b", 2.0)]),
        ("min", [("d", 3.0), ("b", 2.0), ("a", 1.0)]),
        ("sum", [("d", 15.0), ("a", 6.0), ("b", 2.0)]),
        ("none", [("a", 0.0), ("b", 0.0), ("d", 0.0)]),
    ],
)
def test_nested_score_modes(nested, mode, expected):
    inner = scripted("dotProduct(params.q, 'parts.one')", q=[1])
    assert ranked(nested, query={"nested": {"path": "parts", "query": inner, "score_mode": mode}}) == expected


def test_nested_documents_are_hidden_outside(nested):
    assert found(nested, {"term": {"parts.n": 5}}) == {}
    assert nested.count(index="i")["count"] == 4
    inner = {"bool": {"filter": [{"term": {"parts.n": 1}}, {"match": {"parts.text": "5"}}]}}
    assert found(nested, {"nested": {"path": "parts", "query": inner}}) == {}  # no one part has both
    assert list(found(nested, {"nested": {"path": "parts", "query": {"range": {"parts.n": {"gte": 4}}}}})) == ["a", "d"]


# Scripts


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("1 + 2 * 3", 7),
        ("(1 + 2) * 3", 9),
        ("7 / 2", 3),
        ("7 / 2.0", 3.5),
        ("-7 / 2 + 10", 7),
        ("2 > 1 ? 5 : 6", 5),
        ("1 >= 2 ? 5 : 2 != 2 ? 6 : 7", 7),
        ("params.a + params['b']", 3.5),
        ("_score * 3", 3),
        ("doc['tag'].size()", 2),
        ("doc['price'].empty ? 1 : 2", 2),
        ("return 4;", 4),
        ("/* why */ 1e3 + .5 + 2f + 3L // done", 1005.5),
        ("1.0 / 3", 0.33333334),  # scores are float32
    ],
)
def test_scripts(es, source, expected):
    assert found(es, scripted(source, {"ids": {"values": ["a"]}}, a=1, b=2.5)) == {"a": expected}


def test_a_branch_runs_only_for_its_documents(es):
    guarded = scripted("doc['price'].size() == 0 ? _score : 10 / doc['price'].size()")
    assert found(es, guarded) == {"a": 10, "b": 1, "c": 1, "d": 1}
    refused(BadRequestError, "runtime error", found, es, scripted("10 / doc['price'].size()"))


def test_script_score_min_score_and_boost(es):
    query = scripted("10 * doc['tag'].size()")["script_score"] | {"min_score": 10}
    assert found(es, {"script_score": query}) == {"a": 20.0, "b": 10.0, "c": 10.0}
    assert es.count(index="i", query={"script_score": query})["count"] == 3
    assert found(es, {"script_score": {**query, "boost": 0.5}}) == {"a": 10.0}  # compared once boosted
