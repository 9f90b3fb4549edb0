"""Queries: what they match, and how they score it. `dsl` reads them from JSON.

Source: Elasticsearch reference, "Query DSL", "Script score query".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from lateint_ref.checks import Float32Array, Int64Array
from workbook.elasticsearch.documents import Scalar, parse_scalar
from workbook.elasticsearch.mapping import VECTORS, Field
from workbook.elasticsearch.reading import NodeError, illegal, not_implemented
from workbook.elasticsearch.script import Script
from workbook.elasticsearch.space import Mask, Space
from workbook.elasticsearch.words import tokens


class Query:
    """One query, which scores all that it matches alike; others override that.

    Attributes:
        boost: what its scores are multiplied by.
        fields: the fields that it asks about.
    """

    def __init__(self, boost: float = 1.0, fields: Iterable[str] = ()) -> None:
        self.boost, self.fields = boost, set(fields)

    def matches(self, space: Space) -> Mask:
        """Which documents match: bool `(n,)`."""
        raise NotImplementedError

    def scores(self, space: Space, rows: Int64Array) -> Float32Array:
        """Scores of documents that match: float32 `(len(rows),)`."""
        return np.full(len(rows), self.boost, np.float32)

    def unlimited(self) -> Query:
        """The query without a limit on how many it matches: kNN as inner hits ask it of one document's parts."""
        return self


def create_error(reason: str) -> NodeError:
    """A query that the index's mapping does not allow."""
    return NodeError(400, "query_shard_exception", f"failed to create query: {reason}", illegal(reason))


def rows_of(mask: Mask) -> Int64Array:
    """The rows where a mask is true."""
    return np.flatnonzero(mask).astype(np.int64)


class MatchAll(Query):
    """Everything."""

    def matches(self, space: Space) -> Mask:
        """All documents."""
        return ~space.none()


class ConstantScore(Query):
    """What its query matches, all alike."""

    def __init__(self, query: Query, boost: float) -> None:
        super().__init__(boost, query.fields)
        self.query = query

    def matches(self, space: Space) -> Mask:
        """As its query."""
        return self.query.matches(space)


class Ids(Query):
    """Documents by id."""

    def __init__(self, ids: set[str], boost: float) -> None:
        super().__init__(boost)
        self.ids = ids

    def matches(self, space: Space) -> Mask:
        """Documents whose id is one of these; nested ones have none."""
        if not space.ids:
            return space.none()
        return np.array([name in self.ids for name in space.ids], dtype=bool)


class OnField(Query):
    """A query that asks about the values of one field."""

    def __init__(self, field: str, boost: float) -> None:
        super().__init__(boost, [field])
        self.field = field

    def searched(self, space: Space, query: str) -> Field | None:
        """The field's entry in the mapping; None where there is none."""
        field = space.mapping.fields.get(self.field)
        if field is not None and field.kind in VECTORS:
            raise create_error(f"Field [{self.field}] of type [{field.kind}] doesn't support {query} queries")
        return field

    def parsed(self, value: Any, field: Field) -> Scalar:
        """A value of the request, read as the field reads its own."""
        try:
            return parse_scalar(value, field)
        except NodeError as error:
            raise NodeError(400, "query_shard_exception", f"failed to create query: {error.reason}", error) from error


class Exists(OnField):
    """Documents with a value of a field."""

    def matches(self, space: Space) -> Mask:
        """Documents that have it."""
        return space.exists(self.field)


class Term(OnField):
    """Documents that hold one of these values exactly; one value on a text, keyword or boolean is scored by BM25."""

    def __init__(self, field: str, values: list[Any], boost: float, constant: bool = False) -> None:
        super().__init__(field, boost)
        self.values, self.constant = values, constant

    def matches(self, space: Space) -> Mask:
        """Documents that hold one of the values."""
        field = self.searched(space, "term")
        if field is None:
            return space.none()
        wanted = [self.parsed(value, field) for value in self.values]
        if field.kind in ("text", "keyword", "boolean"):
            found, postings = space.none(), space.postings(field)
            for value in wanted:
                found[postings.rows(str(value))] = True
            return found
        return np.array([not set(wanted).isdisjoint(values) for values in space.values(field.path)], dtype=bool)

    def scores(self, space: Space, rows: Int64Array) -> Float32Array:
        """BM25, or the boost."""
        field = space.mapping.fields.get(self.field)
        if self.constant or field is None or field.kind not in ("text", "keyword", "boolean"):
            return super().scores(space, rows)
        term = str(self.parsed(self.values[0], field))
        return space.postings(field).scores(term, len(space))[rows] * np.float32(self.boost)


class Range(OnField):
    """Documents with a value between two ends."""

    def __init__(self, field: str, ends: dict[str, Any], boost: float) -> None:
        super().__init__(field, boost)
        self.ends = ends

    def matches(self, space: Space) -> Mask:
        """Documents with such a value."""
        field = self.searched(space, "range")
        if field is None:
            return space.none()
        if field.kind in ("text", "boolean"):
            raise not_implemented(f"The query [range] on a field of type [{field.kind}]")
        test = {"gt": "__gt__", "gte": "__ge__", "lt": "__lt__", "lte": "__le__"}
        ends = [(test[name], self.parsed(value, field)) for name, value in self.ends.items()]
        return np.array(
            [
                any(all(getattr(value, name)(end) for name, end in ends) for value in values)
                for values in space.values(field.path)
            ],
            dtype=bool,
        )


class Match(OnField):
    """The words of a text, each scored by BM25; on other fields the value itself."""

    def __init__(self, field: str, value: Any, boost: float) -> None:
        super().__init__(field, boost)
        self.value = value

    def _clauses(self, space: Space) -> Query:
        field = self.searched(space, "match")
        if field is None or field.kind != "text":
            return Term(self.field, [self.value], self.boost)
        words: list[Query] = [Term(self.field, [word], 1.0) for word in tokens(str(self.value))]
        return Bool(should=words, least=1, boost=self.boost)

    def matches(self, space: Space) -> Mask:
        """Documents with one of the words."""
        return self._clauses(space).matches(space)

    def scores(self, space: Space, rows: Int64Array) -> Float32Array:
        """The sum of the words' scores."""
        return self._clauses(space).scores(space, rows)


class Bool(Query):
    """All of `must` and `filter`, at least `least` of `should`, none of `must_not`; must and should are added up."""

    def __init__(
        self,
        must: list[Query] | None = None,
        should: list[Query] | None = None,
        required: list[Query] | None = None,
        forbidden: list[Query] | None = None,
        least: int | None = None,
        boost: float = 1.0,
    ) -> None:
        self.must, self.should, self.filter, self.must_not = must or [], should or [], required or [], forbidden or []
        alone = bool(self.should) and not (self.must or self.filter)  # then one must match, whatever `least` says
        self.least = max(least or 0, int(alone))
        self.every = [*self.must, *self.should, *self.filter, *self.must_not]
        super().__init__(boost, {name for query in self.every for name in query.fields})

    def matches(self, space: Space) -> Mask:
        """Documents that satisfy all four."""
        found = ~space.none()
        for query in (*self.filter, *self.must):
            found &= query.matches(space)
        for query in self.must_not:
            found &= ~query.matches(space)
        if self.least > 0:
            count = np.zeros(len(space), np.int64)
            for query in self.should:
                count += query.matches(space)
            found &= count >= self.least
        return found

    def unlimited(self) -> Query:
        """The same of every query in it."""
        must, should, required, forbidden = (
            [query.unlimited() for query in part] for part in (self.must, self.should, self.filter, self.must_not)
        )
        return Bool(must, should, required, forbidden, self.least, self.boost)

    def scores(self, space: Space, rows: Int64Array) -> Float32Array:
        """The sum over must and should."""
        total = np.zeros(len(rows))
        for query in self.must:
            total += query.scores(space, rows)
        for query in self.should:
            hit = query.matches(space)[rows]
            total[hit] += query.scores(space, rows[hit])
        if not self.every:
            total += 1  # an empty bool is a match_all
        return (total * self.boost).astype(np.float32)


class Nested(Query):
    """Documents one of whose nested documents matches."""

    def __init__(self, path: str, query: Query, mode: str, boost: float) -> None:
        super().__init__(boost, query.fields)
        self.path, self.query, self.mode = path, query, mode

    def _inside(self, space: Space) -> tuple[Space, Int64Array]:
        mapping = space.mapping
        if self.path not in mapping.nested:
            if self.path in mapping.objects and self.path:
                raise create_error(f"[nested] nested object under path [{self.path}] is not of nested type")
            raise create_error(f"[nested] failed to find nested object under path [{self.path}]")
        around = [path for path in mapping.nested if self.path.startswith(f"{path}.")]
        if max(around, key=len, default="") != space.path:
            raise not_implemented(f"A [nested] query for [{self.path}] from [{space.path or 'the root'}] in one step")
        inside = space.nested(self.path)
        assert inside.parents is not None
        return inside, inside.parents

    def matches(self, space: Space) -> Mask:
        """Documents with a nested document that matches."""
        inside, parents = self._inside(space)
        found = space.none()
        found[parents[self.query.matches(inside)]] = True
        return found

    def scores(self, space: Space, rows: Int64Array) -> Float32Array:
        """The average (or the largest, smallest, sum) of the matching nested documents' scores."""
        inside, parents = self._inside(space)
        if self.mode == "none":
            return np.zeros(len(rows), np.float32)
        wanted = space.none()
        wanted[rows] = True
        hits = rows_of(self.query.matches(inside) & wanted[parents])
        values, above = self.query.scores(inside, hits).astype(np.float64), parents[hits]
        total = np.full(len(space), {"max": -np.inf, "min": np.inf}.get(self.mode, 0.0))
        {"max": np.maximum, "min": np.minimum}.get(self.mode, np.add).at(total, above, values)
        if self.mode == "avg":
            total /= np.maximum(np.bincount(above, minlength=len(space)), 1)
        return (total[rows] * self.boost).astype(np.float32)


class ScriptScore(Query):
    """What its query matches, scored by a script."""

    def __init__(self, query: Query, script: Script, least: float | None, boost: float) -> None:
        super().__init__(boost, query.fields)
        self.query, self.script, self.least = query, script, least

    def matches(self, space: Space) -> Mask:
        """As its query, and with a score of at least `min_score` where that is given."""
        found = self.query.matches(space)
        if self.least is not None:
            rows = rows_of(found)
            found = found.copy()
            found[rows] = self.scores(space, rows) >= np.float32(self.least)
        return found

    def scores(self, space: Space, rows: Int64Array) -> Float32Array:
        """The script's values, which must not be negative."""
        if not len(rows):
            return np.zeros(0, np.float32)
        inner: Callable[[Int64Array], Float32Array] = lambda part: self.query.scores(space, part)  # noqa: E731
        found = self.script.run(space, rows, inner).astype(np.float32)
        bad = np.flatnonzero((found < 0) | ~np.isfinite(found))
        if len(bad):
            value = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}.get(str(found[bad[0]]), str(found[bad[0]]))
            raise illegal(
                f"script_score script returned an invalid score [{value}] for doc [{rows[bad[0]]}]. "
                f"Must be a non-negative score!"
            )
        return found * np.float32(self.boost)
