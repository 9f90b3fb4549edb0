"""The same requests on the node in this process and on a real cluster: same ids, same scores, same refusals."""

import os
import uuid

import numpy as np
import pytest
from elasticsearch import ApiError

from elastic_requests import DOCUMENTS, EMPTY, EXACT, FIELDS, QUERY, REFUSED, REQUESTS, documents
from helpers import maxsim_by_loops
from lateint_ref.elastic import index_documents, mappings
from workbook.elasticsearch import connect, is_local

RELATIVE = 1e-4
NO_CLUSTER = "no cluster is named: start one (docker compose up --wait) and set ES_URL=http://localhost:9200"


def filled(client):
    """A client and the name of a filled index of its own."""
    name = f"lateint-test-{uuid.uuid4().hex[:12]}"
    client.indices.create(index=name, mappings=mappings.strict(FIELDS), settings=mappings.settings())
    report = index_documents(client, name, documents(), progress=False)
    assert (report.indexed, report.refused) == (DOCUMENTS, [])
    return client, name


@pytest.fixture(scope="module")
def local():
    client, name = filled(connect("local"))
    assert is_local(client)
    return client, name


@pytest.fixture(scope="module")
def live():
    if not os.environ.get("ES_URL"):
        pytest.skip(NO_CLUSTER)
    client, name = filled(connect())
    yield client, name
    client.indices.delete(index=name)


def hits(where, body):
    client, name = where
    return [(hit["_id"], hit["_score"]) for hit in client.search(index=name, body=body)["hits"]["hits"]]


def refusal(where, body):
    client, name = where
    with pytest.raises(ApiError) as caught:
        client.search(index=name, body=body)
    return caught.value


def assert_same(first, second):
    """Scores equal to 1e-4, and the same ids wherever scores tell documents apart."""
    assert len(first) == len(second)
    np.testing.assert_allclose([score for _, score in first], [score for _, score in second], rtol=RELATIVE)
    for name, score in first:
        alike = {other for other, value in second if abs(value - score) <= RELATIVE * abs(score)}
        last = abs(first[-1][1] - score) <= RELATIVE * abs(score)
        assert name in alike or last, (name, score, second)


# On the node alone: the table itself is sound


@pytest.mark.parametrize("request_name", REQUESTS)
def test_every_request_is_answered_on_the_local_node(local, request_name):
    found = hits(local, REQUESTS[request_name])
    assert found
    assert len({name for name, _ in found}) == len(found)


@pytest.mark.parametrize("request_name", REFUSED)
def test_every_refusal_of_the_local_node_has_a_reason(local, request_name):
    body, status = REFUSED[request_name]
    error = refusal(local, body)
    assert error.status_code == status
    assert error.body["error"]["reason"]


def test_the_local_node_computes_maxsim_as_the_loops_do(local):
    wanted = {}
    rng_documents = [document for document in documents() if document["_id"] not in EMPTY]
    for document in rng_documents:
        wanted[document["_id"]] = maxsim_by_loops(QUERY, np.asarray(document["floats"]))
    found = dict(hits(local, {"query": EXACT, "size": 50}))
    assert found == pytest.approx(wanted, rel=RELATIVE)


# On both


@pytest.mark.elasticsearch
@pytest.mark.parametrize("request_name", REQUESTS)
def test_both_answer_alike(local, live, request_name):
    assert_same(hits(local, REQUESTS[request_name]), hits(live, REQUESTS[request_name]))


@pytest.mark.elasticsearch
@pytest.mark.parametrize("request_name", REFUSED)
def test_both_refuse_alike(local, live, request_name):
    body, status = REFUSED[request_name]
    ours, theirs = refusal(local, body), refusal(live, body)
    assert (ours.status_code, theirs.status_code) == (status, status)
    assert ours.body["error"]["type"] == theirs.body["error"]["type"]


@pytest.mark.elasticsearch
@pytest.mark.parametrize(
    "fields",
    [
        {"floats": [[0.5] * 63]},
        {"floats": [[]]},
        {"floats": []},
        {"floats": [[0.5] * 64, [0.5] * 63]},
        {"bits": ["zz"]},
        {"bits": ["ff"]},
        {"dot": [2.0] + [0.0] * 63},
        {"unknown": 1},
        {"floats": None},
    ],
    ids=str,
)
def test_both_take_and_refuse_the_same_documents(local, live, fields):
    reports = [
        index_documents(*where, [{"_id": str(fields)[:40], **fields}], progress=False) for where in (local, live)
    ]
    assert [len(report.refused) for report in reports] == [len(reports[0].refused)] * 2
    assert [item.status for item in reports[0].refused] == [item.status for item in reports[1].refused]
    for client, name in (local, live):
        client.options(ignore_status=404).delete(index=name, id=str(fields)[:40], refresh=True)
