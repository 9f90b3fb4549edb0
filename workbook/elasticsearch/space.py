"""What a search sees: the documents of an index (or its nested ones) in columns, as of the last refresh."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lateint_ref import Int8MultiVectors, MultiVectors, PackedMultiVectors
from lateint_ref.checks import Int64Array
from workbook.elasticsearch.documents import Part, Scalar
from workbook.elasticsearch.mapping import Field, Mapping
from workbook.elasticsearch.words import Postings, tokens

Mask = NDArray[np.bool_]
MISSING, EMPTY = -1, -2


@dataclass
class VectorColumn:
    """All vectors of one field, back to back.

    Attributes:
        rows: int64 `(m,)`, the documents that have vectors in the field, in order.
        where: int64 `(n,)`, the position of a document among `rows`; `MISSING` or `EMPTY` (an array of none).
        matrix: `dense_vector`: `(m, dim)`; `rank_vectors`: `(total_vectors, dim)`; float32, int8 or packed uint8.
        offsets: int64 `(m + 1,)` into a `rank_vectors` matrix.
    """

    rows: Int64Array
    where: Int64Array
    matrix: NDArray[Any]
    offsets: Int64Array

    def take(self, positions: Int64Array) -> VectorColumn:
        """A copy of some documents' vectors, by their positions among `rows`."""
        parts = [self.matrix[self.offsets[at] : self.offsets[at + 1]] for at in positions]
        offsets = np.concatenate([[0], np.cumsum([len(part) for part in parts])]).astype(np.int64)
        return VectorColumn(self.rows[positions], self.where, np.concatenate(parts), offsets)

    @cached_property
    def floats(self) -> MultiVectors:
        """Float vectors as the project's own collection."""
        return MultiVectors(self.matrix, self.offsets)

    @cached_property
    def bytes(self) -> Int8MultiVectors:
        """Signed bytes as the project's own collection."""
        return Int8MultiVectors(self.matrix, self.offsets)

    @cached_property
    def packed(self) -> PackedMultiVectors:
        """Bits as the project's own collection; a signed byte counts as eight of them."""
        return PackedMultiVectors(self.matrix.view(np.uint8), self.offsets)


class Space:
    """Documents that queries run over: the index's own (`parents` is None), or the nested ones of one path.

    Attributes:
        mapping: of the index at the refresh.
        parts: the documents.
        parents: int64 `(n,)`, for nested ones the row of the document above.
        above: the space of those documents.
        path: of the nested object, or "".
    """

    def __init__(
        self,
        mapping: Mapping,
        parts: list[Part],
        ids: list[str],
        parents: Int64Array | None = None,
        above: Space | None = None,
        path: str = "",
    ) -> None:
        self.mapping, self.parts, self.ids = mapping, parts, ids
        self.parents, self.above, self.path = parents, above, path
        self._postings: dict[str, Postings] = {}
        self._vectors: dict[str, VectorColumn] = {}
        self._nested: dict[str, Space] = {}

    def __len__(self) -> int:
        return len(self.parts)

    def none(self) -> Mask:
        """No document."""
        return np.zeros(len(self), dtype=bool)

    def nested(self, path: str) -> Space:
        """The documents of a nested object, under these."""
        if path not in self._nested:
            parts, parents = [], []
            for row, part in enumerate(self.parts):
                for inner in part.nested.get(path, ()):
                    parts.append(inner)
                    parents.append(row)
            self._nested[path] = Space(self.mapping, parts, [], np.array(parents, np.int64), self, path)
        return self._nested[path]

    def values(self, field: str) -> list[list[Scalar]]:
        """Each document's values of a field; empty where it has none."""
        return [part.values.get(field, []) for part in self.parts]

    def exists(self, path: str) -> Mask:
        """Which documents have a value of a field, or of any field of an object."""
        names = {field.path for field in self.mapping.under(path)}
        nested = [inner for inner in self.mapping.nested if inner == path or inner.startswith(f"{path}.")]
        return np.array(
            [
                not names.isdisjoint(part.values)
                or not names.isdisjoint(part.vectors)
                or any(map(part.nested.get, nested))
                for part in self.parts
            ],
            dtype=bool,
        )

    def postings(self, field: Field) -> Postings:
        """The terms of a text or keyword field."""
        if field.path not in self._postings:
            text = field.kind == "text"
            found: list[list[str] | None] = []
            for values in self.values(field.path):
                terms = [term for value in values for term in (tokens(str(value)) if text else [str(value)])]
                found.append(terms if values else None)
            self._postings[field.path] = Postings(found, norms=text)
        return self._postings[field.path]

    def vectors(self, field: Field) -> VectorColumn | None:
        """The vectors of a field; None where no document has one."""
        if field.path not in self._vectors:
            having = [row for row, part in enumerate(self.parts) if field.path in part.vectors]
            if not having:
                return None
            rows = [row for row in having if len(self.parts[row].vectors[field.path])]
            held = [np.atleast_2d(self.parts[row].vectors[field.path]) for row in rows]
            offsets = np.concatenate([[0], np.cumsum([len(item) for item in held])]).astype(np.int64)
            matrix = np.concatenate(held or [self.parts[having[0]].vectors[field.path]])
            where = np.full(len(self), MISSING, np.int64)
            where[having] = EMPTY
            where[rows] = np.arange(len(rows))
            for number, row in enumerate(rows):  # the documents' own arrays become views: no second copy
                view = matrix[offsets[number] : offsets[number + 1]]
                self.parts[row].vectors[field.path] = view if field.kind == "rank_vectors" else view[0]
            self._vectors[field.path] = VectorColumn(np.array(rows, np.int64), where, matrix, offsets)
        return self._vectors[field.path]
