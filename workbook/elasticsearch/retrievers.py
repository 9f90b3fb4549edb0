"""Retrievers: `standard`, `knn`, `rescorer`, `rrf` and `linear`, each a tree that ends in a ranked list.

Sources: Elasticsearch reference, "Retrievers"; Cormack, Clarke and Buettcher, "Reciprocal Rank Fusion outperforms
Condorcet and individual Rank Learning Methods", SIGIR 2009.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from lateint_ref.checks import Float32Array
from workbook.elasticsearch.dsl import Scope, parse_knn, parse_queries, parse_query, parse_rescore
from workbook.elasticsearch.queries import MatchAll, Query
from workbook.elasticsearch.ranking import Ranked, Rescorer, by_score, rank
from workbook.elasticsearch.reading import (
    Body,
    NodeError,
    field_error,
    illegal,
    invalid_request,
    not_implemented,
    parsing,
    token,
)
from workbook.elasticsearch.space import Space

_ELSEWHERE = ("diversify", "pinned", "random_reranker", "rule", "text_similarity_reranker")
_ELSEWHERE_KEYS = ("_name", "collapse", "fields", "normalizer", "query", "search_after", "sort", "terminate_after")
DEFAULT_WINDOW = 10


class Retriever:
    """One node of the tree.

    Attributes:
        name: its kind.
        key: the setting that holds `window`.
        window: how many documents it can return; None where that is up to who asks.
        filters: what its documents must also match.
        least: the least score.
    """

    name = ""
    key = "rank_window_size"
    window: int | None = None

    def __init__(self, filters: list[Query], least: float | None) -> None:
        self.filters, self.least = filters, least

    def run(self, space: Space, size: int, filters: list[Query]) -> Ranked:
        """The first `size` documents; `filters` come from the retrievers around it."""
        raise NotImplementedError

    def inside(self) -> list[Retriever]:
        """The retrievers that this one is made of."""
        return []

    def check(self, size: int) -> None:
        """Refuse a search that asks for more than this retriever, or one inside it, can return."""
        if self.window is not None and size > self.window:
            raise invalid_request(
                f"[{self.name}] requires [{self.key}: {self.window}] be greater than or equal to [size: {size}]"
            )
        for inner in self.inside():
            inner.check(size)
            if self.window is not None and inner.window is not None and self.window > inner.window:
                raise invalid_request(
                    f"[{self.name}] requires [{self.key}: {self.window}] to be smaller than or equal to its sub "
                    f"retriever's {inner.name} [{inner.key}: {inner.window}]"
                )

    def _kept(self, ranked: Ranked) -> Ranked:
        if self.least is None:
            return ranked
        kept = ranked.scores >= np.float32(self.least)
        return Ranked(ranked.rows[kept], ranked.scores[kept], ranked.matched)


class Standard(Retriever):
    """A query."""

    name = "standard"

    def __init__(self, query: Query | None, filters: list[Query], least: float | None) -> None:
        super().__init__(filters, least)
        self.query = query

    def run(self, space: Space, size: int, filters: list[Query]) -> Ranked:
        """The query's documents that match all filters; with filters alone every score is 0, as in a bool."""
        every = [*self.filters, *filters]
        query = MatchAll(0.0 if every else 1.0) if self.query is None else self.query
        return rank(query, space, self.least, every).top(size)


class KnnRetriever(Retriever):
    """A kNN search."""

    name = "knn"

    def __init__(self, value: Any, scope: Scope) -> None:
        rest = {name: item for name, item in value.items() if name != "min_score"}
        own = {name: item for name, item in value.items() if name == "min_score"}
        least = Body(own, "knn").number("min_score", None)
        super().__init__([], least)
        self.knn = parse_knn(rest, scope, retriever=True)
        self._own = list(self.knn.filters)

    def run(self, space: Space, size: int, filters: list[Query]) -> Ranked:
        """The nearest documents that match all filters."""
        self.knn.filters = [*self._own, *filters]
        return rank(self.knn, space, self.least).top(size)


class RescorerRetriever(Retriever):
    """Another retriever's documents, scored again."""

    name = "rescorer"
    key = "window_size"

    def __init__(self, inner: Retriever, rescorers: list[Rescorer], filters: list[Query], least: float | None) -> None:
        super().__init__(filters, least)
        self.inner, self.rescorers = inner, rescorers
        self.window = min(rescorer.window for rescorer in rescorers)

    def inside(self) -> list[Retriever]:
        """The one whose documents are scored again."""
        return [self.inner]

    def run(self, space: Space, size: int, filters: list[Query]) -> Ranked:
        """The inner documents by their new scores."""
        assert self.window is not None
        reach = max(rescorer.window for rescorer in self.rescorers)
        found = self.inner.run(space, reach, [*self.filters, *filters])
        for rescorer in self.rescorers:
            found = rescorer.apply(found, space)
        return self._kept(found.top(self.window)).top(size)


Share = Callable[[Float32Array], Float32Array]


class Fusion(Retriever):
    """Several retrievers' documents; the score of one is the sum of the shares that their lists give it.

    Attributes:
        inner: the retrievers, each with what turns its scores, best first, into shares.
    """

    def __init__(
        self, name: str, inner: list[tuple[Retriever, Share]], window: int, filters: list[Query], least: float | None
    ) -> None:
        super().__init__(filters, least)
        self.name, self.inner, self.window = name, inner, window

    def inside(self) -> list[Retriever]:
        """Those that are fused."""
        return [retriever for retriever, _ in self.inner]

    def run(self, space: Space, size: int, filters: list[Query]) -> Ranked:
        """The union of the inner documents by fused score; ties in index order."""
        assert self.window is not None
        scores = np.zeros(len(space), np.float32)
        matched, listed = space.none(), space.none()
        for retriever, share in self.inner:
            found = retriever.run(space, self.window, [*self.filters, *filters])
            scores[found.rows] += share(found.scores)
            listed[found.rows] = True
            matched = matched | found.matched
        rows = np.flatnonzero(listed).astype(np.int64)
        return self._kept(by_score(rows, scores[rows], matched).top(self.window)).top(size)


def _by_rank(weight: float, constant: int) -> Share:
    """Reciprocal rank fusion: `weight / (rank_constant + rank)`."""

    def share(scores: Float32Array) -> Float32Array:
        ranks = np.arange(1, len(scores) + 1, dtype=np.float32)
        return np.float32(weight) / (np.float32(constant) + ranks)

    return share


def _minmax(scores: Float32Array) -> Float32Array:
    span = np.ptp(scores)
    return (scores - scores.min()) / span if span >= 1e-6 else np.ones_like(scores)


def _l2_norm(scores: Float32Array) -> Float32Array:
    norm = np.float32(np.sqrt(np.square(scores, dtype=np.float64).sum()))
    return scores / norm if norm >= 1e-6 else scores


_NORMALIZERS: dict[str, Share] = {"none": lambda scores: scores, "minmax": _minmax, "l2_norm": _l2_norm}


def _by_score(weight: float, normalizer: str) -> Share:
    """The linear combination: `weight` times the normalised score."""
    if normalizer not in _NORMALIZERS:
        raise illegal(f"Unknown normalizer [{normalizer}]")
    return lambda scores: np.float32(weight) * (_NORMALIZERS[normalizer](scores) if len(scores) else scores)


def parse_retriever(value: Any, scope: Scope) -> Retriever:
    """Read a retriever.

    Args:
        value: the JSON.
        scope: of the search.

    Raises:
        NodeError: 400.
    """
    if not isinstance(value, dict) or len(value) != 1:
        raise parsing(f"retriever malformed, expected one retriever in an object, got {token(value)}")
    name, inner = next(iter(value.items()))
    if name in _ELSEWHERE:
        raise not_implemented(f"The retriever [{name}]")
    if name not in ("standard", "knn", "rescorer", "rrf", "linear"):
        cause = NodeError(400, "named_object_not_found_exception", f"unknown field [{name}]")
        raise NodeError(400, "parsing_exception", f"unknown retriever [{name}]", cause)
    if not isinstance(inner, dict):
        raise parsing(f"[{name}] doesn't support values of type: {token(inner)}")
    scope = scope.inside("a [retriever]")
    if name == "knn":
        return KnnRetriever(inner, scope)
    body = Body(inner, name, _ELSEWHERE_KEYS)
    if name == "standard":
        query = body.take("query")
        found: Retriever = Standard(None if query is None else parse_query(query, scope), *_base(body, scope))
    elif name == "rescorer":
        found = _parse_rescorer(body, scope)
    else:
        found = _parse_fusion(body, name, scope)
    body.done()
    return found


def _base(body: Body, scope: Scope) -> tuple[list[Query], float | None]:
    return parse_queries(body.take("filter"), scope), body.number("min_score", None)


def _parse_rescorer(body: Body, scope: Scope) -> Retriever:
    inner, rescore = body.take("retriever"), body.take("rescore")
    if inner is None or rescore is None:
        missing = "retriever" if inner is None else "rescore"
        raise parsing(f"Required one of fields [{missing}], but none were specified.")
    rescorers = parse_rescore(rescore, scope)
    if not rescorers:
        raise illegal("Missing rescore definition")
    reach = max(rescorer.window for rescorer in rescorers)
    return RescorerRetriever(parse_retriever(inner, scope.inside("", reach)), rescorers, *_base(body, scope))


def _parse_fusion(body: Body, name: str, scope: Scope) -> Retriever:
    children = body.take("retrievers")
    if children is None or (name == "linear" and children == []):
        body.done()
        raise invalid_request(f"[{name}] [retrievers] must be provided")
    if not isinstance(children, list):
        raise parsing(f"[{name}] retrievers doesn't support values of type: {token(children)}")
    window = body.integer("rank_window_size", DEFAULT_WINDOW)
    constant = body.integer("rank_constant", 60) if name == "rrf" else 1
    if name == "rrf" and len(children) < 2:
        raise invalid_request("[rrf] requires a minimum of [2] retrievers")
    if constant < 1:
        raise illegal("[rank_constant] must be greater or equal to [1] for [rrf]")
    if window < 0:
        raise illegal(f"[rank_window_size] parameter cannot be negative, found [{window}]")
    if window < 1:
        raise illegal(f"[rank_window_size] must be greater than or equal to [1] for [{name}]")
    inner = [_parse_component(child, name, constant, scope.inside("", window)) for child in children]
    return Fusion(name, inner, window, *_base(body, scope))


def _parse_component(value: Any, name: str, constant: int, scope: Scope) -> tuple[Retriever, Share]:
    """One of the fused retrievers, with its weight (`linear`: and normalizer); alone it has the weight 1 in `rrf`."""
    if name == "rrf" and isinstance(value, dict) and "retriever" not in value:
        return parse_retriever(value, scope), _by_rank(1.0, constant)
    body = Body(value, name)
    child, weight = body.take("retriever"), body.number("weight", 1.0)
    normalizer = body.text("normalizer", "none") if name == "linear" else "none"
    body.done()
    if child is None:
        raise parsing(f"[{name}] Required [retriever]")
    try:
        if weight < 0:
            more = f", found [{weight}]" if name == "rrf" else ""
            raise illegal(f"[weight] must be non-negative{more}")
        share = _by_rank(weight, constant) if name == "rrf" else _by_score(weight, normalizer)
    except NodeError as error:
        raise field_error(name, "retrievers", error) from error
    return parse_retriever(child, scope), share
