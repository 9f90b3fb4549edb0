"""Vectors in JSON: checked and turned into arrays, and back.

In memory a vector field's values are float32 (float, bfloat16), int8 (byte) or packed uint8 (bit).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbook.elasticsearch.reading import NodeError, illegal, parsing, token

Vectors = NDArray[Any]
_PREVIEW = 5


def parse_vector(value: Any, element: str) -> Vectors:
    """One vector of any length.

    Args:
        value: a list of numbers; for byte and bit also a hex string, two digits a byte.
        element: float, bfloat16, byte or bit (bit: signed bytes, 8 dimensions each).

    Returns:
        float32 `(dim,)`, int8 `(dim,)`, or uint8 `(dim / 8,)`.

    Raises:
        NodeError: 400.
    """
    if isinstance(value, str):
        if element in ("float", "bfloat16"):
            raise parsing(f"Failed to parse object: expecting token of type [START_ARRAY] but found [{token(value)}]")
        return _from_hex(value, element)
    if not isinstance(value, list):
        raise parsing(f"Failed to parse object: expecting token of type [START_ARRAY] but found [{token(value)}]")
    kinds = set(map(type, value))
    if not kinds <= {int, float}:
        wrong = next(item for item in value if type(item) not in (int, float))
        raise parsing(f"Failed to parse object: expecting token of type [VALUE_NUMBER] but found [{token(wrong)}]")
    if element in ("byte", "bit"):
        return _as_bytes(value, kinds, element)
    try:
        with np.errstate(over="ignore"):
            vector: Vectors = np.array(value, dtype=np.float64).astype(np.float32)
    except OverflowError:
        vector = np.array([np.inf], np.float32)
    if not np.isfinite(vector).all():
        raise illegal(
            f"element_type [{element}] vectors do not support infinite values but found [Infinity] "
            f"at dim [{int(np.argmin(np.isfinite(vector)))}];{preview(vector)}"
        )
    return to_bfloat16(vector) if element == "bfloat16" else vector


def _from_hex(text: str, element: str) -> Vectors:
    try:
        raw = bytes.fromhex(text) if text.strip() == text and " " not in text else None
    except ValueError:
        raw = None
    if raw is None:
        raise illegal(f"string [{text[:40]}] is not hexadecimal: two digits 0-9, a-f a byte")
    return np.frombuffer(raw, np.uint8 if element == "bit" else np.int8).copy()


def _as_bytes(value: list[Any], kinds: set[type], element: str) -> Vectors:
    for index, item in enumerate(value) if value and (float in kinds or min(value) < -128 or max(value) > 127) else ():
        shown = preview(value)
        if float(item) % 1:
            raise illegal(
                f"element_type [{element}] vectors only support non-decimal values but found decimal value "
                f"[{item}] at dim [{index}];{shown}"
            )
        if not -128 <= item <= 127:
            raise illegal(
                f"element_type [{element}] vectors only support integers between [-128, 127] but found "
                f"[{item}] at dim [{index}];{shown}"
            )
    vector: Vectors = np.array(value, dtype=np.int64).astype(np.int8)
    return vector.view(np.uint8) if element == "bit" else vector


def to_bfloat16(vector: Vectors) -> Vectors:
    """Round float32 values to bfloat16 (8 bits of mantissa, ties to even), kept as float32."""
    bits = vector.view(np.uint32)
    rounded = (bits + np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1))) & np.uint32(0xFFFF0000)
    return rounded.view(np.float32)


def width(vector: Vectors, element: str) -> int:
    """The number of dimensions of a parsed vector (or of a matrix's rows)."""
    return int(vector.shape[-1]) * (8 if element == "bit" else 1)


def check_magnitude(vector: Vectors, element: str, similarity: str) -> None:
    """Refuse what a similarity cannot measure: a zero vector under cosine, not unit length under dot_product."""
    if element == "bit":
        return
    squared = float(np.dot(vector.astype(np.float64), vector.astype(np.float64)))
    if similarity == "cosine" and squared == 0:
        raise illegal(f"The [cosine] similarity does not support vectors with zero magnitude.{preview(vector)}")
    if similarity == "dot_product" and element != "byte" and abs(squared - 1) > 1e-4:
        raise illegal(f"The [dot_product] similarity can only be used with unit-length vectors.{preview(vector)}")


def preview(vector: Any) -> str:
    """The first values of a bad vector, for its message."""
    shown = [str(item) for item in vector[:_PREVIEW]]
    more = ["..."] if len(vector) > _PREVIEW else []
    return f" Preview of invalid vector: [{', '.join(shown + more)}]"


def parse_matrix(value: Any, element: str, path: str, dims: int | None, document: str) -> Vectors:
    """The vectors of one document of a `rank_vectors` field.

    Returns:
        `(n, dim)` as `parse_vector`'s rows.

    Raises:
        NodeError: 400: not a list of vectors, none where `dims` is not known, of different lengths, or not `dims` long.
    """
    if not isinstance(value, list):
        raise illegal(f"Field [{path}] of type [rank_vectors] cannot be indexed with a single value")
    if not value:  # release 9.5.1 stores it where it knows the dims; later ones refuse
        if dims is None:
            raise _dims_out_of_range(element, -1)
        kind = {"byte": np.int8, "bit": np.uint8}.get(element, np.float32)
        return np.zeros((0, dims // 8 if element == "bit" else dims), kind)
    rows = [parse_vector(item, element) for item in value]
    lengths = {len(row) for row in rows}
    if dims is None and len(lengths) > 1:
        raise illegal(f"Field [{path}] of type [rank_vectors] cannot be indexed with vectors of different dimensions")
    for row in rows:
        check_dims(row, element, f"The [rank_vectors] field [{path}] in doc [{document}]", dims)
    return np.stack(rows)


def check_dims(row: Vectors, element: str, what: str, dims: int | None) -> None:
    """Refuse a vector that is not `dims` long, or longer than the field type allows."""
    got = width(row, element)
    if dims is None:
        if not 1 <= got <= (8 * 4096 if element == "bit" else 4096):
            raise _dims_out_of_range(element, got)
    elif got > dims:
        raise illegal(f"{what} has more dimensions than defined in the mapping [{dims}]")
    elif got < dims:
        raise illegal(f"{what} has a different number of dimensions [{got}] than defined in the mapping [{dims}]")


def _dims_out_of_range(element: str, got: int) -> NodeError:
    low, high = (8, 8 * 4096) if element == "bit" else (1, 4096)
    return illegal(f"The number of dimensions should be in the range [{low}, {high}] but was [{got}]")


def to_json(vectors: Vectors) -> Any:
    """Numbers as the server writes them: the shortest decimal that reads back as the same float32."""
    if vectors.dtype == np.uint8:
        return vectors.view(np.int8).tolist()
    if vectors.dtype == np.int8:
        return vectors.tolist()
    shortest = np.array([float(text) for text in vectors.ravel().astype(str)], np.float64)
    return shortest.reshape(vectors.shape).tolist()
