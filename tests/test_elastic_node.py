"""The local node through the official client: indices, documents, and the answers' form."""

import json
import re

import pytest
from elastic_transport import HttpHeaders
from elasticsearch import ApiError, BadRequestError, ConflictError, Elasticsearch, NotFoundError, helpers

from workbook.elasticsearch.node import LocalNode, local_node

MAPPING = {"properties": {"title": {"type": "text"}, "tag": {"type": "keyword"}, "v": {"type": "rank_vectors"}}}


def client():
    return Elasticsearch("http://local:9200", node_class=local_node())


@pytest.fixture
def es():
    found = client()
    found.indices.create(index="books", mappings=MAPPING)
    return found


def ids(answer):
    return [hit["_id"] for hit in answer["hits"]["hits"]]


def test_it_says_that_it_is_not_elasticsearch(es):
    info = es.info()
    assert "Not Elasticsearch" in info["tagline"]
    assert info["version"]["number"].startswith("9.")
    assert es.ping()
    assert "not Elasticsearch" in es.license.get()["license"]["type"]


def test_answers_carry_the_product_header_and_content_type(es):
    headers = es.info().meta.headers
    assert headers["x-elastic-product"] == "Elasticsearch"
    assert headers["content-type"] == "application/vnd.elasticsearch+json;compatible-with=9"


def test_each_node_class_has_its_own_store():
    first, second = client(), client()
    first.indices.create(index="one")
    assert first.indices.exists(index="one")
    assert not second.indices.exists(index="one")


def test_one_class_serves_several_clients():
    node = local_node()
    first, second = (Elasticsearch("http://local:9200", node_class=node) for _ in range(2))
    first.index(index="i", id="1", document={"a": 1}, refresh=True)
    assert second.count(index="i")["count"] == 1


def test_the_bare_class_is_refused():
    with pytest.raises(TypeError, match="local_node"):
        Elasticsearch("http://local:9200", node_class=LocalNode)


def test_index_life(es):
    created = es.indices.create(index="other", settings={"number_of_replicas": 0}, mappings={"dynamic": "strict"})
    assert created.body == {"acknowledged": True, "shards_acknowledged": True, "index": "other"}
    assert es.indices.exists(index="other")
    assert es.indices.get_mapping(index="books")["books"]["mappings"] == MAPPING
    settings = es.indices.get_settings(index="other")["other"]["settings"]["index"]
    assert settings["number_of_replicas"] == "0"
    assert settings["provided_name"] == "other"
    assert set(es.indices.get(index="*")) == {"books", "other"}
    assert es.indices.delete(index="other").body == {"acknowledged": True}
    assert not es.indices.exists(index="other")
    with pytest.raises(NotFoundError, match="no such index \\[other\\]"):
        es.indices.delete(index="other")


def test_health_is_yellow_while_replicas_have_nowhere_to_go(es):
    assert es.cluster.health()["status"] == "yellow"
    es.indices.put_settings(index="books", settings={"index": {"number_of_replicas": 0}})
    assert es.cluster.health(index="books")["status"] == "green"


def test_a_pattern_that_fits_no_index_finds_nothing():
    es = client()
    assert es.search()["hits"]["total"]["value"] == 0
    assert es.search(index="a*")["hits"]["hits"] == []
    assert es.count()["count"] == 0


def test_threads_share_the_node():
    es = client()
    actions = ({"_index": "i", "_id": str(number), "n": number} for number in range(400))
    assert all(ok for ok, _ in helpers.parallel_bulk(es, actions, thread_count=4, chunk_size=20))
    es.indices.refresh(index="i")
    assert es.count(index="i")["count"] == 400


def test_stats_count_documents_and_bytes(es):
    es.index(index="books", id="1", document={"title": "ab", "v": [[1, 2, 3, 4], [5, 6, 7, 8]]}, refresh=True)
    numbers = es.indices.stats(index="books")["indices"]["books"]["primaries"]
    assert numbers["docs"]["count"] == 1
    assert numbers["store"]["size_in_bytes"] == 2 * 4 * 4 + len(json.dumps({"title": "ab"}))


def test_put_mapping_adds_and_refuses_changes(es):
    es.indices.put_mapping(index="books", properties={"year": {"type": "integer"}})
    assert es.indices.get_mapping(index="books")["books"]["mappings"]["properties"]["year"] == {"type": "integer"}
    with pytest.raises(BadRequestError, match="cannot be changed from type \\[integer\\] to \\[text\\]"):
        es.indices.put_mapping(index="books", properties={"year": {"type": "text"}})
    es.index(index="books", id="1", document={"v": [[1, 2, 3]]})
    with pytest.raises(BadRequestError, match="Cannot update parameter \\[dims\\] from \\[3\\] to \\[4\\]"):
        es.indices.put_mapping(index="books", properties={"v": {"type": "rank_vectors", "dims": 4}})
    es.indices.put_mapping(index="books", properties={"v": {"type": "rank_vectors"}})


def test_document_life(es):
    created = es.index(index="books", id="1", document={"title": "first"})
    assert created.meta.status == 201
    assert (created["result"], created["_version"]) == ("created", 1)
    assert es.index(index="books", id="1", document={"title": "second"})["result"] == "updated"
    found = es.get(index="books", id="1")
    assert (found["_source"], found["_version"]) == ({"title": "second"}, 2)
    assert es.exists(index="books", id="1")
    with pytest.raises(ConflictError, match="document already exists \\(current version \\[2\\]\\)"):
        es.create(index="books", id="1", document={"title": "third"})
    assert es.delete(index="books", id="1")["result"] == "deleted"
    assert not es.exists(index="books", id="1")
    with pytest.raises(NotFoundError):
        es.get(index="books", id="1")
    with pytest.raises(NotFoundError):
        es.delete(index="books", id="1")
    assert es.create(index="books", id="1", document={"title": "again"})["_version"] == 4


def test_sequence_numbers_guard_a_write(es):
    first = es.index(index="books", id="1", document={"title": "a"})
    wanted = {"if_seq_no": first["_seq_no"], "if_primary_term": first["_primary_term"]}
    es.index(index="books", id="1", document={"title": "b"}, **wanted)
    with pytest.raises(ConflictError, match="version conflict"):
        es.index(index="books", id="1", document={"title": "c"}, **wanted)
    assert es.get(index="books", id="1")["_source"] == {"title": "b"}


def test_update_merges(es):
    es.index(index="books", id="1", document={"title": "a", "more": {"x": 1}, "v": [[1, 2]]})
    assert es.update(index="books", id="1", doc={"more": {"y": 2}})["result"] == "updated"
    assert es.update(index="books", id="1", doc={"more": {"y": 2}})["result"] == "noop"
    assert es.get(index="books", id="1", source_exclude_vectors=False)["_source"] == {
        "title": "a",
        "more": {"x": 1, "y": 2},
        "v": [[1, 2]],
    }
    with pytest.raises(NotFoundError, match="document missing"):
        es.update(index="books", id="2", doc={"title": "b"})
    assert es.update(index="books", id="2", doc={"title": "b"}, doc_as_upsert=True)["result"] == "created"


def test_mget_finds_what_is_there(es):
    es.index(index="books", id="1", document={"title": "a"})
    found = es.mget(index="books", ids=["1", "2"])["docs"]
    assert [item["found"] for item in found] == [True, False]
    other = es.mget(docs=[{"_index": "books", "_id": "1"}, {"_index": "nowhere", "_id": "1"}])["docs"]
    assert other[0]["found"]
    assert other[1]["error"]["type"] == "index_not_found_exception"


def test_a_search_sees_what_was_refreshed(es):
    es.indices.put_settings(index="books", settings={"refresh_interval": "-1"})
    es.index(index="books", id="1", document={"title": "a"})
    assert es.count(index="books")["count"] == 0
    assert es.get(index="books", id="1")["found"]
    es.indices.refresh(index="books")
    assert es.count(index="books")["count"] == 1
    es.delete(index="books", id="1")
    assert es.count(index="books")["count"] == 1
    assert ids(es.search(index="books")) == ["1"]
    es.indices.put_settings(index="books", settings={"refresh_interval": "1ms"})
    es.index(index="books", id="2", document={"title": "b"}, refresh="wait_for")
    assert ids(es.search(index="books")) == ["2"]


def test_a_replaced_document_moves_to_the_end(es):
    for name in "abc":
        es.index(index="books", id=name, document={"title": name})
    es.index(index="books", id="a", document={"title": "a"}, refresh=True)
    assert ids(es.search(index="books")) == ["b", "c", "a"]


def test_bulk_reports_each_item(es):
    actions = [
        {"_op_type": "index", "_index": "books", "_id": "1", "_source": {"title": "a"}},
        {"_op_type": "create", "_index": "books", "_id": "1", "_source": {"title": "b"}},
        {"_op_type": "index", "_index": "books", "_id": "2", "_source": {"v": [[1, 2], [3]]}},
        {"_op_type": "update", "_index": "books", "_id": "1", "doc": {"tag": "x"}},
        {"_op_type": "delete", "_index": "books", "_id": "9"},
        {"_op_type": "delete", "_index": "books", "_id": "1"},
    ]
    found = list(helpers.streaming_bulk(es, actions, raise_on_error=False))
    statuses = [next(iter(item.values()))["status"] for _, item in found]
    assert statuses == [201, 409, 400, 200, 404, 200]
    refused = found[2][1]["index"]["error"]
    assert refused["type"] == "document_parsing_exception"
    assert "vectors of different dimensions" in refused["caused_by"]["reason"]
    assert es.indices.get_mapping(index="books")["books"]["mappings"] == MAPPING  # the refused one left no dims behind


def test_bulk_makes_ids_and_indices():
    es = client()
    assert (
        helpers.bulk(es, ({"_index": "new", "_source": {"n": number}} for number in range(25)), chunk_size=7)[0] == 25
    )
    es.indices.refresh()
    found = es.search(index="new", size=100)
    assert len(set(ids(found))) == 25
    assert [hit["_source"]["n"] for hit in found["hits"]["hits"]] == list(range(25))


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "request body is required"),
        (b'{"index":{"_index":"books"}}\n{"title":"a"}', "must be terminated by a newline"),
        (b'{"index":{"_index":"books"}}\n', "has no document after it"),
        (b'{"upsert":{"_index":"books"}}\n{"title":"a"}\n', "expected field"),
        (b'["index"]\n{"title":"a"}\n', "expected START_OBJECT"),
        (b'{"index":{"_index":"books"},"create":{}}\n{"title":"a"}\n', "END_OBJECT"),
        (b'{"index":{"_index":"books","wrong":1}}\n{"title":"a"}\n', "unknown parameter \\[wrong\\]"),
        (b'{"index":{"_index":"books"}}\n{"title":"a"}\n{"index"\n{}\n', "not JSON"),
    ],
)
def test_a_malformed_bulk_body_writes_nothing(es, body, reason):
    node = es.transport.node_pool.get()  # the client would mend a missing line end
    answer = node.perform_request("POST", "/_bulk", body=body)
    assert answer.meta.status == 400
    assert re.search(reason, json.loads(answer.body)["error"]["reason"])
    es.indices.refresh(index="books")
    assert es.count(index="books")["count"] == 0


def test_a_compressed_client_is_understood():
    es = Elasticsearch("http://local:9200", node_class=local_node(), http_compress=True)
    es.index(index="i", id="1", document={"text": "word " * 500}, refresh=True)
    assert es.count(index="i", query={"match": {"text": "word"}})["count"] == 1


@pytest.mark.parametrize(
    ("method", "path", "status", "reason"),
    [
        ("GET", "/books/_termvectors/1", 400, "not implemented by the local node"),
        ("POST", "/_sql", 400, "not implemented by the local node"),
        ("DELETE", "/books/_search", 405, "Incorrect HTTP method"),
        ("GET", "/books/_search?sizes=3", 400, "unrecognized parameter: \\[sizes\\]"),
        ("GET", "/books/_search?scroll=1m", 400, "\\[scroll\\] is not implemented by the local node"),
        ("GET", "/nowhere/_search", 404, "no such index \\[nowhere\\]"),
        ("GET", "/books/_doc/none", 404, "found.*False"),
        ("PUT", "/Books", 400, "must be lowercase"),
        ("PUT", "/_books", 400, "must not start with"),
        ("PUT", "/books", 400, "already exists"),
        ("DELETE", "/*", 400, "Wildcard expressions"),
    ],
)
def test_wrong_requests(es, method, path, status, reason):
    with pytest.raises(ApiError, match=reason) as caught:
        es.perform_request(method, path, headers=HttpHeaders({"accept": "application/json"}))
    assert caught.value.meta.status == status


def test_dynamic_mapping(es):
    document = {"year": 1999, "price": 2.5, "new": True, "day": "2024-05-06", "who": {"name": "Ann"}, "e": [0.5] * 128}
    es.index(index="books", id="1", document=document, refresh=True)
    found = es.indices.get_mapping(index="books")["books"]["mappings"]["properties"]
    kinds = {name: found[name].get("type") for name in ("year", "price", "new", "day", "e")}
    assert kinds == {"year": "long", "price": "float", "new": "boolean", "day": "date", "e": "dense_vector"}
    assert found["who"]["properties"]["name"]["fields"]["keyword"] == {"type": "keyword", "ignore_above": 256}
    assert ids(es.search(index="books", query={"term": {"who.name.keyword": "Ann"}})) == ["1"]
    assert ids(es.search(index="books", query={"term": {"who.name": "ann"}})) == ["1"]


def test_strict_and_false_mappings():
    es = client()
    es.indices.create(index="strict", mappings={"dynamic": "strict", "properties": {"a": {"type": "long"}}})
    with pytest.raises(BadRequestError, match="strict_dynamic_mapping_exception"):
        es.index(index="strict", id="1", document={"b": 1})
    es.indices.create(index="false", mappings={"dynamic": False, "properties": {"a": {"type": "long"}}})
    es.index(index="false", id="1", document={"b": 1}, refresh=True)
    assert es.get(index="false", id="1")["_source"] == {"b": 1}
    assert es.count(index="false", query={"exists": {"field": "b"}})["count"] == 0
