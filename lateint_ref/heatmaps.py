"""Where on the page the match is: similarity of query vectors and patches, as maps over the patch grid.

Source: Faysse et al., "ColPali: Efficient Document Retrieval with Vision Language Models", ICLR 2025, section 5.3
(similarity maps); the same numbers as colpali-engine's `interpretability` module, with rows first.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lateint_ref._checks import Float32Array, Int64Array, as_matrix, describe, positive_int, reject_non_finite
from lateint_ref.maxsim import similarity_matrix

Float64Array = NDArray[np.float64]


def patch_similarity(query: Any, page_patches: Any) -> Float32Array:
    """Dot products of every query vector with every patch of one page, laid out on the page's grid.

    Args:
        query: `(n_q, dim)`.
        page_patches: `(rows, columns, dim)`, as `PageVectors.patch_vectors` gives them.

    Returns:
        float32 `(n_q, rows, columns)`. For unit-length vectors these are cosines. The maximum of each map is what
        its query vector adds to MaxSim, unless one of the page's extra vectors is more similar still.

    Raises:
        TypeError: an argument is not numeric.
        ValueError: wrong rank, an empty argument, a NaN or infinity, or different dims.
    """
    shape = np.shape(page_patches)
    if len(shape) != 3:
        raise ValueError(
            f"page_patches must be one page's patch vectors (rows, columns, dim), got {describe(page_patches)}. Lay "
            "them out on the grid with PageVectors.patch_vectors."
        )
    rows, columns, dim = shape
    flat = page_patches.reshape(-1, dim) if hasattr(page_patches, "reshape") else np.reshape(page_patches, (-1, dim))
    patches = as_matrix(flat, "page_patches", "(rows, columns, dim)")
    return similarity_matrix(query, patches).reshape(-1, rows, columns)


def summed_map(similarity: Any) -> Float32Array:
    """One map for several query vectors: the sum of theirs.

    Sum over the vectors of the words that matter by slicing first: `summed_map(similarity[2:5])`.

    Args:
        similarity: `(n_q, rows, columns)`, from `patch_similarity`.

    Returns:
        float32 `(rows, columns)`.

    Raises:
        TypeError: not numeric.
        ValueError: another rank, nothing in it, or a NaN or infinity.
    """
    maps = as_map(similarity, "similarity", "(n_q, rows, columns)", 3)
    total: Float32Array = maps.sum(axis=0, dtype=np.float32)
    return total


def top_patches(heatmap: Any, k: int = 3) -> Int64Array:
    """The `k` patches with the highest values, best first; of equal ones the first in reading order.

    Args:
        heatmap: `(rows, columns)`.
        k: how many; all of them where the map has fewer.

    Returns:
        int64 `(min(k, rows * columns), 2)`: row and column of each.

    Raises:
        TypeError: not numeric, or `k` is not a whole number.
        ValueError: another rank, nothing in it, a NaN or infinity, or `k` below 1.
    """
    values = as_map(heatmap, "heatmap", "(rows, columns)", 2)
    best = np.argsort(-values, axis=None, kind="stable")[: positive_int(k, "k")]
    return np.stack(np.unravel_index(best, values.shape), axis=1).astype(np.int64)


def patch_boxes(grid: tuple[int, int], width: int, height: int) -> Float64Array:
    """Where the patches of a grid lie on a page image of this size.

    The encoders stretch the whole page to whole patches, so the grid divides the page evenly; the edges are
    fractions of a pixel where the size is no multiple of the grid.

    Args:
        grid: `(rows, columns)`.
        width: pixels.
        height: pixels.

    Returns:
        float64 `(rows, columns, 4)`: x0, y0, x1, y1 in pixels, from the top left corner of the page.

    Raises:
        TypeError: a number that is not whole.
        ValueError: a number below 1, or a grid that is not two numbers.
    """
    if not hasattr(grid, "__len__") or len(grid) != 2:
        raise ValueError(f"grid must be (rows, columns), got {describe(grid)}.")
    rows, columns = positive_int(grid[0], "rows of grid"), positive_int(grid[1], "columns of grid")
    x = np.arange(columns + 1) * (positive_int(width, "width") / columns)
    y = np.arange(rows + 1) * (positive_int(height, "height") / rows)
    top, left = np.meshgrid(y[:-1], x[:-1], indexing="ij")
    bottom, right = np.meshgrid(y[1:], x[1:], indexing="ij")
    return np.stack([left, top, right, bottom], axis=-1)


def as_map(value: Any, name: str, takes: str, axes: int) -> Float32Array:
    """A map as float32, or an error that names the argument and says what it takes."""
    shape = np.shape(value)
    if len(shape) != axes:
        raise ValueError(f"{name} must be an array {takes}, got {describe(value)}.")
    if 0 in shape:
        raise ValueError(f"{name} is empty (shape {tuple(shape)}): it must be an array {takes}.")
    array = np.asarray(value)
    if not (np.issubdtype(array.dtype, np.floating) or np.issubdtype(array.dtype, np.integer)):
        raise TypeError(f"{name} must hold real numbers as an array {takes}, got {describe(value)}.")
    result = array.astype(np.float32)
    reject_non_finite(result.reshape(-1, shape[-1]), name)
    return result
