"""What the local node refuses: each a 4xx with a reason, and the index as it was."""

import json
from urllib.parse import quote

import pytest
from elasticsearch import ApiError
from hypothesis import given, settings
from hypothesis import strategies as st

from elastic_local import client
from elastic_malformed import (
    CALL,
    DECLINED_INDICES,
    DECLINED_REQUESTS,
    DECLINED_SEARCHES,
    DOCUMENTS,
    FIELDS,
    INDICES,
    SEARCHES,
    WRITES,
    script,
)


@pytest.fixture(scope="module")
def es():
    made = client()
    made.indices.create(index="i", mappings={"dynamic": "strict", "properties": FIELDS})
    for number, document in enumerate(DOCUMENTS):
        made.index(index="i", id=str(number), document=document)
    made.index(index="i", id="9", document={"v": [[5, 5]], "n": 9}, refresh=True)
    return made


def send(es, method, path, body=None):
    raw = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
    answer = es.transport.node_pool.get().perform_request(method, path, body=raw)
    return answer.meta.status, json.loads(answer.body)


def snapshot(es):
    es.indices.refresh(index="i")
    found = es.search(index="i", source={"exclude_vectors": False}).body["hits"]
    return found, es.search(index="i", **script(CALL)).body["hits"], es.indices.get(index="i").body


BULKS = [
    (b"", "request body is required"),
    (b'{"index":{"_index":"i"}}\n{"n":1}', "must be terminated by a newline"),
    (b'{"index":{"_index":"i"}}\n', "has no document after it"),
    (b'{"upsert":{"_index":"i"}}\n{"n":1}\n', "expected field"),
    (b'["index"]\n{"n":1}\n', "expected START_OBJECT"),
    (b'{"index":{"_index":"i"},"create":{}}\n{"n":1}\n', "END_OBJECT"),
    (b'{"index":{"_index":"i","wrong":1}}\n{"n":1}\n', "unknown parameter [wrong]"),
    (b'{"index":{"_index":"i"}}\n{"n":1}\n{"index"\n{}\n', "not JSON"),
]
MALFORMED = [
    *(("POST", "/i/_search", *case) for case in SEARCHES),
    *(("PUT", "/i/_doc/9", *case) for case in WRITES),
    *(("PUT", f"/{quote(name)}", *case) for name, *case in INDICES),
    *(("POST", "/_bulk", *case) for case in BULKS),
]
# What a server takes, and the node does not.
DECLINED = [
    *(("POST", "/i/_search", *case) for case in DECLINED_SEARCHES),
    *(("PUT", "/x", *case) for case in DECLINED_INDICES),
    *((*case, "ES_URL names one") for case in DECLINED_REQUESTS),
]


@pytest.mark.parametrize(("method", "path", "body", "fragment"), MALFORMED + DECLINED)
def test_what_is_refused_changes_nothing(es, method, path, body, fragment):
    before = snapshot(es)
    status, answer = send(es, method, path, body)
    assert status == 400, answer
    error = answer["error"]
    assert error["root_cause"][0]["reason"]
    assert error["type"]
    assert (error["type"] == "not_implemented_by_local_node") == ((method, path, body, fragment) in DECLINED)
    assert fragment in json.dumps(error, ensure_ascii=False).replace('\\"', '"')
    assert snapshot(es) == before


@pytest.mark.parametrize(
    ("method", "path", "status", "reason"),
    [
        ("DELETE", "/i/_search", 405, "Incorrect HTTP method"),
        ("GET", "/i/_search?sizes=3", 400, "unrecognized parameter: [sizes]"),
        ("GET", "/i/_count?a=1&b=2", 400, "unrecognized parameters: [a], [b]"),
        ("PUT", "/i/_doc/9?refresh=later", 400, "Unknown value for refresh: [later]"),
        ("GET", "/nowhere/_search", 404, "no such index [nowhere]"),
        ("PUT", "/_books", 400, "must not start with"),
    ],
)
def test_wrong_paths_and_parameters(es, method, path, status, reason):
    found, answer = send(es, method, path, {})
    assert (found, reason in answer["error"]["reason"]) == (status, True), answer


def test_the_client_raises_what_it_would_for_a_server(es):
    with pytest.raises(ApiError) as caught:
        es.search(index="i", **script(CALL, [[1, 2, 3]]))
    assert caught.value.error == "search_phase_execution_exception"
    assert caught.value.body["error"]["root_cause"][0]["type"] == "script_exception"
    with pytest.raises(ApiError, match="failed to parse: The \\[rank_vectors\\] field \\[v\\] in doc") as caught:
        es.index(index="i", id="9", document={"v": [[1]]})
    assert caught.value.error == "document_parsing_exception"


KEYS = (
    "query knn retriever rescore script_score script source params bool must filter match_all term match nested path "
    "standard rescorer rrf retrievers query_vector field k window_size rescore_query size fields _source"
)
PIECES = "params.q 'v' maxSimDotProduct ( ) , doc [ ] . size value ? : + - * / 1 2.5 == && ! return ; double x = if { }"
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


@settings(max_examples=150, deadline=None)
@given(JSON | SCRIPTS.map(script))
def test_no_body_breaks_the_node(es, body):
    assert send(es, "POST", "/i/_search", body)[0] in (200, 400)
