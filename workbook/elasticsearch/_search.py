"""The search and count requests: body in, hits out.

Source: Elasticsearch reference, "Search API", "Count API".
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from workbook.elasticsearch import _query_script, _query_terms  # noqa: F401  (their parsers)
from workbook.elasticsearch._errors import (
    NOT_IMPLEMENTED,
    NodeError,
    ShardError,
    illegal,
    invalid_request,
    parsing,
    token,
)
from workbook.elasticsearch._hits import Sort, parse_fields, parse_source
from workbook.elasticsearch._index import Index
from workbook.elasticsearch._json import Body
from workbook.elasticsearch._knn import REQUEST_SIZE, parse_knn
from workbook.elasticsearch._query import MatchAll, Query, parse_query
from workbook.elasticsearch._query_compound import Bool
from workbook.elasticsearch._ranking import Ranked, parse_rescore, rank
from workbook.elasticsearch._retrievers import Retriever, Standard, parse_retriever
from workbook.elasticsearch._space import Space

SHARDS = {"total": 1, "successful": 1, "skipped": 0, "failed": 0}
_ELSEWHERE = [
    "aggregations", "aggs", "collapse", "docvalue_fields", "highlight", "indices_boost", "pit", "post_filter",
    "profile", "rank", "runtime_mappings", "script_fields", "search_after", "slice", "stats", "stored_fields",
    "suggest",     "terminate_after", "ext", "seq_no_primary_term",
]  # fmt: skip
_WITH_RETRIEVER = ("query", "knn", "rescore", "sort", "min_score", "search_after", "terminate_after")
DEFAULT_TOTAL = 10_000


def search(index: Index, value: Any) -> dict[str, Any]:
    """Answer a search of one index.

    Args:
        index: where.
        value: the body; None for all documents.

    Raises:
        NodeError: 400.
    """
    started = time.perf_counter()
    try:
        request = _Request(value, index)
    except NodeError as error:
        if error.kind == "script_exception":  # a server compiles scripts on the shard
            raise ShardError(index.name, error) from error
        raise
    try:
        hits = request.run()
    except NodeError as error:
        if error.kind == NOT_IMPLEMENTED:
            raise
        if error.kind == "query_shard_exception":
            error.extra.update(index_uuid=index.uuid, index=index.name)
        raise ShardError(index.name, error) from error
    took = int(1000 * (time.perf_counter() - started))
    return {"took": took, "timed_out": False, "_shards": SHARDS, "hits": hits}


def count(index: Index, value: Any) -> dict[str, Any]:
    """Answer a count.

    Raises:
        NodeError: 400.
    """
    body = Body(value or {}, "count")
    query = body.take("query")
    body_query = parse_query(query) if query is not None else MatchAll()
    for name in body.left():
        raise parsing(f"request does not support [{name}]")
    try:
        found = int(body_query.matches(index.seen()).sum())
    except NodeError as error:
        raise ShardError(index.name, error) from error
    return {"count": found, "_shards": SHARDS}


class _Request:
    def __init__(self, value: Any, index: Index) -> None:
        self.index = index
        body = Body({} if value is None else value, "search", _ELSEWHERE)
        self.size: int = body.integer("size", 10)
        self.start: int = body.integer("from", 0)
        if self.size < 0:
            raise illegal(f"[size] parameter cannot be negative, found [{self.size}]")
        if self.start < 0:
            raise illegal(f"[from] parameter cannot be negative but was [{self.start}]")
        REQUEST_SIZE.set(self.size)
        self.retriever = self._retriever(body)
        self.least: float | None = body.number("min_score", None)
        query, knn = body.take("query"), body.take("knn")
        self.query = parse_query(query) if query is not None else None
        self.knn = [parse_knn(item, "section", self.size) for item in _as_list(knn)]
        self.rescore = parse_rescore(rescore) if (rescore := body.take("rescore")) is not None else []
        self.total = _parse_total(body.take("track_total_hits"))
        self.source = body.take("_source")
        self.fields, self.sort = body.take("fields"), body.take("sort")
        self.keep_scores = body.flag("track_scores")
        self.version = body.flag("version")
        body.text("timeout", None)
        for name in ("explain", "profile"):
            if body.left().get(name) is False:
                body.take(name)
        for name in body.left():
            if name not in _ELSEWHERE and name != "explain":
                raise parsing(f"Unknown key for a {token(body.left()[name])} in [{name}].")
        body.done()

    def _retriever(self, body: Body) -> Retriever | None:
        value = body.take("retriever")
        if value is None:
            return None
        given = [name for name in _WITH_RETRIEVER if body.left().get(name) is not None]
        if given:
            raise invalid_request(*(f"cannot specify [retriever] and [{name}]" for name in given))
        found = parse_retriever(value, self.size)
        found.check(self.size)
        return found

    def run(self) -> dict[str, Any]:
        end = self.start + self.size
        limit = int(self.index.settings.get("max_result_window", "10000"))
        if end > limit:
            raise illegal(
                f"Result window is too large, from + size must be less than or equal to: [{limit}] but was [{end}]. "
                f"See the scroll api for a more efficient way to request large data sets. This limit can be set by "
                f"changing the [index.max_result_window] index level setting."
            )
        space = self.index.seen()
        sort = Sort(self.sort, self.index.mapping) if self.sort is not None else None
        show = parse_source(self.source, self.index)
        fields = parse_fields(self.fields, self.index.mapping)
        ranked = self._ranked(space, end)
        if not np.isfinite(ranked.scores).all():
            raise illegal("a score is not a finite number: look at the boosts and weights")
        scored = sort is None or sort.scored or self.keep_scores
        best = float(ranked.scores.max()) if len(ranked.scores) and scored else None
        values: list[list[Any]] | None = None
        if sort is not None:
            ranked, values = sort.apply(ranked, space)
        hits = []
        for place in range(self.start, min(end, len(ranked.rows))):
            document = self.index.seen_document(int(ranked.rows[place]))
            hit: dict[str, Any] = {"_index": self.index.name, "_id": document.id}
            hit["_score"] = as_json(ranked.scores[place]) if scored else None
            if self.version:
                hit["_version"] = document.version
            source = show(document)
            if source is not None:
                hit["_source"] = source
            if fields is not None and (found := fields(document)):
                hit["fields"] = found
            if values is not None:
                hit["sort"] = values[place]
            hits.append(hit)
        found_hits: dict[str, Any] = {}
        matched = int(ranked.matched.sum())
        if self.total is not None:
            relation = "eq" if matched <= self.total else "gte"
            found_hits["total"] = {"value": min(matched, self.total), "relation": relation}
        shown = best if self.size else None
        return {**found_hits, "max_score": None if shown is None else as_json(np.float32(shown)), "hits": hits}

    def _ranked(self, space: Space, end: int) -> Ranked:
        if self.retriever is not None:
            whole = len(space) if isinstance(self.retriever, Standard) else end
            return self.retriever.run(space, max(end, whole), [])
        if self.rescore and self.sort is not None:
            raise illegal("Cannot use [sort] option in conjunction with [rescore].")
        query: Query = self.query if self.query is not None else MatchAll()
        if self.knn:
            parts: list[Query] = [*self.knn] if self.query is None else [self.query, *self.knn]
            query = parts[0] if len(parts) == 1 else Bool([], parts, [], [], "1")
        ranked = rank(query, space, self.least)
        if self.rescore:
            ranked = ranked.top(max(end, *(rescorer.window for rescorer in self.rescore)))
        for rescorer in self.rescore:
            ranked = rescorer.apply(ranked, space)
        return ranked


def as_json(score: np.float32) -> float:
    """A float32 as the shortest decimal that reads back the same."""
    return float(str(np.float32(score)))


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


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
