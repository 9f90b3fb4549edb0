"""Input checks of the public functions: errors name the argument, what it got and what it takes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Float32Array = NDArray[np.float32]
Float64Array = NDArray[np.float64]
UInt8Array = NDArray[np.uint8]
Int64Array = NDArray[np.int64]


def describe(value: Any) -> str:
    """Say in a few words what a value is, for error messages."""
    if isinstance(value, np.ndarray):
        return f"an array of shape {value.shape} and dtype {value.dtype}"
    if hasattr(value, "shape") and hasattr(value, "dtype"):
        return f"a {type(value).__name__} of shape {tuple(value.shape)} and dtype {value.dtype}"
    if isinstance(value, (list, tuple)):
        return f"a {type(value).__name__} of {len(value)} items"
    return f"{type(value).__name__} {value!r}"


def as_matrix(value: Any, name: str, takes: str = "(n, dim)") -> Float32Array:
    """Return `value` as a C-contiguous float32 matrix of finite numbers.

    Lists of lists, other float and integer dtypes, and CPU tensors are converted. Copies only where it must.

    Args:
        value: what the caller passed.
        name: the caller's argument, for the message.
        takes: the shape that argument takes, for the message.

    Raises:
        TypeError: `value` is not numeric.
        ValueError: wrong rank, no rows, no columns, or a NaN or infinity.
    """
    if hasattr(value, "detach"):  # a torch tensor, without importing torch
        value = value.detach().cpu()
        value = value.float().numpy() if value.dtype.is_floating_point else value.numpy()
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise ValueError(
            f"{name} must be a matrix {takes}, got {describe(value)} whose rows differ in length. "
            "All vectors of one text or page have the same number of dimensions."
        ) from error
    if array.size == 0:
        raise ValueError(f"{name} is empty (shape {array.shape}): it needs at least one vector, as a matrix {takes}.")
    if array.dtype == np.bool_ or not (
        np.issubdtype(array.dtype, np.floating) or np.issubdtype(array.dtype, np.integer)
    ):
        raise TypeError(
            f"{name} must hold real numbers as a matrix {takes}, got {describe(value)} (dtype {array.dtype})."
        )
    if array.ndim != 2:
        hint = " Write array[None, :] for a single vector." if array.ndim == 1 else ""
        raise ValueError(f"{name} must be a matrix {takes}, got {array.ndim} axes, shape {array.shape}.{hint}")
    with np.errstate(over="ignore"):
        matrix = np.ascontiguousarray(array, dtype=np.float32)
    reject_non_finite(matrix, name)
    return matrix


def reject_non_finite(matrix: Float32Array, name: str) -> None:
    """Raise a `ValueError` that names the first row of `matrix` holding a NaN or an infinity."""
    # The sum of squares is finite exactly when every value is (and small enough to be a vector component), at
    # a fraction of the cost and memory of np.isfinite over the whole array.
    with np.errstate(over="ignore", invalid="ignore"):
        flat = matrix.ravel()
        if np.isfinite(np.dot(flat, flat)):
            return
        rows = ~np.isfinite(matrix).all(axis=1)
    if rows.any():
        row = int(np.argmax(rows))
        raise ValueError(
            f"{name} holds a NaN or an infinity, first in row {row} (float32 ends at 3.4e38). "
            "Check the encoder's output before scoring."
        )


def same_dim(left: int, right: int, left_name: str, right_name: str) -> None:
    """Raise a `ValueError` where two numbers of dimensions differ."""
    if left != right:
        raise ValueError(
            f"{left_name} has {left} dimensions and {right_name} has {right}: "
            "both must come from the same encoder and projection."
        )


def as_codes(value: Any, name: str, dtype: str, takes: str, kind: str, remedy: str) -> NDArray[Any]:
    """Return `value` as a C-contiguous matrix that already has the dtype it needs: nothing is converted.

    Args:
        value: what was passed.
        name: the argument, for messages.
        dtype: the only one taken.
        takes: the shape, for messages, such as `(n, dim / 8)`.
        kind: what the values are, for messages.
        remedy: how to make them, a sentence.

    Raises:
        TypeError: another dtype.
        ValueError: wrong rank or empty.
    """
    array = np.asarray(value)
    if array.size == 0:
        raise ValueError(f"{name} is empty (shape {array.shape}): it needs at least one vector, as a matrix {takes}.")
    if array.dtype != dtype:
        raise TypeError(f"{name} must be {kind}, {dtype} {takes}, got {describe(value)}. {remedy}")
    if array.ndim != 2:
        raise ValueError(f"{name} must be a matrix {takes} of {kind}, got {array.ndim} axes, shape {array.shape}.")
    return np.ascontiguousarray(array)


def as_bits(value: Any, name: str) -> UInt8Array:
    """Return `value` as a C-contiguous uint8 matrix of packed bits, shape `(n, dim / 8)`.

    Raises:
        TypeError: the dtype is not uint8.
        ValueError: wrong rank or no rows.
    """
    return as_codes(value, name, "uint8", "(n, dim / 8)", "packed bits", "Pack vectors with binarize() first.")


def positive_int(value: Any, name: str) -> int:
    """Return `value` as an int of at least 1, or raise `TypeError` / `ValueError`."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        raise TypeError(f"{name} must be a whole number of at least 1, got {describe(value)}.")
    if value < 1:
        raise ValueError(f"{name} must be a whole number of at least 1, got {value}.")
    return int(value)


def natural_int(value: Any, name: str) -> int:
    """Return `value` as an int of at least 0, or raise `TypeError` / `ValueError`."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        raise TypeError(f"{name} must be a whole number of at least 0, got {describe(value)}.")
    if value < 0:
        raise ValueError(f"{name} must be a whole number of at least 0, got {value}.")
    return int(value)
