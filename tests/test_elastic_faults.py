"""Indexing that loses nothing: whatever fails, after a second run every document is there once."""

import functools

import numpy as np
import pytest
import tqdm.auto
from elasticsearch import ApiError, Elasticsearch, TransportError
from hypothesis import given, settings
from hypothesis import strategies as st

import lateint_ref.elastic as elastic
from elastic_faults import faulty_node
from helpers import refused, unit_vectors
from lateint_ref.elastic import index_documents, mappings

DIM = 8
MAPPING = mappings.strict({"vectors": mappings.rank_vectors(DIM), "number": {"type": "integer"}})


def documents(n, first=0):
    return [
        {"_id": f"d{i}", "number": i, "vectors": elastic.float_values(unit_vectors(3, DIM, seed=i))}
        for i in range(first, first + n)
    ]


def client_of(node):
    client = Elasticsearch("http://local:9200", node_class=node)
    client.indices.create(index="docs", mappings=MAPPING)
    return client


def run(client, given, **changes):
    """Index with small batches, without waiting."""
    return index_documents(client, "docs", given, **{"max_documents": 4, "progress": False, "first_wait": 0, **changes})


def assert_once(client, n, version=1):
    """Every one of `n` documents is there once, was written once, and can be found."""
    found = client.search(index="docs", query={"match_all": {}}, size=n + 10)["hits"]["hits"]
    assert sorted(hit["_id"] for hit in found) == sorted(f"d{i}" for i in range(n))
    for i in range(n):
        got = client.get(index="docs", id=f"d{i}")
        assert (got["_version"], got["_source"]["number"]) == (version, i)


def test_running_again_sends_only_what_is_new():
    node = faulty_node()
    client = client_of(node)
    report = run(client, documents(10))
    assert (report.indexed, report.already_there, report.refused, report.requests) == (10, 0, [], 3)
    assert report.sent_bytes == sum(node.sizes)
    assert str(report) == "10 indexed, 0 already there, 0 refused"
    node.sent.clear()
    report = run(client, documents(12))
    assert (report.indexed, report.already_there, report.requests) == (2, 10, 1)
    assert set(node.sent) == {"d10", "d11"}
    assert_once(client, 12)


def test_overwrite_replaces():
    client = client_of(faulty_node())
    run(client, documents(3))
    report = run(client, documents(3), overwrite=True)
    assert (report.indexed, report.already_there) == (3, 0)
    assert_once(client, 3, version=2)


def test_batches_keep_to_both_limits_and_a_large_document_goes_alone():
    node = faulty_node()
    client = client_of(node)
    given = documents(6)
    given[2]["vectors"] = elastic.float_values(unit_vectors(200, DIM))
    assert run(client, given, max_bytes=1500, max_documents=100).indexed == 6
    assert sum(size > 1500 for size in node.sizes) == 1
    assert len(node.sizes) < 6
    node.sizes.clear()
    run(client, documents(7, first=6), max_documents=3)
    assert len(node.sizes) == 3


def test_a_generator_is_read_as_it_is_sent():
    node = faulty_node()
    read_before_first_request = []

    def generated():
        for document in documents(20):
            if not node.sizes:
                read_before_first_request.append(document["_id"])
            yield document

    assert run(client_of(node), generated(), max_documents=4).indexed == 20
    assert len(read_before_first_request) == 5  # a batch, and the document that does not fit it


def test_progress_bar(capfd, monkeypatch):
    # The tests' environment turns bars off.
    monkeypatch.setattr(tqdm.auto, "tqdm", functools.partial(tqdm.auto.tqdm, disable=False))
    client = client_of(faulty_node())
    index_documents(client, "docs", documents(5))
    assert "docs: 100%" in capfd.readouterr().err
    index_documents(client, "docs", iter(documents(2, first=5)), total=2, progress=False)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("fault", [429, 502, 503, 504, "lost", "late", {"d1": 429, "d2": 503}], ids=str)
def test_one_fault_is_mended_by_another_try(fault):
    node = faulty_node([fault])
    client = client_of(node)
    report = run(client, documents(9))
    assert (report.total, report.refused) == (9, [])
    assert_once(client, 9)
    # What was carried out without an answer is found to be there.
    assert report.already_there == (4 if fault == "late" else 0)
    if isinstance(fault, dict):
        assert node.sent["d0"] == 1  # only what failed is sent again


def test_waits_double_up_to_the_longest(monkeypatch):
    waits = []
    monkeypatch.setattr("time.sleep", waits.append)
    report = run(client_of(faulty_node([503] * 6)), documents(2), first_wait=1, longest_wait=10, tries=7)
    assert report.indexed == 2
    assert waits == [1, 2, 4, 8, 10, 10]


def test_what_the_answer_leaves_out_is_reported():
    client = client_of(faulty_node(["cut"]))
    report = run(client, documents(4))
    assert [item.id for item in report.refused] == ["d1", "d2", "d3"]
    assert "run it again" in report.refused[0].reason
    assert run(client, documents(4)).already_there == 4
    assert_once(client, 4)


def test_refused_by_the_server_with_its_reason():
    client = client_of(faulty_node())
    given = documents(6)
    given[1]["vectors"] = [[0.5] * (DIM - 1)]
    given[4]["unknown"] = 1
    report = run(client, given)
    assert (report.indexed, [item.id for item in report.refused]) == (4, ["d1", "d4"])
    assert all(item.status == 400 and item.reason for item in report.refused)
    assert "d4: strict_dynamic_mapping_exception" in str(report)
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
    report = run(client, given)
    assert (report.indexed, report.total) == (3, len(given))
    reasons = {item.id: item.reason for item in report.refused}
    assert all(item.status == 0 for item in report.refused)
    assert [name for name in reasons if name.startswith("number")] == ["number 2", "number 3", "number 4", "number 5"]
    assert "twice" in reasons["d0"]
    assert "JSON" in reasons["nan"]
    assert "ndarray" in reasons["array"]
    assert_once(client, 3)


def test_an_item_that_keeps_failing_is_reported():
    client = client_of(faulty_node([{"d1": 429}] * 3))
    report = run(client, documents(4), tries=3)
    assert (report.indexed, [(item.id, item.status) for item in report.refused]) == (3, [("d1", 429)])
    assert "by the test" in report.refused[0].reason
    report = run(client, documents(4))
    assert (report.indexed, report.already_there) == (1, 3)


@pytest.mark.parametrize("fault", [503, 429, "lost"])
def test_giving_up_says_so_and_the_next_run_continues(fault):
    node = faulty_node([None, *[fault] * 3])
    client = client_of(node)
    with pytest.raises((ApiError, TransportError)) as caught:
        run(client, documents(10), tries=3)
    assert caught.value.__notes__ == ["4 documents were indexed before. Run it again to continue."]
    node.sent.clear()
    report = run(client, documents(10))
    assert (report.indexed, report.already_there) == (6, 4)
    assert "d0" not in node.sent
    assert_once(client, 10)


@pytest.mark.parametrize("status", [403, 413, 500])
def test_a_request_that_is_wrong_as_a_whole_is_not_repeated(status):
    node = faulty_node([status])
    with pytest.raises(ApiError) as caught:
        run(client_of(node), documents(2))
    assert (caught.value.status_code, len(node.sizes)) == (status, 1)


def test_arguments_that_are_refused():
    client = client_of(faulty_node())
    refused(ValueError, "no index 'nothing'", index_documents, client, "nothing", [])
    for single in ("d1", {"_id": "d1"}, 3):
        refused(TypeError, "iterable of dictionaries", run, client, single)
    refused(TypeError, "document number 0 must be a dictionary", run, client, ["d1"])
    refused(TypeError, "max_documents", run, client, [], max_documents=2.5)
    for changes in ({"max_bytes": 0}, {"tries": 0}, {"first_wait": 5, "longest_wait": 1}):
        refused(ValueError, list(changes)[-1], run, client, [], **changes)
    refused(TypeError, "list of ids", elastic.already_indexed, client, "docs", "d1")


FAULTS = st.one_of(
    st.sampled_from([None, 429, 503, "lost", "late", "cut"]),
    st.dictionaries(st.sampled_from([f"d{i}" for i in range(10)]), st.sampled_from([429, 500, 503]), min_size=1),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(FAULTS, max_size=8), st.integers(1, 6), st.integers(1, 3))
def test_any_faults_and_then_another_run(faults, batch, tries):
    client = client_of(faulty_node(faults))
    for _ in range(2 + len(faults)):
        try:
            report = run(client, documents(10), max_documents=batch, tries=tries)
        except (ApiError, TransportError):
            continue
        assert report.total == 10
        if not report.refused:
            break
    else:
        pytest.fail("not done, though the faults are over")
    assert_once(client, 10)
