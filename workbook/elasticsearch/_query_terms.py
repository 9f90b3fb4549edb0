"""Queries for values: term, terms, range, and match, which looks for the words of a text.

Source: Elasticsearch reference, "Term-level queries" and "Full text queries".
"""

from __future__ import annotations

from typing import Any

import numpy as np

from lateint_ref.checks import Float32Array, Int64Array
from workbook.elasticsearch._analysis import tokens
from workbook.elasticsearch._errors import NodeError, illegal, not_implemented, parsing, token
from workbook.elasticsearch._fieldtypes import VECTORS, Field
from workbook.elasticsearch._json import Body
from workbook.elasticsearch._query import PARSERS, Ids, MatchAll, Query, create_error, one_field, take_boost
from workbook.elasticsearch._query_compound import Bool
from workbook.elasticsearch._scalars import parse_scalar
from workbook.elasticsearch._space import Mask, Space


class Term(Query):
    """Documents that hold one of these values exactly; one value on a text or keyword field is scored by BM25."""

    def __init__(self, field: str, values: list[Any], boost: float, constant: bool) -> None:
        self.field, self.values, self.boost, self.constant = field, values, boost, constant

    def fields(self) -> set[str]:
        """The field."""
        return {self.field}

    def matches(self, space: Space) -> Mask:
        """Documents that hold one of the values."""
        found = space.none()
        field = searched(space, self.field, "term")
        if field is None:
            return found
        if field.kind in ("text", "keyword", "boolean"):
            postings = space.postings(field)
            for value in self.values:
                found[postings.rows(_as_term(value, field))] = True
            return found
        wanted = {_parsed(value, field) for value in self.values}
        return np.array([not wanted.isdisjoint(values) for values in space.values(field.path)], dtype=bool)

    def scores(self, space: Space, rows: Int64Array) -> Float32Array:
        """BM25, or the boost."""
        field = space.mapping.fields.get(self.field)
        if self.constant or field is None or field.kind not in ("text", "keyword", "boolean"):
            return super().scores(space, rows)
        term = _as_term(self.values[0], field)
        return space.postings(field).scores(term, len(space))[rows] * np.float32(self.boost)


class Range(Query):
    """Documents with a value between two ends."""

    def __init__(self, field: str, ends: dict[str, Any], boost: float) -> None:
        self.field, self.ends, self.boost = field, ends, boost

    def fields(self) -> set[str]:
        """The field."""
        return {self.field}

    def matches(self, space: Space) -> Mask:
        """Documents with such a value."""
        field = searched(space, self.field, "range")
        if field is None:
            return space.none()
        if field.kind in ("text", "boolean"):
            raise not_implemented(f"The query [range] on a field of type [{field.kind}]")
        test = {"gt": "__gt__", "gte": "__ge__", "lt": "__lt__", "lte": "__le__"}
        ends = [(test[name], _parsed(value, field)) for name, value in self.ends.items()]
        return np.array(
            [
                any(all(getattr(value, name)(end) for name, end in ends) for value in values)
                for values in space.values(field.path)
            ],
            dtype=bool,
        )


def searched(space: Space, path: str, query: str) -> Field | None:
    """The field of a term-like query; None where there is no such field."""
    field = space.mapping.fields.get(path)
    if field is None:
        return None
    if field.kind in VECTORS:
        raise create_error(f"Field [{path}] of type [{field.kind}] doesn't support {query} queries")
    if not field.indexed:
        raise create_error(f"Cannot search on field [{path}] since it is not indexed.")
    return field


def _parsed(value: Any, field: Field) -> Any:
    try:
        return parse_scalar(value, field)
    except NodeError as error:
        raise NodeError(400, "query_shard_exception", f"failed to create query: {error.reason}", error) from error


def _as_term(value: Any, field: Field) -> str:
    return str(_parsed(value, field))


class Match(Query):
    """The words of a text, each scored by BM25; on other fields the value itself."""

    def __init__(
        self, field: str, value: Any, every: bool, least: str | None, analyzer: str | None, boost: float
    ) -> None:
        self.field, self.value, self.every, self.least = field, value, every, least
        self.analyzer, self.boost = analyzer, boost

    def fields(self) -> set[str]:
        """The field."""
        return {self.field}

    def _clauses(self, space: Space) -> Query:
        field = searched(space, self.field, "match")
        if field is None or field.kind != "text":
            return Term(self.field, [self.value], self.boost, constant=False)
        settings = field.settings
        analyzer = self.analyzer or settings.get("search_analyzer") or settings.get("analyzer", "standard")
        words = tokens(str(self.value), analyzer)
        terms: list[Query] = [Term(self.field, [word], 1.0, constant=False) for word in words]
        if not terms:
            return MatchAll(none=True)
        return (
            Bool(terms, [], [], [], None, self.boost) if self.every else Bool([], terms, [], [], self.least, self.boost)
        )

    def matches(self, space: Space) -> Mask:
        """Documents with one of the words, or with enough of them."""
        return self._clauses(space).matches(space)

    def scores(self, space: Space, rows: Int64Array) -> Float32Array:
        """The sum of the words' scores."""
        return self._clauses(space).scores(space, rows)


def _parse_term(value: dict[str, Any]) -> Query:
    field, body = one_field(value, "term", "value")
    wanted = body.take("value")
    if wanted is None:
        raise illegal("value cannot be null")
    if isinstance(wanted, (list, dict)):
        raise parsing("[term] query does not support array of values")
    if body.flag("case_insensitive"):
        raise not_implemented("[case_insensitive] of [term]")
    boost = take_boost(body)
    found = Ids({str(wanted)}, boost) if field == "_id" else Term(field, [wanted], boost, constant=False)
    body.done()
    return found


def _parse_terms(value: dict[str, Any]) -> Query:
    rest = dict(value)
    body = Body({key: rest.pop(key) for key in ("boost", "_name") if key in rest}, "terms")
    if len(rest) != 1:
        raise parsing(
            "[terms] query requires a field name, followed by array of terms or a document lookup specification"
        )
    field, values = next(iter(rest.items()))
    if isinstance(values, dict):
        raise not_implemented("A [terms] query that looks its values up in a document")
    if not isinstance(values, list):
        raise parsing(f"[terms] query does not support [{field}]")
    if len(values) > 65536:
        raise illegal(f"The number of terms [{len(values)}] used in the Terms Query request has exceeded [65536]")
    if any(isinstance(item, (dict, list)) or item is None for item in values):
        raise parsing("No value specified for terms query")
    boost = take_boost(body)
    return Ids(set(map(str, values)), boost) if field == "_id" else Term(field, values, boost, constant=True)


def _parse_range(value: dict[str, Any]) -> Query:
    field, body = one_field(value, "range", "_")
    ends = {name: found for name in ("gt", "gte", "lt", "lte") if (found := body.take(name)) is not None}
    if body.take("format") is not None or body.take("time_zone") is not None or body.take("relation") is not None:
        raise not_implemented("[format], [time_zone] and [relation] of [range]")
    found = Range(field, ends, take_boost(body))
    for name in body.left():
        raise parsing(f"[range] query does not support [{name}]")
    return found


def _parse_match(value: dict[str, Any]) -> Query:
    field, body = one_field(value, "match", "query")
    wanted = body.take("query")
    if wanted is None:
        raise illegal("[match] requires query value")
    if isinstance(wanted, (dict, list)):
        raise parsing(f"[match] unknown token [{token(wanted)}] after [query]")
    operator = str(body.text("operator", "or")).lower()
    if operator not in ("or", "and"):
        raise illegal(f"No enum constant org.elasticsearch.index.query.Operator.{operator.upper()}")
    if body.take("fuzziness") is not None or body.take("cutoff_frequency") is not None:
        raise not_implemented("[fuzziness] of [match]")
    if body.text("zero_terms_query", "none") != "none":
        raise not_implemented("[zero_terms_query] of [match]")
    body.flag("lenient"), body.flag("auto_generate_synonyms_phrase_query")
    least, analyzer = body.text("minimum_should_match", None), body.text("analyzer", None)
    found = Match(field, wanted, operator == "and", least, analyzer, take_boost(body))
    for name in body.left():
        raise parsing(f"[match] query does not support [{name}]")
    return found


PARSERS.update(term=_parse_term, terms=_parse_terms, range=_parse_range, match=_parse_match)
