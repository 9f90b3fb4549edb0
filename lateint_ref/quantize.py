"""One bit a dimension, and one byte: the conversions, and MaxSim on them for one pair and for a collection.

Bits: 1 where the value is above 0, packed with the most significant bit first, uint8 `(n, dim / 8)`: dimension 0 is the
128s bit of byte 0. Bytes: a value `v` is stored as the whole number nearest to `v / scale`, from -127 to 127; one scale
serves a whole collection, so scores within it compare, and ranking does not need the scale. (Elasticsearch's own
`int8_hnsw` instead picks bounds from quantiles of the data; `element_type: byte` takes the bytes as they come.)

Sources: Elasticsearch reference, "Rank vectors field type" (bit vectors, hex strings, most significant bit first; byte,
integers from -128 to 127) and "Script score query", functions `maxSimDotProduct` and `maxSimInvHamming`.
"""

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from lateint_ref.checks import Float32Array, Int8Array, UInt8Array, as_bits, as_int8, as_matrix, require, same_dim
from lateint_ref.multivectors import Int8MultiVectors, MultiVectors, PackedMultiVectors, as_words, checked_scale
from lateint_ref.scores import tiled_scores

LARGEST = 127


def binarize(vectors: Any) -> UInt8Array:
    """Keep one bit a dimension of vectors, `(n, dim)`: 1 where the value is above zero; uint8 `(n, dim / 8)`.

    Raises:
        ValueError: `dim` is not a multiple of 8.
    """
    matrix = as_matrix(vectors, "vectors")
    if matrix.shape[1] % 8:
        raise ValueError(
            f"vectors has {matrix.shape[1]} dimensions, which do not fill whole bytes: dim must be a multiple of 8."
        )
    return np.packbits(matrix > 0, axis=1, bitorder="big")


def binarize_collection(documents: MultiVectors) -> PackedMultiVectors:
    """`binarize` of every document; ids and order stay."""
    require(documents, MultiVectors, "documents")
    return PackedMultiVectors(binarize(documents.vectors), documents.offsets, documents.ids)


def unpack(bits: Any) -> UInt8Array:
    """Undo the packing: uint8 `(n, dim / 8)` to uint8 zeros and ones `(n, dim)`."""
    return np.unpackbits(as_bits(bits, "bits"), axis=1, bitorder="big")


def to_hex(bits: Any) -> list[str]:
    """Packed vectors as hex strings, as Elasticsearch's `bit` fields take them: two lower-case digits a byte."""
    return [row.tobytes().hex() for row in as_bits(bits, "bits")]


def from_hex(strings: Sequence[str]) -> UInt8Array:
    """Hex strings back to packed vectors, uint8 `(n, dim / 8)`.

    Raises:
        ValueError: a string that is not hex, or strings of different lengths.
    """
    if isinstance(strings, str):
        raise TypeError("strings must be a list of hex strings, one a vector; wrap a single one in a list.")
    if len(strings) == 0:
        raise ValueError("strings is empty: give at least one hex string.")
    for number, text in enumerate(strings):
        # bytes.fromhex would pass over spaces, which Elasticsearch does not.
        if not isinstance(text, str) or not re.fullmatch("([0-9a-fA-F]{2})+", text):
            raise ValueError(f"string {number} is not hex (0-9, a-f, two digits a byte, nothing else): {text!r}.")
        if len(text) != len(strings[0]):
            sizes = f"{len(text) // 2} bytes where the first holds {len(strings[0]) // 2}"
            raise ValueError(f"string {number} holds {sizes}: all vectors have the same.")
    return np.frombuffer(bytes.fromhex("".join(strings)), np.uint8).reshape(len(strings), -1).copy()


def maxsim_inv_hamming(query_bits: Any, document_bits: Any) -> float:
    """Symmetric bit MaxSim: both sides are bits, similarity is the share of dimensions on which they agree.

    For each query vector, uint8 `(n_q, dim / 8)`, the largest `(dim - hamming) / dim` over the document's vectors,
    uint8 `(n_d, dim / 8)`; then the sum, from 0 to `n_q`.
    """
    q, d = as_bits(query_bits, "query_bits"), as_bits(document_bits, "document_bits")
    same_dim(8 * q.shape[1], 8 * d.shape[1], "query_bits", "document_bits")
    dim = 8 * q.shape[1]
    hamming = np.bitwise_count(q[:, None, :] ^ d[None, :, :]).sum(axis=2, dtype=np.int32)
    return float(((dim - hamming.min(axis=1)) / dim).sum())


def maxsim_inv_hamming_scores(query_bits: Any, documents: PackedMultiVectors) -> Float32Array:
    """`maxsim_inv_hamming` of one query with every document, float32 `(n_docs,)`, on all cores.

    Only whole numbers are added up to the last division, so nothing is rounded before it.
    """
    require(documents, PackedMultiVectors, "documents")
    q = as_bits(query_bits, "query_bits")
    same_dim(8 * q.shape[1], documents.dim, "query_bits", "documents")
    from lateint_ref import kernels

    distances = kernels.hamming_segments(np.ascontiguousarray(as_words(q).T), documents.words, documents.offsets)
    return np.asarray(len(q) - distances / documents.dim, np.float32)


def maxsim_asymmetric(query: Any, document_bits: Any) -> float:
    """Asymmetric MaxSim: a float query, `(n_q, dim)`, against stored bits, uint8 `(n_d, dim / 8)`, read as 0 and 1.

    Each stored vector is a mask that picks which of the query's values are added: what Elasticsearch's
    `maxSimDotProduct` does on a `bit` field. Reading the bits as -1 and +1 instead gives `2 * score -
    query.sum()`, the same ranking.
    """
    q = as_matrix(query, "query", "(n_q, dim)")
    d = as_bits(document_bits, "document_bits")
    same_dim(q.shape[1], 8 * d.shape[1], "query", "document_bits")
    mask: Float32Array = unpack(d).astype(np.float32)
    return float((q @ mask.T).max(axis=1).sum())


def maxsim_asymmetric_scores(query: Any, documents: PackedMultiVectors) -> Float32Array:
    """`maxsim_asymmetric` of one query with every document, float32 `(n_docs,)`, on all cores.

    Exact up to the rounding of float32 sums; the documents stay packed.
    """
    require(documents, PackedMultiVectors, "documents")
    q = as_matrix(query, "query", "(n_q, dim)")
    same_dim(q.shape[1], documents.dim, "query", "documents")
    from lateint_ref import kernels

    # For each group of 4 dimensions and each value of its 4 bits, the sum of every query vector's values under ones.
    groups = q.reshape(len(q), -1, 4).transpose(1, 2, 0)
    table = np.zeros((len(groups), 16, len(q)), np.float32)
    for value in range(16):
        for dimension in range(4):
            if value >> (3 - dimension) & 1:
                table[:, value] += groups[:, dimension]
    return np.asarray(kernels.masked_segments(table, documents.vectors, documents.offsets))


def int8_scale(vectors: Any) -> float:
    """The scale at which the largest value of vectors, `(n, dim)`, sign aside, becomes 127.

    Raises:
        ValueError: nothing but zeros.
    """
    largest = float(np.abs(as_matrix(vectors, "vectors")).max())
    if largest == 0:
        raise ValueError("vectors holds nothing but zeros: there is no scale to take from them.")
    return checked_scale(largest / LARGEST)


def quantize_int8(vectors: Any, scale: float | None = None) -> Int8Array:
    """Vectors, `(n, dim)`, as whole multiples of `scale`, int8 `(n, dim)`; beyond -127 and 127 they are clipped.

    The default scale, `int8_scale(vectors)`, clips nothing, and then no value is off by more than half of it.
    """
    matrix = as_matrix(vectors, "vectors")
    step = int8_scale(matrix) if scale is None else checked_scale(scale)
    with np.errstate(over="ignore"):  # what overflows is clipped
        quantized: Int8Array = np.rint(matrix / np.float32(step)).clip(-LARGEST, LARGEST).astype(np.int8)
    return quantized


def quantize_collection(documents: MultiVectors, scale: float | None = None) -> Int8MultiVectors:
    """`quantize_int8` of every document with one scale, by default that of the collection's largest value."""
    require(documents, MultiVectors, "documents")
    step = int8_scale(documents.vectors) if scale is None else checked_scale(scale)
    return Int8MultiVectors(quantize_int8(documents.vectors, step), documents.offsets, documents.ids, step)


def maxsim_int8_scores(query: Any, documents: Int8MultiVectors) -> Float32Array:
    """MaxSim of one query with every document's bytes, as whole numbers: Elasticsearch's on a `byte` field.

    Multiplied by the query's scale and the collection's, it estimates the float score; the ranking needs neither. Up
    to 1024 dimensions every dot product is exact; a sum past 2 ** 24 is rounded to float32, as Elasticsearch's is.

    Args:
        query: int8 `(n_q, dim)`, with a scale of its own if you like.
        documents: the collection.

    Returns:
        float32 `(n_docs,)`, in the collection's order.
    """
    require(documents, Int8MultiVectors, "documents")
    q = as_int8(query, "query", "(n_q, dim)").astype(np.float32)
    same_dim(q.shape[1], documents.dim, "query", "documents")
    return tiled_scores(q, documents.vectors, documents.offsets)
