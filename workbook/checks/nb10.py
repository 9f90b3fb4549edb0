"""Exercises of notebook 10, Elasticsearch. Answers are tried on a node of the checker's own, and judged by loops."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from workbook.checks._shared import judge_parts, score_by_loops
from workbook.exercises import NotYet, exercise, expect_array

DIM, PAGES, NEAREST = 128, 80, 50


@exercise(
    "10-1",
    hints=[
        "The table in section 4 has one formula for each similarity.",
        "max_inner_product has two formulas: one for s below zero, one for the rest.",
        "l2_norm squares the distance: 1 / (1 + d * d).",
    ],
    shows="A _score is never negative, and a better match always has the larger one.",
)
def _scores(answer: Any) -> None:
    given = expect_array(answer, shape=(4,), what="the prediction")
    wanted = (0.75, 4.0, 0.25, 0.2)
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
    judge_parts(given.tolist(), wanted, faults, advice, rel_tol=1e-3)


@exercise(
    "10-2",
    hints=[
        "Four fields, four types: keyword, text, rank_vectors, dense_vector.",
        "rank_vectors takes element_type and dims; for bit, dims counts bits.",
        "The index of a dense_vector that takes the fewest bytes in memory keeps one bit a dimension: bbq_hnsw.",
    ],
    shows="One index can hold words, a filter, bits for MaxSim and an average for kNN side by side.",
)
def _mapping(answer: Callable[[], Any]) -> None:
    fields = answer()
    wanted = ("language", "title", "patches", "mean")
    if not isinstance(fields, Mapping):
        raise NotYet("the function should return a dictionary from field name to definition")
    fields = fields.get("properties", fields)
    if set(fields) != set(wanted):
        raise NotYet(f"the fields should be {', '.join(wanted)}, but are {', '.join(map(str, fields)) or 'none'}")
    for name, kind in zip(wanted, ("keyword", "text", "rank_vectors", "dense_vector"), strict=True):
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
    _accepted(fields)


def _accepted(fields: Mapping[str, Any]) -> None:
    """Create an index with these fields and put a document in."""
    from elasticsearch import ApiError

    from workbook.elasticsearch import connect

    client = connect("local")
    mean = np.full(DIM, 0.5)
    document = {"language": "en", "title": "fares", "patches": ["0f" * (DIM // 8)] * 3, "mean": mean.tolist()}
    try:
        client.indices.create(index="exercise", mappings={"properties": dict(fields)})
        client.index(index="exercise", document=document)
    except ApiError as error:
        raise NotYet(f"the index refuses it: {error.body['error']['reason']}") from None


def _pages() -> list[dict[str, Any]]:
    """Pages whose averages differ in length, so that a first stage that is added up shows."""
    rng = np.random.default_rng(3)
    pages = []
    for number in range(PAGES):
        vectors = rng.standard_normal((6, DIM)).astype(np.float32)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        mean = vectors.mean(axis=0) * (1 + number)
        language = "en" if number % 4 else "de"
        pages.append({"_id": f"p{number}", "language": language, "patches": vectors, "mean": mean})
    return pages


def _expected(pages: list[dict[str, Any]], vectors: Any, mean: Any, language: str, size: int) -> dict[str, float]:
    """The answer by loops: filter, nearest by the mean's dot product, MaxSim over those."""
    allowed = [page for page in pages if page["language"] == language]
    near = sorted(allowed, key=lambda page: -float(np.dot(page["mean"], mean)))[:NEAREST]
    scores = {page["_id"]: score_by_loops(vectors, page["patches"]) for page in near}
    return dict(sorted(scores.items(), key=lambda pair: -pair[1])[:size])


@exercise(
    "10-3",
    hints=[
        "Three parts: a knn part with a filter, a query that scores with MaxSim, and the rescorer that joins them.",
        'The filter belongs inside the knn part, {"term": {"language": language}}: then 50 pages of it come.',
        "bodies.rescorer({'knn': bodies.knn_section('mean', mean, k=50, filter=...)}, "
        "bodies.maxsim_query('patches', vectors), window_size=50, size=size)",
    ],
    shows="A filter inside the knn part is applied during the search, so the window is full.",
)
def _body(answer: Callable[..., Any]) -> None:
    from elasticsearch import ApiError

    from lateint_ref.elastic import float_value, float_values, index_documents, mappings
    from workbook.elasticsearch import connect

    pages, client = _pages(), connect("local")
    fields = {
        "language": mappings.keyword(),
        "patches": mappings.rank_vectors(DIM),
        "mean": mappings.dense_vector(DIM, "max_inner_product"),
    }
    client.indices.create(index="exercise", mappings=mappings.strict(fields))
    documents = [page | {"patches": float_values(page["patches"]), "mean": float_value(page["mean"])} for page in pages]
    index_documents(client, "exercise", documents, progress=False)
    rng = np.random.default_rng(4)
    for language, size in (("en", 10), ("en", 50), ("de", 5)):
        vectors = rng.standard_normal((5, DIM)).astype(np.float32)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        mean = vectors.mean(axis=0)
        body = answer(vectors.copy(), mean.copy(), language, size)
        if not isinstance(body, Mapping):
            raise NotYet(f"the function should return a request body, a dictionary, not a {type(body).__name__}")
        try:
            hits = client.search(index="exercise", body=dict(body))["hits"]["hits"]
        except ApiError as error:
            raise NotYet(f"the engine refuses the body: {error.body['error']['reason']}") from None
        _judge(hits, pages, vectors, mean, language, size)


def _judge(
    hits: list[dict[str, Any]], pages: list[dict[str, Any]], vectors: Any, mean: Any, language: str, size: int
) -> None:
    """Compare an answer with the loops, and name the common fault."""
    wanted = _expected(pages, vectors, mean, language, size)
    languages = {page["_id"]: page["language"] for page in pages}
    if any(languages[hit["_id"]] != language for hit in hits):
        raise NotYet(f"pages of another language than {language!r} come back: the filter is missing")
    if len(hits) < len(wanted):
        raise NotYet(
            f"{len(hits)} pages come back where {len(wanted)} should: does size say so, and is the filter inside the "
            "knn part, where it is applied before the 50 are counted?"
        )
    if len(hits) > len(wanted):
        raise NotYet(f"{len(hits)} pages come back, but size is {size}")
    patches = {page["_id"]: page["patches"] for page in pages}
    for hit in hits:
        score = score_by_loops(vectors, patches[hit["_id"]])
        if not math.isclose(hit["_score"], score, rel_tol=1e-4):
            raise NotYet(
                f"the _score of {hit['_id']} is {hit['_score']:.4g}, but MaxSim is {score:.4g}: is the first stage's "
                "score added? query_weight decides"
            )
    if set(wanted) != {hit["_id"] for hit in hits}:
        raise NotYet("other pages come back than MaxSim picks from the 50 nearest: check k, window_size and the fields")


@exercise(
    "10-4",
    hints=[
        "A bit vector of 128 dimensions is 16 bytes, and 4 more for its magnitude.",
        "A pooled vector is 128 * 4 bytes, and its links in the graph 16 * 4.",
        "Every pooled vector is a document of its own beside the page: n_pages * (1 + n_pooled).",
        "Both limits count: math.ceil of the larger of bytes / 50e9 and documents / 200e6.",
    ],
    shows="Pages of vectors fill a shard with bytes long before they fill it with documents.",
)
def _shards(answer: Callable[..., Any]) -> None:
    for n_pages, n_vectors, n_pooled in (
        (10**9, 1030, 10),
        (10**6, 1030, 10),
        (10**9, 30, 10),
        (900_000_001, 1, 0),
        (10**8, 700, 0),
    ):
        size = n_pages * (n_vectors * (128 // 8 + 4) + n_pooled * (128 * 4 + 16 * 4))
        documents = n_pages * (1 + n_pooled)
        wanted = math.ceil(max(size / 50e9, documents / 200e6))
        got = answer(n_pages, n_vectors, n_pooled)
        if got == wanted:
            continue
        case = f"for {n_pages:,} pages of {n_vectors} vectors and {n_pooled} pooled"
        bare = n_pages * (n_vectors * 16 + n_pooled * 576)
        faults = {
            math.ceil(size / 50e9): "the limit of documents binds here",
            math.ceil(documents / 200e6): "the limit of bytes binds here",
            math.ceil(max(bare / 50e9, documents / 200e6)): "the magnitudes are missing, 4 bytes a vector",
            math.floor(max(size / 50e9, documents / 200e6)): "round up: a part of a shard is a shard",
        }
        raise NotYet(
            f"{case} it is {wanted:,} shards, not {got:,}: {faults.get(got, 'count the bytes of a page again')}"
        )
