"""What a cluster answered, as a file: `pytest -m elasticsearch --record` writes it to data/measurements."""

import json
import os
import statistics
import uuid
import warnings

import numpy as np
from elasticsearch import ApiError

from elastic_requests import REFUSED, REQUESTS
from helpers import unit_vectors
from lateint_ref.elastic import float_value, index_documents, mappings

TIMES, VECTORS, DIM, K = 5, 2000, 128, 10
OPTIONS = ("flat", "hnsw", "int8_hnsw", "bbq_hnsw", "bbq_flat", "bbq_disk")


def record(client, index, path):
    """Ask all of an index filled as `elastic_requests` says; write the answers to `path`, whole or not at all.

    The file holds the version, the licence, for each request the ids, scores and the median of its times in
    milliseconds, for each refusal its status and words, bytes on disk by field, and for every vector index its bytes
    and recall. Nothing in it names the machine.
    """
    info = client.info()
    found = {
        "version": info["version"]["number"],
        "answered_by": info["tagline"],
        "licence": client.license.get()["license"]["type"],
        "requests": {name: answered(client, index, body) for name, body in REQUESTS.items()},
        "refusals": {name: refused(client, index, body) for name, (body, _) in REFUSED.items()},
        "disk_usage": disk_usage(client, index),
        "vector_indices": vector_indices(client),
    }
    partial = path.with_name(f"{path.name}.{os.getpid()}")
    partial.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    partial.replace(path)
    return found


def answered(client, index, body):
    answers = [client.search(index=index, body=body) for _ in range(TIMES)]
    hits = [[hit["_id"], hit["_score"]] for hit in answers[0]["hits"]["hits"]]
    return {"hits": hits, "took": statistics.median(answer["took"] for answer in answers)}


def refused(client, index, body):
    try:
        client.search(index=index, body=body)
    except ApiError as error:
        root = error.body["error"]["root_cause"][0]
        return {"status": error.status_code, "type": error.error, "reason": root["reason"].replace(index, "INDEX")}
    return {"status": 200}


def disk_usage(client, index):
    """Bytes by field, or what the server says instead."""
    try:
        with warnings.catch_warnings(action="ignore"):  # the client's, that this API is a preview
            answer = client.indices.disk_usage(index=index, run_expensive_tasks=True)[index]
    except ApiError as error:
        return {"refused": error.error}
    return {name: entry["total_in_bytes"] for name, entry in sorted(answer["fields"].items()) if name[0] != "_"}


def vector_indices(client):
    """Bytes and recall of the same vectors under each `index_options`, merged to one segment."""
    name = f"lateint-record-{uuid.uuid4().hex[:12]}"
    fields = {
        option: {"type": "dense_vector", "dims": DIM, "similarity": "dot_product", "index_options": {"type": option}}
        for option in OPTIONS
    }
    client.indices.create(index=name, mappings=mappings.strict(fields), settings=mappings.settings())
    try:
        vectors, queries = unit_vectors(VECTORS, DIM, seed=1), unit_vectors(20, DIM, seed=2)
        rows = ({"_id": str(at), **dict.fromkeys(OPTIONS, float_value(row))} for at, row in enumerate(vectors))
        index_documents(client, name, rows, progress=False)
        client.indices.forcemerge(index=name, max_num_segments=1)
        client.indices.refresh(index=name)
        exact = [set(np.argsort(-(vectors @ query), kind="stable")[:K]) for query in queries]
        bytes_of = disk_usage(client, name)
        return {
            option: {"bytes": bytes_of.get(option), f"recall@{K}": recall(client, name, option, queries, exact)}
            for option in OPTIONS
        }
    finally:
        client.indices.delete(index=name)


def recall(client, index, field, queries, exact):
    found = 0
    for query, wanted in zip(queries, exact, strict=True):
        section = {"field": field, "query_vector": float_value(query), "k": K, "num_candidates": 10 * K}
        hits = client.search(index=index, knn=section, size=K, source=False)["hits"]["hits"]
        found += len(wanted & {int(hit["_id"]) for hit in hits})
    return round(found / (K * len(queries)), 4)
