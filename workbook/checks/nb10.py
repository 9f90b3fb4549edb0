"""Checkers of notebook 10, Elasticsearch. Answers are tried on a node of the checker's own, and judged by loops."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from workbook.checks._shared import judge_parts, score_by_loops, unit_vectors
from workbook.exercises import Answer, NotYet, exercise

DIM, PAGES, NEAREST = 128, 80, 50


@exercise("10-1", "A _score is never negative, and a better match always has the larger one.")
def _scores(answer: Any) -> None:
    faults = {
        (0, 0.5): "that is s itself; a score below zero must not happen, so it is moved and halved",
        (0, 1.5): "half of it: (1 + s) / 2",
        (1, 2.0): "max_inner_product does not halve",
        (1, 3.0): "1 is added",
        (2, -2.0): "a score is never negative: for s below zero it is 1 / (1 - s)",
        (2, -1.0): "a score is never negative: for s below zero it is 1 / (1 - s)",
        (2, -0.5): "watch the sign in 1 / (1 - s)",
        (3, 1 / 3): "the distance is squared first",
        (3, 0.25): "1 is added below the line",
    }
    advice = "put the numbers into the formula of its similarity"
    judge_parts(answer, (0.75, 4.0, 0.25, 0.2), faults, advice, rel_tol=1e-3)


@exercise("10-2", "One index can hold words, a filter, bits for MaxSim and an average for kNN side by side.")
def _mapping(answer: Answer) -> None:
    from elasticsearch import ApiError

    from workbook.elasticsearch import connect

    fields = answer()
    wanted = {"language": "keyword", "title": "text", "patches": "rank_vectors", "mean": "dense_vector"}
    if not isinstance(fields, Mapping):
        raise NotYet("the function should return a dictionary from field name to definition")
    fields = fields.get("properties", fields)
    if set(fields) != set(wanted):
        raise NotYet(f"the fields should be {', '.join(wanted)}, but are {', '.join(map(str, fields)) or 'none'}")
    for name, kind in wanted.items():
        if fields[name].get("type") != kind:
            raise NotYet(f"{name} has the type {fields[name].get('type')!r}; which type is for what it holds?")
    if fields["patches"].get("element_type", "float") != "bit":
        raise NotYet(f"patches holds {fields['patches'].get('element_type', 'float')} values; it should hold bits")
    if fields["patches"].get("dims", DIM) == DIM // 8:
        raise NotYet("patches counts bytes; for bit, dims counts bits")
    if fields["mean"].get("similarity", "cosine") != "cosine":
        raise NotYet(f"mean is compared by {fields['mean']['similarity']}; the exercise asks for cosine")
    if fields["mean"].get("index_options", {}).get("type") != "bbq_hnsw":
        raise NotYet("mean takes more memory than it must: which index keeps one bit a dimension in memory?")
    client = connect("local")
    document = {"language": "en", "title": "fares", "patches": ["0f" * (DIM // 8)] * 3, "mean": [0.5] * DIM}
    try:
        client.indices.create(index="exercise", mappings={"properties": dict(fields)})
        client.index(index="exercise", document=document)
    except ApiError as error:
        raise NotYet(f"the index refuses it: {error.body['error']['reason']}") from None


@exercise("10-3", "A filter inside the knn part is applied during the search, so the window is full.")
def _body(answer: Answer) -> None:
    from elasticsearch import ApiError

    from lateint_ref.elastic import float_value, float_values, index_documents, mappings
    from workbook.elasticsearch import connect

    # Pages whose averages differ in length, so that a first stage that is added up shows.
    patches = {f"p{number}": unit_vectors(6, DIM, number) for number in range(PAGES)}
    means = {name: vectors.mean(axis=0) * (1 + number) for number, (name, vectors) in enumerate(patches.items())}
    languages = {f"p{number}": "en" if number % 4 else "de" for number in range(PAGES)}
    fields = {
        "language": mappings.keyword(),
        "patches": mappings.rank_vectors(DIM),
        "mean": mappings.dense_vector(DIM, "max_inner_product"),
    }
    documents = [
        {"_id": name, "language": languages[name], "patches": float_values(vectors), "mean": float_value(means[name])}
        for name, vectors in patches.items()
    ]
    client = connect("local")
    client.indices.create(index="exercise", mappings=mappings.strict(fields))
    index_documents(client, "exercise", documents, progress=False)
    for seed, (language, size) in enumerate((("en", 10), ("en", 50), ("de", 5))):
        vectors = unit_vectors(5, DIM, 100 + seed)
        mean = vectors.mean(axis=0)
        body = answer(vectors.copy(), mean.copy(), language, size)
        if not isinstance(body, Mapping):
            raise NotYet(f"the function should return a request body, a dictionary, not a {type(body).__name__}")
        try:
            found = client.search(index="exercise", body=dict(body))["hits"]["hits"]
        except ApiError as error:
            raise NotYet(f"the engine refuses the body: {error.body['error']['reason']}") from None
        hits = {hit["_id"]: hit["_score"] for hit in found}
        # By loops: filter, nearest by the mean's dot product, MaxSim over those.
        allowed = [name for name in patches if languages[name] == language]
        near = sorted(allowed, key=lambda name: -float(np.dot(means[name], mean)))[:NEAREST]
        scores = {name: score_by_loops(vectors, patches[name]) for name in patches}
        wanted = sorted(near, key=lambda name: -scores[name])[:size]
        if not set(hits) <= set(allowed):
            raise NotYet(f"pages of another language than {language!r} come back: the filter is missing")
        if len(hits) < len(wanted):
            raise NotYet(
                f"{len(hits)} pages come back where {len(wanted)} should: does size say so, and is the filter inside "
                "the knn part, where it is applied before the 50 are counted?"
            )
        if len(hits) > len(wanted):
            raise NotYet(f"{len(hits)} pages come back, but size is {size}")
        for name, score in hits.items():
            if not math.isclose(score, scores[name], rel_tol=1e-4):
                raise NotYet(
                    f"the _score of {name} is {score:.4g}, but MaxSim is {scores[name]:.4g}: is the first stage's "
                    "score added? query_weight decides"
                )
        if set(wanted) != set(hits):
            raise NotYet("other pages come back than MaxSim picks from the 50 nearest: check k, window_size and fields")


SYSTEMS = ((10**9, 1030, 10), (10**6, 1030, 10), (10**9, 30, 10), (900_000_001, 1, 0), (10**8, 700, 0))


@exercise("10-4", "Pages of vectors fill a shard with bytes long before they fill it with documents.")
def _shards(answer: Answer) -> None:
    for n_pages, n_vectors, n_pooled in SYSTEMS:
        pooled = n_pooled * (128 * 4 + 16 * 4)
        by_bytes = n_pages * (n_vectors * (128 // 8 + 4) + pooled) / 50e9
        bare = n_pages * (n_vectors * 128 // 8 + pooled) / 50e9
        by_documents = n_pages * (1 + n_pooled) / 200e6
        wanted = math.ceil(max(by_bytes, by_documents))
        got = answer(n_pages, n_vectors, n_pooled)
        faults = {
            math.ceil(by_bytes): "the limit of documents binds here",
            math.ceil(by_documents): "the limit of bytes binds here",
            math.ceil(max(bare, by_documents)): "the magnitudes are missing, 4 bytes a vector",
            math.floor(max(by_bytes, by_documents)): "round up: a part of a shard is a shard",
        }
        if got != wanted:
            case = f"for {n_pages:,} pages of {n_vectors} vectors and {n_pooled} pooled"
            raise NotYet(
                f"{case} it is {wanted:,} shards, not {got:,}: {faults.get(got, 'count the bytes of a page again')}"
            )
