"""Ranked documents: by one query, and scored again by another.

Source: Elasticsearch reference, "Search API", "Rescore filtered search results".
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from lateint_ref.checks import Float32Array, Int64Array
from workbook.elasticsearch.documents import Scalar
from workbook.elasticsearch.mapping import FLOATS, INTEGERS
from workbook.elasticsearch.queries import Query, rows_of
from workbook.elasticsearch.reading import illegal
from workbook.elasticsearch.space import Mask, Space

MODES: dict[str, Callable[..., Any]] = {
    "total": np.add,
    "multiply": np.multiply,
    "avg": lambda first, second: (first + second) / np.float32(2),
    "max": np.maximum,
    "min": np.minimum,
}


@dataclass
class Ranked:
    """Documents in order.

    Attributes:
        rows: int64 `(n,)`.
        scores: float32 `(n,)`.
        matched: bool, which documents of the index the search found in all.
    """

    rows: Int64Array
    scores: Float32Array
    matched: Mask

    def top(self, size: int) -> Ranked:
        """The first ones."""
        return Ranked(self.rows[:size], self.scores[:size], self.matched)


def rank(query: Query, space: Space, least: float | None = None, filters: list[Query] | None = None) -> Ranked:
    """All documents that a query matches, best first; ties in index order."""
    matched = query.matches(space)
    for condition in filters or ():
        matched = matched & condition.matches(space)
    rows = rows_of(matched)
    scores = query.scores(space, rows)
    if least is not None:
        kept = scores >= np.float32(least)
        rows, scores = rows[kept], scores[kept]
        matched = space.none()
        matched[rows] = True
    return by_score(rows, scores, matched)


def by_score(rows: Int64Array, scores: Float32Array, matched: Mask) -> Ranked:
    """Best first; ties in index order."""
    order = np.lexsort((rows, -scores))
    return Ranked(rows[order], scores[order], matched)


def collapse(ranked: Ranked, space: Space, name: str) -> Ranked:
    """The best document of each value of a field; those without a value are one group.

    Raises:
        NodeError: 400 for a field that has several values in a document, or that cannot be collapsed on.
    """
    field = space.mapping.fields.get(name)
    if field is None:
        raise illegal(f"no mapping found for `{name}` in order to collapse on")
    if field.kind != "keyword" and field.kind not in (*INTEGERS, *FLOATS):
        raise illegal(f"collapse is not supported for the field [{name}] of the type [{field.kind}]")
    values = space.values(name)
    heads: dict[tuple[Scalar, ...], int] = {}
    for at, row in enumerate(ranked.rows.tolist()):
        if len(values[row]) > 1:
            raise illegal(f"failed to collapse [{row}], the collapse field must be single valued")
        heads.setdefault(tuple(values[row]), at)
    kept = np.fromiter(heads.values(), np.int64)
    return Ranked(ranked.rows[kept], ranked.scores[kept], ranked.matched)


@dataclass
class Rescorer:
    """A second query for the first documents.

    Attributes:
        query: the second query.
        window: how many documents it scores again.
        first, second: weights of the two scores.
        mode: total, multiply, avg, max or min.
    """

    query: Query
    window: int
    first: float
    second: float
    mode: str

    def apply(self, ranked: Ranked, space: Space) -> Ranked:
        """Score the first documents again and sort.

        A document of the window that the second query does not match, and one beyond the window, keeps its score
        times the first weight. All are then sorted together, as on the server: with negative or small second
        scores a document from beyond the window can come out above one from inside.
        """
        scores = ranked.scores * np.float32(self.first)
        inside = ranked.rows[: self.window]
        hit = self.query.matches(space)[inside]
        second = self.query.scores(space, inside[hit]) * np.float32(self.second)
        where = np.flatnonzero(hit)
        scores[where] = MODES[self.mode](scores[where], second)
        return by_score(ranked.rows, scores.astype(np.float32), ranked.matched)
