"""Bits of many documents in one array, and the two bit scores of a query with all of them.

Sources: Elasticsearch reference, "Rank vectors field type" (bit vectors) and "Script score query", functions
`maxSimInvHamming` and `maxSimDotProduct`. One pair at a time: `bits.py`.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lateint_ref._checks import Float32Array, UInt8Array, as_bits, as_matrix, describe, same_dim
from lateint_ref.bits import binarize
from lateint_ref.multivectors import MultiVectors
from lateint_ref.ragged import Ragged

_WORD_BYTES = 8


class PackedMultiVectors(Ragged[np.uint8]):
    """The packed bits of many documents, back to back in one matrix: 1/32 of the memory of float32.

    Attributes:
        vectors: uint8 `(total_vectors, dim / 8)`, C-contiguous, most significant bit first as from `binarize`.
        offsets: int64 `(n_docs + 1,)`, `offsets[0] == 0`, strictly increasing, `offsets[-1] ==
            total_vectors`.
        ids: one unique string a document.
    """

    _dtype = "uint8"
    _unit = "bits"
    _shape = "dim / 8"
    _dims_per_column = 8

    @classmethod
    def _matrix(cls, value: Any, name: str, takes: str) -> UInt8Array:
        return as_bits(value, name)

    @cached_property
    def words(self) -> NDArray[np.uint64]:
        """The same bits as uint64 `(total_vectors, words)`, for comparing 64 at a time.

        A view where a vector fills whole words (`dim` a multiple of 64). Otherwise a copy, made once and kept, each
        row padded with zeros.
        """
        return _as_words(self.vectors)


def binarize_collection(documents: MultiVectors) -> PackedMultiVectors:
    """Keep one bit a dimension of every vector of a collection: 1 where the value is above zero, else 0.

    Args:
        documents: the collection, `dim` a multiple of 8.

    Raises:
        TypeError: `documents` is not a `MultiVectors`.
        ValueError: `dim` is not a multiple of 8.
    """
    if not isinstance(documents, MultiVectors):
        raise TypeError(f"documents must be a MultiVectors, got {describe(documents)}.")
    return PackedMultiVectors(binarize(documents.vectors), documents.offsets, documents.ids)


def maxsim_inv_hamming_scores(query_bits: Any, documents: PackedMultiVectors) -> Float32Array:
    """Symmetric bit MaxSim of one query with every document: as `maxsim_inv_hamming`, on all cores.

    Only whole numbers are added up to the last division, so nothing is rounded before it.

    Args:
        query_bits: uint8 `(n_q, dim / 8)`.
        documents: the collection.

    Returns:
        float32 `(n_docs,)`, from 0 to `n_q`, in the collection's order.

    Raises:
        TypeError: `documents` is not a `PackedMultiVectors`, or `query_bits` is not packed bits.
        ValueError: `query_bits` has the wrong rank, is empty, or differs in width.
    """
    _require_packed(documents)
    q = as_bits(query_bits, "query_bits")
    same_dim(8 * q.shape[1], documents.dim, "query_bits", "documents")
    from lateint_ref import _kernels_bits

    columns = np.ascontiguousarray(_as_words(q).T)
    distances = _kernels_bits.hamming_segments(columns, documents.words, documents.offsets)
    scores: Float32Array = (len(q) - distances / documents.dim).astype(np.float32)
    return scores


def maxsim_asymmetric_scores(query: Any, documents: PackedMultiVectors) -> Float32Array:
    """Asymmetric MaxSim of a float query with every document's bits, read as 0 and 1: as `maxsim_asymmetric`.

    What Elasticsearch's `maxSimDotProduct` does on a `bit` field. Exact up to the rounding of float32 sums; the
    documents stay packed.

    Args:
        query: `(n_q, dim)`.
        documents: the collection.

    Returns:
        float32 `(n_docs,)`, in the units of the query's values and in the collection's order.

    Raises:
        TypeError: `documents` is not a `PackedMultiVectors`, or `query` is not numeric.
        ValueError: `query` has the wrong rank, is empty, holds a NaN or infinity, or differs in dims.
    """
    _require_packed(documents)
    q = as_matrix(query, "query", "(n_q, dim)")
    same_dim(q.shape[1], documents.dim, "query", "documents")
    from lateint_ref import _kernels_bits

    scores: Float32Array = _kernels_bits.masked_segments(
        _partial_sums(q, _kernels_bits.LANES), len(q), documents.vectors, documents.offsets
    )
    return scores


def _require_packed(documents: Any) -> None:
    if not isinstance(documents, PackedMultiVectors):
        raise TypeError(
            f"documents must be a PackedMultiVectors, got {describe(documents)}. Build one with "
            f"binarize_collection(multivectors)."
        )


def _as_words(bits: UInt8Array) -> NDArray[np.uint64]:
    missing = -bits.shape[1] % _WORD_BYTES
    if missing:
        bits = np.pad(bits, ((0, 0), (0, missing)))
    return np.require(bits.view(np.uint64), requirements="A")


def _partial_sums(query: Float32Array, lanes: int) -> Float32Array:
    """What every possible half byte of a stored vector adds to the score of every query vector.

    Returns:
        float32, flat, from `(tiles, dim / 4, 16, lanes)`: in a tile of `lanes` query vectors, for each group of 4
        dimensions and each value of the 4 bits, the sum of the query's values under the ones. The last tile is
        filled up with zeros.
    """
    padded = np.pad(query, ((0, -len(query) % lanes), (0, 0)))
    groups = padded.reshape(-1, lanes, query.shape[1] // 4, 4).transpose(0, 2, 3, 1)
    table = np.zeros((*groups.shape[:2], 16, lanes), np.float32)
    for value in range(16):
        for dimension in range(4):
            if value >> (3 - dimension) & 1:
                table[:, :, value] += groups[:, :, dimension]
    return table.ravel()
