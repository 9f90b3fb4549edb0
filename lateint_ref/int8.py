"""One signed byte a dimension: a quarter of float32, as Elasticsearch's `byte` vectors take it.

A value `v` is stored as the whole number nearest to `v / scale`, from -127 to 127. One scale serves a whole
collection, so scores within it compare; the scale itself is not needed for ranking. (Elasticsearch's own `int8_hnsw`
instead picks bounds from quantiles of the data; `element_type: byte` takes the bytes as they come.)

Source: Elasticsearch reference, "Rank vectors field type", `element_type`: byte, integers from -128 to 127.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lateint_ref._checks import Float32Array, as_codes, as_matrix, describe, same_dim
from lateint_ref.multivectors import MultiVectors
from lateint_ref.ragged import Ragged

Int8Array = NDArray[np.int8]

LARGEST = 127


class Int8MultiVectors(Ragged[np.int8]):
    """The bytes of many documents, back to back in one matrix: 1/4 of the memory of float32.

    Attributes:
        vectors: int8 `(total_vectors, dim)`, C-contiguous.
        offsets: int64 `(n_docs + 1,)`, `offsets[0] == 0`, strictly increasing, `offsets[-1] ==
            total_vectors`.
        ids: one unique string a document.
        scale: what a byte of 1 stands for.
    """

    _dtype = "int8"
    _unit = "int8"
    _names = ("vectors", "offsets", "ids", "scale")

    def __init__(self, vectors: Any, offsets: Any, ids: Sequence[str] | None = None, scale: float = 1.0) -> None:
        """Wrap bytes that are already back to back; `quantize_collection` is the usual way in.

        Raises:
            TypeError: `vectors` are not int8, or `ids` are not strings.
            ValueError: as `MultiVectors`, or a scale that is not a positive number.
        """
        super().__init__(vectors, offsets, ids)
        self.scale = _checked_scale(scale)

    @classmethod
    def _matrix(cls, value: Any, name: str, takes: str) -> Int8Array:
        return as_int8(value, name, takes)

    def _like(self, vectors: Int8Array, offsets: Any, ids: Sequence[str]) -> Int8MultiVectors:
        return Int8MultiVectors(vectors, offsets, ids, self.scale)

    @classmethod
    def concatenate(cls, parts: Sequence[Int8MultiVectors]) -> Int8MultiVectors:
        """Join collections of one scale in order.

        Raises:
            ValueError: as `MultiVectors.concatenate`, or different scales.
        """
        scales = {part.scale for part in parts}
        if len(scales) > 1:
            raise ValueError(f"parts differ in scale ({sorted(scales)}): quantize them with one scale.")
        return super().concatenate(parts)


def as_int8(value: Any, name: str, takes: str = "(n, dim)") -> Int8Array:
    """Return `value` as a C-contiguous int8 matrix.

    Raises:
        TypeError: the dtype is not int8.
        ValueError: wrong rank or empty.
    """
    return as_codes(value, name, "int8", takes, "signed bytes", "Make them with quantize_int8().")


def int8_scale(vectors: Any) -> float:
    """The scale at which the largest value of `vectors`, sign aside, becomes 127.

    Args:
        vectors: `(n, dim)`, a sample or all of a collection.

    Raises:
        TypeError: `vectors` is not numeric.
        ValueError: wrong rank, empty, a NaN or infinity, or nothing but zeros.
    """
    largest = float(np.abs(as_matrix(vectors, "vectors")).max())
    if largest == 0:
        raise ValueError("vectors holds nothing but zeros: there is no scale to take from them.")
    return _checked_scale(largest / LARGEST)


def quantize_int8(vectors: Any, scale: float | None = None) -> Int8Array:
    """Round to whole multiples of `scale`; what lies beyond -127 and 127 of them is clipped there.

    Args:
        vectors: `(n, dim)`.
        scale: what a byte of 1 stands for; by default `int8_scale(vectors)`, which clips nothing.

    Returns:
        int8 `(n, dim)`. Where nothing is clipped, no value is off by more than half a scale.

    Raises:
        TypeError: `vectors` is not numeric.
        ValueError: wrong rank, empty, a NaN or infinity, or a scale that is not a positive number.
    """
    matrix = as_matrix(vectors, "vectors")
    step = int8_scale(matrix) if scale is None else _checked_scale(scale)
    quantized: Int8Array = np.rint(matrix / np.float32(step)).clip(-LARGEST, LARGEST).astype(np.int8)
    return quantized


def quantize_collection(documents: MultiVectors, scale: float | None = None) -> Int8MultiVectors:
    """A collection as signed bytes with one scale, by default that of its largest value.

    Raises:
        TypeError: `documents` is not a `MultiVectors`.
        ValueError: as `quantize_int8`.
    """
    if not isinstance(documents, MultiVectors):
        raise TypeError(f"documents must be a MultiVectors, got {describe(documents)}.")
    step = int8_scale(documents.vectors) if scale is None else _checked_scale(scale)
    return Int8MultiVectors(quantize_int8(documents.vectors, step), documents.offsets, documents.ids, step)


def maxsim_int8_scores(query: Any, documents: Int8MultiVectors) -> Float32Array:
    """MaxSim of one query with every document's bytes, as whole numbers: Elasticsearch's on a `byte` field.

    Multiplied by the query's scale and the collection's, it estimates the float score; the ranking needs neither.

    Args:
        query: int8 `(n_q, dim)`, with a scale of its own if you like.
        documents: the collection.

    Returns:
        float32 `(n_docs,)`, in the collection's order. Up to 1024 dimensions every dot product is exact; a sum past
        2 ** 24 is rounded to float32, as Elasticsearch's is.

    Raises:
        TypeError: `documents` is not an `Int8MultiVectors`, or `query` is not int8.
        ValueError: `query` has the wrong rank, is empty, or differs in dims.
    """
    if not isinstance(documents, Int8MultiVectors):
        raise TypeError(
            f"documents must be an Int8MultiVectors, got {describe(documents)}. Build one with "
            f"quantize_collection(multivectors)."
        )
    q = as_int8(query, "query", "(n_q, dim)").astype(np.float32)
    same_dim(q.shape[1], documents.dim, "query", "documents")
    from lateint_ref import _kernels

    padded = np.pad(q, ((0, -len(q) % _kernels.QUERY_TILE), (0, 0)))
    scores: Float32Array = _kernels.maxsim_segments(padded, len(q), documents.vectors, documents.offsets)
    return scores


def _checked_scale(scale: Any) -> float:
    array = np.asarray(scale)
    if array.ndim or not np.issubdtype(array.dtype, np.number) or not (np.isfinite(array) and array > 0):
        raise ValueError(f"scale must be one positive number, got {describe(scale)}.")
    return float(array)
