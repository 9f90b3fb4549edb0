"""The local node through the official client: indices, documents, and the answers' form."""

import json
import time

import pytest
from elasticsearch import Elasticsearch, NotFoundError, helpers

from elastic_local import client, filled, found, ranked
from helpers import refused
from workbook.elasticsearch.node import LocalNode, local_node

MAPPING = {"properties": {"title": {"type": "text"}, "tag": {"type": "keyword"}, "v": {"type": "rank_vectors"}}}


@pytest.fixture
def es():
    return filled(MAPPING["properties"], {})


def test_it_says_that_it_is_not_elasticsearch(es):
    info = es.info()
    assert "Not Elasticsearch" in info["tagline"]
    assert info["version"]["number"] == "9.5.1"
    assert es.ping()
    assert "not Elasticsearch" in es.license.get()["license"]["type"]
    assert info.meta.headers["x-elastic-product"] == "Elasticsearch"
    assert info.meta.headers["content-type"] == "application/vnd.elasticsearch+json;compatible-with=9"


def test_a_node_class_is_a_store(es):
    node = local_node()
    first, second = (Elasticsearch("http://local:9200", node_class=node) for _ in range(2))
    first.indices.create(index="one")
    assert second.indices.exists(index="one")
    assert not es.indices.exists(index="one")
    refused(TypeError, "local_node", Elasticsearch, "http://local:9200", node_class=LocalNode)


def test_index_life(es):
    created = es.indices.create(index="other", settings={"number_of_replicas": 0}, mappings={"dynamic": "strict"})
    assert created.body == {"acknowledged": True, "shards_acknowledged": True, "index": "other"}
    assert es.indices.get_mapping(index="i")["i"]["mappings"] == MAPPING
    settings = es.indices.get_settings(index="other")["other"]["settings"]["index"]
    assert (settings["number_of_replicas"], settings["provided_name"]) == ("0", "other")
    assert es.indices.delete(index="other").body == {"acknowledged": True}
    assert not es.indices.exists(index="other")
    refused(NotFoundError, r"no such index \[other\]", es.indices.delete, index="other")


def test_alias_life(es):
    for name, tag in (("1", "x"), ("2", "y")):
        es.index(index="i", id=name, document={"tag": tag}, refresh=True)
    es.indices.put_alias(index="i", name="all")
    es.indices.put_alias(index="i", name="some", filter={"term": {"tag": "y"}})
    assert es.indices.get_alias(index="all")["i"]["aliases"] == {
        "all": {},
        "some": {"filter": {"term": {"tag": "y"}}},
    }
    assert [es.count(index=name)["count"] for name in ("all", "some")] == [2, 1]
    assert [hit["_id"] for hit in es.search(index="some")["hits"]["hits"]] == ["2"]
    assert es.index(index="some", id="3", document={"tag": "y"})["_index"] == "i"
    es.indices.create(index="newer", mappings=MAPPING)
    move = [{"remove": {"index": "i", "alias": "all"}}, {"add": {"index": "newer", "alias": "all"}}]
    es.indices.update_aliases(actions=move)
    assert es.count(index="all")["count"] == 0
    with pytest.raises(NotFoundError, match="aliases \\[all\\] missing"):
        es.indices.update_aliases(actions=[{"add": {"index": "i", "alias": "late"}}, *move])
    assert not es.indices.exists_alias(name="late")  # all actions or none
    es.indices.delete_alias(index="i", name="some")
    assert not es.indices.exists_alias(name="some")
    es.indices.delete(index="newer")
    assert not es.indices.exists(index="all")


def test_settings_for_loading_and_back(es):
    es.indices.put_settings(index="i", settings={"index": {"refresh_interval": "-1", "number_of_replicas": 0}})
    es.index(index="i", id="1", document={"title": "a"})
    assert es.indices.get_settings(index="i")["i"]["settings"]["index"]["refresh_interval"] == "-1"
    time.sleep(0.01)
    assert es.count(index="i")["count"] == 0
    es.indices.put_settings(index="i", settings={"refresh_interval": "1ms", "number_of_replicas": None})
    assert es.indices.forcemerge(index="i", max_num_segments=1)["_shards"]["failed"] == 0
    assert es.count(index="i")["count"] == 1
    shown = es.indices.get_settings(index="i")["i"]["settings"]["index"]
    assert (shown["number_of_replicas"], shown["refresh_interval"]) == ("1", "1ms")


def test_a_mapping_is_shown_with_what_is_assumed(es):
    vector = {"type": "dense_vector", "dims": 384}
    disk = {**vector, "index_options": {"type": "bbq_disk", "rescore_vector": {"oversample": 2}}}
    nested = {"type": "nested", "properties": {"v": {"type": "dense_vector", "dims": 8, "element_type": "bit"}}}
    fields = {"v": vector, "disk": disk, "parts": nested, "plain": {**vector, "index": False}}
    es.indices.create(index="shown", mappings={"properties": fields})
    shown = es.indices.get_mapping(index="shown")["shown"]["mappings"]["properties"]
    assert shown["v"]["index_options"]["type"] == "bbq_hnsw"  # from 384 dimensions on
    assert shown["disk"] == {**disk, "index": True, "similarity": "cosine"}
    assert shown["parts"]["properties"]["v"] == {**nested["properties"]["v"], "index": True, "similarity": "l2_norm"}
    assert shown["plain"] == fields["plain"]


def test_threads_share_the_node():
    es = filled({"n": {"type": "integer"}}, {})
    actions = ({"_index": "i", "_id": str(number), "n": number} for number in range(400))
    assert all(ok for ok, _ in helpers.parallel_bulk(es, actions, thread_count=4, chunk_size=20))
    es.indices.refresh(index="i")
    assert es.count(index="i")["count"] == 400


def test_stats_count_documents_and_bytes(es):
    es.index(index="i", id="1", document={"title": "ab", "v": [[1, 2, 3, 4], [5, 6, 7, 8]]}, refresh=True)
    numbers = es.indices.stats(index="i")["indices"]["i"]["primaries"]
    assert numbers["docs"]["count"] == 1
    assert numbers["store"]["size_in_bytes"] == 2 * 4 * 4 + len(json.dumps({"title": "ab"}))


def test_document_life(es):
    created = es.index(index="i", id="1", document={"title": "first"})
    assert (created.meta.status, created["result"], created["_version"]) == (201, "created", 1)
    assert es.index(index="i", id="1", document={"title": "second"})["result"] == "updated"
    got = es.get(index="i", id="1")
    assert (got["_source"], got["_version"]) == ({"title": "second"}, 2)
    assert [item["found"] for item in es.mget(index="i", ids=["1", "2"])["docs"]] == [True, False]
    assert es.delete(index="i", id="1")["result"] == "deleted"
    assert not es.exists(index="i", id="1")
    refused(NotFoundError, "", es.get, index="i", id="1")
    refused(NotFoundError, "", es.delete, index="i", id="1")
    assert es.index(index="i", id="1", document={"title": "again"})["_version"] == 4


def test_a_search_sees_what_was_refreshed(es):
    es.indices.create(index="never", mappings=MAPPING, settings={"refresh_interval": "-1"})
    es.index(index="never", id="1", document={"title": "a"})
    assert es.count(index="never")["count"] == 0
    assert es.get(index="never", id="1")["found"]
    es.indices.refresh(index="never")
    es.delete(index="never", id="1")
    assert es.count(index="never")["count"] == 1
    es.indices.create(index="often", mappings=MAPPING, settings={"refresh_interval": "1ms"})
    es.index(index="often", id="2", document={"title": "b"})
    time.sleep(0.01)
    assert es.count(index="often")["count"] == 1


def test_a_replaced_document_moves_to_the_end(es):
    for name in "abca":
        es.index(index="i", id=name, document={"title": name}, refresh=True)
    assert [name for name, _ in ranked(es)] == ["b", "c", "a"]


def test_bulk_reports_each_item(es):
    actions = [
        {"_op_type": "index", "_index": "i", "_id": "1", "_source": {"title": "a"}},
        {"_op_type": "create", "_index": "i", "_id": "1", "_source": {"title": "b"}},
        {"_op_type": "index", "_index": "i", "_id": "2", "_source": {"v": [[1, 2], [3]]}},
        {"_op_type": "index", "_index": "i", "_id": "", "_source": {"title": "a"}},
        {"_op_type": "delete", "_index": "i", "_id": "9"},
        {"_op_type": "delete", "_index": "i", "_id": "1"},
    ]
    items = [next(iter(item.values())) for _, item in helpers.streaming_bulk(es, actions, raise_on_error=False)]
    assert [item["status"] for item in items] == [201, 409, 400, 400, 404, 200]
    assert items[2]["error"]["type"] == "document_parsing_exception"
    assert "already exists (current version [1])" in items[1]["error"]["reason"]
    assert "vectors of different dimensions" in items[2]["error"]["caused_by"]["reason"]
    assert es.indices.get_mapping(index="i")["i"]["mappings"] == MAPPING  # the refused one left no dims behind


def test_a_compressed_client_is_understood():
    es = Elasticsearch("http://local:9200", node_class=local_node(), http_compress=True)
    es.indices.create(index="i", mappings=MAPPING)
    es.index(index="i", document={"title": "word " * 500}, refresh=True)
    assert len(found(es, {"match": {"title": "word"}})) == 1


def test_an_unmapped_field_is_not_guessed():
    es = client()
    es.indices.create(index="guess", mappings={"properties": {"n": {"type": "integer"}}})
    refused(Exception, r"unmapped field \[m\]", es.index, index="guess", document={"n": 1, "m": 2})
    es.indices.create(index="false", mappings={"dynamic": False, "properties": {"n": {"type": "integer"}}})
    es.index(index="false", id="1", document={"m": 1}, refresh=True)
    assert es.get(index="false", id="1")["_source"] == {"m": 1}
    assert es.count(index="false", query={"exists": {"field": "m"}})["count"] == 0
