"""From queries to ranked documents: sorting, the older top-level `knn` section and `rescore`.

Source: Elasticsearch reference, "Search API", "Rescore filtered search results", "kNN search".
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from lateint_ref.checks import Float32Array, Int64Array
from workbook.elasticsearch._errors import illegal, parsing, token
from workbook.elasticsearch._json import Body
from workbook.elasticsearch._query import Query, parse_query
from workbook.elasticsearch._query_compound import rows_of
from workbook.elasticsearch._space import Mask, Space

MAX_WINDOW = 10_000
_MODES: dict[str, Callable[..., Any]] = {
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
        scores[where] = _MODES[self.mode](scores[where], second)
        return by_score(ranked.rows, scores.astype(np.float32), ranked.matched)


def parse_rescore(value: Any) -> list[Rescorer]:
    """One `rescore` object or a list of them.

    Raises:
        NodeError: 400.
    """
    return [_parse_one(item) for item in (value if isinstance(value, list) else [value])]


def _parse_one(value: Any) -> Rescorer:
    outer = Body(value, "rescore", ["learning_to_rank", "script"])
    window: int = outer.integer("window_size", 10)
    inner = outer.take("query")
    if inner is None:
        outer.done()
        raise parsing("missing rescore type")
    outer.done()
    if window < 1:
        raise illegal(f"window_size must be greater than or equal to 1, got [{window}]")
    if window > MAX_WINDOW:
        raise illegal(
            f"Rescore window [{window}] is too large. It must be less than [{MAX_WINDOW}]. This prevents allocating "
            f"massive heaps for storing the results to be rescored. This limit can be set by changing the "
            f"[index.max_rescore_window] index level setting."
        )
    body = Body(inner, "query")
    query = body.take("rescore_query")
    if query is None:
        raise parsing(f"[query] Required [rescore_query], got {token(query)}")
    mode = str(body.text("score_mode", "total")).lower()
    if mode not in _MODES:
        raise illegal(f"illegal score_mode [{mode}]")
    found = Rescorer(
        parse_query(query), window, body.number("query_weight", 1.0), body.number("rescore_query_weight", 1.0), mode
    )
    body.done()
    return found
