"""The documentation's examples of kNN search on the local node, results as documented.

Source: Elasticsearch reference, "kNN search": the images, and the passages of the nested example.
"""

import pytest
from elasticsearch import Elasticsearch, helpers

from workbook.elasticsearch.node import local_node

IMAGES = {
    "1": ([1, 5, -20], [12, 50, -10, 0, 1], "moose family", "jpg"),
    "2": ([42, 8, -15], [25, 1, 4, -12, 2], "alpine lake", "png"),
    "3": ([15, 11, 23], [1, 5, 25, 50, 20], "full moon", "jpg"),
}


@pytest.fixture(scope="module")
def images():
    es = Elasticsearch("http://local:9200", node_class=local_node())
    fields = {
        "image-vector": {"type": "dense_vector", "dims": 3, "similarity": "l2_norm"},
        "title-vector": {"type": "dense_vector", "dims": 5, "similarity": "l2_norm"},
        "title": {"type": "text"},
        "file-type": {"type": "keyword"},
    }
    es.indices.create(index="image-index", mappings={"properties": fields})
    for name, values in IMAGES.items():
        es.index(index="image-index", id=name, document=dict(zip(fields, values, strict=True)))
    es.indices.refresh(index="image-index")
    return es


def squared(left, right):
    return sum((a - b) ** 2 for a, b in zip(left, right, strict=True))


def test_images_by_their_nearest_vector(images):
    section = {"field": "image-vector", "query_vector": [-5, 9, -12], "k": 10, "num_candidates": 100}
    hits = images.search(index="image-index", knn=section, fields=["title", "file-type"], source=False)["hits"]["hits"]
    assert [hit["_id"] for hit in hits] == ["1", "3", "2"]
    for hit in hits:
        assert hit["_score"] == pytest.approx(1 / (1 + squared(IMAGES[hit["_id"]][0], [-5, 9, -12])), rel=1e-6)
        assert hit["fields"] == {"title": [IMAGES[hit["_id"]][2]], "file-type": [IMAGES[hit["_id"]][3]]}


def test_a_query_and_two_searches_are_added_with_their_boosts(images):
    query = {"match": {"title": {"query": "mountain lake", "boost": 0.9}}}
    image = {"field": "image-vector", "query_vector": [54, 10, -2], "k": 5, "num_candidates": 50, "boost": 0.1}
    title = {"field": "title-vector", "query_vector": [1, 20, -52, 23, 10], "k": 10, "num_candidates": 10, "boost": 0.5}
    words = images.search(index="image-index", query=query)["hits"]["hits"]
    assert [hit["_id"] for hit in words] == ["2"]
    hits = images.search(index="image-index", query=query, knn=[image, title], size=10)["hits"]["hits"]
    for hit in hits:
        expected = 0.1 / (1 + squared(IMAGES[hit["_id"]][0], image["query_vector"]))
        expected += 0.5 / (1 + squared(IMAGES[hit["_id"]][1], title["query_vector"]))
        expected += words[0]["_score"] if hit["_id"] == "2" else 0
        assert hit["_score"] == pytest.approx(expected, rel=1e-5)
    assert hits[0]["_id"] == "2"


def test_the_only_png_is_further_away_than_36(images):
    section = {"field": "image-vector", "query_vector": [1, 5, -20], "k": 5, "num_candidates": 50, "similarity": 36}
    png = {**section, "filter": {"term": {"file-type": "png"}}}
    assert images.search(index="image-index", knn=png)["hits"]["hits"] == []
    assert squared([42, 8, -15], [1, 5, -20]) ** 0.5 == pytest.approx(41.412, abs=1e-3)
    near = images.search(index="image-index", knn={**png, "similarity": 42})["hits"]["hits"]
    assert [hit["_id"] for hit in near] == ["2"]


def passage(vector, language="EN"):
    return {"vector": vector, "language": language}


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (None, {"1": 1.0, "2": 0.9997144}),
        ({"range": {"creation_year": {"gte": 2019, "lt": 2020}}}, {"1": 1.0}),
        ({"term": {"paragraph.language": "FR"}}, {"1": None}),
        ({"nested": {"path": "metadata", "query": {"match": {"metadata.value": "hugo"}}}}, {"2": 0.9997144}),
    ],
)
def test_passages_of_long_documents(condition, expected):
    es = Elasticsearch("http://local:9200", node_class=local_node())
    inner = {"vector": {"type": "dense_vector", "dims": 2}, "language": {"type": "keyword"}}
    pairs = {"key": {"type": "keyword"}, "value": {"type": "text"}}
    fields = {
        "creation_year": {"type": "integer"},
        "paragraph": {"type": "nested", "properties": inner},
        "metadata": {"type": "nested", "properties": pairs},
    }
    es.indices.create(index="passages", mappings={"properties": fields})
    authors = [{"key": "author", "value": name} for name in ("Jane Doe", "Jane Austen", "Victor Hugo")]
    documents = [
        {
            "creation_year": 2019,
            "paragraph": [passage([0.45, 45]), passage([0.8, 0.6], "FR")],
            "metadata": authors[:1],
        },
        {
            "creation_year": 2020,
            "paragraph": [passage([1.2, 4.5]), passage([-1, 42])],
            "metadata": authors[1:],
        },
    ]
    actions = ({"_index": "passages", "_id": str(n), "_source": document} for n, document in enumerate(documents, 1))
    helpers.bulk(es, actions, refresh=True)
    section = {"field": "paragraph.vector", "query_vector": [0.45, 45], "k": 2}
    if condition:
        section["filter"] = condition
    found = {hit["_id"]: hit["_score"] for hit in es.search(index="passages", knn=section)["hits"]["hits"]}
    assert list(found) == list(expected)
    for name, score in expected.items():
        assert score is None or found[name] == pytest.approx(score, rel=1e-6)
