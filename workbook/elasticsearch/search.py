"""The search and count requests: body in, hits out.

Source: Elasticsearch reference, "Search API", "Count API".
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from workbook.elasticsearch.documents import parse_source
from workbook.elasticsearch.dsl import Scope, parse_knn, parse_query, parse_rescore
from workbook.elasticsearch.hits import as_json, matched_queries, parse_docvalues, parse_fields
from workbook.elasticsearch.index import Index
from workbook.elasticsearch.queries import Bool, MatchAll, Query
from workbook.elasticsearch.ranking import Ranked, collapse, rank
from workbook.elasticsearch.reading import (
    NOT_IMPLEMENTED,
    Body,
    NodeError,
    ShardError,
    illegal,
    invalid_request,
    not_implemented,
    parsing,
    token,
)
from workbook.elasticsearch.retrievers import Retriever, Standard, parse_retriever
from workbook.elasticsearch.space import Space

SHARDS = {"total": 1, "successful": 1, "skipped": 0, "failed": 0}
_ELSEWHERE = (
    "aggregations", "aggs", "explain", "ext", "highlight", "indices_boost", "pit",
    "post_filter", "profile", "project_routing", "rank", "runtime_mappings", "script_fields", "search_after",
    "seq_no_primary_term", "slice", "sort", "stats", "stored_fields", "suggest", "terminate_after", "timeout",
    "track_scores", "version",
)  # fmt: skip
_KEYS = (
    "_source", "collapse", "docvalue_fields", "fields", "knn", "min_score", "query", "rescore", "retriever",
    "track_total_hits",
)  # fmt: skip
_NOT_WITH_RETRIEVER = ("query", "knn", "rescore", "min_score")
DEFAULT_TOTAL = 10_000


def search(index: Index, value: Any, demanded: Any = None) -> dict[str, Any]:
    """Answer a search of one index.

    Args:
        index: where.
        value: the body; None for all documents.
        demanded: the filter of the alias by which the index was named, or None.

    Raises:
        NodeError: 400.
    """
    started = time.perf_counter()
    try:
        request = _Request(value, index, demanded)
    except NodeError as error:
        if error.kind == "script_exception":  # a server compiles scripts on the shard
            raise _on_shard(index, error) from error
        raise
    try:
        hits = request.run()
    except NodeError as error:
        raise _on_shard(index, error) from error
    took = int(1000 * (time.perf_counter() - started))
    return {"took": took, "timed_out": False, "_shards": SHARDS, "hits": hits}


def count(index: Index, value: Any, demanded: Any = None) -> dict[str, Any]:
    """Answer a count.

    Raises:
        NodeError: 400.
    """
    body = Body({} if value is None else value, "count")
    query = body.take("query")
    for name in body.left():
        raise parsing(f"request does not support [{name}]")
    try:
        scope, space = _scope(0, demanded), index.seen()
        matched = (MatchAll() if query is None else parse_query(query, scope)).matches(space)
        for condition in scope.filters:
            matched = matched & condition.matches(space)
    except NodeError as error:
        raise _on_shard(index, error) from error
    return {"count": int(matched.sum()), "_shards": SHARDS}


def _scope(size: int, demanded: Any) -> Scope:
    return Scope(size, [] if demanded is None else [parse_query(demanded, Scope(size, around="an alias"))])


def _on_shard(index: Index, error: NodeError) -> NodeError:
    """The form that an error has where it comes from running the request, not from reading it."""
    if error.kind == NOT_IMPLEMENTED:
        return error
    if error.kind == "query_shard_exception":
        error.extra.update(index_uuid=index.uuid, index=index.name)
    return ShardError(index.name, error)


class _Request:
    def __init__(self, value: Any, index: Index, demanded: Any) -> None:
        self.index = index
        body = Body({} if value is None else value, "search", _ELSEWHERE)
        for name, given in body.left().items():
            if given is None:
                raise parsing(f"Unknown key for a VALUE_NULL in [{name}].")
        self.size: int = body.integer("size", 10)
        self.start: int = body.integer("from", 0)
        if self.size < 0:
            raise illegal(f"[size] parameter cannot be negative, found [{self.size}]")
        if self.start < 0:
            raise illegal(f"[from] parameter cannot be negative but was [{self.start}]")
        for name, given in body.left().items():
            if name in _ELSEWHERE:
                raise not_implemented(f"[{name}] of a search")
            if name not in _KEYS:
                raise parsing(f"Unknown key for a {token(given)} in [{name}].")
        self.scope = _scope(self.size, demanded)
        self.retriever = self._retriever(body)
        self.least: float | None = body.number("min_score", None)
        query, knn, rescore = body.take("query"), body.take("knn"), body.take("rescore")
        self.query = None if query is None else parse_query(query, self.scope)
        sections = knn if isinstance(knn, list) else [] if knn is None else [knn]
        self.knn: list[Query] = [parse_knn(item, self.scope, section=True) for item in sections]
        self.rescore = [] if rescore is None else parse_rescore(rescore, self.scope)
        self.total = _parse_total(body.take("track_total_hits"))
        self.source, self.fields = body.take("_source"), body.take("fields")
        self.docvalues = body.take("docvalue_fields")
        self.collapse = _parse_collapse(body.take("collapse"))

    def _retriever(self, body: Body) -> Retriever | None:
        value = body.take("retriever")
        if value is None:
            return None
        given = [name for name in _NOT_WITH_RETRIEVER if name in body.left()]
        if given:
            raise invalid_request(*(f"cannot specify [retriever] and [{name}]" for name in given))
        found = parse_retriever(value, self.scope)
        found.check(self.size)
        return found

    def run(self) -> dict[str, Any]:
        end = self.start + self.size
        limit = int(self.index.settings["max_result_window"])
        if end > limit:
            raise illegal(
                f"Result window is too large, from + size must be less than or equal to: [{limit}] but was [{end}]. "
                f"See the scroll api for a more efficient way to request large data sets. This limit can be set by "
                f"changing the [index.max_result_window] index level setting."
            )
        space = self.index.seen()
        show = parse_source(self.source, self.index.exclude_vectors)
        fields = parse_fields(self.fields, self.index.mapping)
        docvalues = parse_docvalues(self.docvalues, self.index.mapping)
        ranked = self._ranked(space, end)
        if not np.isfinite(ranked.scores).all():
            raise illegal("a score is not a finite number: look at the boosts and weights")
        best = as_json(ranked.scores.max()) if len(ranked.scores) and self.size else None
        hits = []
        for row, score in zip(ranked.rows[self.start : end].tolist(), ranked.scores[self.start : end], strict=True):
            document = self.index.seen_document(row)
            hit: dict[str, Any] = {"_index": self.index.name, "_id": document.id, "_score": as_json(score)}
            if (source := show(document)) is not None:
                hit["_source"] = source
            found = {**docvalues(document.root), **fields(document.root)}
            if self.collapse is not None:
                found[self.collapse] = document.root.values.get(self.collapse, [None])
            if found:
                hit["fields"] = found
            self._add_matches(hit, space, row)
            hits.append(hit)
        answer: dict[str, Any] = {"max_score": best, "hits": hits}
        if self.total is not None:
            matched = int(ranked.matched.sum())
            relation = "eq" if matched <= self.total else "gte"
            answer = {"total": {"value": min(matched, self.total), "relation": relation}, **answer}
        return answer

    def _add_matches(self, hit: dict[str, Any], space: Space, row: int) -> None:
        if self.scope.named and (names := matched_queries(self.scope.named, space, row)):
            hit["matched_queries"] = names
        for inner in self.scope.inner:
            name = inner.name or inner.where(space.mapping)
            shown = hit.setdefault("inner_hits", {})
            if name in shown:
                raise illegal(f"[inner_hits] already contains an entry for key [{name}]")
            document = self.index.seen_document(row)
            shown[name] = inner.show(space, row, document, self.index.name, self.index.exclude_vectors)

    def _ranked(self, space: Space, end: int) -> Ranked:
        if self.retriever is not None:
            whole = len(space) if isinstance(self.retriever, Standard) or self.collapse else end
            found = self.retriever.run(space, max(end, whole), self.scope.filters)
            return found if self.collapse is None else collapse(found, space, self.collapse)
        query: Query = self.query if self.query is not None else MatchAll()
        if self.knn:
            parts = self.knn if self.query is None else [self.query, *self.knn]
            query = parts[0] if len(parts) == 1 else Bool(should=parts)
        ranked = rank(query, space, self.least, self.scope.filters)
        if self.collapse is not None:
            ranked = collapse(ranked, space, self.collapse)
        if self.rescore:
            ranked = ranked.top(max(end, *(rescorer.window for rescorer in self.rescore)))
        for rescorer in self.rescore:
            ranked = rescorer.apply(ranked, space)
        return ranked


def _parse_collapse(value: Any) -> str | None:
    if value is None:
        return None
    body = Body(value, "collapse", ["inner_hits", "max_concurrent_group_searches"])
    field: str | None = body.text("field", None)
    body.done()
    if not field:
        raise illegal("no collapse field specified")
    return field


def _parse_total(value: Any) -> int | None:
    if value is None:
        return DEFAULT_TOTAL
    if value is True or value in ("true", -1):
        return 2**31
    if value is False or value == "false":
        return None
    if isinstance(value, int) and value >= 0:
        return value
    raise illegal(f"[track_total_hits] parameter must be positive or equals to -1, got {value}")
