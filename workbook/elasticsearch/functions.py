"""The vector functions of score scripts, computed by the project's own reference functions.

Source: Elasticsearch reference, "Script score query", "Functions for vector fields" and "Rank vectors".
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lateint_ref import maxsim_asymmetric_scores, maxsim_int8_scores, maxsim_inv_hamming_scores, maxsim_scores, unpack
from lateint_ref.checks import Int64Array
from workbook.elasticsearch.mapping import Field
from workbook.elasticsearch.reading import NodeError, illegal, not_implemented
from workbook.elasticsearch.space import MISSING, Space, VectorColumn
from workbook.elasticsearch.vectors import Vectors, parse_vector

Scores = NDArray[Any]
_BITS = ("byte", "bit")


def no_field(path: Any) -> NodeError:
    """A script that names a field outside the mapping."""
    return illegal(f"No field found for [{path}] in mapping")


def max_sim_dot_product(space: Space, rows: Int64Array, query: Any, path: str) -> Scores:
    """`maxSimDotProduct`: for each query vector its largest dot product, summed.

    On bit fields the stored bits are a mask of 0 and 1 over the query's numbers; where the query is as short as the
    stored bytes, both sides are bits and those set in both are counted.
    """
    field = _field(space, path, "rank_vectors", "maxSimDotProduct")
    element = field.element_type
    rows_of = _query_matrix(query, element if element == "byte" else "number", element in _BITS)
    column, at = _column(space, field, rows, "multi-vector")
    dims = int(field.dims or 0)
    if element == "bit":
        whole = rows_of.dtype == np.int8
        wanted = f"[{dims // 8}] for bitwise operations, or [{dims}] for byte wise operations"
        if isinstance(query[0], str) and len(query) not in (
            dims // 8,
            dims,
        ):  # the server counts vectors here: so do we
            raise illegal(
                f"The query vector has an incorrect number of dimensions. Must be {wanted}: provided [{len(query)}]. "
                f"(Write the bytes of a query as numbers, not as hex.)"
            )
        if rows_of.shape[1] == dims:
            return _scored(column, at, lambda part: maxsim_asymmetric_scores(rows_of, part.packed))
        if whole and rows_of.shape[1] == dims // 8:
            both = unpack(rows_of.view(np.uint8))
            return _scored(column, at, lambda part: maxsim_asymmetric_scores(both, part.packed))
        raise illegal(
            f"The query vector contains inner vectors which have incorrect number of dimensions. Must be "
            f"{wanted if whole else f'[{dims}] for float wise operations'}: provided [{rows_of.shape[1]}]."
        )
    _same_dims(rows_of.shape[1], dims)
    if element == "byte":
        return _scored(column, at, lambda part: maxsim_int8_scores(rows_of, part.bytes))
    return _scored(column, at, lambda part: maxsim_scores(rows_of, part.floats))


def max_sim_inv_hamming(space: Space, rows: Int64Array, query: Any, path: str) -> Scores:
    """`maxSimInvHamming`: both sides as bits; for each query vector the largest share of equal bits, summed."""
    field = _field(space, path, "rank_vectors", "maxSimInvHamming")
    if field.element_type not in _BITS:
        raise illegal("hamming distance is only supported for byte or bit vectors")
    bits = _query_matrix(query, "byte", True).view(np.uint8)
    column, at = _column(space, field, rows, "multi-vector")
    scale = 8 if field.element_type == "bit" else 1
    _same_dims(scale * bits.shape[1], int(field.dims or 0))
    return _scored(column, at, lambda part: maxsim_inv_hamming_scores(bits, part.packed))


def _dense(space: Space, rows: Int64Array, query: Any, path: str, name: str) -> tuple[Vectors, Vectors]:
    field = _field(space, path, "dense_vector", name)
    if field.element_type == "bit":
        raise not_implemented(f"[{name}] on a bit field")
    if isinstance(query, str) and field.element_type != "byte":
        raise illegal(f"Unsupported input object for float vectors: {type(query).__name__}")
    vector = _query_vector(query, "byte" if field.element_type == "byte" else "number")
    column, at = _column(space, field, rows, "vector")
    _same_dims(len(vector), int(field.dims or 0))
    return vector.astype(np.float32), column.matrix[at].astype(np.float32)


def cosine_similarity(space: Space, rows: Int64Array, query: Any, path: str) -> Scores:
    """`cosineSimilarity`, from -1 to 1."""
    q, d = _dense(space, rows, query, path, "cosineSimilarity")
    return np.asarray((d @ q) / (np.linalg.norm(d, axis=1) * np.linalg.norm(q)))


def dot_product(space: Space, rows: Int64Array, query: Any, path: str) -> Scores:
    """`dotProduct`."""
    q, d = _dense(space, rows, query, path, "dotProduct")
    return np.asarray(d @ q)


def l2_norm(space: Space, rows: Int64Array, query: Any, path: str) -> Scores:
    """`l2norm`, the Euclidean distance."""
    q, d = _dense(space, rows, query, path, "l2norm")
    return np.asarray(np.linalg.norm(d - q, axis=1))


_ACCESS = {
    "magnitudes": "rank_vectors", "vectorValues": "rank_vectors", "magnitude": "dense_vector",
    "vectorValue": "dense_vector",
}  # fmt: skip


def element(space: Space, rows: Int64Array, path: str, what: str, at: int) -> Scores:
    """One number of `doc['f']`, by what is named of it.

    `magnitudes[at]` (of a vector's length) and `vectorValues.next()[at]` (of the first vector) of a `rank_vectors`
    field, `magnitude` and `vectorValue[at]` of a `dense_vector`. Bits count eight to a signed byte in the values and
    one by one in the magnitude.
    """
    field = _field(space, path, _ACCESS[what], what)
    column, positions = _column(space, field, rows, "rank-vectors" if field.kind == "rank_vectors" else "vector")
    found = []
    for position in positions:
        span = slice(*column.offsets[position : position + 2]) if position >= 0 else slice(0)
        numbers = _numbers(column.matrix[span], field.element_type, what.startswith("magnitude"))
        if at >= len(numbers):
            reason = f"Index {at} out of bounds for length {len(numbers)}"
            raise NodeError(400, "array_index_out_of_bounds_exception", reason)
        found.append(float(numbers[at]))
    return np.array(found)


def _numbers(vectors: Vectors, element_type: str, magnitudes: bool) -> Scores:
    if not magnitudes and not len(vectors):
        raise illegal("No more elements in the iterator")
    if not magnitudes:
        return np.asarray(vectors[0].view(np.int8) if element_type == "bit" else vectors[0])
    if element_type == "bit":
        return np.asarray(np.sqrt(np.bitwise_count(vectors).sum(axis=1, dtype=np.float32)))
    return np.asarray(np.linalg.norm(vectors.astype(np.float32), axis=1))


FUNCTIONS: dict[str, Callable[[Space, Int64Array, Any, str], Scores]] = {
    "maxSimDotProduct": max_sim_dot_product,
    "maxSimInvHamming": max_sim_inv_hamming,
    "cosineSimilarity": cosine_similarity,
    "dotProduct": dot_product,
    "l2norm": l2_norm,
}


def _field(space: Space, path: str, kind: str, function: str) -> Field:
    field = space.mapping.fields.get(path)
    if field is None or field.nested != space.path:
        raise no_field(path)
    if field.kind != kind:
        reason = f"[{function}] takes a field of type [{kind}], and [{path}] is of type [{field.kind}]"
        raise NodeError(400, "class_cast_exception", reason)
    return field


def _column(space: Space, field: Field, rows: Int64Array, what: str) -> tuple[VectorColumn, Int64Array]:
    column = space.vectors(field)
    at = None if column is None else column.where[rows]
    if column is None or at is None or (at == MISSING).any():
        raise illegal(f"A document doesn't have a value for a {what} field!")
    return column, at


def _scored(column: VectorColumn, at: Int64Array, score: Callable[[VectorColumn], Scores]) -> Scores:
    """Scores of the documents `at`: of a copy of just those where they are few, else of all, then picked."""
    found = np.full(len(at), -np.inf)  # the largest of no products, for an empty array
    full = np.flatnonzero(at >= 0)
    if len(full):
        few = 2 * len(full) < len(column.rows)
        found[full] = score(column.take(at[full])) if few else score(column)[at[full]]
    return found


def _same_dims(query: int, stored: int) -> None:
    if query != stored:
        raise illegal(
            f"The query vector has a different number of dimensions [{query}] than the document vectors [{stored}]."
        )


def _query_matrix(query: Any, element: str, hex_allowed: bool) -> Vectors:
    if not isinstance(query, list):
        raise illegal(f"Unsupported input object for vectors: {type(query).__name__}; it takes a list of vectors")
    if not query:
        raise illegal("The query vector is empty.")
    for item in query:
        if not isinstance(item, (list, str) if hex_allowed else list):
            raise illegal(f"Unsupported input object for vectors: a list that holds {type(item).__name__}")
    rows = [_query_vector(item, element, hex_allowed=hex_allowed) for item in query]
    if len({len(row) for row in rows}) > 1:
        raise illegal("The query vector contains inner vectors which have inconsistent number of dimensions.")
    if not len(rows[0]):
        raise illegal("The query vector is empty.")
    return np.stack(rows)


def _query_vector(query: Any, element: str, hex_allowed: bool = True) -> Vectors:
    """Signed bytes where the query holds only such (or is hex), else float32."""
    if not isinstance(query, (list, str)):
        raise illegal(f"Unsupported input object for vectors: {type(query).__name__}; it takes a list of numbers")
    if isinstance(query, str) and hex_allowed:
        return parse_vector(query, "byte")
    vector = parse_vector(query, "byte" if element == "byte" else "float")
    if element == "number" and len(vector) and (vector % 1 == 0).all() and (np.abs(vector + 0.5) <= 127.5).all():
        return vector.astype(np.int8)
    return vector
