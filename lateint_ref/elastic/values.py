"""Vectors as the numbers and strings that go into a document or a request.

Elasticsearch keeps float32. JSON has decimal numbers only, and Python prints a float32 with up to 18 digits because it
prints it as a double. Nine significant digits name every float32 exactly (IEEE 754-2019, section 5.12.2), so more of
them are bytes on the wire and nothing else.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from lateint_ref.checks import as_matrix, describe, reject_non_finite
from lateint_ref.quantize import to_hex

_DIGITS = 9


def float_values(vectors: Any) -> list[list[float]]:
    """A document's or query's vectors for a `float` field: the same float32, about half the JSON.

    Args:
        vectors: `(n, dim)`.

    Returns:
        `n` lists of `dim` Python floats of at most nine significant digits. Read as float32 they are the input, bit
        for bit.

    Raises:
        TypeError, ValueError: not numeric, wrong rank, empty, a NaN or infinity.
    """
    short: list[list[float]] = _shorten(as_matrix(vectors, "vectors")).tolist()
    return short


def float_value(vector: Any) -> list[float]:
    """One vector for a `dense_vector` field or a kNN query: `dim` floats, as `float_values` gives them.

    Raises:
        TypeError, ValueError: not numeric, not a single vector, empty, a NaN or infinity.
    """
    array = np.asarray(vector)
    if array.ndim != 1:
        raise ValueError(f"vector must be a single vector of shape (dim,), got {describe(vector)}.")
    return float_values(array[None, :])[0]


def byte_values(vectors: Any) -> list[list[int]]:
    """A document's or query's vectors for a `byte` field.

    Args:
        vectors: int8 `(n, dim)`, or whole numbers of another dtype from -128 to 127.

    Returns:
        `n` lists of `dim` ints.

    Raises:
        TypeError: not numeric.
        ValueError: a value that is not a whole number from -128 to 127; wrong rank, empty, a NaN or infinity.
    """
    matrix = as_matrix(vectors, "vectors")
    if (matrix != np.round(matrix)).any() or matrix.min() < -128 or matrix.max() > 127:
        worst = matrix.ravel()[int(np.argmax(np.maximum(np.abs(matrix - np.round(matrix)) * 1e9, np.abs(matrix))))]
        raise ValueError(f"vectors must hold whole numbers from -128 to 127 for a byte field, got {worst:.6g}.")
    whole: list[list[int]] = matrix.astype(np.int64).tolist()
    return whole


def bit_values(bits: Any) -> list[str]:
    """A document's or query's packed bits for a `bit` field: one hex string a vector.

    Args:
        bits: uint8 `(n, dim / 8)` from `lateint_ref.binarize`.

    Raises:
        TypeError, ValueError: not packed bits.
    """
    return to_hex(bits)


def _shorten(matrix: np.ndarray) -> np.ndarray:
    """Float32 to doubles that print with at most nine significant digits and round back to the same float32."""
    reject_non_finite(matrix, "vectors")
    exact = matrix.astype(np.float64)
    size = np.abs(exact)
    with np.errstate(divide="ignore"):
        exponent = np.floor(np.log10(size, where=size > 0, out=np.zeros_like(size)))
    # An integer of nine digits times or over an exact power of ten: one rounding, so the double nearest that decimal.
    shift = _DIGITS - 1 - exponent
    digits = np.round(exact * 10.0 ** np.clip(shift, -22, 22))
    short = np.where(shift >= 0, digits / 10.0 ** np.clip(shift, 0, 22), digits * 10.0 ** np.clip(-shift, 0, 22))
    # Beyond 10^22 powers of ten are not exact in a double; numbers so small or so large stay as they are.
    exact_powers = (np.abs(shift) <= 22) & (short.astype(np.float32) == matrix)
    kept: np.ndarray = np.where(exact_powers, short, exact)
    return kept
