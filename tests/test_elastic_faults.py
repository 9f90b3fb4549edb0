"""Indexing that loses nothing: whatever fails, after a second run every document is there once."""

import functools
import signal
import subprocess
import sys

import numpy as np
import pytest
import tqdm.auto
from elasticsearch import ApiError, Elasticsearch
from hypothesis import given, settings
from hypothesis import strategies as st

import lateint_ref.elastic as elastic
from elastic_faults import faulty_node
from helpers import unit_vectors
from lateint_ref.elastic import IndexingStoppedError, index_documents, mappings
from notebook_rules import ROOT
from workbook.elasticsearch import connect

DIM = 8
MAPPING = mappings.strict({"vectors": mappings.rank_vectors(DIM), "number": {"type": "integer"}})


def documents(n, first=0):
    return [
        {"_id": f"d{i}", "number": i, "vectors": elastic.float_values(unit_vectors(3, DIM, seed=i))}
        for i in range(first, first + n)
    ]


def client_of(node):
    client = Elasticsearch("http://local:9200", node_class=node)
    if not client.indices.exists(index="docs"):
        client.indices.create(index="docs", mappings=MAPPING)
    return client


def run(client, given, **changes):
    """Index with small batches, without waiting; returns the report and the waits."""
    waits = []
    options = {"max_documents": 4, "progress": False, "sleep": waits.append, **changes}
    return index_documents(client, "docs", given, **options), waits


def assert_once(client, n, version=1):
    """Every one of `n` documents is there once, was written once, and can be found."""
    found = client.search(index="docs", query={"match_all": {}}, size=n + 10)["hits"]["hits"]
    assert sorted(hit["_id"] for hit in found) == sorted(f"d{i}" for i in range(n))
    for i in range(n):
        got = client.get(index="docs", id=f"d{i}")
        assert (got["_version"], got["_source"]["number"]) == (version, i)


# Nothing fails


def test_without_faults():
    node = faulty_node()
    client = client_of(node)
    report, waits = run(client, documents(10))
    assert (report.indexed, report.already_there, report.refused, report.requests) == (10, 0, [], 3)
    assert (report.retries, waits, report.total) == (0, [], 10)
    assert report.sent_bytes == sum(node.sizes)
    assert str(report) == "10 indexed, 0 already there, 0 refused"
    assert_once(client, 10)


def test_running_again_sends_nothing():
    node = faulty_node()
    client = client_of(node)
    run(client, documents(10))
    node.sent.clear()
    report, _ = run(client, documents(12))
    assert (report.indexed, report.already_there) == (2, 10)
    assert set(node.sent) == {"d10", "d11"}
    assert_once(client, 12)


def test_overwrite_replaces():
    client = client_of(faulty_node())
    run(client, documents(3))
    report, _ = run(client, documents(3), overwrite=True)
    assert (report.indexed, report.already_there) == (3, 0)
    assert_once(client, 3, version=2)


def test_batches_keep_to_both_limits_and_a_large_document_goes_alone():
    node = faulty_node()
    client = client_of(node)
    given = documents(6)
    given[2]["vectors"] = elastic.float_values(unit_vectors(200, DIM))
    report, _ = run(client, given, max_bytes=1500, max_documents=100)
    assert report.indexed == 6
    assert sum(size > 1500 for size in node.sizes) == 1
    assert len(node.sizes) < 6
    node.sizes.clear()
    run(client, documents(7, first=6), max_documents=3)
    assert len(node.sizes) == 3


def test_a_generator_is_read_as_it_is_sent():
    node = faulty_node()
    client = client_of(node)
    read_before_first_request = []

    def generated():
        for document in documents(20):
            if not node.sizes:
                read_before_first_request.append(document["_id"])
            yield document

    report, _ = run(client, generated(), max_documents=4)
    assert report.indexed == 20
    assert len(read_before_first_request) == 5  # a batch, and the document that does not fit it


def test_progress_bar(capfd, monkeypatch):
    # The tests' environment turns bars off.
    monkeypatch.setattr(tqdm.auto, "tqdm", functools.partial(tqdm.auto.tqdm, disable=False))
    client = client_of(faulty_node())
    index_documents(client, "docs", documents(5))
    assert "docs: 100%" in capfd.readouterr().err
    index_documents(client, "docs", iter(documents(2, first=5)), total=2, progress=False)
    assert capfd.readouterr() == ("", "")


# Single faults


@pytest.mark.parametrize("fault", [429, 500, 502, 503, 504, "lost", "late", "cut", {"d1": 429, "d2": 503}], ids=str)
def test_one_fault_is_mended_by_another_try(fault):
    node = faulty_node([fault])
    client = client_of(node)
    report, waits = run(client, documents(9))
    assert (report.total, report.refused, report.retries) == (9, [], 1)
    assert len(waits) == 1
    assert_once(client, 9)
    # What was carried out without an answer is found to be there.
    assert report.already_there == {"late": 4, "cut": 3}.get(str(fault), 0)
    if isinstance(fault, dict) or fault == "cut":
        assert node.sent["d0"] == 1  # only what failed is sent again


def test_waits_double_up_to_the_longest():
    client = client_of(faulty_node([503] * 6))
    report, waits = run(client, documents(2), first_wait=1, longest_wait=10, tries=7)
    assert report.indexed == 2
    for wait, full in zip(waits, [1, 2, 4, 8, 10, 10], strict=True):
        assert full / 2 <= wait <= full


def test_too_large_requests_are_halved_and_a_single_document_is_refused():
    node = faulty_node(largest=1000)
    client = client_of(node)
    given = documents(8)
    given[5]["vectors"] = elastic.float_values(unit_vectors(60, DIM))
    report, waits = run(client, given, max_documents=8)
    assert (report.indexed, waits) == (7, [])
    assert [(item.id, item.status) for item in report.refused] == [("d5", 413)]
    assert "http.max_content_length" in report.refused[0].reason


# What cannot be mended


def test_refused_by_the_server_with_its_reason():
    client = client_of(faulty_node())
    given = documents(6)
    given[1]["vectors"] = [[0.5] * (DIM - 1)]
    given[4]["unknown"] = 1
    report, waits = run(client, given)
    assert (report.indexed, waits) == (4, [])
    assert [item.id for item in report.refused] == ["d1", "d4"]
    assert all(item.status == 400 and item.reason for item in report.refused)
    assert "d4: " in str(report)
    assert elastic.already_indexed(client, "docs", ["d1", "d4", "d5"]) == {"d5"}


def test_refused_before_it_is_sent():
    client = client_of(faulty_node())
    given = [
        *documents(2),
        {"number": 1},
        {"_id": "", "number": 1},
        {"_id": 7, "number": 1},
        {"_id": "x" * 513},
        {"_id": "d0", "number": 99},
        {"_id": "nan", "number": float("nan")},
        {"_id": "array", "vectors": np.zeros(3)},
        *documents(1, first=2),
    ]
    report, _ = run(client, given)
    assert report.indexed == 3
    assert report.total == len(given)
    reasons = {item.id: item.reason for item in report.refused}
    assert all(item.status == 0 for item in report.refused)
    assert [name for name in reasons if name.startswith("number")] == ["number 2", "number 3", "number 4", "number 5"]
    assert "twice" in reasons["d0"]
    assert "JSON" in reasons["nan"]
    assert "ndarray" in reasons["array"]
    assert_once(client, 3)


def test_an_item_that_keeps_failing_is_reported():
    client = client_of(faulty_node([{"d1": 429}] * 3))
    report, waits = run(client, documents(4), tries=3)
    assert (report.indexed, len(waits)) == (3, 2)
    assert [item.id for item in report.refused] == ["d1"]
    assert "not taken in 3 tries" in report.refused[0].reason
    assert "by the test" in report.refused[0].reason
    report, _ = run(client, documents(4))
    assert (report.indexed, report.already_there) == (1, 3)
    assert_once(client, 4)


@pytest.mark.parametrize("fault", [503, 429, "lost"])
def test_giving_up_says_so_and_the_next_run_continues(fault):
    node = faulty_node([None, *[fault] * 3])
    client = client_of(node)
    with pytest.raises(IndexingStoppedError, match=r"4 documents, the first 'd4', in 3 tries.*Run it again") as caught:
        run(client, documents(10), tries=3)
    assert caught.value.report.indexed == 4
    node.sent.clear()
    report, _ = run(client, documents(10))
    assert (report.indexed, report.already_there) == (6, 4)
    assert "d0" not in node.sent
    assert_once(client, 10)


def test_a_request_that_is_wrong_as_a_whole_is_not_repeated():
    node = faulty_node([403])
    with pytest.raises(ApiError) as caught:
        run(client_of(node), documents(2))
    assert caught.value.status_code == 403
    assert len(node.sizes) == 1


@pytest.mark.parametrize(
    ("index", "given", "changes", "error", "words"),
    [
        ("nothing", [], {}, ValueError, "no index 'nothing'"),
        ("docs", "d1", {}, TypeError, "iterable of dictionaries"),
        ("docs", {"_id": "d1"}, {}, TypeError, "iterable of dictionaries"),
        ("docs", 3, {}, TypeError, "iterable of dictionaries"),
        ("docs", ["d1"], {}, TypeError, "document number 0 must be a dictionary"),
        ("docs", [], {"max_bytes": 0}, ValueError, "max_bytes"),
        ("docs", [], {"max_documents": 2.5}, TypeError, "max_documents"),
        ("docs", [], {"tries": 0}, ValueError, "tries"),
        ("docs", [], {"first_wait": 5, "longest_wait": 1}, ValueError, "longest_wait"),
    ],
)
def test_arguments_that_are_refused(index, given, changes, error, words):
    with pytest.raises(error, match=words):
        index_documents(client_of(faulty_node()), index, given, progress=False, **changes)


def test_already_indexed_refuses_a_single_string():
    with pytest.raises(TypeError, match="list of ids"):
        elastic.already_indexed(client_of(faulty_node()), "docs", "d1")


# Ids


def test_document_ids_are_the_same_everywhere_and_tell_parts_apart():
    assert elastic.document_id("report.pdf", "7") == "250036e2211aed0bf9d74e2df15aed38"
    assert elastic.document_id("a", "bc") != elastic.document_id("ab", "c")
    with pytest.raises(ValueError, match="at least one part"):
        elastic.document_id()
    with pytest.raises(TypeError, match="strings"):
        elastic.document_id("a", 7)


# Any sequence of faults

FAULTS = st.one_of(
    st.sampled_from([None, 429, 503, "lost", "late", "cut"]),
    st.dictionaries(st.sampled_from([f"d{i}" for i in range(10)]), st.sampled_from([429, 500, 503]), min_size=1),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(FAULTS, max_size=8), st.integers(1, 6), st.integers(1, 3))
def test_any_faults_and_then_a_second_run(faults, batch, tries):
    client = client_of(faulty_node(faults))
    for _ in range(2 + len(faults)):
        try:
            report, _ = run(client, documents(10), max_documents=batch, tries=tries)
        except IndexingStoppedError:
            continue
        assert report.total == 10
        if not report.refused:
            break
    else:
        pytest.fail("not done, though the faults are over")
    assert_once(client, 10)


# A process that is killed

CHILD = """
import sys
from elasticsearch import Elasticsearch
from lateint_ref.elastic import index_documents
from lateint_ref.elastic.node import local_node
from test_elastic_faults import MAPPING, documents

class Telling(local_node(sys.argv[1])):
    def perform_request(self, method, target, *rest, **named):
        if "_bulk" in target:
            print("bulk", flush=True)
        return super().perform_request(method, target, *rest, **named)

client = Elasticsearch("http://local:9200", node_class=Telling)
client.indices.create(index="docs", mappings=MAPPING)
index_documents(client, "docs", documents(400), max_documents=5, progress=False)
"""


@pytest.mark.parametrize("requests", [1, 20])
def test_killed_in_mid_bulk(requests, tmp_path):
    command = [sys.executable, "-c", CHILD, str(tmp_path)]
    environment = {"PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}", "OMP_NUM_THREADS": "1", "PATH": "/usr/bin:/bin"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as child:
        for _ in range(requests):
            assert child.stdout.readline() == "bulk\n"
        child.kill()
    assert child.returncode == -signal.SIGKILL
    client = connect("local", folder=tmp_path)
    before = client.count(index="docs")["count"]
    assert 5 * (requests - 1) <= before < 400
    report = index_documents(client, "docs", documents(400), max_documents=100, progress=False)
    assert (report.already_there, report.indexed, report.refused) == (before, 400 - before, [])
    assert_once(client, 400)
