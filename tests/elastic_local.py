"""Filled indices of the local node, and its answers in short."""

import pytest
from elasticsearch import Elasticsearch

from workbook.elasticsearch.node import local_node

ALL = {"match_all": {}}


def client():
    return Elasticsearch("http://local:9200", node_class=local_node())


def filled(fields, documents, **more):
    """A client whose index `i` has these fields and documents: a dictionary by id, or a list numbered from 0."""
    es = client()
    es.indices.create(index="i", mappings={"properties": fields}, **more)
    for name, document in documents.items() if isinstance(documents, dict) else enumerate(documents):
        es.index(index="i", id=str(name), document=document)
    es.indices.refresh(index="i")
    return es


def ranked(es, size=100, **body):
    """Ids and scores of a search in the order of its hits."""
    return [(hit["_id"], hit["_score"]) for hit in es.search(index="i", size=size, **body)["hits"]["hits"]]


def found(es, query=None, **more):
    """Scores by id."""
    return dict(ranked(es, **({"query": query} if query else {}), **more))


def scripted(source, query=None, **params):
    """A query that scores by a script."""
    return {"script_score": {"query": query or ALL, "script": {"source": source, "params": params}}}


def assert_ranked(hits, expected, rel=1e-5):
    """The same ids in the same order, and the same scores to a tolerance."""
    assert [name for name, _ in hits] == [name for name, _ in expected]
    assert [score for _, score in hits] == pytest.approx([score for _, score in expected], rel=rel)
