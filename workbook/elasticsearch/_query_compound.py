"""Queries made of queries: bool, nested, constant_score, script_score; and match, which is a bool of terms."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from lateint_ref.checks import Float32Array, Int64Array
from workbook.elasticsearch._errors import illegal, not_implemented, parsing
from workbook.elasticsearch._json import Body
from workbook.elasticsearch._query import PARSERS, Query, create_error, parse_query, take_boost
from workbook.elasticsearch._space import Mask, Space

_SCORE_MODES = ("avg", "max", "min", "none", "sum")


def rows_of(mask: Mask) -> Int64Array:
    """The rows where a mask is true."""
    return np.flatnonzero(mask).astype(np.int64)


class Bool(Query):
    """All of `must` and `filter`, enough of `should`, none of `must_not`; scores of must and should are added."""

    def __init__(
        self,
        must: list[Query],
        should: list[Query],
        required: list[Query],
        forbidden: list[Query],
        least: str | None = None,
        boost: float = 1.0,
    ) -> None:
        self.must, self.should, self.filter, self.must_not = must, should, required, forbidden
        self.least, self.boost = least, boost

    def fields(self) -> set[str]:
        """Those of all clauses."""
        every = (*self.must, *self.should, *self.filter, *self.must_not)
        return set().union(*(query.fields() for query in every)) if every else set()

    def matches(self, space: Space) -> Mask:
        """Documents that satisfy all four."""
        found = np.ones(len(space), dtype=bool)
        for query in (*self.filter, *self.must):
            found &= query.matches(space)
        for query in self.must_not:
            found &= ~query.matches(space)
        least = minimum(self.least, len(self.should), 0 if self.must or self.filter else min(1, len(self.should)))
        if least > 0:
            count = np.zeros(len(space), np.int64)
            for query in self.should:
                count += query.matches(space)
            found &= count >= least
        return found

    def scores(self, space: Space, rows: Int64Array) -> Float32Array:
        """The sum over must and should."""
        total = np.zeros(len(rows))
        for query in self.must:
            total += query.scores(space, rows)
        for query in self.should:
            hit = query.matches(space)[rows]
            total[hit] += query.scores(space, rows[hit])
        if not (self.must or self.should or self.filter or self.must_not):
            total += 1  # an empty bool is a match_all
        return (total * self.boost).astype(np.float32)


def minimum(spec: str | None, clauses: int, default: int) -> int:
    """`minimum_should_match`: a number, a negative number, or a percentage of either sign."""
    if spec is None:
        return default
    match = re.fullmatch(r"(-?\d+)(%?)", spec)
    if match is None:
        if "<" in spec:
            raise not_implemented(f"[minimum_should_match: {spec}]")
        raise illegal(f'For input string: "{spec}"')
    number = int(match[1])
    if match[2]:
        number = int(clauses * abs(number) / 100) * (1 if number >= 0 else -1)
    return max(0, clauses + number if number < 0 else number)


class Constant(Query):
    """What its filter matches, all with the same score."""

    def __init__(self, query: Query, boost: float) -> None:
        self.query, self.boost = query, boost

    def matches(self, space: Space) -> Mask:
        """As the filter."""
        return self.query.matches(space)

    def fields(self) -> set[str]:
        """As the filter."""
        return self.query.fields()


class Nested(Query):
    """Documents one of whose nested documents matches."""

    def __init__(self, path: str, query: Query, mode: str, ignore_unmapped: bool, boost: float) -> None:
        self.path, self.query, self.mode = path, query, mode
        self.ignore_unmapped, self.boost = ignore_unmapped, boost

    def fields(self) -> set[str]:
        """The fields of the inner query."""
        return self.query.fields()

    def _inside(self, space: Space) -> Space | None:
        mapping = space.mapping
        if self.path not in mapping.nested:
            if self.path in mapping.objects and self.path:
                raise create_error(f"[nested] nested object under path [{self.path}] is not of nested type")
            if self.ignore_unmapped:
                return None
            raise create_error(f"[nested] failed to find nested object under path [{self.path}]")
        around = [path for path in mapping.nested if self.path.startswith(f"{path}.")]
        if max(around, key=len, default="") != space.path:
            raise not_implemented(f"A [nested] query for [{self.path}] from [{space.path or 'the root'}] in one step")
        return space.nested(self.path)

    def matches(self, space: Space) -> Mask:
        """Documents with a nested document that matches."""
        found = space.none()
        inside = self._inside(space)
        if inside is not None and len(inside):
            assert inside.parents is not None
            found[inside.parents[self.query.matches(inside)]] = True
        return found

    def scores(self, space: Space, rows: Int64Array) -> Float32Array:
        """The average (or the largest, smallest, sum) of the matching nested documents' scores."""
        inside = self._inside(space)
        if inside is None or inside.parents is None or self.mode == "none":
            return np.zeros(len(rows), np.float32)
        wanted = np.zeros(len(space), dtype=bool)
        wanted[rows] = True
        hits = rows_of(self.query.matches(inside) & wanted[inside.parents])
        values = self.query.scores(inside, hits).astype(np.float64)
        parents = inside.parents[hits]
        start = {"max": -np.inf, "min": np.inf}.get(self.mode, 0.0)
        total = np.full(len(space), start)
        {"max": np.maximum, "min": np.minimum}.get(self.mode, np.add).at(total, parents, values)
        if self.mode == "avg":
            total /= np.maximum(np.bincount(parents, minlength=len(space)), 1)
        return (total[rows] * self.boost).astype(np.float32)


def parse_queries(value: Any) -> list[Query]:
    """One query or a list of them."""
    return [parse_query(item) for item in (value if isinstance(value, list) else [value] if value is not None else [])]


def _parse_bool(value: dict[str, Any]) -> Query:
    body = Body(value, "bool")
    must, should, required, forbidden = (
        parse_queries(body.take(name)) for name in ("must", "should", "filter", "must_not")
    )
    least = body.text("minimum_should_match", None)
    found = Bool(must, should, required, forbidden, least, take_boost(body))
    body.done()
    return found


def _parse_constant(value: dict[str, Any]) -> Query:
    body = Body(value, "constant_score")
    inner = body.take("filter")
    if inner is None:
        raise parsing("[constant_score] requires a 'filter' element")
    found = Constant(parse_query(inner), take_boost(body))
    body.done()
    return found


def _parse_nested(value: dict[str, Any]) -> Query:
    body = Body(value, "nested", ["inner_hits"])
    path, inner = body.text("path", None), body.take("query")
    if path is None:
        raise illegal("[nested] requires 'path' field")
    if inner is None:
        raise illegal("[nested] requires 'query' field")
    mode = body.text("score_mode", "avg")
    if mode not in _SCORE_MODES:
        raise illegal(f"No score mode for child query [{mode}] found")
    ignore_unmapped = body.flag("ignore_unmapped")
    found = Nested(path, parse_query(inner), mode, ignore_unmapped, take_boost(body))
    body.done()
    return found


PARSERS.update(
    bool=_parse_bool,
    constant_score=_parse_constant,
    nested=_parse_nested,
)
