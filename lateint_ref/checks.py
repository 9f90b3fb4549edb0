"""What every public function checks once: arguments, with errors that name the argument, what it got and what it takes.

And what is kept on disk between runs: where, and whole or not at all.
"""

import math
import os
import reprlib
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

Float32Array = NDArray[np.float32]
Float64Array = NDArray[np.float64]
UInt8Array = NDArray[np.uint8]
Int8Array = NDArray[np.int8]
Int64Array = NDArray[np.int64]

# Dot products of larger values leave float32 once a few thousand of them are added up.
LARGEST = 1e15

Kind = TypeVar("Kind")

_short = reprlib.Repr()
_short.maxstring = _short.maxother = 80


def describe(value: Any) -> str:
    """Say in a few words what a value is, however large, for error messages."""
    if isinstance(value, np.ndarray):
        return f"an array of shape {value.shape} and dtype {value.dtype}"
    if hasattr(value, "shape") and hasattr(value, "dtype"):
        return f"a {type(value).__name__} of shape {tuple(value.shape)} and dtype {value.dtype}"
    if isinstance(value, (list, tuple)):
        return f"a {type(value).__name__} of {len(value)} items"
    return f"{type(value).__name__} {_short.repr(value)}"


def require(value: Any, kind: type[Kind], name: str) -> Kind:
    """Return `value` where it is a `kind`, else raise a `TypeError`, which ends in the kind's own `MADE_BY`."""
    if not isinstance(value, kind):
        article = "an" if kind.__name__[0] in "AEIOU" else "a"
        remedy = getattr(kind, "MADE_BY", "")
        raise TypeError(f"{name} must be {article} {kind.__name__}, got {describe(value)}. {remedy}".rstrip())
    return value


def whole(value: Any, name: str, least: int = 1) -> int:
    """Return `value` as an int of at least `least`, or raise `TypeError` (not a whole number) or `ValueError`."""
    takes = f"{name} must be a whole number of at least {least}"
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        raise TypeError(f"{takes}, got {describe(value)}.")
    if value < least:
        raise ValueError(f"{takes}, got {value}.")
    return int(value)


def positive(value: Any, name: str) -> float:
    """Return `value` as a finite float above 0, or raise a `ValueError`."""
    number = isinstance(value, (int, float, np.number)) and not isinstance(value, bool)
    if not (number and math.isfinite(value) and value > 0):
        raise ValueError(f"{name} must be a number above 0, got {describe(value)}.")
    return float(value)


def one_of(value: Any, known: Sequence[str], name: str) -> str:
    """Return `value` where it is one of these strings, else raise a `ValueError` that lists them."""
    if not isinstance(value, str) or value not in known:
        raise ValueError(f"{name} must be one of {list(known)}, got {describe(value)}.")
    return value


def as_numbers(value: Any, name: str, takes: str) -> NDArray[Any]:
    """Return what holds real numbers as an array: lists, arrays, tensors on any device, with gradient or bfloat16.

    Here and below, `name` is the caller's argument and `takes` the shape that it takes, for messages.

    Raises:
        TypeError: `value` is not numeric.
        ValueError: rows that differ in length, or a masked array, whose mask would be lost.
    """
    parts = value if isinstance(value, (list, tuple)) else [value]
    if any(isinstance(part, np.ma.MaskedArray) and np.ma.is_masked(part) for part in parts):
        raise ValueError(
            f"{name} is a masked array, and what it masks would count. Pass the rows that are meant: "
            "value.data[keep], or padded documents with mask= to MultiVectors.from_list."
        )
    if any(hasattr(part, "detach") for part in parts):
        value = [_from_torch(part) for part in parts] if parts is value else _from_torch(value)
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise ValueError(
            f"{name} must be an array {takes}, got {describe(value)} whose rows differ in length. "
            "All vectors of one text or page have the same number of dimensions."
        ) from error
    if array.size and array.dtype.kind not in "iuf":
        raise TypeError(f"{name} must hold real numbers as an array {takes}, got {describe(value)}.")
    return array


def _from_torch(value: Any) -> Any:
    """A torch tensor as an array, without importing torch; anything else as it is."""
    if not hasattr(value, "detach"):
        return value
    tensor = value.detach().cpu()
    # NumPy knows no bfloat16, whose values are all float32 values.
    return tensor.float().numpy() if tensor.dtype.is_floating_point and tensor.element_size() < 4 else tensor.numpy()


def as_floats(value: Any, name: str, takes: str, axes: int) -> Float32Array:
    """Return `value` as a C-contiguous float32 array of finite numbers with so many axes; copies only where it must.

    Raises:
        TypeError: `value` is not numeric.
        ValueError: another number of axes, nothing in it, a masked array, a NaN or infinity, or a value beyond 1e15.
    """
    array = _of_axes(as_numbers(value, name, takes), name, takes, axes)
    with np.errstate(over="ignore"):
        floats = np.ascontiguousarray(array, dtype=np.float32)
    _reject_non_finite(floats.reshape(-1, floats.shape[-1]), name)
    return floats


def as_matrix(value: Any, name: str, takes: str = "(n, dim)") -> Float32Array:
    """Vectors, one a row, as `as_floats`."""
    return as_floats(value, name, takes, 2)


def as_vector(value: Any, name: str, takes: str = "(dim,)") -> Float32Array:
    """One vector, as `as_floats`."""
    return as_floats(value, name, takes, 1)


def as_scores(value: Any, name: str, count: int | None = None) -> Float64Array:
    """Return `value` as finite float64 numbers, `count` of them where that is known: in float32, close ones would tie.

    Raises:
        TypeError: not numeric.
        ValueError: another number of them, none, or a NaN or infinity.
    """
    array = as_numbers(value, name, "(n,)")
    if array.ndim != 1 or not array.size or count not in (None, array.size):
        each = "at least one number" if count is None else f"one number for each of {count}"
        raise ValueError(f"{name} must hold {each}, in one row, got shape {array.shape}.")
    values = array.astype(np.float64)
    if not np.isfinite(values).all():
        raise ValueError(f"{name} holds a NaN or an infinity, first at position {int(np.argmin(np.isfinite(values)))}.")
    return values


def as_bits(value: Any, name: str) -> UInt8Array:
    """Return `value` as packed bits, uint8 `(n, dim / 8)`, C-contiguous; another dtype is a `TypeError`."""
    return _as_codes(value, name, "(n, dim / 8)", np.uint8, "packed bits", "Pack vectors with binarize() first.")


def as_int8(value: Any, name: str, takes: str = "(n, dim)") -> Int8Array:
    """Return `value` as signed bytes, int8 `(n, dim)`, C-contiguous; another dtype is a `TypeError`."""
    return _as_codes(value, name, takes, np.int8, "signed bytes", "Make them with quantize_int8().")


def _as_codes(value: Any, name: str, takes: str, dtype: Any, kind: str, remedy: str) -> NDArray[Any]:
    """A matrix that already has the dtype it needs: nothing is converted."""
    array = as_numbers(value, name, takes)
    if array.size and array.dtype != dtype:
        raise TypeError(f"{name} must be {kind}, {np.dtype(dtype)} {takes}, got {describe(value)}. {remedy}")
    return np.ascontiguousarray(_of_axes(array, name, f"{takes} of {kind}", 2))


def _of_axes(array: NDArray[Any], name: str, takes: str, axes: int) -> NDArray[Any]:
    what = {1: "one vector, shape", 2: "a matrix"}.get(axes, "an array")
    least = "number" if axes == 1 else "vector"
    if array.size == 0:
        raise ValueError(f"{name} is empty (shape {array.shape}): it needs at least one {least}, as {what} {takes}.")
    if array.ndim != axes:
        hint = " Write array[None, :] for a single vector." if (array.ndim, axes) == (1, 2) else ""
        raise ValueError(f"{name} must be {what} {takes}, got {array.ndim} axes, shape {array.shape}.{hint}")
    return array


def _reject_non_finite(matrix: Float32Array, name: str) -> None:
    """Raise a `ValueError` that names the first row with a NaN, an infinity, or a value beyond 1e15."""
    # The sum of squares says it of all values together, at a fraction of the cost and memory of np.isfinite.
    with np.errstate(over="ignore", invalid="ignore"):
        flat = matrix.ravel()
        if np.dot(flat, flat) <= LARGEST**2:
            return
        largest = np.abs(matrix).max(axis=1)
    if not np.isfinite(largest).all():
        raise ValueError(
            f"{name} holds a NaN or an infinity, first in row {int(np.argmin(np.isfinite(largest)))} (float32 ends at "
            "3.4e38). Check the encoder's output before scoring."
        )
    if largest.max() > LARGEST:
        raise ValueError(
            f"{name} holds {largest.max():.3g} in row {int(largest.argmax())}: dot products of values beyond "
            f"{LARGEST:.0e} overflow float32. Scale the vectors down."
        )


def same_dim(left: int, right: int, left_name: str, right_name: str) -> None:
    """Raise a `ValueError` where two numbers of dimensions differ."""
    if left != right:
        raise ValueError(
            f"{left_name} has {left} dimensions and {right_name} has {right}: "
            "both must come from the same encoder and projection."
        )


def cache_folder() -> Path:
    """Where derived files are kept: `LATEINT_CACHE`, or `lateint_ref` in the platform's cache folder of the user."""
    chosen = os.environ.get("LATEINT_CACHE", "").strip()
    if chosen:
        return Path(chosen).expanduser()
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA", "") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME", "") or Path.home() / ".cache")
    return base / "lateint_ref"


def partial_name(path: Path) -> Path:
    """Where a file is written before it takes its name: different for every process and thread."""
    return path.with_name(f".{path.stem}.{os.getpid()}-{threading.get_ident()}.partial{path.suffix}")


def write_npz(path: str | os.PathLike[str], **arrays: Any) -> Path:
    """Write arrays under their names, whole or not at all; returns the path, with `.npz` where it lacked that.

    No pickle: what lies in a cache folder is read, never run.
    """
    target = _with_suffix(path)
    partial = partial_name(target)
    try:
        np.savez(partial, **arrays)
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)
    return target


def read_npz(path: str | os.PathLike[str], names: Sequence[str], kind: str) -> dict[str, Any]:
    """Read all arrays of these names; `.npz` may be left out. `kind`: the class that wrote the file, for messages.

    Raises:
        FileNotFoundError: no such file.
        ValueError: not such a file, damaged, or it holds pickled objects.
    """
    try:
        with np.load(path if Path(path).exists() else _with_suffix(path), allow_pickle=False) as archive:
            return {name: archive[name] for name in names}
    except FileNotFoundError:
        raise
    except Exception as error:  # zipfile and NumPy have a dozen words for damage
        raise ValueError(
            f"{path} is not a {kind} file (.npz with {', '.join(names)}), or is damaged: {error}. "
            f"Write it again with {kind}.save."
        ) from error


def _with_suffix(path: str | os.PathLike[str]) -> Path:
    target = Path(path)
    return target if target.suffix == ".npz" else target.with_name(target.name + ".npz")
