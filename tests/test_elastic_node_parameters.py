"""Nothing is ignored: every parameter of the client is taken or refused, and so is every key of a body, or null."""

import copy
import inspect

import pytest
from elasticsearch import ApiError

from elastic_malformed import ONE, knn, linear, rescore
from test_elastic_node_malformed import es, send

__all__ = ["es"]

DOCUMENT = {"n": 9, "v": [[5, 5]]}
# API of the client: what it needs, and what the node takes; all else that the client knows must be a 400 that names it.
APIS = {
    "search": (
        {"index": "i"},
        "collapse docvalue_fields fields from_ knn min_score query rescore retriever search_type size source "
        "source_exclude_vectors source_excludes source_includes track_total_hits",
    ),
    "count": ({"index": "i"}, "query"),
    "index": ({"index": "i", "id": "9", "document": DOCUMENT}, "refresh"),
    "get": ({"index": "i", "id": "9"}, "source source_exclude_vectors source_excludes source_includes"),
    "exists": ({"index": "i", "id": "9"}, "source source_excludes source_includes"),
    "delete": ({"index": "i", "id": "none"}, "refresh"),
    "mget": ({"index": "i", "ids": ["9"]}, "source source_excludes source_includes"),
    "bulk": ({"operations": [{"index": {"_index": "i", "_id": "9"}}, DOCUMENT]}, "index refresh"),
    "indices.create": ({"index": "fresh"}, "aliases mappings settings"),
    "indices.delete": ({"index": "none"}, ""),
    "indices.exists": ({"index": "i"}, ""),
    "indices.get": ({"index": "i"}, ""),
    "indices.get_mapping": ({"index": "i"}, ""),
    "indices.get_settings": ({"index": "i"}, ""),
    "indices.put_settings": ({"index": "i", "settings": {"refresh_interval": "1s"}}, ""),
    "indices.refresh": ({"index": "i"}, ""),
    "indices.forcemerge": ({"index": "i"}, "max_num_segments"),
    "indices.stats": ({"index": "i"}, ""),
    "indices.put_alias": ({"index": "i", "name": "other"}, "filter"),
    "indices.get_alias": ({"index": "i"}, "name"),
    "indices.exists_alias": ({"name": "other"}, "index"),
    "indices.delete_alias": ({"index": "i", "name": "none"}, ""),
    "indices.update_aliases": ({"actions": [{"add": {"index": "i", "alias": "other"}}]}, ""),
    "license.get": ({}, ""),
}
IN_THE_PATH = {("indices.stats", "metric"), ("indices.get_settings", "name")}
SPELT = {"route_slice": "_slice"}
SAMPLES = {"metric": "docs", "sort": ["n"], "stats": ["a"], "indices_boost": [{"i": 2}], "operations": []}


def method_of(es, name):
    for step in name.split("."):
        es = getattr(es, step)
    return es


def parameters(es):
    for name, (needed, taken) in APIS.items():
        known = inspect.signature(method_of(es, name)).parameters
        for parameter in sorted(set(known) - {"self", "body", *needed, *taken.split()}):
            yield name, needed, parameter


def test_every_parameter_of_the_client_is_taken_or_refused_by_name(es):
    seen = 0
    for name, needed, parameter in parameters(es):
        value = SAMPLES.get(parameter, "1")
        with pytest.raises(ApiError) as caught:
            method_of(es, name)(**needed, **{parameter: value})
        assert caught.value.status_code == 400, (name, parameter)
        if "exists" not in name and (name, parameter) not in IN_THE_PATH:  # the answer to HEAD has no body
            named = SPELT.get(parameter, parameter.strip("_"))
            assert named in caught.value.body["error"]["reason"], (name, parameter)
        seen += 1
    assert seen >= 300
    assert es.count(index="i")["count"] == 4
    assert not es.indices.exists(index="fresh")


BY_SCRIPT = {
    "script_score": {"query": {"match_all": {}}, "script": {"source": "1", "lang": "painless"}, "min_score": 0}
}
BODIES = [
    {"query": {"match_all": {"boost": 2}}, "size": 3, "from": 0, "min_score": 0, "track_total_hits": 5},
    {"query": {"term": {"tag": {"value": "x", "boost": 1}}}, "fields": [{"field": "n"}], "docvalue_fields": ["n"]},
    {"query": {"match": {"title": {"query": "one"}}}, "_source": {"includes": ["n"], "excludes": ["tag"]}},
    {"query": {"range": {"n": {"gt": 0, "gte": 0, "lt": 9, "lte": 9}}}, "collapse": {"field": "tag"}},
    {"query": {"terms": {"tag": ["x"], "boost": 1}}, "_source": {"exclude_vectors": False}},
    {"query": {"ids": {"values": ["1"]}}},
    {"query": {"exists": {"field": "n", "boost": 1}}},
    {"query": {"constant_score": {"filter": {"exists": {"field": "n"}}, "boost": 1}}},
    {"query": {"bool": {"must": [ONE["standard"]["query"]], "filter": [], "minimum_should_match": 0}}},
    {
        "query": {
            "nested": {
                "path": "parts",
                "score_mode": "max",
                "query": {"knn": {"field": "parts.w", "query_vector": [1, 1], "k": 1}},
                "inner_hits": {"name": "a", "from": 0, "size": 1, "fields": ["parts.w"], "docvalue_fields": []},
            }
        }
    },
    {"query": BY_SCRIPT, "rescore": rescore(query_weight=0, rescore_query_weight=1, score_mode="total")},
    knn(similarity=0, boost=1, filter={"match_all": {}}, rescore_vector={"oversample": 2}, visit_percentage=5),
    {"retriever": {"standard": {"query": {"match_all": {}}, "filter": [{"match_all": {}}], "min_score": 0}}},
    {"retriever": {"rescorer": {"retriever": ONE, "rescore": rescore()}}, "size": 3},
    {"retriever": {"rrf": {"retrievers": [{"retriever": ONE, "weight": 1}, ONE], "rank_constant": 1}}, "size": 3},
    linear({"retriever": ONE, "weight": 1, "normalizer": "l2_norm"}, rank_window_size=10),
]


def objects(value, path=()):
    """The paths of the objects within a body."""
    if isinstance(value, dict):
        yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from objects(inner, (*path, key))


def at(body, path):
    for step in path:
        body = body[step]
    return body


def changed(body, path, key, value):
    found = copy.deepcopy(body)
    at(found, path)[key] = value
    return found


@pytest.mark.parametrize("body", BODIES, ids=lambda body: str(body)[:40])
def test_no_unknown_key_and_no_null_is_ignored(es, body):
    assert send(es, "POST", "/i/_search", body)[0] == 200
    for path in objects(body):
        status, answer = send(es, "POST", "/i/_search", changed(body, path, "zzz", 1))
        assert (status, "error" in answer) == (400, True), path
        for key in at(body, path):
            assert send(es, "POST", "/i/_search", changed(body, path, key, None))[0] == 400, (path, key)


ODD = [0, -1, 1.5, "x", True, [], {}, [[]], 1e300, "1"]


@pytest.mark.parametrize("body", BODIES, ids=lambda body: str(body)[:40])
def test_no_odd_value_breaks_the_node(es, body):
    for path in objects(body):
        for key in at(body, path):
            for value in ODD:
                assert send(es, "POST", "/i/_search", changed(body, path, key, value))[0] in (200, 400), (path, value)


def test_there_are_enough():
    assert sum(1 + len(at(body, path)) for body in BODIES for path in objects(body)) >= 200
