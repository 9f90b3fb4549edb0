"""The local node through the official client: indices, documents, and the answers' form."""

import json
import time

import pytest
from elasticsearch import Elasticsearch, NotFoundError, helpers

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
    assert info["version"]["number"] == "9.5.1"
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
    first.indices.create(index="i")
    assert second.indices.exists(index="i")


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
    assert es.indices.delete(index="other").body == {"acknowledged": True}
    assert not es.indices.exists(index="other")
    with pytest.raises(NotFoundError, match="no such index \\[other\\]"):
        es.indices.delete(index="other")


def test_alias_life(es):
    for name, tag in (("1", "x"), ("2", "y")):
        es.index(index="books", id=name, document={"tag": tag}, refresh=True)
    es.indices.put_alias(index="books", name="all")
    es.indices.put_alias(index="books", name="some", filter={"term": {"tag": "y"}})
    assert es.indices.get_alias(index="all")["books"]["aliases"] == {
        "all": {},
        "some": {"filter": {"term": {"tag": "y"}}},
    }
    assert [es.count(index=name)["count"] for name in ("all", "some")] == [2, 1]
    assert ids(es.search(index="some")) == ["2"]
    assert es.index(index="some", id="3", document={"tag": "y"})["_index"] == "books"
    es.indices.create(index="newer", mappings=MAPPING)
    move = [{"remove": {"index": "books", "alias": "all"}}, {"add": {"index": "newer", "alias": "all"}}]
    es.indices.update_aliases(actions=move)
    assert es.count(index="all")["count"] == 0
    with pytest.raises(NotFoundError, match="aliases \\[all\\] missing"):
        es.indices.update_aliases(actions=[{"add": {"index": "books", "alias": "late"}}, *move])
    assert not es.indices.exists_alias(name="late")  # all actions or none
    es.indices.delete_alias(index="books", name="some")
    assert not es.indices.exists_alias(name="some")
    es.indices.delete(index="newer")
    assert not es.indices.exists(index="all")


def test_settings_for_loading_and_back(es):
    es.indices.put_settings(index="books", settings={"index": {"refresh_interval": "-1", "number_of_replicas": 0}})
    es.index(index="books", id="1", document={"title": "a"})
    assert es.indices.get_settings(index="books")["books"]["settings"]["index"]["refresh_interval"] == "-1"
    time.sleep(0.01)
    assert es.count(index="books")["count"] == 0
    es.indices.put_settings(index="books", settings={"refresh_interval": "1ms", "number_of_replicas": None})
    assert es.indices.forcemerge(index="books", max_num_segments=1)["_shards"]["failed"] == 0
    assert es.count(index="books")["count"] == 1
    shown = es.indices.get_settings(index="books")["books"]["settings"]["index"]
    assert (shown["number_of_replicas"], shown["refresh_interval"]) == ("1", "1ms")


def test_a_mapping_is_shown_with_what_is_assumed(es):
    vector = {"type": "dense_vector", "dims": 384}
    disk = {**vector, "index_options": {"type": "bbq_disk", "rescore_vector": {"oversample": 2}}}
    nested = {"type": "nested", "properties": {"v": {"type": "dense_vector", "dims": 8, "element_type": "bit"}}}
    fields = {"v": vector, "disk": disk, "parts": nested, "plain": {**vector, "index": False}}
    es.indices.create(index="i", mappings={"properties": fields})
    shown = es.indices.get_mapping(index="i")["i"]["mappings"]["properties"]
    assert shown["v"]["index_options"]["type"] == "bbq_hnsw"  # from 384 dimensions on
    assert shown["disk"] == {**disk, "index": True, "similarity": "cosine"}
    assert shown["parts"]["properties"]["v"] == {**nested["properties"]["v"], "index": True, "similarity": "l2_norm"}
    assert shown["plain"] == fields["plain"]


def test_threads_share_the_node():
    es = client()
    es.indices.create(index="i", mappings={"properties": {"n": {"type": "integer"}}})
    actions = ({"_index": "i", "_id": str(number), "n": number} for number in range(400))
    assert all(ok for ok, _ in helpers.parallel_bulk(es, actions, thread_count=4, chunk_size=20))
    es.indices.refresh(index="i")
    assert es.count(index="i")["count"] == 400


def test_stats_count_documents_and_bytes(es):
    es.index(index="books", id="1", document={"title": "ab", "v": [[1, 2, 3, 4], [5, 6, 7, 8]]}, refresh=True)
    numbers = es.indices.stats(index="books")["indices"]["books"]["primaries"]
    assert numbers["docs"]["count"] == 1
    assert numbers["store"]["size_in_bytes"] == 2 * 4 * 4 + len(json.dumps({"title": "ab"}))


def test_document_life(es):
    created = es.index(index="books", id="1", document={"title": "first"})
    assert created.meta.status == 201
    assert (created["result"], created["_version"]) == ("created", 1)
    assert es.index(index="books", id="1", document={"title": "second"})["result"] == "updated"
    found = es.get(index="books", id="1")
    assert (found["_source"], found["_version"]) == ({"title": "second"}, 2)
    assert es.exists(index="books", id="1")
    assert es.delete(index="books", id="1")["result"] == "deleted"
    assert not es.exists(index="books", id="1")
    with pytest.raises(NotFoundError):
        es.get(index="books", id="1")
    with pytest.raises(NotFoundError):
        es.delete(index="books", id="1")
    assert es.index(index="books", id="1", document={"title": "again"})["_version"] == 4


def test_mget_finds_what_is_there(es):
    es.index(index="books", id="1", document={"title": "a"})
    found = es.mget(index="books", ids=["1", "2"])["docs"]
    assert [item["found"] for item in found] == [True, False]


def test_a_search_sees_what_was_refreshed(es):
    es.indices.create(index="never", mappings=MAPPING, settings={"refresh_interval": "-1"})
    es.index(index="never", id="1", document={"title": "a"})
    assert es.count(index="never")["count"] == 0
    assert es.get(index="never", id="1")["found"]
    es.indices.refresh(index="never")
    assert es.count(index="never")["count"] == 1
    es.delete(index="never", id="1")
    assert ids(es.search(index="never")) == ["1"]
    es.indices.create(index="often", mappings=MAPPING, settings={"refresh_interval": "1ms"})
    es.index(index="often", id="2", document={"title": "b"})
    time.sleep(0.01)
    assert ids(es.search(index="often")) == ["2"]


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
        {"_op_type": "index", "_index": "books", "_id": "", "_source": {"title": "a"}},
        {"_op_type": "delete", "_index": "books", "_id": "9"},
        {"_op_type": "delete", "_index": "books", "_id": "1"},
    ]
    found = list(helpers.streaming_bulk(es, actions, raise_on_error=False))
    statuses = [next(iter(item.values()))["status"] for _, item in found]
    assert statuses == [201, 409, 400, 400, 404, 200]
    refused = found[2][1]["index"]["error"]
    assert refused["type"] == "document_parsing_exception"
    assert "already exists (current version [1])" in found[1][1]["create"]["error"]["reason"]
    assert "vectors of different dimensions" in refused["caused_by"]["reason"]
    assert es.indices.get_mapping(index="books")["books"]["mappings"] == MAPPING  # the refused one left no dims behind


def test_a_compressed_client_is_understood():
    es = Elasticsearch("http://local:9200", node_class=local_node(), http_compress=True)
    es.indices.create(index="i", mappings=MAPPING)
    es.index(index="i", document={"title": "word " * 500}, refresh=True)
    assert es.count(index="i", query={"match": {"title": "word"}})["count"] == 1
