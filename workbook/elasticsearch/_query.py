"""Queries: what they match, and how they score it.

Here is what all share, and those that look at no values; `_query_terms` has the others, `_query_compound` puts them
together.

Source: Elasticsearch reference, "Query DSL".
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from lateint_ref.checks import Float32Array, Int64Array
from workbook.elasticsearch._errors import NodeError, illegal, not_implemented, parsing, token
from workbook.elasticsearch._json import Body
from workbook.elasticsearch._space import Mask, Space

_ELSEWHERE = {
    "boosting", "combined_fields", "dis_max", "distance_feature", "function_score", "fuzzy", "geo_bounding_box",
    "geo_distance", "geo_shape", "has_child", "has_parent", "intervals", "match_bool_prefix", "match_phrase",
    "match_phrase_prefix", "more_like_this", "multi_match", "parent_id", "percolate", "pinned", "prefix",
    "query_string", "rank_feature", "regexp", "rule", "script", "semantic", "simple_query_string", "span_term",
    "sparse_vector", "terms_set", "text_expansion", "weighted_tokens", "wildcard", "wrapper",
}  # fmt: skip


class Query:
    """One query.

    Attributes:
        boost: what its scores are multiplied by.
    """

    boost = 1.0

    def matches(self, space: Space) -> Mask:
        """Which documents match: bool `(n,)`."""
        raise NotImplementedError

    def scores(self, space: Space, rows: Int64Array) -> Float32Array:
        """Scores of documents that match: float32 `(len(rows),)`."""
        return np.full(len(rows), self.boost, np.float32)

    def fields(self) -> set[str]:
        """The fields that it asks about."""
        return set()


def create_error(reason: str) -> NodeError:
    """A query that the index's mapping does not allow."""
    return NodeError(400, "query_shard_exception", f"failed to create query: {reason}", illegal(reason))


Parser = Callable[[Any], Query]
PARSERS: dict[str, Parser] = {}


def parse_query(value: Any) -> Query:
    """Read a query.

    Raises:
        NodeError: 400.
    """
    if not isinstance(value, dict):
        raise parsing(f"[_na] query malformed, must start with start_object, not {token(value)}")
    if not value:
        raise illegal("query malformed, empty clause found")
    name = next(iter(value))
    if len(value) > 1:
        raise parsing(f"[{name}] malformed query, expected [END_OBJECT] but found [FIELD_NAME]")
    if name not in PARSERS:
        if name in _ELSEWHERE:
            raise not_implemented(f"The query [{name}]")
        raise NodeError(
            400,
            "parsing_exception",
            f"unknown query [{name}]",
            NodeError(400, "named_object_not_found_exception", f"unknown field [{name}]"),
        )
    inner = value[name]
    if not isinstance(inner, dict):
        raise parsing(f"[{name}] query malformed, no start_object after query name")
    return PARSERS[name](inner)


def take_boost(body: Body) -> float:
    """The `boost` of a query, and its `_name`, which changes nothing."""
    body.take("_name")
    boost: float = body.number("boost", 1.0)
    if boost < 0:
        raise illegal(f"negative [boost] are not allowed in [{body.where}], use a value between 0 and 1 to deboost")
    return boost


def one_field(value: dict[str, Any], name: str, key: str) -> tuple[str, Body]:
    """The `{field: {...}}` of term and match, where `{field: x}` is short for `{field: {key: x}}`."""
    if len(value) != 1:
        names = " and ".join(f"[{field}]" for field in list(value)[:2])
        raise parsing(
            f"[{name}] query doesn't support multiple fields, found {names}" if value else f"[{name}] is empty"
        )
    field, inner = next(iter(value.items()))
    if isinstance(inner, list) or inner is None:
        raise parsing(f"[{name}] unknown token [{token(inner)}] after [{field}]")
    return field, Body(inner if isinstance(inner, dict) else {key: inner}, name)


class MatchAll(Query):
    """Everything, or with `none` nothing."""

    def __init__(self, boost: float = 1.0, none: bool = False) -> None:
        self.boost, self.none = boost, none

    def matches(self, space: Space) -> Mask:
        """All documents, or none."""
        return np.full(len(space), not self.none)


class Ids(Query):
    """Documents by id."""

    def __init__(self, ids: set[str], boost: float) -> None:
        self.ids, self.boost = ids, boost

    def matches(self, space: Space) -> Mask:
        """Documents whose id is one of these; nested ones have none."""
        if not space.ids:
            return space.none()
        return np.array([name in self.ids for name in space.ids], dtype=bool)


class Exists(Query):
    """Documents with a value of a field."""

    def __init__(self, field: str, boost: float) -> None:
        self.field, self.boost = field, boost

    def matches(self, space: Space) -> Mask:
        """Documents that have it."""
        return space.exists(self.field)

    def fields(self) -> set[str]:
        """The field."""
        return {self.field}


def _parse_all(value: dict[str, Any]) -> Query:
    body = Body(value, "match_all")
    found = MatchAll(take_boost(body))
    body.done()
    return found


def _parse_none(value: dict[str, Any]) -> Query:
    body = Body(value, "match_none")
    take_boost(body)
    body.done()
    return MatchAll(none=True)


def _parse_ids(value: dict[str, Any]) -> Query:
    body = Body(value, "ids")
    values = body.take("values", [])
    values = values if isinstance(values, list) else [values]
    if any(isinstance(item, (dict, list, bool)) or item is None for item in values):
        raise parsing("Illegal value for id, expecting a string or number")
    found = Ids({str(item) for item in values}, take_boost(body))
    body.done()
    return found


def _parse_exists(value: dict[str, Any]) -> Query:
    body = Body(value, "exists")
    field = body.text("field", None)
    if not field:
        raise parsing("[exists] must be provided with a [field]")
    found = Exists(field, take_boost(body))
    body.done()
    return found


PARSERS.update(match_all=_parse_all, match_none=_parse_none, ids=_parse_ids, exists=_parse_exists)
