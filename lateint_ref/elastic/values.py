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
from lateint_ref.checks import as_matrix, describe, whole

_DIGITS = 9
_MARK = "\u0000"
_MARKED = re.compile(r'"\\u0000(\d+)"')  # as JSON writes it


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
    """One vector, `(dim,)`, for a `dense_vector` field or a kNN query.

    Raises:
        TypeError, ValueError: not a single vector, not numeric, empty, a NaN or infinity.
    """
    array = np.asarray(vector)
    if array.ndim != 1:
        raise ValueError(f"vector must be a single vector of shape (dim,), got {describe(vector)}.")
    return float_values(array[None, :])[0]


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
    if method not in ("GET", "POST", "PUT", "DELETE"):
        raise ValueError(f"method must be GET, POST, PUT or DELETE, got {method!r}.")
    if not isinstance(path, str) or not path.strip("/ "):
        raise ValueError(f"path must be such as 'pages/_search', got {path!r}.")
    line = f"{method} /{path.lstrip('/')}"
    if body is None:
        return line
    if not isinstance(body, Mapping):
        raise TypeError(f"body must be a dictionary, got {describe(body)}.")
    rows: list[str] = []
    marked = _with_marks(body, None if show is None else whole(show, "show"), rows)
    text = json.dumps(marked, indent=2, allow_nan=False, ensure_ascii=False)
    return f"{line}\n" + _MARKED.sub(lambda found: rows[int(found.group(1))], text)


def _with_marks(value: Any, limit: int | None, rows: list[str]) -> Any:
    """The value with a mark in place of each array of plain values, which `json` would spread over many lines."""
    if isinstance(value, Mapping):
        return {str(key): _with_marks(item, limit, rows) for key, item in value.items()}
    if isinstance(value, str) and _MARK in value:
        raise ValueError("body holds a string with a null character, which no request needs.")
    if not isinstance(value, (list, tuple)):
        return value
    cut = limit is not None and len(value) > limit
    if all(isinstance(item, (int, float, str, bool, type(None))) for item in value):
        shown = [round(item, 3) if cut and isinstance(item, float) else item for item in value[:limit]]
        items = [json.dumps(item, allow_nan=False, ensure_ascii=False) for item in shown]
        rows.append(f"[{', '.join([*items, *(['...'] if cut else [])])}]")
        return f"{_MARK}{len(rows) - 1}"
    kept = [_with_marks(item, limit, rows) for item in value[:limit]]
    if cut:
        rows.append("...")
        kept.append(f"{_MARK}{len(rows) - 1}")
    return kept
