"""One bit a dimension: sign bits, their packing, and the two scores that Elasticsearch computes on them.

Sources: Elasticsearch reference, "Rank vectors field type" (bit vectors, hex strings, most significant bit
first) and "Script score query", functions `maxSimDotProduct` and `maxSimInvHamming`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from lateint_ref._checks import Float32Array, UInt8Array, as_bits, as_matrix, same_dim


def binarize(vectors: Any) -> UInt8Array:
    """Keep one bit a dimension: 1 where the value is above zero, else 0.

    Args:
        vectors: `(n, dim)`, `dim` a multiple of 8.

    Returns:
        uint8 `(n, dim / 8)`, packed with the most significant bit first: dimension 0 is the 128s bit of byte
        0.

    Raises:
        TypeError: `vectors` is not numeric.
        ValueError: `dim` is not a multiple of 8, wrong rank, empty, a NaN or infinity.
    """
    matrix = as_matrix(vectors, "vectors")
    if matrix.shape[1] % 8:
        raise ValueError(
            f"vectors has {matrix.shape[1]} dimensions, which do not fill whole bytes: dim must be a multiple of 8."
        )
    return np.packbits(matrix > 0, axis=1, bitorder="big")


def unpack(bits: Any) -> UInt8Array:
    """Undo the packing: uint8 `(n, dim / 8)` to uint8 zeros and ones `(n, dim)`.

    Raises:
        TypeError, ValueError: `bits` is not packed bits.
    """
    return np.unpackbits(as_bits(bits, "bits"), axis=1, bitorder="big")


def to_hex(bits: Any) -> list[str]:
    """Packed vectors as hex strings, as Elasticsearch's `bit` fields take them: two lower-case digits a byte.

    Args:
        bits: uint8 `(n, dim / 8)` from `binarize`.

    Raises:
        TypeError, ValueError: `bits` is not packed bits.
    """
    return [row.tobytes().hex() for row in as_bits(bits, "bits")]


def from_hex(strings: Sequence[str]) -> UInt8Array:
    """Hex strings back to packed vectors, uint8 `(n, dim / 8)`.

    Raises:
        TypeError: `strings` is one string rather than a list.
        ValueError: no strings, a string that is not hex, or strings of different lengths.
    """
    if isinstance(strings, str):
        raise TypeError("strings must be a list of hex strings, one a vector; wrap a single one in a list.")
    if not strings:
        raise ValueError("strings is empty: give at least one hex string.")
    rows = []
    for number, text in enumerate(strings):
        try:
            rows.append(bytes.fromhex(text))
        except (TypeError, ValueError) as error:
            raise ValueError(f"string {number} is not hex (0-9, a-f, two digits a byte): {text!r}.") from error
        if len(rows[-1]) != len(rows[0]) or not rows[-1]:
            raise ValueError(
                f"string {number} holds {len(rows[-1])} bytes where the first holds {len(rows[0])}: all "
                f"vectors have the same, at least 1."
            )
    return np.frombuffer(b"".join(rows), np.uint8).reshape(len(rows), -1).copy()


def maxsim_inv_hamming(query_bits: Any, document_bits: Any) -> float:
    """Symmetric bit MaxSim: both sides are bits, similarity is the share of dimensions on which they agree.

    For each query vector the largest `(dim - hamming) / dim` over the document's vectors; then the sum.

    Args:
        query_bits: uint8 `(n_q, dim / 8)`.
        document_bits: uint8 `(n_d, dim / 8)`.

    Returns:
        The score, from 0 to `n_q`.

    Raises:
        TypeError, ValueError: an argument is not packed bits, or they differ in width.
    """
    q, d = as_bits(query_bits, "query_bits"), as_bits(document_bits, "document_bits")
    same_dim(8 * q.shape[1], 8 * d.shape[1], "query_bits", "document_bits")
    dim = 8 * q.shape[1]
    hamming = np.bitwise_count(q[:, None, :] ^ d[None, :, :]).sum(axis=2, dtype=np.int32)
    return float(((dim - hamming.min(axis=1)) / dim).sum())


def maxsim_asymmetric(query: Any, document_bits: Any) -> float:
    """Asymmetric MaxSim: a float query against stored bits read as 0 and 1.

    Each stored vector is a mask that picks which of the query's values are added: what Elasticsearch's
    `maxSimDotProduct` does on a `bit` field. Reading the bits as -1 and +1 instead gives `2 * score -
    query.sum()`, the same ranking.

    Args:
        query: `(n_q, dim)`.
        document_bits: uint8 `(n_d, dim / 8)`.

    Returns:
        The score, in the units of the query's values.

    Raises:
        TypeError, ValueError: a malformed argument, or different dims.
    """
    q = as_matrix(query, "query", "(n_q, dim)")
    d = as_bits(document_bits, "document_bits")
    same_dim(q.shape[1], 8 * d.shape[1], "query", "document_bits")
    mask: Float32Array = unpack(d).astype(np.float32)
    return float((q @ mask.T).max(axis=1).sum())
