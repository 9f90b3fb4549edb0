"""Request bodies of `_search` as plain dictionaries, exactly what a person would paste into a console.

Two kinds of function: those named `..._query` and `..._section` return a part, the others a whole body. Vectors are
given as arrays and become JSON numbers here. Every body asks for ids and scores alone (`"_source": false`). Each
function raises a `TypeError` or `ValueError` that names the argument where one is malformed or out of range.

Sources: Elasticsearch reference, "Script score query" and "Rank vectors" (MaxSim functions), "k-nearest neighbor
search", "Retrievers" (standard, knn, rescorer, rrf), "Rescore search results"; 8.18 to 9.x.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, cast

from lateint_ref.checks import describe, whole
from lateint_ref.elastic.mappings import field_name
from lateint_ref.elastic.values import bit_values, float_value, float_values

Body = dict[str, Any]

MAX_CANDIDATES = 10_000


def maxsim_query(field: str, query: Any, *, filter: Body | None = None, offset: float = 0.0) -> Body:  # noqa: A002
    """MaxSim of a float query with every document that has the field: the exhaustive score.

    On a `float` field the sum of the largest dot products; on a `bit` field the stored bits mask the query's values,
    the asymmetric score.

    Args:
        field: a `rank_vectors` field, `float` or `bit`.
        query: `(n_q, dim)`.
        filter: a query that documents must match; it does not score.
        offset: added to every score. A score below zero is an error in Elasticsearch: where MaxSim can be negative,
            add at least its lowest value (`n_q` for vectors of length 1). The ranking stays as it is.
    """
    return _scored("maxSimDotProduct", field, float_values(query), filter, offset)


def inv_hamming_query(field: str, query_bits: Any, *, filter: Body | None = None) -> Body:  # noqa: A002
    """Bit MaxSim: for each query vector the largest share of dimensions on which both sides agree.

    `field` is a `rank_vectors` field of `bit`, `query_bits` uint8 `(n_q, dim / 8)` from `lateint_ref.binarize`.
    """
    return _scored("maxSimInvHamming", field, bit_values(query_bits), filter, 0.0)


def match_query(field: str, words: str) -> Body:
    """BM25 of the words of a question."""
    if not isinstance(words, str) or not words.strip():
        raise ValueError(f"words must be a non-empty string, got {words!r}.")
    return {"match": {field_name(field): {"query": words}}}


def search(query: Body, size: int = 10) -> Body:
    """A whole body: the best `size` documents of a query."""
    return _body(size, query=_part(query, "query"))


def knn_section(
    field: str,
    vector: Any,
    k: int = 10,
    num_candidates: int | None = None,
    *,
    filter: Body | None = None,  # noqa: A002
    oversample: float | None = None,
) -> Body:
    """The `knn` part: the `k` nearest documents by one vector. `path.vector` as field searches nested vectors.

    Args:
        field: a `dense_vector` field.
        vector: `(dim,)`.
        k: neighbours to return.
        num_candidates: neighbours looked at on each shard, `k` to 10,000; by default twice `k`, at least 100.
        filter: a query that documents must match. It is applied during the search, so `k` of them are found.
        oversample: for a quantised index, take this many times `k` and score them again with the full vectors.
    """
    k = whole(k, "k")
    candidates = min(MAX_CANDIDATES, max(100, 2 * k)) if num_candidates is None else num_candidates
    if not k <= whole(candidates, "num_candidates") <= MAX_CANDIDATES:
        raise ValueError(f"k <= num_candidates <= {MAX_CANDIDATES} must hold, got k={k}, num_candidates={candidates}.")
    section: Body = {
        "field": field_name(field),
        "query_vector": float_value(vector),
        "k": k,
        "num_candidates": int(candidates),
    }
    if filter is not None:
        section["filter"] = _part(filter, "filter")
    if oversample is not None:
        section["rescore_vector"] = {"oversample": _number(oversample, "oversample", 1, 10)}
    return section


def knn(sections: Body | Sequence[Body], size: int = 10) -> Body:
    """A whole body: kNN alone.

    `sections` is one from `knn_section`, or several: then a document's score is the sum over those that found it.
    """
    parts: Any
    if isinstance(sections, Mapping):
        parts = _part(sections, "sections")
    elif isinstance(sections, (list, tuple)) and sections:
        parts = [_part(section, "a section") for section in sections]
    else:
        raise TypeError(f"sections must be one or several parts from knn_section, got {describe(sections)}.")
    return _body(size, knn=parts)


def rescorer(first: Body, second: Body, *, window_size: int = 100, size: int = 10, query_weight: float = 0.0) -> Body:
    """A whole body: the `rescorer` retriever (8.18 and later) scores a first stage's best documents again.

    Args:
        first: a retriever: `{"knn": knn_section(...)}`, `{"standard": {"query": ...}}` or another one.
        second: the query that scores again, as from `maxsim_query`.
        window_size: how many documents are scored again; the first stage must return that many.
        size: documents to return, at most `window_size`.
        query_weight: weight of the first stage's score in the sum. Elasticsearch's own default is 1: then the result
            is neither score. 0 leaves the second alone.
    """
    retriever = {"retriever": _part(first, "first"), "rescore": _rescore(second, window_size, query_weight)}
    return _body(size, window_size, retriever={"rescorer": retriever})


def rescore(first: Body, second: Body, *, window_size: int = 100, size: int = 10, query_weight: float = 0.0) -> Body:
    """A whole body: the older form of `rescorer`, with the top-level `rescore`, which releases before 8.18 take, too.

    `first` is the first stage as it stands at the top of a body, `{"knn": ...}` or `{"query": ...}`; the rest is as
    in `rescorer`.
    """
    if not set(_part(first, "first")) <= {"query", "knn"}:
        raise ValueError(f"first must hold query or knn and nothing else, got {sorted(first)}.")
    return _body(size, window_size, **first, rescore=_rescore(second, window_size, query_weight))


def hybrid(retrievers: Sequence[Body], *, size: int = 10, rank_constant: int = 60, rank_window_size: int = 100) -> Body:
    """A whole body: reciprocal rank fusion, the sum of `1 / (rank_constant + rank)` over the lists a document is in.

    Args:
        retrievers: two or more, as `{"standard": {"query": match_query(...)}}` and `{"knn": knn_section(...)}`.
        size: documents to return, at most `rank_window_size`.
        rank_constant: at least 1; the larger, the less the first ranks stand out.
        rank_window_size: how many documents of each list take part.
    """
    if not isinstance(retrievers, (list, tuple)) or len(retrievers) < 2:
        raise ValueError(f"retrievers must hold at least two, got {describe(retrievers)}.")
    fusion = {
        "retrievers": [_part(retriever, "a retriever") for retriever in retrievers],
        "rank_constant": whole(rank_constant, "rank_constant"),
        "rank_window_size": whole(rank_window_size, "rank_window_size"),
    }
    return _body(size, rank_window_size, "rank_window_size", retriever={"rrf": fusion})


def _scored(function: str, field: str, vectors: Any, condition: Body | None, offset: float) -> Body:
    """A `script_score` over the documents that have the field: one without it would fail the whole search."""
    offset = _number(offset, "offset")
    has_field: Body = {"exists": {"field": field_name(field)}}
    filters = has_field if condition is None else [has_field, _part(condition, "filter")]
    script: Body = {"source": f"{function}(params.query_vectors, '{field}')", "params": {"query_vectors": vectors}}
    if offset:
        script["source"] += " + params.offset"
        script["params"]["offset"] = offset
    return {"script_score": {"query": {"bool": {"filter": filters}}, "script": script}}


def _rescore(second: Body, window_size: int, query_weight: float) -> Body:
    weights = {"query_weight": _number(query_weight, "query_weight"), "rescore_query_weight": 1.0}
    return {
        "window_size": whole(window_size, "window_size"),
        "query": {"rescore_query": _part(second, "second"), **weights},
    }


def _body(size: int, window: int | None = None, name: str = "window_size", **parts: Any) -> Body:
    if window is not None and whole(size, "size") > whole(window, name):
        raise ValueError(f"size is {size} but {name} is {window}: only documents inside the window can be returned.")
    return {"size": whole(size, "size"), "_source": False, **parts}


def _part(value: Any, argument: str) -> Body:
    if not isinstance(value, Mapping) or not value:
        raise TypeError(f"{argument} must be a dictionary, a part of a request body, got {describe(value)}.")
    return dict(value)


def _number(value: Any, name: str, least: float = 0, most: float = math.inf) -> float:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not (number and math.isfinite(value) and least <= value <= most):
        raise ValueError(f"{name} must be a finite number from {least} to {most}, got {value!r}.")
    return cast("float", value)
