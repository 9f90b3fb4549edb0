"""kNN over `dense_vector` fields, exact: the nearest of all, where a real cluster walks a graph and may miss some.

Vectors are compared as they were sent, whatever the mapping's quantisation. Scores as documented ("Dense vector
field type", `similarity`): cosine and dot_product `(1 + s) / 2`, l2_norm `1 / (1 + d^2)`, max_inner_product
`1 / (1 - s)` below zero and `s + 1` from there; on bytes dot_product is `0.5 + s / (32768 * dims)`; on bits
`(dims - hamming) / dims`.
"""

from __future__ import annotations

import copy
from typing import Any

import numpy as np

from lateint_ref.checks import Float32Array, Int64Array
from workbook.elasticsearch.mapping import Field
from workbook.elasticsearch.queries import Query, create_error
from workbook.elasticsearch.reading import NodeError, illegal
from workbook.elasticsearch.space import Mask, Space
from workbook.elasticsearch.vectors import Vectors, check_magnitude, parse_vector, width


class Knn(Query):
    """The k nearest documents of a vector.

    As a query inside `nested`, or as a section or retriever over a nested field, it finds the k nearest parents,
    each by its nearest nested document.

    Attributes:
        field: a `dense_vector`.
        vector: the JSON of the query vector.
        k: how many.
        filters: what a document must also match, applied before the k are chosen.
        similarity: the least similarity (the largest distance for l2_norm), in the units of the measure.
        section: whether it may reach into a nested object by itself.
        all: whether every vector counts, and not the k nearest alone.
    """

    def __init__(
        self,
        field: str,
        vector: Any,
        k: int,
        filters: list[Query],
        similarity: float | None,
        boost: float,
        section: bool,
    ) -> None:
        super().__init__(boost, [field])
        self.field, self.vector, self.k, self.filters = field, vector, k, filters
        self.similarity, self.section, self.all = similarity, section, False
        self._found: dict[int, tuple[Mask, Float32Array]] = {}

    def matches(self, space: Space) -> Mask:
        """The k nearest."""
        return self._run(space)[0]

    def scores(self, space: Space, rows: Int64Array) -> Float32Array:
        """Their scores."""
        return self._run(space)[1][rows]

    def unlimited(self) -> Query:
        """The score of every vector that passes the filters and the threshold."""
        found = copy.copy(self)
        found.all, found._found = True, {}
        return found

    def _run(self, space: Space) -> tuple[Mask, Float32Array]:
        if id(space) not in self._found:
            self._found[id(space)] = self._search(space)
        return self._found[id(space)]

    def _search(self, space: Space) -> tuple[Mask, Float32Array]:
        mask, scores = space.none(), np.zeros(len(space), np.float32)
        field = space.mapping.fields.get(self.field)
        if field is None:
            return mask, scores
        query = self._query_vector(field)
        if field.nested != space.path:
            if not (self.section and field.nested in space.mapping.nested and not space.path):
                return mask, scores
            inside = space.nested(field.nested)
            found, values = self._run(inside)
            if inside.parents is not None and found.any():
                mask[inside.parents[found]] = True
                np.maximum.at(scores, inside.parents[found], values[found])
            return mask, scores
        column = space.vectors(field)
        if column is None:
            return mask, scores
        similarity, values = measure(field, query, column.matrix)
        kept = self._allowed(space)[column.rows]
        if self.similarity is not None:
            distance = field.similarity == "l2_norm"
            kept &= (similarity <= self.similarity) if distance else (similarity >= np.float32(self.similarity))
        candidates = np.flatnonzero(kept)
        order = candidates[np.lexsort((candidates, -values[candidates]))]
        if space.parents is not None and not self.all:  # one nested document a parent: the nearest
            _, first = np.unique(space.parents[column.rows[order]], return_index=True)
            order = order[np.sort(first)]
        best = order if self.all else order[: self.k]
        mask[column.rows[best]] = True
        scores[column.rows[best]] = values[best] * np.float32(self.boost)
        return mask, scores

    def _query_vector(self, field: Field) -> Vectors:
        if field.kind != "dense_vector":
            raise create_error("[knn] queries are only supported on [dense_vector] fields")
        if not field.indexed:
            raise create_error(
                f"to perform knn search on field [{self.field}], its mapping must have [index] set to [true]"
            )
        try:
            whole = isinstance(self.vector, str) and field.element_type != "bit"  # hex, for a float field too
            query = parse_vector(self.vector, "byte" if whole else field.element_type)
            if field.dims is not None and width(query, field.element_type) != field.dims:
                raise illegal(
                    f"The query vector has a different number of dimensions [{width(query, field.element_type)}] than "
                    f"the document vectors [{field.dims}]."
                )
            check_magnitude(query, field.element_type, field.similarity)
        except NodeError as error:
            raise create_error(error.reason) from error
        return query

    def _allowed(self, space: Space) -> Mask:
        """Filters speak of the document above, unless all their fields lie inside the nested object."""
        allowed = np.ones(len(space), dtype=bool)
        for query in self.filters:
            inner = query.fields and all(name.startswith(f"{space.path}.") for name in query.fields)
            if space.above is None or space.parents is None or inner:
                allowed &= query.matches(space)
            else:
                allowed &= query.matches(space.above)[space.parents]
        return allowed


def measure(field: Field, query: Vectors, matrix: Vectors) -> tuple[Float32Array, Float32Array]:
    """The similarity (l2_norm: the distance; on bits the number that differ) and the `_score` of every vector."""
    if field.element_type == "bit":
        differ = np.bitwise_count(matrix ^ query).sum(axis=1).astype(np.float32)
        bits = np.float32(8 * len(query))
        return differ, (bits - differ) / bits
    q, d = query.astype(np.float32), matrix.astype(np.float32, copy=False)
    kind = field.similarity
    if kind == "l2_norm":
        squared = ((d - q) ** 2).sum(axis=1)
        return np.sqrt(squared), np.float32(1) / (np.float32(1) + squared)
    dots = d @ q
    if kind == "cosine":
        cosine = dots / (np.linalg.norm(d, axis=1) * np.linalg.norm(q))
        return cosine, np.maximum((np.float32(1) + cosine) / np.float32(2), np.float32(0))
    if kind == "dot_product":
        if field.element_type == "byte":
            return dots, np.float32(0.5) + dots / np.float32(32768 * len(q))
        return dots, np.maximum((np.float32(1) + dots) / np.float32(2), np.float32(0))
    below = np.minimum(dots, 0)
    return dots, np.where(dots < 0, np.float32(1) / (np.float32(1) - below), dots + np.float32(1))
