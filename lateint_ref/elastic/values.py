"""Vectors as the numbers and strings of a document or a request, and a request as text.

Elasticsearch keeps float32. JSON has decimal numbers only, and Python prints a float32 with up to 18 digits because it
prints it as a double. Nine significant digits name every float32 exactly (IEEE 754-2019, section 5.12.2), so more of
them are bytes on the wire and nothing else.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from lateint_ref import to_hex
from lateint_ref.checks import as_matrix, as_vector, describe, one_of, whole

_DIGITS = 9
_MORE = "\u0000..."
_ROW = re.compile(r"\[\n[^\[\]{}]*\n *\]")  # an array of plain values, one a line


def float_values(vectors: Any) -> list[list[float]]:
    """`(n, dim)` vectors for a `float` field: the same float32 bit for bit, in about half the JSON.

    Raises:
        TypeError, ValueError: not numeric, wrong rank, empty, a NaN or infinity.
    """
    matrix = as_matrix(vectors, "vectors")
    exact = matrix.astype(np.float64)
    size = np.abs(exact)
    exponent = np.floor(np.log10(size, where=size > 0, out=np.zeros_like(size)))
    # An integer of nine digits times or over an exact power of ten: one rounding, so the double nearest that decimal.
    shift = _DIGITS - 1 - exponent
    digits = np.round(exact * 10.0 ** np.clip(shift, -22, 22))
    short = np.where(shift >= 0, digits / 10.0 ** np.clip(shift, 0, 22), digits * 10.0 ** np.clip(-shift, 0, 22))
    # Beyond 10^22 powers of ten are not exact in a double; numbers so small or so large stay as they are.
    kept: list[list[float]] = np.where(
        (np.abs(shift) <= 22) & (short.astype(np.float32) == matrix), short, exact
    ).tolist()
    return kept


def float_value(vector: Any) -> list[float]:
    """One vector, `(dim,)`, for a `dense_vector` field or a kNN query. Raises as `float_values`."""
    return float_values(as_vector(vector, "vector")[None])[0]


def byte_values(vectors: Any) -> list[list[int]]:
    """`(n, dim)` whole numbers from -128 to 127, of any dtype, for a `byte` field.

    Raises:
        TypeError, ValueError: other numbers, wrong rank, empty.
    """
    matrix = as_matrix(vectors, "vectors")
    bad = (matrix != np.round(matrix)) | (matrix < -128) | (matrix > 127)
    if bad.any():
        raise ValueError(
            f"vectors must hold whole numbers from -128 to 127 for a byte field, got {matrix[bad][0]:.6g}."
        )
    whole: list[list[int]] = matrix.astype(np.int64).tolist()
    return whole


def bit_values(bits: Any) -> list[str]:
    """`(n, dim / 8)` packed bits, as `lateint_ref.binarize` gives them, for a `bit` field: one hex string a vector."""
    return to_hex(bits)


def console(method: str, path: str, body: Mapping[str, Any] | None = None, show: int | None = None) -> str:
    """A request as Kibana's console takes it (or, after `-d`, curl): method and path, then the body.

    Arrays of numbers or short strings stand on one line. With `show`, that many items of a longer array are printed,
    floats to three decimals, and then `...`: for reading only.

    Raises:
        TypeError: `body` is not a dictionary of JSON values.
        ValueError: another method than GET, POST, PUT, DELETE; an empty path; `show` below 1; a NaN.
    """
    one_of(method, ("GET", "POST", "PUT", "DELETE"), "method")
    if not isinstance(path, str) or not path.strip("/ "):
        raise ValueError(f"path must be such as 'pages/_search', got {path!r}.")
    line = f"{method} /{path.lstrip('/')}"
    if body is None:
        return line
    if not isinstance(body, Mapping):
        raise TypeError(f"body must be a dictionary, got {describe(body)}.")
    shown = body if show is None else _cut(body, whole(show, "show"))
    spread = json.dumps(shown, indent=2, allow_nan=False, ensure_ascii=False)
    text = _ROW.sub(lambda row: "[" + re.sub(r"\n *", " ", row.group()[1:-1]).strip() + "]", spread)
    return f"{line}\n{text if show is None else text.replace(json.dumps(_MORE), '...')}"


def _cut(value: Any, limit: int) -> Any:
    """The value with `limit` items of each array."""
    if isinstance(value, Mapping):
        return {key: _cut(item, limit) for key, item in value.items()}
    if not isinstance(value, (list, tuple)):
        return value
    kept = [_cut(item, limit) for item in value[:limit]]
    if len(value) > limit:
        kept = [*(round(item, 3) if isinstance(item, float) else item for item in kept), _MORE]
    return kept
