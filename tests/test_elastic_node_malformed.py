"""Malformed requests to the local node: each a 4xx with a reason, and the index as it was."""

import json
from urllib.parse import quote

import pytest
from elasticsearch import ApiError, Elasticsearch
from hypothesis import given, settings
from hypothesis import strategies as st

from elastic_malformed import CALL, DOCUMENTS, FIELDS, INDICES, SEARCHES, WRITES, script
from workbook.elasticsearch.node import local_node


def snapshot(es):
    es.indices.refresh(index="_all")
    found = es.search(index="i", source={"exclude_vectors": False}, version=True).body
    maxsim = es.search(index="i", **script(CALL)).body
    for answer in (found, maxsim):
        answer.pop("took")
    mapping = es.indices.get(index="*").body
    return found, maxsim, mapping


@pytest.fixture(scope="module")
def es():
    found = Elasticsearch("http://local:9200", node_class=local_node())
    found.indices.create(index="i", mappings={"dynamic": "strict", "properties": FIELDS})
    for number, document in enumerate(DOCUMENTS):
        found.index(index="i", id=str(number), document=document)
    found.index(index="i", id="9", document={"v": [[5, 5]], "n": 9}, refresh=True)
    return found


def refused(es, method, path, body, fragment):
    before = snapshot(es)
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    answer = es.transport.node_pool.get().perform_request(method, path, body=raw)
    error = json.loads(answer.body)["error"]
    assert answer.meta.status == 400, error
    assert error["type"]
    assert error["root_cause"][0]["reason"]
    assert fragment in json.dumps(error, ensure_ascii=False).replace('\\"', '"')
    assert snapshot(es) == before


def test_there_are_enough():
    assert len(SEARCHES) + len(WRITES) + len(INDICES) >= 150


@pytest.mark.parametrize(("body", "fragment"), SEARCHES)
def test_malformed_searches(es, body, fragment):
    refused(es, "POST", "/i/_search", body, fragment)


@pytest.mark.parametrize(("body", "fragment"), WRITES)
def test_malformed_documents(es, body, fragment):
    refused(es, "PUT", "/i/_doc/9", body, fragment)


@pytest.mark.parametrize(("name", "body", "fragment"), INDICES)
def test_malformed_indices(es, name, body, fragment):
    refused(es, "PUT", f"/{quote(name)}", body, fragment)


def test_the_client_raises_what_it_would_for_a_server(es):
    with pytest.raises(ApiError) as caught:
        es.search(index="i", **script(CALL, [[1, 2, 3]]))
    assert caught.value.error == "search_phase_execution_exception"
    with pytest.raises(ApiError) as caught:
        es.index(index="i", id="9", document={"v": [[1]]})
    assert caught.value.error == "document_parsing_exception"
    assert "failed to parse: The [rank_vectors] field [v] in doc [document with id '9']" in str(caught.value)
    with pytest.raises(ApiError) as caught:
        es.indices.create(index="x", mappings={"properties": {"a": {"type": "vector"}}})
    assert caught.value.error == "mapper_parsing_exception"


KEYS = (
    "query knn retriever rescore script_score script source params bool must filter match_all term match nested path "
    "standard rescorer rrf retrievers query_vector field k window_size rescore_query size sort _source"
)
PIECES = (
    "params.q 'v' maxSimDotProduct ( ) , doc [ ] . size value ? : + - * / 1 2.5 == && || ! return ; double x = if { }"
)
ATOMS = (
    st.none() | st.booleans() | st.integers(-3, 20000) | st.floats(allow_nan=False) | st.sampled_from(["v", "d", ""])
)
JSON = st.recursive(
    ATOMS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS.split()), inner, max_size=4),
    max_leaves=15,
)
SCRIPTS = st.text("(){}[];,.?:!=<>&|+-*/%'\" 01aqv\n", max_size=30) | st.lists(
    st.sampled_from(PIECES.split()), max_size=25
).map(" ".join)


@settings(max_examples=200, deadline=None)
@given(JSON)
def test_no_body_breaks_the_node(es, body):
    answer = es.transport.node_pool.get().perform_request("POST", "/i/_search", body=json.dumps(body).encode())
    assert answer.meta.status in (200, 400)


@settings(max_examples=200, deadline=None)
@given(SCRIPTS)
def test_no_script_breaks_the_node(es, source):
    body = json.dumps(script(source)).encode()
    assert es.transport.node_pool.get().perform_request("POST", "/i/_search", body=body).meta.status in (200, 400)
